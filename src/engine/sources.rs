//! Source threads: each source is asked on its own thread what it offers, and goes on to run there once it is told what is wanted.

use super::failure::{Exit, Failure};
use crate::dataflow::Sender as DataflowSender;
use crate::source::{Closed, Progress, Source, SourceError, SourceRelation, Start, Stop, Stored, TickSender};
use crate::timeline::{Rereads, SourceId, Tick};
use crate::value::Time;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A source's thread, waiting to be started.
pub(super) struct SourceThread {
    name: String,
    rereads: Rereads,
    start: Sender<Start>,
    thread: JoinHandle<Result<(), SourceError>>,
}

/// What a source offers.
pub(super) struct Described {
    pub(super) thread: SourceThread,
    pub(super) relations: Vec<SourceRelation>,
}

/// A source that was started.
pub(super) struct RunningSource {
    pub(super) name: String,
    pub(super) stop: Stop,
    pub(super) progress: Arc<Progress>,
    pub(super) sent: Arc<Sent>,
    pub(super) state: SourceState,
}

/// A source that waits for its way into the dataflow to be free.
pub(super) struct Prepared {
    pub(super) source: SourceId,
    pub(super) door: Door,
    pub(super) progress: Arc<Progress>,
    /// Lets it run, given where its ticks go and what is stored of it.
    pub(super) start: Box<dyn FnOnce(Box<dyn TickSender>, Option<Stored>) + Send>,
}

/// Where a started source stands.
pub(super) enum SourceState {
    /// Its thread runs.
    Running(JoinHandle<Result<(), SourceError>>),
    /// It ended, or was stopped, in order.
    Ended,
    /// It cannot go on.
    Failed(Failure),
}

/// Asks all sources at once what they offer.
pub(super) fn describe(sources: Vec<(String, Box<dyn Source>)>) -> Result<Vec<Described>, Failure> {
    let mut asked = Vec::new();
    for (name, source) in sources {
        asked.push(spawn(name, source)?);
    }
    let mut described = Vec::new();
    let mut failures = Vec::new();
    for (thread, answer) in asked {
        match answer.recv() {
            Ok(Ok(relations)) => described.push(Described { thread, relations }),
            Ok(Err(error)) => failures.push(Failure::of_source(&thread.name, &error)),
            Err(_) => failures.push(Failure::new(Exit::Internal, format!("source `{}` panicked", thread.name))),
        }
    }
    match failures.into_iter().next() {
        None => Ok(described),
        Some(failure) => Err(failure),
    }
}

type Answer = Receiver<Result<Vec<SourceRelation>, SourceError>>;

fn spawn(name: String, mut source: Box<dyn Source>) -> Result<(SourceThread, Answer), Failure> {
    let rereads = source.rereads();
    let (tell, answer) = bounded(1);
    let (start, started) = bounded::<Start>(1);
    let body = move || {
        let relations = source.describe();
        let failed = relations.is_err();
        // Nobody waits for the answer or the run any more when the view set was only checked.
        if tell.send(relations).is_err() || failed {
            return Ok(());
        }
        match started.recv() {
            Ok(start) => source.run(start),
            Err(_) => Ok(()),
        }
    };
    let thread = std::thread::Builder::new()
        .name(format!("source {name}"))
        .spawn(body)
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}")))?;
    Ok((SourceThread { name, rereads, start, thread }, answer))
}

impl SourceThread {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn rereads(&self) -> Rereads {
        self.rereads
    }

    /// A source that runs as soon as it is told what with.
    pub(super) fn prepare(self, progress: Arc<Progress>, sent: Arc<Sent>) -> (RunningSource, Sender<Start>) {
        let (stop, state) = (Stop::default(), SourceState::Running(self.thread));
        (RunningSource { name: self.name, stop, progress, sent, state }, self.start)
    }
}

impl RunningSource {
    /// Notices the thread's end. The failure is given once.
    pub(super) fn poll(&mut self) -> Option<Failure> {
        match std::mem::replace(&mut self.state, SourceState::Ended) {
            SourceState::Running(thread) if thread.is_finished() => self.finish(thread),
            state => {
                self.state = state;
                None
            }
        }
    }

    fn finish(&mut self, thread: JoinHandle<Result<(), SourceError>>) -> Option<Failure> {
        let failure = match thread.join() {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => Failure::of_source(&self.name, &error),
            Err(_) => Failure::new(Exit::Internal, format!("source `{}` panicked", self.name)),
        };
        self.state = SourceState::Failed(failure.clone());
        Some(failure)
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, SourceState::Running(_))
    }
}

/// The last frontier a source sent; 0 during its snapshot.
#[derive(Debug, Default)]
pub(super) struct Sent {
    frontier: AtomicU64,
}

/// What `Sent` holds when the input has ended; no clock reaches it.
const ENDED: u64 = u64::MAX;

impl Sent {
    /// The frontier, `None` when the input has ended.
    pub(super) fn frontier(&self) -> Option<Time> {
        Some(self.frontier.load(Ordering::Acquire)).filter(|time| *time != ENDED)
    }
}

/// A source's door into the dataflow, which also notes how far it has come.
pub(super) struct Door {
    pub(super) sender: DataflowSender,
    pub(super) sent: Arc<Sent>,
}

impl TickSender for Door {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        let frontier = if tick.snapshot { 0 } else { tick.frontier.unwrap_or(ENDED) };
        self.sender.send(tick).map_err(|_| Closed)?;
        self.sent.frontier.store(frontier, Ordering::Release);
        Ok(())
    }
}
