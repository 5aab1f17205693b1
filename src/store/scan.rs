//! Reading the log for what it adds up to: how far each source came, and what can be merged.

use super::bytes::{Bytes, Malformed};
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::{Manifest, Reached};
use super::merge::Delta;
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
}

/// Reads the log. Cuts off what a crash left behind if `mend` says so.
pub(super) fn scan(disk: &dyn Disk, manifest: &Manifest, mend: bool) -> Result<Scanned, StoreError> {
    let mut complete = BTreeMap::new();
    let mut reached: BTreeMap<u64, Reached> =
        manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
    let next =
        log::read(disk, manifest.incarnation, Frames::From { first: manifest.base, mend }, &mut |_, mut records| {
            while !records.is_empty() {
                let head = record::read_head(&mut records).map_err(makes_no_sense)?;
                note_complete(&mut complete, &head);
                if let Some(reached) = reached.get_mut(&(head.source.0 as u64)) {
                    note(reached, head);
                }
            }
            Ok(true)
        })?;
    if next < manifest.reaches {
        let what = format!("it ends at frame {next}, and frames up to {} were there", manifest.reaches - 1);
        return Err(StoreError::damaged("the log", 0, what));
    }
    Ok(Scanned { next, reached, complete })
}

/// Whether records make sense.
pub(super) fn check(mut records: Bytes<'_>) -> Result<(), StoreError> {
    while !records.is_empty() {
        record::read(&mut records).map_err(makes_no_sense)?;
    }
    Ok(())
}

fn note_complete(complete: &mut BTreeMap<u64, Time>, head: &Head) {
    let numbers = head.complete.iter().flatten();
    complete.extend(numbers.map(|number| (*number, head.frontier.unwrap_or(0))));
}

fn note(reached: &mut Reached, Head { frontier, snapshot, positions, .. }: Head) {
    // An end is the run's, not the input's: at the next start there may be more.
    if !snapshot && frontier.is_some() {
        reached.frontier = frontier;
    }
    reached.positions.extend(positions);
}

/// What can be merged.
pub(super) struct Collected {
    /// The frame that follows.
    pub(super) end: u64,
    /// By relation.
    pub(super) deltas: BTreeMap<u64, Delta>,
    /// How far the sources had come before that frame.
    pub(super) reached: BTreeMap<u64, Reached>,
    /// The newcomers that are complete then, with the frontiers from which on.
    pub(super) complete: BTreeMap<u64, Time>,
}

/// Reads the log's frames below `end`, up to the first that goes beyond `below`, or beyond so many bytes.
pub(super) fn collect(
    disk: &dyn Disk,
    manifest: &Manifest,
    end: u64,
    below: Time,
    bytes: u64,
) -> Result<Collected, StoreError> {
    let reached = manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
    let mut collected = Collected { end: manifest.base, deltas: BTreeMap::new(), reached, complete: BTreeMap::new() };
    let mut left = bytes;
    log::read(disk, manifest.incarnation, Frames::Between(manifest.base, end), &mut |sequence, records| {
        if left == 0 || goes_beyond(records, below)? {
            return Ok(false);
        }
        left = left.saturating_sub(records.0.len() as u64);
        collected.take(records, manifest)?;
        collected.end = sequence + 1;
        Ok(true)
    })?;
    Ok(collected)
}

fn goes_beyond(mut records: Bytes<'_>, below: Time) -> Result<bool, StoreError> {
    while !records.is_empty() {
        let head = record::read_head(&mut records).map_err(makes_no_sense)?;
        // An end was the run's, and nothing of it is told again.
        if !head.snapshot && head.frontier.is_some_and(|frontier| frontier > below) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Collected {
    fn take(&mut self, mut records: Bytes<'_>, manifest: &Manifest) -> Result<(), StoreError> {
        while !records.is_empty() {
            let mut rest = records;
            let head = record::read_head(&mut rest).map_err(makes_no_sense)?;
            let is_end = head.frontier.is_none();
            note_complete(&mut self.complete, &head);
            if let Some(reached) = self.reached.get_mut(&(head.source.0 as u64)).filter(|_| !is_end) {
                note(reached, head);
                for (relation, batch) in record::read(&mut records).map_err(makes_no_sense)?.batches {
                    let relation = relation.0 as u64;
                    if manifest.relations.contains_key(&relation) {
                        self.deltas.entry(relation).or_default().take(batch);
                    }
                }
            }
            records = rest;
        }
        Ok(())
    }
}
