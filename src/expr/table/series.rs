//! `generate_series`.

use super::{Call, Cells, Definition, Output, Result, unnamed};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::value::numeric::Numeric as Number;
use crate::value::{Datum, Interval as Span, calendar};
use std::cmp::Ordering;

const fn series(arguments: &'static [super::Kind], columns: &'static [Output], body: super::Body) -> Definition {
    Definition::new("generate_series", arguments, columns, true, body).keyed_by(0)
}

pub(super) static FUNCTIONS: &[Definition] = &[
    series(&[Int4, Int4], &const { unnamed(Int4, false) }, integers),
    series(&[Int4, Int4, Int4], &const { unnamed(Int4, false) }, integers),
    series(&[Int8, Int8], &const { unnamed(Int8, false) }, integers),
    series(&[Int8, Int8, Int8], &const { unnamed(Int8, false) }, integers),
    series(&[Numeric, Numeric], &const { unnamed(Numeric, false) }, numerics),
    series(&[Numeric, Numeric, Numeric], &const { unnamed(Numeric, false) }, numerics),
    series(&[Timestamp, Timestamp, Interval], &const { unnamed(Timestamp, false) }, timestamps),
    series(&[Timestamptz, Timestamptz, Interval], &const { unnamed(Timestamptz, false) }, timestamps),
];

fn no_step() -> EvalError {
    EvalError::new("22023", "step size cannot equal zero")
}

/// Steps from `start` until `end` is passed, or until there is no further value.
fn walk<X>(
    start: X,
    direction: Ordering,
    past: impl Fn(&X) -> Ordering,
    next: impl Fn(&X) -> Result<Option<X>>,
    mut row: impl FnMut(&X) -> Result<()>,
) -> Result<()> {
    let mut current = start;
    while past(&current) != direction {
        row(&current)?;
        match next(&current)? {
            Some(next) => current = next,
            None => break,
        }
    }
    Ok(())
}

fn integers(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let narrow = matches!(call.value(0), Datum::Int4(_));
    let number = |value: &Datum| match value {
        Datum::Int4(number) => Ok(i64::from(*number)),
        Datum::Int8(number) => Ok(*number),
        _ => Err(EvalError::mistyped()),
    };
    let numbers = call.values().iter().map(number).collect::<Result<Vec<i64>>>()?;
    let (start, end, step) = match numbers.as_slice() {
        [start, end] => (*start, *end, 1),
        [start, end, step] => (*start, *end, *step),
        _ => return Err(EvalError::mistyped()),
    };
    if step == 0 {
        return Err(no_step());
    }
    // The series ends where its type does.
    let next = |current: &i64| Ok(current.checked_add(step).filter(|next| !narrow || i32::try_from(*next).is_ok()));
    walk(
        start,
        step.cmp(&0),
        |current| current.cmp(&end),
        next,
        |current| rows.push_row(&if narrow { Datum::Int4(*current as i32) } else { Datum::Int8(*current) }),
    )
}

fn numerics(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let values = call.values();
    for (value, what) in values.iter().zip(["start value", "stop value", "step size"]) {
        match value {
            Datum::Numeric(number) if number.is_nan() => {
                return Err(EvalError::new("22023", format!("{what} cannot be NaN")));
            }
            Datum::Numeric(number) if !number.is_finite() => {
                return Err(EvalError::new("22023", format!("{what} cannot be infinity")));
            }
            _ => {}
        }
    }
    let one = Number::from(1i64);
    let (start, end, step) = match values.as_slice() {
        [Datum::Numeric(start), Datum::Numeric(end)] => (start, end, &one),
        [Datum::Numeric(start), Datum::Numeric(end), Datum::Numeric(step)] => (start, end, step),
        _ => return Err(EvalError::mistyped()),
    };
    let direction = step.signum().cmp(&0);
    if direction.is_eq() {
        return Err(no_step());
    }
    let next = |current: &Number| Ok(Some(current.add(step)?));
    walk(
        start.clone(),
        direction,
        |current| current.cmp(end),
        next,
        |current| rows.push_row(&Datum::Numeric(current.clone())),
    )
}

fn timestamps(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let (zoned, start, end, step) = match call.values().as_slice() {
        [Datum::Timestamp(start), Datum::Timestamp(end), Datum::Interval(step)] => (false, *start, *end, *step),
        [Datum::Timestamptz(start), Datum::Timestamptz(end), Datum::Interval(step)] => (true, *start, *end, *step),
        _ => return Err(EvalError::mistyped()),
    };
    let nothing = Span { months: 0, days: 0, micros: 0 };
    let direction = Datum::Interval(step).sql_cmp(&Datum::Interval(nothing));
    if direction.is_eq() {
        return Err(no_step());
    }
    let next = |current: &i64| Ok(Some(calendar::timestamp_plus(*current, step)?));
    walk(
        start,
        direction,
        |current| current.cmp(&end),
        next,
        |current| rows.push_row(&if zoned { Datum::Timestamptz(*current) } else { Datum::Timestamp(*current) }),
    )
}
