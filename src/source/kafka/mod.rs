//! Source `kafka`: a stream of events from a Kafka topic, partition by partition.
//!
//! The positions are ours: partitions are assigned, not subscribed to, and nothing is committed. A partition at whose end the
//! consumer stands holds the stream back no longer. What must hold: every message of a partition is taken once, in order; offsets
//! that were deleted before they were read are told; while brokers are out of reach nothing counts as idle.

mod cluster;
mod config;

pub use config::Config;

use super::stream::{Failure, Halt, Intake, Origin, Patience, TICK};
use super::{Source, SourceError, SourceRelation, Start, Stop};
use crate::timeline::PartitionId;
use crate::value::ValueError;
use cluster::{Cluster, Extent, failure};
use rdkafka::Message;
use rdkafka::error::KafkaError;

/// How many messages are taken before the partitions are compared again.
const COMPARE_EVERY: u64 = 1024;

/// The source.
pub struct Kafka {
    name: String,
    stream: SourceRelation,
    config: Config,
}

impl Kafka {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Kafka {
        let stream = config.stream.offer(name, false);
        Kafka { name: name.into(), stream, config }
    }
}

impl Source for Kafka {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        // A check without the database does without the secrets, too.
        if self.config.settings.values().all(|value| value.resolve().is_ok()) {
            Cluster::new(&self.config)?;
        }
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let (once, stop) = (start.once, start.stop.clone());
        let Some(intake) = Intake::open(&self.stream.name, &self.config.stream, start)? else { return Ok(()) };
        let patience = Patience::new(format!("source {}: Kafka at {}", self.name, self.config.brokers.join(",")));
        let reading = Reading { config: &self.config, intake, partitions: Vec::new(), once };
        reading.run(patience, &stop).or_else(Halt::result)
    }
}

/// A run of the source.
struct Reading<'c> {
    config: &'c Config,
    intake: Intake,
    /// By number.
    partitions: Vec<PartitionState>,
    once: bool,
}

/// Where one partition stands.
struct PartitionState {
    number: i32,
    partition: PartitionId,
    /// The offset to read next.
    next: i64,
    /// Under `--once`: where to end, and whether that is reached.
    until: i64,
    done: bool,
    /// Whether it waits for the others.
    held: bool,
}

impl Reading<'_> {
    fn run(mut self, mut patience: Patience, stop: &Stop) -> Result<(), Halt> {
        while !stop.requested() {
            match self.session(&mut patience, stop) {
                Ok(()) => return Ok(()),
                Err(failure) => patience.outlast(failure, &mut self.intake, stop)?,
            }
        }
        Ok(())
    }

    /// Reads with a new client until a stop is asked for, the end is reached, or a broker is lost.
    fn session(&mut self, patience: &mut Patience, stop: &Stop) -> Result<(), Failure> {
        let cluster = Cluster::new(self.config)?;
        self.begin(cluster.extents()?)?;
        cluster.assign(self.partitions.iter().map(|partition| (partition.number, partition.next)))?;
        patience.renew();
        let mut taken = 0_u64;
        while !stop.requested() {
            if self.once && self.partitions.iter().all(|partition| partition.done) {
                return Ok(self.intake.finish()?);
            }
            match cluster.consumer.poll(TICK) {
                Some(Ok(message)) => {
                    self.take(message.partition(), message.offset(), message.payload())?;
                    taken += 1;
                    if taken.is_multiple_of(COMPARE_EVERY) {
                        self.hold_those_ahead(&cluster)?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(number))) => self.at_end(number),
                Some(Err(error)) => return Err(failure(&error)),
                None => {
                    self.hold_those_ahead(&cluster)?;
                    self.intake.pause()?;
                }
            }
        }
        Ok(())
    }

    /// Begins in partitions that were not known, and compares the others with what was read of them.
    fn begin(&mut self, extents: Vec<Extent>) -> Result<(), Halt> {
        let is_start = self.partitions.is_empty();
        for extent in extents {
            match self.partitions.iter().position(|partition| partition.number == extent.number) {
                Some(index) => self.look(index, extent)?,
                None => {
                    let partition = self.intake.partition(&format!("{}/{}", self.config.topic, extent.number));
                    let resumed =
                        self.intake.resumes(partition).and_then(|position| i64::try_from(position.at[0]).ok());
                    let next = resumed.unwrap_or(match self.config.from {
                        Origin::End if is_start => extent.high,
                        Origin::End | Origin::Beginning => extent.low,
                    });
                    let (number, until) = (extent.number, extent.high);
                    let done = next >= until;
                    self.partitions.push(PartitionState { number, partition, next, until, done, held: false });
                    self.look(self.partitions.len() - 1, extent)?;
                    self.reaches(self.partitions.len() - 1);
                }
            }
        }
        for partition in &mut self.partitions {
            partition.held = false;
        }
        Ok(())
    }

    fn look(&mut self, index: usize, extent: Extent) -> Result<(), Halt> {
        let partition = &mut self.partitions[index];
        let Some(message) = surprise(partition.next, extent) else { return Ok(()) };
        partition.next = extent.low;
        let partition = partition.partition;
        self.reaches(index);
        let place = format!("{}/{}", self.config.topic, extent.number);
        tracing::warn!("{place}: {message}");
        self.intake.reject(partition, ValueError::new("02000", message), b"", &place).map(drop)
    }

    fn reaches(&mut self, index: usize) {
        let PartitionState { partition, next, .. } = self.partitions[index];
        self.intake.reaches(partition, [u64::try_from(next).unwrap_or(0), 0]);
    }

    fn take(&mut self, number: i32, offset: i64, payload: Option<&[u8]>) -> Result<(), Halt> {
        let Some(index) = self.partitions.iter().position(|partition| partition.number == number) else {
            return Ok(());
        };
        let state = &mut self.partitions[index];
        if offset < state.next || (self.once && offset >= state.until) {
            return Ok(());
        }
        state.next = offset + 1;
        state.done = state.next >= state.until;
        self.reaches(index);
        let state = &self.partitions[index];
        let place = format_args!("{}/{number} {offset}", self.config.topic);
        match payload {
            Some(payload) => self.intake.take(state.partition, payload, &place)?,
            None => {
                let error = ValueError::new("22004", "the message has no value");
                self.intake.reject(state.partition, error, b"", &place)?
            }
        };
        if self.once && state.done {
            self.intake.at_end(state.partition);
        }
        Ok(())
    }

    fn at_end(&mut self, number: i32) {
        if let Some(state) = self.partitions.iter_mut().find(|partition| partition.number == number) {
            state.done = true;
            self.intake.at_end(state.partition);
        }
    }

    /// While much waits for a partition, the others are not read on.
    fn hold_those_ahead(&mut self, cluster: &Cluster) -> Result<(), Failure> {
        for state in &mut self.partitions {
            let hold = self.intake.is_ahead(state.partition);
            if hold != state.held {
                cluster.hold(state.number, hold)?;
                state.held = hold;
            }
        }
        Ok(())
    }
}

/// What has happened to a partition behind the reader's back, if anything: it must go on at the oldest offset then.
fn surprise(next: i64, Extent { low, high, .. }: Extent) -> Option<String> {
    if high < next {
        Some("the topic was deleted and is read from its new beginning".into())
    } else if low > next {
        Some(format!("offsets {next} to {} were deleted before they were read", low - 1))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_read_is_noticed() {
        let extent = |low, high| Extent { number: 0, low, high };
        assert_eq!(surprise(5, extent(0, 5)), None);
        assert_eq!(surprise(5, extent(5, 9)), None);
        assert_eq!(surprise(5, extent(7, 9)).as_deref(), Some("offsets 5 to 6 were deleted before they were read"));
        assert!(surprise(5, extent(0, 4)).is_some_and(|message| message.contains("new beginning")));
    }
}
