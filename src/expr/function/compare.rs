//! Comparisons. Equality and order are those of the key encoding (`Datum::sql_cmp`).

use super::Kind::*;
use super::{Definition, lift, total};
use crate::expr::EvalError;
use crate::value::{Array, Datum, Type};
use std::cmp::Ordering;

type Result = std::result::Result<Datum, EvalError>;

macro_rules! comparison {
    ($($name:ident: |$ordering:ident| $test:expr;)*) => {
        $(fn $name(values: &[Datum], _: &Type) -> Result {
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

/// SQL's order of two not-null values of one type, or of two widths of float.
#[inline]
fn compare(left: &Datum, right: &Datum) -> Ordering {
    match (left, right) {
        (Datum::Int4(a), Datum::Int4(b)) => a.cmp(b),
        (Datum::Int8(a), Datum::Int8(b)) => a.cmp(b),
        (Datum::Float4(a), Datum::Float8(_)) => Datum::Float8(f64::from(*a)).sql_cmp(right),
        (Datum::Float8(_), Datum::Float4(b)) => left.sql_cmp(&Datum::Float8(f64::from(*b))),
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
    (Interval, Interval),
    (Uuid, Uuid),
    (Jsonb, Jsonb),
    (Enum, Enum),
    (Array, Array),
];

/// Comparisons with the elements of an array.
pub(super) static ARRAY_FUNCTIONS: &[Definition] = &[
    total("= any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_eq))),
    total("<> any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_ne))),
    total("< any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_lt))),
    total("<= any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_le))),
    total("> any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_gt))),
    total(">= any", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| any(x, a, Ordering::is_ge))),
    total("= all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_eq))),
    total("<> all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_ne))),
    total("< all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_lt))),
    total("<= all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_le))),
    total("> all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_gt))),
    total(">= all", &[Common, CommonArray], Bool, lift!(|x: &Datum, a: &Array| all(x, a, Ordering::is_ge))),
    total("num_nulls", &[Any], Int4, |values, _| count(values, true)).sees_nulls().repeats_last(),
    total("num_nonnulls", &[Any], Int4, |values, _| count(values, false)).sees_nulls().repeats_last(),
];

/// True if one element fits, else null if there is a null element.
fn any(value: &Datum, array: &Array, fits: fn(Ordering) -> bool) -> Result {
    let found = array.items.iter().any(|item| !item.is_null() && fits(compare(value, item)));
    let unknown = !found && array.items.iter().any(Datum::is_null);
    Ok(if unknown { Datum::Null } else { Datum::Bool(found) })
}

/// False if one element does not fit, else null if there is a null element.
fn all(value: &Datum, array: &Array, fits: fn(Ordering) -> bool) -> Result {
    let failed = array.items.iter().any(|item| !item.is_null() && !fits(compare(value, item)));
    let unknown = !failed && array.items.iter().any(Datum::is_null);
    Ok(if unknown { Datum::Null } else { Datum::Bool(!failed) })
}

fn count(values: &[Datum], nulls: bool) -> Result {
    Ok(Datum::Int4(values.iter().filter(|value| value.is_null() == nulls).count() as i32))
}
