//! `[sources.NAME]` with `type = "redis"`: as written, then as meant.

use crate::secret::Secret;
use crate::source::stream::{self, Format, Origin, Stream};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::path::Path;

/// Streams of a Redis server, as the configuration means them.
#[derive(Clone, Debug)]
pub struct Config {
    /// `redis://[user@]host[:port][/database]`, or `unix:///path`.
    pub url: Secret,
    /// The password, if it is not in the URL.
    pub password: Option<Secret>,
    /// The keys of the streams. Each is a partition.
    pub keys: Vec<String>,
    /// Where reading begins.
    pub from: Origin,
    /// The field of an entry that holds the record; none: the fields are the columns.
    pub field: Option<String>,
    /// What every stream has.
    pub stream: Stream,
}

/// As written, without what every stream has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Secret,
    password: Option<Secret>,
    keys: Vec<String>,
    #[serde(default)]
    from: Origin,
    field: Option<String>,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let (stream, Written { url, password, keys, from, field }) = stream::deserialize(deserializer)?;
        check(&stream, &keys, field.as_deref()).map_err(D::Error::custom)?;
        Ok(Config { url, password, keys, from, field, stream })
    }
}

fn check(stream: &Stream, keys: &[String], field: Option<&str>) -> Result<(), String> {
    if keys.is_empty() {
        return Err("`keys` names no stream".into());
    }
    if let Some(twice) = keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)) {
        return Err(format!("`keys` names \"{}\" twice", twice.1));
    }
    stream.without_header()?;
    match stream.format() {
        Format::Csv { .. } | Format::Debezium if field.is_none() => Err(
            "`format` is how the field that `field` names is written; without it, an entry's fields are the columns"
                .into(),
        ),
        Format::Csv { .. } | Format::Json | Format::Debezium => Ok(()),
    }
}

impl Config {
    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.url = self.url.relative_to(directory);
        self.password = self.password.map(|password| password.relative_to(directory));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("keys = []", "names no stream"),
            ("keys = ['a', 'b', 'a']", "names \"a\" twice"),
            ("keys = ['a']\nfrom = 'middle'", "unknown variant `middle`"),
            ("keys = ['a']\nformat = 'csv'", "an entry's fields are the columns"),
            ("keys = ['a']\nfield = 'f'\nformat = 'csv'\nheader = true", "is for files"),
            ("keys = ['a']\nstreams = 'a'", "unknown field `streams`"),
            ("", "missing field `keys`"),
        ];
        for (text, message) in cases {
            let text = format!("url = 'redis://h'\nschema = {{ a = 'text' }}\n{text}");
            let error = toml::from_str::<Config>(&text).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
        let config: Config = toml::from_str("url = 'redis://h'\nschema = { a = 'text' }\nkeys = ['a']").unwrap();
        assert_eq!((config.from, config.field), (Origin::Beginning, None));
    }
}
