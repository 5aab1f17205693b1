//! Reachability in a graph whose edges change: `WITH RECURSIVE` against differential's `iterate`, typed by hand.
//!
//! Both are given the same changes and must come to the same number of nodes, which a search of the graph confirms.

use crate::Scale;
use crate::engine::{Engine, Table};
use crate::measure::{Stopwatch, in_child, medians, resident_bytes};
use crate::report::{Aim, Report};
use crate::support::random::Random;
use differential_dataflow::input::InputSession;
use differential_dataflow::operators::Iterate;
use differential_dataflow::{AsCollection, VecCollection};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use tidegate::value::{Datum, Row, Type};
use timely::dataflow::operators::ToStream;
use timely::dataflow::operators::probe::Handle;

const VIEW: &str = "CREATE VIEW shown AS
WITH RECURSIVE r(a) AS (SELECT 0::bigint UNION SELECT e.b FROM r JOIN edges e ON e.a = r.a) SELECT a FROM r";

/// Edges that come and go in one tick.
type Change = Vec<(i64, i64, i64)>;

/// First load, single changes and batches of changes, CPU seconds each; bytes resident after the load.
type Figures = [f64; 4];

const SINGLE: usize = 500;
const BATCHES: usize = 10;
const BATCH: usize = 1000;

/// Runs both and reports.
pub fn run(scale: Scale, report: &mut Report) {
    report.section("Reachability in a graph of changing edges (baseline: differential's iterate, typed by hand)");
    let nodes: usize = scale.pick(10_000, 100_000);
    let runs = scale.pick(1, 3);
    let (mut ours, mut typed) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        typed.push(in_child(&["recursion", "typed", &nodes.to_string()], false));
        ours.push(in_child(&["recursion", "engine", &nodes.to_string()], false));
    }
    let (ours, typed): (Figures, Figures) = (medians(&ours), medians(&typed));
    let mut rate = |label: &str, count: usize, figure: usize| {
        report.ratio(label, count as f64 / ours[figure], count as f64 / typed[figure], Aim::None);
    };
    rate("first load, edges per CPU second", 2 * nodes, 0);
    rate("an edge replaced by another, per CPU second", SINGLE, 1);
    rate("a thousand at a time, edges per CPU second", BATCHES * BATCH, 2);
    report.ratio("bytes resident per edge", ours[3] / (2 * nodes) as f64, typed[3] / (2 * nodes) as f64, Aim::None);
}

/// Measures the subject that is named.
pub fn measure(subject: &[String]) -> Figures {
    let [kind, nodes] = subject else { panic!("a subject and a number of nodes") };
    let graph = Graph::new(nodes.parse().expect("a number"));
    match kind.as_str() {
        "typed" => typed(graph),
        _ => {
            let columns = vec![("a", Type::Int8), ("b", Type::Int8)];
            let engine =
                Engine::start(vec![Table { name: "edges", columns, key: vec![0, 1], append_only: false }], VIEW);
            measured(graph, &mut Reached { engine, reached: 0 })
        }
    }
}

/// The view as the engine runs it.
struct Reached {
    engine: Engine,
    reached: i64,
}

/// What can maintain the view.
trait Subject {
    /// Takes a tick's changes; returns the number of nodes reached when that is known.
    fn put(&mut self, change: Change) -> i64;
}

/// A graph and how it changes.
struct Graph {
    random: Random,
    nodes: u64,
    edges: Vec<(i64, i64)>,
}

impl Graph {
    fn new(nodes: u64) -> Graph {
        let (mut random, mut known) = (Random::new(11), BTreeSet::new());
        while known.len() < 2 * nodes as usize {
            known.insert((random.below(nodes) as i64, random.below(nodes) as i64));
        }
        Graph { random, nodes, edges: known.into_iter().collect() }
    }

    fn replace(&mut self) -> Change {
        let place = self.random.below(self.edges.len() as u64) as usize;
        let new = (self.random.below(self.nodes) as i64, self.random.below(self.nodes) as i64);
        let (a, b) = std::mem::replace(&mut self.edges[place], new);
        vec![(a, b, -1), (new.0, new.1, 1)]
    }

    /// By a search.
    fn reached(&self) -> i64 {
        let mut from = vec![Vec::new(); self.nodes as usize];
        self.edges.iter().for_each(|(a, b)| from[*a as usize].push(*b));
        let (mut seen, mut open) = (vec![false; self.nodes as usize], vec![0]);
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                open.extend(&from[node as usize]);
            }
        }
        seen.into_iter().filter(|seen| *seen).count() as i64
    }
}

fn measured(mut graph: Graph, subject: &mut impl Subject) -> Figures {
    let resident = resident_bytes();
    let all: Change = graph.edges.iter().map(|(a, b)| (*a, *b, 1)).collect();
    let clock = Stopwatch::start();
    assert_eq!(subject.put(all), graph.reached());
    let loading = clock.cost().cpu;
    let resident = resident_bytes() - resident;
    let mut changing = |ticks: usize, size: usize| {
        let changes: Vec<Change> = (0..ticks).map(|_| (0..size).flat_map(|_| graph.replace()).collect()).collect();
        let clock = Stopwatch::start();
        let reached = changes.into_iter().map(|change| subject.put(change)).last();
        let cost = clock.cost().cpu;
        assert_eq!(reached, Some(graph.reached()), "the view is not what was put in");
        cost
    };
    [loading, changing(SINGLE, 1), changing(BATCHES, BATCH), resident]
}

struct Typed<'a> {
    worker: &'a mut timely::worker::Worker,
    edges: InputSession<u64, (i64, i64), i64>,
    probe: Handle<u64>,
    reached: Rc<Cell<i64>>,
    time: u64,
}

fn typed(graph: Graph) -> Figures {
    timely::execute_directly(move |worker| {
        let (mut edges, probe, reached) = (InputSession::new(), Handle::new(), Rc::new(Cell::new(0)));
        let told = reached.clone();
        worker.dataflow::<u64, _, _>(|scope| {
            let edges: VecCollection<'_, u64, (i64, i64), i64> = edges.to_collection(scope);
            let edges = edges.arrange_by_key();
            let start = [(0i64, 0u64, 1i64)].to_stream(scope).as_collection();
            start
                .clone()
                .iterate(|scope, reached| {
                    let (edges, start) = (edges.enter(scope), start.enter(scope));
                    let reached = reached.map(|node| (node, ())).arrange_by_key();
                    reached.join_core(edges, |_, (), next| Some(*next)).concat(start).distinct_core::<i64>()
                })
                .inspect(move |(_, _, diff)| told.set(told.get() + *diff))
                .probe_with(&probe);
        });
        measured(graph, &mut Typed { worker, edges, probe, reached, time: 0 })
    })
}

impl Subject for Typed<'_> {
    fn put(&mut self, change: Change) -> i64 {
        change.into_iter().for_each(|(a, b, diff)| self.edges.update((a, b), diff));
        self.time += 1;
        self.edges.advance_to(self.time);
        self.edges.flush();
        while self.probe.less_than(&self.time) {
            self.worker.step();
        }
        self.reached.get()
    }
}

impl Subject for Reached {
    fn put(&mut self, change: Change) -> i64 {
        let row = |(a, b, diff)| (Row::pack(&[Datum::Int8(a), Datum::Int8(b)]), diff);
        let changes = self.engine.put(vec![change.into_iter().map(row).collect()]);
        self.reached += changes.iter().map(|(_, _, diff)| diff).sum::<i64>();
        self.reached
    }
}
