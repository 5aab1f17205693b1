//! The mark in the target: a row of `tidegate_marks` in the table's schema, one per table.
//!
//! A transaction begins by taking that row, if it is what this sink read or wrote last and the table is still the one it was:
//! nobody else's transaction on the table can be under way then, and none that comes later finds the same mark.

use super::Target;
use super::failure::Failure;
use super::table::Table;
use crate::pg::{Blocking, quote_literal};

/// Creates the table of marks.
pub(super) fn create(table: &Table) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (relation text PRIMARY KEY, sink text NOT NULL, mark text NOT NULL)",
        table.marks()
    )
}

/// The mark of this table, with the sink that keeps it.
pub(super) fn read(table: &Table) -> String {
    let name = quote_literal(&table.name.name);
    format!("SELECT sink, mark FROM {} WHERE relation = {name}", table.marks())
}

/// What changes when the table is dropped and made again, emptied or rewritten.
pub(super) fn identity(table: &Table) -> String {
    let (schema, name) = (quote_literal(&table.name.schema), quote_literal(&table.name.name));
    format!(
        "SELECT pg_catalog.concat(c.oid, '/', pg_catalog.pg_relation_filenode(c.oid)) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relname = {name}"
    )
}

/// What this sink knows of the mark.
pub(super) struct Claim {
    table: String,
    marks: String,
    relation: String,
    sink: String,
    /// The mark read or written last; none if there is no row.
    held: Option<String>,
    /// Whether the table is the one that was opened.
    is_same: String,
}

impl Claim {
    pub(super) fn new(target: &Target, held: Option<String>, identity_found: String) -> Claim {
        let table = &target.table;
        Claim {
            table: table.quoted(),
            marks: table.marks(),
            relation: quote_literal(&table.name.name),
            sink: quote_literal(&target.sink),
            held,
            is_same: format!("({}) = {}", identity(table), quote_literal(&identity_found)),
        }
    }

    /// Begins a transaction that writes this mark, with a limit for its statements.
    pub(super) fn begin(&self, connection: &Blocking, limit: &str, mark: &str) -> Result<(), Failure> {
        let Claim { table, marks, relation, sink, is_same, .. } = self;
        let mark = quote_literal(mark);
        let take = match &self.held {
            Some(held) => format!(
                "UPDATE {marks} SET sink = {sink}, mark = {mark} \
                 WHERE relation = {relation} AND mark = {} AND {is_same}",
                quote_literal(held)
            ),
            None => format!(
                "INSERT INTO {marks} (relation, sink, mark) SELECT {relation}, {sink}, {mark} WHERE {is_same} \
                 ON CONFLICT (relation) DO NOTHING"
            ),
        };
        // Under its lock the table stays what it is found to be.
        let begin =
            format!("BEGIN; SET LOCAL statement_timeout = '{limit}'; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; {take}");
        match connection.touched(&begin)? {
            1 => Ok(()),
            _ => Err(Failure::Passing(format!("somebody has written to {table} or replaced it meanwhile"))),
        }
    }

    /// This mark is in the target now.
    pub(super) fn wrote(&mut self, mark: String) {
        self.held = Some(mark);
    }
}
