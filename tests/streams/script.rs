//! Scripts: what comes, and what is told of it.
//!
//! A script has a line of settings, views, and steps. In a step `a 1 7 150 3` is the arrival of an event of stream `a` with its id, key, time
//! and value, `t 130 + 7 4` a change of table `t` at a time: its key and name come or go. A time is a number of microseconds or a
//! timestamp. `until 300` lets every source say that nothing below that time will come, `a until 300` stream `a` alone; `a tells` lets
//! it tell what its watermark has passed; `end` and `a end` let them end. What is then told of view `v` follows, each row behind its
//! time and how often it comes; and below an event that is not taken, why and at which time that is told. Lines that are no steps say
//! what is shown. `TIDEGATE_TEST_UPDATE=1` writes what is told into the scripts.
//!
//! `a/1` is another partition of the stream than the first, which is `a`; `a/1 at end`: nothing is left to read in it; `clock 300`: the wall
//! clock shows that; `a idle`: nothing has arrived for as long as the stream's idle rule says.

use super::content::shown;
use super::run::Views;
use super::step::{Step, instant};
use super::world::World;
use std::path::Path;
use tidegate::plan::Emit;
use tidegate::timeline::{Disorder, Verdict};
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Datum, Time};

#[test]
fn what_is_told_of_scripts() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams/scripts");
    let chosen = std::env::var("TIDEGATE_TEST_SCRIPT").unwrap_or_default();
    let files = std::fs::read_dir(directory).expect("the scripts").flatten().map(|file| file.path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().contains(&chosen)).collect();
    files.sort();
    assert!(!files.is_empty() || !chosen.is_empty());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a script");
        let told = told(&text);
        if std::env::var_os("TIDEGATE_TEST_UPDATE").is_some() {
            std::fs::write(&path, told).expect("a script");
        } else {
            assert_eq!(told, text, "{}", path.display());
        }
    }
}

/// The script with what is told of it.
fn told(script: &str) -> String {
    let mut out = String::new();
    for case in script.split("\n\n=== ").map(|case| case.trim_start_matches("=== ")) {
        let separator = if out.is_empty() { "=== " } else { "\n=== " };
        out.push_str(&format!("{separator}{}\n", told_of_case(case)));
    }
    out
}

fn told_of_case(case: &str) -> String {
    let (settings, rest) = case.split_once('\n').expect("a line of settings");
    let (sql, steps) = rest.split_once("\n---\n").expect("views, a line of three hyphens, and steps");
    let setting = |name: &str| {
        let value = settings.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned)
    };
    let number = |name: &str| setting(name).map_or(0, |value| value.parse().expect("a number"));
    let max_ahead = setting("max_ahead").map_or(Time::MAX, |value| value.parse().expect("a number"));
    let disorder = Disorder { lateness: number("lateness"), accept_for: number("accept_for"), max_ahead };
    let emit = if setting("emit").as_deref() == Some("final") { Emit::Final } else { Emit::Changes };
    let retain = setting("retain").map(|value| value.parse().expect("a number"));
    let views = Views { emit, retain, ..Views::new(sql) };

    // What was told before is left out.
    let lines: Vec<&str> = steps.lines().filter(|line| !line.starts_with("  ")).collect();
    let steps = lines.iter().filter_map(|line| Step::parse(line)).collect();
    let world = World::of(disorder, number("grid"), steps);
    let told: Vec<String> = [1, 2].map(|workers| steps_told(&world, workers, &views, &lines)).into();
    assert_eq!(told[0], told[1], "one worker and two");
    format!("{settings}\n{sql}\n---\n{}", told[0])
}

/// The steps with what is told after each.
fn steps_told(world: &World, workers: usize, views: &Views<'_>, lines: &[&str]) -> String {
    let steps = world.run(workers, views);
    let reads = world.read_by(views, "v");
    let mut changes: Vec<_> = steps["v"].iter().flat_map(|step| &step.changes).collect();
    changes.sort_by_key(|(row, time, diff)| (*time, *diff, row.clone()));
    let mut out: Vec<String> = Vec::new();
    let (mut reached, mut refused) = (world.reached.iter(), world.refused.iter().peekable());
    for line in lines {
        out.push((*line).to_owned());
        let Some((step, reached)) = Step::parse(line).and_then(|step| Some((step, reached.next()?))) else { continue };
        if let Step::Event(_, event) = step
            && let Some((_, verdict)) = refused.next_if(|(refused, _)| *refused == event)
        {
            out.push(match verdict {
                Verdict::Late(time) => format!("  late {}", instant(*time)),
                Verdict::Ahead(time) => format!("  ahead {}", instant(*time)),
                Verdict::Accepted(_) => String::new(),
            });
        }
        let frontier = reads.iter().map(|source| reached[*source].unwrap_or(Time::MAX)).min().unwrap_or(Time::MAX);
        let later = changes.split_off(changes.partition_point(|(_, time, _)| *time < frontier));
        for (row, time, diff) in std::mem::replace(&mut changes, later) {
            out.push(format!("  @{} {diff:+} {}", instant(*time), shown_row(&row.unpack())));
        }
    }
    assert!(changes.is_empty(), "not all of it is told by the last step: {changes:?}");
    out.join("\n").trim_end().to_owned()
}

fn shown_row(values: &[Datum]) -> String {
    let value = |value: &Datum| match value {
        Datum::Timestamptz(at) => instant(u64::try_from(at + EPOCH_MICROS).expect("after 1970")),
        value => shown(std::slice::from_ref(value)).concat(),
    };
    values.iter().map(value).collect::<Vec<_>>().join(" ")
}
