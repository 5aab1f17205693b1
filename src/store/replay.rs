//! Reading the store back: what it holds, as ticks.
//!
//! What lies below a time that is given is told as content, in large ticks at times before all real ones: what comes of it is the
//! same, and every advance of a frontier costs something in every operator. The rest is told as it was appended.

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
    log::read(disk, manifest.incarnation, frames, &mut |_, mut records| {
        while !records.is_empty() {
            let mut rest = records;
            let head = record::read_head(&mut rest).map_err(makes_no_sense)?;
            if telling.wants(head.source.0 as u64) {
                telling.tick(record::read(&mut records).map_err(makes_no_sense)?)?;
            }
            records = rest;
        }
        Ok(true)
    })?;
    telling.end()
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
    /// Content that waits.
    content: Content,
    /// Ticks of content so far: each has a time of its own, and only their order counts.
    told: Time,
    /// The frontier below which all was content so far; none once it was told.
    reached: Option<Time>,
}

impl<'a, 't> Telling<'a, 't> {
    fn new(
        manifest: &Manifest,
        ids: &Ids,
        below: &BTreeMap<SourceId, Time>,
        take: &'a mut Take<'t>,
    ) -> Telling<'a, 't> {
        let source = |(id, stored): (&SourceId, &u64)| {
            let (below, reached) = (*below.get(id)?, manifest.sources.get(stored)?.reached.frontier);
            Some((
                *stored,
                Source { id: *id, below, content: Content::default(), told: 0, reached: reached.or(Some(0)) },
            ))
        };
        Telling {
            sources: ids.sources.iter().filter_map(source).collect(),
            relations: ids.relations.iter().map(|(running, stored)| (*stored, *running)).collect(),
            take,
        }
    }

    fn wants(&self, source: u64) -> bool {
        self.sources.contains_key(&source)
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
        let is_content = tick.snapshot || tick.frontier.is_some_and(|frontier| frontier <= source.below);
        if is_content && source.reached.is_some() {
            batches.for_each(|(relation, batch)| source.content.take(relation, batch));
            source.content.errors.extend(errors);
            if !tick.snapshot {
                source.reached = tick.frontier;
            }
            return if source.content.count >= ROWS_PER_TICK { source.tell_content(self.take) } else { Ok(()) };
        }
        // An end was the run's, not the input's.
        if tick.frontier.is_none() {
            return Ok(());
        }
        let (batches, errors) = (batches.collect(), errors.collect());
        source.begin(self.take)?;
        (self.take)(Tick { errors, ..Tick::new(source.id, batches, tick.frontier) })
    }

    fn end(mut self) -> Result<(), StoreError> {
        self.sources.values_mut().try_for_each(|source| source.begin(self.take))
    }
}

impl Source {
    /// Tells the content that waits.
    fn tell_content(&mut self, take: &mut Take<'_>) -> Result<(), StoreError> {
        if self.content.count == 0 {
            return Ok(());
        }
        let time = self.told;
        self.told += 1;
        let tick = std::mem::take(&mut self.content).tick(self.id, time);
        take(Tick { snapshot: true, ..tick })
    }

    /// Ends the content with its first real frontier, if it did not end yet.
    fn begin(&mut self, take: &mut Take<'_>) -> Result<(), StoreError> {
        self.tell_content(take)?;
        match self.reached.take() {
            Some(reached) if reached > 0 => take(Tick::new(self.id, Vec::new(), Some(reached))),
            Some(_) | None => Ok(()),
        }
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

    /// All of it at one time. Writes come in their order, which no two runs number alike.
    fn tick(self, source: SourceId, time: Time) -> Tick {
        let Content { mut rows, mut writes, mut errors, count: _ } = self;
        rows.values_mut().flatten().for_each(|(_, at, _)| *at = time);
        for writes in writes.values_mut() {
            writes.iter_mut().zip(0..).for_each(|(write, sequence)| (write.time, write.sequence) = (time, sequence));
        }
        errors.iter_mut().for_each(|(_, _, at)| *at = time);
        let rows = rows.into_iter().map(|(relation, rows)| (relation, Batch::Rows(rows)));
        let writes = writes.into_iter().map(|(relation, writes)| (relation, Batch::Upserts(writes)));
        Tick { errors, ..Tick::new(source, rows.chain(writes).collect(), Some(time + 1)) }
    }
}
