//! Comparisons. Equality and order are those of the key encoding (`Datum::sql_cmp`).

use super::Kind::*;
use super::cast::midnight;
use super::{Definition, total};
use crate::expr::EvalError;
use crate::value::{Datum, Type};
use std::cmp::Ordering;

type Result = std::result::Result<Datum, EvalError>;

macro_rules! comparison {
    ($($name:ident: |$ordering:ident| $test:expr;)*) => {
        $(pub(super) fn $name(values: &[Datum], _: &Type) -> Result {
            match values {
                [left, right] => {
                    let $ordering = compare(left, right);
                    Ok(Datum::Bool($test))
                }
                _ => Err(EvalError::mistyped()),
            }
        })*
    };
}

comparison! {
    equal: |ordering| ordering.is_eq();
    not_equal: |ordering| ordering.is_ne();
    less: |ordering| ordering.is_lt();
    less_or_equal: |ordering| ordering.is_le();
    greater: |ordering| ordering.is_gt();
    greater_or_equal: |ordering| ordering.is_ge();
}

/// SQL's order of two not-null values of one type, of two widths of integer or float, or of two kinds of moment.
#[inline]
pub(super) fn compare(left: &Datum, right: &Datum) -> Ordering {
    match (left, right) {
        (Datum::Int4(a), Datum::Int4(b)) => a.cmp(b),
        (Datum::Int8(a), Datum::Int8(b)) => a.cmp(b),
        (Datum::Int2(a), Datum::Int4(b)) => i32::from(*a).cmp(b),
        (Datum::Int4(a), Datum::Int2(b)) => a.cmp(&i32::from(*b)),
        (Datum::Int2(a), Datum::Int8(b)) => i64::from(*a).cmp(b),
        (Datum::Int8(a), Datum::Int2(b)) => a.cmp(&i64::from(*b)),
        (Datum::Int4(a), Datum::Int8(b)) => i64::from(*a).cmp(b),
        (Datum::Int8(a), Datum::Int4(b)) => a.cmp(&i64::from(*b)),
        (Datum::Float4(a), Datum::Float8(_)) => Datum::Float8(f64::from(*a)).sql_cmp(right),
        (Datum::Float8(_), Datum::Float4(b)) => left.sql_cmp(&Datum::Float8(f64::from(*b))),
        (Datum::Date(a), Datum::Timestamp(b) | Datum::Timestamptz(b)) => midnight(*a).cmp(b),
        (Datum::Timestamp(a) | Datum::Timestamptz(a), Datum::Date(b)) => a.cmp(&midnight(*b)),
        (Datum::Timestamp(a), Datum::Timestamptz(b)) | (Datum::Timestamptz(a), Datum::Timestamp(b)) => a.cmp(b),
        _ => left.sql_cmp(right),
    }
}

macro_rules! comparable {
    ($(($left:ident, $right:ident)),* $(,)?) => {
        &[$(
            total("=", &[$left, $right], Bool, equal),
            total("<>", &[$left, $right], Bool, not_equal),
            total("<", &[$left, $right], Bool, less),
            total("<=", &[$left, $right], Bool, less_or_equal),
            total(">", &[$left, $right], Bool, greater),
            total(">=", &[$left, $right], Bool, greater_or_equal),
        )*]
    };
}

pub(super) static FUNCTIONS: &[Definition] = comparable![
    (Bool, Bool),
    (Int2, Int2),
    (Int4, Int4),
    (Int8, Int8),
    (Int2, Int4),
    (Int4, Int2),
    (Int2, Int8),
    (Int8, Int2),
    (Int4, Int8),
    (Int8, Int4),
    (Float4, Float4),
    (Float4, Float8),
    (Float8, Float4),
    (Float8, Float8),
    (Numeric, Numeric),
    (Text, Text),
    (Char, Char),
    (Bytea, Bytea),
    (Date, Date),
    (Time, Time),
    (Timestamp, Timestamp),
    (Timestamptz, Timestamptz),
    (Date, Timestamp),
    (Timestamp, Date),
    (Date, Timestamptz),
    (Timestamptz, Date),
    (Timestamp, Timestamptz),
    (Timestamptz, Timestamp),
    (Interval, Interval),
    (Uuid, Uuid),
    (Jsonb, Jsonb),
    (Enum, Enum),
    (Array, Array),
];

/// Comparisons with the elements of an array.
pub(super) static ARRAY_FUNCTIONS: &[Definition] = &[
    total("= any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_eq)).sees_nulls(),
    total("<> any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_ne)).sees_nulls(),
    total("< any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_lt)).sees_nulls(),
    total("<= any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_le)).sees_nulls(),
    total("> any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_gt)).sees_nulls(),
    total(">= any", &[Common, CommonArray], Bool, |values, _| any(values, Ordering::is_ge)).sees_nulls(),
    total("= all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_eq)).sees_nulls(),
    total("<> all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_ne)).sees_nulls(),
    total("< all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_lt)).sees_nulls(),
    total("<= all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_le)).sees_nulls(),
    total("> all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_gt)).sees_nulls(),
    total(">= all", &[Common, CommonArray], Bool, |values, _| all(values, Ordering::is_ge)).sees_nulls(),
    total("num_nulls", &[Any], Int4, |values, _| count(values, true)).sees_nulls().repeats_last(),
    total("num_nonnulls", &[Any], Int4, |values, _| count(values, false)).sees_nulls().repeats_last(),
];

/// True if one element fits, else null if there is a null element or the value is null; false of no elements.
fn any(values: &[Datum], fits: fn(Ordering) -> bool) -> Result {
    quantified(values, true, fits)
}

/// False if one element does not fit, else null if there is a null element or the value is null; true of no elements.
fn all(values: &[Datum], fits: fn(Ordering) -> bool) -> Result {
    quantified(values, false, fits)
}

fn quantified(values: &[Datum], decides: bool, fits: fn(Ordering) -> bool) -> Result {
    quantify(values, decides, |value, item| Ok(fits(compare(value, item))))
}

/// `decides` is what ends the search, and the answer then.
pub(super) fn quantify(
    values: &[Datum],
    decides: bool,
    fits: impl Fn(&Datum, &Datum) -> std::result::Result<bool, EvalError>,
) -> Result {
    let [value, Datum::Array(array)] = values else { return Ok(Datum::Null) };
    let mut unknown = false;
    for item in &array.items {
        if value.is_null() || item.is_null() {
            unknown = true;
        } else if fits(value, item)? == decides {
            return Ok(Datum::Bool(decides));
        }
    }
    Ok(if unknown { Datum::Null } else { Datum::Bool(!decides) })
}

fn count(values: &[Datum], nulls: bool) -> Result {
    Ok(Datum::Int4(values.iter().filter(|value| value.is_null() == nulls).count() as i32))
}
