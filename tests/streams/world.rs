//! A random world: two streams whose events come out of order, a table, and how all of it reaches the dataflow.

use crate::support::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::dataflow::{InputRelation, Program, Settings, evaluate};
use tidegate::plan::settle::{Given, settle};
use tidegate::plan::{Emit, Rel, Timing, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::timeline::{Batch, Disorder, Judge, RelationId, Reorder, SourceId, Step, Tick, Verdict};
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Column, Datum, Diff, RelationKind, RelationName, Row, Schema, Time, Type};

/// An event. Times are microseconds, and few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub id: i64,
    pub key: i64,
    pub at: Time,
    pub value: i64,
}

/// A change of the table `t (key, name)`.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub key: i64,
    pub name: i64,
    pub time: Time,
    pub diff: Diff,
}

/// What happens, and how it is told.
#[derive(Clone, Debug)]
pub struct World {
    pub disorder: Disorder,
    pub grid: Time,
    /// Streams `a` and `b`: accepted events with the times at which they enter.
    pub streams: [Vec<(Event, Time)>; 2],
    pub table: Vec<Change>,
    /// What each source tells: `a`, `b`, `t`.
    ticks: [Told; 3],
    /// What has not been told yet.
    arriving: [Arriving; 2],
    /// Everything that came, in its order, late events too.
    arrivals: [Vec<Event>; 2],
    untold: Vec<Change>,
}

/// A stream's events on their way.
#[derive(Clone, Debug)]
struct Arriving {
    judge: Judge,
    buffer: Reorder<Event>,
    frontier: Time,
}

/// The history. Before it everybody is told that there is nothing yet.
const BEGIN: Time = 128;
const END: Time = 2_000;

impl World {
    /// A world of so many events per stream.
    pub fn random(random: &mut Random, events: i64) -> World {
        let disorder = Disorder {
            lateness: *random.pick(&[0, 10, 60]),
            accept_for: *random.pick(&[0, 0, 40, 150]),
            max_ahead: u64::MAX,
        };
        let grid = *random.pick(&[0, 0, 10, 128]);
        let arrivals = [0, 1].map(|_| arrivals(random, events));
        let table = table(random);
        World::of(random, disorder, grid, arrivals, table)
    }

    /// The world of these arrivals, told in random pieces.
    pub fn of(
        random: &mut Random,
        disorder: Disorder,
        grid: Time,
        arrivals: [Vec<Event>; 2],
        table: Vec<Change>,
    ) -> World {
        let mut world = World::empty(disorder, grid);
        for (stream, arrivals) in arrivals.into_iter().enumerate() {
            let every = 1 + random.below(12);
            for event in arrivals {
                world.arrive(stream, event);
                if random.below(every) == 0 {
                    world.seal(stream, Some(0));
                }
            }
            world.seal(stream, None);
        }
        table.into_iter().for_each(|change| world.change(change));
        let mut cuts: Vec<Time> = (0..random.below(30)).map(|_| BEGIN + random.below(END + 300)).collect();
        cuts.sort_unstable();
        cuts.into_iter().map(Some).chain([None]).for_each(|cut| world.seal_table(cut));
        world
    }

    /// The same, told in other pieces.
    pub fn in_other_pieces(&self, random: &mut Random) -> World {
        World::of(random, self.disorder, self.grid, self.arrivals.clone(), self.table.clone())
    }

    /// The same events, coming otherwise, and none of them late by more than `lateness`.
    pub fn with_arrivals(
        &self,
        random: &mut Random,
        lateness: Time,
        mut arrange: impl FnMut(&mut Random, &mut Vec<Event>),
    ) -> World {
        let mut arrivals = self.arrivals.clone();
        arrivals.iter_mut().for_each(|events| arrange(random, events));
        let disorder = Disorder { lateness, accept_for: 0, ..self.disorder };
        World::of(random, disorder, self.grid, arrivals, self.table.clone())
    }

    /// A world in which nothing has happened.
    pub fn empty(disorder: Disorder, grid: Time) -> World {
        let arriving = || Arriving { judge: Judge::new(disorder), buffer: Reorder::default(), frontier: BEGIN };
        World {
            disorder,
            grid,
            streams: Default::default(),
            table: Vec::new(),
            ticks: Default::default(),
            arriving: [arriving(), arriving()],
            arrivals: Default::default(),
            untold: Vec::new(),
        }
    }

    /// An event arrives; whether it is taken.
    pub fn arrive(&mut self, stream: usize, event: Event) {
        self.arrivals[stream].push(event);
        let Arriving { judge, buffer, .. } = &mut self.arriving[stream];
        if let Verdict::Accepted(time) = judge.judge(event.at, Time::MAX) {
            self.streams[stream].push((event, time));
            buffer.push(time, event);
        }
    }

    /// The table changes.
    pub fn change(&mut self, change: Change) {
        self.table.push(change);
        self.untold.push(change);
    }

    /// Every source says that nothing below this time will come; if there is none, that it has ended.
    pub fn until(&mut self, time: Option<Time>) {
        for stream in [0, 1] {
            time.iter().for_each(|time| self.arriving[stream].judge.idle_until(*time));
            self.seal(stream, time);
        }
        self.seal_table(time);
    }

    /// A stream tells what its watermark has passed, or its end.
    fn seal(&mut self, stream: usize, end: Option<Time>) {
        let Arriving { judge, buffer, frontier } = &mut self.arriving[stream];
        *frontier = judge.watermark().max(*frontier);
        let frontier = end.map(|_| *frontier);
        let mut rows = Vec::new();
        buffer.release(frontier, |time, event| rows.push((event_row(&event), time, 1)));
        self.ticks[stream].push((rows, frontier));
    }

    fn seal_table(&mut self, frontier: Option<Time>) {
        let (now, later) =
            self.untold.drain(..).partition(|change| frontier.is_none_or(|frontier| change.time < frontier));
        self.untold = later;
        let now: Vec<Change> = now;
        self.ticks[2].push((now.iter().map(|c| (row(&[c.key, c.name]), c.time, c.diff)).collect(), frontier));
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

    /// From when on nothing counts that belongs to events up to `last`.
    pub fn settles(&self, last: Time) -> Time {
        self.takes_effect(last + self.disorder.accept_for) + 1
    }

    /// What the views' readers are told.
    pub fn run(&self, random: &mut Random, workers: usize, views: &Views) -> BTreeMap<String, Vec<Step>> {
        let stream = RelationKind::Stream { event_time: Some(2), accept_for: self.disorder.accept_for, ends: false };
        let event = [("id", Type::Int8), ("key", Type::Int8), ("at", Type::Timestamptz), ("value", Type::Int8)];
        let column = |(name, ty): &(&str, Type)| Column::new(*name, ty.clone(), false);
        let of_stream = Schema { columns: event.iter().map(column).collect(), key: None, kind: stream };
        let of_table = Schema::table(["key", "name"].map(|name| Column::new(name, Type::Int8, false)).to_vec(), None);
        let schemas: Vec<(&str, Arc<Schema>)> =
            vec![("a", Arc::new(of_stream.clone())), ("b", Arc::new(of_stream)), ("t", Arc::new(of_table))];

        let mut catalog = Catalog::new();
        schemas.iter().for_each(|(name, schema)| catalog.insert(RelationName::public(*name), schema.clone()));
        let file = SqlFile { path: "v.sql".into(), text: views.text.into() };
        let mut compiled = compile(&[file], &catalog).unwrap_or_else(|errors| panic!("{}", errors[0]));
        rewrite::optimize(&mut compiled);
        if views.settled {
            let given = Given {
                schema: &|name| catalog.get(name).cloned(),
                timing: &|_| Timing { emit: views.emit, retain: views.retain },
                grid: self.grid,
            };
            settle(&mut compiled, &given).unwrap_or_else(|refused| panic!("{}", refused[0]));
            assert!(compiled.iter().any(|view| settles(&view.rel)), "nothing settles: {}", views.text);
        }
        let names: Vec<RelationName> = compiled.iter().map(|view| view.name.clone()).collect();
        let inputs = schemas.iter().enumerate().map(|(id, (name, schema))| InputRelation {
            id: RelationId(id),
            source: SourceId(id),
            name: RelationName::public(*name),
            schema: schema.clone(),
            upserts: false,
        });
        let program = Program {
            sources: (0..3).map(SourceId).collect(),
            inputs: inputs.collect(),
            views: compiled,
            ..Program::default()
        };
        let settings = Settings { workers, refresh_us: self.grid, ..Settings::default() };
        let steps = evaluate(settings, program, &names, self.interleaved(random)).expect("our own program");
        steps.into_iter().map(|(name, steps)| (name.name, steps)).collect()
    }

    /// The ticks of all sources, each source's in its order.
    fn interleaved(&self, random: &mut Random) -> Vec<Tick> {
        let mut left = self.ticks.clone().map(|ticks| ticks.into_iter().peekable());
        let begin = |source| Tick {
            source: SourceId(source),
            batches: Vec::new(),
            errors: Vec::new(),
            frontier: Some(BEGIN),
            snapshot: false,
        };
        let mut ticks: Vec<Tick> = (0..3).map(begin).collect();
        while left.iter_mut().any(|ticks| ticks.peek().is_some()) {
            let source = random.below(3) as usize;
            for _ in 0..random.below(8) {
                let Some((rows, frontier)) = left[source].next() else { break };
                let batches = vec![(RelationId(source), Batch::Rows(rows))];
                ticks.push(Tick { source: SourceId(source), batches, errors: Vec::new(), frontier, snapshot: false });
            }
        }
        ticks
    }
}

fn settles(rel: &Rel) -> bool {
    matches!(rel, Rel::Settle { .. } | Rel::AsOf { .. }) || rel.inputs().into_iter().any(settles)
}

/// SQL, and how it is run.
#[derive(Clone, Copy, Debug)]
pub struct Views<'t> {
    pub text: &'t str,
    pub emit: Emit,
    pub retain: Option<i64>,
    /// Whether what has settled is given up.
    pub settled: bool,
}

impl<'t> Views<'t> {
    /// With what is usual.
    pub fn new(text: &'t str) -> Views<'t> {
        Views { text, emit: Emit::Changes, retain: None, settled: true }
    }
}

fn arrivals(random: &mut Random, events: i64) -> Vec<Event> {
    let mut clock = BEGIN + 250;
    let event = |id| {
        clock += random.below(2 * (END - 500) / events as u64);
        // Some come late, a few at the very edge of what is accepted, and some together.
        let back = *random.pick(&[0, 0, 0, 5, 30, 60, 70, 100, 101, 210]);
        Event {
            id,
            key: random.below(3) as i64,
            at: (clock - back.min(clock - 1)).max(1),
            value: random.below(6) as i64,
        }
    };
    (0..events).map(event).collect()
}

fn table(random: &mut Random) -> Vec<Change> {
    let (mut there, mut changes) = (BTreeMap::new(), Vec::new());
    let mut time = BEGIN;
    for number in 0..random.below(40) as i64 {
        time += random.below(120);
        let key = random.below(3) as i64;
        if let Some(name) = there.remove(&key) {
            changes.push(Change { key, name, time, diff: -1 });
        }
        if random.chance(80) {
            there.insert(key, number);
            changes.push(Change { key, name: number, time, diff: 1 });
        }
    }
    changes
}

type Told = Vec<(Vec<(Row, Time, Diff)>, Option<Time>)>;

/// A moment as SQL has it.
pub fn moment(time: Time) -> Datum {
    Datum::Timestamptz(time as i64 - EPOCH_MICROS)
}

fn event_row(event: &Event) -> Row {
    Row::pack(&[Datum::Int8(event.id), Datum::Int8(event.key), moment(event.at), Datum::Int8(event.value)])
}

fn row(numbers: &[i64]) -> Row {
    Row::pack(&numbers.iter().map(|number| Datum::Int8(*number)).collect::<Vec<_>>())
}

/// A view's rows, and how often each occurs.
pub type Content = BTreeMap<Vec<String>, Diff>;

/// The view at every frontier told, folded from its steps; the last is at the end.
pub fn contents(steps: &[Step]) -> Vec<(Option<Time>, Content)> {
    let mut content = Content::new();
    let mut told = Vec::new();
    let mut last = 0;
    for step in steps {
        for (row, time, diff) in &step.changes {
            assert!(last <= *time && step.frontier.is_none_or(|frontier| *time < frontier), "a change out of place");
            add(&mut content, shown(&row.unpack()), *diff);
        }
        last = step.frontier.unwrap_or(Time::MAX);
        told.push((step.frontier, content.clone()));
    }
    told
}

/// The view before a time, folded from the steps of a run that told of more frontiers.
pub fn content_before(steps: &[Step], frontier: Option<Time>) -> Content {
    let mut content = Content::new();
    for (row, time, diff) in steps.iter().flat_map(|step| &step.changes) {
        if frontier.is_none_or(|frontier| *time < frontier) {
            add(&mut content, shown(&row.unpack()), *diff);
        }
    }
    content
}

/// Counts a row.
pub fn add(content: &mut Content, row: Vec<String>, diff: Diff) {
    let count = content.entry(row.clone()).or_default();
    *count += diff;
    if *count == 0 {
        content.remove(&row);
    }
}

/// Values, readable.
pub fn shown(values: &[Datum]) -> Vec<String> {
    let value = |value: &Datum| match value {
        Datum::Timestamptz(at) => format!("@{}", at + EPOCH_MICROS),
        Datum::Int8(number) => number.to_string(),
        Datum::Text(text) => text.to_string(),
        Datum::Null => "null".into(),
        other => format!("{other:?}"),
    };
    values.iter().map(value).collect()
}
