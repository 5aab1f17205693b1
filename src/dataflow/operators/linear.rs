//! Filters and maps, as one pass.

use crate::dataflow::fault::{self, Fault};
use crate::dataflow::linear::Linear;
use crate::dataflow::types::{Errors, Rows};
use crate::value::{Column, Diff, Row, Time};
use differential_dataflow::AsCollection;
use timely::dataflow::Stream;
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

/// Rows, and the filters and maps through which an operator reads them.
pub struct Read<'s> {
    /// The rows.
    pub rows: Rows<'s>,
    /// Their columns.
    pub columns: Vec<Column>,
    /// What becomes of them.
    pub program: Linear,
}

impl<'s> Read<'s> {
    /// What becomes of the rows.
    pub fn rows(self) -> (Rows<'s>, Option<Errors<'s>>) {
        linear(self.rows, &self.program, Fault::new(&self.columns))
    }

    /// What `make` makes of the columns that the rows become. No row is made of these.
    pub fn each<X: 'static>(
        self,
        mut make: impl FnMut(&[u8], Time, Diff) -> Option<X> + 'static,
    ) -> (Stream<'s, Time, Vec<X>>, Option<Errors<'s>>) {
        if self.program.is_identity() || self.program.is_fallible() {
            let (rows, errors) = self.rows();
            return (rows.inner.flat_map(move |(row, time, diff)| row.with_bytes(|row| make(row, time, diff))), errors);
        }
        let mut evaluator = self.program.compile();
        let made = self.rows.inner.flat_map(move |(row, time, diff)| {
            let columns = row.with_bytes(|row| evaluator.columns(row, &[]).ok().flatten());
            columns.and_then(|columns| make(columns, time, diff))
        });
        (made, None)
    }
}
