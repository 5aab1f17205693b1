//! A view set as written, then as meant, with located errors.
//!
//! A view set is a directory: `tidegate.toml` names sources, sinks and settings, and every `*.sql` file beside it holds views.
//! [`load`] reads both once. What it returns is complete and checked as far as the text alone can be: unknown keys are errors
//! with file, line, caret and a suggestion, and relative paths are taken from the directory, so that nobody further down the
//! river needs to know where the view set lies.

mod error;
mod section;
mod settings;
mod views;

pub use error::ConfigError;
pub use settings::{OnError, Settings};
pub use views::{Emit, ViewSettings};

use crate::{sink, source};
use error::Locator;
use section::Section;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The file that makes a directory a view set.
pub const FILE_NAME: &str = "tidegate.toml";

/// A view set.
#[derive(Debug)]
pub struct Config {
    /// Where it lies.
    pub directory: PathBuf,
    /// The sources by name, as written.
    pub sources: Vec<(String, SourceConfig)>,
    /// The sinks, as written.
    pub sinks: Vec<SinkEntry>,
    /// What is said of views, by their names as written.
    pub views: Vec<(String, ViewSettings)>,
    /// Everything else.
    pub settings: Settings,
    /// The `*.sql` files, in the order of their names.
    pub files: Vec<ViewFile>,
}

/// A file of views as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewFile {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// `[sources.NAME]` by its `type`.
#[derive(Debug)]
pub enum SourceConfig {
    /// `type = "postgres"`
    Postgres(source::postgres::Config),
    /// `type = "jsonl"`
    Jsonl(source::jsonl::Config),
    /// `type = "nexmark"`
    Nexmark(source::nexmark::Config),
    /// `type = "redis"`
    Redis(source::redis::Config),
    /// `type = "http"`
    Http(source::http::Config),
    /// `type = "nats"`
    Nats(source::nats::Config),
    /// `type = "kafka"`
    #[cfg(feature = "kafka")]
    Kafka(source::kafka::Config),
}

/// `[sinks.NAME]`.
#[derive(Debug)]
pub struct SinkEntry {
    /// The sink's name.
    pub name: String,
    /// The rest, by its `type`.
    pub config: SinkConfig,
}

/// What a sink is told, by its `type`.
#[derive(Debug)]
pub enum SinkConfig {
    /// `type = "jsonl"`
    Jsonl(sink::jsonl::Config),
    /// `type = "redis"`
    Redis(sink::redis::Config),
    /// `type = "tantivy"`
    Tantivy(sink::tantivy::Config),
    /// `type = "postgres"`
    Postgres(sink::postgres::Config),
    /// `type = "opensearch"`
    OpenSearch(sink::opensearch::Config),
}

impl SinkConfig {
    /// The view the sink shows.
    pub fn view(&self) -> &str {
        match self {
            SinkConfig::Jsonl(config) => &config.view,
            SinkConfig::Redis(config) => &config.view,
            SinkConfig::Tantivy(config) => &config.view,
            SinkConfig::Postgres(config) => &config.view,
            SinkConfig::OpenSearch(config) => &config.view,
        }
    }
}

/// Reads the view set in this directory. All errors are reported, not only the first.
pub fn load(directory: &Path) -> Result<Config, Vec<ConfigError>> {
    let path = directory.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let advice = format!("a view set is a directory with a {FILE_NAME}");
        vec![ConfigError::unlocated(&path, format!("cannot be read: {error}")).with_hint(advice)]
    })?;
    let mut errors = Vec::new();
    let config = read(directory, &path, &text, &mut errors);
    let files = view_files(directory, &mut errors);
    match (config, errors.is_empty()) {
        (Some(config), true) => Ok(Config { files, ..config }),
        _ => Err(errors),
    }
}

/// Reads the text of a `tidegate.toml` without the files beside it; `directory` is where relative paths start.
pub fn parse(directory: &Path, text: &str) -> Result<Config, Vec<ConfigError>> {
    let mut errors = Vec::new();
    match read(directory, &directory.join(FILE_NAME), text, &mut errors) {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(errors),
    }
}

fn read(directory: &Path, path: &Path, text: &str, errors: &mut Vec<ConfigError>) -> Option<Config> {
    let locator = Locator { path, text };
    let document = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(error) => {
            errors.push(locator.from_toml(&error, &[]));
            return None;
        }
    };
    let mut config = Config {
        directory: directory.to_path_buf(),
        sources: Vec::new(),
        sinks: Vec::new(),
        views: Vec::new(),
        settings: Settings::default(),
        files: Vec::new(),
    };
    for (key, value) in document {
        let name = key.get_ref().to_string();
        let result = match name.as_str() {
            "sources" => section::each(&locator, value, errors, |section| {
                config.sources.push((section.name.clone(), read_source(section, directory)?));
                Ok(())
            }),
            "sinks" => section::each(&locator, value, errors, |section| {
                config.sinks.push(read_sink(section, directory)?);
                Ok(())
            }),
            "views" => section::each(&locator, value, errors, |mut section| {
                let settings = section.finish(&[])?;
                config.views.push((section.name, settings));
                Ok(())
            }),
            "settings" => settings::read(directory, &locator, value).map(|settings| config.settings = settings),
            _ => Err(locator.unknown_key(&name, key.span(), &["sources", "sinks", "views", "settings"])),
        };
        errors.extend(result.err());
    }
    Some(config)
}

/// The types of sources.
const SOURCES: &[&str] = &["postgres", "jsonl", "nexmark", "redis", "http", "nats", "kafka"];

fn read_source(mut section: Section<'_, '_>, directory: &Path) -> Result<SourceConfig, ConfigError> {
    let (kind, span) = section.take_text("type")?;
    match kind.as_str() {
        "postgres" => {
            let mut config: source::postgres::Config = section.finish(&["type"])?;
            config.url = config.url.relative_to(directory);
            Ok(SourceConfig::Postgres(config))
        }
        "jsonl" => {
            let config = section.finish::<source::jsonl::Config>(&stream_keys())?.relative_to(directory);
            Ok(SourceConfig::Jsonl(config))
        }
        "nexmark" => Ok(SourceConfig::Nexmark(section.finish(&["type"])?)),
        "redis" => {
            let config = section.finish::<source::redis::Config>(&stream_keys())?.relative_to(directory);
            Ok(SourceConfig::Redis(config))
        }
        "http" => {
            let config = section.finish::<source::http::Config>(&stream_keys())?.relative_to(directory);
            Ok(SourceConfig::Http(config))
        }
        "nats" => {
            let config = section.finish::<source::nats::Config>(&stream_keys())?.relative_to(directory);
            Ok(SourceConfig::Nats(config))
        }
        #[cfg(feature = "kafka")]
        "kafka" => {
            let config = section.finish::<source::kafka::Config>(&stream_keys())?.relative_to(directory);
            Ok(SourceConfig::Kafka(config))
        }
        #[cfg(not(feature = "kafka"))]
        "kafka" => {
            let hint = "build it with `cargo build --features kafka`";
            Err(section.refused_value(span, "this program was built without Kafka").with_hint(hint))
        }
        _ => Err(section.unknown_value("source type", &kind, span, SOURCES)),
    }
}

/// What may stand in a stream's section besides its source's own keys.
fn stream_keys() -> Vec<&'static str> {
    [&["type"], source::stream::KEYS].concat()
}

/// The types of sinks.
const SINKS: &[&str] = &["jsonl", "redis", "tantivy", "postgres", "opensearch"];

fn read_sink(mut section: Section<'_, '_>, directory: &Path) -> Result<SinkEntry, ConfigError> {
    const TAKEN: &[&str] = &["type"];
    let name = section.name.clone();
    let (kind, span) = section.take_text("type")?;
    let config = match kind.as_str() {
        "jsonl" => SinkConfig::Jsonl(section.finish::<sink::jsonl::Config>(TAKEN)?.relative_to(directory)),
        "redis" => SinkConfig::Redis(section.finish::<sink::redis::Config>(TAKEN)?.relative_to(directory)),
        "tantivy" => SinkConfig::Tantivy(section.finish::<sink::tantivy::Config>(TAKEN)?.relative_to(directory)),
        "postgres" => SinkConfig::Postgres(section.finish::<sink::postgres::Config>(TAKEN)?.relative_to(directory)),
        "opensearch" => {
            SinkConfig::OpenSearch(section.finish::<sink::opensearch::Config>(TAKEN)?.relative_to(directory))
        }
        _ => return Err(section.unknown_value("sink type", &kind, span, SINKS)),
    };
    Ok(SinkEntry { name, config })
}

fn view_files(directory: &Path, errors: &mut Vec<ConfigError>) -> Vec<ViewFile> {
    let unreadable =
        |path: &Path, error: &std::io::Error| ConfigError::unlocated(path, format!("cannot be read: {error}"));
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(unreadable(directory, &error));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sql")).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push(ViewFile { path, text }),
            Err(error) => errors.push(unreadable(&path, &error)),
        }
    }
    files
}

#[cfg(test)]
mod tests;
