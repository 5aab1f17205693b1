//! The waist: a small algebra of collection operators between SQL and the dataflow.

mod append_only;
mod clock;
mod derive;
mod equality;
mod expand;
mod explain;
mod held;
mod kept;
mod narrow;
mod rel;
pub mod rewrite;
pub mod settle;
pub mod unnest;
mod window;

pub use append_only::{append_only, append_only_views};
pub use clock::{ClockOrder, ClockTest};
pub use derive::{Properties, derive, is_nullable, products};
pub use equality::{join_key, moved};
pub use expand::{Expansion, Folded, TableCall};
pub use explain::{Schemas, explain, explain_json};
pub use held::Held;
pub use kept::{TakenOut, history, take_out};
pub use narrow::narrow;
pub use rel::{Aggregate, AggregateCall, Equality, JoinKind, Rel, RelId, SetOpKind, SortKey, View, working_schema};
pub use settle::{Emit, Hold, Horizon, Order, Settling, Timing};
pub use window::{Bound, Exclusion, Frame, FrameUnits, WindowCall};
