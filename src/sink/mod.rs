//! Where a view's changes go. A sink runs on threads of its own (`runner.rs`, `calls.rs`) and is told frontiers.
//!
//! Contract, which every sink must pass (`tests/sink/contract.rs`): what the target shows is the view's content at one frontier,
//! never a mixture; told the same changes again, it changes nothing; at start the target is reconciled with the view, and nothing
//! that is right already is rewritten. A target that refuses single rows shows all others, and it is known which it lacks (`rejected.rs`).

mod beginning;
mod calls;
mod difference;
mod generations;
pub mod jsonl;
mod keyed;
mod mark;
pub mod opensearch;
mod pending;
pub mod postgres;
mod progress;
pub mod redis;
pub mod rejected;
pub mod runner;
pub mod tantivy;

pub use crate::timeline::Step;
pub use beginning::Beginning;
pub use difference::{Difference, Part, Sample};
pub use generations::{Deploy, Shown};
pub use keyed::{KeyTemplate, SinkKey};
pub use mark::{Mark, Owner, content, fingerprint};
pub use progress::{Latency, SinkProgress};

use crate::value::{Diff, RelationName, Row, Schema, Time};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The view a sink shows.
#[derive(Clone, Debug)]
pub struct SinkView {
    /// Its name.
    pub name: RelationName,
    /// Its columns. `schema.key` is the key that was proven, if one was; a sink's configuration may declare another.
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

/// What a target is given at once: the difference between the frontier it shows and the next it shall show.
#[derive(Debug)]
pub struct Delivery {
    /// For keyed sinks: `(key, change)`, each key at most once, in no particular order.
    pub keyed: Vec<(Row, KeyedChange)>,
    /// For the others: `(row, time, diff)`, ordered by time.
    pub changes: Vec<(Row, Time, Diff)>,
    /// The frontier to show; `None` when all inputs have ended.
    pub frontier: Option<Time>,
    /// Whether this is the view's whole content, with which the target is to be reconciled.
    pub first: bool,
    /// What the target is to keep beside the data, and to give back when it is opened.
    pub mark: Mark,
}

/// A target that could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The mark it keeps.
    pub mark: Option<String>,
    /// Why it is compared with the view at a start although the mark is right, if it is: in words.
    pub anew: Option<&'static str>,
    /// What else there is to know about it.
    pub note: Option<String>,
}

/// Why a sink could not take a delivery.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The configuration or the view's shape is wrong: exit 78.
    #[error("{0}")]
    Config(String),
    /// The target is out of reach or refuses for now: tried again with backoff.
    #[error("{0}")]
    Transient(String),
    /// An operator must act: exit 80.
    #[error("{0}")]
    Operator(String),
}

/// A kind of sink. Called on a thread of its own; calls may block, but not for ever.
pub trait Sink: Send {
    /// The key if the target has one row per key: deliveries then come as `keyed`, otherwise as `changes`.
    fn key(&self) -> Option<&SinkKey>;

    /// What besides the view decides how the target shows rows, such as a key template: of another form is other content.
    fn form(&self) -> String;

    /// Told before the target is opened: the fingerprint of the view and the form, which the marks will have.
    fn set_meaning(&mut self, _fingerprint: &str) {}

    /// Told after that, if there is a store: where the rows are kept that the target refuses.
    fn keep_rejected(&mut self, _path: &Path) {}

    /// Connects, checks, and reads the mark the target keeps, if it has one. Called before the first delivery, and again after
    /// every error before the delivery is repeated. From here on, and as long as no error is returned, only this sink writes to
    /// the target: if somebody else does, the next delivery must fail.
    fn open(&mut self) -> Result<Option<String>, SinkError>;

    /// Looks at the target, and reads the mark it keeps, without changing it or disturbing whoever writes to it. Nothing if that
    /// cannot be known before it is opened.
    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        Ok(None)
    }

    /// Compares what the target shows with these rows of the view, each with its count, as when it is reconciled, without changing
    /// it or disturbing whoever writes to it. Nothing if that cannot be known before it is opened.
    fn compare(&mut self, _rows: &[(Row, Diff)]) -> Result<Option<Difference>, SinkError> {
        Ok(None)
    }

    /// Makes the target show the view at `delivery.frontier` and keep `delivery.mark`, durably and all at once. After a transient
    /// error, when it may be unknown whether the target took it, the same delivery, or one merged from it and what followed, is
    /// given again.
    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError>;

    /// How long changes may be collected for one delivery; zero: deliver as soon as possible.
    fn commit_interval(&self) -> Duration {
        Duration::ZERO
    }

    /// How many of the view's rows the target refuses, so that it does not show them.
    fn rejected(&self) -> u64 {
        0
    }
}
