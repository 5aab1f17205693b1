//! The one timeline: positions become times, arrivals get verdicts, changes are sealed into ticks.

mod step;
mod tick;

pub use step::Step;
pub use tick::{Batch, DataError, RelationId, SourceId, Tick, Upsert, UpsertKind};
