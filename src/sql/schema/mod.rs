//! Tables in a file: what a database offers, written down so that views compile without it.
//!
//! The file is SQL: `CREATE TABLE` with types, NOT NULL and the primary key, `CREATE TYPE` for enums and for types that only pass
//! through. Defaults, checks and other constraints may stand in it and say nothing here.

mod compare;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use compare::differences;
pub use read::read;
pub use write::write;

use crate::value::{RelationName, Schema};
use sqlparser::tokenizer::Span;
use std::sync::Arc;

/// A table as a file has it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: RelationName,
    /// Its shape.
    pub schema: Arc<Schema>,
    /// Where its name stands, and each column's.
    place: Span,
    columns: Vec<Span>,
}
