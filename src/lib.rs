//! Tidegate keeps search indexes and caches in step with Postgres.
//!
//! It reads a change feed and event streams as timestamped changes, maintains views over them incrementally, and emits the
//! changed rows to sinks. The rooms lie along the river:
//! `source` → `timeline` → `dataflow` (built from `plan`, which `sql` lowers to) → `sink`.

pub mod cli;
pub mod config;
pub mod dataflow;
pub mod engine;
pub mod expr;
pub mod pg;
pub mod plan;
pub mod quantity;
pub mod secret;
pub mod sink;
pub mod source;
pub mod sql;
pub mod timeline;
pub mod value;
pub mod view_set;
