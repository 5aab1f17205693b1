//! Why a view set could not be started or stopped running, and the exit code that says so.

use crate::config::ConfigError;
use crate::dataflow::DataflowError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::store::StoreError;
use std::fmt;

/// The exit codes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// A row could not be computed or understood under `on_error = "stop"`.
    Data,
    /// A source or target is out of reach after retries.
    Unavailable,
    /// A fault of this program.
    Internal,
    /// Configuration or SQL is wrong.
    Config,
    /// An operator must act before a start can succeed.
    Operator,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Data => 65,
            Exit::Unavailable => 69,
            Exit::Internal => 70,
            Exit::Config => 78,
            Exit::Operator => 80,
        }
    }
}

/// Why a view set does not run: one or more sentences, each complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong. More than one only for configuration and SQL.
    pub messages: Vec<String>,
}

impl Failure {
    /// A failure with one message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, messages: vec![message.into()] }
    }

    /// Something written wrong.
    pub fn config(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Config, message)
    }

    pub(super) fn of_source(name: &str, error: &SourceError) -> Failure {
        let exit = match error {
            SourceError::Config(_) => Exit::Config,
            SourceError::Unavailable(_) => Exit::Unavailable,
            SourceError::Operator(_) => Exit::Operator,
            SourceError::Data(_) => Exit::Data,
        };
        Failure::new(exit, format!("source `{name}`: {error}"))
    }

    pub(super) fn of_sink(name: &str, error: &SinkError) -> Failure {
        let exit = match error {
            SinkError::Config(_) => Exit::Config,
            SinkError::Transient(_) => Exit::Unavailable,
            SinkError::Operator(_) => Exit::Operator,
        };
        Failure::new(exit, format!("sink `{name}`: {error}"))
    }

    /// Whoever opens a store says so in the same way, the run or a verb.
    pub(crate) fn of_store(error: &StoreError) -> Failure {
        let exit = match error {
            StoreError::Io { .. } | StoreError::Poisoned(_) => Exit::Unavailable,
            StoreError::Damaged { .. } | StoreError::Format { .. } => Exit::Operator,
            StoreError::InUse(_) | StoreError::Loses { .. } | StoreError::Declared { .. } => Exit::Operator,
        };
        Failure::new(exit, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("\n"))
    }
}

impl std::error::Error for Failure {}

impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Failure {
        Failure { exit: Exit::Config, messages: errors.iter().map(ToString::to_string).collect() }
    }
}

impl From<DataflowError> for Failure {
    fn from(error: DataflowError) -> Failure {
        let exit = match error {
            DataflowError::Undefined { .. } | DataflowError::Duplicate(_) | DataflowError::Circular(_) => Exit::Config,
            DataflowError::Plan { .. } | DataflowError::Failed(_) => Exit::Internal,
        };
        Failure::new(exit, error.to_string())
    }
}
