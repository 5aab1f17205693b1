//! A relation's name, columns, key and kind.

use super::Type;
use std::fmt;

/// A relation's name: schema and name, both as Postgres stores them (folded unless quoted).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct RelationName {
    /// The SQL schema; `public` for views and streams.
    pub schema: String,
    /// The name proper.
    pub name: String,
}

impl RelationName {
    /// A name in schema `public`.
    pub fn public(name: impl Into<String>) -> Self {
        RelationName { schema: "public".into(), name: name.into() }
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.schema.as_str() {
            "public" => f.write_str(&self.name),
            schema => write!(f, "{schema}.{}", self.name),
        }
    }
}

/// One column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name as Postgres stores it.
    pub name: String,
    /// The type; a domain is replaced by its base type.
    pub ty: Type,
    /// Postgres's `atttypmod`, or -1: the length of `varchar(n)`, precision and scale of `numeric(p,s)`.
    pub modifier: i32,
    /// Whether a null may occur.
    pub nullable: bool,
}

impl Column {
    /// A column without a modifier.
    pub fn new(name: impl Into<String>, ty: Type, nullable: bool) -> Self {
        Column { name: name.into(), ty, modifier: -1, nullable }
    }
}

/// How a relation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// Insert, update and delete.
    Table,
    /// Append-only events.
    Stream {
        /// The column that holds the event time; `None`: the time of arrival.
        event_time: Option<usize>,
        /// How long after the watermark a late event is still accepted (K), microseconds.
        accept_for: u64,
        /// Whether it ends by itself, as a file does that nobody adds to.
        ends: bool,
    },
}

/// The shape of a relation's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// A set of not-null columns that identify a row, if any is known.
    pub key: Option<Vec<usize>>,
    /// How the relation changes.
    pub kind: RelationKind,
}

impl Schema {
    /// A table's schema.
    pub fn table(columns: Vec<Column>, key: Option<Vec<usize>>) -> Self {
        Schema { columns, key, kind: RelationKind::Table }
    }

    /// Whether rows are only ever added.
    pub fn is_append_only(&self) -> bool {
        matches!(self.kind, RelationKind::Stream { .. })
    }

    /// The position of the column of that name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}
