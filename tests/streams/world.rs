//! A world: two streams whose events come out of order, a table, and how all of it reaches the dataflow.
//!
//! It follows from its steps alone, so that a part of them is a world too.

use super::content::moment;
use super::step::{Change, Event, Partition, Step, TABLE};
use std::collections::BTreeMap;
use tidegate::timeline::{Batch, Disorder, PartitionId, Partitions, RelationId, Reorder, SourceId, Tick, Verdict};
use tidegate::value::{Datum, Diff, Row, Time};

/// What happens, and how it is told.
#[derive(Clone)]
pub struct World {
    pub disorder: Disorder,
    pub grid: Time,
    pub steps: Vec<Step>,
    /// Streams `a` and `b`: accepted events with the times at which they enter.
    pub streams: [Vec<(Event, Time)>; 2],
    pub table: Vec<Change>,
    /// After each step, which frontier each source has told; none if it has ended.
    pub reached: Vec<[Option<Time>; 3]>,
    /// Events that were not taken, with the reason.
    pub refused: Vec<(Event, Verdict)>,
    told: Vec<Told>,
    clock: Time,
    arriving: [Arriving; 2],
    untold: Vec<Change>,
}

/// What a source tells, and up to which time.
#[derive(Clone)]
struct Told {
    source: usize,
    rows: Vec<(Row, Time, Diff)>,
    frontier: Option<Time>,
}

/// A stream's events on their way.
#[derive(Clone)]
struct Arriving {
    partitions: Partitions,
    ids: Vec<PartitionId>,
    buffer: Reorder<Event>,
}

impl Arriving {
    /// Of a stream with so many partitions.
    fn new(disorder: Disorder, partitions: usize) -> Arriving {
        let mut arriving =
            Arriving { partitions: Partitions::new(disorder), ids: Vec::new(), buffer: Reorder::default() };
        arriving.ids = (0..partitions).map(|number| arriving.partitions.add(&number.to_string())).collect();
        arriving
    }
}

/// Before this everybody is told that there is nothing yet.
pub const BEGIN: Time = 128;

impl World {
    /// The world in which this happens; whatever has not ended then does.
    pub fn of(disorder: Disorder, grid: Time, steps: Vec<Step>) -> World {
        let arriving = |stream| Arriving::new(disorder, partitions(&steps, stream));
        let arriving = [arriving(0), arriving(1)];
        let mut world = World {
            disorder,
            grid,
            steps,
            streams: Default::default(),
            table: Vec::new(),
            told: Vec::new(),
            arriving,
            untold: Vec::new(),
            reached: Vec::new(),
            refused: Vec::new(),
            clock: 0,
        };
        let mut reached = [Some(BEGIN); 3];
        for step in world.steps.clone() {
            world.happens(step, &mut reached);
            world.reached.push(reached);
        }
        world.happens(Step::Until(None, None), &mut reached);
        world
    }

    /// `reached`: the frontiers that the sources have told, none if they have ended.
    fn happens(&mut self, step: Step, reached: &mut [Option<Time>; 3]) {
        match step {
            Step::Event(of, event) => self.arrives(of, event),
            Step::Change(change) => {
                self.table.push(change);
                self.untold.push(change);
            }
            Step::Tells(stream) => reached[stream] = self.stream_tells(stream, false),
            Step::AtEnd(Partition { stream, number }) => {
                let Arriving { partitions, ids, .. } = &mut self.arriving[stream];
                partitions.at_end(ids[number]);
                reached[stream] = self.stream_tells(stream, false);
            }
            Step::Clock(time) => self.clock = time,
            Step::Idle(stream) => {
                let partitions = &mut self.arriving[stream].partitions;
                if partitions.all_at_end() {
                    partitions.raise(self.clock.saturating_sub(self.disorder.lateness));
                }
                reached[stream] = self.stream_tells(stream, false);
            }
            Step::Until(of, time) => {
                for source in (0..reached.len()).filter(|source| of.is_none_or(|of| of == *source)) {
                    if reached[source].is_some() {
                        reached[source] = self.until(source, time);
                    }
                }
            }
        }
    }

    fn arrives(&mut self, of: Partition, event: Event) {
        let Arriving { partitions, ids, buffer } = &mut self.arriving[of.stream];
        match partitions.judge(ids[of.number], Some(event.at), self.clock) {
            Verdict::Accepted(time) => {
                self.streams[of.stream].push((event, time));
                buffer.push(time, event);
            }
            refused => self.refused.push((event, refused)),
        }
    }

    fn until(&mut self, source: usize, time: Option<Time>) -> Option<Time> {
        if source == TABLE {
            return self.table_tells(time);
        }
        time.iter().for_each(|time| self.arriving[source].partitions.raise(*time));
        self.stream_tells(source, time.is_none())
    }

    /// A stream tells what its watermark has passed, or its end.
    fn stream_tells(&mut self, stream: usize, end: bool) -> Option<Time> {
        let Arriving { partitions, buffer, .. } = &mut self.arriving[stream];
        let frontier = Some(partitions.watermark().max(BEGIN)).filter(|_| !end);
        let mut rows = Vec::new();
        buffer.release(frontier, |time, event| rows.push((event_row(&event), time, 1)));
        self.told.push(Told { source: stream, rows, frontier });
        frontier
    }

    fn table_tells(&mut self, frontier: Option<Time>) -> Option<Time> {
        let due = |change: &Change| frontier.is_none_or(|frontier| change.time < frontier);
        let (now, later): (Vec<Change>, Vec<Change>) = self.untold.drain(..).partition(due);
        self.untold = later;
        let rows = now.iter().map(|c| (row(&[c.key, c.name]), c.time, c.diff)).collect();
        self.told.push(Told { source: TABLE, rows, frontier });
        frontier
    }

    /// When a change of this time takes effect.
    pub fn takes_effect(&self, time: Time) -> Time {
        let grid = self.grid.max(1);
        time / grid * grid + grid - 1
    }

    /// The events of a stream that have taken effect before a time.
    pub fn before(&self, stream: usize, time: Time) -> impl Iterator<Item = &Event> {
        self.streams[stream].iter().filter(move |(_, t)| self.takes_effect(*t) < time).map(|(event, _)| event)
    }

    /// The table's rows of a key as of a time: those whose changes have taken effect before it.
    pub fn names(&self, key: i64, time: Time) -> Vec<(i64, Diff)> {
        let mut names: BTreeMap<i64, Diff> = BTreeMap::new();
        for change in self.table.iter().filter(|c| c.key == key && self.takes_effect(c.time) < time) {
            *names.entry(change.name).or_default() += change.diff;
        }
        names.into_iter().filter(|(_, count)| *count != 0).collect()
    }

    /// The last frontier that a source tells before it ends, on the grid.
    pub fn last(&self, source: usize) -> Time {
        let told = self.told.iter().filter(|told| told.source == source).filter_map(|told| told.frontier);
        let grid = self.grid.max(1);
        told.fold(BEGIN, Time::max) / grid * grid
    }

    /// From when on nothing counts that belongs to events up to `last`.
    pub fn settles(&self, last: Time) -> Time {
        self.takes_effect(last + self.disorder.accept_for) + 1
    }

    /// What the dataflow is sent.
    pub fn ticks(&self) -> Vec<Tick> {
        let begin = (0..3).map(|source| Told { source, rows: Vec::new(), frontier: Some(BEGIN) });
        let tick = |Told { source, rows, frontier }| {
            Tick::new(SourceId(source), vec![(RelationId(source), Batch::Rows(rows))], frontier)
        };
        begin.chain(self.told.iter().cloned()).map(tick).collect()
    }
}

/// How many partitions a stream has, as far as they occur.
fn partitions(steps: &[Step], stream: usize) -> usize {
    let numbers = steps.iter().filter_map(|step| match step {
        Step::Event(of, _) | Step::AtEnd(of) if of.stream == stream => Some(of.number),
        _ => None,
    });
    numbers.max().unwrap_or(0) + 1
}

fn event_row(event: &Event) -> Row {
    Row::pack(&[Datum::Int8(event.id), Datum::Int8(event.key), moment(event.at), Datum::Int8(event.value)])
}

fn row(numbers: &[i64]) -> Row {
    Row::pack(&numbers.iter().map(|number| Datum::Int8(*number)).collect::<Vec<_>>())
}
