//! The keys that every source of a stream has, as written, then as meant.
//!
//! A source's section holds these keys and its own side by side. [`deserialize`] reads both in one pass, so that a mistake in
//! either keeps its place in the file: what is not a key of streams goes to the source's own type.

use super::{debezium, types};
use crate::quantity::{bytes, duration};
use crate::source::SourceRelation;
use crate::timeline::Disorder;
use crate::value::{Column, RelationKind, RelationName, Schema, Type};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// What every stream is told, whatever it is read from.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The stream's name; none: the source's.
    pub relation: Option<String>,
    pub(super) columns: Vec<Column>,
    /// The columns that identify a row, if records are changes of a table.
    pub(super) key: Option<Vec<usize>>,
    pub(super) format: Format,
    /// The position of the event time; none: the time of arrival.
    pub(super) event_time: Option<usize>,
    /// What a number in the event time's column counts since 1970.
    pub(super) unit: Option<Unit>,
    pub(super) disorder: Disorder,
    pub(super) late: Late,
    pub(super) rejected: Rejected,
    /// How long nothing may arrive before the stream counts as idle; none: it never does.
    pub(super) idle_after: Option<Duration>,
    /// Bytes that may wait for the watermark.
    pub(super) buffer: usize,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An object.
    Json,
    /// Comma-separated values as Postgres's `COPY` writes and reads them.
    Csv {
        /// Whether the first record names the columns; none: not said.
        header: Option<bool>,
        /// What stands between two values.
        delimiter: u8,
    },
    /// An envelope of Debezium's: a change of a table.
    Debezium,
}

/// Where reading begins in what a broker keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// With the oldest record there is.
    #[default]
    Beginning,
    /// With what is added after the start.
    End,
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

/// What becomes of records that cannot be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rejected {
    /// They are rows of `<stream>_errors`.
    #[default]
    Collect,
    /// They are counted.
    Drop,
    /// The first one stops the source.
    Stop,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "us", alias = "µs")]
    Microseconds,
}

/// The keys, in the order in which a suggestion lists them.
pub const KEYS: &[&str] = &[
    "relation",
    "schema",
    "key",
    "format",
    "header",
    "delimiter",
    "event_time",
    "event_time_unit",
    "lateness",
    "late",
    "accept_for",
    "max_ahead",
    "idle_after",
    "rejected",
    "buffer",
];

/// As written.
#[derive(Default)]
struct Written {
    relation: Option<String>,
    schema: Option<Columns>,
    key: Option<Vec<String>>,
    format: Option<FormatName>,
    header: Option<bool>,
    delimiter: Option<Delimiter>,
    event_time: Option<String>,
    event_time_unit: Option<Unit>,
    lateness: Option<Length>,
    late: Option<Late>,
    accept_for: Option<Length>,
    max_ahead: Option<Length>,
    idle_after: Option<IdleAfter>,
    rejected: Option<Rejected>,
    buffer: Option<Bytes>,
}

impl Written {
    /// Reads the value of one of `KEYS`.
    fn take<'de, M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error> {
        match key {
            "relation" => self.relation = Some(map.next_value()?),
            "schema" => self.schema = Some(map.next_value()?),
            "key" => self.key = Some(map.next_value()?),
            "format" => self.format = Some(map.next_value()?),
            "header" => self.header = Some(map.next_value()?),
            "delimiter" => self.delimiter = Some(map.next_value()?),
            "event_time" => self.event_time = Some(map.next_value()?),
            "event_time_unit" => self.event_time_unit = Some(map.next_value()?),
            "lateness" => self.lateness = Some(map.next_value()?),
            "late" => self.late = Some(map.next_value()?),
            "accept_for" => self.accept_for = Some(map.next_value()?),
            "max_ahead" => self.max_ahead = Some(map.next_value()?),
            "idle_after" => self.idle_after = Some(map.next_value()?),
            "rejected" => self.rejected = Some(map.next_value()?),
            "buffer" => self.buffer = Some(map.next_value()?),
            _ => return Err(M::Error::unknown_field(key, KEYS)),
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    #[default]
    Json,
    Csv,
    Debezium,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Delimiter(u8);

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Delimiter, String> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(Delimiter(*byte)),
            _ => Err(format!("`{text}` is not a delimiter: one ASCII character, no quote and no line end")),
        }
    }
}

/// A length of time.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Length(Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Length, String> {
        duration(&text).map(Length)
    }
}

/// A length of time, or `"never"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct IdleAfter(Option<Duration>);

impl TryFrom<String> for IdleAfter {
    type Error = String;

    fn try_from(text: String) -> Result<IdleAfter, String> {
        match text.as_str() {
            "never" => Ok(IdleAfter(None)),
            text => duration(text).map(|length| IdleAfter(Some(length))),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Bytes(usize);

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Bytes, String> {
        bytes(&text).map(Bytes)
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

/// Reads a source's section: the keys of streams, and the others as `Own`.
pub(in crate::source) fn deserialize<'de, D, Own>(deserializer: D) -> Result<(Stream, Own), D::Error>
where
    D: Deserializer<'de>,
    Own: DeserializeOwned,
{
    deserializer.deserialize_map(Section(PhantomData))
}

struct Section<Own>(PhantomData<Own>);

impl<'de, Own: DeserializeOwned> Visitor<'de> for Section<Own> {
    type Value = (Stream, Own);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(Stream, Own), M::Error> {
        let mut written = Written::default();
        let rest = Rest { map: &mut map, written: &mut written };
        let own = Own::deserialize(MapAccessDeserializer::new(rest))?;
        Ok((Stream::try_from(written).map_err(M::Error::custom)?, own))
    }
}

/// The entries of a section that are not keys of streams; those are read on the way.
struct Rest<'a, M> {
    map: &'a mut M,
    written: &'a mut Written,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for Rest<'_, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, mut seed: K) -> Result<Option<K::Value>, M::Error> {
        loop {
            match self.map.next_key_seed(Key(seed))? {
                None => return Ok(None),
                Some(Found::Own(key)) => return Ok(Some(key)),
                Some(Found::Stream(key, unused)) => {
                    self.written.take(key, self.map)?;
                    seed = unused;
                }
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}

struct Key<K>(K);

enum Found<K, V> {
    Own(V),
    Stream(&'static str, K),
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<K> {
    type Value = Found<K, K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        match KEYS.iter().find(|known| **known == key) {
            Some(known) => Ok(Found::Stream(known, self.0)),
            None => self.0.deserialize(key.into_deserializer()).map(Found::Own),
        }
    }
}

impl TryFrom<Written> for Stream {
    type Error = String;

    fn try_from(written: Written) -> Result<Stream, String> {
        let mut columns = written.schema.ok_or("`schema` is missing: the columns and their types")?.0;
        let format = format(written.format.unwrap_or_default(), written.header, written.delimiter)?;
        let is_table = format == Format::Debezium;
        let key = key(&mut columns, written.key, is_table)?;
        if is_table && (written.event_time.is_some() || written.idle_after.is_some()) {
            return Err("a table has no event time, and is never idle: its changes happen when they arrive".into());
        }
        let (lateness, late) = (written.lateness.unwrap_or_default().0, written.late.unwrap_or_default());
        let unit = written.event_time_unit;
        let event_time = match written.event_time {
            Some(name) => Some(event_time(&mut columns, &name, unit)?),
            None if unit.is_some() => return Err("`event_time_unit` needs an `event_time`".into()),
            None if lateness.is_zero() && late == Late::Collect => None,
            None => return Err("`lateness` and `late` need an `event_time`: the time of arrival is never late".into()),
        };
        let accept_for = written.accept_for.unwrap_or_default().0;
        if !accept_for.is_zero() && late != Late::Accept {
            return Err("`accept_for` needs `late = \"accept\"`".into());
        }
        let max_ahead = written.max_ahead.map_or(Duration::from_secs(3600), |length| length.0);
        Ok(Stream {
            relation: written.relation,
            columns,
            key,
            format,
            event_time,
            unit,
            disorder: Disorder {
                lateness: micros(lateness),
                accept_for: micros(accept_for),
                max_ahead: micros(max_ahead),
            },
            late,
            rejected: written.rejected.unwrap_or_default(),
            idle_after: written.idle_after.map_or(Some(Duration::from_secs(10)), |after| after.0),
            buffer: written.buffer.map_or(256 << 20, |bytes| bytes.0),
        })
    }
}

fn format(name: FormatName, header: Option<bool>, delimiter: Option<Delimiter>) -> Result<Format, String> {
    match name {
        FormatName::Csv => Ok(Format::Csv { header, delimiter: delimiter.map_or(b',', |d| d.0) }),
        FormatName::Json | FormatName::Debezium if header.is_some() || delimiter.is_some() => {
            Err("`header` and `delimiter` need `format = \"csv\"`".into())
        }
        FormatName::Json => Ok(Format::Json),
        FormatName::Debezium => Ok(Format::Debezium),
    }
}

/// The key's positions. Its columns hold no null.
fn key(columns: &mut [Column], names: Option<Vec<String>>, is_table: bool) -> Result<Option<Vec<usize>>, String> {
    let names = match names {
        Some(names) if is_table && !names.is_empty() => names,
        Some(_) if is_table => return Err("`key` names no column".into()),
        None if is_table => return Err("`format = \"debezium\"` needs a `key`: the columns that identify a row".into()),
        Some(_) => return Err("`key` needs `format = \"debezium\"`: the events of a stream have none".into()),
        None => return Ok(None),
    };
    debezium::check(columns)?;
    let mut positions = Vec::new();
    for name in names {
        let position = columns.iter().position(|column| column.name == name);
        let position = position.ok_or_else(|| format!("`key` names \"{name}\", which is no column"))?;
        if positions.contains(&position) {
            return Err(format!("`key` names \"{name}\" twice"));
        }
        columns[position].nullable = false;
        positions.push(position);
    }
    Ok(Some(positions))
}

/// The event time's position. An event without one cannot be placed, so the column holds no null.
fn event_time(columns: &mut [Column], name: &str, unit: Option<Unit>) -> Result<usize, String> {
    let Some(position) = columns.iter().position(|c| c.name == name) else {
        let names = columns.iter().map(|c| format!("\"{}\"", c.name)).collect::<Vec<_>>().join(", ");
        return Err(format!("`event_time` names \"{name}\", which is no column; the columns are {names}"));
    };
    let column = &mut columns[position];
    match column.ty {
        Type::Timestamptz | Type::Timestamp if unit.is_some() && column.modifier >= 0 => {
            return Err(format!("with `event_time_unit`, \"{name}\" is a timestamptz without a number of digits"));
        }
        Type::Timestamptz | Type::Timestamp => {}
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric | Type::Float4 | Type::Float8 => {
            return Err(format!(
                "`event_time` names \"{name}\" of type {}; a timestamptz is needed: declare it so, and say with \
                 `event_time_unit` (\"s\", \"ms\" or \"us\") what its numbers count since 1970",
                column.ty
            ));
        }
        _ => return Err(format!("`event_time` names \"{name}\" of type {}; a timestamptz is needed", column.ty)),
    }
    column.nullable = false;
    Ok(position)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Stream {
    /// What a source of this name offers; `ends`: whether the stream ends by itself.
    pub(in crate::source) fn offer(&self, source: &str, ends: bool) -> SourceRelation {
        let name = RelationName::public(self.relation.as_deref().unwrap_or(source));
        let kind = RelationKind::Stream { event_time: self.event_time, accept_for: self.disorder.accept_for, ends };
        let schema = match &self.key {
            Some(key) => Schema::table(self.columns.clone(), Some(key.clone())),
            None => Schema { columns: self.columns.clone(), key: None, kind },
        };
        SourceRelation { name, schema: Arc::new(schema), upserts: self.key.is_some() }
    }

    /// Refuses what only files have: a record that names the columns of those that follow.
    pub(in crate::source) fn without_header(&self) -> Result<(), String> {
        match self.format {
            Format::Csv { header: Some(true), .. } => {
                Err("`header = true` is for files: here the columns are those of `schema`, in their order".into())
            }
            Format::Csv { .. } | Format::Json | Format::Debezium => Ok(()),
        }
    }

    /// How its records are written.
    pub(in crate::source) fn format(&self) -> Format {
        self.format
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        path: String,
        #[serde(default)]
        follow: bool,
    }

    fn read(text: &str) -> Result<(Stream, Own), String> {
        let read = toml::Deserializer::parse(text).and_then(deserialize);
        read.map_err(|e: toml::de::Error| e.message().to_owned())
    }

    /// The stream of these keys.
    pub(in crate::source::stream) fn stream(text: &str) -> Stream {
        read(&format!("path = '-'\n{text}")).unwrap().0
    }

    #[test]
    fn the_columns_keep_their_order() {
        let (stream, own) = read(
            "event_time = 'at'\npath = 'clicks.jsonl'\nlateness = '5s'\nfollow = true\n\
             schema = { zebra = 'bigint not null', ant = 'text', at = 'timestamptz' }",
        )
        .unwrap();
        let names: Vec<_> = stream.columns.iter().map(|c| (c.name.as_str(), c.nullable)).collect();
        assert_eq!(names, [("zebra", false), ("ant", true), ("at", false)]);
        assert_eq!((stream.event_time, stream.disorder.lateness), (Some(2), 5_000_000));
        assert_eq!(stream.idle_after, Some(Duration::from_secs(10)));
        assert_eq!(stream.offer("web", true).name, RelationName::public("web"));
        assert_eq!((own.path.as_str(), own.follow), ("clicks.jsonl", true));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("schema = { a = 'text' }\nevent_time = 'b'", "no column; the columns are \"a\""),
            ("schema = { a = 'text' }\nevent_time = 'a'", "of type text; a timestamptz is needed"),
            ("schema = { a = 'bigint' }\nevent_time = 'a'", "say with `event_time_unit`"),
            (
                "schema = { a = 'timestamptz(3)' }\nevent_time = 'a'\nevent_time_unit = 'ms'",
                "without a number of digits",
            ),
            ("schema = { a = 'timestamptz' }\nevent_time_unit = 'ms'", "needs an `event_time`"),
            ("schema = { a = 'timestamptz' }\nevent_time = 'a'\nevent_time_unit = 'min'", "unknown variant `min`"),
            ("schema = { a = 'money' }", "column \"a\": \"money\" is not a type"),
            ("schema = {}", "at least one column"),
            ("", "`schema` is missing"),
            ("schema = { a = 'text' }\nlateness = '1s'", "need an `event_time`"),
            ("schema = { a = 'timestamptz' }\nevent_time = 'a'\naccept_for = '1s'", "needs `late = \"accept\"`"),
            ("schema = { a = 'text' }\nidle_after = 'soon'", "`soon` is not a length of time"),
            ("schema = { a = 'text' }\nheader = true", "need `format = \"csv\"`"),
            ("schema = { a = 'text' }\nformat = 'csv'\ndelimiter = '\"'", "is not a delimiter"),
            ("schema = { a = 'text' }\nformat = 'xml'", "unknown variant `xml`"),
            ("schema = { a = 'text' }\nkey = ['a']", "the events of a stream have none"),
            ("schema = { a = 'text' }\nformat = 'debezium'", "needs a `key`"),
            ("schema = { a = 'text' }\nformat = 'debezium'\nkey = []", "names no column"),
            ("schema = { a = 'text' }\nformat = 'debezium'\nkey = ['b']", "\"b\", which is no column"),
            ("schema = { a = 'text' }\nformat = 'debezium'\nkey = ['a', 'a']", "\"a\" twice"),
            ("schema = { a = 'bytea' }\nformat = 'debezium'\nkey = ['a']", "bytea is not read"),
            ("schema = { a = 'timestamptz' }\nformat = 'debezium'\nkey = ['a']\nevent_time = 'a'", "has no event time"),
            ("schema = { a = 'text' }\nrejected = 'ignore'", "unknown variant `ignore`"),
            ("schema = { a = 'text' }\nfollows = true", "unknown field `follows`"),
        ];
        for (text, message) in cases {
            let error = read(&format!("path = '-'\n{text}")).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
