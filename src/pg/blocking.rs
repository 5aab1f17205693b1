//! A connection for code that may wait for its answers: one statement after the other, results as text.

use super::connect::{ConnectError, Endpoint};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A connection with a runtime of its own.
pub struct Blocking {
    runtime: Runtime,
    client: Client,
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// No connection, or it was lost.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The runtime could not be made.
    #[error("cannot start the connection: {0}")]
    Start(#[from] std::io::Error),
    /// The server refused it.
    #[error("{message} ({code})")]
    Refused {
        /// The SQLSTATE; empty if the connection was lost.
        code: String,
        /// The server's message.
        message: String,
    },
}

impl From<tokio_postgres::Error> for StatementError {
    fn from(error: tokio_postgres::Error) -> StatementError {
        match error.as_db_error() {
            Some(refused) => {
                StatementError::Refused { code: refused.code().code().into(), message: refused.message().into() }
            }
            None => StatementError::Refused { code: String::new(), message: error.to_string() },
        }
    }
}

impl Blocking {
    /// Connects to this URL.
    pub fn connect(url: &str, application_name: &str) -> Result<Blocking, StatementError> {
        let endpoint = Endpoint::parse(url, application_name)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(endpoint.connect())?;
        Ok(Blocking { runtime, client })
    }

    /// Runs one or more statements.
    pub fn execute(&self, statements: &str) -> Result<(), StatementError> {
        Ok(self.runtime.block_on(self.client.batch_execute(statements))?)
    }

    /// The first column of a query's rows; nulls are left out.
    pub fn column(&self, query: &str) -> Result<Vec<String>, StatementError> {
        let messages = self.runtime.block_on(self.client.simple_query(query))?;
        let values = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
            _ => None,
        });
        Ok(values.collect())
    }
}
