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

use measure::{in_child, medians};
use report::{Aim, Report, Scale};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [measure::CHILD, "nexmark", ..] => measure::print_figures(&nexmark::measure(&arguments[2..])),
        [measure::CHILD, "dbsp", query, events, grid, ref sum @ ..] => {
            let number = |text: &str| text.parse().expect("a number");
            measure::print_figures(&circuit::run(query, number(events), number(grid), !sum.is_empty()));
        }
        ["--quick"] => run(Scale::Quick),
        _ => run(Scale::Full),
    }
}

/// The grids on which both tell states: what they are called, as the engine's subject, in microseconds.
const GRIDS: [(&str, &str, &str); 2] = [("10 ms", "made-before", "10000"), ("1 s", "by-second", "1000000")];

fn run(scale: Scale) {
    let mut report = Report::new(scale);
    let (many, few) = (scale.pick("200000", "2000000"), "50000");
    let per_second = |seconds: f64| many.parse::<f64>().expect("a number") / seconds;
    report.section("Nexmark, events made before, one worker (baseline: dbsp)");
    for query in ["q1", "q4", "q8"] {
        for (grid, subject, micros) in GRIDS {
            let [shown] = in_child(&["nexmark", subject, query, few, "1", "sum"], false);
            let [theirs] = in_child(&["dbsp", query, few, micros, "sum"], false);
            assert_eq!(shown, theirs, "{query} on dbsp is another view");
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..scale.pick(1, 3) {
                theirs.push(in_child::<3>(&["dbsp", query, many, micros], false));
                ours.push(in_child::<3>(&["nexmark", subject, query, many, "1"], false));
            }
            let (ours, theirs) = (medians(&ours), medians(&theirs));
            let label = format!("{query}, a state for {grid} of events: events per CPU s");
            report.ratio(&label, per_second(ours[1]), per_second(theirs[1]), Aim::Least(1.0));
            report.ratio("  events per second", per_second(ours[0]), per_second(theirs[0]), Aim::None);
            report.figure("  most MB resident", ours[2] / 1e6, Some(theirs[2] / 1e6), Aim::None);
        }
    }
    report.end();
}
