//! Sink threads: each takes its view's steps from a channel of its own, so that none waits for another.

use super::failure::{Exit, Failure};
use super::running::until;
use crate::dataflow::Peeked;
use crate::sink::runner::{self, ContentReader};
use crate::sink::{Beginning, Owner, Sink, SinkError, SinkProgress};
use crate::timeline::Step;
use crate::value::{RelationName, Time};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a content that was read may wait for the sink to be told its frontier.
const READ: Duration = Duration::from_secs(1);

/// A sink's thread.
pub(super) struct RunningSink {
    pub(super) name: String,
    pub(super) relation: RelationName,
    pub(super) progress: Arc<SinkProgress>,
    pub(super) told: Arc<Told>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), SinkError>>>,
    pub(super) failure: Option<Failure>,
}

/// The frontier a sink was told last, whether or not its target has it.
#[derive(Debug, Default)]
pub(super) struct Told(AtomicU64);

/// Stands for the empty frontier.
const ENDED: u64 = u64::MAX;

impl Told {
    /// Whether the sink was told at least this frontier; `None` is the end of all inputs.
    pub(super) fn reached(&self, frontier: Option<Time>) -> bool {
        self.0.load(Ordering::Acquire) >= frontier.unwrap_or(ENDED)
    }
}

/// A sink whose steps are taken already, waiting for its thread.
pub(super) struct WaitingSink {
    name: String,
    relation: RelationName,
    sink: Box<dyn Sink>,
    view: String,
    steps: Receiver<Step>,
    told: Arc<Told>,
}

/// Makes the way to a sink. The second value is called with each step; once it is dropped, the sink delivers what it has and
/// ends. `view` says what the relation means.
pub(super) fn prepare(
    name: String,
    relation: RelationName,
    sink: Box<dyn Sink>,
    view: String,
) -> (WaitingSink, Box<dyn FnMut(Step) + Send>) {
    let (sender, steps) = unbounded();
    let told = Arc::<Told>::default();
    let tell = teller(sender, told.clone());
    (WaitingSink { name, relation, sink, view, steps, told }, tell)
}

impl WaitingSink {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it shows.
    pub(super) fn relation(&self) -> &RelationName {
        &self.relation
    }

    /// Starts the sink's thread. `rejected` is where the rows are kept that the target refuses, if there is a store; `peek` reads the
    /// relation's content, for a target that lost it.
    pub(super) fn start(
        self,
        owner: Owner,
        beginning: Arc<Beginning>,
        rejected: Option<PathBuf>,
        peek: impl Fn() -> Option<Peeked> + Send + 'static,
    ) -> Result<RunningSink, Failure> {
        let WaitingSink { name, relation, sink, view, steps, told } = self;
        let (progress, stop) = (Arc::<SinkProgress>::default(), Arc::<AtomicBool>::default());
        let content = Some(content_reader(peek, told.clone()));
        let thread = std::thread::Builder::new()
            .name(format!("sink {name}"))
            .spawn({
                let (progress, stop) = (progress.clone(), stop.clone());
                let settings =
                    runner::Settings { content, owner, view, beginning, rejected, ..runner::Settings::default() };
                move || runner::run(sink, steps, &progress, &stop, settings)
            })
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}")))?;
        Ok(RunningSink { name, relation, progress, told, stop, thread: Some(thread), failure: None })
    }
}

/// Reads a relation's content as a first step, once the sink was told the frontier it holds at: before that it may still
/// wait for its errors.
fn content_reader(peek: impl Fn() -> Option<Peeked> + Send + 'static, told: Arc<Told>) -> ContentReader {
    Box::new(move |at_least| {
        let (frontier, rows) = peek()?;
        let reached = until(READ, || told.reached(frontier));
        let is_late = frontier.unwrap_or(ENDED) < at_least.unwrap_or(ENDED);
        let time = frontier.map_or(0, |frontier| frontier.saturating_sub(1));
        let changes = rows.into_iter().map(|(row, count)| (row, time, count)).collect();
        (reached && !is_late).then_some(Step { changes, frontier, first: true })
    })
}

fn teller(sender: Sender<Step>, told: Arc<Told>) -> Box<dyn FnMut(Step) + Send> {
    Box::new(move |step| {
        let frontier = step.frontier.unwrap_or(ENDED);
        // A sink that has failed takes no more steps; `poll` finds out why.
        let _ = sender.send(step);
        told.0.store(frontier, Ordering::Release);
    })
}

impl RunningSink {
    /// Notices the thread's end. A failure is given once.
    pub(super) fn poll(&mut self) -> Option<Failure> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        self.failure = match thread.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Failure::of_sink(&self.name, &error)),
            Err(_) => Some(Failure::new(Exit::Internal, format!("sink `{}` panicked", self.name))),
        };
        self.failure.clone()
    }

    pub(super) fn is_running(&self) -> bool {
        self.thread.is_some()
    }

    /// Makes the sink give up on its target.
    pub(super) fn abandon(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
