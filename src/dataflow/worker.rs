//! A running dataflow: its worker threads and the doors into them.

use super::program::{DataflowError, Program, Settings};
use crate::timeline::{SourceId, Tick};
use crate::value::{Diff, RelationName, Row, Time};

/// A running dataflow. Dropping it shuts it down.
pub struct Dataflow {}

/// Where a source's ticks enter.
pub struct Sender {}

/// The dataflow takes no more ticks: it failed or is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dataflow takes no more ticks")]
pub struct Closed;

/// How far a relation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationStats {
    /// Which.
    pub relation: RelationName,
    /// Rows it holds, counted as changes pass.
    pub rows: i64,
    /// Changes that have passed.
    pub changes: u64,
    /// Its frontier; `None` when it has ended.
    pub frontier: Option<Time>,
}

impl Dataflow {
    /// Builds the program on every worker and runs it.
    pub fn start(_settings: Settings, _program: Program) -> Result<Dataflow, DataflowError> {
        Err(DataflowError::Failed("the dataflow cannot run programs yet".into()))
    }

    /// The door for a source's ticks. One sender per source.
    pub fn sender(&self, _source: SourceId) -> Sender {
        Sender {}
    }

    /// A relation's frontier; `None` when it has ended (or there is no such relation).
    pub fn frontier(&self, _relation: &RelationName) -> Option<Time> {
        None
    }

    /// The content of a peekable relation at the last frontier told, which is returned with it; `None` if the relation is
    /// not peekable or has not reached its first real frontier.
    pub fn peek(&self, _relation: &RelationName) -> Option<(Option<Time>, Vec<(Row, Diff)>)> {
        None
    }

    /// Counts for every relation.
    pub fn stats(&self) -> Vec<RelationStats> {
        Vec::new()
    }

    /// Why the dataflow failed, if it did: all workers have then left.
    pub fn failed(&self) -> Option<String> {
        None
    }

    /// Stops all workers and drops what they hold, without closing the inputs: nobody is told anything more.
    pub fn shutdown(self) {}
}

impl Sender {
    /// Puts one tick in. Blocks while the source's changes on their way exceed the budget.
    pub fn send(&mut self, _tick: Tick) -> Result<(), Closed> {
        Err(Closed)
    }
}
