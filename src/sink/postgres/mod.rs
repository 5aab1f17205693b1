//! One row of a Postgres table per row of the view.
//!
//! A delivery is one transaction: it takes the table's mark if that is still what this sink read or wrote last, writes the rows,
//! and commits both. So a reader sees one frontier's content with its mark, and of two writers the slower is refused. Where the
//! table holds rows already, the whole content is laid beside it, and only what differs is written.

mod copy;
mod failure;
mod mark;
mod preflight;
mod read;
mod table;
mod types;
mod write;

pub use read::content;

use super::{Delivery, Difference, Looked, Sink, SinkError, SinkKey, SinkView};
use crate::failpoint::reach;
use crate::pg::Blocking;
use crate::secret::Secret;
use crate::value::{Column, Diff, RelationName, Row, json};
use failure::Failure;
use mark::Claim;
use serde::Deserialize;
use std::path::Path;
use table::Table;
use write::Writer;

/// What every session is set to, besides what all of Postgres's are: names mean what they say, one that waits for a lock or
/// whose program stands still gives up, and the mark is read as it is when its lock is had.
const SESSION: &str = "SET search_path = ''; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
    SET default_transaction_deferrable = off";

/// The `postgres` sink as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The view whose rows are kept.
    pub view: String,
    /// How to connect: a `postgres://` URL or `key=value` pairs. `sslmode` and `sslrootcert` as libpq has them.
    pub url: Secret,
    /// The table, `name` or `schema.name`, as Postgres stores it; the view's name if left out.
    pub table: Option<String>,
    /// The columns that identify a row; the view's proven key if left out.
    pub key: Option<Vec<String>>,
    /// Whether the table, and the one of the marks, may be created.
    #[serde(default = "may_create")]
    pub create: bool,
    /// Whether a table may be taken over that has rows of somebody else.
    #[serde(default)]
    pub adopt: bool,
}

fn may_create() -> bool {
    true
}

impl Config {
    /// The same with relative paths of secrets taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.url = self.url.relative_to(directory);
        self
    }

    /// The table's name.
    fn table_name(&self) -> RelationName {
        let written = self.table.as_deref().unwrap_or(&self.view);
        match written.split_once('.') {
            Some((schema, name)) => RelationName { schema: schema.into(), name: name.into() },
            None => RelationName::public(written),
        }
    }
}

/// Keeps a table of a view's rows.
pub struct Postgres {
    url: Secret,
    target: Target,
    key: SinkKey,
    session: Option<Session>,
    /// Whether the target ever answered: what it refuses before that is a mistake in the configuration.
    answered: bool,
    /// The table as it was when it was open last.
    known: Option<String>,
}

/// The table, and what this sink may do to it.
struct Target {
    sink: String,
    table: Table,
    create: bool,
    adopt: bool,
}

/// A target that is open.
struct Session {
    connection: Blocking,
    claim: Claim,
    writer: Writer,
}

impl Postgres {
    /// A sink that is not connected yet; refuses a key or a table that does not fit the view.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<Postgres, SinkError> {
        let located = |text: String| SinkError::Config(format!("sink {name}: {text}"));
        let key = SinkKey::of(&view, config.key.as_deref()).map_err(|error| located(error.to_string()))?;
        let table = Table::new(config.table_name(), &view, &key).map_err(located)?;
        Ok(Postgres {
            url: config.url,
            target: Target { sink: name.to_string(), table, create: config.create, adopt: config.adopt },
            key,
            session: None,
            answered: false,
            known: None,
        })
    }

    fn connect(&self) -> Result<Blocking, Failure> {
        let url = self.url.resolve().map_err(|error| Failure::Config(format!("url: {error}")))?;
        let connection = Blocking::connect(&url, "tidegate")?;
        connection.execute(SESSION)?;
        Ok(connection)
    }

    /// Opens the target, and finds the mark to go on from.
    fn prepare(&mut self) -> Result<Option<String>, Failure> {
        let connection = self.connect()?;
        let found = preflight::prepare(&connection, &self.target)?;
        let is_other = self.known.as_ref().is_none_or(|known| *known != found.identity);
        // Somebody has emptied or replaced it, or its view had no rows: what it shows is to be made sure of.
        let mark = found.mark.clone().filter(|_| !(found.is_empty && is_other));
        self.known = Some(found.identity.clone());
        let writer = Writer::prepare(&connection, &self.target.table, &found.casts)?;
        let claim = Claim::new(&self.target, found.mark, found.identity);
        self.session = Some(Session { connection, claim, writer });
        Ok(mark)
    }

    fn error(&self, doing: &str, failure: Failure) -> SinkError {
        failure.told(&format!("sink {}: Postgres: cannot {doing}", self.target.sink), self.answered)
    }
}

impl Session {
    fn deliver(&mut self, table: &Table, delivery: &Delivery) -> Result<(), Failure> {
        let is_large = delivery.first || write::is_large(&delivery.keyed);
        let limit = write::limit(is_large);
        self.connection.set_limit(limit.client);
        let mark = delivery.mark.to_string();
        self.claim.begin(&self.connection, &limit.server, &mark)?;
        reach("postgres.begun");
        let written = match delivery.first {
            true => self.writer.reconcile(&self.connection, table, &delivery.keyed),
            false => self.writer.write(&self.connection, table, &delivery.keyed),
        };
        reach("postgres.written");
        let committed = written.and_then(|()| self.connection.execute("COMMIT"));
        if let Err(error) = committed {
            let failure = failure::of_rows(error, table, |refuses| {
                self.writer.culprit(&self.connection, table, &delivery.keyed, refuses)
            });
            return Err(failure);
        }
        reach("postgres.committed");
        self.claim.wrote(mark);
        Ok(())
    }
}

impl Sink for Postgres {
    fn key(&self) -> Option<&SinkKey> {
        Some(&self.key)
    }

    fn form(&self) -> String {
        self.target.table.key_names().join(" ")
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        self.session = None;
        let mark = self.prepare().map_err(|failure| self.error("open its table", failure))?;
        self.answered = true;
        Ok(mark)
    }

    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        let looked = self.connect().and_then(|connection| preflight::look(&connection, &self.target));
        looked
            .map(|mark| Some(Looked { mark, anew: None, note: None }))
            .map_err(|failure| self.error("look at its table", failure))
    }

    fn compare(&mut self, rows: &[(Row, Diff)]) -> Result<Option<Difference>, SinkError> {
        let table = &self.target.table;
        let shown = self.connect().and_then(|connection| Ok(read::shown(&connection, table)?));
        let shown = shown.map_err(|failure| self.error("read its table", failure))?;
        let key_columns = table.key_columns();
        let wanted = self.key.with_keys(rows);
        let wanted = wanted.map(|(key, row)| (as_json(&key_columns, &key), as_json(&table.columns, row)));
        Ok(Some(Difference::keyed(&shown, &wanted.collect())))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        let Some(mut session) = self.session.take() else {
            return Err(SinkError::Transient(format!("sink {}: Postgres: not connected", self.target.sink)));
        };
        session.deliver(&self.target.table, delivery).map_err(|failure| self.error("write", failure))?;
        self.session = Some(session);
        Ok(())
    }
}

fn as_json(columns: &[Column], row: &Row) -> String {
    let mut out = String::new();
    json::write_row(columns, row, &mut out);
    out
}
