//! `[sinks.NAME]` with `type = "opensearch"`: as written, and what can be said of it before the server is asked.

use super::super::{Deploy, SinkError};
use crate::quantity::{bytes, deserialize_duration};
use crate::secret::Secret;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The `opensearch` sink as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The view whose rows are indexed.
    pub view: String,
    /// `http[s]://host[:port][/path]` of Elasticsearch or OpenSearch.
    pub url: Secret,
    /// The index; the view's name if left out.
    pub index: Option<String>,
    /// The columns that identify a row; the view's proven key if left out.
    pub key: Option<Vec<String>>,
    /// Who writes, with `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// An encoded API key instead of user and password.
    pub api_key: Option<Secret>,
    /// A file of certificates that vouch for the server, instead of the system's.
    pub ca: Option<PathBuf>,
    /// What the index is created with: a table, or the path of a JSON file. `properties` replace those derived from
    /// columns.
    pub mapping: Option<Value>,
    /// The settings the index is created with, likewise.
    pub settings: Option<Value>,
    /// What is done with an index of another view or mapping.
    #[serde(default)]
    pub deploy: Deploy,
    /// Bytes of one bulk request before compression.
    #[serde(default = "default_bulk_bytes", deserialize_with = "deserialize_bytes")]
    pub bulk_bytes: usize,
    /// Bulk requests under way at once.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// How long changes may be collected for one delivery.
    #[serde(default = "default_commit_interval", deserialize_with = "deserialize_duration")]
    pub commit_interval: Duration,
    /// Whether bulk requests are compressed.
    #[serde(default = "default_gzip")]
    pub gzip: bool,
}

fn default_bulk_bytes() -> usize {
    5 << 20
}

fn default_concurrency() -> usize {
    2
}

fn default_commit_interval() -> Duration {
    Duration::from_secs(1)
}

fn default_gzip() -> bool {
    true
}

fn deserialize_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    bytes(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl Config {
    /// The same with relative paths taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.url = self.url.relative_to(directory);
        self.password = self.password.map(|secret| secret.relative_to(directory));
        self.api_key = self.api_key.map(|secret| secret.relative_to(directory));
        self.ca = self.ca.map(|path| directory.join(path));
        for given in [&mut self.mapping, &mut self.settings].into_iter().flatten() {
            if let Value::String(path) = given {
                *path = directory.join(&*path).display().to_string();
            }
        }
        self
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<(), SinkError> {
        let wrong = |text: &str| Err(SinkError::Config(text.to_string()));
        match (&self.user, &self.password, &self.api_key) {
            (Some(_), Some(_), None) | (None, None, _) => {}
            (_, _, Some(_)) => return wrong("give `user` and `password`, or `api_key`, not both"),
            _ => return wrong("`user` and `password` go together"),
        }
        if self.bulk_bytes < 1024 {
            return wrong("`bulk_bytes` is at least 1KiB");
        }
        if !(1..=64).contains(&self.concurrency) {
            return wrong("`concurrency` is between 1 and 64");
        }
        Ok(())
    }
}

/// What is given as a table or as the path of a JSON file; nothing is an empty object.
pub(super) fn object(what: &str, given: Option<&Value>) -> Result<Map<String, Value>, SinkError> {
    let wrong = |text: String| SinkError::Config(format!("{what}: {text}"));
    let value = match given {
        None => return Ok(Map::new()),
        Some(Value::String(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot read {path}: {error}")))?;
            serde_json::from_str(&text).map_err(|error| wrong(format!("{path} is not JSON: {error}")))?
        }
        Some(value) => value.clone(),
    };
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(wrong("a table, or the path of a file with a JSON object, is expected".to_string())),
    }
}

/// Refuses a name that Elasticsearch or OpenSearch would not have for an index.
pub(super) fn check_index_name(name: &str) -> Result<(), SinkError> {
    const NEVER: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':', '+'];
    let wrong =
        |text: String| Err(SinkError::Config(format!("`{name}` cannot name an index: {text}; give another `index`")));
    if name.is_empty() || name == "." || name == ".." {
        return wrong("it is empty or only dots".into());
    }
    if name.len() > 255 {
        return wrong("it is longer than 255 bytes".into());
    }
    if let Some(c) = name.chars().find(|c| NEVER.contains(c) || c.is_control()) {
        return wrong(format!("it has a {c:?}"));
    }
    if name.chars().any(char::is_uppercase) {
        return wrong("it has upper-case letters".into());
    }
    if name.starts_with(['-', '_']) {
        return wrong("it begins with - or _".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_indexes() {
        for name in ["products", "a.b", "1", ".hidden", "ärger", "a-b_c", &"x".repeat(255)] {
            assert!(check_index_name(name).is_ok(), "{name}");
        }
        for name in
            ["", ".", "..", "Products", "_a", "-a", "a b", "a/b", "a*", "a:b", "a,b", "a#", "a+b", &"x".repeat(256)]
        {
            assert!(check_index_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn credentials_go_together() {
        let check = |text: &str| {
            let config: Config =
                toml::from_str(&format!("view = 'v'\nurl = 'http://h'\n{text}")).map_err(|e| e.to_string())?;
            config.check().map_err(|error| error.to_string())
        };
        for text in ["", "user = 'u'\npassword = 'p'", "api_key = 'k'", "bulk_bytes = '1MiB'\nconcurrency = 8"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let cases = [
            ("user = 'u'", "go together"),
            ("password = 'p'", "go together"),
            ("user = 'u'\npassword = 'p'\napi_key = 'k'", "not both"),
            ("bulk_bytes = '10B'", "at least 1KiB"),
            ("bulk_bytes = 'much'", "not a number of bytes"),
            ("concurrency = 0", "between 1 and 64"),
            ("commit_interval = '1 fortnight'", "not a length of time"),
            ("hosts = []", "unknown field"),
        ];
        for (text, expected) in cases {
            assert!(check(text).is_err_and(|error| error.contains(expected)), "{text}");
        }
    }
}
