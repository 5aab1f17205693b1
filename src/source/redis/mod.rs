//! Source `redis`: a stream of events from one or more Redis streams, each a partition.
//!
//! The positions are ours: entries are read by id, without a consumer group, and nothing is written to the server. What must hold:
//! every entry is taken once, in the order of its stream; entries that were deleted before they were read, and a stream that begins
//! anew because its server lost it, are told in `<stream>_errors`.

mod config;
mod position;
mod read;

pub use config::Config;

use super::stream::{Failure, Halt, Intake, Origin, Patience};
use super::{Source, SourceError, SourceRelation, Start, Stop};
use crate::timeline::PartitionId;
use crate::value::ValueError;
use position::{EntryId, Extent, Position, Surprise};
use read::{Batch, Entry, Server};

/// The source.
pub struct Redis {
    name: String,
    stream: SourceRelation,
    config: Config,
}

impl Redis {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Redis {
        let stream = config.stream.offer(name, false);
        Redis { name: name.into(), stream, config }
    }
}

impl Source for Redis {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        // A check without the database does without the secrets, too.
        let Config { url, password, .. } = &self.config;
        if url.resolve().is_ok() && password.as_ref().is_none_or(|password| password.resolve().is_ok()) {
            Server::new(&self.config)?;
        }
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let (once, stop) = (start.once, start.stop.clone());
        let Some(intake) = Intake::open(&self.stream.name, &self.config.stream, start)? else { return Ok(()) };
        let server = Server::new(&self.config)?;
        let reading = Reading { config: &self.config, intake, streams: Vec::new(), once };
        let patience = Patience::new(format!("source {}: {}", self.name, server.label()));
        reading.run(server, patience, &stop).or_else(Halt::result)
    }
}

/// A run of the source.
struct Reading<'c> {
    config: &'c Config,
    intake: Intake,
    /// In the order of the keys; empty before the server was first in reach.
    streams: Vec<StreamState>,
    once: bool,
}

/// Where one stream stands.
struct StreamState {
    partition: PartitionId,
    position: Position,
    /// Under `--once`: where to end, and whether that is reached.
    until: EntryId,
    done: bool,
}

impl Reading<'_> {
    fn run(mut self, mut server: Server, mut patience: Patience, stop: &Stop) -> Result<(), Halt> {
        while !stop.requested() {
            let Err(failure) = self.session(&mut server, &mut patience, stop) else {
                if self.is_done() {
                    return self.intake.finish();
                }
                return Ok(());
            };
            patience.outlast(failure, &mut self.intake, stop)?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        !self.streams.is_empty() && self.streams.iter().all(|stream| stream.done)
    }

    /// Reads from a new connection until a stop is asked for, the end is reached, or the connection is lost.
    fn session(&mut self, server: &mut Server, patience: &mut Patience, stop: &Stop) -> Result<(), Failure> {
        server.connect()?;
        if self.streams.is_empty() {
            self.begin(server.extents()?);
        }
        patience.renew();
        while !stop.requested() && !self.is_done() {
            let wanted = self.wanted();
            let batch = server.read(&wanted)?;
            let nothing = batch.entries.iter().all(Vec::is_empty);
            self.take(&wanted, batch)?;
            if nothing && !self.is_done() {
                self.intake.pause()?;
                server.wait(&self.wanted())?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, extents: Vec<Extent>) {
        for (key, extent) in self.config.keys.iter().zip(extents) {
            let partition = self.intake.partition(key);
            let position = match (self.intake.resumes(partition), self.config.from) {
                (Some(resumed), _) => Position::behind(resumed.at),
                (None, Origin::Beginning) => Position::new(EntryId::default(), extent),
                (None, Origin::End) => Position::new(extent.last, extent),
            };
            self.intake.reaches(partition, position.read.numbers());
            let done = self.once && position.read >= extent.last;
            if done {
                self.intake.at_end(partition);
            }
            self.streams.push(StreamState { partition, position, until: extent.last, done });
        }
    }

    /// The streams to read on in, by their place among the keys, and the last entry read. Those that are ahead wait.
    fn wanted(&self) -> Vec<(usize, EntryId)> {
        let is_wanted = |stream: &StreamState| !stream.done && !self.intake.is_ahead(stream.partition);
        let streams = self.streams.iter().enumerate().filter(|(_, stream)| is_wanted(stream));
        streams.map(|(index, stream)| (index, stream.position.read)).collect()
    }

    fn take(&mut self, wanted: &[(usize, EntryId)], batch: Batch) -> Result<(), Halt> {
        for (((index, _), extent), entries) in wanted.iter().zip(batch.extents).zip(batch.entries) {
            let surprise = self.streams[*index].position.look(extent);
            if let Some(surprise) = surprise {
                self.report(*index, surprise)?;
            }
            let is_last = entries.len() < read::COUNT;
            // What was read from the old position of a stream that begins anew is read again from its beginning.
            if surprise == Some(Surprise::Anew) {
                continue;
            }
            for entry in &entries {
                self.take_entry(*index, entry)?;
            }
            let stream = &mut self.streams[*index];
            stream.done = self.once && (is_last || stream.position.read >= stream.until);
            if is_last || stream.done {
                self.intake.at_end(stream.partition);
            }
        }
        Ok(())
    }

    fn take_entry(&mut self, index: usize, entry: &Entry) -> Result<(), Halt> {
        let (config, stream) = (self.config, &mut self.streams[index]);
        if self.once && entry.id > stream.until {
            return Ok(());
        }
        stream.position.read = entry.id;
        self.intake.reaches(stream.partition, entry.id.numbers());
        let place = format_args!("{} {}", config.keys[index], entry.id);
        let fields: Vec<(&[u8], &[u8])> = entry.fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        let Some(field) = &config.field else {
            return self.intake.take_fields(stream.partition, &fields, &place).map(drop);
        };
        match fields.iter().find(|(name, _)| *name == field.as_bytes()) {
            Some((_, record)) => self.intake.take(stream.partition, record, &place).map(drop),
            None => {
                let error = ValueError::new("22P02", format!("the entry has no field \"{field}\""));
                self.intake.reject(stream.partition, error, b"", &place).map(drop)
            }
        }
    }

    fn report(&mut self, index: usize, surprise: Surprise) -> Result<(), Halt> {
        let key = &self.config.keys[index];
        let StreamState { partition, position, .. } = &self.streams[index];
        self.intake.reaches(*partition, position.read.numbers());
        let message = match surprise {
            Surprise::Missed(id) => format!("entries up to {id} were deleted before they were read"),
            Surprise::Anew => "the stream was deleted and is read from its new beginning".into(),
        };
        tracing::warn!("{key}: {message}");
        let error = ValueError::new("02000", message);
        self.intake.reject(self.streams[index].partition, error, b"", key).map(drop)
    }
}
