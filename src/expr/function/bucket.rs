//! `width_bucket`: in which of a histogram's buckets a value lies.

use super::Kind::*;
use super::compare::compare;
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use crate::value::numeric::Numeric as Decimal;
use crate::value::{Array as List, Datum};
use std::cmp::Ordering;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial(
        "width_bucket",
        &[Numeric, Numeric, Numeric, Int4],
        Int4,
        lift!(|x: &Decimal, low: &Decimal, high: &Decimal, count: i32| of_numeric(x, low, high, count)),
    ),
    partial(
        "width_bucket",
        &[Float8, Float8, Float8, Int4],
        Int4,
        lift!(|x: f64, low: f64, high: f64, count: i32| of_float(x, low, high, count)),
    ),
    partial("width_bucket", &[Common, CommonArray], Int4, lift!(|x: &Datum, bounds: &List| of_bounds(x, bounds))),
];

fn wrong(message: &str) -> EvalError {
    EvalError::new("2201G", message)
}

fn check(count: i32, has_nan: bool, finite: bool) -> Result<()> {
    if count <= 0 {
        return Err(wrong("count must be greater than zero"));
    }
    if has_nan {
        return Err(wrong("operand, lower bound, and upper bound cannot be NaN"));
    }
    if finite { Ok(()) } else { Err(wrong("lower and upper bounds must be finite")) }
}

/// Before the first bucket, behind the last, or none of both. `forth`: whether the bounds rise.
fn outside(below: Ordering, above: Ordering, forth: bool, count: i32) -> Option<Result<i32>> {
    let (before, behind) = if forth { (below.is_lt(), above.is_ge()) } else { (below.is_gt(), above.is_le()) };
    if before {
        return Some(Ok(0));
    }
    behind.then(|| count.checked_add(1).ok_or_else(super::math::int4_range))
}

fn of_numeric(x: &Decimal, low: &Decimal, high: &Decimal, count: i32) -> Result<i32> {
    check(count, x.is_nan() || low.is_nan() || high.is_nan(), low.is_finite() && high.is_finite())?;
    let forth = match low.cmp(high) {
        Ordering::Equal => return Err(wrong("lower bound cannot equal upper bound")),
        order => order.is_lt(),
    };
    if let Some(known) = outside(x.cmp(low), x.cmp(high), forth, count) {
        return known;
    }
    // Both differences have the sign of the direction.
    let product = x.sub(low)?.mul(&Decimal::from(i64::from(count)))?;
    let bucket: i32 = product.div_trunc(&high.sub(low)?)?.to_integer("integer")?;
    Ok(bucket + 1)
}

fn of_float(x: f64, low: f64, high: f64, count: i32) -> Result<i32> {
    check(count, x.is_nan() || low.is_nan() || high.is_nan(), low.is_finite() && high.is_finite())?;
    let order = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    let forth = match order(low, high) {
        Ordering::Equal => return Err(wrong("lower bound cannot equal upper bound")),
        order => order.is_lt(),
    };
    if let Some(known) = outside(order(x, low), order(x, high), forth, count) {
        return known;
    }
    let width = high - low;
    let part = if width.is_infinite() { (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { (x - low) / width };
    // Rounding may reach the upper bound.
    let bucket = ((part * f64::from(count)) as i32).min(count - 1);
    Ok(bucket + 1)
}

/// The number of bounds, which are sorted, that are not greater.
fn of_bounds(x: &Datum, bounds: &List) -> Result<i32> {
    if bounds.dimensions.len() > 1 {
        return Err(EvalError::new("2202E", "thresholds must be one-dimensional array"));
    }
    if bounds.items.iter().any(Datum::is_null) {
        return Err(EvalError::new("22004", "thresholds array must not contain NULLs"));
    }
    Ok(bounds.items.partition_point(|bound| compare(x, bound).is_ge()) as i32)
}
