//! `tumble`, `hop` and `session`: the windows in which a time lies.
//!
//! Windows are counted from 1970-01-01 00:00 UTC, or from an origin that is given. They are half open: a time at a window's end lies
//! in the next. A day is 24 hours.

use super::{Call, Cells, Definition, Output, Result, named};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{bin, bin_length};
use crate::value::calendar::{self, EPOCH_MICROS};
use crate::value::{Datum, Interval as Span};

type Columns = &'static [Output];

const INSTANTS: Columns = &[named("window_start", Timestamp, false), named("window_end", Timestamp, false)];
const MOMENTS: Columns = &[named("window_start", Timestamptz, false), named("window_end", Timestamptz, false)];

const fn windows(
    name: &'static str,
    arguments: &'static [super::Kind],
    columns: Columns,
    body: super::Body,
) -> Definition {
    Definition::new(name, arguments, columns, true, body).keyed_by(0)
}

pub(super) static FUNCTIONS: &[Definition] = &[
    windows("tumble", &[Timestamp, Interval], INSTANTS, tumble),
    windows("tumble", &[Timestamp, Interval, Timestamp], INSTANTS, tumble),
    windows("tumble", &[Timestamptz, Interval], MOMENTS, tumble),
    windows("tumble", &[Timestamptz, Interval, Timestamptz], MOMENTS, tumble),
    windows("hop", &[Timestamp, Interval, Interval], INSTANTS, hop),
    windows("hop", &[Timestamp, Interval, Interval, Timestamp], INSTANTS, hop),
    windows("hop", &[Timestamptz, Interval, Interval], MOMENTS, hop),
    windows("hop", &[Timestamptz, Interval, Interval, Timestamptz], MOMENTS, hop),
    windows("session", &[Timestamp, Interval], INSTANTS, session),
    windows("session", &[Timestamptz, Interval], MOMENTS, session),
];

/// `(ts, size [, origin])`: the one window of this size.
fn tumble(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let size = span(call, 1)?;
    push_windows(&call.value(0), size, size, origin(call, 2).as_ref(), rows)
}

/// `(ts, slide, size [, origin])`: a window of this size begins at every multiple of `slide`.
fn hop(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    push_windows(&call.value(0), span(call, 1)?, span(call, 2)?, origin(call, 3).as_ref(), rows)
}

/// `(ts, gap)`: the session that the time would be by itself. Queries group by those of all rows.
fn session(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let (at, gap) = (call.value(0), span(call, 1)?);
    push_windows(&at, gap, gap, Some(&at), rows)
}

fn span(call: &Call<'_>, position: usize) -> Result<Span> {
    match call.value(position) {
        Datum::Interval(span) => Ok(span),
        _ => Err(EvalError::mistyped()),
    }
}

/// The last argument, if it is given.
fn origin(call: &Call<'_>, position: usize) -> Option<Datum> {
    (call.count() > position).then(|| call.value(position))
}

/// The windows in which the time lies, the first first.
fn push_windows(at: &Datum, slide: Span, size: Span, origin: Option<&Datum>, rows: &mut Cells) -> Result<()> {
    let (zoned, at) = instant(at)?;
    let origin = origin.map_or(Ok((zoned, -EPOCH_MICROS)), instant)?.1;
    if !calendar::is_finite_timestamp(at) {
        return Err(EvalError::new("22008", "an infinite timestamp lies in no window"));
    }
    let (between, size) = (bin_length(slide)?, bin_length(size)?);
    let last = bin(slide, at, origin)?;
    let value = |time| if zoned { Datum::Timestamptz(time) } else { Datum::Timestamp(time) };
    // Windows that begin after `at - size` have not ended yet.
    let before = (size - 1 - (at - last)).div_euclid(between);
    for back in (0..=before).rev() {
        let start = calendar::check_timestamp(last.saturating_sub(back.saturating_mul(between)))?;
        rows.push(&value(start));
        rows.push(&value(calendar::check_timestamp(start.saturating_add(size))?));
        rows.end_row()?;
    }
    Ok(())
}

/// Whether it has a zone, and microseconds.
fn instant(value: &Datum) -> Result<(bool, i64)> {
    match value {
        Datum::Timestamp(at) => Ok((false, *at)),
        Datum::Timestamptz(at) => Ok((true, *at)),
        _ => Err(EvalError::mistyped()),
    }
}
