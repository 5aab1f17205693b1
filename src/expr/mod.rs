//! Expressions over the columns of a row: typed, and with Postgres's meaning.
//!
//! A binder names functions and operators as SQL does; `resolve_function`, `resolve_operator`, `resolve_aggregate` and `cast`
//! choose among the overloads by Postgres's rules and insert every conversion. What they give is a [`Scalar`], which evaluates
//! without any coercion of its own.

mod aggregate;
mod coercion;
mod function;
mod resolve;
mod scalar;
mod table;
mod window;

pub use aggregate::{
    Accumulator, AggregateFunction, Bits, Collect, PairStatistic, ResolvedAggregate, Spread, Values, Within,
    is_aggregate, is_within_group, resolve_aggregate,
};
pub use coercion::{Argument, CastContext, ResolveError, cast, common_type, comparable, read_opaque};
pub use function::Function;
pub use resolve::{Resolved, resolve_function, resolve_operator, resolve_variadic};
pub use scalar::{EvalError, Scalar};
pub use table::{Cells, ResolvedTable, TableFunction, is_table_function, resolve_table_function};
pub use window::{ResolvedWindow, WindowFunction, is_window, resolve_window};
