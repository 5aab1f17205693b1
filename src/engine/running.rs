//! A running view set: watched, asked for its state, and shut down in order.
//!
//! Shutting down goes with the river: the sources finish the tick they are in, the dataflow is given time to pass it, the sinks
//! deliver what they were told. Inputs are never closed on the way: a closed input would be a statement about the future.

use super::failure::{Exit, Failure};
use super::faults::Faults;
use super::gate::Gate;
use super::sinks::RunningSink;
use super::sources::{RunningSource, SourceState};
use super::status::{
    Phase, Reached, SinkStatus, SourceStatus, Status, ViewState, ViewStatus, operator_status, source_status,
};
use super::storing::Storing;
use super::why::{Waits, Why};
use crate::dataflow::{Dataflow, Peeked, RelationStats, errors_of};
use crate::source::Stop;
use crate::timeline::{SourceId, cell_start};
use crate::value::{RelationName, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long each stage of a shutdown may take.
const GRACE: Duration = Duration::from_secs(10);
/// How often ends are looked for.
const POLL: Duration = Duration::from_millis(5);

/// A view set whose sources, workers and sinks run.
pub struct Running {
    dataflow: Dataflow,
    sources: Vec<RunningSource>,
    sinks: Vec<RunningSink>,
    kept: Option<Kept>,
    plan: Plan,
    faults: Arc<Faults>,
    gate: Arc<Gate>,
}

/// The store and the threads that work on it.
pub(super) struct Kept {
    pub(super) storing: Arc<Storing>,
    pub(super) threads: [JoinHandle<()>; 3],
    pub(super) stop: Stop,
}

impl Kept {
    /// Waits for the threads, and notes that the run ended in order.
    fn close(self) -> Result<(), Failure> {
        self.stop.request();
        for thread in self.threads {
            if thread.join().is_err() {
                return Err(Failure::new(Exit::Internal, "a thread of the store panicked".to_string()));
            }
        }
        Arc::try_unwrap(self.storing).map_or(Ok(()), Storing::close)
    }
}

/// What a run needs to know of what was planned.
pub(super) struct Plan {
    /// For each sink the sources its view is computed from.
    pub(super) depends: Vec<BTreeSet<SourceId>>,
    /// The maintained views.
    pub(super) views: Vec<PlannedView>,
    /// The grid of the frontiers that sinks are told.
    pub(super) refresh_us: u64,
    /// Whether the run ends by itself.
    pub(super) once: bool,
    /// Who waits for whom.
    pub(super) waits: Waits,
}

/// A maintained view.
pub(super) struct PlannedView {
    pub(super) name: RelationName,
    /// The sources it is computed from.
    pub(super) sources: BTreeSet<SourceId>,
    /// The error relations of it and of everything it is computed from.
    pub(super) errors: BTreeSet<RelationName>,
    /// Why it does not have all that there was, in sentences.
    pub(super) partial: Vec<String>,
}

impl Running {
    pub(super) fn new(
        dataflow: Dataflow,
        sources: Vec<RunningSource>,
        sinks: Vec<RunningSink>,
        kept: Option<Kept>,
        plan: Plan,
        faults: Arc<Faults>,
        gate: Arc<Gate>,
    ) -> Running {
        Running { dataflow, sources, sinks, kept, plan, faults, gate }
    }

    /// Looks for an end: `None` while the run goes on. After an end only `shutdown` is of use.
    pub fn poll(&mut self) -> Option<Result<(), Failure>> {
        if let Some(message) = self.dataflow.failed() {
            return Some(Err(Failure::new(Exit::Internal, message)));
        }
        let of_store = self.kept.as_ref().and_then(|kept| kept.storing.failure());
        if let Some(failure) = of_store.or_else(|| self.faults.failure()) {
            return Some(Err(failure));
        }
        let failures: Vec<Failure> = self
            .sources
            .iter_mut()
            .filter_map(RunningSource::poll)
            .chain(self.sinks.iter_mut().filter_map(RunningSink::poll))
            .collect();
        for failure in failures {
            if self.is_fatal(&failure) {
                return Some(Err(failure));
            }
            tracing::error!("{failure}; the views and sinks that do not need it go on");
        }
        if !self.sources.iter().all(|source| matches!(source.state, SourceState::Ended)) {
            return None;
        }
        self.gate.end(|sources| self.sent(sources));
        match self.faults.failure() {
            Some(failure) => Some(Err(failure)),
            None => self.told_everything().then_some(Ok(())),
        }
    }

    /// Runs until the end, or until `stop` says so; then shuts down. `watch` is called now and then.
    pub fn wait(mut self, mut stop: impl FnMut() -> bool, mut watch: impl FnMut(&Running)) -> Result<(), Failure> {
        loop {
            if let Some(result) = self.poll() {
                watch(&self);
                let shut_down = self.shutdown();
                return result.and(shut_down);
            }
            if stop() {
                return self.shutdown();
            }
            watch(&self);
            std::thread::sleep(POLL);
        }
    }

    /// Finishes the tick, delivers, and stops. A failure is one that came up on the way.
    pub fn shutdown(mut self) -> Result<(), Failure> {
        let mut failures = Vec::new();
        self.sources.iter().for_each(|source| source.stop.request());
        self.kept.iter().for_each(|kept| kept.stop.request());
        until(GRACE, || {
            failures.extend(self.sources.iter_mut().filter_map(RunningSource::poll));
            !self.sources.iter().any(RunningSource::is_running)
        });
        let cannot_pass = |running: &Running| running.dataflow.failed().is_some() || running.faults.failure().is_some();
        until(GRACE, || cannot_pass(&self) || self.has_passed_sources());
        failures.extend(self.dataflow.failed().map(|message| Failure::new(Exit::Internal, message)));
        // This drops the doors to the sinks: each delivers what it was told and ends.
        self.dataflow.shutdown();
        drop(self.gate);
        let mut sinks = self.sinks;
        let mut ended = |sinks: &mut Vec<RunningSink>| {
            failures.extend(sinks.iter_mut().filter_map(RunningSink::poll));
            !sinks.iter().any(RunningSink::is_running)
        };
        if !until(GRACE, || ended(&mut sinks)) {
            for sink in sinks.iter().filter(|sink| sink.is_running()) {
                tracing::warn!(
                    sink = sink.name,
                    "the target does not answer; what it has not acknowledged is left out"
                );
                sink.abandon();
            }
            until(GRACE, || ended(&mut sinks));
        }
        failures.extend(self.kept.and_then(|kept| kept.close().err()));
        match failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// The content of a peekable relation with the frontier it holds at; `None` before its first.
    pub fn peek(&self, relation: &RelationName) -> Option<Peeked> {
        self.dataflow.peek(relation)
    }

    /// The moment's figures.
    pub fn status(&self) -> Status {
        let stats: BTreeMap<_, _> = self.dataflow.stats().into_iter().map(|s| (s.relation.clone(), s)).collect();
        let sources: Vec<SourceStatus> = self.sources.iter().map(source_status).collect();
        Status {
            views: self.plan.views.iter().filter_map(|view| view.status(&stats, &sources)).collect(),
            sources,
            sinks: self.sinks.iter().map(sink_status).collect(),
            store: self.kept.as_ref().and_then(|kept| kept.storing.status()),
            operators: self.dataflow.held().into_iter().map(operator_status).collect(),
        }
    }

    /// Why a relation has come no further than it has.
    pub fn why(&self, relation: &RelationName) -> Result<Why, String> {
        let frontiers = self.dataflow.stats().into_iter().map(|stats| (stats.relation, stats.frontier)).collect();
        self.plan.waits.why(relation, &frontiers, &self.dataflow.held(), &self.sources, self.plan.refresh_us)
    }

    /// Whether a part's failure ends the whole run: always under `--once`, and when no sink is left that could go on.
    fn is_fatal(&self, failure: &Failure) -> bool {
        let waits_for_operator = matches!(failure.exit, Exit::Operator | Exit::Unavailable);
        let failed = |id: &SourceId| matches!(self.sources[id.0].state, SourceState::Failed(_));
        let goes_on = |(sink, depends): (&RunningSink, &BTreeSet<SourceId>)| {
            sink.failure.is_none() && !depends.iter().any(failed)
        };
        self.plan.once || !waits_for_operator || !self.sinks.iter().zip(&self.plan.depends).any(goes_on)
    }

    /// Whether every view has come as far as its sources, and every sink was told that.
    fn told_everything(&self) -> bool {
        let reached = |view: &PlannedView| {
            let least = self.sent(&view.sources);
            self.dataflow.frontier(&view.name).is_none_or(|frontier| least.is_some_and(|least| least <= frontier))
        };
        self.has_passed_sources() && self.plan.views.iter().all(reached)
    }

    /// Whether every sink was told all that its sources have sent.
    fn has_passed_sources(&self) -> bool {
        self.sinks.iter().zip(&self.plan.depends).all(|(sink, depends)| {
            let least = self.sent(depends);
            // Before its first real frontier a sink is told nothing.
            sink.failure.is_some() || least == Some(0) || sink.told.reached(least)
        })
    }

    /// How far these sources let their views come.
    fn sent(&self, sources: &BTreeSet<SourceId>) -> Option<Time> {
        let sent = sources.iter().filter_map(|id| self.sources[id.0].sent.frontier());
        sent.min().map(|time| cell_start(time, self.plan.refresh_us))
    }
}

impl PlannedView {
    /// Its line; nothing before the dataflow knows it.
    fn status(&self, stats: &BTreeMap<RelationName, RelationStats>, sources: &[SourceStatus]) -> Option<ViewStatus> {
        let errors = |relation: &RelationName| stats.get(relation).map_or(0, |errors| errors.rows);
        let RelationStats { rows, changes, frontier, .. } = stats.get(&self.name)?;
        let stopped = self.sources.iter().find_map(|id| match &sources[id.0].phase {
            Phase::Failed(sentence) => Some(sentence.clone()),
            Phase::Loading | Phase::Snapshot | Phase::Following | Phase::Ended => None,
        });
        Some(ViewStatus {
            name: self.name.to_string(),
            rows: *rows,
            changes: *changes,
            errors: errors(&errors_of(&self.name)),
            degraded: self.errors.iter().any(|relation| errors(relation) > 0),
            frontier: Reached::from_frontier(*frontier),
            partial: self.partial.clone(),
            state: match (stopped, frontier) {
                (Some(sentence), _) => ViewState::Stopped(sentence),
                (None, None) => ViewState::Ended,
                (None, Some(_)) => ViewState::Running,
            },
        })
    }
}

pub(super) fn until(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !reached() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

fn sink_status(sink: &RunningSink) -> SinkStatus {
    let progress = &sink.progress;
    SinkStatus {
        name: sink.name.clone(),
        view: sink.relation.to_string(),
        connected: progress.connected.load(Ordering::Relaxed),
        rows: progress.rows.load(Ordering::Relaxed),
        pending_rows: progress.pending_rows.load(Ordering::Relaxed),
        pending_bytes: progress.pending_bytes.load(Ordering::Relaxed),
        rejected: progress.rejected.load(Ordering::Relaxed),
        retries: progress.retries.load(Ordering::Relaxed),
        acknowledged: progress.frontier().map_or(Reached::Nothing, Reached::from_frontier),
        p50: progress.latency.quantile(0.5),
        p99: progress.latency.quantile(0.99),
        error: sink.failure.as_ref().map(ToString::to_string).or_else(|| progress.error()),
    }
}
