//! Values that Postgres has and serde has not: newtypes that keep their SQL type on the way through serde.
//!
//! Equality and order are those of the wrapped representation; SQL's own (1.0 = 1.00) are the engine's business.

use crate::value::Type;
use serde::{Deserialize, Serialize};

/// Microseconds between the Unix epoch and Postgres's, 2000-01-01.
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Days between the two.
pub(super) const EPOCH_DAYS: i32 = 10_957;

/// `timestamptz`: microseconds since the Unix epoch; the extremes of `i64` are the infinities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::timestamptz")]
pub struct Timestamptz(pub i64);

/// `timestamp`: microseconds since 1970-01-01 00:00; the extremes of `i64` are the infinities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::timestamp")]
pub struct Timestamp(pub i64);

/// `date`: days since 1970-01-01; the extremes of `i32` are the infinities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::date")]
pub struct Date(pub i32);

/// `numeric`, as Postgres prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::numeric")]
pub struct Decimal(pub String);

/// `uuid`, as Postgres prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::uuid")]
pub struct Uuid(pub String);

/// `jsonb`, as Postgres prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename = "$tidegate::jsonb")]
pub struct Jsonb(pub String);

/// The SQL type of one of the newtypes above, by the name it has in serde.
pub(super) fn type_of_newtype(name: &str) -> Option<Type> {
    Some(match name.strip_prefix("$tidegate::")? {
        "timestamptz" => Type::Timestamptz,
        "timestamp" => Type::Timestamp,
        "date" => Type::Date,
        "numeric" => Type::Numeric,
        "uuid" => Type::Uuid,
        "jsonb" => Type::Jsonb,
        _ => return None,
    })
}
