//! `[sources.NAME]` with `type = "jsonl"`: as written, then as meant.

use crate::source::stream::{self, Stream};
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// A stream of lines, as the configuration means it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file, a pattern of files' names, or `-` for standard input.
    pub path: PathBuf,
    /// Keep reading as the file grows, and as files are added.
    pub follow: bool,
    /// What every stream has.
    pub stream: Stream,
    /// The directory that `path` was relative to: no part of the pattern.
    directory: PathBuf,
}

/// As written, without what every stream has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: PathBuf,
    #[serde(default)]
    follow: bool,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
        let (stream, Written { path, follow }) = stream::deserialize(deserializer)?;
        Ok(Config { path, follow, stream, directory: PathBuf::new() })
    }
}

impl Config {
    /// Whether it ends by itself.
    pub(super) fn ends(&self) -> bool {
        !self.follow && self.path.as_os_str() != "-"
    }

    /// The same with a relative path taken from this directory. `-` stays standard input.
    pub fn relative_to(self, directory: &Path) -> Config {
        if self.path.as_os_str() == "-" || self.path.is_absolute() {
            return self;
        }
        Config { path: directory.join(&self.path), directory: directory.into(), ..self }
    }

    /// The pattern, if the path is one rather than the name of a file that there is.
    pub(super) fn pattern(&self) -> Option<String> {
        let is_pattern = |path: &Path| path.to_str().is_some_and(|path| path.contains(['*', '?', '[']));
        let below = self.path.strip_prefix(&self.directory).ok()?;
        if !is_pattern(below) || self.path.exists() {
            return None;
        }
        let directory = Path::new(&glob::Pattern::escape(self.directory.to_str()?)).join(below);
        directory.to_str().map(str::to_owned)
    }
}
