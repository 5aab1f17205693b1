//! What is asked of the brokers, and what their errors mean.

use super::config::Config;
use crate::source::SourceError;
use crate::source::stream::Failure;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer of the topic, and where the topic begins and ends.
pub(super) struct Cluster {
    pub(super) consumer: BaseConsumer,
    topic: String,
}

/// The offsets of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The partition's number.
    pub(super) number: i32,
    /// The oldest offset there is.
    pub(super) low: i64,
    /// The offset that the next message gets.
    pub(super) high: i64,
}

/// The client's settings.
pub(super) fn settings(config: &Config) -> Result<ClientConfig, SourceError> {
    let mut client = ClientConfig::new();
    // What waits to be taken is bounded, per partition.
    client.set("queued.max.messages.kbytes", "16384");
    for (key, value) in &config.settings {
        let value = value.resolve().map_err(|error| SourceError::Config(format!("settings: {key}: {error}")))?;
        client.set(key, value);
    }
    client.set("bootstrap.servers", config.brokers.join(","));
    client.set("enable.partition.eof", "true");
    // The positions are ours: nothing is committed, a group is only a name here, and an offset that is gone is an error.
    client.set("group.id", "tidegate");
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("auto.offset.reset", "error");
    Ok(client)
}

impl Cluster {
    /// A new client. It connects when something is asked.
    pub(super) fn new(config: &Config) -> Result<Cluster, SourceError> {
        let consumer = settings(config)?.create();
        let consumer = consumer.map_err(|error| SourceError::Config(format!("settings: {error}")))?;
        Ok(Cluster { consumer, topic: config.topic.clone() })
    }

    /// The topic's partitions, by number.
    pub(super) fn extents(&self) -> Result<Vec<Extent>, Failure> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), TIMEOUT).map_err(|error| failure(&error))?;
        let topic = metadata.topics().first().filter(|topic| topic.name() == self.topic && topic.error().is_none());
        let mut numbers: Vec<i32> = topic.into_iter().flat_map(|topic| topic.partitions()).map(|p| p.id()).collect();
        if numbers.is_empty() {
            return Err(SourceError::Operator(format!("Kafka has no topic {}; create it", self.topic)).into());
        }
        numbers.sort_unstable();
        numbers.into_iter().map(|number| self.extent(number)).collect()
    }

    fn extent(&self, number: i32) -> Result<Extent, Failure> {
        let watermarks = self.consumer.fetch_watermarks(&self.topic, number, TIMEOUT);
        let (low, high) = watermarks.map_err(|error| failure(&error))?;
        Ok(Extent { number, low, high })
    }

    /// Reads these partitions from these offsets on.
    pub(super) fn assign(&self, from: impl Iterator<Item = (i32, i64)>) -> Result<(), Failure> {
        let mut list = TopicPartitionList::new();
        for (number, offset) in from {
            list.add_partition_offset(&self.topic, number, Offset::Offset(offset)).map_err(|error| failure(&error))?;
        }
        self.consumer.assign(&list).map_err(|error| failure(&error))
    }

    /// Reads no further in a partition for now, or goes on.
    pub(super) fn hold(&self, number: i32, hold: bool) -> Result<(), Failure> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, number);
        let done = if hold { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        done.map_err(|error| failure(&error))
    }
}

/// Which kind of failure an error is. What does not pass by itself is named; the rest is tried again from our positions.
pub(super) fn failure(error: &KafkaError) -> Failure {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            SourceError::Operator(format!("Kafka: {error}; the topic is gone")).into()
        }
        Some(
            RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => SourceError::Operator(format!("Kafka refuses us: {error}; see `settings` and the topic's permissions"))
            .into(),
        _ => Failure::Lost(error.to_string()),
    }
}
