//! Sending the readers of a target back to its generation before.

use super::definition::relation_name;
use super::failure::Failure;
use crate::config::{Config, SinkConfig};
use crate::sink::{self, Shown, SinkError};

/// Has the readers of a sink's target see the generation before, or with `undo` the one again that they were sent back from.
pub fn roll_back(config: Config, sink: &str, undo: bool) -> Result<Shown, Failure> {
    let known: Vec<&str> = config.sinks.iter().map(|entry| entry.name.as_str()).collect();
    let Some(entry) = config.sinks.iter().find(|entry| entry.name == sink) else {
        return Err(Failure::config(format!("there is no sink `{sink}`; there are {}", known.join(", "))));
    };
    let shown = match &entry.config {
        SinkConfig::Tantivy(config) => sink::tantivy::roll_back(config, undo),
        SinkConfig::OpenSearch(config) => sink::opensearch::roll_back(config, &relation_name(&config.view), undo),
        SinkConfig::Jsonl(_) | SinkConfig::Redis(_) | SinkConfig::Postgres(_) => Err(SinkError::Config(
            "only tantivy and opensearch keep a generation before, with `deploy = \"swap\"`".to_string(),
        )),
    };
    shown.map_err(|error| Failure::of_sink(sink, &error))
}
