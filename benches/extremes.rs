//! Greatest values and first rows of groups over events that are never retracted, against the same over a table.

use crate::Scale;
use crate::engine::{Engine, Table};
use crate::measure::{Stopwatch, in_child, medians, resident_bytes, settle};
use crate::report::{Aim, Report};
use tidegate::value::{Datum, Row, Type};

const EXTREMES: &str =
    "CREATE VIEW shown AS SELECT kind, min(amount) AS least, max(amount) AS greatest FROM events GROUP BY kind";
const TOP: &str = "CREATE VIEW shown AS SELECT kind, id, amount FROM
(SELECT kind, id, amount, row_number() OVER (PARTITION BY kind ORDER BY amount DESC) AS place FROM events) AS e WHERE place <= 10";

const GROUPS: i64 = 1000;
/// Events in one tick.
const CHUNK: i64 = 1000;

/// CPU seconds for all events; bytes resident at the end.
type Figures = [f64; 2];

/// Runs each view over either kind of relation and reports.
pub fn run(scale: Scale, report: &mut Report) {
    report.section("Extremes of groups of append-only events (baseline: the same over a table)");
    let events: i64 = scale.pick(100_000, 1_000_000);
    let runs = scale.pick(1, 3);
    for (label, view) in [("min and max", "extremes"), ("first ten of each group", "top")] {
        let measured = |kind: &str| -> Figures {
            let run = |_| in_child(&["extremes", view, kind, &events.to_string()], true);
            medians(&(0..runs).map(run).collect::<Vec<Figures>>())
        };
        let (stream, table) = (measured("stream"), measured("table"));
        let rate = |figures: &Figures| events as f64 / figures[0];
        report.ratio(&format!("{label}: events per CPU second"), rate(&stream), rate(&table), Aim::None);
        let held = |figures: &Figures| figures[1] / events as f64;
        report.ratio(&format!("{label}: bytes resident per event"), held(&stream), held(&table), Aim::None);
    }
}

/// Measures the view, the kind and the number of events that are named.
pub fn measure(subject: &[String]) -> Figures {
    let [view, kind, events] = subject else { panic!("a view, a kind and a number of events") };
    let events: i64 = events.parse().expect("a number");
    let columns = vec![("id", Type::Int8), ("kind", Type::Int8), ("amount", Type::Int8)];
    let table = Table { name: "events", columns, key: vec![0], append_only: kind == "stream" };
    let view = if view == "top" { TOP } else { EXTREMES };
    let mut engine = Engine::start(vec![table], view);
    let resident = resident_bytes();
    let clock = Stopwatch::start();
    let mut shown = 0;
    for from in (0..events).step_by(CHUNK as usize) {
        // Multiplying by an odd number spreads the amounts.
        let amount = |id: i64| (id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) as u64 >> 24) as i64;
        let event = |id: i64| (Row::pack(&[id, id % GROUPS, amount(id)].map(Datum::Int8)), 1);
        let told = engine.put(vec![(from..from + CHUNK).map(event).collect()]);
        shown += told.iter().map(|(_, _, diff)| diff).sum::<i64>();
    }
    assert_eq!(shown, if view == TOP { 10 * GROUPS } else { GROUPS });
    settle();
    [clock.cost().cpu, resident_bytes() - resident]
}
