//! Dates, times and intervals made of their fields.

use super::Kind::*;
use super::argument::{Date as Day, TimeOfDay, Timestamp as Instant, Timestamptz as Moment};
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use crate::value::Interval as Span;
use crate::value::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};
use crate::value::zone::Zone;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial(
        "make_date",
        &[Int4, Int4, Int4],
        Date,
        lift!(|year: i32, month: i32, day: i32| make_date(year, month, day)),
    ),
    partial(
        "make_time",
        &[Int4, Int4, Float8],
        Time,
        lift!(|hour: i32, minute: i32, second: f64| make_time(hour, minute, second)),
    ),
    partial(
        "make_timestamp",
        &[Int4, Int4, Int4, Int4, Int4, Float8],
        Timestamp,
        lift!(|year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64| {
            make_timestamp(year, month, day, hour, minute, second).map(Instant)
        }),
    ),
    partial(
        "make_timestamptz",
        &[Int4, Int4, Int4, Int4, Int4, Float8],
        Timestamptz,
        lift!(|year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64| {
            make_timestamp(year, month, day, hour, minute, second).map(Moment)
        }),
    ),
    partial(
        "make_timestamptz",
        &[Int4, Int4, Int4, Int4, Int4, Float8, Text],
        Timestamptz,
        lift!(|year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64, zone: &str| {
            let local = make_timestamp(year, month, day, hour, minute, second)?;
            Ok(Moment(Zone::parse(zone)?.to_utc(local)?))
        }),
    ),
    partial(
        "make_interval",
        &[Int4, Int4, Int4, Int4, Int4, Int4, Float8],
        Interval,
        lift!(|years: i32, months: i32, weeks: i32, days: i32, hours: i32, minutes: i32, seconds: f64| {
            make_interval([years, months, weeks, days, hours, minutes], seconds)
        }),
    ),
];

fn make_date(year: i32, month: i32, day: i32) -> Result<Day> {
    let shown = || EvalError::new("22008", format!("date field value out of range: {year}-{month:02}-{day:02}"));
    let (Ok(month), Ok(day)) = (u32::try_from(month), u32::try_from(day)) else { return Err(shown()) };
    let civil = Civil { year: if year < 0 { year.saturating_add(1) } else { year }, month, day };
    if year == 0 || !civil.exists() {
        return Err(shown());
    }
    civil.date().map(Day).map_err(|_| EvalError::new("22008", format!("date out of range: {year}-{month:02}-{day:02}")))
}

fn make_time(hour: i32, minute: i32, second: f64) -> Result<TimeOfDay> {
    let micros = (second * SECOND as f64).round_ties_even();
    let fields = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60e6).contains(&micros);
    let total = fields.then(|| i64::from(hour) * HOUR + i64::from(minute) * MINUTE + micros as i64);
    total
        .filter(|total| *total <= DAY)
        .map(TimeOfDay)
        .ok_or_else(|| EvalError::new("22008", format!("time field value out of range: {hour}:{minute:02}:{second}")))
}

fn make_timestamp(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64) -> Result<i64> {
    let (date, time) = (make_date(year, month, day)?, make_time(hour, minute, second)?);
    Ok(calendar::timestamp(date.0.into(), time.0)?)
}

fn make_interval([years, months, weeks, days, hours, minutes]: [i32; 6], seconds: f64) -> Result<Span> {
    let out_of_range = || EvalError::new("22008", "interval out of range");
    if !seconds.is_finite() {
        return Err(out_of_range());
    }
    // Postgres 15 wraps around where these fit no interval.
    let whole =
        |large: i32, factor: i32, small: i32| large.checked_mul(factor).and_then(|large| large.checked_add(small));
    let months = whole(years, 12, months).ok_or_else(out_of_range)?;
    let days = whole(weeks, 7, days).ok_or_else(out_of_range)?;
    let micros = (seconds * SECOND as f64).round_ties_even();
    if micros.abs() >= i64::MAX as f64 {
        return Err(out_of_range());
    }
    let micros = (micros as i64).checked_add(i64::from(hours) * HOUR + i64::from(minutes) * MINUTE);
    Ok(Span { months, days, micros: micros.ok_or_else(out_of_range)? })
}
