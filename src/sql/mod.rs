//! SQL to `plan::Rel`, with Postgres's meaning.
//!
//! `parse` reads the files, `order` sorts the views, `bind` gives names and types their meaning, `lower` builds the plan. Whatever has
//! no meaning here is refused with its place and a name for what is missing; nothing is guessed and nothing ignored.

mod bind;
mod catalog;
mod error;
mod lower;
mod order;
mod parse;
pub mod schema;
mod stack;
mod tokens;

#[cfg(test)]
mod tests;

pub use catalog::Catalog;
pub use error::Error;

use crate::expr::Scalar;
use crate::plan::{RelId, View};
use crate::value::{Column, RelationName, Schema};
use bind::clause::Clause;
use bind::expression::Binder;
use bind::scope::{Scope, ScopeColumn, ScopeTable};
use error::{Bound, Fault};
use lower::Lowerer;
use parse::Definition;
use sqlparser::ast::Spanned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A file of views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    /// Its name, for errors.
    pub path: String,
    /// What is in it: `CREATE VIEW name [(columns)] AS SELECT …;` any number of times.
    pub text: String,
}

/// A definition, where it stands, and what it is called.
struct Source<'a> {
    file: &'a SqlFile,
    name: RelationName,
    definition: Definition,
}

impl Source<'_> {
    fn error(&self, fault: Fault) -> Error {
        fault.within(&self.definition.name).locate(&self.file.path, &self.file.text)
    }
}

/// Compiles the views of all files: each after those it reads, or everything that is wrong with them.
pub fn compile(files: &[SqlFile], catalog: &Catalog) -> Result<Vec<View>, Vec<Error>> {
    let bytes = files.iter().map(|file| file.text.len()).sum();
    stack::deep(bytes, || compile_all(files, catalog)).unwrap_or_else(|fault| Err(vec![fault.locate("", "")]))
}

fn compile_all(files: &[SqlFile], catalog: &Catalog) -> Result<Vec<View>, Vec<Error>> {
    let mut errors = Vec::new();
    let sources = read(files, catalog, &mut errors);
    let names: Vec<RelationName> = sources.iter().map(|source| source.name.clone()).collect();
    let references: Vec<_> = sources.iter().map(|source| order::references(&source.definition)).collect();
    let order::Order { views: order, cycles } = order::order(&names, &references);

    // What reads a view that is wrong is not wrong for that reason.
    let mut failed: BTreeSet<&RelId> = BTreeSet::new();
    for (view, fault) in cycles {
        failed.insert(&names[view]);
        errors.push(sources[view].error(fault));
    }
    let mut schemas: BTreeMap<RelId, Arc<Schema>> = BTreeMap::new();
    let mut views = Vec::with_capacity(sources.len());
    for view in order {
        let (name, source) = (&names[view], &sources[view]);
        if failed.contains(name) || references[view].keys().any(|read| failed.contains(read)) {
            failed.insert(name);
            continue;
        }
        match Lowerer::new(catalog, &schemas).view(&source.definition) {
            Ok((rel, schema)) => {
                let schema = Arc::new(schema);
                schemas.insert(name.clone(), schema.clone());
                views.push(View { name: name.clone(), schema, rel });
            }
            Err(fault) => {
                failed.insert(name);
                errors.push(source.error(fault));
            }
        }
    }
    match errors.is_empty() {
        true => Ok(views),
        false => {
            errors.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
            Err(errors)
        }
    }
}

/// The definitions of all files under their names; a name is taken once.
fn read<'a>(files: &'a [SqlFile], catalog: &Catalog, errors: &mut Vec<Error>) -> Vec<Source<'a>> {
    let mut sources: Vec<Source<'a>> = Vec::new();
    for file in files {
        let (definitions, faults) = parse::parse(&file.text);
        errors.extend(faults.into_iter().map(|fault| fault.locate(&file.path, &file.text)));
        for definition in definitions {
            let place = definition.name.span();
            let named = bind::name::relation(&definition.name).and_then(|name| {
                let taken = sources.iter().find(|source| source.name == name).map(|source| source.file.path.as_str());
                match (taken, catalog.get(&name)) {
                    (None, None) => Ok(name),
                    (taken, _) => Err(already_exists(&name, taken)),
                }
            });
            match named {
                Ok(name) => sources.push(Source { file, name, definition }),
                Err(fault) => errors.push(fault.at(place).locate(&file.path, &file.text)),
            }
        }
    }
    sources
}

fn already_exists(name: &RelationName, file: Option<&str>) -> Fault {
    let fault = Fault::new("42P07", format!("relation \"{name}\" already exists"));
    match file {
        Some(file) => fault.hint(format!("It is a view in {file}.")),
        None => fault.hint("It is an input relation."),
    }
}

/// Compiles one expression over the columns of a relation, as a SELECT list would.
pub fn compile_expression(text: &str, columns: &[Column], catalog: &Catalog) -> Result<Scalar, Error> {
    let bound = || -> Bound<Scalar> {
        let expr = parse::parse_expression(text)?;
        let scope = Scope {
            tables: vec![ScopeTable { name: String::new(), schema: None, key: None, absent: false, scalar: false }],
            columns: columns.iter().enumerate().map(scope_column).collect(),
            ..Scope::default()
        };
        let mut binder = Binder::new(catalog, &scope, Clause::Where, columns.len());
        let (scalar, _) = binder.bind(&expr)?.settled()?;
        Ok(scalar)
    };
    stack::deep(text.len(), bound).and_then(|bound| bound).map_err(|fault| fault.locate("expression", text))
}

fn scope_column((position, column): (usize, &Column)) -> ScopeColumn {
    let Column { name, ty, modifier, .. } = column.clone();
    ScopeColumn { table: Some(0), name, ty, modifier, position, merged: false }
}
