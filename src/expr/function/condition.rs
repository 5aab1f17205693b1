//! Truth and null: what looks at whether a value is there, and negation.

use super::Kind::*;
use super::compare::compare;
use super::{Definition, lift, total};
use crate::expr::EvalError;
use crate::value::{Datum, key};

type Result = std::result::Result<Datum, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("not", &[Bool], Bool, lift!(|x: bool| Ok(!x))),
    total("is null", &[Any], Bool, |values, _| test(values, Datum::is_null)).sees_nulls(),
    total("is not null", &[Any], Bool, |values, _| test(values, |x| !x.is_null())).sees_nulls(),
    total("is unknown", &[Bool], Bool, |values, _| test(values, Datum::is_null)).sees_nulls(),
    total("is not unknown", &[Bool], Bool, |values, _| test(values, |x| !x.is_null())).sees_nulls(),
    total("is true", &[Bool], Bool, |values, _| test(values, |x| *x == Datum::Bool(true))).sees_nulls(),
    total("is not true", &[Bool], Bool, |values, _| test(values, |x| *x != Datum::Bool(true))).sees_nulls(),
    total("is false", &[Bool], Bool, |values, _| test(values, |x| *x == Datum::Bool(false))).sees_nulls(),
    total("is not false", &[Bool], Bool, |values, _| test(values, |x| *x != Datum::Bool(false))).sees_nulls(),
    total("is distinct from", &[Any, Any], Bool, |values, _| distinct(values).map(Datum::Bool)).sees_nulls(),
    total("is not distinct from", &[Any, Any], Bool, |values, _| distinct(values).map(|x| Datum::Bool(!x)))
        .sees_nulls(),
    total("nullif", &[Element, Element], Element, |values, _| nullif(values)).sees_nulls(),
    total("greatest", &[Element], Element, |values, _| extreme(values, true)).sees_nulls().repeats_last(),
    total("least", &[Element], Element, |values, _| extreme(values, false)).sees_nulls().repeats_last(),
    total("row key", &[Any], Bytea, |values, _| Ok(row_key(values))).sees_nulls().repeats_last(),
];

/// Rows that are not distinct have the same.
fn row_key(values: &[Datum]) -> Datum {
    let mut out = Vec::new();
    values.iter().for_each(|value| key::encode(value, &mut out));
    Datum::Bytea(out.into())
}

fn test(values: &[Datum], holds: fn(&Datum) -> bool) -> Result {
    match values {
        [value] => Ok(Datum::Bool(holds(value))),
        _ => Err(EvalError::mistyped()),
    }
}

fn distinct(values: &[Datum]) -> std::result::Result<bool, EvalError> {
    match values {
        [left, right] if left.is_null() || right.is_null() => Ok(left.is_null() != right.is_null()),
        [left, right] => Ok(compare(left, right).is_ne()),
        _ => Err(EvalError::mistyped()),
    }
}

fn nullif(values: &[Datum]) -> Result {
    let [left, right] = values else { return Err(EvalError::mistyped()) };
    let equal = !left.is_null() && !right.is_null() && compare(left, right).is_eq();
    Ok(if equal { Datum::Null } else { left.clone() })
}

/// The greatest or least that is not null; of equals the first.
fn extreme(values: &[Datum], greatest: bool) -> Result {
    let mut best = &Datum::Null;
    for value in values.iter().filter(|value| !value.is_null()) {
        let ordering = if best.is_null() { None } else { Some(value.sql_cmp(best)) };
        let better = ordering.is_none_or(|o| if greatest { o.is_gt() } else { o.is_lt() });
        if better {
            best = value;
        }
    }
    Ok(best.clone())
}
