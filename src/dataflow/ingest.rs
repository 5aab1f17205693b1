//! Where a source's ticks enter: on the source's own thread they are checked, laid on the refresh grid, split over the workers
//! and handed to them, and the source waits while too much is on its way.
//!
//! With a grid g every change takes effect at the last instant of its cell, and waits here until the source's frontier leaves
//! the cell; so the dataflow sees one advance per cell, and all its frontiers are multiples of g. Snapshots keep their times, and so do
//! relations that are looked up by time or look up others.

use super::blueprint::Definition;
use super::operators::upsert::worker_of;
use super::state::{ENDED, Shared};
use crate::timeline::{
    Arrivals, Batch, Partial, RelationId, SourceId, Tick, Upsert, UpsertKind, cell_start, last_instant,
};
use crate::value::{Diff, Row, Time};
use crossbeam_channel as channel;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The dataflow takes no more ticks: it failed or is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dataflow takes no more ticks")]
pub struct Closed;

/// What one worker is given of a tick.
pub struct Command {
    /// The place of the source.
    pub source: usize,
    /// Changes, by the place of the relation.
    pub changes: Vec<(usize, Changes)>,
    /// The source's new frontier; `None` when it has ended.
    pub frontier: Option<Time>,
}

/// Changes of one relation.
#[derive(Clone)]
pub enum Changes {
    /// Of complete rows.
    Rows(Vec<(Row, Time, Diff)>),
    /// By key.
    Writes(Vec<Upsert>),
}

/// Where a source's ticks enter.
pub struct Sender {
    shared: Arc<Shared>,
    queues: Vec<channel::Sender<Command>>,
    source_id: SourceId,
    /// The place of the source; none if the program has no such source.
    source: Option<usize>,
    /// The source's own frontier.
    frontier: Time,
    ended: bool,
    /// Changes above the frontier.
    arrivals: Arrivals,
    /// Changes whose cell the frontier has not left, by the place of the relation.
    waiting: BTreeMap<usize, Changes>,
    on_their_way: VecDeque<OnItsWay>,
    /// The worker that gets the next few rows.
    next_worker: usize,
}

/// Changes that were handed to the workers.
struct OnItsWay {
    bytes: usize,
    /// Relations, and the frontiers they reach when the changes have got through.
    arrived: Vec<(usize, Time)>,
}

/// So few rows are not worth splitting.
const SPLIT: usize = 256;

impl Sender {
    /// The door for a source.
    pub fn new(shared: Arc<Shared>, queues: Vec<channel::Sender<Command>>, source_id: SourceId) -> Sender {
        let source = shared.blueprint.sources.iter().position(|source| *source == source_id);
        let (waiting, on_their_way) = Default::default();
        Sender {
            shared,
            queues,
            source_id,
            source,
            frontier: 0,
            ended: false,
            arrivals: Arrivals::default(),
            waiting,
            on_their_way,
            next_worker: source_id.0,
        }
    }

    /// Puts one tick in. Blocks while the source's changes on their way exceed the budget.
    pub fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        let Some(source) = self.source.filter(|_| tick.source == self.source_id) else {
            return self.refuse(format!("a tick of source {} came through a door that is not its own", tick.source.0));
        };
        if self.ended {
            return self.refuse("a source sent a tick after its end".into());
        }
        if tick.frontier.is_some_and(|frontier| frontier < self.frontier) {
            return self.refuse(format!("a source's frontier went back from {}", self.frontier));
        }
        self.wait_for_room()?;
        let state = &self.shared.sources[source];
        let announced = state.announced.load(Ordering::Acquire);
        if !tick.snapshot && state.snapshot_end.load(Ordering::Acquire) == ENDED {
            state.snapshot_end.store(announced, Ordering::Release);
        }
        if let Some(frontier) = tick.frontier.filter(|_| tick.completes) {
            self.shared.complete(source, frontier);
        }
        let grid = if tick.snapshot { 0 } else { self.shared.settings.refresh_us };
        let tick = self.arrivals.pass(tick);
        let frontier = tick.frontier;
        if let Err(message) = self.take(tick, grid) {
            return self.refuse(message);
        }
        self.ended = frontier.is_none();
        self.frontier = frontier.unwrap_or(self.frontier);
        let reached = frontier.map(|frontier| cell_start(frontier, grid).max(announced));
        let state = &self.shared.sources[source];
        if let Some(reached) = reached
            && state.begin.load(Ordering::Acquire) == ENDED
            && reached > state.snapshot_end.load(Ordering::Acquire)
        {
            state.begin.store(reached, Ordering::Release);
        }
        self.release(source, announced, reached)
    }

    fn refuse(&self, message: String) -> Result<(), Closed> {
        self.shared.fail(message);
        Err(Closed)
    }

    /// Puts the tick's changes to those that wait, at the times at which they take effect.
    fn take(&mut self, tick: Tick, grid: Time) -> Result<(), String> {
        let range = self.frontier..tick.frontier.unwrap_or(ENDED);
        let effect = |time: Time, grid: Time| {
            let told = || format!("a change at {time} lies outside its tick, {} to {}", range.start, range.end);
            if range.contains(&time) { Ok(last_instant(time, grid)) } else { Err(told()) }
        };
        for (id, batch) in tick.batches {
            let place = self.place(id)?;
            let grid = if self.shared.blueprint.exact[place] { 0 } else { grid };
            match batch {
                Batch::Rows(mut rows) => {
                    rows.iter_mut().try_for_each(|(_, time, _)| effect(*time, grid).map(|effect| *time = effect))?;
                    self.wait_rows(place, rows)?;
                }
                Batch::Upserts(mut writes) => {
                    writes
                        .iter_mut()
                        .try_for_each(|write| effect(write.time, grid).map(|effect| write.time = effect))?;
                    self.wait_writes(place, writes)?;
                }
            }
        }
        for (id, error, time) in tick.errors {
            let place = self.place(id)?;
            let row = (error.row(), effect(time, grid)?, 1);
            self.wait_rows(place, vec![row])?;
        }
        Ok(())
    }

    fn place(&self, id: RelationId) -> Result<usize, String> {
        let is_it = |definition: &Definition| match definition {
            Definition::Input(input) => input.id == id && input.source == self.source_id,
            Definition::View(_) | Definition::Native(_) | Definition::ErrorsOf(_) | Definition::Unique(..) => false,
        };
        let place = self.shared.blueprint.relations.iter().position(|relation| is_it(&relation.definition));
        place.ok_or_else(|| {
            format!("source {} sent changes of relation {}, which is not its own", self.source_id.0, id.0)
        })
    }

    fn wait_rows(&mut self, place: usize, mut rows: Vec<(Row, Time, Diff)>) -> Result<(), String> {
        if !self.shared.shards[place].is_empty() {
            return Err("a keyed table was sent complete rows".into());
        }
        match self.waiting.entry(place).or_insert(Changes::Rows(Vec::new())) {
            Changes::Rows(waiting) if waiting.is_empty() => *waiting = rows,
            Changes::Rows(waiting) => waiting.append(&mut rows),
            Changes::Writes(_) => {}
        }
        Ok(())
    }

    fn wait_writes(&mut self, place: usize, writes: Vec<Upsert>) -> Result<(), String> {
        if self.shared.shards[place].is_empty() {
            return Err("a table without a key was sent writes by key".into());
        }
        let moves = |write: &Upsert| old_key(write).is_some();
        if !writes.iter().any(moves) {
            match self.waiting.entry(place).or_insert(Changes::Writes(Vec::new())) {
                Changes::Writes(waiting) if waiting.is_empty() => *waiting = writes,
                Changes::Writes(waiting) => waiting.extend(writes),
                Changes::Rows(_) => {}
            }
            return Ok(());
        }
        for write in writes {
            let write = self.complete_move(place, write)?;
            if let Changes::Writes(waiting) = self.waiting.entry(place).or_insert(Changes::Writes(Vec::new())) {
                waiting.push(write);
            }
        }
        Ok(())
    }

    /// Completes a row that moves from another key, which another worker may hold: from the writes that wait, else from the
    /// table once everything sent before has been applied. Rare, and the sources order writes by sequence.
    fn complete_move(&mut self, place: usize, write: Upsert) -> Result<Upsert, String> {
        let (UpsertKind::PutPartial(partial), Some(old_key)) = (&write.kind, old_key(&write)) else { return Ok(write) };
        let old = match self.waiting_row(place, old_key, write.sequence)? {
            Some(old) => old,
            None => self.applied_row(place, old_key)?,
        };
        let old = old.ok_or("a row moved from a key that has no row")?;
        Ok(Upsert { kind: UpsertKind::Put(partial.complete(&old)), ..write })
    }

    /// The key's row after the writes that wait and come before `sequence`; the outer `None` if they do not touch it.
    fn waiting_row(&self, place: usize, key: &Row, sequence: u64) -> Result<Option<Option<Row>>, String> {
        let Some(Changes::Writes(writes)) = self.waiting.get(&place) else { return Ok(None) };
        let touches = |write: &&Upsert| {
            write.sequence < sequence && (write.key == *key || matches!(write.kind, UpsertKind::Truncate))
        };
        let mut touching: Vec<&Upsert> = writes.iter().filter(touches).collect();
        touching.sort_by_key(|write| (write.time, write.sequence));
        let mut newer: Vec<&Partial> = Vec::new();
        let mut found: Option<Option<Row>> = None;
        for write in touching.into_iter().rev() {
            match &write.kind {
                UpsertKind::Put(row) => found = Some(Some(row.clone())),
                UpsertKind::PutPartial(partial) => {
                    newer.push(partial);
                    continue;
                }
                UpsertKind::Delete | UpsertKind::Truncate => found = Some(None),
            }
            break;
        }
        if newer.is_empty() {
            return Ok(found);
        }
        let mut row = match found {
            Some(row) => row,
            None => self.applied_row(place, key)?,
        };
        for partial in newer.into_iter().rev() {
            row = row.map(|row| partial.complete(&row));
        }
        Ok(Some(row))
    }

    /// The key's row after everything that was sent to the workers.
    fn applied_row(&self, place: usize, key: &Row) -> Result<Option<Row>, String> {
        let shards = &self.shared.shards[place];
        let sent = self.source.map_or(0, |source| self.shared.sources[source].announced.load(Ordering::Acquire));
        let shard = &shards[worker_of(key, shards.len())];
        while shard.frontier() < sent {
            if self.shared.stopped() {
                return Err("the dataflow stopped".into());
            }
            self.shared.wait_for_progress(|| shard.frontier() >= sent);
        }
        Ok(shard.get(key))
    }

    /// Hands over what takes effect below the new frontier.
    fn release(&mut self, source: usize, announced: Time, reached: Option<Time>) -> Result<(), Closed> {
        let mut due = BTreeMap::new();
        for (place, changes) in std::mem::take(&mut self.waiting) {
            let (now, later) = changes.below(reached);
            due.extend(now.map(|now| (place, now)));
            self.waiting.extend(later.map(|later| (place, later)));
        }
        if due.is_empty() && reached == Some(announced) {
            return Ok(());
        }
        let bytes: usize = due.values().map(Changes::bytes).sum();
        let state = &self.shared.sources[source];
        // Before the end is told: when an operator finds its input ended, this stands for good.
        if let Some(reached) = reached {
            state.last.store(reached, Ordering::Release);
        }
        state.announced.store(reached.unwrap_or(ENDED), Ordering::Release);
        if bytes > 0 {
            let arrived = self.arrival(source);
            self.on_their_way.push_back(OnItsWay { bytes, arrived });
        }
        let mut parts: Vec<Vec<(usize, Changes)>> = self.queues.iter().map(|_| Vec::new()).collect();
        for (place, changes) in due {
            self.split(place, changes, &mut parts);
        }
        for (queue, changes) in self.queues.iter().zip(parts) {
            queue.send(Command { source, changes, frontier: reached }).map_err(|_| Closed)?;
        }
        self.shared.wake_workers();
        if self.shared.stopped() { Err(Closed) } else { Ok(()) }
    }

    /// Gives each worker its part: keyed writes by key, rows in equal shares, or all to one in turn if they are few.
    fn split(&mut self, place: usize, changes: Changes, parts: &mut [Vec<(usize, Changes)>]) {
        let workers = parts.len();
        match changes {
            Changes::Rows(rows) if workers == 1 || rows.len() < SPLIT => {
                self.next_worker = (self.next_worker + 1) % workers;
                parts[self.next_worker].push((place, Changes::Rows(rows)));
            }
            Changes::Rows(mut rows) => {
                let share = rows.len().div_ceil(workers);
                for part in parts {
                    let rest = rows.split_off(share.min(rows.len()));
                    part.push((place, Changes::Rows(std::mem::replace(&mut rows, rest))));
                }
            }
            Changes::Writes(writes) if workers == 1 => parts[0].push((place, Changes::Writes(writes))),
            Changes::Writes(writes) => {
                let mut shares: Vec<Vec<Upsert>> = parts.iter().map(|_| Vec::new()).collect();
                for write in writes {
                    match write.kind {
                        UpsertKind::Truncate => shares.iter_mut().for_each(|share| share.push(write.clone())),
                        _ => shares[worker_of(&write.key, workers)].push(write),
                    }
                }
                for (part, share) in parts.iter_mut().zip(shares) {
                    part.push((place, Changes::Writes(share)));
                }
            }
        }
    }

    /// What the relations that this source reaches will have reached when everything sent so far has got through.
    fn arrival(&self, source: usize) -> Vec<(usize, Time)> {
        let announced = |source: &usize| self.shared.sources[*source].announced.load(Ordering::Acquire);
        let relations = self.shared.blueprint.relations.iter().enumerate();
        let reached = relations.filter(|(_, relation)| relation.sources.contains(&source));
        reached.map(|(place, relation)| (place, relation.sources.iter().map(announced).min().unwrap_or(0))).collect()
    }

    fn wait_for_room(&mut self) -> Result<(), Closed> {
        loop {
            while self.on_their_way.front().is_some_and(|first| self.has_arrived(first)) {
                self.on_their_way.pop_front();
            }
            if self.shared.stopped() {
                return Err(Closed);
            }
            let bytes: usize = self.on_their_way.iter().map(|on_its_way| on_its_way.bytes).sum();
            let Some(first) = self.on_their_way.front().filter(|_| bytes >= self.shared.settings.in_flight_bytes)
            else {
                return Ok(());
            };
            self.shared.wait_for_progress(|| self.has_arrived(first));
        }
    }

    fn has_arrived(&self, changes: &OnItsWay) -> bool {
        let reached = |place: usize| self.shared.relations[place].frontier.load(Ordering::Acquire);
        changes.arrived.iter().all(|(place, frontier)| reached(*place) >= *frontier)
    }
}

impl Changes {
    /// How many they are.
    pub fn count(&self) -> usize {
        match self {
            Changes::Rows(rows) => rows.len(),
            Changes::Writes(writes) => writes.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Changes::Rows(rows) => rows.iter().map(|(row, _, _)| row.memory() + 16).sum(),
            Changes::Writes(writes) => writes.iter().map(write_bytes).sum(),
        }
    }

    /// What takes effect below a frontier, and what later.
    fn below(self, frontier: Option<Time>) -> (Option<Changes>, Option<Changes>) {
        let Some(frontier) = frontier else { return (Some(self), None) };
        match self {
            Changes::Rows(rows) => {
                let (now, later) = part(rows, |(_, time, _)| *time < frontier);
                (now.map(Changes::Rows), later.map(Changes::Rows))
            }
            Changes::Writes(writes) => {
                let (now, later) = part(writes, |write| write.time < frontier);
                (now.map(Changes::Writes), later.map(Changes::Writes))
            }
        }
    }
}

fn part<T>(all: Vec<T>, chosen: impl Fn(&T) -> bool) -> (Option<Vec<T>>, Option<Vec<T>>) {
    let (now, later): (Vec<T>, Vec<T>) =
        if all.iter().all(&chosen) { (all, Vec::new()) } else { all.into_iter().partition(chosen) };
    let some = |part: Vec<T>| if part.is_empty() { None } else { Some(part) };
    (some(now), some(later))
}

/// The other key whose row completes this write.
fn old_key(write: &Upsert) -> Option<&Row> {
    match &write.kind {
        UpsertKind::PutPartial(partial) => partial.old_key.as_ref(),
        UpsertKind::Put(_) | UpsertKind::Delete | UpsertKind::Truncate => None,
    }
}

fn write_bytes(write: &Upsert) -> usize {
    let row = match &write.kind {
        UpsertKind::Put(row) => row.memory(),
        UpsertKind::PutPartial(partial) => partial.row.memory(),
        UpsertKind::Delete | UpsertKind::Truncate => 0,
    };
    write.key.memory() + row + 32
}
