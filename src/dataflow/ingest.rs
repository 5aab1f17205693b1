//! Where a source's ticks enter: on the source's own thread they are checked, laid on the refresh grid, split over the workers
//! and handed to them, and the source waits while too much is on its way.
//!
//! With a grid g every change takes effect at the last instant of its cell, and waits here until the source's frontier leaves
//! the cell; so the dataflow sees one advance per cell, and all its frontiers are multiples of g. Snapshots keep their times, and so do
//! relations that are looked up by time or look up others.

use super::blueprint::Definition;
use super::net::{Netting, net_rows, net_writes};
use super::operators::upsert::worker_of;
use super::state::{ENDED, Shared};
use crate::timeline::{
    Arrivals, Batch, Partial, RelationId, SourceId, Tick, Upsert, UpsertKind, cell_start, last_instant,
};
use crate::value::{Diff, Row, Time};
use crossbeam_channel as channel;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

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
    /// Dropped when the worker has run with them: when all workers have, whoever waits for room knows it.
    pub passage: Arc<()>,
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
    /// When they are netted.
    netting: BTreeMap<usize, Netting>,
    on_their_way: VecDeque<OnItsWay>,
    /// The worker that gets the next few rows.
    next_worker: usize,
}

/// Changes that were handed to the workers.
struct OnItsWay {
    bytes: usize,
    until: Until,
}

/// How it is known that changes are not on their way any more.
enum Until {
    /// The relations have reached these frontiers: the changes have got through.
    Reached(Vec<(usize, Time)>),
    /// All workers have run with them: no frontier passes a piece of a transaction before the rest is there.
    Taken(Weak<()>),
}

/// So few rows are not worth splitting.
const SPLIT: usize = 256;

impl Sender {
    /// The door for a source.
    pub fn new(shared: Arc<Shared>, queues: Vec<channel::Sender<Command>>, source_id: SourceId) -> Sender {
        let source = shared.blueprint.sources.iter().position(|source| *source == source_id);
        let (waiting, netting, on_their_way) = Default::default();
        Sender {
            shared,
            queues,
            source_id,
            source,
            frontier: 0,
            ended: false,
            arrivals: Arrivals::default(),
            waiting,
            netting,
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
        let (frontier, piece) = (tick.frontier, tick.piece);
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
        // What takes effect before it was handed over when it was announced.
        if reached == Some(announced) && !piece {
            self.net();
            return Ok(());
        }
        self.release(source, reached, piece)
    }

    /// Nets what waits where it has doubled. A stream's events stay.
    fn net(&mut self) {
        for (place, changes) in &mut self.waiting {
            let netting = self.netting.entry(*place).or_default();
            if !netting.is_due(changes.count()) {
                continue;
            }
            match (&mut *changes, &self.shared.blueprint.relations[*place].definition) {
                (Changes::Rows(_), Definition::Input(input)) if input.schema.is_append_only() => {}
                (Changes::Rows(rows), _) => net_rows(rows),
                (Changes::Writes(writes), _) => net_writes(writes),
            }
            netting.left(changes.count());
        }
    }

    fn refuse(&self, message: String) -> Result<(), Closed> {
        self.shared.fail(message);
        Err(Closed)
    }

    /// Puts the tick's changes to those that wait, at the times at which they take effect.
    fn take(&mut self, tick: Tick, grid: Time) -> Result<(), String> {
        let range = self.frontier..tick.frontier.filter(|_| !tick.piece).unwrap_or(ENDED);
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
                    // They come behind those of the ticks before, whose sequences may be another run's.
                    writes.sort_by_key(|write| (write.time, write.sequence));
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
    /// table once everything sent before has been applied. Rare.
    fn complete_move(&mut self, place: usize, write: Upsert) -> Result<Upsert, String> {
        let (UpsertKind::PutPartial(partial), Some(old_key)) = (&write.kind, old_key(&write)) else { return Ok(write) };
        let old = match self.waiting_row(place, old_key)? {
            Some(old) => old,
            None => self.applied_row(place, old_key)?,
        };
        let old = old.ok_or("a row moved from a key that has no row")?;
        Ok(Upsert { kind: UpsertKind::Put(partial.complete(&old)), ..write })
    }

    /// The key's row after the writes that wait; the outer `None` if they do not touch it.
    fn waiting_row(&self, place: usize, key: &Row) -> Result<Option<Option<Row>>, String> {
        let Some(Changes::Writes(writes)) = self.waiting.get(&place) else { return Ok(None) };
        let touches = |write: &&Upsert| write.key == *key || matches!(write.kind, UpsertKind::Truncate);
        let mut newer: Vec<&Partial> = Vec::new();
        let mut found: Option<Option<Row>> = None;
        for write in writes.iter().rev().filter(touches) {
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
        let shard = &shards[worker_of(key, shards.len())];
        while !shard.has_all() {
            if self.shared.stopped() {
                return Err("the dataflow stopped".into());
            }
            self.shared.wait_for_progress(|| shard.has_all());
        }
        Ok(shard.get(key))
    }

    /// Hands over what takes effect below the new frontier; with a piece of a transaction all there is, as nothing comes before it any
    /// more.
    fn release(&mut self, source: usize, reached: Option<Time>, piece: bool) -> Result<(), Closed> {
        self.netting.clear();
        let mut due = BTreeMap::new();
        for (place, changes) in std::mem::take(&mut self.waiting) {
            let (now, later) = changes.below(reached.filter(|_| !piece));
            due.extend(now.map(|now| (place, now)));
            self.waiting.extend(later.map(|later| (place, later)));
        }
        let bytes: usize = due.values().map(Changes::bytes).sum();
        let state = &self.shared.sources[source];
        // Before the end is told: when an operator finds its input ended, this stands for good.
        if let Some(reached) = reached {
            state.last.store(reached, Ordering::Release);
        }
        state.announced.store(reached.unwrap_or(ENDED), Ordering::Release);
        let passage = Arc::new(());
        if bytes > 0 {
            let until =
                if piece { Until::Taken(Arc::downgrade(&passage)) } else { Until::Reached(self.arrival(source)) };
            self.on_their_way.push_back(OnItsWay { bytes, until });
        }
        let mut parts: Vec<Vec<(usize, Changes)>> = self.queues.iter().map(|_| Vec::new()).collect();
        for (place, changes) in due {
            self.split(place, changes, &mut parts);
        }
        for (queue, changes) in self.queues.iter().zip(parts) {
            let passage = passage.clone();
            queue.send(Command { source, changes, frontier: reached, passage }).map_err(|_| Closed)?;
        }
        drop(passage);
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
            Changes::Writes(writes) if workers == 1 => {
                self.shared.shards[place][0].expect(writes.len());
                parts[0].push((place, Changes::Writes(writes)));
            }
            Changes::Writes(writes) => {
                let mut shares: Vec<Vec<Upsert>> = parts.iter().map(|_| Vec::new()).collect();
                for write in writes {
                    match write.kind {
                        UpsertKind::Truncate => shares.iter_mut().for_each(|share| share.push(write.clone())),
                        _ => shares[worker_of(&write.key, workers)].push(write),
                    }
                }
                for ((part, share), shard) in parts.iter_mut().zip(shares).zip(&self.shared.shards[place]) {
                    shard.expect(share.len());
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
        match &changes.until {
            Until::Reached(arrived) => arrived.iter().all(|(place, frontier)| reached(*place) >= *frontier),
            Until::Taken(passage) => passage.strong_count() == 0,
        }
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

#[cfg(test)]
mod tests {
    use crate::dataflow::{InputRelation, Program, Settings, evaluate};
    use crate::timeline::{Batch, Partial, RelationId, SourceId, Step, Tick, Upsert, UpsertKind};
    use crate::value::{Column, Datum, RelationName, Row, Schema, Time, Type};
    use std::sync::Arc;

    /// The steps of one keyed table `(k, v)` on a grid of 10, with room for next to nothing.
    fn steps(workers: usize, ticks: Vec<Tick>) -> Vec<Step> {
        let columns = ["k", "v"].map(|name| Column::new(name, Type::Int8, true));
        let table = InputRelation {
            id: RelationId(0),
            source: SourceId(0),
            name: RelationName::public("t"),
            schema: Arc::new(Schema::table(columns.to_vec(), Some(vec![0]))),
            upserts: true,
        };
        let name = table.name.clone();
        let program = Program { sources: vec![SourceId(0)], inputs: vec![table], ..Program::default() };
        let settings = Settings { workers, refresh_us: 10, in_flight_bytes: 1, same_beginning: true };
        evaluate(settings, program, std::slice::from_ref(&name), ticks).expect("it runs").remove(&name).expect("told")
    }

    fn row(values: &[Option<i64>]) -> Row {
        Row::pack(&values.iter().map(|value| value.map_or(Datum::Null, Datum::Int8)).collect::<Vec<_>>())
    }

    fn tick(writes: Vec<Upsert>, frontier: Time) -> Tick {
        Tick::new(SourceId(0), vec![(RelationId(0), Batch::Upserts(writes))], Some(frontier))
    }

    fn put(key: i64, value: i64, time: Time, sequence: u64) -> Upsert {
        let kind = UpsertKind::Put(row(&[Some(key), Some(value)]));
        Upsert { key: row(&[Some(key)]), time, sequence, kind }
    }

    /// Moves a key's row to another key without telling its value.
    fn moves(from: i64, to: i64, time: Time, sequence: u64) -> [Upsert; 2] {
        let old_key = Some(row(&[Some(from)]));
        let partial = Partial { row: row(&[Some(to), None]), absent: [1].into(), old_key };
        let kind = UpsertKind::PutPartial(Box::new(partial));
        let to = Upsert { key: row(&[Some(to)]), time, sequence, kind };
        [to, Upsert { key: row(&[Some(from)]), time, sequence: sequence + 1, kind: UpsertKind::Delete }]
    }

    /// What is held in the end, and in how many steps it was told.
    fn told(steps: &[Step]) -> (Vec<(Row, Time)>, usize) {
        let mut rows: Vec<(Row, Time)> = Vec::new();
        for (row, time, diff) in steps.iter().flat_map(|step| &step.changes) {
            match diff {
                1 => rows.push((row.clone(), *time)),
                _ => rows.retain(|(held, _)| held != row),
            }
        }
        rows.sort();
        (rows, steps.iter().filter(|step| !step.changes.is_empty()).count())
    }

    /// A source that was started again numbers its writes anew.
    #[test]
    fn the_later_tick_wins_within_a_cell_whatever_its_sequence() {
        let steps = steps(
            1,
            vec![tick(Vec::new(), 100), tick(vec![put(1, 10, 103, 57)], 104), tick(vec![put(1, 11, 105, 1)], 120)],
        );
        assert_eq!(told(&steps), (vec![(row(&[Some(1), Some(11)]), 109)], 1));
    }

    /// Nothing of a transaction shows before its end, however many pieces it has; and they need no room.
    #[test]
    fn pieces_show_together() {
        for workers in [1, 2] {
            let piece = |writes| Tick { piece: true, ..tick(writes, 205) };
            let ticks = vec![
                tick(vec![put(1, 1, 103, 1), put(2, 2, 103, 2)], 120),
                piece(vec![put(1, 3, 202, 3), put(3, 30, 205, 4), put(4, 40, 205, 5)]),
                piece(moves(3, 5, 205, 6).into()),
                piece(moves(5, 6, 205, 8).into_iter().chain([put(3, 31, 205, 10)]).collect()),
                tick(vec![Upsert { kind: UpsertKind::Delete, ..put(4, 0, 205, 11) }], 206),
                tick(Vec::new(), 300),
            ];
            let held = |key, value, time| (row(&[Some(key), Some(value)]), time);
            let rows = vec![held(1, 3, 209), held(2, 2, 119), held(3, 31, 209), held(6, 30, 209)];
            assert_eq!(told(&steps(workers, ticks)), (rows, 2));
        }
    }
}
