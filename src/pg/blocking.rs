//! A connection for code that may wait for its answers: one statement after the other, values as text.

use super::connect::{ConnectError, Endpoint};
use super::types::CatalogTypes;
use bytes::Bytes;
use futures_util::SinkExt;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

/// How long a server may take to begin a session.
const GREETING: Duration = Duration::from_secs(30);

/// A connection with a runtime of its own.
pub struct Blocking {
    runtime: Runtime,
    client: Client,
    limit: Duration,
}

/// A statement that the server has prepared.
pub struct Prepared(Statement);

/// The values of some rows.
pub type TextRows = Vec<Vec<Option<String>>>;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The connection settings are wrong.
    #[error("{0}")]
    Settings(String),
    /// The runtime could not be made.
    #[error("cannot start the connection: {0}")]
    Start(#[from] std::io::Error),
    /// The server refused it.
    #[error("{message} ({code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The server's message.
        message: String,
        /// What it says besides.
        detail: Option<String>,
    },
    /// The connection was lost, or the answer was none.
    #[error("{0}")]
    Lost(String),
    /// There was no answer for this long.
    #[error("no answer for {} s", .0.as_secs())]
    Silent(Duration),
}

impl StatementError {
    /// The server's SQLSTATE; empty if it said nothing.
    pub fn code(&self) -> &str {
        match self {
            StatementError::Refused { code, .. } => code,
            _ => "",
        }
    }
}

impl From<ConnectError> for StatementError {
    fn from(error: ConnectError) -> StatementError {
        match error {
            ConnectError::Settings(text) => StatementError::Settings(text),
            ConnectError::Server(error) => error.into(),
        }
    }
}

impl From<tokio_postgres::Error> for StatementError {
    fn from(error: tokio_postgres::Error) -> StatementError {
        match error.as_db_error() {
            Some(refused) => StatementError::Refused {
                code: refused.code().code().into(),
                message: refused.message().into(),
                detail: refused.detail().map(str::to_string),
            },
            None => StatementError::Lost(super::connect::describe(&error)),
        }
    }
}

impl Blocking {
    /// Connects to this URL.
    pub fn connect(url: &str, application_name: &str) -> Result<Blocking, StatementError> {
        let endpoint = Endpoint::parse(url, application_name)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let greeted = runtime.block_on(async { tokio::time::timeout(GREETING, endpoint.connect()).await });
        let client = greeted.map_err(|_| StatementError::Silent(GREETING))??;
        Ok(Blocking { runtime, client, limit: Duration::MAX })
    }

    /// From now on no statement is waited for longer than this. One that took longer leaves a connection of no use.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Runs one or more statements.
    pub fn execute(&self, statements: &str) -> Result<(), StatementError> {
        self.wait(self.client.batch_execute(statements))
    }

    /// Runs one or more statements; how many rows the last one touched.
    pub fn touched(&self, statements: &str) -> Result<u64, StatementError> {
        let messages = self.wait(self.client.simple_query(statements))?;
        let counts = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::CommandComplete(count) => Some(*count),
            _ => None,
        });
        Ok(counts.last().unwrap_or_default())
    }

    /// A query's rows.
    pub fn rows(&self, query: &str) -> Result<TextRows, StatementError> {
        let messages = self.wait(self.client.simple_query(query))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_string)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The first column of a query's rows; nulls are left out.
    pub fn column(&self, query: &str) -> Result<Vec<String>, StatementError> {
        Ok(self.rows(query)?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// Prepares a statement whose parameters are arrays of text.
    pub fn prepare(&self, statement: &str) -> Result<Prepared, StatementError> {
        self.wait(self.client.prepare(statement)).map(Prepared)
    }

    /// Runs a prepared statement with these arrays.
    pub fn run(&self, statement: &Prepared, arrays: &[Vec<Option<String>>]) -> Result<(), StatementError> {
        self.wait(self.client.execute_raw(&statement.0, arrays)).map(drop)
    }

    /// Runs a `COPY … FROM STDIN` and gives it these pieces.
    pub fn copy(&self, statement: &str, pieces: impl Iterator<Item = Vec<u8>>) -> Result<(), StatementError> {
        self.wait(async {
            let mut target = pin!(self.client.copy_in::<_, Bytes>(statement).await?);
            for piece in pieces {
                target.feed(piece.into()).await?;
            }
            target.finish().await.map(drop)
        })
    }

    /// Reads these types and what they are made of.
    pub fn types(&self, oids: &[u32]) -> Result<CatalogTypes, StatementError> {
        self.wait(CatalogTypes::load(&self.client, oids))
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StatementError> {
        let answered = self.runtime.block_on(async { tokio::time::timeout(self.limit, answer).await });
        Ok(answered.map_err(|_| StatementError::Silent(self.limit))??)
    }
}
