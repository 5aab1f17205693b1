//! Sink threads: each takes its view's steps from a channel of its own, so that none waits for another.

use super::failure::{Exit, Failure};
use crate::sink::{Sink, SinkError, SinkProgress, runner};
use crate::timeline::Step;
use crate::value::{RelationName, Time};
use crossbeam_channel::{Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

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

/// Starts a sink. The second value is called with each step; once it is dropped, the sink delivers what it has and ends.
pub(super) fn start(
    name: String,
    relation: RelationName,
    sink: Box<dyn Sink>,
) -> Result<(RunningSink, Box<dyn FnMut(Step) + Send>), Failure> {
    let (progress, told, stop) = (Arc::<SinkProgress>::default(), Arc::<Told>::default(), Arc::<AtomicBool>::default());
    let (sender, steps) = unbounded();
    let thread = std::thread::Builder::new()
        .name(format!("sink {name}"))
        .spawn({
            let (progress, stop) = (progress.clone(), stop.clone());
            move || runner::run(sink, steps, &progress, &stop, runner::Settings::default())
        })
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}")))?;
    let tell = teller(sender, told.clone());
    Ok((RunningSink { name, relation, progress, told, stop, thread: Some(thread), failure: None }, tell))
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
