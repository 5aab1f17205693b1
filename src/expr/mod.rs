//! Expressions over the columns of a row: typed, and with Postgres's meaning.

mod aggregate;
mod function;
mod scalar;

pub use aggregate::AggregateFunction;
pub use function::Function;
pub use scalar::{EvalError, Scalar};
