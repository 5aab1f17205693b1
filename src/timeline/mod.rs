//! The one timeline: positions become times, arrivals get verdicts, changes are sealed into ticks.

mod tick;

pub use tick::{Batch, DataError, RelationId, SourceId, Tick, Upsert, UpsertKind};
