//! Aggregates.

/// An aggregate function with its types.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateFunction;
