//! `(a, b) OVERLAPS (c, d)`: whether two periods have a moment in common. A period includes its start, and of a start that is
//! also the end just that moment; its ends may stand either way round, and one may be missing.

use super::Definition;
use super::Kind::*;
use super::compare::compare;
use crate::expr::EvalError;
use crate::value::{Datum, Type};
use std::cmp::Ordering;

type Result = std::result::Result<Datum, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    super::total("overlaps", &[Timestamp, Timestamp, Timestamp, Timestamp], Bool, overlaps).sees_nulls(),
    super::total("overlaps", &[Timestamptz, Timestamptz, Timestamptz, Timestamptz], Bool, overlaps).sees_nulls(),
    super::total("overlaps", &[Time, Time, Time, Time], Bool, overlaps).sees_nulls(),
];

/// A period's earlier end, and the later one if both are known.
fn period<'v>(start: &'v Datum, end: &'v Datum) -> Option<(&'v Datum, Option<&'v Datum>)> {
    match (start.is_null(), end.is_null()) {
        (true, true) => None,
        (true, false) => Some((end, None)),
        (false, true) => Some((start, None)),
        (false, false) if compare(start, end).is_gt() => Some((end, Some(start))),
        (false, false) => Some((start, Some(end))),
    }
}

fn overlaps(values: &[Datum], _: &Type) -> Result {
    let [a, b, c, d] = values else { return Err(EvalError::mistyped()) };
    let (Some(first), Some(second)) = (period(a, b), period(c, d)) else { return Ok(Datum::Null) };
    let truth = match compare(first.0, second.0) {
        // Periods that start together overlap if both have an end, whatever it is.
        Ordering::Equal => (first.1.is_some() && second.1.is_some()).then_some(true),
        order => {
            let ((_, end), later) = if order.is_lt() { (first, second) } else { (second, first) };
            match end.map(|end| compare(later.0, end)) {
                None => None,
                Some(Ordering::Less) => Some(true),
                Some(_) => later.1.map(|_| false),
            }
        }
    };
    Ok(truth.map_or(Datum::Null, Datum::Bool))
}
