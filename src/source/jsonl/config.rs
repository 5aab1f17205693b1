//! `[sources.NAME]` with `type = "jsonl"`: as written, then as meant.

use super::types;
use crate::quantity::deserialize_duration;
use crate::timeline::Disorder;
use crate::value::{Column, RelationKind, RelationName, Schema, Type};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A stream of JSON lines, as the configuration means it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct Config {
    /// The file, or `-` for standard input.
    pub path: PathBuf,
    /// Keep reading as the file grows.
    pub follow: bool,
    /// The stream's name; none: the source's.
    pub relation: Option<String>,
    pub(super) columns: Vec<Column>,
    /// The position of the event time; none: the time of arrival.
    pub(super) event_time: Option<usize>,
    pub(super) disorder: Disorder,
    pub(super) late: Late,
    /// How long nothing may arrive before the stream counts as idle; none: it never does.
    pub(super) idle_after: Option<Duration>,
}

/// What becomes of late events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Late {
    /// They are rows of `<stream>_late`.
    #[default]
    Collect,
    /// They are counted.
    Drop,
    /// They enter at the watermark for `accept_for`; after that they are rows of `<stream>_late`.
    Accept,
}

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: PathBuf,
    #[serde(default)]
    follow: bool,
    relation: Option<String>,
    schema: Columns,
    event_time: Option<String>,
    #[serde(default, deserialize_with = "deserialize_duration")]
    lateness: Duration,
    #[serde(default)]
    late: Late,
    #[serde(default, deserialize_with = "deserialize_duration")]
    accept_for: Duration,
    #[serde(default = "hour", deserialize_with = "deserialize_duration")]
    max_ahead: Duration,
    #[serde(default)]
    idle_after: IdleAfter,
}

fn hour() -> Duration {
    Duration::from_secs(3600)
}

/// A length of time, or `"never"`.
struct IdleAfter(Option<Duration>);

impl Default for IdleAfter {
    fn default() -> IdleAfter {
        IdleAfter(Some(Duration::from_secs(10)))
    }
}

impl<'de> Deserialize<'de> for IdleAfter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IdleAfter, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "never" => Ok(IdleAfter(None)),
            text => crate::quantity::duration(text).map(|d| IdleAfter(Some(d))).map_err(D::Error::custom),
        }
    }
}

/// The columns in the order in which they are written.
struct Columns(Vec<Column>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Columns, D::Error> {
        struct Declarations;
        impl<'de> Visitor<'de> for Declarations {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of column names and types, such as { id = \"bigint not null\" }")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Columns, M::Error> {
                let mut columns = vec![];
                while let Some((name, declaration)) = map.next_entry::<String, String>()? {
                    columns.push(types::column(&name, &declaration).map_err(M::Error::custom)?);
                }
                if columns.is_empty() {
                    return Err(M::Error::custom("a stream needs at least one column"));
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_map(Declarations)
    }
}

impl TryFrom<Written> for Config {
    type Error = String;

    fn try_from(written: Written) -> Result<Config, String> {
        let mut columns = written.schema.0;
        let event_time = match written.event_time {
            Some(name) => Some(event_time(&mut columns, &name)?),
            None if written.lateness.is_zero() && written.late == Late::Collect => None,
            None => return Err("`lateness` and `late` need an `event_time`: the time of arrival is never late".into()),
        };
        if !written.accept_for.is_zero() && written.late != Late::Accept {
            return Err("`accept_for` needs `late = \"accept\"`".into());
        }
        let disorder = Disorder {
            lateness: micros(written.lateness),
            accept_for: micros(written.accept_for),
            max_ahead: micros(written.max_ahead),
        };
        Ok(Config {
            path: written.path,
            follow: written.follow,
            relation: written.relation,
            columns,
            event_time,
            disorder,
            late: written.late,
            idle_after: written.idle_after.0,
        })
    }
}

/// The event time's position. An event without one cannot be placed, so the column holds no null.
fn event_time(columns: &mut [Column], name: &str) -> Result<usize, String> {
    let Some(position) = columns.iter().position(|c| c.name == name) else {
        let names = columns.iter().map(|c| format!("\"{}\"", c.name)).collect::<Vec<_>>().join(", ");
        return Err(format!("`event_time` names \"{name}\", which is no column; the columns are {names}"));
    };
    let column = &mut columns[position];
    if !matches!(column.ty, Type::Timestamptz | Type::Timestamp) {
        return Err(format!("`event_time` names \"{name}\" of type {}; a timestamptz is needed", column.ty));
    }
    column.nullable = false;
    Ok(position)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Config {
    /// The stream's name, for a source of this name.
    pub(super) fn stream(&self, source: &str) -> RelationName {
        RelationName::public(self.relation.as_deref().unwrap_or(source))
    }

    pub(super) fn schema(&self) -> Schema {
        let kind = RelationKind::Stream { event_time: self.event_time, accept_for: self.disorder.accept_for };
        Schema { columns: self.columns.clone(), key: None, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|e: toml::de::Error| e.message().to_owned())
    }

    #[test]
    fn the_columns_keep_their_order() {
        let config = read(
            "path = 'clicks.jsonl'\nevent_time = 'at'\nlateness = '5s'\n\
             schema = { zebra = 'bigint not null', ant = 'text', at = 'timestamptz' }",
        )
        .unwrap();
        let names: Vec<_> = config.columns.iter().map(|c| (c.name.as_str(), c.nullable)).collect();
        assert_eq!(names, [("zebra", false), ("ant", true), ("at", false)]);
        assert_eq!((config.event_time, config.disorder.lateness), (Some(2), 5_000_000));
        assert_eq!(config.idle_after, Some(Duration::from_secs(10)));
        assert_eq!(config.stream("web").name, "web");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("schema = { a = 'text' }\nevent_time = 'b'", "no column; the columns are \"a\""),
            ("schema = { a = 'text' }\nevent_time = 'a'", "of type text; a timestamptz is needed"),
            ("schema = { a = 'money' }", "column \"a\": \"money\" is not a type"),
            ("schema = {}", "at least one column"),
            ("schema = { a = 'text' }\nlateness = '1s'", "need an `event_time`"),
            ("schema = { a = 'timestamptz' }\nevent_time = 'a'\naccept_for = '1s'", "needs `late = \"accept\"`"),
            ("schema = { a = 'text' }\nidle_after = 'soon'", "`soon` is not a length of time"),
            ("schema = { a = 'text' }\nfollows = true", "unknown field `follows`"),
        ];
        for (text, message) in cases {
            let error = read(&format!("path = '-'\n{text}")).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
