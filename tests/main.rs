//! The one test binary: every integration test is a module of it, so that the library is linked once.

mod architecture;
mod cli;
mod clocks;
mod config;
mod expr_semantics;
mod failpoints;
mod faults;
mod full_disk;
mod life;
mod offline;
mod oracle;
mod restart;
mod restart_changed;
mod restart_merged;
mod restart_streams;
mod sink;
mod source;
mod sql;
mod store;
mod streams;
mod support;
mod value_roundtrip;
mod verbs;
mod views;
mod why;

#[global_allocator]
static ALLOCATOR: support::allocation::Counting = support::allocation::Counting;
