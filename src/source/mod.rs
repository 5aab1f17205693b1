//! Where relations come from. A source runs on a thread of its own and sends ticks.
//!
//! Contract, which every source must pass: no time in a tick lies below the previous frontier; whole transactions only; nothing is skipped silently; a source that cannot go on returns an error that says what to do.

pub mod http;
pub mod jsonl;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod nats;
pub mod nexmark;
pub mod postgres;
pub mod redis;
pub mod stream;

use crate::timeline::{RelationId, Rereads, Resume, SourceId, Tick};
use crate::value::{Diff, RelationName, Row, Schema};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A relation that a source offers.
#[derive(Clone, Debug)]
pub struct SourceRelation {
    /// Its name.
    pub name: RelationName,
    /// Its shape.
    pub schema: Arc<Schema>,
    /// Whether its changes come as upserts by `schema.key` (`Batch::Upserts`) rather than as complete rows.
    pub upserts: bool,
}

/// A relation of a source as the running view set knows it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its id in ticks.
    pub id: RelationId,
    /// As `describe` gave it.
    pub relation: SourceRelation,
    /// Positions of the columns that somebody reads; `None`: all. The others (keys aside) may hold null.
    pub columns: Option<Vec<usize>>,
}

impl Wanted {
    /// Whether somebody reads the column.
    pub fn reads(&self, position: usize) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.contains(&position))
    }
}

/// Where a source sends its ticks. Blocks while the bytes in flight exceed the budget.
pub trait TickSender: Send {
    /// Sends one tick; an error means that the engine is shutting down and the source should return.
    fn send(&mut self, tick: Tick) -> Result<(), Closed>;
}

/// The engine takes no more ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine is shutting down")]
pub struct Closed;

/// Asks a source to stop; checked at least every 100 ms.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a source tells of its progress, read by the status display. Written by the source, relaxed.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows of the snapshot, or of the store, read so far.
    pub snapshot_rows: AtomicU64,
    /// Rows these are estimated to have; 0 if unknown.
    pub snapshot_estimate: AtomicU64,
    /// Whether it is the store that is read.
    pub loading: AtomicBool,
    /// Changes read since.
    pub changes: AtomicU64,
    /// Reconnects after a failure.
    pub reconnects: AtomicU64,
    /// Late events.
    pub late: AtomicU64,
    /// Records that could not be understood.
    pub rejected: AtomicU64,
    /// What its frontier waits for, see `holds`.
    held: Mutex<Option<String>>,
    /// What the server keeps for a store, see `keeps`.
    kept: Mutex<Option<KeptSlot>>,
}

/// A replication slot that stays when the source stops, as the source saw it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSlot {
    /// Its name.
    pub name: String,
    /// Bytes of WAL that the server holds back for it; nothing if it is gone, or lost.
    pub held_back_bytes: Option<u64>,
}

impl Progress {
    /// Tells what the frontier waits for, in a sentence that names the slot or partition: for `tidegate why`.
    pub fn holds(&self, sentence: String) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence);
    }

    /// What the store has of the source, about so many rows, is read from here on, or was read.
    pub fn loads(&self, rows: Option<u64>) {
        self.snapshot_rows.store(0, Ordering::Relaxed);
        self.snapshot_estimate.store(rows.unwrap_or(0), Ordering::Relaxed);
        self.loading.store(rows.is_some(), Ordering::Relaxed);
    }

    /// What was told last.
    pub fn held(&self) -> Option<String> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of the slot that is kept for a store: for `tidegate status`.
    pub fn keeps(&self, slot: KeptSlot) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    }

    /// The slot that was told of last.
    pub fn kept(&self) -> Option<KeptSlot> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a source is told of the store that keeps its ticks. A tick is durable once `TickSender::send` has returned.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Drawn when the store was made: what a server keeps for it is named after it.
    pub incarnation: String,
    /// Where the source goes on; nothing if it begins.
    pub resume: Option<Resume>,
    /// What its relations of complete rows that are not append-only held then.
    pub held: BTreeMap<RelationId, Vec<(Row, Diff)>>,
    /// Relations of which the store has nothing. The tick from whose frontier on they have their content says so (`Tick::completes`).
    pub newcomers: BTreeSet<RelationId>,
}

/// What a source is started with.
pub struct Start {
    /// Its id in ticks.
    pub source: SourceId,
    /// The relations some view or sink needs. Others are not read.
    pub wanted: Vec<Wanted>,
    /// For each stream the ids of `<stream>_late` and of `<relation>_errors` relations, by the relation they belong to.
    pub late: Vec<(RelationId, RelationId)>,
    /// See `late`.
    pub errors: Vec<(RelationId, RelationId)>,
    /// `run --once`: end (send `frontier: None`) when the position at start, or the input's end, is reached.
    pub once: bool,
    /// Whether its frontier must move on soon while nothing happens: other sources' changes may wait for it, or views read the clock.
    pub awaited: bool,
    /// The store, if there is one.
    pub stored: Option<Stored>,
    /// Where ticks go.
    pub ticks: Box<dyn TickSender>,
    /// Asks the source to stop.
    pub stop: Stop,
    /// Where progress is told.
    pub progress: Arc<Progress>,
}

/// Why a source stopped.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The configuration is wrong: exit 78.
    #[error("{0}")]
    Config(String),
    /// Out of reach after retries: exit 69.
    #[error("{0}")]
    Unavailable(String),
    /// An operator must act: exit 80. The text says what to do.
    #[error("{0}")]
    Operator(String),
    /// A record could not be understood under `on_error = "stop"`: exit 65.
    #[error("{0}")]
    Data(String),
}

impl SourceError {
    /// What the store has noted of a source under this name makes no sense to it.
    fn strange_position(name: &str, position: &str) -> SourceError {
        SourceError::Operator(format!(
            "the store's position of {name} is none of this kind of source: `{position}`. If the source's `type` was changed, give it \
             another name, and it begins anew; otherwise restore the store's directory from a copy, or remove it to begin everything anew"
        ))
    }
}

/// A kind of source. `describe` and `run` are called on the source's own thread; both may block.
pub trait Source: Send {
    /// Connects as far as needed and tells the relations with their schemas. Nothing is created yet.
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError>;

    /// What it can read again. If that is single relations, it goes on from a store that lacks some (`Stored::newcomers`).
    fn rereads(&self) -> Rereads {
        Rereads::Nothing
    }

    /// Runs until the input ends, a stop is asked for, or it cannot go on.
    fn run(&mut self, start: Start) -> Result<(), SourceError>;
}
