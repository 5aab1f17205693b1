//! A view set as the engine takes it, whoever wrote it: a directory read by `config`, or a program through `view_set`.

use crate::config::{self, Config, Settings, SinkConfig, SinkEntry, SourceConfig, ViewSettings};
use crate::dataflow::NativeView;
use crate::plan::{Emit, Timing};
use crate::sink::{self, Sink, SinkError, SinkView};
use crate::source::{self, Source};
use crate::sql::SqlFile;
use crate::value::{Column, RelationName, Schema};
use std::time::Duration;

/// Everything a run is made of.
#[derive(Default)]
pub struct Definition {
    /// The sources by name.
    pub sources: Vec<(String, Box<dyn Source>)>,
    /// The SQL views.
    pub files: Vec<SqlFile>,
    /// What is said of the SQL views' rows in time.
    pub timings: Vec<(RelationName, Timing)>,
    /// The Rust views.
    pub native: Vec<NativeDefinition>,
    /// The sinks.
    pub sinks: Vec<SinkDefinition>,
    /// How it runs.
    pub settings: Settings,
    /// Relations kept for `Running::peek` though no sink shows them.
    pub peekable: Vec<RelationName>,
}

/// A Rust view and the columns it expects of its inputs.
pub struct NativeDefinition {
    /// The view; its `inputs` and `expected` go together.
    pub view: NativeView,
    /// For each input the columns its row type has.
    pub expected: Vec<Vec<Column>>,
    /// The column of a relation that feeds one of those, or why none does.
    pub fits: fn(&Schema, &Column) -> Result<usize, String>,
}

/// Makes a sink for a view whose schema is known by then.
pub type MakeSink = Box<dyn FnOnce(&str, SinkView) -> Result<Box<dyn Sink>, SinkError> + Send>;

/// A sink before its view is known.
pub struct SinkDefinition {
    /// The sink's name.
    pub name: String,
    /// The relation it shows.
    pub relation: RelationName,
    /// Makes it.
    pub make: MakeSink,
}

impl From<Config> for Definition {
    fn from(config: Config) -> Definition {
        let files = config.files.into_iter();
        Definition {
            sources: config.sources.into_iter().map(|(name, config)| named_source(name, config)).collect(),
            files: files.map(|file| SqlFile { path: file.path.display().to_string(), text: file.text }).collect(),
            timings: config.views.iter().map(|(name, settings)| (relation_name(name), timing(*settings))).collect(),
            native: Vec::new(),
            sinks: config.sinks.into_iter().map(SinkDefinition::from).collect(),
            settings: config.settings,
            peekable: Vec::new(),
        }
    }
}

fn timing(ViewSettings { emit, retain }: ViewSettings) -> Timing {
    let emit = match emit {
        config::Emit::Changes => Emit::Changes,
        config::Emit::Final => Emit::Final,
    };
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timing { emit, retain: retain.map(micros) }
}

fn named_source(name: String, config: SourceConfig) -> (String, Box<dyn Source>) {
    let source = make_source(&name, config);
    (name, source)
}

/// The source of that configuration.
pub fn make_source(name: &str, config: SourceConfig) -> Box<dyn Source> {
    match config {
        SourceConfig::Postgres(config) => Box::new(source::postgres::Postgres::new(name, config)),
        SourceConfig::Jsonl(config) => Box::new(source::jsonl::Jsonl::new(name, config)),
        SourceConfig::Nexmark(config) => Box::new(source::nexmark::Nexmark::new(config)),
        SourceConfig::Redis(config) => Box::new(source::redis::Redis::new(name, config)),
        SourceConfig::Http(config) => Box::new(source::http::Http::new(name, config)),
        SourceConfig::Nats(config) => Box::new(source::nats::Nats::new(name, config)),
        #[cfg(feature = "kafka")]
        SourceConfig::Kafka(config) => Box::new(source::kafka::Kafka::new(name, config)),
    }
}

impl From<SinkEntry> for SinkDefinition {
    fn from(entry: SinkEntry) -> SinkDefinition {
        let relation = relation_name(entry.config.view());
        SinkDefinition { name: entry.name, relation, make: make_sink(entry.config) }
    }
}

/// Makes the sink of that configuration.
pub fn make_sink(config: SinkConfig) -> MakeSink {
    Box::new(move |name, view| {
        Ok(match config {
            SinkConfig::Jsonl(config) => Box::new(sink::jsonl::Jsonl::new(name, config, view)?) as Box<dyn Sink>,
            SinkConfig::Redis(config) => Box::new(sink::redis::Redis::new(name, config, view)?),
            SinkConfig::Tantivy(config) => Box::new(sink::tantivy::Tantivy::new(name, config, view)?),
            SinkConfig::Postgres(config) => Box::new(sink::postgres::Postgres::new(name, config, view)?),
            SinkConfig::OpenSearch(config) => Box::new(sink::opensearch::OpenSearch::new(name, config, view)?),
        })
    })
}

/// A relation's name as written outside SQL: `name`, or `schema.name`.
pub fn relation_name(written: &str) -> RelationName {
    match written.split_once('.') {
        Some((schema, name)) => RelationName { schema: schema.to_string(), name: name.to_string() },
        None => RelationName::public(written),
    }
}
