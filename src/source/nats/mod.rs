//! Source `nats`: a stream of events from a stream of NATS JetStream.
//!
//! Without `durable` the position is ours: a consumer of our own is made wherever reading goes on. With it the server keeps the
//! position: a message is acknowledged when the tick that holds its event was sent, not before. What must hold: every message is
//! taken once, in the order of the stream, though the server may send it again; what was deleted before it was read is told.

mod config;
mod server;

pub use config::Config;

use super::stream::{Failure, Halt, Intake, Origin, Patience, Unacknowledged};
use super::{Source, SourceError, SourceRelation, Start, Stop};
use crate::timeline::PartitionId;
use crate::value::ValueError;
use async_nats::Subject;
use async_nats::jetstream::Message;
use server::{Connection, Extent, Pull, Server};

/// The source.
pub struct Nats {
    name: String,
    stream: SourceRelation,
    config: Config,
}

impl Nats {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Nats {
        let stream = config.stream.offer(name, false);
        Nats { name: name.into(), stream, config }
    }
}

impl Source for Nats {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        // A check without the database does without the secrets, too.
        let Config { url, token, .. } = &self.config;
        if url.resolve().is_ok() && token.as_ref().is_none_or(|token| token.resolve().is_ok()) {
            Server::new(&self.config)?;
        }
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let (once, stop) = (start.once, start.stop.clone());
        let Some(mut intake) = Intake::open(&self.stream.name, &self.config.stream, start)? else { return Ok(()) };
        let server = Server::new(&self.config)?;
        let patience = Patience::new(format!("source {}: {}", self.name, server.label()));
        let partition = intake.partition(&self.config.jetstream);
        let read = intake.resumes(partition).map(|position| position.at[0]);
        let config = &self.config;
        let reading =
            Reading { config, intake, partition, read, once, until: None, unacknowledged: Unacknowledged::default() };
        reading.run(&server, patience, &stop).or_else(Halt::result)
    }
}

/// A run of the source.
struct Reading<'c> {
    config: &'c Config,
    intake: Intake,
    partition: PartitionId,
    /// The sequence up to which everything was read; none before the server was first in reach.
    read: Option<u64>,
    once: bool,
    /// Under `--once`: the sequence to end with.
    until: Option<u64>,
    /// Where to acknowledge what has been read.
    unacknowledged: Unacknowledged<Subject>,
}

impl Reading<'_> {
    fn run(mut self, server: &Server, mut patience: Patience, stop: &Stop) -> Result<(), Halt> {
        while !stop.requested() {
            match self.session(server, &mut patience, stop) {
                Ok(()) => return Ok(()),
                Err(failure) => patience.outlast(failure, &mut self.intake, stop)?,
            }
        }
        Ok(())
    }

    /// Reads from a new connection until a stop is asked for, the end is reached, or the connection is lost.
    fn session(&mut self, server: &Server, patience: &mut Patience, stop: &Stop) -> Result<(), Failure> {
        let mut connection = server.connect(self.config)?;
        let consumer = self.begin(&mut connection)?;
        patience.renew();
        let mut is_last = false;
        while !stop.requested() {
            let before = self.passed_over(is_last, &mut connection)?;
            let messages = connection.fetch(&consumer)?;
            is_last = messages.len() < connection.count;
            self.take(&messages, &mut connection)?;
            if is_last && self.read < before {
                self.read = before;
                self.intake.reaches(self.partition, [before.unwrap_or(0), 0]);
            }
            if self.once && (is_last || self.read >= self.until) {
                self.intake.finish()?;
                self.acknowledge(&connection)?;
                break;
            }
            if is_last {
                self.intake.at_end(self.partition);
                self.intake.pause()?;
            }
            self.acknowledge(&connection)?;
            if is_last {
                let next = connection.wait(&consumer)?;
                self.take(&next, &mut connection)?;
            }
        }
        connection.flush();
        Ok(())
    }

    /// Goes on where it was, or begins.
    fn begin(&mut self, connection: &mut Connection) -> Result<Pull, Failure> {
        let extent = connection.extent()?;
        self.until.get_or_insert(extent.last);
        let beginning = match self.config.from {
            Origin::Beginning => extent.first.saturating_sub(1),
            Origin::End => extent.last,
        };
        let durable = match &self.config.durable {
            Some(name) => Some(connection.durable(self.config, name, self.read.is_none())?),
            None => None,
        };
        if let Some(read) = self.read {
            self.look(read, extent, extent.last + 1)?;
        }
        match durable {
            Some((consumer, acknowledged)) => {
                self.read.get_or_insert(acknowledged);
                Ok(consumer)
            }
            None => {
                let read = *self.read.get_or_insert(beginning);
                self.intake.reaches(self.partition, [read, 0]);
                connection.consumer_from(self.config, read + 1)
            }
        }
    }

    /// Where the stream ends that is read by subject: what lies before it and is not given is not for us.
    fn passed_over(&self, was_last: bool, connection: &mut Connection) -> Result<Option<u64>, Failure> {
        match &self.config.subject {
            Some(_) if was_last => Ok(Some(connection.extent()?.last)),
            _ => Ok(None),
        }
    }

    /// Compares what was read with what the stream has now; `next` is what is there to be read.
    fn look(&mut self, read: u64, extent: Extent, next: u64) -> Result<(), Halt> {
        let deleted = extent.first.min(next).saturating_sub(1);
        let message = if extent.last < read {
            self.read = Some(0);
            "the stream was deleted and is read from its new beginning".into()
        } else if deleted > read {
            self.read = Some(deleted);
            let which = if self.config.subject.is_some() { ", as far as they were of the subject," } else { "" };
            format!("messages {} to {deleted}{which} were deleted before they were read", read + 1)
        } else {
            return Ok(());
        };
        let name = &self.config.jetstream;
        tracing::warn!("{name}: {message}");
        self.intake.reject(self.partition, ValueError::new("02000", message), b"", name).map(drop)
    }

    fn take(&mut self, messages: &[Message], connection: &mut Connection) -> Result<(), Failure> {
        // What was missed in this batch had been deleted when the batch was there: one look is enough for all of it.
        let mut extent = None;
        for message in messages {
            let sequence = message.info().map_err(|error| Failure::Lost(error.to_string()))?.stream_sequence;
            let read = self.read.unwrap_or(0);
            // What the server sends again was read before.
            if sequence <= read {
                continue;
            }
            if sequence > read + 1 && read > 0 {
                let extent = match extent {
                    Some(extent) => extent,
                    None => *extent.insert(connection.extent()?),
                };
                self.look(read, extent, sequence)?;
            }
            if self.once && Some(sequence) > self.until {
                self.read = self.until;
                break;
            }
            let place = format_args!("{} {sequence} {}", self.config.jetstream, message.subject);
            self.intake.reaches(self.partition, [sequence, 0]);
            self.intake.take(self.partition, &message.payload, &place)?;
            self.read = Some(sequence);
            if let Some(reply) = message.reply.clone().filter(|_| self.config.durable.is_some()) {
                self.unacknowledged.push(self.intake.greatest(), reply);
            }
        }
        Ok(())
    }

    /// Acknowledges what has left for the engine.
    fn acknowledge(&mut self, connection: &Connection) -> Result<(), Failure> {
        match self.unacknowledged.release(self.intake.kept()) {
            Some(reply) => connection.acknowledge(reply),
            None => Ok(()),
        }
    }
}
