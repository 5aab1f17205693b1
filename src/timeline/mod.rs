//! The one timeline: positions become times, arrivals get verdicts, changes are sealed into ticks.

mod step;
mod reorder;
mod tick;
mod verdict;

pub use step::Step;
pub use reorder::Reorder;
pub use tick::{Batch, DataError, RelationId, SourceId, Tick, Upsert, UpsertKind};
pub use verdict::{Disorder, Judge, Verdict};
