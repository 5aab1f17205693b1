//! Reading the store back: how far each source came, what it said, and what can be merged.

use super::Ids;
use super::bytes::{Bytes, Malformed};
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::{Manifest, Reached};
use super::merge::{Delta, key_of};
use super::record::{self, Head};
use super::run::RunReader;
use crate::timeline::{Batch, RelationId, Resume, SourceId, Tick, Upsert, UpsertKind};
use crate::value::{RowBuilder, Time};
use std::collections::BTreeMap;

/// What ticks are given to. An end that it asks for is no error.
pub type Take<'a> = dyn FnMut(Tick) -> Result<(), StoreError> + 'a;

/// A tick of what is merged has so many rows.
const ROWS_PER_TICK: usize = 50_000;

/// What a frame's bytes do not say is located by whoever reads them.
fn makes_no_sense(Malformed: Malformed) -> StoreError {
    StoreError::damaged("", 0, "a record makes no sense")
}

/// How far each source of the store came, and the frame that follows the last one. Cuts off what a crash left behind if `mend` says so.
pub(super) fn scan(
    disk: &dyn Disk,
    manifest: &Manifest,
    mend: bool,
) -> Result<(u64, BTreeMap<u64, Reached>), StoreError> {
    let mut reached: BTreeMap<u64, Reached> =
        manifest.sources.iter().map(|(id, source)| (*id, source.reached.clone())).collect();
    let next =
        log::read(disk, manifest.incarnation, Frames::From { first: manifest.base, mend }, &mut |_, mut records| {
            while !records.is_empty() {
                let head = record::read_head(&mut records).map_err(makes_no_sense)?;
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
    Ok((next, reached))
}

/// Whether records make sense.
pub(super) fn check(mut records: Bytes<'_>) -> Result<(), StoreError> {
    while !records.is_empty() {
        record::read(&mut records).map_err(makes_no_sense)?;
    }
    Ok(())
}

fn note(reached: &mut Reached, Head { frontier, snapshot, positions, .. }: Head) {
    // An end is the run's, not the input's: at the next start there may be more.
    if !snapshot && frontier.is_some() {
        reached.frontier = frontier;
    }
    reached.positions.extend(positions);
}

/// Gives what the store holds of the sources that resume.
pub(super) fn replay(
    disk: &dyn Disk,
    manifest: &Manifest,
    ids: &Ids,
    resumes: &BTreeMap<SourceId, Resume>,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    let mut running = Running::of(ids, resumes);
    for (stored, source) in &manifest.sources {
        let Some(id) = running.source(*stored) else { continue };
        for (relation, entry) in manifest.relations.iter().filter(|(_, entry)| entry.source == *stored) {
            let (Some(run), Some(relation)) = (entry.run, running.relations.get(relation).copied()) else { continue };
            let mut run = RunReader::open(disk, manifest.incarnation, run.number)?;
            while let Some(batch) = read_batch(&mut run, entry.key.as_deref())? {
                let tick = Tick { snapshot: true, ..Tick::new(id, vec![(relation, batch)], None) };
                take(running.at_its_time(tick))?;
            }
        }
        if let Some(frontier) = source.reached.frontier {
            take(Tick::new(id, Vec::new(), Some(frontier)))?;
        }
    }
    log::read(
        disk,
        manifest.incarnation,
        Frames::From { first: manifest.base, mend: false },
        &mut |_, mut records| {
            while !records.is_empty() {
                let mut rest = records;
                let head = record::read_head(&mut rest).map_err(makes_no_sense)?;
                if let Some(source) = running.source(head.source.0 as u64).filter(|_| head.frontier.is_some()) {
                    let tick = record::read(&mut records).map_err(makes_no_sense)?;
                    let tick = running.name(tick, source);
                    take(if tick.snapshot { running.at_its_time(tick) } else { tick })?;
                }
                records = rest;
            }
            Ok(true)
        },
    )?;
    Ok(())
}

/// The next rows of a run, at no time yet.
fn read_batch(run: &mut RunReader, key: Option<&[usize]>) -> Result<Option<Batch>, StoreError> {
    let (mut rows, mut writes) = (Vec::new(), Vec::new());
    let mut builder = RowBuilder::default();
    while rows.len() + writes.len() < ROWS_PER_TICK
        && let Some((row, count)) = run.next()?
    {
        match key {
            Some(key) => {
                let (key, sequence) = (key_of(&row, key, &mut builder), writes.len() as u64);
                writes.push(Upsert { key, time: 0, sequence, kind: UpsertKind::Put(row) });
            }
            None => rows.push((row, 0, count)),
        }
    }
    Ok(match (rows.is_empty(), writes.is_empty()) {
        (true, true) => None,
        (false, _) => Some(Batch::Rows(rows)),
        (true, false) => Some(Batch::Upserts(writes)),
    })
}

/// The running view set's ids by the store's numbers.
struct Running {
    sources: BTreeMap<u64, SourceId>,
    relations: BTreeMap<u64, RelationId>,
    /// For each source the time of its next snapshot tick.
    times: BTreeMap<SourceId, Time>,
}

impl Running {
    /// Of the sources that resume.
    fn of(ids: &Ids, resumes: &BTreeMap<SourceId, Resume>) -> Running {
        let sources = ids.sources.iter().filter(|(running, _)| resumes.contains_key(running));
        Running {
            sources: sources.map(|(running, stored)| (*stored, *running)).collect(),
            relations: ids.relations.iter().map(|(running, stored)| (*stored, *running)).collect(),
            times: BTreeMap::new(),
        }
    }

    fn source(&self, stored: u64) -> Option<SourceId> {
        self.sources.get(&stored).copied()
    }

    /// The tick with the ids it has now. A relation that nobody needs any more is left out.
    fn name(&self, mut tick: Tick, source: SourceId) -> Tick {
        let running = |stored: RelationId| self.relations.get(&(stored.0 as u64)).copied();
        let name = |(stored, batch)| Some((running(stored)?, batch));
        tick.batches = tick.batches.into_iter().filter_map(name).collect();
        tick.errors =
            tick.errors.into_iter().filter_map(|(stored, error, time)| Some((running(stored)?, error, time))).collect();
        tick.source = source;
        tick
    }

    /// A tick of a snapshot at a time after those before: part of the snapshot may have been merged. Only their order counts.
    fn at_its_time(&mut self, mut tick: Tick) -> Tick {
        let next = self.times.entry(tick.source).or_default();
        let now = *next;
        *next += 1;
        for (_, batch) in &mut tick.batches {
            match batch {
                Batch::Rows(rows) => rows.iter_mut().for_each(|(_, time, _)| *time = now),
                Batch::Upserts(writes) => writes.iter_mut().for_each(|write| write.time = now),
            }
        }
        tick.errors.iter_mut().for_each(|(_, _, time)| *time = now);
        tick.frontier = Some(now + 1);
        tick
    }
}

/// What can be merged.
pub(super) struct Collected {
    /// The frame that follows.
    pub(super) end: u64,
    /// By relation.
    pub(super) deltas: BTreeMap<u64, Delta>,
    /// How far the sources had come before that frame.
    pub(super) reached: BTreeMap<u64, Reached>,
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
    let mut collected = Collected { end: manifest.base, deltas: BTreeMap::new(), reached };
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
        // An end is the run's, and nothing is in it.
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
