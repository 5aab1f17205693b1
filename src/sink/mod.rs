//! Where a view's changes go. A sink runs on a thread of its own and is told frontiers.
//!
//! Contract, which every sink must pass (`tests/sink/contract.rs`): what the target shows is the view's content at one frontier,
//! never a mixture; told the same changes again, it changes nothing; at start the target is reconciled with the view, and nothing
//! that is right already is rewritten.

pub use crate::timeline::Step;
use crate::value::{RelationName, Row, Schema};
use std::sync::Arc;

/// The view a sink shows.
#[derive(Clone, Debug)]
pub struct SinkView {
    /// Its name.
    pub name: RelationName,
    /// Its columns. For a keyed sink `schema.key` is the key, derived or declared.
    pub schema: Arc<Schema>,
}

/// What a keyed target is to do with one key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyedChange {
    /// The key's row is this now.
    Put(Row),
    /// The key has no row now.
    Delete,
}

/// Why a sink could not take a step.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The configuration or the view's shape is wrong: exit 78.
    #[error("{0}")]
    Config(String),
    /// The target is out of reach or refuses for now: the step is tried again with backoff.
    #[error("{0}")]
    Transient(String),
    /// An operator must act: exit 80.
    #[error("{0}")]
    Operator(String),
}

/// A kind of sink. Called on the sink's own thread; calls may block.
pub trait Sink: Send {
    /// Connects and checks. Called again after a transient error before the step is tried again.
    fn open(&mut self) -> Result<(), SinkError>;

    /// Applies a step. On return the target shows the view at `step.frontier`, or will at the next `flush` (a commit interval).
    /// After a transient error the same step, or one merged from it and its successors, is given again.
    fn apply(&mut self, step: &Step) -> Result<(), SinkError>;

    /// Makes everything applied durable and visible. Called at least when the commit interval has passed and at shutdown.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// How long applied steps may wait for a `flush`; zero if `apply` itself makes them visible.
    fn commit_interval(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    /// Whether the target has one row per key: steps are then consolidated per key while the target is out of reach.
    fn is_keyed(&self) -> bool;
}
