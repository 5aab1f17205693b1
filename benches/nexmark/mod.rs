//! Nexmark: every query of `views/nexmark` by itself over the events the source makes up, and five of them against the same typed
//! by hand on differential, on the same events.

mod engine;
pub mod events;
pub mod typed;

use crate::Scale;
use crate::measure::{Stopwatch, in_child, medians, peak_bytes};
use crate::report::{Aim, Report};
use engine::Events;
use std::time::Duration;
use tidegate::config::Settings;
use tidegate::value::{Datum, Row};
use typed::Ending;

/// Those that are typed by hand.
const TYPED: [&str; 5] = ["q1", "q4", "q5", "q7", "q8"];

/// Seconds on the clock and of CPU, and the most bytes that were resident.
type Figures = [f64; 3];

/// Runs all queries and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (many, few) = (scale.pick("200000", "2000000"), "50000");
    let runs = scale.pick(1, 3);
    let per_second = |events: &str, seconds: f64| events.parse::<f64>().expect("a number") / seconds;

    report.section("Nexmark: events per second (second column: with two workers)");
    let [made, ..]: Figures = in_child(&["nexmark", "made", many], false);
    report.figure("the events by themselves, all columns", per_second(many, made), None, Aim::Least(1e6));
    for query in (0..=22).map(|number| format!("q{number}")) {
        let measured = |workers| in_child::<3>(&["nexmark", "live", &query, many, workers], false);
        let (one, two) = (measured("1"), measured("2"));
        report.figure(&query, per_second(many, one[0]), Some(per_second(many, two[0])), Aim::None);
        report.figure("  most MB resident", one[2] / 1e6, Some(two[2] / 1e6), Aim::None);
    }

    report.section("Nexmark, events made before, windows told as they change, one worker (baseline: typed by hand)");
    for query in TYPED {
        let sum = |subject| in_child::<1>(&["nexmark", subject, query, few, "1", "sum"], false);
        assert_eq!(sum("made-before"), sum("typed"), "{query} typed by hand is another view");
        let (mut ours, mut typed, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            typed.push(in_child::<3>(&["nexmark", "typed", query, many, "1"], false));
            bare.push(in_child::<3>(&["nexmark", "typed-bare", query, many, "1"], false));
            ours.push(in_child::<3>(&["nexmark", "made-before", query, many, "1"], false));
        }
        let [ours, typed, bare] = [ours, typed, bare].map(|figures| medians(&figures));
        let mut rate = |label: &str, baseline: &Figures, figure: usize, aim| {
            report.ratio(label, per_second(many, ours[figure]), per_second(many, baseline[figure]), aim);
        };
        rate(&format!("{query}, events per CPU second"), &typed, 1, Aim::Least(0.6));
        rate("  events per second", &typed, 0, Aim::None);
        rate("  per CPU second, typed without delivery", &bare, 1, Aim::None);
    }
}

/// Measures the subject that is named.
pub fn measure(subject: &[String]) -> Vec<f64> {
    let subject: Vec<&str> = subject.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match subject[..] {
        ["made", events] => {
            let clock = Stopwatch::start();
            events::pass(number(events), drop);
            figures(&clock).into()
        }
        ["typed", query, events, _] => typed::run(query, number(events), Ending::Delivered),
        ["typed-bare", query, events, _] => typed::run(query, number(events), Ending::Dropped),
        ["typed", query, events, _, _] => typed::run(query, number(events), Ending::Summed),
        [kind, query, count, workers, ref sum @ ..] => {
            let events = match kind {
                "live" => Events::Live,
                "by-second" => Events::MadeBefore(Duration::from_secs(1)),
                _ => Events::MadeBefore(Settings::default().refresh),
            };
            engine::run(query, number(count), number(workers) as usize, events, !sum.is_empty())
        }
        _ => panic!("{subject:?} is nothing to measure"),
    }
}

/// What was measured until now.
pub fn figures(clock: &Stopwatch) -> Figures {
    let cost = clock.cost();
    [cost.wall, cost.cpu, peak_bytes()]
}

/// What a view holds, as one number: rows in, rows out, each by its values as integers.
#[derive(Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    /// A row comes or goes.
    pub fn add(&mut self, values: impl IntoIterator<Item = i64>, diff: i64) {
        let mixed = values
            .into_iter()
            .fold(1u64, |sum, value| (sum ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
        self.0 = self.0.wrapping_add(mixed.wrapping_mul(diff as u64));
    }

    fn add_row(&mut self, row: &Row, diff: i64) {
        self.add(row.unpack().iter().map(integer), diff);
    }

    /// As a figure, which has 53 bits.
    pub fn figure(self) -> f64 {
        (self.0 >> 11) as f64
    }
}

/// Texts are their lengths, and numbers lose what stands behind the point.
fn integer(value: &Datum) -> i64 {
    match value {
        Datum::Int8(number) | Datum::Timestamptz(number) => *number,
        Datum::Text(text) => text.len() as i64,
        Datum::Numeric(number) => {
            let shown = number.to_string();
            shown.split('.').next().and_then(|whole| whole.parse().ok()).expect("a number")
        }
        other => panic!("{other:?} is in none of these views"),
    }
}
