//! Reading the log for what it adds up to: how far each source came.

use super::bytes::{Bytes, Malformed};
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::{Manifest, Reached};
use super::record::{self, Head};
use crate::value::Time;
use std::collections::BTreeMap;

/// What a frame's bytes do not say is located by whoever reads them.
pub(super) fn makes_no_sense(Malformed: Malformed) -> StoreError {
    StoreError::damaged("", 0, "a record makes no sense")
}

/// What the log adds up to.
pub(super) struct Scanned {
    /// The frame that follows the last one.
    pub(super) next: u64,
    /// How far each source of the store came.
    pub(super) reached: BTreeMap<u64, Reached>,
    /// The newcomers that are complete, with the frontiers from which on.
    pub(super) complete: BTreeMap<u64, Time>,
    /// How many bytes of records are not merged.
    pub(super) unmerged: u64,
}

/// Reads the log. Cuts off what a crash left behind if `mend` says so.
pub(super) fn scan(disk: &dyn Disk, manifest: &Manifest, mend: bool) -> Result<Scanned, StoreError> {
    let mut complete = BTreeMap::new();
    let mut unmerged = 0;
    let mut reached: BTreeMap<u64, Reached> =
        manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
    let next = log::read(
        disk,
        manifest.incarnation,
        Frames::From { first: manifest.base, mend },
        &mut |sequence, mut records| {
            if sequence >= manifest.merged {
                unmerged += records.0.len() as u64;
            }
            while !records.is_empty() {
                let head = record::read_head(&mut records).map_err(makes_no_sense)?;
                note_complete(&mut complete, &head);
                if sequence >= manifest.merged {
                    note_in(&mut reached, head);
                }
            }
            Ok(true)
        },
    )?;
    if next < manifest.reaches {
        let what = format!("it ends at frame {next}, and frames up to {} were there", manifest.reaches - 1);
        return Err(StoreError::damaged("the log", 0, what));
    }
    Ok(Scanned { next, reached, unmerged, complete })
}

/// Whether records make sense.
pub(super) fn check(mut records: Bytes<'_>) -> Result<(), StoreError> {
    while !records.is_empty() {
        record::read(&mut records).map_err(makes_no_sense)?;
    }
    Ok(())
}

/// Notes which newcomers are complete.
pub(super) fn note_complete(complete: &mut BTreeMap<u64, Time>, head: &Head) {
    let numbers = head.complete.iter().flatten();
    complete.extend(numbers.map(|number| (*number, head.frontier.unwrap_or(0))));
}

/// Notes how far a source came.
pub(super) fn note_in(reached: &mut BTreeMap<u64, Reached>, Head { source, frontier, snapshot, positions, .. }: Head) {
    let Some(reached) = reached.get_mut(&(source.0 as u64)) else { return };
    // An end is the run's, not the input's: at the next start there may be more.
    if !snapshot && frontier.is_some() {
        reached.frontier = frontier;
    }
    reached.ended = frontier.is_none();
    reached.positions.extend(positions);
}
