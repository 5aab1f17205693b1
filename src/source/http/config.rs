//! `[sources.NAME]` with `type = "http"`: as written, then as meant.

use crate::quantity::bytes;
use crate::secret::Secret;
use crate::source::stream::{self, Format, Stream};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::Path;

/// A door for events over HTTP, as the configuration means it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The path that takes events; none: the source's name.
    pub path: Option<String>,
    /// What clients must show as `Authorization: Bearer …`.
    pub token: Option<Secret>,
    /// The longest body that is taken.
    pub max_body: usize,
    /// Bytes of requests that may wait to be taken.
    pub pending: usize,
    /// What every stream has.
    pub stream: Stream,
}

/// As written, without what every stream has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: SocketAddr,
    path: Option<String>,
    token: Option<Secret>,
    #[serde(default = "mebibyte", deserialize_with = "deserialize_bytes")]
    max_body: usize,
    #[serde(default = "many_mebibytes", deserialize_with = "deserialize_bytes")]
    pending: usize,
}

fn mebibyte() -> usize {
    1 << 20
}

fn many_mebibytes() -> usize {
    32 << 20
}

fn deserialize_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    bytes(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let (stream, Written { listen, path, token, max_body, pending }) = stream::deserialize(deserializer)?;
        let config = Config { listen, path, token, max_body, pending, stream };
        config.check().map_err(D::Error::custom)?;
        Ok(config)
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() && self.token.is_none() {
            return Err(format!(
                "{} can be reached from elsewhere: give a `token`, or listen on 127.0.0.1",
                self.listen
            ));
        }
        if matches!(self.stream.format(), Format::Csv { .. }) {
            return Err("an http source takes JSON only".into());
        }
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("`path` begins with a slash".into());
        }
        match self.max_body {
            0 => Err("`max_body` is nothing".into()),
            max_body if max_body > self.pending || u32::try_from(self.pending).is_err() => {
                Err("`pending` is at least `max_body`, and below 4GiB".into())
            }
            _ => Ok(()),
        }
    }

    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
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
            ("listen = '0.0.0.0:1'", "can be reached from elsewhere"),
            ("listen = '127.0.0.1'", "invalid socket address"),
            ("listen = '127.0.0.1:1'\nformat = 'csv'", "takes JSON only"),
            ("listen = '127.0.0.1:1'\npath = 'events'", "begins with a slash"),
            ("listen = '127.0.0.1:1'\nmax_body = '1GB'", "is at least `max_body`"),
            ("listen = '127.0.0.1:1'\nmax_body = '0'", "is nothing"),
            ("listen = '127.0.0.1:1'\nmax_body = 'much'", "is not a number of bytes"),
            ("listen = '127.0.0.1:1'\nport = 1", "unknown field `port`"),
        ];
        for (text, message) in cases {
            let error = toml::from_str::<Config>(&format!("schema = {{ a = 'text' }}\n{text}")).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
        let open = "schema = { a = 'text' }\nlisten = '0.0.0.0:1'\ntoken = 't'";
        assert_eq!(toml::from_str::<Config>(open).unwrap().max_body, 1 << 20);
    }
}
