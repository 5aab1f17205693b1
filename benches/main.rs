//! The benchmarks: ratios against a baseline measured in the same run. See `docs/benchmarks.md`.
//!
//! ```sh
//! cargo bench --bench tidegate                      # all of them
//! cargo bench --bench tidegate -- --quick region    # small sizes, and only this one
//! ```

mod codec;
mod documents;
mod engine;
mod extremes;
mod feed;
mod footprint;
mod latency;
mod measure;
mod nexmark;
mod recursion;
mod region;
mod report;
mod returned;
mod river;
mod shop;
mod snapshot;
mod store;
mod tpch;

/// The tests' servers. The tests use more of them than the benchmarks do.
#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;

use report::{Report, Scale};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A benchmark: its name, and what it adds to the report.
type Benchmark = (&'static str, fn(Scale, &mut Report));

const BENCHMARKS: &[Benchmark] = &[
    ("region", region::run),
    ("recursion", recursion::run),
    ("snapshot", snapshot::run),
    ("feed", feed::run),
    ("latency", latency::run),
    ("store", store::run),
    ("footprint", footprint::run),
    ("codec", codec::run),
    ("documents", documents::run),
    ("extremes", extremes::run),
    ("returned", returned::run),
    ("tpch", tpch::run),
    ("nexmark", nexmark::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some((measure::CHILD, subject)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return child(subject);
    }
    let (options, names): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|a| a.starts_with('-'));
    let unknown = options
        .iter()
        .find(|option| *option != "--quick")
        .or_else(|| names.iter().find(|name| !BENCHMARKS.iter().any(|(known, _)| known == name)));
    if let Some(unknown) = unknown {
        let known: Vec<&str> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
        eprintln!("`{unknown}` is neither --quick nor a benchmark; there are {}", known.join(", "));
        return ExitCode::from(64);
    }
    let scale = if options.is_empty() { Scale::Full } else { Scale::Quick };
    let mut report = Report::new(scale);
    for (name, run) in BENCHMARKS {
        if names.is_empty() || names.iter().any(|chosen| chosen == name) {
            run(scale, &mut report);
        }
    }
    report.end();
    ExitCode::SUCCESS
}

/// Runs one subject in this process, which was started for it, and prints its figures.
fn child(subject: &[String]) -> ExitCode {
    match subject.split_first().map(|(name, rest)| (name.as_str(), rest)) {
        Some(("region", subject)) => measure::print_figures(&region::measure(subject)),
        Some(("recursion", subject)) => measure::print_figures(&recursion::measure(subject)),
        Some(("documents", subject)) => measure::print_figures(&documents::measure(subject)),
        Some(("extremes", subject)) => measure::print_figures(&extremes::measure(subject)),
        Some(("returned", subject)) => measure::print_figures(&returned::measure(subject)),
        Some(("tpch", subject)) => measure::print_figures(&tpch::measure(subject)),
        Some(("nexmark", subject)) => measure::print_figures(&nexmark::measure(subject)),
        Some(("feed", subject)) => feed::read(subject),
        _ => return ExitCode::from(64),
    }
    ExitCode::SUCCESS
}
