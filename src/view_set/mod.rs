//! The library's builder: sources, SQL views, Rust views, sinks.
//!
//! A [`ViewSet`] is what a directory is to the command line, written in Rust. Both can be mixed: [`ViewSet::from_dir`] reads
//! a directory, and Rust views are added beside its SQL. Mistakes are collected and told by [`ViewSet::start`].

mod native;
pub mod typed;

pub use native::{Collection, Inputs, RowType};

use crate::config::{self, Config, Settings, SinkConfig, SourceConfig};
use crate::engine::{self, Definition, Failure, MakeSink, Planned, Running, SinkDefinition, relation_name};
use crate::plan::Timing;
use crate::sink::{Sink, SinkError, SinkView};
use crate::source::{self, Source};
use crate::sql::SqlFile;
use crate::value::RelationName;
use std::path::Path;

/// A view set under construction.
#[derive(Default)]
pub struct ViewSet {
    definition: Definition,
    mistakes: Vec<String>,
}

impl ViewSet {
    /// A view set without anything.
    pub fn new() -> ViewSet {
        ViewSet::default()
    }

    /// The view set in a directory: its `tidegate.toml` and `*.sql` files.
    pub fn from_dir(directory: impl AsRef<Path>) -> Result<ViewSet, Failure> {
        Ok(ViewSet::from_config(config::load(directory.as_ref())?))
    }

    /// The view set in a directory, as far as it is known without its databases: `schema/SOURCE.sql` says what each offers. It can
    /// be planned, and cannot run.
    pub fn from_dir_offline(directory: impl AsRef<Path>) -> Result<ViewSet, Failure> {
        let definition = Definition::offline(config::load(directory.as_ref())?)?;
        Ok(ViewSet { definition, mistakes: Vec::new() })
    }

    /// The view set of a configuration that was read before.
    pub fn from_config(config: Config) -> ViewSet {
        ViewSet { definition: Definition::from(config), mistakes: Vec::new() }
    }

    /// Adds a Postgres database.
    pub fn postgres(self, name: &str, config: source::postgres::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Postgres(config)))
    }

    /// Adds a file of JSON lines.
    pub fn jsonl(self, name: &str, config: source::jsonl::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Jsonl(config)))
    }

    /// Adds streams of a Redis server.
    pub fn redis(self, name: &str, config: source::redis::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Redis(config)))
    }

    /// Adds events that clients POST.
    pub fn http(self, name: &str, config: source::http::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Http(config)))
    }

    /// Adds a stream of NATS JetStream.
    pub fn nats(self, name: &str, config: source::nats::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Nats(config)))
    }

    /// Adds a Kafka topic.
    #[cfg(feature = "kafka")]
    pub fn kafka(self, name: &str, config: source::kafka::Config) -> ViewSet {
        self.source(name, engine::make_source(name, SourceConfig::Kafka(config)))
    }

    /// Adds a source of one's own.
    pub fn source(mut self, name: &str, source: Box<dyn Source>) -> ViewSet {
        if self.definition.sources.iter().any(|(known, _)| known == name) {
            self.mistakes.push(format!("source `{name}` is defined twice"));
        }
        self.definition.sources.push((name.to_string(), source));
        self
    }

    /// Adds SQL: one or more `CREATE VIEW`. `name` stands for a file's in messages.
    pub fn sql(mut self, name: &str, text: &str) -> ViewSet {
        self.definition.files.push(SqlFile { path: name.to_string(), text: text.to_string() });
        self
    }

    /// Adds a view in Rust: a closure from collections to a collection, usable by SQL views and sinks like any other.
    ///
    /// The closure runs once per worker, and once without rows to learn what it reads; it must do the same each time. `key`
    /// names the fields that identify a row, if any do; `version` is raised whenever the closure's meaning changes.
    pub fn view<T: RowType>(
        mut self,
        name: &str,
        version: u64,
        key: &[&str],
        definition: impl for<'s> Fn(&Inputs<'s>) -> Collection<'s, T> + Send + Sync + 'static,
    ) -> ViewSet {
        match native::define(name, version, key, definition) {
            Ok(definition) => self.definition.native.push(definition),
            Err(error) => self.mistakes.push(format!("view `{name}`: {error}")),
        }
        self
    }

    /// Says when a SQL view's rows are told and how long they stay: what `[views.NAME]` says in a directory.
    pub fn timing(mut self, view: &str, timing: Timing) -> ViewSet {
        self.definition.timings.push((relation_name(view), timing));
        self
    }

    /// Adds a sink.
    pub fn sink(self, name: &str, config: SinkConfig) -> ViewSet {
        let relation = config.view().to_string();
        self.add_sink(name, &relation, engine::make_sink(config))
    }

    /// Adds a sink of one's own; `make` is called once the relation's schema is known.
    pub fn custom_sink(
        self,
        name: &str,
        relation: &str,
        make: impl FnOnce(&str, SinkView) -> Result<Box<dyn Sink>, SinkError> + Send + 'static,
    ) -> ViewSet {
        self.add_sink(name, relation, Box::new(make))
    }

    fn add_sink(mut self, name: &str, relation: &str, make: MakeSink) -> ViewSet {
        if self.definition.sinks.iter().any(|known| known.name == name) {
            self.mistakes.push(format!("sink `{name}` is defined twice"));
        }
        self.definition.sinks.push(SinkDefinition { name: name.to_string(), relation: relation_name(relation), make });
        self
    }

    /// Keeps a relation for `Handle::peek`, whether or not a sink shows it.
    pub fn peekable(mut self, relation: &str) -> ViewSet {
        self.definition.peekable.push(relation_name(relation));
        self
    }

    /// Changes the settings.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> ViewSet {
        change(&mut self.definition.settings);
        self
    }

    /// Asks the sources for their schemas and compiles the views, without running anything.
    pub fn plan(self) -> Result<Planned, Failure> {
        match self.mistakes.is_empty() {
            true => engine::plan(self.definition),
            false => Err(Failure { exit: engine::Exit::Config, messages: self.mistakes }),
        }
    }

    /// Starts the view set.
    pub fn start(self) -> Result<Handle, Failure> {
        Ok(Handle { running: self.plan()?.start(false)? })
    }

    /// Starts the view set; its sources end at the position they find now, and so does the run.
    pub fn start_once(self) -> Result<Handle, Failure> {
        Ok(Handle { running: self.plan()?.start(true)? })
    }

    /// Runs until every source has ended or something fails.
    pub fn run(self) -> Result<(), Failure> {
        self.start()?.wait()
    }
}

/// A running view set.
pub struct Handle {
    running: Running,
}

impl Handle {
    /// Waits until every source has ended or something fails, then shuts down.
    pub fn wait(self) -> Result<(), Failure> {
        self.running.wait(|| false, |_| ())
    }

    /// Why the run ended, if it has.
    pub fn poll(&mut self) -> Option<Result<(), Failure>> {
        self.running.poll()
    }

    /// Figures of the moment.
    pub fn status(&self) -> engine::Status {
        self.running.status()
    }

    /// The content of a peekable relation, with the frontier it holds at: every row with its multiplicity. `None` before the
    /// relation's first frontier.
    pub fn peek(
        &self,
        relation: &str,
    ) -> Option<(Option<crate::value::Time>, Vec<(crate::value::Row, crate::value::Diff)>)> {
        let relation: RelationName = relation_name(relation);
        self.running.peek(&relation)
    }

    /// Finishes the tick, delivers to the sinks, and stops.
    pub fn shutdown(self) -> Result<(), Failure> {
        self.running.shutdown()
    }
}
