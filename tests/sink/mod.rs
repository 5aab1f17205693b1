//! The sinks against real targets.

mod contract;
mod jsonl;
mod keys;
mod model;
mod opensearch;
mod postgres;
mod program;
mod redis;
mod rejected;
mod swap;
mod tantivy;
mod target;
