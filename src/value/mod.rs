//! What a value, a row and a relation's schema are. A leaf: this room names no other.

pub mod calendar;
mod datum;
pub mod encoding;
mod error;
pub mod json;
pub mod key;
pub mod numeric;
mod row;
mod schema;
pub mod text;
mod types;
pub mod zone;

pub use datum::{Array, Datum, EnumLabel, Interval};
pub use error::ValueError;
pub use row::{Row, RowBuilder};
pub use schema::{Column, RelationKind, RelationName, Schema};
pub use types::{EnumType, OpaqueType, Type};

/// Microseconds since the Unix epoch; 0 is before everything.
pub type Time = u64;

/// How many times a row is added (positive) or retracted (negative).
pub type Diff = i64;
