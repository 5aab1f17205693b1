//! Tidegate keeps search indexes and caches in step with Postgres.
//!
//! It reads a change feed and event streams as timestamped changes, maintains views over them incrementally, and emits the
//! changed rows to sinks. At every frontier a sink is told, its target equals the view's definition evaluated over all inputs up
//! to that frontier: no more, no less, no intermediate state.
//!
//! # The river
//!
//! ```text
//!  Postgres, streams, files                                          search index, cache, file
//!      │ transactions, events                                                   ▲ puts and deletes
//!   source ──► timeline ──ticks──► store ──► dataflow ──steps: changes + a frontier──► sink
//!                                               ▲ built from
//!                                             plan ◄── sql ◄── *.sql
//! ```
//!
//! Rows flow one way. Reading order: [`value`] (what a row is) and [`timeline`] (what a tick and a step are); then along the
//! river [`source`], [`store`], [`dataflow`], [`sink`]; beside it [`expr`], [`plan`] and [`sql`] (what views mean); above it [`engine`]
//! (who starts what), [`serve`] (who may ask), [`config`] and [`view_set`] (how a view set is written: as a directory, or in Rust) and [`cli`].
//!
//! # A view set in Rust
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use tidegate::dataflow::prelude::Diff;
//! use tidegate::{Collection, Failure, ViewSet};
//!
//! #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
//! struct Order {
//!     customer_id: i64,
//!     cents: i64,
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
//! struct Spent {
//!     customer_id: i64,
//!     cents: i64,
//! }
//!
//! fn main() -> Result<(), Failure> {
//!     ViewSet::from_dir("shop")? // sources and sinks, one of them for the view `big_spenders`
//!         .view::<Spent>("spent", 1, &["customer_id"], |inputs| {
//!             let orders: Collection<'_, Order> = inputs.get("orders");
//!             let sums = orders.map(|o| (o.customer_id, o.cents)).reduce(|_, cents, sum: &mut Vec<(i64, Diff)>| {
//!                 sum.push((cents.iter().map(|(cents, count)| **cents * count).sum(), 1));
//!             });
//!             sums.map(|(customer_id, cents)| Spent { customer_id, cents })
//!         })
//!         .sql("big.sql", "CREATE VIEW big_spenders AS SELECT * FROM spent WHERE cents > 100000")
//!         .run()
//! }
//! ```

pub mod cli;
pub mod config;
pub mod dataflow;
pub mod demo;
pub mod engine;
pub mod expr;
pub mod failpoint;
pub mod finding;
pub mod pg;
pub mod plan;
pub mod quantity;
pub mod resp;
pub mod secret;
pub mod serve;
pub mod sink;
pub mod source;
pub mod sql;
pub mod store;
pub mod timeline;
pub mod value;
pub mod view_set;

pub use engine::{Exit, Failure};
pub use view_set::{Collection, Handle, Inputs, ViewSet};
