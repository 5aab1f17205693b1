//! The definition is the oracle: Postgres evaluating a view's SQL over the base tables as they were at a frontier.

mod definitions;
mod frontier;
mod judge;
mod transfers;
mod workload;
