//! What a value, a row and a relation's schema are. A leaf: this room names no other.

mod datum;
mod encoding;
pub mod json;
pub mod numeric;
mod row;
mod schema;
mod types;

pub use datum::{Array, Datum, EnumLabel, Interval};
pub use row::{Row, RowBuilder};
pub use schema::{Column, RelationKind, RelationName, Schema};
pub use types::{EnumType, Type};

/// Microseconds since the Unix epoch; 0 is before everything.
pub type Time = u64;

/// How many times a row is added (positive) or retracted (negative).
pub type Diff = i64;
