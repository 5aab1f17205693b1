//! Why a text, number or date is no value of its type.

/// A value Postgres would refuse, with its SQLSTATE and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct ValueError {
    /// The SQLSTATE, e.g. `22P02` for text that is not of the type's syntax.
    pub code: &'static str,
    /// Postgres's message.
    pub message: String,
}

impl ValueError {
    /// An error with this SQLSTATE and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> ValueError {
        ValueError { code, message: message.into() }
    }

    /// `22P02`: the text is not of the type's syntax.
    pub(super) fn syntax(type_name: &str, input: &str) -> ValueError {
        ValueError::new("22P02", format!("invalid input syntax for type {type_name}: \"{input}\""))
    }

    /// `22003`: the text names a number the type cannot hold.
    pub(super) fn out_of_range(type_name: &str, input: &str) -> ValueError {
        ValueError::new("22003", format!("value \"{input}\" is out of range for type {type_name}"))
    }
}
