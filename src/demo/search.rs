//! What the shop's visitors would see: the maintained index searched, and a cache beside it.

use crate::config::{Config, SinkConfig, SinkEntry};
use crate::sink::redis::{self, Form};
use crate::sink::tantivy::{Hit, Search};
use std::path::Path;

/// The best rows for a query as of the index's latest commit; the error says what is wrong with the query or the index.
pub fn search(index: &Path, query: &str, limit: usize) -> Result<Vec<Hit>, String> {
    Search::open(index).map_err(|error| error.to_string())?.search(query, limit)
}

/// Adds a Redis key per row of the first view that a search index shows.
pub fn add_cache(config: &mut Config, url: &str) {
    let searched = config.sinks.iter().find(|entry| matches!(entry.config, SinkConfig::Tantivy(_)));
    if let Some(view) = searched.map(|entry| entry.config.view().to_string()) {
        let cache = redis::Config { view, url: url.into(), password: None, key: None, value: Form::Json };
        config.sinks.push(SinkEntry { name: "cache".to_string(), config: SinkConfig::Redis(cache) });
    }
}
