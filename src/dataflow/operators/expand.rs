//! Rows with the rows that table functions return for them, in one pass with what follows.
//!
//! The columns of a function's rows lie encoded in a buffer. A program reads an input row and one of these as it would the two
//! rows of a join: nothing is built but the rows that come out.

use super::fold_each::FoldEach;
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::linear::{Evaluator, Linear};
use crate::dataflow::types::{Errors, Outcome, Rows};
use crate::expr::{Cells, EvalError, TableFunction};
use crate::plan::Expansion;
use crate::value::{Column, Datum, Row, RowBuilder, encoding};
use differential_dataflow::AsCollection;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

/// What a program makes of rows of these columns and what belongs to them.
pub fn expand<'s>(
    rows: Rows<'s>,
    columns: &[Column],
    expansion: &Expansion,
    program: &Linear,
) -> (Rows<'s>, Option<Errors<'s>>) {
    let mut expander = Expander::new(columns, expansion, program);
    if !expansion.is_fallible() && !program.is_fallible() {
        let expanded = rows.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Expand", |_, _| {
            move |input, output| {
                input.for_each(|time, data| {
                    let mut session = output.session(&time);
                    for (row, time, diff) in data.drain(..) {
                        let give =
                            |outcome: Outcome| outcome.into_iter().for_each(|row| session.give((row, time, diff)));
                        row.with_bytes(|row| expander.expand(row, give));
                    }
                });
            }
        });
        return (expanded.as_collection(), None);
    }
    let outcomes = rows.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Expand", |_, _| {
        move |input, output| {
            input.for_each(|time, data| {
                let mut session = output.session(&time);
                for (row, time, diff) in data.drain(..) {
                    row.with_bytes(|row| expander.expand(row, |outcome: Outcome| session.give((outcome, time, diff))));
                }
            });
        }
    });
    let (rows, errors) = fault::split(outcomes.as_collection());
    (rows, Some(errors))
}

/// A call with its working memory.
struct Call {
    function: TableFunction,
    arguments: Evaluator,
    columns: Vec<Column>,
    rows: Cells,
    /// What stands in the place of its columns where it has no row.
    nulls: Box<[u8]>,
}

impl Call {
    fn run(&mut self, row: &[u8]) -> Result<(), EvalError> {
        self.rows.clear();
        let arguments = self.arguments.columns(row, &[])?.unwrap_or_default();
        self.function.call(arguments, &self.columns, &mut self.rows)
    }
}

struct Expander {
    calls: Vec<Call>,
    ordinality: bool,
    /// Whether a row that nothing belongs to stays, with these in the place of what would.
    alone: Option<Box<[u8]>>,
    on: Option<Evaluator>,
    fold: Option<FoldEach>,
    program: Evaluator,
    /// Of the input's columns, and of those with what belongs to them.
    faults: (Fault, Fault),
    beside: RowBuilder,
}

impl Expander {
    fn new(columns: &[Column], expansion: &Expansion, program: &Linear) -> Expander {
        let width = columns.len();
        let calls = expansion.calls.iter().map(|call| {
            let mut arguments = Linear::identity(width);
            arguments.map(&call.arguments);
            let (function, columns) = (call.function, call.columns.clone());
            Call {
                function,
                arguments: arguments.compile(),
                nulls: nulls(columns.len()),
                columns,
                rows: Cells::default(),
            }
        });
        let on = expansion.outer.as_ref().filter(|conditions| !conditions.is_empty()).map(|conditions| {
            let mut on = Linear::pair(width, expansion.width());
            on.filter(conditions);
            on.compile()
        });
        let fold = expansion.fold.as_ref().map(|fold| FoldEach::new(fold, width, expansion.returned()));
        let both: Vec<Column> = columns.iter().cloned().chain(expansion.columns()).collect();
        Expander {
            calls: calls.collect(),
            ordinality: expansion.ordinality,
            alone: expansion.outer.is_some().then(|| nulls(expansion.width())),
            on,
            fold,
            program: program.compile(),
            faults: (Fault::new(columns), Fault::new(&both)),
            beside: RowBuilder::default(),
        }
    }

    /// Gives what comes of a row.
    fn expand(&mut self, row: &[u8], mut give: impl FnMut(Outcome)) {
        if let Err(error) = self.calls.iter_mut().try_for_each(|call| call.run(row)) {
            return give(Err(self.faults.0.report_bytes(error, row, &[])));
        }
        if self.fold.is_some() {
            return match self.folded(row) {
                Ok(folded) => folded.into_iter().for_each(|row| give(Ok(row))),
                Err(error) => give(Err(self.faults.0.report_bytes(error, row, &[]))),
            };
        }
        let count = self.count();
        let mut alone = true;
        for number in 0..count {
            let Expander { calls, ordinality, on, program, faults, beside, .. } = self;
            let added = match calls.as_slice() {
                [call] if !*ordinality => call.rows.row(number).unwrap_or(&call.nulls),
                calls => beside_each_other(calls, number, *ordinality, beside),
            };
            let passes = on.as_mut().map_or(Ok(true), |on| on.columns(row, added).map(|passed| passed.is_some()));
            let outcome = passes.and_then(|passes| if passes { program.row(row, added).map(Some) } else { Ok(None) });
            match outcome {
                Ok(None) => continue,
                Ok(Some(row)) => row.into_iter().for_each(|row| give(Ok(row))),
                Err(error) => give(Err(faults.1.report_bytes(error, row, added))),
            }
            alone = false;
        }
        if let Some(nulls) = self.alone.as_ref().filter(|_| alone) {
            let outcome = self.program.row(row, nulls).transpose();
            outcome.into_iter().for_each(|outcome| {
                give(outcome.map_err(|error| self.faults.1.report_bytes(error, row, nulls)));
            });
        }
    }
}

impl Expander {
    /// How many rows belong to a row for which the calls ran.
    fn count(&self) -> usize {
        self.calls.iter().map(|call| call.rows.len()).max().unwrap_or(0)
    }

    /// What comes of a row for which the calls ran, and the aggregates of what they returned.
    fn folded(&mut self, row: &[u8]) -> Result<Option<Row>, EvalError> {
        let count = self.count();
        let Expander { calls, ordinality, fold: Some(fold), program, beside, .. } = self else { return Ok(None) };
        fold.clear();
        for number in 0..count {
            fold.take(row, beside_each_other(calls, number, *ordinality, beside))?;
        }
        beside.clear();
        fold.finish(beside)?;
        program.row(row, beside.bytes())
    }
}

fn nulls(columns: usize) -> Box<[u8]> {
    vec![encoding::NULL; columns].into()
}

/// The rows of that number of all calls as one, and the number.
fn beside_each_other<'b>(calls: &[Call], number: usize, ordinality: bool, beside: &'b mut RowBuilder) -> &'b [u8] {
    beside.clear();
    for call in calls {
        beside.push_encoded(call.rows.row(number).unwrap_or(&call.nulls));
    }
    if ordinality {
        beside.push(&Datum::Int8(number as i64 + 1));
    }
    beside.bytes()
}
