//! `extract` and `date_part`: fields of dates, times and intervals.

use super::Kind::*;
use super::argument::{Date as Day, TimeOfDay, Timestamp as Instant, Timestamptz as Moment};
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use crate::value::calendar::{self, Civil, DAY, EPOCH_JULIAN, EPOCH_MICROS, HOUR, MINUTE, SECOND};
use crate::value::numeric::Numeric as Decimal;
use crate::value::{Interval as Span, Type};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("extract", &[Text, Date], Numeric, lift!(|unit: &str, d: Day| of_date(unit, d.0))),
    partial("extract", &[Text, Time], Numeric, lift!(|unit: &str, t: TimeOfDay| of_time(unit, t.0).map(Some))),
    partial(
        "extract",
        &[Text, Timestamp],
        Numeric,
        lift!(|unit: &str, t: Instant| of_timestamp(unit, t.0, &Type::Timestamp)),
    ),
    partial(
        "extract",
        &[Text, Timestamptz],
        Numeric,
        lift!(|unit: &str, t: Moment| of_timestamp(unit, t.0, &Type::Timestamptz)),
    ),
    partial("extract", &[Text, Interval], Numeric, lift!(|unit: &str, i: Span| of_interval(unit, i).map(Some))),
    partial(
        "date_part",
        &[Text, Date],
        Float8,
        lift!(|unit: &str, d: Day| {
            of_timestamp(unit, calendar::date_to_timestamp(d.0)?, &Type::Timestamp).and_then(double)
        }),
    ),
    partial(
        "date_part",
        &[Text, Time],
        Float8,
        lift!(|unit: &str, t: TimeOfDay| of_time(unit, t.0).map(Some).and_then(double)),
    ),
    partial(
        "date_part",
        &[Text, Timestamp],
        Float8,
        lift!(|unit: &str, t: Instant| of_timestamp(unit, t.0, &Type::Timestamp).and_then(double)),
    ),
    partial(
        "date_part",
        &[Text, Timestamptz],
        Float8,
        lift!(|unit: &str, t: Moment| of_timestamp(unit, t.0, &Type::Timestamptz).and_then(double)),
    ),
    partial(
        "date_part",
        &[Text, Interval],
        Float8,
        lift!(|unit: &str, i: Span| of_interval(unit, i).map(Some).and_then(double)),
    ),
];

/// A field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Epoch,
    Julian,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Unit {
    /// By any of Postgres's spellings.
    pub(super) fn parse(name: &str) -> Option<Unit> {
        Some(match name.to_lowercase().as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecond" | "useconds" | "usecs" | "microsecon" => {
                Unit::Microseconds
            }
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecond" | "mseconds" | "msecs" => Unit::Milliseconds,
            "second" | "seconds" | "s" | "sec" | "secs" => Unit::Second,
            "minute" | "minutes" | "m" | "min" | "mins" => Unit::Minute,
            "hour" | "hours" | "h" | "hr" | "hrs" => Unit::Hour,
            "day" | "days" | "d" => Unit::Day,
            "week" | "weeks" | "w" => Unit::Week,
            "month" | "months" | "mon" | "mons" => Unit::Month,
            "quarter" | "qtr" => Unit::Quarter,
            "year" | "years" | "y" | "yr" | "yrs" => Unit::Year,
            "decade" | "decades" | "dec" | "decs" => Unit::Decade,
            "century" | "centuries" | "c" | "cent" => Unit::Century,
            "millennium" | "millennia" | "mil" | "mils" => Unit::Millennium,
            "dow" => Unit::DayOfWeek,
            "isodow" => Unit::IsoDayOfWeek,
            "doy" => Unit::DayOfYear,
            "isoyear" => Unit::IsoYear,
            "epoch" => Unit::Epoch,
            "julian" => Unit::Julian,
            "timezone" => Unit::Timezone,
            "timezone_hour" => Unit::TimezoneHour,
            "timezone_minute" => Unit::TimezoneMinute,
            _ => return None,
        })
    }

    /// Whether the field only ever grows, so that it is infinite for an infinite timestamp.
    fn grows(self) -> bool {
        matches!(
            self,
            Unit::Year | Unit::IsoYear | Unit::Decade | Unit::Century | Unit::Millennium | Unit::Epoch | Unit::Julian
        )
    }
}

pub(super) fn unknown_unit(unit: &str, ty: &Type) -> EvalError {
    EvalError::new("22023", format!("unit \"{}\" not recognized for type {ty}", unit.to_lowercase()))
}

pub(super) fn unsupported_unit(unit: &str, ty: &Type) -> EvalError {
    EvalError::new("0A000", format!("unit \"{}\" not supported for type {ty}", unit.to_lowercase()))
}

fn double(value: Option<Decimal>) -> Result<Option<f64>> {
    Ok(value.map(|value| value.to_f64_lossy()))
}

fn whole(value: impl Into<i64>) -> Decimal {
    Decimal::from(value.into())
}

/// Microseconds, shown as a multiple of the unit of `10^digits` of them.
fn fraction(micros: i64, digits: u16) -> Decimal {
    Decimal::Small(i128::from(micros), digits)
}

/// Fields of the time of day, and the like of an interval.
fn clock(unit: Unit, micros: i64) -> Option<Decimal> {
    Some(match unit {
        Unit::Microseconds => whole(micros % MINUTE),
        Unit::Milliseconds => fraction(micros % MINUTE, 3),
        Unit::Second => fraction(micros % MINUTE, 6),
        Unit::Minute => whole(micros % HOUR / MINUTE),
        Unit::Hour => whole(micros / HOUR),
        _ => return None,
    })
}

/// Fields of the day.
fn day_field(unit: Unit, days: i32) -> Option<Decimal> {
    let civil = Civil::from_days(days);
    let year = civil.year;
    let no_zero = |year: i32| if year > 0 { year } else { year - 1 };
    let period =
        |length: i32| if year > 0 { (year + length - 1) / length } else { -((length - 1 - (year - 1)) / length) };
    Some(whole(match unit {
        Unit::Day => civil.day as i32,
        Unit::Month => civil.month as i32,
        Unit::Quarter => (civil.month as i32 - 1) / 3 + 1,
        Unit::Week => civil.iso_week().1,
        Unit::Year => no_zero(year),
        Unit::IsoYear => no_zero(civil.iso_week().0),
        Unit::Decade => {
            if year >= 0 {
                year / 10
            } else {
                -((8 - (year - 1)) / 10)
            }
        }
        Unit::Century => period(100),
        Unit::Millennium => period(1000),
        Unit::DayOfWeek => calendar::iso_day_of_week(days.into()) % 7,
        Unit::IsoDayOfWeek => calendar::iso_day_of_week(days.into()),
        Unit::DayOfYear => civil.day_of_year(),
        Unit::Julian => days + EPOCH_JULIAN,
        _ => return None,
    }))
}

/// Of an infinity: infinite where the field grows without end, else null.
fn of_infinity(unit: Unit, positive: bool) -> Option<Decimal> {
    unit.grows().then_some(if positive { Decimal::PositiveInfinity } else { Decimal::NegativeInfinity })
}

fn of_date(unit: &str, days: i32) -> Result<Option<Decimal>> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, &Type::Date))?;
    let unsupported = || unsupported_unit(unit, &Type::Date);
    if known != Unit::Epoch && day_field(known, 0).is_none() {
        return Err(unsupported());
    }
    if !calendar::is_finite_date(days) {
        return Ok(of_infinity(known, days > 0));
    }
    if known == Unit::Epoch {
        return Ok(Some(whole(i64::from(days) * (DAY / SECOND) + EPOCH_MICROS / SECOND)));
    }
    day_field(known, days).map(Some).ok_or_else(unsupported)
}

fn of_time(unit: &str, micros: i64) -> Result<Decimal> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, &Type::Time))?;
    if known == Unit::Epoch {
        return Ok(fraction(micros, 6));
    }
    clock(known, micros).ok_or_else(|| unsupported_unit(unit, &Type::Time))
}

fn of_timestamp(unit: &str, at: i64, ty: &Type) -> Result<Option<Decimal>> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, ty))?;
    if !calendar::is_finite_timestamp(at) {
        return Ok(of_infinity(known, at > 0));
    }
    let (days, time) = calendar::split(at);
    let value = match known {
        Unit::Epoch => Some(Decimal::Small(i128::from(at) + i128::from(EPOCH_MICROS), 6)),
        Unit::Julian => {
            let part = Decimal::from(time).div(&Decimal::from(DAY))?;
            Some(whole(days + EPOCH_JULIAN).add(&part)?)
        }
        Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute if *ty == Type::Timestamptz => Some(whole(0)),
        known => clock(known, time).or_else(|| day_field(known, days)),
    };
    value.map(Some).ok_or_else(|| unsupported_unit(unit, ty))
}

fn of_interval(unit: &str, interval: Span) -> Result<Decimal> {
    let known = Unit::parse(unit).ok_or_else(|| unknown_unit(unit, &Type::Interval))?;
    let years = interval.months / 12;
    Ok(match known {
        Unit::Day => whole(interval.days),
        Unit::Month => whole(interval.months % 12),
        Unit::Quarter => whole(interval.months % 12 / 3 + 1),
        Unit::Year => whole(years),
        Unit::Decade => whole(years / 10),
        Unit::Century => whole(years / 100),
        Unit::Millennium => whole(years / 1000),
        Unit::Epoch => {
            let quarter_days = 1461 * i128::from(years) + 120 * i128::from(interval.months % 12);
            let quarter_days = quarter_days + 4 * i128::from(interval.days);
            Decimal::Small(quarter_days * i128::from(DAY / 4) + i128::from(interval.micros), 6)
        }
        known => clock(known, interval.micros).ok_or_else(|| unsupported_unit(unit, &Type::Interval))?,
    })
}
