//! What a running view set shows of itself: one line per source, view and sink.

use super::sources::{RunningSource, SourceState};
use crate::dataflow::OperatorStats;
use crate::source::KeptSlot;
use crate::value::Time;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Everything at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// The sources.
    pub sources: Vec<SourceStatus>,
    /// The views that are maintained.
    pub views: Vec<ViewStatus>,
    /// The sinks.
    pub sinks: Vec<SinkStatus>,
    /// The store, if there is one.
    pub store: Option<StoreStatus>,
    /// What operators hold.
    pub operators: Vec<OperatorStatus>,
}

/// Where a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// What the store has of it is being read.
    Loading,
    /// It is reading what was there at the start.
    Snapshot,
    /// It follows its input.
    Following,
    /// Its input has ended.
    Ended,
    /// It stopped, and why.
    Failed(String),
}

/// A frontier as shown: none yet, a time, or the end of all inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reached {
    /// Nothing yet.
    Nothing,
    /// Everything below this time.
    Time(Time),
    /// Everything: the inputs have ended.
    End,
}

impl Reached {
    /// How far it lies behind this moment.
    pub fn lag(self, now: Time) -> Option<Duration> {
        match self {
            Reached::Time(time) => Some(Duration::from_micros(now.saturating_sub(time))),
            Reached::Nothing | Reached::End => None,
        }
    }

    /// Times within a day of the epoch are those of snapshots: nothing of the timeline is reached yet.
    pub(super) fn from_frontier(frontier: Option<Time>) -> Reached {
        const DAY: Time = 86_400_000_000;
        match frontier {
            None => Reached::End,
            Some(..DAY) => Reached::Nothing,
            Some(time) => Reached::Time(time),
        }
    }
}

/// A source's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// Rows of the snapshot read so far.
    pub snapshot_rows: u64,
    /// Rows the snapshot is estimated to have; 0 if unknown.
    pub snapshot_estimate: u64,
    /// Changes read since.
    pub changes: u64,
    /// Reconnects after a failure.
    pub reconnects: u64,
    /// Late events.
    pub late: u64,
    /// Records that could not be understood.
    pub rejected: u64,
    /// The frontier it has announced.
    pub frontier: Reached,
    /// What that waits for, if the source said so.
    pub held_by: Option<String>,
    /// The replication slot that is kept for the store, as it was seen last.
    pub slot: Option<KeptSlot>,
}

/// Whether a view moves on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewState {
    /// It does.
    Running,
    /// All its inputs have ended.
    Ended,
    /// It stands still, as a source that it is computed from has stopped; and why.
    Stopped(String),
}

/// A view's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ViewStatus {
    /// Its name.
    pub name: String,
    /// Rows it has.
    pub rows: i64,
    /// Changes so far.
    pub changes: u64,
    /// Rows of its error relation.
    pub errors: i64,
    /// Why it does not have all that there was of streams when it began in this run, in sentences.
    #[serde(default)]
    pub partial: Vec<String>,
    /// Whether rows are missing in it: those of its error relation, or of one that belongs to what it is computed from.
    pub degraded: bool,
    /// Its frontier.
    pub frontier: Reached,
    /// Whether it moves on.
    pub state: ViewState,
}

/// A store's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Where it is.
    pub directory: String,
    /// Drawn when it was made.
    pub incarnation: String,
    /// Bytes in its log.
    pub log_bytes: u64,
    /// Bytes of what the log before was merged into.
    pub merged_bytes: u64,
}

/// What the operators of one name hold that were built for a relation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OperatorStatus {
    /// The relation.
    pub relation: String,
    /// Their name.
    pub operator: String,
    /// Updates held.
    pub updates: i64,
    /// Bytes held.
    pub bytes: i64,
}

/// A sink's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// The relation it shows.
    pub view: String,
    /// Whether the target answers.
    pub connected: bool,
    /// Changes the target has acknowledged.
    pub rows: u64,
    /// Changes that wait for it.
    pub pending_rows: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Deliveries tried again.
    pub retries: u64,
    /// Rows the target has refused for good.
    pub rejected: u64,
    /// The frontier acknowledged last.
    pub acknowledged: Reached,
    /// From commit to acknowledgement: median.
    pub p50: Option<Duration>,
    /// From commit to acknowledgement: 99 of 100 are faster.
    pub p99: Option<Duration>,
    /// What went wrong last, if the target has not answered since.
    pub error: Option<String>,
}

/// A source's line.
pub(super) fn source_status(source: &RunningSource) -> SourceStatus {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let frontier = Reached::from_frontier(source.sent.frontier());
    let phase = match &source.state {
        SourceState::Running(_) if source.progress.loading.load(Ordering::Relaxed) => Phase::Loading,
        SourceState::Running(_) if frontier == Reached::Nothing => Phase::Snapshot,
        SourceState::Running(_) => Phase::Following,
        SourceState::Ended => Phase::Ended,
        SourceState::Failed(failure) => Phase::Failed(failure.to_string()),
    };
    let progress = &source.progress;
    SourceStatus {
        name: source.name.clone(),
        phase,
        snapshot_rows: read(&progress.snapshot_rows),
        snapshot_estimate: read(&progress.snapshot_estimate),
        changes: read(&progress.changes),
        reconnects: read(&progress.reconnects),
        late: read(&progress.late),
        rejected: read(&progress.rejected),
        frontier,
        held_by: progress.held(),
        slot: progress.kept(),
    }
}

pub(super) fn operator_status(stats: OperatorStats) -> OperatorStatus {
    let OperatorStats { relation, operator, updates, bytes } = stats;
    OperatorStatus { relation: relation.to_string(), operator: operator.to_string(), updates, bytes }
}
