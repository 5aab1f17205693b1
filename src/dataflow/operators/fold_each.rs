//! Aggregates of the rows that functions return for one row: computed at once, and forgotten.

use super::fold::Fold;
use super::reduce::guarded;
use crate::dataflow::linear::{Evaluator, Linear};
use crate::dataflow::slab::Bytes;
use crate::expr::{AggregateFunction, EvalError, Scalar};
use crate::plan::{Aggregate, Folded};
use crate::value::{Datum, Diff, RowBuilder, Type};

/// The aggregates with the rows they have taken.
pub struct FoldEach(Vec<Part>);

struct Part {
    function: AggregateFunction,
    fold: Fold,
    /// Makes what the aggregate reads of a row and what a function returned for it, if that counts.
    columns: Evaluator,
    rows: Vec<Box<[u8]>>,
}

impl FoldEach {
    /// Over rows of `width` columns with those of calls, `returned` columns, behind them.
    pub fn new(folded: &Folded, width: usize, returned: usize) -> FoldEach {
        let part = |aggregate: &Aggregate| {
            let mut call = aggregate.clone();
            call.arguments = guarded(aggregate, &aggregate.arguments);
            if call.arguments.is_empty() {
                call.arguments.push(Scalar::Literal(Datum::Bool(true), Type::Bool));
            }
            let keys: Vec<Scalar> = aggregate.order.iter().map(|key| key.expression.clone()).collect();
            let read: Vec<Scalar> =
                call.arguments.iter().cloned().chain(guarded(aggregate, &keys)).chain(call.filter.clone()).collect();
            let mut columns = Linear::pair(width, returned);
            columns.filter(&folded.predicates);
            columns.map(&read);
            Part {
                function: call.function.clone(),
                fold: Fold::new(&call),
                columns: columns.compile(),
                rows: Vec::new(),
            }
        };
        FoldEach(folded.aggregates.iter().map(part).collect())
    }

    /// Takes one of the rows that belong to a row.
    pub fn take(&mut self, row: &[u8], returned: &[u8]) -> Result<(), EvalError> {
        for part in &mut self.0 {
            if let Some(taken) = part.columns.columns(row, returned)?.and_then(|columns| part.fold.encode(columns)) {
                part.rows.push(taken.with_bytes(|bytes| Box::from(bytes)));
            }
        }
        Ok(())
    }

    /// The aggregates' values; there are no rows then.
    pub fn finish(&mut self, values: &mut RowBuilder) -> Result<(), EvalError> {
        for part in &mut self.0 {
            part.rows.sort_unstable();
            let rows: Vec<(Bytes<'_>, Diff)> = part.rows.iter().map(|row| (Bytes(row), 1)).collect();
            let value = part.function.fold(&mut part.fold.rows(&rows));
            part.rows.clear();
            values.push(&value?);
        }
        Ok(())
    }

    /// Forgets what was taken.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|part| part.rows.clear());
    }
}
