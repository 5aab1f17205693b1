//! Names and types: what the words of a query mean.

pub(super) mod aggregate;
mod array;
pub(super) mod clause;
mod clock;
pub(super) mod expression;
mod frame;
pub(super) mod grouping;
mod json;
pub(super) mod label;
pub(super) mod missing;
pub(super) mod name;
mod named;
pub(super) mod operand;
pub(super) mod outer_aggregate;
mod row;
pub(super) mod scope;
pub(super) mod sort;
pub(super) mod subquery;
mod subscript;
mod syntax;
pub(super) mod table;
pub(super) mod types;
pub(super) mod window;
