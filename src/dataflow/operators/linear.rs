//! Filters and maps, as one pass.

use crate::dataflow::fault::{self, Fault};
use crate::dataflow::linear::Linear;
use crate::dataflow::types::{Errors, Rows};
use crate::value::Row;
use differential_dataflow::AsCollection;
use timely::dataflow::operators::vec::Map;

/// The rows a program makes of a collection's rows, and the errors, if there can be any.
pub fn linear<'s>(rows: Rows<'s>, program: &Linear, fault: Fault) -> (Rows<'s>, Option<Errors<'s>>) {
    if program.is_identity() { (rows, None) } else { padded(rows, Row::default(), program, fault) }
}

/// As `linear`, for a program that reads two rows, the second of which is always the same.
pub fn padded<'s>(rows: Rows<'s>, second: Row, program: &Linear, fault: Fault) -> (Rows<'s>, Option<Errors<'s>>) {
    let mut evaluator = program.compile();
    let mut evaluate = move |row: &Row| row.with_bytes(|row| second.with_bytes(|second| evaluator.row(row, second)));
    if !program.is_fallible() {
        let rows =
            rows.inner.flat_map(move |(row, time, diff)| evaluate(&row).ok().flatten().map(|row| (row, time, diff)));
        return (rows.as_collection(), None);
    }
    let outcomes = rows.inner.flat_map(move |(row, time, diff)| {
        let outcome = evaluate(&row).map_err(|error| fault.report(error, &row)).transpose();
        outcome.map(|outcome| (outcome, time, diff))
    });
    let (rows, errors) = fault::split(outcomes.as_collection());
    (rows, Some(errors))
}
