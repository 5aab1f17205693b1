//! The source as written in the view set.

use crate::secret::Secret;
use crate::value::RelationName;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// `[sources.NAME]` with `type = "postgres"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to connect: a `postgres://` URL or `key=value` pairs. `sslmode` and `sslrootcert` as libpq has them.
    pub url: Secret,
    /// The tables, `name` or `schema.name`, each as Postgres stores it.
    pub tables: Vec<String>,
    /// The publication to read; `tidegate_<source>` if left out.
    #[serde(default)]
    pub publication: Option<String>,
    /// How the replication slot's name begins; `tidegate_<source>` if left out.
    #[serde(default)]
    pub slot: Option<String>,
    /// Whether `run` may create the publication, or add tables to it.
    #[serde(default)]
    pub create: bool,
    /// With a store: what to do when the slot is gone, lost or was advanced by somebody else.
    #[serde(default)]
    pub slot_lost: SlotLost,
    /// How many connections read the snapshot.
    #[serde(default = "default_snapshot_connections")]
    pub snapshot_connections: usize,
    /// How far a commit may lie ahead of our clock before its time is clamped and reported.
    #[serde(default = "default_max_ahead", deserialize_with = "duration")]
    pub max_ahead: Duration,
}

/// What to do when a slot cannot be read on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotLost {
    /// Stop, and say what is wrong.
    #[default]
    Stop,
    /// Read the tables again, and tell the difference.
    Snapshot,
}

fn default_snapshot_connections() -> usize {
    2
}

fn default_max_ahead() -> Duration {
    Duration::from_secs(60)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom(format!("\"{text}\" is no duration such as \"10ms\", \"5s\" or \"1h\""));
    let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

impl Config {
    /// The publication's name.
    pub fn publication_name(&self, source: &str) -> String {
        self.publication.clone().unwrap_or_else(|| format!("tidegate_{}", plain(source)))
    }

    /// How the slot's name begins.
    pub fn slot_name(&self, source: &str) -> String {
        plain(self.slot.as_deref().unwrap_or(&format!("tidegate_{source}")))
    }

    /// The tables' names, in the order written.
    pub fn table_names(&self) -> Vec<RelationName> {
        self.tables.iter().map(|written| relation_name(written)).collect()
    }
}

/// `schema.name`, or `name` in `public`.
fn relation_name(written: &str) -> RelationName {
    match written.split_once('.') {
        Some((schema, name)) => RelationName { schema: schema.into(), name: name.into() },
        None => RelationName::public(written),
    }
}

/// Lower-case letters, digits and underscores, as slot names must be, short enough to take a suffix.
fn plain(name: &str) -> String {
    let plain = name.chars().map(|c| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    });
    plain.take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_names() {
        let config: Config =
            toml::from_str("url = \"postgres://h/d\"\ntables = [\"a\", \"sales.Orders\"]\nmax_ahead = \"5s\"")
                .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.publication_name("My Shop"), "tidegate_my_shop");
        assert_eq!(config.table_names()[1], RelationName { schema: "sales".into(), name: "Orders".into() });
        assert_eq!((config.create, config.max_ahead), (false, Duration::from_secs(5)));
        assert!(toml::from_str::<Config>("url = \"x\"\ntables = []\ntabels = []").is_err());
        assert!(toml::from_str::<Config>("url = \"x\"\ntables = []\nmax_ahead = \"soon\"").is_err());
    }
}
