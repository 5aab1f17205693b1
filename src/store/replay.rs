//! Reading the store back: what it holds, as ticks.
//!
//! What is merged, and what lies below a time that is given, is told as content, in large ticks at times before all real ones: what
//! comes of it is the same, and every advance of a frontier costs something in every operator. Where views need its times, what is
//! not merged keeps them, and only the frontier advances in large steps. The rest is told as it was appended. What views made is told
//! as far as it is merged, and ends: they make the rest again.

use super::Ids;
use super::disk::Disk;
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::Manifest;
use super::merge::key_of;
use super::record;
use super::run::RunReader;
use super::scan::makes_no_sense;
use crate::timeline::{Batch, DataError, RelationId, SourceId, Tick, Upsert, UpsertKind};
use crate::value::{Diff, Row, RowBuilder, Time};
use std::collections::BTreeMap;

/// What ticks are given to. An end that it asks for is no error.
pub type Take<'a> = dyn FnMut(Tick) -> Result<(), StoreError> + 'a;

/// A tick of content has about so many rows or writes.
const ROWS_PER_TICK: usize = 50_000;

/// Gives what the store holds of these sources: of each what lies below its time as content.
pub(super) fn replay(
    disk: &dyn Disk,
    manifest: &Manifest,
    ids: &Ids,
    below: &BTreeMap<SourceId, Time>,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    let mut telling = Telling::new(manifest, ids, below, take);
    for (relation, entry) in &manifest.relations {
        let Some(run) = entry.run else { continue };
        let mut run = RunReader::open(disk, manifest.incarnation, run.number)?;
        while let Some(batch) = read_batch(&mut run, entry.key.as_deref())? {
            if !telling.content(entry.source, (RelationId(*relation as usize), batch))? {
                break;
            }
        }
    }
    let frames = Frames::From { first: manifest.base, mend: false };
    telling.end_made()?;
    let mut was_merged = true;
    log::read(disk, manifest.incarnation, frames, &mut |sequence, mut records| {
        if std::mem::replace(&mut was_merged, sequence < manifest.merged) && !was_merged {
            telling.pass_merged(manifest)?;
        }
        while !records.is_empty() {
            let mut rest = records;
            let head = record::read_head(&mut rest).map_err(makes_no_sense)?;
            if telling.wants(head.source.0 as u64) {
                let tick = record::read(&mut records).map_err(makes_no_sense)?;
                let left = if was_merged { left(tick, manifest) } else { Some(tick) };
                left.map_or(Ok(()), |tick| telling.tick(tick))?;
            }
            records = rest;
        }
        Ok(true)
    })?;
    if was_merged {
        telling.pass_merged(manifest)?;
    }
    telling.end()
}

/// What is not merged of a tick in a frame that was merged; nothing if all is.
fn left(mut tick: Tick, manifest: &Manifest) -> Option<Tick> {
    if tick.snapshot {
        return None;
    }
    let is_left = |relation: RelationId, time: Time| manifest.cut(relation.0 as u64).is_some_and(|cut| time >= cut);
    for (relation, batch) in &mut tick.batches {
        match batch {
            Batch::Rows(rows) => rows.retain(|(_, time, _)| is_left(*relation, *time)),
            Batch::Upserts(writes) => writes.retain(|write| is_left(*relation, write.time)),
        }
    }
    tick.batches.retain(|(_, batch)| !batch.is_empty());
    tick.errors.retain(|(relation, _, time)| is_left(*relation, *time));
    let cut = manifest.sources.get(&(tick.source.0 as u64)).map_or(0, |source| source.cut);
    let is_open = tick.piece && tick.frontier.is_some_and(|frontier| frontier >= cut);
    (is_open || !tick.batches.is_empty() || !tick.errors.is_empty()).then_some(tick)
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
                let key = key_of(&row, key, &mut builder);
                writes.push(Upsert { key, time: 0, sequence: 0, kind: UpsertKind::Put(row) });
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

/// What is told, and how far it has come.
struct Telling<'a, 't> {
    sources: BTreeMap<u64, Source>,
    /// The ids that relations have now.
    relations: BTreeMap<u64, RelationId>,
    take: &'a mut Take<'t>,
}

/// A source being told.
struct Source {
    /// The id it has now.
    id: SourceId,
    /// What lies below is content.
    below: Time,
    /// Whether it was made by views.
    is_made: bool,
    /// Whether what is not merged keeps its times.
    keeps_times: bool,
    /// Content that waits.
    content: Content,
    /// What came early: it lies above the content.
    early: Content,
    /// Ticks of content so far: each has a time of its own, and only their order counts.
    told: Time,
    /// Whether content has ended.
    begun: bool,
    /// How far the source has come.
    frontier: Time,
    /// How far it was told.
    announced: Time,
}

impl<'a, 't> Telling<'a, 't> {
    fn new(
        manifest: &Manifest,
        ids: &Ids,
        below: &BTreeMap<SourceId, Time>,
        take: &'a mut Take<'t>,
    ) -> Telling<'a, 't> {
        let source = |(id, stored): (&SourceId, &u64)| {
            let (is_made, keeps_times) = (manifest.is_made(*stored), manifest.sources.get(stored)?.keeps_times);
            let below = if is_made { 0 } else { *below.get(id)? };
            let source = Source { id: *id, below, is_made, keeps_times, ..Source::at(manifest.cut_of(*stored)) };
            Some((*stored, source))
        };
        Telling {
            sources: ids.sources.iter().filter_map(source).collect(),
            relations: ids.relations.iter().map(|(running, stored)| (*stored, *running)).collect(),
            take,
        }
    }

    fn wants(&self, source: u64) -> bool {
        self.sources.get(&source).is_some_and(|source| !source.is_made)
    }

    /// Tells how far the sources had come behind the last frame that was merged, as far as what is left of these did not tell.
    fn pass_merged(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        let behind = |(stored, source): (&u64, &Source)| {
            let reached = manifest.sources.get(stored)?.reached.frontier?;
            (!source.is_made && reached > source.frontier).then_some((*stored, reached))
        };
        let behind: Vec<(u64, Time)> = self.sources.iter().filter_map(behind).collect();
        let pass = |(stored, reached)| self.tick(Tick::new(SourceId(stored as usize), Vec::new(), Some(reached)));
        behind.into_iter().try_for_each(pass)
    }

    /// Ends what views made.
    fn end_made(&mut self) -> Result<(), StoreError> {
        for source in self.sources.values_mut().filter(|source| source.is_made) {
            source.tell_content(self.take)?;
            (self.take)(Tick::new(source.id, Vec::new(), None))?;
        }
        Ok(())
    }

    /// Tells content of a source. False if nobody needs it.
    fn content(&mut self, source: u64, (relation, batch): (RelationId, Batch)) -> Result<bool, StoreError> {
        let (Some(source), Some(relation)) = (self.sources.get_mut(&source), self.relations.get(&(relation.0 as u64)))
        else {
            return Ok(false);
        };
        source.content.take(*relation, batch);
        if source.content.count >= ROWS_PER_TICK {
            source.tell_content(self.take)?;
        }
        Ok(true)
    }

    /// Tells a tick of the log.
    fn tick(&mut self, tick: Tick) -> Result<(), StoreError> {
        let Some(source) = self.sources.get_mut(&(tick.source.0 as u64)) else { return Ok(()) };
        let running = |stored: RelationId| self.relations.get(&(stored.0 as u64)).copied();
        let batches = tick.batches.into_iter().filter_map(|(stored, batch)| Some((running(stored)?, batch)));
        let errors = tick.errors.into_iter().filter_map(|(stored, error, time)| Some((running(stored)?, error, time)));
        // An end was the run's, not the input's; and what was merged lies below where it is told from.
        let frontier = tick.frontier.unwrap_or(0).max(source.frontier);
        // What a piece tells is content with the tick that completes its transaction.
        let is_below = frontier + Time::from(tick.piece) <= source.below && !(tick.piece && source.keeps_times);
        if tick.snapshot || is_below {
            if !tick.snapshot {
                if source.keeps_times {
                    source.begin(self.take)?;
                }
                source.frontier = frontier;
            }
            source.take(batches, errors, tick.snapshot);
            return if source.content.count >= ROWS_PER_TICK { source.tell_content(self.take) } else { Ok(()) };
        }
        let (batches, errors) = (batches.collect(), errors.collect());
        source.begin(self.take)?;
        source.tell_content(self.take)?;
        (source.frontier, source.announced) = (frontier, frontier);
        (self.take)(Tick { errors, piece: tick.piece, ..Tick::new(source.id, batches, Some(frontier)) })
    }

    fn end(mut self) -> Result<(), StoreError> {
        for source in self.sources.values_mut().filter(|source| !source.is_made) {
            source.begin(self.take)?;
            source.tell_content(self.take)?;
        }
        Ok(())
    }
}

type Errors = (RelationId, DataError, Time);

impl Source {
    /// Takes in what lies below as content, and puts the rest aside.
    fn take(
        &mut self,
        batches: impl Iterator<Item = (RelationId, Batch)>,
        errors: impl Iterator<Item = Errors>,
        snapshot: bool,
    ) {
        let end = if snapshot || self.begun { Time::MAX } else { self.below };
        for (relation, batch) in batches {
            let (below, above) = batch.split(end);
            self.content.take(relation, below);
            self.early.take(relation, above);
        }
        let (below, above): (Vec<Errors>, Vec<Errors>) = errors.partition(|(_, _, time)| *time < end);
        self.content.errors.extend(below);
        self.early.errors.extend(above);
    }

    /// One of which all that lies below a time is content.
    fn at(frontier: Time) -> Source {
        let (is_made, keeps_times, begun) = (false, false, false);
        let (below, told, announced) = (0, 0, 0);
        let (content, early) = Default::default();
        Source { id: SourceId(0), below, is_made, keeps_times, content, early, told, begun, frontier, announced }
    }

    /// Tells what waits: as a snapshot, or with its times if content has ended.
    fn tell_content(&mut self, take: &mut Take<'_>) -> Result<(), StoreError> {
        if self.content.is_empty() && (!self.begun || self.announced == self.frontier) {
            return Ok(());
        }
        let content = std::mem::take(&mut self.content);
        if self.begun {
            self.announced = self.frontier;
            return take(content.tick(self.id, self.frontier));
        }
        let time = self.told;
        self.told += 1;
        take(Tick { snapshot: true, ..content.at(time).tick(self.id, time + 1) })
    }

    /// Ends the content with its first real frontier, if it did not end yet.
    fn begin(&mut self, take: &mut Take<'_>) -> Result<(), StoreError> {
        if !self.begun {
            self.tell_content(take)?;
            (self.begun, self.announced) = (true, self.frontier);
            if self.frontier > 0 || !self.early.is_empty() {
                take(std::mem::take(&mut self.early).tick(self.id, self.frontier))?;
            }
        }
        Ok(())
    }
}

/// Content that is gathered for a tick.
#[derive(Default)]
struct Content {
    rows: BTreeMap<RelationId, Vec<(Row, Time, Diff)>>,
    writes: BTreeMap<RelationId, Vec<Upsert>>,
    errors: Vec<(RelationId, DataError, Time)>,
    count: usize,
}

impl Content {
    /// Takes a batch in. Batches come in their order.
    fn take(&mut self, relation: RelationId, batch: Batch) {
        match batch {
            Batch::Rows(rows) => {
                self.count += rows.len();
                self.rows.entry(relation).or_default().extend(rows);
            }
            Batch::Upserts(mut writes) => {
                self.count += writes.len();
                writes.sort_by_key(|write| (write.time, write.sequence));
                self.writes.entry(relation).or_default().extend(writes);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.count == 0 && self.errors.is_empty()
    }

    /// All of it at one time. Writes come in their order, which no two runs number alike.
    fn at(mut self, time: Time) -> Content {
        self.rows.values_mut().flatten().for_each(|(_, at, _)| *at = time);
        for writes in self.writes.values_mut() {
            writes.iter_mut().zip(0..).for_each(|(write, sequence)| (write.time, write.sequence) = (time, sequence));
        }
        self.errors.iter_mut().for_each(|(_, _, at)| *at = time);
        self
    }

    fn tick(self, source: SourceId, frontier: Time) -> Tick {
        let rows = self.rows.into_iter().map(|(relation, rows)| (relation, Batch::Rows(rows)));
        let writes = self.writes.into_iter().map(|(relation, writes)| (relation, Batch::Upserts(writes)));
        Tick { errors: self.errors, ..Tick::new(source, rows.chain(writes).collect(), Some(frontier)) }
    }
}
