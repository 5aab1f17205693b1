//! Source `http`: a stream of events that clients POST, as JSON or a JSON object per line.
//!
//! A request is answered when its records were taken: judged, and durable if there is a store. Without one they wait for the watermark
//! in memory, and are lost with the process. What must hold: a request with an idempotency key is taken once while the key is
//! remembered, which with a store is durable in one tick with its records; what waits is bounded, and clients are told to come again instead.
//!
//! Reading down: `server` is the HTTP side on a thread of its own, `records` splits bodies, `replays` remembers keys.

mod config;
mod records;
mod replays;
mod server;

pub use config::Config;

use super::stream::{Halt, Intake, Outcome, TICK};
use super::{Source, SourceError, SourceRelation, Start, Stop};
use crate::timeline::PartitionId;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use records::records;
use replays::Replays;
use server::{Answer, Arrival, Door, Taken};
use std::convert::Infallible;
use std::iter;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, oneshot};

/// So many requests at most are answered together.
const TOGETHER: usize = 256;
/// Requests that may wait besides the bytes they may have.
const ARRIVALS: usize = 1024;

/// The source.
pub struct Http {
    name: String,
    stream: SourceRelation,
    config: Config,
}

impl Http {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Http {
        let stream = config.stream.offer(name, false);
        Http { name: name.into(), stream, config }
    }

    /// Listens on a thread of its own.
    fn listen(&self) -> Result<Listening, SourceError> {
        let Config { listen, path, token, max_body, pending, .. } = &self.config;
        let token = token.as_ref().map(|token| token.resolve()).transpose();
        let token = token.map_err(|error| SourceError::Config(format!("token: {error}")))?;
        let (sender, arrivals) = bounded(ARRIVALS);
        let door = Arc::new(Door {
            path: path.clone().unwrap_or_else(|| format!("/{}", self.name)),
            token: token.as_deref().map(server::hash),
            max_body: *max_body,
            room: Arc::new(Semaphore::new(*pending)),
            arrivals: sender,
        });
        let unavailable = |error| SourceError::Unavailable(format!("cannot listen on {listen}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(unavailable)?;
        tracing::info!("source {}: events are taken at http://{listen}{}", self.name, door.path);
        let (open, closed) = oneshot::channel();
        let thread = std::thread::spawn(move || runtime.block_on(server::serve(listener, door, closed)));
        Ok(Listening { arrivals, open: Some(open), thread: Some(thread) })
    }
}

/// A server at work; it is closed when this is dropped.
struct Listening {
    arrivals: Receiver<Arrival>,
    open: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.open.take());
        // It waits for nothing; if it panicked, that was told.
        self.thread.take().map(JoinHandle::join);
    }
}

impl Source for Http {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, mut start: Start) -> Result<(), SourceError> {
        let (once, stop) = (start.once, start.stop.clone());
        let resume = start.stored.as_mut().and_then(|stored| stored.resume.as_mut());
        let replays = resume.map(|resume| Replays::resume(&mut resume.positions)).transpose()?.unwrap_or_default();
        let Some(mut intake) = Intake::open(&self.stream.name, &self.config.stream, start)? else { return Ok(()) };
        if once {
            // What has not arrived yet at the start is not waited for.
            return intake.finish().or_else(Halt::result);
        }
        let listening = self.listen()?;
        let partition = intake.partition("what is posted");
        Reading { intake, partition, replays, requests: 0 }.run(&listening.arrivals, &stop).or_else(Halt::result)
    }
}

/// A run of the source.
struct Reading {
    intake: Intake,
    partition: PartitionId,
    replays: Replays,
    requests: u64,
}

impl Reading {
    fn run(mut self, arrivals: &Receiver<Arrival>, stop: &Stop) -> Result<(), Halt> {
        while !stop.requested() {
            match arrivals.recv_timeout(TICK) {
                Ok(first) => {
                    // Those that have come meanwhile become durable together.
                    let mut answers = Vec::new();
                    for arrival in iter::once(first).chain(arrivals.try_iter().take(TOGETHER)) {
                        answers.push((self.take(&arrival)?, arrival.answer));
                    }
                    self.intake.keep()?;
                    for (answer, client) in answers {
                        // A client that is gone is not told.
                        let _ = client.send(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.intake.at_end(self.partition);
                    self.intake.pause()?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let text = "the HTTP server has ended unexpectedly; start again".into();
                    return Err(SourceError::Unavailable(text).into());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, arrival: &Arrival) -> Result<Answer, Halt> {
        if let Some(taken) = arrival.key.as_ref().and_then(|key| self.replays.answer(key)) {
            return Ok(Answer::Taken { taken, again: true });
        }
        if !self.intake.has_room() {
            // Time alone makes room then.
            self.intake.at_end(self.partition);
            self.intake.pause()?;
            return Ok(Answer::Full);
        }
        let records = match records(arrival.kind, &arrival.body) {
            Ok(records) => records,
            Err(message) => return Ok(Answer::Malformed(message)),
        };
        self.requests += 1;
        let mut taken = Taken::default();
        for (index, record) in records.iter().enumerate() {
            let place = format_args!("request {}, record {}", self.requests, index + 1);
            match self.intake.take_one_of(self.partition, record, &place)? {
                Outcome::Accepted => taken.accepted += 1,
                Outcome::Late => taken.late += 1,
                Outcome::Rejected => taken.rejected += 1,
            }
        }
        if let Some(key) = &arrival.key {
            let (name, note) = self.replays.remember(key.clone(), taken);
            self.intake.note(name, note);
        }
        self.intake.seal_if_due()?;
        Ok(Answer::Taken { taken, again: false })
    }
}
