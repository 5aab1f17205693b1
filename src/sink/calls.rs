//! Calls to a sink, on a thread of their own: a target that does not answer must not keep the runner from taking steps.

use super::{Delivery, Sink, SinkError};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::thread::JoinHandle;

/// What a sink is asked to do.
pub(super) enum Call {
    Open,
    Apply(Delivery),
}

/// What came of it. A delivery comes back in any case.
pub(super) enum Answer {
    Opened(Result<Option<String>, SinkError>),
    Applied(Delivery, Result<(), SinkError>),
}

/// The thread. One call at a time: the next after the answer to the last.
pub(super) struct Calls {
    calls: Sender<Call>,
    answers: Receiver<(Answer, u64)>,
    thread: JoinHandle<()>,
}

impl Calls {
    /// Starts the thread, named after the one that starts it.
    pub(super) fn start(mut sink: Box<dyn Sink>) -> Result<Calls, SinkError> {
        let (calls, received) = bounded(1);
        let (answer, answers) = bounded(1);
        let name = std::thread::current().name().unwrap_or("sink").to_string();
        let body = move || {
            for call in received {
                let done = match call {
                    Call::Open => Answer::Opened(sink.open()),
                    Call::Apply(delivery) => {
                        let result = sink.apply(&delivery);
                        Answer::Applied(delivery, result)
                    }
                };
                // Nobody waits any more for a target that took too long.
                if answer.send((done, sink.rejected())).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(body);
        let thread = thread.map_err(|error| SinkError::Transient(format!("cannot start a thread: {error}")))?;
        Ok(Calls { calls, answers, thread })
    }

    /// Starts a call.
    pub(super) fn call(&self, call: Call) {
        // A thread that is gone is found when its answer is looked for.
        let _ = self.calls.send(call);
    }

    /// Where answers come, each with how many rows the target refuses then.
    pub(super) fn answers(&self) -> &Receiver<(Answer, u64)> {
        &self.answers
    }

    /// Ends the thread, which is idle, and with it the sink. Passes on its panic.
    pub(super) fn end(self) {
        drop(self.calls);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
