//! `[sources.NAME]` with `type = "nats"`: as written, then as meant.

use crate::secret::Secret;
use crate::source::stream::{self, Origin, Stream};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::path::Path;

/// A JetStream stream, as the configuration means it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `nats://[user:password@]host[:port]`, or `tls://`.
    pub url: Secret,
    /// A token, if the server asks for one.
    pub token: Option<Secret>,
    /// The stream's name on the server.
    pub jetstream: String,
    /// The subjects to read, with wildcards; none: all of the stream's.
    pub subject: Option<String>,
    /// The durable consumer that keeps the position; none: it is not kept.
    pub durable: Option<String>,
    /// Where reading begins.
    pub from: Origin,
    /// What every stream has.
    pub stream: Stream,
}

/// As written, without what every stream has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Secret,
    token: Option<Secret>,
    jetstream: String,
    subject: Option<String>,
    durable: Option<String>,
    #[serde(default)]
    from: Origin,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let (stream, Written { url, token, jetstream, subject, durable, from }) = stream::deserialize(deserializer)?;
        for (key, name) in [("jetstream", Some(&jetstream)), ("durable", durable.as_ref())] {
            if name.is_some_and(|name| !is_name(name)) {
                return Err(D::Error::custom(format!("`{key}` is a name without spaces, dots, wildcards and slashes")));
            }
        }
        stream.without_header().map_err(D::Error::custom)?;
        Ok(Config { url, token, jetstream, subject, durable, from, stream })
    }
}

/// Whether the server takes it as the name of a stream or consumer.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c))
}

impl Config {
    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.url = self.url.relative_to(directory);
        self.token = self.token.map(|token| token.relative_to(directory));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("jetstream = 'a.b'", "`jetstream` is a name without"),
            ("jetstream = ''", "`jetstream` is a name without"),
            ("jetstream = 'A'\ndurable = 'x y'", "`durable` is a name without"),
            ("jetstream = 'A'\nformat = 'csv'\nheader = true", "is for files"),
            ("jetstream = 'A'\nsubjects = ['x']", "unknown field `subjects`"),
            ("", "missing field `jetstream`"),
        ];
        for (text, message) in cases {
            let text = format!("url = 'nats://h'\nschema = {{ a = 'text' }}\n{text}");
            let error = toml::from_str::<Config>(&text).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
    }
}
