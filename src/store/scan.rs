//! Reading the log for what it adds up to: how far each source came, and what can be merged.

use super::bytes::{Bytes, Malformed};
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::{self, Manifest, Reached};
use super::merge::Delta;
use super::record::{self, Head};
use crate::timeline::{Batch, Tick};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

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

fn note_complete(complete: &mut BTreeMap<u64, Time>, head: &Head) {
    let numbers = head.complete.iter().flatten();
    complete.extend(numbers.map(|number| (*number, head.frontier.unwrap_or(0))));
}

fn note_in(reached: &mut BTreeMap<u64, Reached>, Head { source, frontier, snapshot, positions, .. }: Head) {
    let Some(reached) = reached.get_mut(&(source.0 as u64)) else { return };
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
    /// The first frame that says something of later.
    pub(super) base: u64,
    /// By source the time below which its changes are merged.
    pub(super) cuts: BTreeMap<u64, Time>,
    /// By relation.
    pub(super) deltas: BTreeMap<u64, Delta>,
    /// How far the sources had come before that frame.
    pub(super) reached: BTreeMap<u64, Reached>,
    /// The newcomers that are complete then, with the frontiers from which on.
    pub(super) complete: BTreeMap<u64, Time>,
    /// How many bytes were not merged before.
    pub(super) bytes: u64,
}

/// Reads the log's frames below `end`, up to the first that goes beyond `below`, or beyond so many bytes. Of a source is taken what it
/// said for good: what lies below its frontier then. What views made of a source's changes is taken up to the same time as these.
pub(super) fn collect(
    disk: &dyn Disk,
    manifest: &Manifest,
    end: u64,
    below: Time,
    bytes: u64,
) -> Result<Collected, StoreError> {
    let mut reached: BTreeMap<u64, Reached> =
        manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
    let made = Made::new(manifest);
    let (mut read, mut taken, mut complete) = (0, manifest.merged, BTreeMap::new());
    let frames = Frames::Between(manifest.merged, end);
    log::read(disk, manifest.incarnation, frames, &mut |sequence, mut records| {
        let is_enough = read >= bytes && made.frontier(&reached).is_none_or(|frontier| frontier > made.cut);
        if is_enough || goes_beyond(records, below)? {
            return Ok(false);
        }
        read += records.0.len() as u64;
        while !records.is_empty() {
            let head = record::read_head(&mut records).map_err(makes_no_sense)?;
            note_complete(&mut complete, &head);
            note_in(&mut reached, head);
        }
        taken = sequence + 1;
        Ok(true)
    })?;
    let cut = |(id, source): (&u64, &manifest::Source)| {
        let cut = match made.concerns(*id) {
            true => made.frontier(&reached),
            false => reached.get(id).and_then(|reached| reached.frontier),
        };
        (*id, cut.unwrap_or(0).max(source.cut))
    };
    let cuts = manifest.sources.iter().map(cut).collect();
    let (base, deltas) = (taken, BTreeMap::new());
    let mut collected = Collected { end: taken, base, cuts, deltas, reached, complete, bytes: read };
    let frames = Frames::Between(manifest.base, taken);
    log::read(disk, manifest.incarnation, frames, &mut |sequence, records| {
        collected.take(sequence, records, manifest).map(|()| true)
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

/// What views made, and of what.
struct Made {
    sources: BTreeSet<u64>,
    of: BTreeSet<u64>,
    /// Up to where it is merged.
    cut: Time,
}

impl Made {
    fn new(manifest: &Manifest) -> Made {
        let made = || manifest.relations.values().filter(|relation| !relation.made_of.is_empty());
        let sources: BTreeSet<u64> = made().map(|relation| relation.source).collect();
        let of = made().flat_map(|relation| &relation.made_of).filter_map(|of| manifest.relations.get(of));
        let of = of.map(|relation| relation.source).collect();
        let cut = sources.iter().filter_map(|id| manifest.sources.get(id)).map(|source| source.cut).min();
        Made { sources, of, cut: cut.unwrap_or(0) }
    }

    /// How far all of it has come; nothing if some has not begun, or there is none.
    fn frontier(&self, reached: &BTreeMap<u64, Reached>) -> Option<Time> {
        let frontiers = self.sources.iter().map(|id| reached.get(id)?.frontier);
        frontiers.collect::<Option<Vec<Time>>>()?.into_iter().min()
    }

    fn concerns(&self, source: u64) -> bool {
        self.sources.contains(&source) || self.of.contains(&source)
    }
}

impl Collected {
    fn take(&mut self, sequence: u64, mut records: Bytes<'_>, manifest: &Manifest) -> Result<(), StoreError> {
        while !records.is_empty() {
            let Tick { batches, errors, snapshot, .. } = record::read(&mut records).map_err(makes_no_sense)?;
            let errors = errors.into_iter().map(|(id, error, time)| (id, Batch::Rows(vec![(error.row(), time, 1)])));
            for (relation, batch) in batches.into_iter().chain(errors) {
                let relation = relation.0 as u64;
                let Some(span) = self.span(relation, manifest, sequence, snapshot) else { continue };
                let (before, later) = batch.split(span.end);
                if !later.is_empty() {
                    self.base = self.base.min(sequence);
                }
                let (_, batch) = before.split(span.start);
                if !batch.is_empty() {
                    self.deltas.entry(relation).or_default().take(batch);
                }
            }
        }
        Ok(())
    }

    /// The times of those changes of a relation in a frame that are merged now; nothing if none is, or will be.
    fn span(&self, relation: u64, manifest: &Manifest, sequence: u64, snapshot: bool) -> Option<Range<Time>> {
        let known = manifest.relations.get(&relation)?;
        let was_merged = sequence < manifest.merged;
        match snapshot {
            true => (!was_merged).then_some(0..Time::MAX),
            false => {
                let start = if was_merged { manifest.cut(relation)? } else { 0 };
                Some(start..self.cuts.get(&known.source)?.saturating_sub(known.history))
            }
        }
    }
}
