//! An aggregate of what a function returns for a row, against the same as a join with grouped rows.

use crate::Scale;
use crate::engine::{Engine, Table};
use crate::measure::{Stopwatch, in_child, medians, resident_bytes, settle};
use crate::report::{Aim, Report};
use std::sync::Arc;
use tidegate::value::{Array, Datum, Row, Type};

const WITH_THE_ROW: &str = "CREATE VIEW shown AS SELECT id, (SELECT sum(x) FROM unnest(t.a) x) AS s FROM t";
const JOINED: &str = "CREATE VIEW shown AS SELECT id, y.s FROM t, LATERAL (SELECT sum(x) AS s FROM unnest(t.a) x) y";

/// Elements of a row's array.
const ELEMENTS: i64 = 8;
/// Rows in one tick.
const CHUNK: i64 = 1000;

/// CPU seconds for all rows; bytes resident at the end.
type Figures = [f64; 2];

/// Runs both and reports.
pub fn run(scale: Scale, report: &mut Report) {
    report.section("The sum of a row's array (baseline: as a join with grouped rows)");
    let rows: i64 = scale.pick(20_000, 200_000);
    let runs = scale.pick(1, 3);
    let measured = |way: &str| -> Figures {
        let run = |_| in_child(&["returned", way, &rows.to_string()], true);
        medians(&(0..runs).map(run).collect::<Vec<Figures>>())
    };
    let (each, joined) = (measured("each"), measured("joined"));
    let rate = |figures: &Figures| rows as f64 / figures[0];
    report.ratio("rows per CPU second", rate(&each), rate(&joined), Aim::None);
    let held = |figures: &Figures| figures[1] / rows as f64;
    report.ratio("bytes resident per row", held(&each), held(&joined), Aim::None);
}

/// Measures the way and the number of rows that are named.
pub fn measure(subject: &[String]) -> Figures {
    let [way, rows] = subject else { panic!("a way and a number of rows") };
    let rows: i64 = rows.parse().expect("a number");
    let columns = vec![("id", Type::Int8), ("a", Type::Int8.array_of())];
    let table = Table { name: "t", columns, key: vec![0], append_only: false };
    let mut engine = Engine::start(vec![table], if way == "each" { WITH_THE_ROW } else { JOINED });
    let resident = resident_bytes();
    let clock = Stopwatch::start();
    let mut shown = 0;
    for from in (0..rows).step_by(CHUNK as usize) {
        let row = |id: i64| {
            let items = (0..ELEMENTS).map(|at| Datum::Int8(id + at)).collect();
            let array = Array { element: Type::Int8, dimensions: vec![(ELEMENTS as usize, 1)], items };
            (Row::pack(&[Datum::Int8(id), Datum::Array(Arc::new(array))]), 1)
        };
        let told = engine.put(vec![(from..from + CHUNK).map(row).collect()]);
        shown += told.iter().map(|(_, _, diff)| diff).sum::<i64>();
    }
    assert_eq!(shown, rows);
    settle();
    [clock.cost().cpu, resident_bytes() - resident]
}
