//! Views as timely and differential dataflow: the only room that names them.
//!
//! A `Program` says which relations come in, which views are made of them and who is told their changes; `Dataflow::start` runs
//! it on worker threads until `shutdown`. Sources put ticks in through `Sender`s, which block while too much is on its way.
//!
//! Reading order: `program` (what is asked for), `blueprint` (checked and ordered), `render` and `sides` (from plans to operators),
//! `key`, `sort`, `slab`, `linear`, `arrange` and `table` (rows and keys in memory), `operators`, then `ingest` and `worker` (how it runs).

mod arrange;
mod blueprint;
mod chunker;
mod content;
mod evaluate;
mod fault;
mod footprint;
mod hash;
mod held;
mod holding;
mod ingest;
mod key;
mod linear;
mod native;
mod net;
mod operators;
pub mod prelude;
mod program;
mod recursion;
mod render;
mod shape;
mod sides;
mod slab;
mod sort;
mod state;
mod table;
mod types;
mod upkeep;
mod worker;

pub use evaluate::evaluate;
pub use held::held;
pub use ingest::{Closed, Sender};
pub use native::{Build, NativeInputs, NativeView, rehearse};
pub use net::{Netting, net_rows};
pub use program::{
    DataflowError, Export, InputRelation, Kept, OnError, Program, Settings, Unique, error_schema, errors_of,
};
pub use types::empty;
pub use worker::{Dataflow, OperatorStats, Peeked, RelationStats};
