//! The one timeline: positions become times, arrivals get verdicts, changes are sealed into ticks.

mod arrivals;
mod clock;
mod grid;
mod partitions;
mod reorder;
mod step;
mod tick;
mod verdict;

pub use arrivals::Arrivals;
pub use clock::{Pace, now, wall};
pub use grid::{cell_end, cell_start, last_instant};
pub use partitions::{PartitionId, Partitions};
pub use reorder::Reorder;
pub use step::Step;
pub use tick::{Batch, DataError, Partial, RelationId, Rereads, Resume, SourceId, Tick, Upsert, UpsertKind};
pub use verdict::{Disorder, Judge, Verdict};
