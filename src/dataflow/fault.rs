//! Data errors: from an evaluation that failed to a row of an error relation.

use super::types::{Collection, Errors, Outcome, Rows};
use crate::expr::EvalError;
use crate::timeline::DataError;
use crate::value::{Column, Datum, Row, json};
use differential_dataflow::AsCollection;
use std::rc::Rc;
use timely::dataflow::operators::OkErr;

/// Words an error for rows of these columns.
#[derive(Clone, Debug)]
pub struct Fault {
    columns: Rc<[Column]>,
}

impl Fault {
    /// For rows of these columns.
    pub fn new(columns: &[Column]) -> Fault {
        Fault { columns: columns.into() }
    }

    /// The error that evaluating this row gave.
    #[cold]
    pub fn report(&self, error: EvalError, row: &Row) -> Box<DataError> {
        let mut input = String::new();
        json::write_row(&self.columns, row, &mut input);
        Box::new(DataError { code: error.code.to_string(), message: error.message, input })
    }

    /// As `report`, for the two rows of a join, given as bytes.
    #[cold]
    pub fn report_bytes(&self, error: EvalError, left: &[u8], right: &[u8]) -> Box<DataError> {
        self.report(error, &Row::from_bytes(&[left, right].concat()))
    }
}

/// Parts rows from errors.
pub fn split<'s>(outcomes: Collection<'s, Outcome>) -> (Rows<'s>, Errors<'s>) {
    let (rows, errors) = outcomes.inner.ok_err(|(outcome, time, diff)| match outcome {
        Ok(row) => Ok((row, time, diff)),
        Err(error) => Err((*error, time, diff)),
    });
    (rows.as_collection(), errors.as_collection())
}

/// The error a row of an error relation stands for.
pub fn row_error(row: &Row) -> DataError {
    let mut columns = row.unpack().into_iter().map(|value| match value {
        Datum::Text(text) => text.to_string(),
        _ => String::new(),
    });
    let mut next = || columns.next().unwrap_or_default();
    DataError { code: next(), message: next(), input: next() }
}
