//! Writing a delivery's rows within a transaction.
//!
//! Few rows go with prepared statements, as one array of texts per column. Many are copied into a temporary table first, which
//! costs the catalogs a little. The whole content is copied straight into a table without rows; otherwise it is laid beside it.

use super::copy;
use super::table::Table;
use crate::pg::{Blocking, Prepared, StatementError, quote_identifier};
use crate::sink::KeyedChange;
use crate::value::{Row, text};
use std::time::Duration;

/// A delivery of more rows is copied,
const DIRECT_ROWS: usize = 2_000;
/// and one of more bytes.
const DIRECT_BYTES: usize = 1 << 20;

/// Where rows are staged, and keys that are to go.
const STAGED: &str = "pg_temp.tidegate_staged";
const GONE: &str = "pg_temp.tidegate_gone";

/// A key and what is to become of it.
type Change = (Row, KeyedChange);

/// How long a statement may take: the server ends it, or else we do.
pub(super) struct Limit {
    pub(super) server: String,
    pub(super) client: Duration,
}

/// Nothing may last for ever, but a first load may be of any size.
pub(super) fn limit(is_large: bool) -> Limit {
    let minutes = if is_large { 6 * 60 } else { 10 };
    Limit { server: format!("{minutes}min"), client: Duration::from_secs(60 * minutes + 30) }
}

/// Whether the changes are copied.
pub(super) fn is_large(changes: &[Change]) -> bool {
    let bytes =
        |change: &Change| change.0.memory() + if let KeyedChange::Put(row) = &change.1 { row.memory() } else { 0 };
    changes.len() > DIRECT_ROWS || changes.iter().map(bytes).sum::<usize>() > DIRECT_BYTES
}

/// The statements that write few rows.
pub(super) struct Writer {
    put: Prepared,
    delete: Prepared,
}

impl Writer {
    /// Has the server prepare them. `casts`: see `preflight::Found`.
    pub(super) fn prepare(connection: &Blocking, table: &Table, casts: &[String]) -> Result<Writer, StatementError> {
        let columns: Vec<(&str, &str)> =
            table.columns.iter().zip(casts).map(|(column, cast)| (column.name.as_str(), cast.as_str())).collect();
        let in_key = |name: &str| columns.iter().find(|(column, _)| *column == name).copied();
        let key: Vec<(&str, &str)> = table.key_names().into_iter().filter_map(in_key).collect();
        Ok(Writer {
            put: connection.prepare(&table.put(&from_arrays(&columns)))?,
            delete: connection.prepare(&table.delete(&from_arrays(&key)))?,
        })
    }

    /// Puts and deletes these keys. Deletes come first: a key may go and come in another form that is equal.
    pub(super) fn write(&self, connection: &Blocking, table: &Table, changes: &[Change]) -> Result<(), StatementError> {
        if is_large(changes) {
            return write_staged(connection, table, changes);
        }
        let (keys, rows) = (|| deleted(changes), || put(changes));
        if keys().next().is_some() {
            connection.run(&self.delete, &arrays(table.key_names().len(), keys()))?;
        }
        if rows().next().is_some() {
            connection.run(&self.put, &arrays(table.columns.len(), rows()))?;
        }
        Ok(())
    }

    /// Makes the table have exactly the rows of these puts.
    pub(super) fn reconcile(
        &self,
        connection: &Blocking,
        table: &Table,
        content: &[Change],
    ) -> Result<(), StatementError> {
        let (name, columns) = (table.quoted(), table.column_list());
        if connection.column(&format!("SELECT 1 FROM {name} LIMIT 1"))?.is_empty() {
            return connection.copy(&format!("COPY {name} ({columns}) FROM STDIN"), copy::pieces(put(content)));
        }
        stage(connection, table, STAGED, &columns, put(content))?;
        for statement in [table.delete_others(STAGED), table.update(STAGED), table.insert_missing(STAGED)] {
            connection.execute(&statement)?;
        }
        Ok(())
    }

    /// The key of a change that the table refuses. `refuses` says which SQLSTATEs mean that. The transaction that failed is
    /// rolled back, and so is every one that is tried.
    pub(super) fn culprit(
        &self,
        connection: &Blocking,
        table: &Table,
        changes: &[Change],
        refuses: fn(&str) -> bool,
    ) -> Option<Row> {
        connection.execute("ROLLBACK").ok()?;
        let is_refused = |changes: &[Change]| -> Result<bool, StatementError> {
            connection.execute("BEGIN")?;
            let written = self.write(connection, table, changes);
            let checked = written.and_then(|()| connection.execute("SET CONSTRAINTS ALL IMMEDIATE"));
            connection.execute("ROLLBACK")?;
            match checked {
                Err(error) if refuses(error.code()) => Ok(true),
                other => other.map(|()| false),
            }
        };
        let mut suspects = changes;
        while suspects.len() > 1 {
            let (some, others) = suspects.split_at(suspects.len() / 2);
            suspects = if is_refused(some).ok()? { some } else { others };
        }
        let found = is_refused(suspects).ok()?;
        suspects.first().filter(|_| found).map(|(key, _)| key.clone())
    }
}

fn put(changes: &[Change]) -> impl Iterator<Item = &Row> {
    changes.iter().filter_map(|(_, change)| if let KeyedChange::Put(row) = change { Some(row) } else { None })
}

fn deleted(changes: &[Change]) -> impl Iterator<Item = &Row> {
    changes.iter().filter(|(_, change)| matches!(change, KeyedChange::Delete)).map(|(key, _)| key)
}

/// The rows of a statement's parameters: columns with the types their texts are cast to.
fn from_arrays(columns: &[(&str, &str)]) -> String {
    let numbers = || 1..=columns.len();
    let arrays: Vec<String> = numbers().map(|n| format!("${n}::text[]")).collect();
    let names: Vec<String> = numbers().map(|n| format!("c{n}")).collect();
    let values = names.iter().zip(columns);
    let values: Vec<String> =
        values.map(|(n, (name, cast))| format!("a.{n}::{cast} AS {}", quote_identifier(name))).collect();
    format!("(SELECT {} FROM unnest({}) AS a ({}))", values.join(", "), arrays.join(", "), names.join(", "))
}

/// Rows as an array of texts per column.
fn arrays<'a>(width: usize, rows: impl Iterator<Item = &'a Row>) -> Vec<Vec<Option<String>>> {
    let mut arrays = vec![Vec::new(); width];
    for row in rows {
        for (array, value) in arrays.iter_mut().zip(row.unpack()) {
            let show = || {
                let mut shown = String::new();
                text::write(&value, &mut shown);
                shown
            };
            array.push((!value.is_null()).then(show));
        }
    }
    arrays
}

fn write_staged(connection: &Blocking, table: &Table, changes: &[Change]) -> Result<(), StatementError> {
    if deleted(changes).next().is_some() {
        stage(connection, table, GONE, &table.key_list(), deleted(changes))?;
        connection.execute(&table.delete(GONE))?;
    }
    if put(changes).next().is_some() {
        stage(connection, table, STAGED, &table.column_list(), put(changes))?;
        connection.execute(&table.put(STAGED))?;
    }
    Ok(())
}

/// Copies rows into a temporary table with these of the table's columns. It is gone when the transaction ends.
fn stage<'a>(
    connection: &Blocking,
    table: &Table,
    into: &str,
    columns: &str,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<(), StatementError> {
    connection.execute(&format!(
        "CREATE TEMPORARY TABLE {into} ON COMMIT DROP AS SELECT {columns} FROM {} WITH NO DATA",
        table.quoted()
    ))?;
    connection.copy(&format!("COPY {into} ({columns}) FROM STDIN"), copy::pieces(rows))?;
    connection.execute(&format!("ANALYZE {into}"))
}
