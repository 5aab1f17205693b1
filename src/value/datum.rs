//! One value, decoded.

use super::Type;
use super::json::Json;
use super::numeric::Numeric;
use std::sync::Arc;

/// One SQL value. `PartialEq` compares forms (1.0 ≠ 1.00); SQL's equality and order are those of the key encoding.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// SQL null, of any type.
    Null,
    /// `boolean`
    Bool(bool),
    /// `smallint`
    Int2(i16),
    /// `integer`
    Int4(i32),
    /// `bigint`
    Int8(i64),
    /// `real`
    Float4(f32),
    /// `double precision`
    Float8(f64),
    /// `numeric`
    Numeric(Numeric),
    /// `text` and `varchar`
    Text(Arc<str>),
    /// `character(n)`, blank-padded to its length
    Char(Arc<str>),
    /// `bytea`
    Bytea(Arc<[u8]>),
    /// Days since 2000-01-01; `i32::MIN` and `i32::MAX` are the infinities, as in Postgres.
    Date(i32),
    /// Microseconds since midnight, 0 to 86,400,000,000.
    Time(i64),
    /// Microseconds since 2000-01-01; `i64::MIN` and `i64::MAX` are the infinities.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 UTC; `i64::MIN` and `i64::MAX` are the infinities.
    Timestamptz(i64),
    /// `interval`
    Interval(Interval),
    /// `uuid`
    Uuid([u8; 16]),
    /// `json`, the text as written
    Json(Arc<str>),
    /// `jsonb`
    Jsonb(Arc<Json>),
    /// A label of an enum
    Enum(EnumLabel),
    /// An array
    Array(Arc<Array>),
}

/// Postgres's interval: the three parts do not mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Months
    pub months: i32,
    /// Days
    pub days: i32,
    /// Microseconds
    pub micros: i64,
}

/// An enum's label with its place in the order.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumLabel {
    /// The label's position among its type's labels.
    pub order: u32,
    /// The label.
    pub label: Arc<str>,
}

/// A Postgres array: elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The elements' type.
    pub element: Type,
    /// Length and lower bound of each dimension; empty for `{}`.
    pub dimensions: Vec<(usize, i32)>,
    /// The elements.
    pub items: Vec<Datum>,
}

impl Datum {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Datum {
        Datum::Text(text.into())
    }

    /// Whether this is SQL null.
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }
}
