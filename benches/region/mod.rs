//! Revenue per region, from orders and customers: the engine's dataflow for the SQL against the same one typed by hand.
//!
//! Both are given the same changes, prepared before the clock runs, and must come to the same result. Changes come in two
//! forms: complete rows with their diffs; and writes by key, as a Postgres table's, where both also have to hold the table to
//! know what a write replaces.

mod engine;
mod typed;
mod workload;

use crate::Scale;
use crate::measure::{Stopwatch, in_child, medians, resident_bytes, thread_seconds};
use crate::report::{Aim, Report};
use std::collections::BTreeMap;
use std::time::Duration;
use workload::{Batch, Size, Workload};

/// In which form changes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Rows,
    Writes,
}

/// The view: per region how many orders, and what they come to.
type Content = BTreeMap<i64, (i64, i128)>;

/// What can maintain the view.
trait Subject {
    /// A batch of changes as it wants them.
    type Input;
    /// Outside the clock. Batches are numbered by ascending times.
    fn prepare(form: Form, time: u64, batch: Batch) -> Self::Input;
    /// Takes a batch of the first load.
    fn load(&mut self, batch: Self::Input);
    /// The first load is over; returns when the view shows it.
    fn loaded(&mut self);
    /// Takes a batch; returns when the view shows it.
    fn update(&mut self, batch: Self::Input);
    /// The view.
    fn content(&mut self) -> Content;
}

/// What is measured of one subject.
type Figures = [f64; 7];
const HYDRATION_CPU: usize = 0;
const HYDRATION_WALL: usize = 1;
const UPDATES_CPU: usize = 2;
const UPDATES_WALL: usize = 3;
const RESIDENT: usize = 4;
const BUSIEST_HYDRATION: usize = 5;
const BUSIEST_UPDATES: usize = 6;

/// Runs all variants and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let size = scale.pick("quick", "full");
    let runs = scale.pick(1, 3);
    for (form, name) in [("rows", "complete rows"), ("writes", "writes by key")] {
        report.section(&format!("Revenue per region of orders and customers, {name} (baseline: typed by hand)"));
        let (mut ours, mut two, mut typed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            typed.push(in_child(&["region", "typed", form, size, "1"], false));
            ours.push(in_child(&["region", "engine", form, size, "1"], false));
            two.push(in_child(&["region", "engine", form, size, "2"], false));
        }
        let held = |subject| in_child::<7>(&["region", subject, form, size, "1", "lazy"], true)[RESIDENT];
        let (held_ours, held_typed) = (held("engine"), held("typed"));
        let (ours, two, typed): (Figures, Figures, Figures) = (medians(&ours), medians(&two), medians(&typed));
        tell(report, Size::named(size), &ours, &two, &typed);
        report.ratio("bytes held per row", held_ours, held_typed, Aim::Most(1.2));
    }
}

fn tell(report: &mut Report, size: Size, ours: &Figures, two: &Figures, typed: &Figures) {
    let rows = (size.orders + size.customers) as f64;
    let updates = (size.batches * size.batch) as f64;
    let mut rate = |label: &str, count: f64, figure: usize, aim: Aim| {
        report.ratio(label, count / ours[figure], count / typed[figure], aim);
    };
    rate("first load, rows per CPU second", rows, HYDRATION_CPU, Aim::Least(0.7));
    rate("first load, rows per second", rows, HYDRATION_WALL, Aim::None);
    rate("updates per CPU second", updates, UPDATES_CPU, Aim::Least(0.7));
    rate("updates per second", updates, UPDATES_WALL, Aim::None);
    let speedup = |figure: usize| ours[figure] / two[figure];
    report.figure("2 workers, first load: times as fast", speedup(HYDRATION_WALL), None, Aim::None);
    report.figure("2 workers, updates: times as fast", speedup(UPDATES_WALL), None, Aim::None);
    // Where others use the cores, the wall clock shows them; the busiest thread shows how the work was split.
    report.figure("  by the busiest thread, first load", speedup(BUSIEST_HYDRATION), None, Aim::Least(1.7));
    report.figure("  by the busiest thread, updates", speedup(BUSIEST_UPDATES), None, Aim::None);
}

/// Measures the subject that is named.
pub fn measure(subject: &[String]) -> Figures {
    let [kind, form, size, workers, rest @ ..] = subject else { panic!("a subject, a form, a size and workers") };
    let form = if form == "writes" { Form::Writes } else { Form::Rows };
    let workload = Workload::new(Size::named(size));
    let workers = workers.parse().expect("a number of workers");
    let lazy = !rest.is_empty();
    match kind.as_str() {
        "typed" => typed::with_subject(form, move |subject| measured(subject, form, workload, lazy)),
        _ => measured(&mut engine::Revenue::start(form, workers), form, workload, lazy),
    }
}

/// Measures a subject. `lazy`: batches are prepared one by one, so that none waits in memory.
fn measured<S: Subject>(subject: &mut S, form: Form, mut workload: Workload, lazy: bool) -> Figures {
    let resident = resident_bytes();
    let load = workload.load().enumerate().map(|(tick, batch)| S::prepare(form, tick as u64, batch));
    let load: Box<dyn Iterator<Item = S::Input>> =
        if lazy { Box::new(load) } else { Box::new(load.collect::<Vec<_>>().into_iter()) };
    let (first, busy) = (Stopwatch::start(), thread_seconds());
    load.for_each(|batch| subject.load(batch));
    subject.loaded();
    let (loading, busy_loading) = (first.cost(), busiest(&busy));
    if lazy {
        // What is held at rest: merges that are finished when nothing else is to be done are finished.
        std::thread::sleep(Duration::from_secs(1));
    }
    let resident = resident_bytes() - resident;

    let updates = workload.updates().enumerate().map(|(tick, batch)| S::prepare(form, REAL_TIME + tick as u64, batch));
    let updates: Vec<S::Input> = updates.collect();
    let (second, busy) = (Stopwatch::start(), thread_seconds());
    updates.into_iter().for_each(|batch| subject.update(batch));
    let (updating, busy_updating) = (second.cost(), busiest(&busy));
    assert_eq!(subject.content(), workload.content(), "the view is not what was put in");
    let held = resident / workload.rows() as f64;
    [loading.cpu, loading.wall, updating.cpu, updating.wall, held, busy_loading, busy_updating]
}

/// The first time of an update; the first load lies below.
const REAL_TIME: u64 = 1_000_000;

/// What the thread that worked most since then has worked.
fn busiest(before: &[f64]) -> f64 {
    let worked = thread_seconds().into_iter().zip(before).map(|(now, before)| now - before);
    worked.fold(0.0, f64::max)
}
