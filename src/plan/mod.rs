//! The waist: a small algebra of collection operators between SQL and the dataflow.

mod rel;

pub use rel::{Aggregate, AggregateCall, JoinKind, Rel, RelId, View};
