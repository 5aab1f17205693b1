//! Arithmetic on dates, times and intervals. The session's time zone is UTC.

use super::Kind::*;
use super::argument::{Date as Day, TimeOfDay, Timestamp as Instant, Timestamptz as Moment};
use super::extract::{Unit, unknown_unit, unsupported_unit};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};
use crate::value::zone::Zone;
use crate::value::{Interval as Span, Type};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("+", &[Date, Int4], Date, lift!(|d: Day, n: i32| plus_days(d, n.into()))),
    partial("+", &[Int4, Date], Date, lift!(|n: i32, d: Day| plus_days(d, n.into()))),
    partial("-", &[Date, Int4], Date, lift!(|d: Day, n: i32| plus_days(d, -i64::from(n)))),
    partial("-", &[Date, Date], Int4, lift!(|a: Day, b: Day| days_between(a, b))),
    partial("+", &[Date, Interval], Timestamp, lift!(|d: Day, i: Span| plus(midnight(d)?, i))),
    partial("+", &[Interval, Date], Timestamp, lift!(|i: Span, d: Day| plus(midnight(d)?, i))),
    partial("-", &[Date, Interval], Timestamp, lift!(|d: Day, i: Span| plus(midnight(d)?, i.neg()?))),
    partial("+", &[Date, Time], Timestamp, lift!(|d: Day, t: TimeOfDay| plus(midnight(d)?, Span::from_micros(t.0)))),
    partial("+", &[Time, Date], Timestamp, lift!(|t: TimeOfDay, d: Day| plus(midnight(d)?, Span::from_micros(t.0)))),
    partial("+", &[Timestamp, Interval], Timestamp, lift!(|t: Instant, i: Span| plus(t, i))),
    partial("+", &[Interval, Timestamp], Timestamp, lift!(|i: Span, t: Instant| plus(t, i))),
    partial("-", &[Timestamp, Interval], Timestamp, lift!(|t: Instant, i: Span| plus(t, i.neg()?))),
    partial("+", &[Timestamptz, Interval], Timestamptz, lift!(|t: Moment, i: Span| plus_utc(t, i))),
    partial("+", &[Interval, Timestamptz], Timestamptz, lift!(|i: Span, t: Moment| plus_utc(t, i))),
    partial("-", &[Timestamptz, Interval], Timestamptz, lift!(|t: Moment, i: Span| plus_utc(t, i.neg()?))),
    partial("date_add", &[Timestamptz, Interval], Timestamptz, lift!(|t: Moment, i: Span| plus_utc(t, i))),
    partial("date_subtract", &[Timestamptz, Interval], Timestamptz, lift!(|t: Moment, i: Span| plus_utc(t, i.neg()?))),
    partial(
        "date_add",
        &[Timestamptz, Interval, Text],
        Timestamptz,
        lift!(|t: Moment, i: Span, zone: &str| plus_in(t, i, zone)),
    ),
    partial(
        "date_subtract",
        &[Timestamptz, Interval, Text],
        Timestamptz,
        lift!(|t: Moment, i: Span, zone: &str| plus_in(t, i.neg()?, zone)),
    ),
    partial("-", &[Timestamp, Timestamp], Interval, lift!(|a: Instant, b: Instant| between(a.0, b.0))),
    partial("-", &[Timestamptz, Timestamptz], Interval, lift!(|a: Moment, b: Moment| between(a.0, b.0))),
    total("-", &[Time, Time], Interval, lift!(|a: TimeOfDay, b: TimeOfDay| Ok(Span::from_micros(a.0 - b.0)))),
    total("+", &[Time, Interval], Time, lift!(|t: TimeOfDay, i: Span| Ok(turn(t, i.micros)))),
    total("+", &[Interval, Time], Time, lift!(|i: Span, t: TimeOfDay| Ok(turn(t, i.micros)))),
    total("-", &[Time, Interval], Time, lift!(|t: TimeOfDay, i: Span| Ok(turn(t, -(i.micros % DAY))))),
    partial("+", &[Interval, Interval], Interval, lift!(|a: Span, b: Span| Ok(a.add(b)?))),
    partial("-", &[Interval, Interval], Interval, lift!(|a: Span, b: Span| Ok(a.sub(b)?))),
    partial("-", &[Interval], Interval, lift!(|a: Span| Ok(a.neg()?))),
    partial("*", &[Interval, Float8], Interval, lift!(|a: Span, x: f64| Ok(a.mul(x)?))),
    partial("*", &[Float8, Interval], Interval, lift!(|x: f64, a: Span| Ok(a.mul(x)?))),
    partial("/", &[Interval, Float8], Interval, lift!(|a: Span, x: f64| divide_interval(a, x))),
    partial(
        "date_trunc",
        &[Text, Timestamp],
        Timestamp,
        lift!(|unit: &str, t: Instant| truncate(unit, t.0, &Type::Timestamp).map(Instant)),
    ),
    partial(
        "date_trunc",
        &[Text, Timestamptz],
        Timestamptz,
        lift!(|unit: &str, t: Moment| truncate(unit, t.0, &Type::Timestamptz).map(Moment)),
    ),
    partial(
        "date_trunc",
        &[Text, Timestamptz, Text],
        Timestamptz,
        lift!(|unit: &str, t: Moment, zone: &str| truncate_in(unit, t, zone)),
    ),
    partial("date_trunc", &[Text, Interval], Interval, lift!(|unit: &str, i: Span| truncate_interval(unit, i))),
    // A place holder: the clock is read by operators, not by expressions.
    partial("now", &[], Timestamptz, |_, _| Err(EvalError::mistyped())),
    partial(
        "date_bin",
        &[Interval, Timestamp, Timestamp],
        Timestamp,
        lift!(|stride: Span, t: Instant, origin: Instant| bin(stride, t.0, origin.0).map(Instant)),
    ),
    partial(
        "date_bin",
        &[Interval, Timestamptz, Timestamptz],
        Timestamptz,
        lift!(|stride: Span, t: Moment, origin: Moment| bin(stride, t.0, origin.0).map(Moment)),
    ),
    partial("age", &[Timestamp, Timestamp], Interval, lift!(|a: Instant, b: Instant| age(a.0, b.0))),
    partial("age", &[Timestamptz, Timestamptz], Interval, lift!(|a: Moment, b: Moment| age(a.0, b.0))),
    partial("to_timestamp", &[Float8], Timestamptz, lift!(|seconds: f64| from_epoch(seconds))),
    partial("justify_hours", &[Interval], Interval, lift!(|i: Span| Ok(i.justify_hours()?))),
    partial("justify_days", &[Interval], Interval, lift!(|i: Span| Ok(i.justify_days()?))),
    partial("justify_interval", &[Interval], Interval, lift!(|i: Span| Ok(i.justify_interval()?))),
    total("isfinite", &[Date], Bool, lift!(|d: Day| Ok(calendar::is_finite_date(d.0)))),
    total("isfinite", &[Timestamp], Bool, lift!(|t: Instant| Ok(calendar::is_finite_timestamp(t.0)))),
    total("isfinite", &[Timestamptz], Bool, lift!(|t: Moment| Ok(calendar::is_finite_timestamp(t.0)))),
    total("isfinite", &[Interval], Bool, lift!(|_i: Span| Ok(true))),
];

fn out_of_range(what: &str) -> EvalError {
    EvalError::new("22008", format!("{what} out of range"))
}

fn midnight(date: Day) -> Result<Instant> {
    Ok(Instant(calendar::date_to_timestamp(date.0)?))
}

fn plus_days(date: Day, days: i64) -> Result<Day> {
    if !calendar::is_finite_date(date.0) {
        return Ok(date);
    }
    calendar::check_date(i64::from(date.0) + days).map(Day).ok_or_else(|| out_of_range("date"))
}

fn days_between(a: Day, b: Day) -> Result<i32> {
    if !calendar::is_finite_date(a.0) || !calendar::is_finite_date(b.0) {
        return Err(EvalError::new("22008", "cannot subtract infinite dates"));
    }
    a.0.checked_sub(b.0).ok_or_else(|| out_of_range("date"))
}

fn plus(at: Instant, interval: Span) -> Result<Instant> {
    Ok(Instant(calendar::timestamp_plus(at.0, interval)?))
}

fn plus_utc(at: Moment, interval: Span) -> Result<Moment> {
    Ok(Moment(calendar::timestamp_plus(at.0, interval)?))
}

/// Months and days are counted on the zone's own clock.
fn plus_in(at: Moment, interval: Span, zone: &str) -> Result<Moment> {
    let zone = Zone::parse(zone)?;
    if !calendar::is_finite_timestamp(at.0) {
        return Ok(at);
    }
    let mut at = at.0;
    let parts = [(interval.months, 0), (0, interval.days)];
    for (months, days) in parts.into_iter().filter(|part| *part != (0, 0)) {
        let local = calendar::timestamp_plus(zone.to_local(at)?, Span { months, days, micros: 0 })?;
        at = zone.to_utc(local)?;
    }
    plus_utc(Moment(at), Span::from_micros(interval.micros))
}

fn between(a: i64, b: i64) -> Result<Span> {
    if !calendar::is_finite_timestamp(a) || !calendar::is_finite_timestamp(b) {
        return Err(EvalError::new("22008", "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(|| out_of_range("interval"))?;
    Ok(Span::from_micros(micros).justify_hours()?)
}

fn turn(time: TimeOfDay, micros: i64) -> TimeOfDay {
    TimeOfDay((time.0 + micros % DAY).rem_euclid(DAY))
}

/// `interval / number`
pub(in crate::expr) fn divide_interval(interval: Span, divisor: f64) -> Result<Span> {
    Ok(interval.div(divisor)?)
}

/// The start of the period that a timestamp of this type lies in.
fn truncate(unit: &str, at: i64, ty: &Type) -> Result<i64> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, ty))?;
    if !calendar::is_finite_timestamp(at) {
        return Ok(at);
    }
    let (days, time) = calendar::split(at);
    let day = Civil::from_days(days);
    let within_day = |length: i64| Ok(at - time.rem_euclid(length));
    let first = |year: i32, month: u32| Ok(calendar::timestamp(Civil { year, month, day: 1 }.days(), 0)?);
    match known {
        Unit::Microseconds => Ok(at),
        Unit::Milliseconds => within_day(1000),
        Unit::Second => within_day(SECOND),
        Unit::Minute => within_day(MINUTE),
        Unit::Hour => within_day(HOUR),
        Unit::Day => within_day(DAY),
        Unit::Week => {
            let monday = i64::from(days) - i64::from(calendar::iso_day_of_week(days.into())) + 1;
            Ok(calendar::timestamp(monday, 0)?)
        }
        Unit::Month => first(day.year, day.month),
        Unit::Quarter => first(day.year, (day.month - 1) / 3 * 3 + 1),
        Unit::Year => first(day.year, 1),
        Unit::Decade => first(if day.year >= 0 { day.year / 10 * 10 } else { -((8 - (day.year - 1)) / 10) * 10 }, 1),
        Unit::Century => first(first_year(day.year, 100), 1),
        Unit::Millennium => first(first_year(day.year, 1000), 1),
        Unit::DayOfWeek | Unit::IsoDayOfWeek | Unit::DayOfYear | Unit::IsoYear | Unit::Epoch | Unit::Julian => {
            Err(unknown_unit(unit, ty))
        }
        Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute => Err(unsupported_unit(unit, ty)),
    }
}

/// The first year of a century or millennium; the first began with year 1, and year 0 is 1 BC.
fn first_year(year: i32, length: i32) -> i32 {
    if year > 0 {
        (year + length - 1) / length * length - length + 1
    } else {
        -((length - 1 - (year - 1)) / length) * length + 1
    }
}

fn truncate_in(unit: &str, at: Moment, zone: &str) -> Result<Moment> {
    let zone = Zone::parse(zone)?;
    Ok(Moment(zone.to_utc(truncate(unit, zone.to_local(at.0)?, &Type::Timestamptz)?)?))
}

fn truncate_interval(unit: &str, interval: Span) -> Result<Span> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, &Type::Interval))?;
    let months = |count: i32| Ok(Span { months: interval.months / count * count, days: 0, micros: 0 });
    let micros = |length: i64| Ok(Span { micros: interval.micros / length * length, ..interval });
    match known {
        Unit::Microseconds => Ok(interval),
        Unit::Milliseconds => micros(1000),
        Unit::Second => micros(SECOND),
        Unit::Minute => micros(MINUTE),
        Unit::Hour => micros(HOUR),
        Unit::Day => Ok(Span { micros: 0, ..interval }),
        Unit::Month => months(1),
        Unit::Quarter => months(3),
        Unit::Year => months(12),
        Unit::Decade => months(120),
        Unit::Century => months(1200),
        Unit::Millennium => months(12_000),
        Unit::Week | Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute => {
            Err(unsupported_unit(unit, &Type::Interval))
        }
        Unit::DayOfWeek | Unit::IsoDayOfWeek | Unit::DayOfYear | Unit::IsoYear | Unit::Epoch | Unit::Julian => {
            Err(unknown_unit(unit, &Type::Interval))
        }
    }
}

/// The start of the bin of this length, counted from the origin, that a timestamp lies in.
pub(in crate::expr) fn bin(stride: Span, at: i64, origin: i64) -> Result<i64> {
    if !calendar::is_finite_timestamp(at) {
        return Ok(at);
    }
    if !calendar::is_finite_timestamp(origin) {
        return Err(EvalError::new("22008", "origin out of range"));
    }
    let length = bin_length(stride)?;
    let offset = at.checked_sub(origin).ok_or_else(|| out_of_range("interval"))?;
    Ok(calendar::check_timestamp(at - offset.rem_euclid(length))?)
}

/// The microseconds of a bin.
pub(in crate::expr) fn bin_length(stride: Span) -> Result<i64> {
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(EvalError::new("0A000", message));
    }
    let length = i64::from(stride.days).checked_mul(DAY).and_then(|days| days.checked_add(stride.micros));
    let length = length.ok_or_else(|| out_of_range("interval"))?;
    if length <= 0 {
        return Err(EvalError::new("22008", "stride must be greater than zero"));
    }
    Ok(length)
}

/// The difference in years, months, days and time: each counted as a calendar shows it.
fn age(a: i64, b: i64) -> Result<Span> {
    if !calendar::is_finite_timestamp(a) || !calendar::is_finite_timestamp(b) {
        return Err(out_of_range("timestamp"));
    }
    if a < b {
        return Ok(age_between(b, a).neg()?);
    }
    Ok(age_between(a, b))
}

/// From the earlier to the later. A day short of a month borrows the length of the earlier's month.
fn age_between(later: i64, earlier: i64) -> Span {
    let ((later_days, later_time), (earlier_days, earlier_time)) = (calendar::split(later), calendar::split(earlier));
    let (to, from) = (Civil::from_days(later_days), Civil::from_days(earlier_days));
    let mut months = (to.year - from.year) * 12 + to.month as i32 - from.month as i32;
    let mut days = to.day as i32 - from.day as i32;
    let mut micros = later_time - earlier_time;
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    if days < 0 {
        days += calendar::days_in_month(from.year, from.month) as i32;
        months -= 1;
    }
    Span { months, days, micros }
}

fn from_epoch(seconds: f64) -> Result<Moment> {
    if seconds.is_nan() {
        return Err(EvalError::new("22008", "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(Moment(if seconds > 0.0 {
            calendar::TIMESTAMP_INFINITY
        } else {
            calendar::TIMESTAMP_MINUS_INFINITY
        }));
    }
    let range = || EvalError::new("22008", format!("timestamp out of range: \"{seconds}\""));
    let micros = ((seconds - (calendar::EPOCH_MICROS / SECOND) as f64) * SECOND as f64).round_ties_even();
    if micros.abs() > 9.3e18 {
        return Err(range());
    }
    calendar::check_timestamp(micros as i64).map(Moment).map_err(|_| range())
}
