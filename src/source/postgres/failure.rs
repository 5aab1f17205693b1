//! What can go wrong while a source runs: the world (tried again), or something only people can mend.

use super::super::SourceError;
use crate::pg::ConnectError;
use std::error::Error as _;
use tokio_postgres::error::SqlState;

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is gone or the server is out of reach for now: try again.
    Lost(String),
    /// What was read cannot be gone on from: the tables are to be read again.
    Stale(String),
    /// What was read cannot be gone on from, and people are asked before the tables are read again.
    Diverged(String),
    /// The change feed does not fit the definitions the tables were read with: they were changed, and perhaps back again.
    Redefined(String),
    /// Nobody but people can mend it.
    Final(SourceError),
    /// The engine takes no more ticks.
    Closed,
}

impl Failure {
    /// An operator must act.
    pub(super) fn operator(text: impl Into<String>) -> Failure {
        Failure::Final(SourceError::Operator(text.into()))
    }

    /// The configuration is wrong.
    pub(super) fn config(text: impl Into<String>) -> Failure {
        Failure::Final(SourceError::Config(text.into()))
    }

    /// What the server said, judged by its SQLSTATE.
    pub(super) fn server(code: &str, text: String) -> Failure {
        if is_passing(code) {
            return Failure::Lost(text);
        }
        match code {
            "28000" | "28P01" | "3D000" => Failure::config(text),
            _ => Failure::operator(text),
        }
    }
}

/// Whether waiting may help: connection trouble, shutdowns and restarts, exhausted resources, conflicts. An internal error of the
/// server is one of them: decoding from a slot that was created while a table was being rewritten may end in "could not map
/// filenode to relation OID", and the next session has a new slot.
fn is_passing(code: &str) -> bool {
    ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || code == SqlState::OBJECT_IN_USE.code()
        || code == SqlState::LOCK_NOT_AVAILABLE.code()
        || code == SqlState::INTERNAL_ERROR.code()
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        let Some(db) = error.as_db_error() else {
            let mut text = error.to_string();
            if let Some(cause) = error.source() {
                text = format!("{text}: {cause}");
            }
            return Failure::Lost(text);
        };
        let mut text = format!("Postgres says: {} ({})", db.message(), db.code().code());
        if let Some(detail) = db.detail() {
            text = format!("{text}; {detail}");
        }
        if let Some(hint) = db.hint() {
            text = format!("{text}; hint: {hint}");
        }
        Failure::server(db.code().code(), text)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        match error {
            ConnectError::Settings(text) => Failure::config(text),
            ConnectError::Server(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Lost(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_is_tried_again() {
        let passing = ["57P01", "08006", "53300", "55006", "XX000"].map(|code| (code, true));
        let lasting = ["42501", "28P01", "XX001"].map(|code| (code, false));
        for (code, passing) in passing.into_iter().chain(lasting) {
            assert_eq!(matches!(Failure::server(code, String::new()), Failure::Lost(_)), passing, "{code}");
        }
    }
}
