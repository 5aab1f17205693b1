//! What the Postgres source and sink share: how to connect, how to quote, and what Postgres's types are here.

mod blocking;
mod connect;
mod tls;
pub mod types;

pub use blocking::{Blocking, Prepared, StatementError, TextRows};
pub use connect::{ConnectError, Endpoint, PINNED_SETTINGS};
pub use tls::{TlsMode, TlsSettings};

/// An identifier as it must be written in SQL: always quoted, so that any name survives.
pub fn quote_identifier(name: &str) -> String {
    postgres_protocol::escape::escape_identifier(name)
}

/// A string literal as it must be written in SQL.
pub fn quote_literal(text: &str) -> String {
    postgres_protocol::escape::escape_literal(text).trim_start().to_string()
}

/// A schema-qualified name, quoted.
pub fn quote_relation(name: &crate::value::RelationName) -> String {
    format!("{}.{}", quote_identifier(&name.schema), quote_identifier(&name.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::RelationName;

    #[test]
    fn names_are_always_quoted() {
        let name = RelationName { schema: "Sales".into(), name: "or\"ders".into() };
        assert_eq!(quote_relation(&name), r#""Sales"."or""ders""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
    }
}
