//! `[sources.NAME]` with `type = "kafka"`: as written, then as meant.

use crate::secret::Secret;
use crate::source::stream::{self, Origin, Stream};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::Path;

/// A Kafka topic, as the configuration means it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port` of some of the brokers.
    pub brokers: Vec<String>,
    /// The topic. Its partitions are those of the stream.
    pub topic: String,
    /// Where reading begins.
    pub from: Origin,
    /// Further settings of librdkafka.
    pub settings: BTreeMap<String, Secret>,
    /// What every stream has.
    pub stream: Stream,
}

/// Settings that decide what is read: they are ours.
const OURS: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
];

/// As written, without what every stream has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    brokers: Vec<String>,
    topic: String,
    #[serde(default)]
    from: Origin,
    #[serde(default)]
    settings: BTreeMap<String, Secret>,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let (stream, Written { brokers, topic, from, settings }) = stream::deserialize(deserializer)?;
        if brokers.is_empty() || brokers.iter().any(|broker| broker.trim().is_empty() || broker.contains(',')) {
            return Err(D::Error::custom("`brokers` is a list of at least one \"host:port\""));
        }
        if let Some(key) = settings.keys().find(|key| OURS.contains(&key.as_str())) {
            return Err(D::Error::custom(format!("`settings`: {key} is not to be set: the positions are kept here")));
        }
        stream.without_header().map_err(D::Error::custom)?;
        Ok(Config { brokers, topic, from, settings, stream })
    }
}

impl Config {
    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.settings = self.settings.into_iter().map(|(key, value)| (key, value.relative_to(directory))).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("brokers = []\ntopic = 't'", "at least one \"host:port\""),
            ("brokers = ['a:1,b:1']\ntopic = 't'", "at least one \"host:port\""),
            ("brokers = ['a:1']\ntopic = 't'\nsettings = { 'group.id' = 'g' }", "group.id is not to be set"),
            ("brokers = ['a:1']\ntopics = ['t']", "unknown field `topics`"),
            ("brokers = ['a:1']\ntopic = 't'\nformat = 'csv'\nheader = true", "is for files"),
        ];
        for (text, message) in cases {
            let error = toml::from_str::<Config>(&format!("schema = {{ a = 'text' }}\n{text}")).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
    }
}
