//! The table as the view has it, and the statements that are written about it.
//!
//! Rows are compared by their images (`*<>`), so that of two equal values that are shown differently, as 1.0 and 1.00, the
//! table gets the right one, and no type need have an equality.

use super::super::{SinkKey, SinkView};
use crate::pg::{quote_identifier, quote_relation};
use crate::value::{Column, RelationName};

/// The longest name that Postgres does not cut.
const NAME_MAX: usize = 63;
/// The table beside it that holds the marks.
pub(super) const MARKS: &str = "tidegate_marks";

/// A table with the view's columns.
pub(super) struct Table {
    pub(super) name: RelationName,
    pub(super) columns: Vec<Column>,
    /// Positions of the key's columns.
    key: Vec<usize>,
}

impl Table {
    /// The table for this view; refuses names that Postgres would change.
    pub(super) fn new(name: RelationName, view: &SinkView, key: &SinkKey) -> Result<Table, String> {
        let names = view.schema.columns.iter().map(|column| &column.name).chain([&name.name, &name.schema]);
        if let Some(name) = names.into_iter().find(|name| name.is_empty() || name.len() > NAME_MAX) {
            return Err(format!("\"{name}\" is no name in Postgres: those have 1 to {NAME_MAX} bytes"));
        }
        if name.name == MARKS {
            return Err(format!("{MARKS} is where the sinks keep their marks; name another table"));
        }
        Ok(Table { name, columns: view.schema.columns.clone(), key: key.columns().to_vec() })
    }

    /// Its name, quoted.
    pub(super) fn quoted(&self) -> String {
        quote_relation(&self.name)
    }

    /// The table of the marks, quoted.
    pub(super) fn marks(&self) -> String {
        quote_relation(&RelationName { schema: self.name.schema.clone(), name: MARKS.into() })
    }

    /// The names of the key's columns.
    pub(super) fn key_names(&self) -> Vec<&str> {
        self.key.iter().map(|&position| self.columns[position].name.as_str()).collect()
    }

    /// All columns, for a list.
    pub(super) fn column_list(&self) -> String {
        list(self.columns.iter().map(|column| quote_identifier(&column.name)))
    }

    /// The key's columns, for a list.
    pub(super) fn key_list(&self) -> String {
        list(self.key_names().into_iter().map(quote_identifier))
    }

    /// Creates it with columns of these types.
    pub(super) fn create(&self, types: &[String]) -> String {
        let columns = self.columns.iter().zip(types);
        let columns = list(columns.map(|(column, ty)| format!("{} {ty}", quote_identifier(&column.name))));
        format!("CREATE TABLE IF NOT EXISTS {} ({columns}, PRIMARY KEY ({}))", self.quoted(), self.key_list())
    }

    /// Reads each key and its row, as JSON.
    pub(super) fn as_json(&self) -> String {
        format!(
            "SELECT pg_catalog.to_jsonb(\"the key\")::text, pg_catalog.to_jsonb(\"the row\")::text FROM {} AS t \
             CROSS JOIN LATERAL (SELECT {}) AS \"the key\" CROSS JOIN LATERAL (SELECT {}) AS \"the row\"",
            self.quoted(),
            list(self.key_names().into_iter().map(|name| format!("t.{}", quote_identifier(name)))),
            self.of("t"),
        )
    }

    /// The columns of the key.
    pub(super) fn key_columns(&self) -> Vec<Column> {
        self.key.iter().map(|&position| self.columns[position].clone()).collect()
    }

    /// Takes the keys of `rows` out.
    pub(super) fn delete(&self, rows: &str) -> String {
        format!("DELETE FROM {} AS t USING {rows} AS s WHERE {}", self.quoted(), self.same_key())
    }

    /// Takes every key out that `rows` does not have.
    pub(super) fn delete_others(&self, rows: &str) -> String {
        let (table, same_key) = (self.quoted(), self.same_key());
        format!("DELETE FROM {table} AS t WHERE NOT EXISTS (SELECT FROM {rows} AS s WHERE {same_key})")
    }

    /// Makes the keys of `rows` have these rows.
    pub(super) fn put(&self, rows: &str) -> String {
        format!(
            "INSERT INTO {} AS t ({}) SELECT {} FROM {rows} AS s ON CONFLICT ({}) DO UPDATE SET {} WHERE {}",
            self.quoted(),
            self.column_list(),
            self.of("s"),
            self.key_list(),
            self.set_to("EXCLUDED"),
            self.differs_from("EXCLUDED"),
        )
    }

    /// Makes the keys there are have the rows of `rows`. Unlike `put` it does not touch what is equal.
    pub(super) fn update(&self, rows: &str) -> String {
        let (table, set, same_key) = (self.quoted(), self.set_to("s"), self.same_key());
        format!("UPDATE {table} AS t SET {set} FROM {rows} AS s WHERE {same_key} AND {}", self.differs_from("s"))
    }

    /// Adds the rows of `rows` whose keys are not there.
    pub(super) fn insert_missing(&self, rows: &str) -> String {
        let (table, columns, values) = (self.quoted(), self.column_list(), self.of("s"));
        format!(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {rows} AS s \
             WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {})",
            self.same_key()
        )
    }

    fn of(&self, rows: &str) -> String {
        list(self.columns.iter().map(|column| format!("{rows}.{}", quote_identifier(&column.name))))
    }

    fn same_key(&self) -> String {
        let equal = |name: &str| format!("t.{0} = s.{0}", quote_identifier(name));
        self.key_names().into_iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    fn set_to(&self, rows: &str) -> String {
        list(self.columns.iter().map(|column| format!("{0} = {rows}.{0}", quote_identifier(&column.name))))
    }

    fn differs_from(&self, rows: &str) -> String {
        format!(
            "ROW({})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({})::pg_catalog.record",
            self.of("t"),
            self.of(rows)
        )
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
