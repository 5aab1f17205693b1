//! Reading back what a sink keeps: for those who check it, not for those who use it.

use super::super::SinkError;
use super::Config;
use super::table::Table;
use crate::pg::{Blocking, StatementError, quote_literal, quote_relation};
use std::collections::BTreeMap;

/// Every row as JSON.
pub fn content(config: &Config, sink: &str) -> Result<Vec<String>, SinkError> {
    let failed =
        |error: StatementError| SinkError::Transient(format!("sink {sink}: Postgres: cannot read back: {error}"));
    let url = config.url.resolve().map_err(SinkError::Config)?;
    let connection = Blocking::connect(&url, "tidegate").map_err(failed)?;
    let table = quote_relation(&config.table_name());
    connection.column(&format!("SELECT pg_catalog.to_jsonb(t)::text FROM {table} AS t")).map_err(failed)
}

/// Every key of the table with its row, both as JSON; nothing if there is no table.
pub(super) fn shown(connection: &Blocking, table: &Table) -> Result<BTreeMap<String, String>, StatementError> {
    let name = quote_literal(&table.quoted());
    if connection.column(&format!("SELECT 1 WHERE pg_catalog.to_regclass({name}) IS NOT NULL"))?.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = connection.rows(&table.as_json())?;
    let pair = |row: Vec<Option<String>>| match <[Option<String>; 2]>::try_from(row) {
        Ok([Some(key), Some(row)]) => Some((key, row)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}
