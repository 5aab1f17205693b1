//! Views as timely and differential dataflow: the only room that names them.
//!
//! A `Program` says which relations come in, which views are made of them and who is told their changes; `Dataflow::start` runs
//! it on worker threads until `shutdown`. Sources put ticks in through `Sender`s, which block while too much is on its way.

mod native;
pub mod prelude;
mod program;
mod types;
mod worker;

pub use native::{Build, NativeInputs, NativeView};
pub use program::{DataflowError, Export, InputRelation, OnError, Program, Settings, error_schema, errors_of};
pub use worker::{Closed, Dataflow, RelationStats, Sender};
