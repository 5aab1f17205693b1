//! What can go wrong: the world (tried again), the configuration, or something only people can mend.

use super::super::SinkError;
use super::table::Table;
use crate::pg::StatementError;
use crate::value::{Row, text};

/// Why the target could not be opened or written.
#[derive(Debug)]
pub(super) enum Failure {
    /// A statement failed.
    Statement(StatementError),
    /// The configuration is wrong.
    Config(String),
    /// An operator must act.
    Operator(String),
    /// It may be better the next time.
    Passing(String),
}

impl From<StatementError> for Failure {
    fn from(error: StatementError) -> Failure {
        Failure::Statement(error)
    }
}

impl Failure {
    /// As the runner is told. `answered`: whether the target ever did, so that what it refuses is news, and may pass.
    pub(super) fn told(self, doing: &str, answered: bool) -> SinkError {
        match self {
            Failure::Config(text) => SinkError::Config(format!("{doing}: {text}")),
            Failure::Operator(text) => SinkError::Operator(format!("{doing}: {text}")),
            Failure::Passing(text) => SinkError::Transient(format!("{doing}: {text}")),
            Failure::Statement(error) => {
                let text = format!("{doing}: {error}");
                match (&error, error.code()) {
                    _ if answered => SinkError::Transient(text),
                    (StatementError::Settings(_), _) | (_, "28000" | "28P01" | "3D000") => SinkError::Config(text),
                    (_, "42501") => SinkError::Operator(format!("{text}; GRANT it to the role, or name another role")),
                    (_, code) if code.starts_with("42") || code.starts_with("0A") => SinkError::Operator(text),
                    _ => SinkError::Transient(text),
                }
            }
        }
    }
}

/// What became of rows that were written. Those the table refuses are looked for: `find` is asked for the key of one, given
/// which SQLSTATEs mean that.
pub(super) fn of_rows(
    error: StatementError,
    table: &Table,
    find: impl FnOnce(fn(&str) -> bool) -> Option<Row>,
) -> Failure {
    let StatementError::Refused { code, message, detail } = &error else { return error.into() };
    if !is_about_rows(code) {
        return error.into();
    }
    let shown = find(is_about_rows).map(|key| format!("the row with the key {}", show(table, &key)));
    let row = shown.as_deref().unwrap_or("a row");
    // The other details have the whole row.
    let detail = detail.as_deref().filter(|_| matches!(code.as_str(), "23503" | "23505"));
    let detail = detail.map(|detail| format!("; {}", detail.trim_end_matches('.'))).unwrap_or_default();
    let name = table.quoted();
    Failure::Operator(format!("{name} refuses {row}: {message} ({code}){detail}; {}", advice(code, &name)))
}

/// Whether it is the data that a table refuses: its constraints, its types, its triggers, its size.
fn is_about_rows(code: &str) -> bool {
    ["21", "22", "23", "44", "54", "P0"].iter().any(|class| code.starts_with(class))
}

fn advice(code: &str, table: &str) -> String {
    match code {
        "23502" => format!("ALTER TABLE {table} ALTER COLUMN … DROP NOT NULL, or keep such rows out of the view"),
        "23503" => "drop the foreign key, or keep such rows out of the view".to_string(),
        "23505" => {
            "drop the constraint, or make it DEFERRABLE INITIALLY DEFERRED if it holds whenever a transaction ends"
                .to_string()
        }
        "23514" => format!("ALTER TABLE {table} DROP CONSTRAINT …, or keep such rows out of the view"),
        _ if code.starts_with("22") => "give the column a type that takes it, or change the view".to_string(),
        _ => "change the table or the view".to_string(),
    }
}

/// `(a, b) = (1, x)`
fn show(table: &Table, key: &Row) -> String {
    let show = |value| {
        let mut shown = String::new();
        text::write(value, &mut shown);
        shown
    };
    let values: Vec<String> = key.unpack().iter().map(show).collect();
    format!("({}) = ({})", table.key_names().join(", "), values.join(", "))
}
