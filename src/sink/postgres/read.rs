//! Reading back what a sink keeps: for those who check it, not for those who use it.

use super::super::SinkError;
use super::Config;
use crate::pg::{Blocking, StatementError, quote_relation};

/// Every row as JSON.
pub fn content(config: &Config, sink: &str) -> Result<Vec<String>, SinkError> {
    let failed =
        |error: StatementError| SinkError::Transient(format!("sink {sink}: Postgres: cannot read back: {error}"));
    let url = config.url.resolve().map_err(SinkError::Config)?;
    let connection = Blocking::connect(&url, "tidegate").map_err(failed)?;
    let table = quote_relation(&config.table_name());
    connection.column(&format!("SELECT pg_catalog.to_jsonb(t)::text FROM {table} AS t")).map_err(failed)
}
