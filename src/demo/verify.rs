//! The judge: Postgres evaluates the same SQL over the same rows, and every sink's content must be its answer.

use super::unavailable;
use crate::config::{Config, SinkConfig, SourceConfig, ViewFile};
use crate::engine::{Exit, Failure, Running, relation_name};
use crate::pg::{Blocking, quote_identifier, quote_literal, quote_relation};
use crate::secret::Secret;
use crate::sink;
use crate::value::{RelationName, Row, Schema, json};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The schema of the judge's own tables and views.
const SCHEMA: &str = "judge";
/// Lines of a stream that are loaded at once.
const CHUNK: usize = 5_000;

/// The shapes of all relations.
type Schemas = BTreeMap<RelationName, Arc<Schema>>;

/// What is compared, noted before the view set takes the configuration.
pub struct Judge {
    files: Vec<ViewFile>,
    streams: Vec<(RelationName, PathBuf)>,
    targets: Vec<(String, RelationName, Target)>,
}

enum Target {
    Jsonl(PathBuf),
    Tantivy(PathBuf),
    Redis(Secret),
    Postgres(sink::postgres::Config),
}

/// Where a sink and Postgres disagree: rows as JSON.
#[derive(Debug)]
pub struct Difference {
    /// The sink.
    pub sink: String,
    /// What Postgres has and the sink has not.
    pub missing: Vec<String>,
    /// What the sink has and Postgres has not.
    pub unexpected: Vec<String>,
}

/// What came of the comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Sinks whose content is Postgres's answer, with its rows.
    pub equal: Vec<(String, usize)>,
    /// The others.
    pub different: Vec<Difference>,
}

impl Judge {
    /// Notes what will have to be compared.
    pub fn new(config: &Config) -> Judge {
        let stream = |(name, source): &(String, SourceConfig)| {
            let SourceConfig::Jsonl(stream) = source else { return None };
            Some((RelationName::public(stream.stream.relation.as_deref().unwrap_or(name)), stream.path.clone()))
        };
        let target = |entry: &crate::config::SinkEntry| {
            let target = match &entry.config {
                SinkConfig::Jsonl(config) => Target::Jsonl(config.path.clone()),
                SinkConfig::Tantivy(config) => Target::Tantivy(config.path.clone()),
                SinkConfig::Redis(config) => Target::Redis(config.url.clone()),
                SinkConfig::Postgres(config) => Target::Postgres(config.clone()),
                // The demo has none.
                SinkConfig::OpenSearch(_) => return None,
            };
            Some((entry.name.clone(), relation_name(entry.config.view()), target))
        };
        Judge {
            files: config.files.clone(),
            streams: config.sources.iter().filter_map(stream).collect(),
            targets: config.sinks.iter().filter_map(target).collect(),
        }
    }

    /// The growing files of the streams.
    pub fn stream_files(&self) -> Vec<PathBuf> {
        self.streams.iter().map(|(_, path)| path.clone()).collect()
    }

    /// The directory of the first search index.
    pub fn search_index(&self) -> Option<&Path> {
        self.targets.iter().find_map(|(_, _, target)| match target {
            Target::Tantivy(path) => Some(path.as_path()),
            Target::Jsonl(_) | Target::Redis(_) | Target::Postgres(_) => None,
        })
    }

    /// The relations of late events, which the run must keep for `verify`: they are no part of the views.
    pub fn late_relations(&self) -> Vec<RelationName> {
        self.streams.iter().map(|(name, _)| late_of(name)).collect()
    }

    /// Compares every sink's content with Postgres's answer. Nothing may be changing any more.
    pub fn verify(&self, url: &str, schemas: &Schemas, running: &Running) -> Result<Verdict, Failure> {
        let database = Blocking::connect(url, "tidegate demo judge").map_err(unavailable)?;
        database
            .execute(&format!("CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}, public; SET timezone = 'UTC'"))
            .map_err(unavailable)?;
        for (name, path) in &self.streams {
            if let Some(schema) = schemas.get(name) {
                load_stream(&database, name, schema, path)?;
                let late = running.peek(&late_of(name)).map(|(_, rows)| rows).unwrap_or_default();
                remove_late(&database, name, schema, late.iter().map(|(row, _)| row))?;
            }
        }
        create_views(&database, &self.files)?;
        let mut verdict = Verdict::default();
        for (sink, view, target) in &self.targets {
            let in_schema = RelationName { schema: SCHEMA.to_string(), name: view.name.clone() };
            let query = format!("SELECT to_jsonb(v)::text FROM {} AS v", quote_relation(&in_schema));
            let expected = database.column(&query).map_err(unavailable)?;
            let content = target.content(sink).map_err(|error| {
                Failure::new(Exit::Unavailable, format!("the content of sink `{sink}` cannot be read: {error}"))
            })?;
            verdict.add(sink, expected, content);
        }
        Ok(verdict)
    }
}

impl Verdict {
    fn add(&mut self, sink: &str, expected: Vec<String>, content: Vec<(String, i64)>) {
        let rows = expected.len();
        let mut balance: BTreeMap<String, i64> = BTreeMap::new();
        expected.into_iter().for_each(|row| *balance.entry(row).or_default() += 1);
        content.into_iter().for_each(|(row, count)| *balance.entry(row).or_default() -= count);
        let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
        for (row, count) in balance {
            match count {
                0 => (),
                1.. => missing.push(row),
                _ => unexpected.push(row),
            }
        }
        match missing.is_empty() && unexpected.is_empty() {
            true => self.equal.push((sink.to_string(), rows)),
            false => self.different.push(Difference { sink: sink.to_string(), missing, unexpected }),
        }
    }
}

impl Target {
    /// The rows as JSON, each with its multiplicity.
    fn content(&self, sink: &str) -> Result<Vec<(String, i64)>, String> {
        let once = |rows: Vec<(String, String)>| rows.into_iter().map(|(_, row)| (row, 1)).collect();
        match self {
            Target::Jsonl(path) => fold(path),
            Target::Tantivy(path) => {
                let search = sink::tantivy::Search::open(path).map_err(|error| error.to_string())?;
                search.content().map(|(rows, _)| once(rows))
            }
            Target::Redis(url) => sink::redis::content(url, sink).map(once).map_err(|error| error.to_string()),
            Target::Postgres(config) => {
                let rows = sink::postgres::content(config, sink).map_err(|error| error.to_string())?;
                Ok(rows.into_iter().map(|row| (row, 1)).collect())
            }
        }
    }
}

/// A line of a `jsonl` sink.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    diff: i64,
    #[serde(borrow)]
    row: Option<&'a RawValue>,
}

/// Folds a file of changes.
fn fold(path: &Path) -> Result<Vec<(String, i64)>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut rows: BTreeMap<&str, i64> = BTreeMap::new();
    for (number, line) in whole.lines().enumerate() {
        let line: Line<'_> =
            serde_json::from_str(line).map_err(|error| format!("{}:{}: {error}", path.display(), number + 1))?;
        if let Some(row) = line.row {
            *rows.entry(row.get()).or_default() += line.diff;
        }
    }
    Ok(rows.into_iter().filter(|(_, count)| *count != 0).map(|(row, count)| (row.to_string(), count)).collect())
}

/// The relation beside a stream that holds its late events.
fn late_of(stream: &RelationName) -> RelationName {
    RelationName { name: format!("{}_late", stream.name), ..stream.clone() }
}

/// Takes the events out that came too late to be accepted.
fn remove_late<'a>(
    database: &Blocking,
    name: &RelationName,
    schema: &Schema,
    late: impl Iterator<Item = &'a Row>,
) -> Result<(), Failure> {
    let table = quote_relation(&RelationName { schema: SCHEMA.to_string(), name: name.name.clone() });
    for row in late {
        let mut shown = String::new();
        json::write_row(&schema.columns, row, &mut shown);
        let delete = format!("DELETE FROM {table} AS c WHERE to_jsonb(c)::text = {}", quote_literal(&shown));
        database.execute(&delete).map_err(unavailable)?;
    }
    Ok(())
}

fn load_stream(database: &Blocking, name: &RelationName, schema: &Schema, path: &Path) -> Result<(), Failure> {
    let columns: Vec<String> =
        schema.columns.iter().map(|column| format!("{} {}", quote_identifier(&column.name), column.ty)).collect();
    let table = quote_relation(&RelationName { schema: SCHEMA.to_string(), name: name.name.clone() });
    database.execute(&format!("CREATE TABLE {table} ({})", columns.join(", "))).map_err(unavailable)?;
    let text = super::read(path)?;
    let lines: Vec<&str> = text.lines().collect();
    for chunk in lines.chunks(CHUNK) {
        let array = quote_literal(&format!("[{}]", chunk.join(",")));
        let insert = format!("INSERT INTO {table} SELECT * FROM json_populate_recordset(null::{table}, {array}::json)");
        database.execute(&insert).map_err(unavailable)?;
    }
    Ok(())
}

/// Creates the views of all files. A file whose views read another's waits for it.
fn create_views(database: &Blocking, files: &[ViewFile]) -> Result<(), Failure> {
    const UNDEFINED_TABLE: &str = "42P01";
    let mut waiting: Vec<&ViewFile> = files.iter().collect();
    while !waiting.is_empty() {
        let (mut next, mut last) = (Vec::new(), None);
        for file in &waiting {
            match database.execute(&file.text) {
                Ok(()) => (),
                Err(error) if error.code() == UNDEFINED_TABLE => {
                    last = Some(error);
                    next.push(*file);
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
        if let (true, Some(error)) = (next.len() == waiting.len(), last) {
            return Err(unavailable(error));
        }
        waiting = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_multisets() {
        let mut verdict = Verdict::default();
        let rows = |rows: &[&str]| rows.iter().map(|row| row.to_string()).collect::<Vec<_>>();
        verdict.add("same", rows(&["a", "b", "a"]), vec![("b".into(), 1), ("a".into(), 2)]);
        verdict.add("other", rows(&["a", "b"]), vec![("b".into(), 2), ("c".into(), 1)]);
        assert_eq!(verdict.equal, [("same".to_string(), 3)]);
        assert_eq!(
            (&verdict.different[0].missing, &verdict.different[0].unexpected),
            (&rows(&["a"]), &rows(&["b", "c"]))
        );
    }
}
