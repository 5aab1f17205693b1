//! Data errors as the engine sees them: counted and told to the log, or the end of the run under `on_error = "stop"`.

use super::failure::{Exit, Failure};
use crate::config::OnError;
use crate::dataflow::errors_of;
use crate::timeline::DataError;
use crate::value::{RelationName, Time};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many errors are told to the log before only the counts go on.
const LOGGED: u64 = 20;

/// Collects the rows of all error relations.
pub(super) struct Faults {
    policy: OnError,
    seen: AtomicU64,
    first: Mutex<Option<Failure>>,
}

impl Faults {
    pub(super) fn new(policy: OnError) -> Faults {
        Faults { policy, seen: AtomicU64::new(0), first: Mutex::new(None) }
    }

    /// Whether the first error ends the run.
    pub(super) fn stops(&self) -> bool {
        self.policy == OnError::Stop
    }

    /// Takes one new row of an error relation, named by the relation it belongs to.
    pub(super) fn add(&self, relation: &RelationName, error: &DataError, time: Time) {
        let DataError { code, message, input } = error;
        match self.policy {
            OnError::Skip => match self.seen.fetch_add(1, Ordering::Relaxed) {
                seen if seen < LOGGED => tracing::warn!(%relation, code, input, time, "{message}"),
                LOGGED => tracing::warn!("more data errors follow; they are rows of the error relations"),
                _ => (),
            },
            OnError::Stop => {
                let mut first = self.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                first.get_or_insert_with(|| {
                    let kept = errors_of(relation);
                    let remedy =
                        format!("mend it, or set on_error = \"skip\" to keep what is wrong in `{kept}` and go on");
                    Failure::new(Exit::Data, format!("`{relation}`: {message} ({code}), at {input}; {remedy}"))
                });
            }
        }
    }

    /// Why the run must end, if it must.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
