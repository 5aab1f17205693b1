//! What databases offer, written down beside the views: `schema/SOURCE.sql` in the view set's directory.
//!
//! With these files views compile where no database can be reached.

use super::definition::{Definition, make_source};
use super::failure::{Exit, Failure};
use super::{Planned, Role};
use crate::config::{Config, SourceConfig};
use crate::source::{Source, SourceError, SourceRelation, Start};
use crate::sql::{Error, SqlFile, schema};
use crate::timeline::Rereads;
use crate::value::{RelationName, Schema};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where what a source offers is written down.
fn path(directory: &Path, source: &str) -> PathBuf {
    directory.join("schema").join(format!("{source}.sql"))
}

/// Writes down what the databases offer. Returns what was done, a sentence per source.
pub fn pull_schemas(config: Config) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    for (name, source) in config.sources {
        let SourceConfig::Postgres(_) = &source else {
            done.push(format!("source `{name}`: nothing to do; its schema is in the configuration"));
            continue;
        };
        let offered = make_source(&name, source).describe().map_err(|error| Failure::of_source(&name, &error))?;
        let tables: Vec<(RelationName, Arc<Schema>)> =
            offered.into_iter().map(|relation| (relation.name, relation.schema)).collect();
        let (path, text) = (path(&config.directory, &name), schema::write(&tables));
        let unchanged = std::fs::read_to_string(&path).is_ok_and(|known| known == text);
        if !unchanged {
            write(&path, &text)?;
        }
        let (path, as_before) = (path.display(), if unchanged { "as before" } else { "written" });
        done.push(format!("source `{name}`: {path}: {} tables, {as_before}", tables.len()));
    }
    Ok(done)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    made.map_err(|error| Failure::new(Exit::Unavailable, format!("{}: cannot be written: {error}", path.display())))
}

/// What a source's file holds; `None` if there is no file.
fn read(directory: &Path, source: &str) -> Result<Option<(SqlFile, Vec<schema::Table>)>, Failure> {
    let path = path(directory, source);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::config(format!("{}: cannot be read: {error}", path.display()))),
    };
    let file = SqlFile { path: path.display().to_string(), text };
    match schema::read(&file) {
        Ok(tables) => Ok(Some((file, tables))),
        Err(errors) => Err(Failure { exit: Exit::Config, messages: errors.iter().map(Error::to_string).collect() }),
    }
}

impl Definition {
    /// A view set whose databases are not asked: their files say what they offer. It compiles, and cannot run.
    pub fn offline(mut config: Config) -> Result<Definition, Failure> {
        let mut sources: Vec<(String, Box<dyn Source>)> = Vec::new();
        for (name, source) in std::mem::take(&mut config.sources) {
            let source = match source {
                SourceConfig::Postgres(database) => {
                    Box::new(Recorded::read(&config.directory, &name, &database.table_names())?)
                }
                source => make_source(&name, source),
            };
            sources.push((name, source));
        }
        Ok(Definition { sources, ..Definition::from(config) })
    }
}

/// A source that offers what its file says.
struct Recorded {
    relations: Vec<SourceRelation>,
}

impl Recorded {
    fn read(directory: &Path, source: &str, names: &[RelationName]) -> Result<Recorded, Failure> {
        let path = path(directory, source);
        let advice = format!("`tidegate schema pull {}` writes it", directory.display());
        let Some((_, tables)) = read(directory, source)? else {
            return Err(Failure::config(format!("source `{source}`: there is no {}; {advice}", path.display())));
        };
        let mut relations = Vec::with_capacity(names.len());
        for name in names {
            let Some(table) = tables.iter().find(|table| table.name == *name) else {
                let message = format!("source `{source}`: {} has no table {name}; {advice}", path.display());
                return Err(Failure::config(message));
            };
            let (schema, upserts) = (table.schema.clone(), table.schema.key.is_some());
            relations.push(SourceRelation { name: name.clone(), schema, upserts });
        }
        Ok(Recorded { relations })
    }
}

impl Source for Recorded {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        Ok(self.relations.clone())
    }

    /// Databases only are written down.
    fn rereads(&self) -> Rereads {
        Rereads::Relations
    }

    fn run(&mut self, _: Start) -> Result<(), SourceError> {
        Err(SourceError::Config("its database is not asked; only what was written down of it is known".into()))
    }
}

/// Where the files differ from what the databases offer, or cannot be read. A source without a file is none of it.
pub fn schema_differences(directory: &Path, planned: &Planned) -> Vec<String> {
    let mut differences = Vec::new();
    for (index, thread) in planned.sources.iter().enumerate() {
        let own = planned.assembly.inputs.iter().filter(|input| input.relation.source.0 == index);
        let offered = own.filter_map(|input| match &input.role {
            Role::Offered(relation) => Some((relation.name.clone(), relation.schema.clone())),
            Role::LateOf(_) | Role::ErrorsOf(_) => None,
        });
        match read(directory, thread.name()) {
            Ok(None) => {}
            Ok(Some((file, tables))) => {
                let found = schema::differences(&file, &tables, &offered.collect::<Vec<_>>());
                differences.extend(found.iter().map(Error::to_string));
            }
            Err(failure) => differences.extend(failure.messages),
        }
    }
    differences
}
