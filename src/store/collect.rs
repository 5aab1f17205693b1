//! What of the log can be merged: found out on a way along its frames, and gathered from them by relation.
//!
//! What must hold: of each source all that lies below one time is merged, and nothing else; of what views made and of what they made it
//! of, all up to the same time.

use super::bytes::Bytes;
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::{self, Manifest, Reached};
use super::merge::Delta;
use super::record;
use super::scan::{makes_no_sense, note_complete, note_in};
use crate::timeline::{Batch, Tick};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What can be merged.
pub(super) struct Collected {
    /// The frame that follows.
    pub(super) end: u64,
    /// The first frame that says something of later.
    pub(super) base: u64,
    /// By source the time below which its changes are merged then.
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

/// Reads the log's frames below `end` for what lies below a time, as far as about so many bytes of it. Of a source is taken what it has
/// said for good by then: what lies below its frontier. What views made is taken up to the same time as what they made it of.
pub(super) fn collect(
    disk: &dyn Disk,
    manifest: &Manifest,
    end: u64,
    below: Time,
    bytes: u64,
) -> Result<Collected, StoreError> {
    let mut walk = Walk::new(manifest, below);
    let frames = Frames::Between(manifest.base, end);
    log::read(disk, manifest.incarnation, frames, &mut |sequence, records| {
        if walk.due >= bytes && walk.has_come_on() || walk.is_over() {
            return Ok(false);
        }
        walk.pass(sequence, records).map(|()| true)
    })?;
    let cuts = walk.cuts();
    let Walk { next, reached, complete, read: bytes, .. } = walk;
    let (end, deltas) = (manifest.merged.max(next), BTreeMap::new());
    let mut collected = Collected { end, base: end, cuts, deltas, reached, complete, bytes };
    // What lies below the cuts is in these frames.
    log::read(disk, manifest.incarnation, Frames::Between(manifest.base, next), &mut |sequence, records| {
        collected.take(sequence, records, manifest).map(|()| true)
    })?;
    if next < end {
        collected.base = collected.base.min(next);
    }
    Ok(collected)
}

/// The way along the log by which it is found out what can be merged.
struct Walk<'m> {
    manifest: &'m Manifest,
    below: Time,
    made: Made,
    /// What views made can be taken up to here.
    made_cut: Time,
    /// The frontier of each source so far on the way.
    frontiers: BTreeMap<u64, Time>,
    reached: BTreeMap<u64, Reached>,
    complete: BTreeMap<u64, Time>,
    /// The frame that follows.
    next: u64,
    /// How many bytes of frames may be merged, and how many were read for the first time.
    due: u64,
    read: u64,
}

impl<'m> Walk<'m> {
    fn new(manifest: &'m Manifest, below: Time) -> Walk<'m> {
        let made = Made::new(manifest);
        let (made_cut, next) = (made.cut, manifest.base);
        let frontiers = manifest.sources.iter().map(|(id, source)| (*id, source.cut)).collect();
        let reached = manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
        let complete = BTreeMap::new();
        Walk { manifest, below, made, made_cut, frontiers, reached, complete, next, due: 0, read: 0 }
    }

    fn pass(&mut self, sequence: u64, mut records: Bytes<'_>) -> Result<(), StoreError> {
        let (bytes, mut is_due) = (records.0.len() as u64, false);
        let is_new = sequence >= self.manifest.merged;
        while !records.is_empty() {
            let head = record::read_head(&mut records).map_err(makes_no_sense)?;
            let stored = head.source.0 as u64;
            let known = self.frontiers.get_mut(&stored).zip(self.manifest.sources.get(&stored));
            // An end was the run's.
            if let (Some((known, source)), Some(frontier), false) = (known, head.frontier, head.snapshot) {
                *known = frontier.max(*known);
                is_due |= frontier > source.cut && frontier <= self.below;
            }
            is_due |= head.snapshot && is_new;
            if is_new {
                note_complete(&mut self.complete, &head);
                note_in(&mut self.reached, head);
            }
        }
        let made = self.made.sources.iter().filter_map(|id| self.frontiers.get(id)).min();
        if let Some(made) = made.filter(|made| **made <= self.below) {
            self.made_cut = *made;
        }
        self.due += if is_due { bytes } else { 0 };
        self.read += if is_new { bytes } else { 0 };
        self.next = sequence + 1;
        Ok(())
    }

    /// Whether what views made can be merged further than it is, if there is any.
    fn has_come_on(&self) -> bool {
        self.made.sources.is_empty() || self.made_cut > self.made.cut
    }

    /// Whether no frame that follows says anything of before.
    fn is_over(&self) -> bool {
        self.frontiers.values().all(|frontier| *frontier > self.below)
    }

    /// By source the time below which its changes can be merged.
    fn cuts(&self) -> BTreeMap<u64, Time> {
        let cut = |(id, source): (&u64, &manifest::Source)| {
            let cut = match self.made.concerns(*id) {
                true => self.made_cut,
                false => self.frontiers.get(id).map_or(0, |frontier| self.below.min(*frontier)),
            };
            (*id, cut.max(source.cut))
        };
        self.manifest.sources.iter().map(cut).collect()
    }
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
