//! Queries of Nexmark in the engine against the same on dbsp, on the same events, one worker each.
//!
//! ```sh
//! cargo run --release --manifest-path benches/dbsp/Cargo.toml            # or with `-- --quick`
//! ```

mod circuit;
// What the other benchmarks measure, and more of it than is used here.
#[allow(dead_code)]
#[path = "../measure.rs"]
mod measure;
#[allow(dead_code)]
#[path = "../nexmark/mod.rs"]
mod nexmark;
#[allow(dead_code)]
#[path = "../report.rs"]
mod report;

use circuit::Step;
use measure::{in_child, medians};
use report::{Aim, Report};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Quick,
    Full,
}

impl Scale {
    fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [measure::CHILD, "nexmark", ..] => measure::print_figures(&nexmark::measure(&arguments[2..])),
        [measure::CHILD, "dbsp", query, events, step, ref sum @ ..] => {
            let events = events.parse().expect("a number");
            let step = if step == INSTANT { Step::Instant } else { Step::Tick };
            measure::print_figures(&circuit::run(query, events, step, !sum.is_empty()));
        }
        ["--quick"] => run(Scale::Quick),
        _ => run(Scale::Full),
    }
}

const INSTANT: &str = "instant";
const TICK: &str = "tick";

fn run(scale: Scale) {
    let mut report = Report::new(scale == Scale::Quick);
    let (many, few) = (scale.pick("200000", "2000000"), "50000");
    let per_second = |seconds: f64| many.parse::<f64>().expect("a number") / seconds;
    report.section("Nexmark, events made before, one worker (baseline: dbsp)");
    for query in ["q1", "q4", "q8"] {
        let [shown] = in_child(&["nexmark", "made-before", query, few, "1", "sum"], false);
        for step in [INSTANT, TICK] {
            let [theirs] = in_child(&["dbsp", query, few, step, "sum"], false);
            assert_eq!(shown, theirs, "{query} on dbsp is another view");
        }
        let (mut ours, mut by_instant, mut by_tick) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..scale.pick(1, 3) {
            by_instant.push(in_child::<3>(&["dbsp", query, many, INSTANT], false));
            ours.push(in_child::<3>(&["nexmark", "made-before", query, many, "1"], false));
            by_tick.push(in_child::<3>(&["dbsp", query, many, TICK], false));
        }
        let ours = medians(&ours);
        for (steps, theirs) in [("a step for 10 ms of events", by_instant), ("a step for a tick of 8192", by_tick)] {
            let theirs = medians(&theirs);
            let label = format!("{query}, {steps}: events per CPU s");
            report.ratio(&label, per_second(ours[1]), per_second(theirs[1]), Aim::Least(1.0));
            report.ratio("  events per second", per_second(ours[0]), per_second(theirs[0]), Aim::None);
            report.figure("  most MB resident", ours[2] / 1e6, Some(theirs[2] / 1e6), Aim::None);
        }
    }
    report.end();
}
