//! Trying again: longer and longer pauses between attempts to reach a server, and an end to it.

use super::intake::{Halt, Intake};
use crate::source::{SourceError, Stop};
use std::time::{Duration, Instant};

/// How long attempts go on that get nowhere.
const LIMIT: Duration = Duration::from_secs(300);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Why reading stopped.
#[derive(Debug)]
pub(in crate::source) enum Failure {
    /// The server is out of reach for now: try again.
    Lost(String),
    /// Everything else.
    Halt(Halt),
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Failure {
        Failure::Halt(halt)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        Failure::Halt(error.into())
    }
}

/// How long a server that is out of reach is waited for.
pub(in crate::source) struct Patience {
    /// Source and server, for messages.
    what: String,
    since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    pub(in crate::source) fn new(what: String) -> Patience {
        Patience { what, since: None, pause: SHORTEST_PAUSE }
    }

    /// The server answers.
    pub(in crate::source) fn renew(&mut self) {
        if self.since.take().is_some() {
            tracing::info!("{}: in reach again", self.what);
        }
        self.pause = SHORTEST_PAUSE;
    }

    /// After a failure: waits for the server if that is what it is about, and counts the attempt that follows.
    pub(in crate::source) fn outlast(
        &mut self,
        failure: Failure,
        intake: &mut Intake,
        stop: &Stop,
    ) -> Result<(), Halt> {
        match failure {
            Failure::Halt(halt) => Err(halt),
            Failure::Lost(reason) => {
                self.wait(&reason, intake, stop)?;
                intake.reconnects();
                Ok(())
            }
        }
    }

    /// The connection is lost, or was not to be had: waits until the next attempt, or until a stop is asked for.
    fn wait(&mut self, reason: &str, intake: &mut Intake, stop: &Stop) -> Result<(), Halt> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() + self.pause > LIMIT {
            return Err(Halt::Failed(SourceError::Unavailable(format!(
                "{} is out of reach: {reason}; see that it runs and that the url is right",
                self.what
            ))));
        }
        tracing::warn!("{}: {reason}; trying again in {:?}", self.what, self.pause);
        let until = Instant::now() + self.pause;
        while Instant::now() < until && !stop.requested() {
            std::thread::sleep(LOOK);
            intake.interrupted()?;
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
