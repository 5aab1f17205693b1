//! `Scalar`: a typed expression over one row.

use super::Function;
use crate::value::{Datum, Type};

/// A typed expression over the columns of a row. Built by the binder, which inserts every cast: evaluation never coerces.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A column of the input, by position.
    Column(usize, Type),
    /// A constant.
    Literal(Datum, Type),
    /// A function, operator or cast on its arguments, left to right. Functions that are strict give null for a null argument.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, of the types it expects.
        arguments: Vec<Scalar>,
        /// The result's type.
        ty: Type,
    },
    /// Three-valued `AND`: false if any is false, else null if any is null. Stops at the first false.
    And(Vec<Scalar>),
    /// Three-valued `OR`. Stops at the first true.
    Or(Vec<Scalar>),
    /// The first branch whose condition is true; nothing else is evaluated. A simple `CASE x WHEN` is bound to equalities.
    Case {
        /// Condition and result.
        branches: Vec<(Scalar, Scalar)>,
        /// Otherwise; a null literal if left out.
        otherwise: Box<Scalar>,
        /// The result's type.
        ty: Type,
    },
    /// The first that is not null; later ones are not evaluated.
    Coalesce(Vec<Scalar>, Type),
}

/// Why an expression has no value for a row: a data error with Postgres's SQLSTATE and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct EvalError {
    /// The SQLSTATE, e.g. `22012` for division by zero.
    pub code: &'static str,
    /// Postgres's message.
    pub message: String,
}
