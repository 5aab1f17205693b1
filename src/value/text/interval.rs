//! Intervals from and to text, in style `postgres`; ISO 8601 durations and SQL's year–month form are read too.

use super::datetime::write_clock;
use super::is_space;
use crate::value::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use crate::value::{Interval, ValueError};
use std::fmt::Write;

/// Postgres's `interval` input.
pub(super) fn parse(input: &str, modifier: i32) -> Result<Interval, ValueError> {
    let text = input.trim_matches(is_space);
    let mut sum = Sum::default();
    let read = match text.strip_prefix('P') {
        Some(duration) => sum.read_iso(duration),
        None => sum.read_words(text, fields_of(modifier)),
    };
    let interval = read.and_then(|()| sum.interval()).map_err(|problem| match problem {
        Problem::Syntax => ValueError::new("22007", format!("invalid input syntax for type interval: \"{input}\"")),
        Problem::FieldOutOfRange => ValueError::new("22015", format!("interval field value out of range: \"{input}\"")),
        Problem::SumOutOfRange => calendar::out_of_range("interval"),
    })?;
    Ok(apply_modifier(interval, modifier))
}

/// A field that an interval type may be limited to, from the greatest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntervalField {
    /// `year`
    Year,
    /// `month`
    Month,
    /// `day`
    Day,
    /// `hour`
    Hour,
    /// `minute`
    Minute,
    /// `second`
    Second,
}

// Bits of the fields in an interval's modifier, as Postgres numbers them.
const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY_FIELD: i32 = 1 << 3;
const HOUR_FIELD: i32 = 1 << 10;
const MINUTE_FIELD: i32 = 1 << 11;
const SECOND_FIELD: i32 = 1 << 12;
const ALL_FIELDS: i32 = 0x7FFF;
/// Digits of a second where none are given.
const ALL_DIGITS: i32 = 0xFFFF;

/// The modifier of `interval first TO last (digits)`; -1 if nothing is limited.
pub fn interval_modifier(fields: Option<(IntervalField, IntervalField)>, digits: Option<i32>) -> i32 {
    const BITS: [i32; 6] = [YEAR, MONTH, DAY_FIELD, HOUR_FIELD, MINUTE_FIELD, SECOND_FIELD];
    if fields.is_none() && digits.is_none() {
        return -1;
    }
    let bits = fields.map_or(ALL_FIELDS, |(first, last)| BITS[first as usize..=last as usize].iter().sum());
    (bits << 16) | digits.unwrap_or(ALL_DIGITS)
}

fn fields_of(modifier: i32) -> i32 {
    if modifier < 0 { ALL_FIELDS } else { (modifier >> 16) & ALL_FIELDS }
}

/// Cut to the fields of `interval year to month` and its like, and rounded to the digits of `interval(p)`.
pub(super) fn apply_modifier(mut interval: Interval, modifier: i32) -> Interval {
    if modifier < 0 {
        return interval;
    }
    let fields = fields_of(modifier);
    if fields != ALL_FIELDS {
        let unit = match fields {
            _ if fields & SECOND_FIELD != 0 => 1,
            _ if fields & MINUTE_FIELD != 0 => MINUTE,
            _ if fields & HOUR_FIELD != 0 => HOUR,
            _ => i64::MAX,
        };
        interval.micros = if unit == i64::MAX { 0 } else { interval.micros / unit * unit };
        if fields == YEAR {
            interval.months = interval.months / 12 * 12;
        }
        if fields & (DAY_FIELD | HOUR_FIELD | MINUTE_FIELD | SECOND_FIELD) == 0 {
            interval.days = 0;
        }
    }
    interval.micros = super::datetime::round_to_modifier(interval.micros, modifier & ALL_DIGITS);
    interval
}

enum Problem {
    Syntax,
    FieldOutOfRange,
    SumOutOfRange,
}

/// What the fields read so far add up to.
#[derive(Default)]
struct Sum {
    /// Bits of the fields that were given.
    given: u32,
    years: i64,
    months: i64,
    days: i64,
    micros: i64,
}

/// A number with its fraction: `-1.5` is -1 and -0.5.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// So many years.
    Years(i64),
    Month,
    /// So many days.
    Days(i64),
    /// So many microseconds.
    Micros(i64),
}

impl Unit {
    /// The bits of the fields that a number of this unit fills; each may be filled once.
    fn fields(self, fraction: f64) -> u32 {
        const MICROSECONDS: u32 = 1 << 10;
        const MILLISECONDS: u32 = 1 << 9;
        const SECONDS: u32 = 1 << 8;
        match self {
            Unit::Years(1) => 1,
            Unit::Years(10) => 1 << 1,
            Unit::Years(100) => 1 << 2,
            Unit::Years(_) => 1 << 3,
            Unit::Month => 1 << 4,
            Unit::Days(7) => 1 << 5,
            Unit::Days(_) => 1 << 6,
            Unit::Micros(1) => MICROSECONDS,
            Unit::Micros(1000) => MILLISECONDS,
            Unit::Micros(SECOND) if fraction != 0.0 => SECONDS | MILLISECONDS | MICROSECONDS,
            Unit::Micros(SECOND) => SECONDS,
            Unit::Micros(MINUTE) => 1 << 11,
            Unit::Micros(_) => 1 << 12,
        }
    }
}

/// The fields that a time of day fills.
const CLOCK_FIELDS: u32 = 0x1F << 8;

impl Sum {
    fn interval(&self) -> Result<Interval, Problem> {
        let field = |value| i32::try_from(value).map_err(|_| Problem::FieldOutOfRange);
        let (years, months, days) = (field(self.years)?, field(self.months)?, field(self.days)?);
        let months = i64::from(years) * 12 + i64::from(months);
        let months = i32::try_from(months).map_err(|_| Problem::SumOutOfRange)?;
        Ok(Interval { months, days, micros: self.micros })
    }

    /// Marks fields as given; none may be given twice.
    fn give(&mut self, fields: u32) -> Result<(), Problem> {
        let twice = self.given & fields != 0;
        self.given |= fields;
        if twice { Err(Problem::Syntax) } else { Ok(()) }
    }

    fn add(&mut self, number: Number, unit: Unit) -> Result<(), Problem> {
        self.give(unit.fields(number.fraction))?;
        let added = |sum: i64, size: i64| number.whole.checked_mul(size).and_then(|product| sum.checked_add(product));
        match unit {
            Unit::Years(size) => {
                self.years = added(self.years, size).ok_or(Problem::FieldOutOfRange)?;
                self.months += (number.fraction * size as f64 * 12.0).round_ties_even() as i64;
                Ok(())
            }
            Unit::Month => {
                self.months = added(self.months, 1).ok_or(Problem::FieldOutOfRange)?;
                self.add_days(number.fraction * 30.0)
            }
            Unit::Days(size) => {
                self.days = added(self.days, size).ok_or(Problem::FieldOutOfRange)?;
                match size {
                    1 => self.add_micros(number.fraction * DAY as f64),
                    _ => self.add_days(number.fraction * size as f64),
                }
            }
            Unit::Micros(size) => {
                self.micros = added(self.micros, size).ok_or(Problem::FieldOutOfRange)?;
                self.add_micros(number.fraction * size as f64)
            }
        }
    }

    /// Days whose fraction becomes time.
    fn add_days(&mut self, days: f64) -> Result<(), Problem> {
        self.days += days as i64;
        self.add_micros((days - days.trunc()) * DAY as f64)
    }

    /// Microseconds rounded to whole ones, halves toward zero.
    fn add_micros(&mut self, micros: f64) -> Result<(), Problem> {
        let rest = micros.fract();
        let further = i64::from(rest > 0.5) - i64::from(rest < -0.5);
        self.micros = self.micros.checked_add(micros as i64 + further).ok_or(Problem::FieldOutOfRange)?;
        Ok(())
    }

    /// `P1Y2M3DT4H5M6S`
    fn read_iso(&mut self, text: &str) -> Result<(), Problem> {
        let (mut rest, mut in_time, mut any) = (text, false, false);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                in_time = true;
                rest = after;
                continue;
            }
            let (number, after) = take_number(rest)?;
            let letter = after.chars().next().ok_or(Problem::Syntax)?;
            let unit = match (letter, in_time) {
                ('Y', false) => Unit::Years(1),
                ('M', false) => Unit::Month,
                ('W', false) => Unit::Days(7),
                ('D', false) => Unit::Days(1),
                ('H', true) => Unit::Micros(HOUR),
                ('M', true) => Unit::Micros(MINUTE),
                ('S', true) => Unit::Micros(SECOND),
                _ => return Err(Problem::Syntax),
            };
            self.add(number, unit)?;
            (rest, any) = (&after[1..], true);
        }
        if any { Ok(()) } else { Err(Problem::Syntax) }
    }

    /// `1 year 2 mons -3 days 04:05:06`, `1-2`, `@ 5 minutes ago`
    fn read_words(&mut self, text: &str, fields: i32) -> Result<(), Problem> {
        let mut rest = text.strip_prefix('@').unwrap_or(text).trim_start_matches(is_space);
        let (mut any, mut ago, mut pending) = (false, false, None);
        while !rest.is_empty() {
            if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let word = rest[..end].to_ascii_lowercase();
                rest = rest[end..].trim_start_matches(is_space);
                match (unit(&word), pending.take()) {
                    (Some(unit), Some(number)) => self.add(number, unit)?,
                    (None, None) if word == "ago" && any && rest.is_empty() => ago = true,
                    _ => return Err(Problem::Syntax),
                }
                continue;
            }
            if let Some(number) = pending.take() {
                // A number without a unit before a time counts days.
                self.add(number, Unit::Days(1))?;
            }
            let token = &rest[..rest.find(is_space).unwrap_or(rest.len())];
            let digits = token.trim_start_matches(['+', '-']);
            if token.contains(':') {
                self.give(CLOCK_FIELDS)?;
                self.micros = self.micros.checked_add(clock(token, fields)?).ok_or(Problem::FieldOutOfRange)?;
                rest = &rest[token.len()..];
            } else if let Some((years, months)) = digits.split_once('-') {
                self.add_years_months(token, years, months)?;
                rest = &rest[token.len()..];
            } else {
                let (number, after) = take_number(rest)?;
                (pending, rest) = (Some(number), after);
            }
            (any, rest) = (true, rest.trim_start_matches(is_space));
        }
        if let Some(number) = pending {
            self.add(number, last_field(fields))?;
        }
        if ago {
            (self.years, self.months, self.days) = (-self.years, -self.months, -self.days);
            self.micros = self.micros.checked_neg().ok_or(Problem::FieldOutOfRange)?;
        }
        if any { Ok(()) } else { Err(Problem::Syntax) }
    }

    fn add_years_months(&mut self, token: &str, years: &str, months: &str) -> Result<(), Problem> {
        let number = |digits: &str| digits.parse::<i32>().map(i64::from).map_err(|_| Problem::Syntax);
        let (years, months) = (number(years)?, number(months)?);
        if months >= 12 {
            return Err(Problem::FieldOutOfRange);
        }
        self.give(Unit::Years(1).fields(0.0) | Unit::Month.fields(0.0))?;
        let sign = if token.starts_with('-') { -1 } else { 1 };
        (self.years, self.months) = (self.years + sign * years, self.months + sign * months);
        Ok(())
    }
}

/// What a lone number counts: the least of the fields asked for, else seconds.
fn last_field(fields: i32) -> Unit {
    match fields {
        ALL_FIELDS => Unit::Micros(SECOND),
        _ if fields & SECOND_FIELD != 0 => Unit::Micros(SECOND),
        _ if fields & MINUTE_FIELD != 0 => Unit::Micros(MINUTE),
        _ if fields & HOUR_FIELD != 0 => Unit::Micros(HOUR),
        _ if fields & DAY_FIELD != 0 => Unit::Days(1),
        _ if fields & MONTH != 0 => Unit::Month,
        _ => Unit::Years(1),
    }
}

/// A signed decimal, and what follows it.
fn take_number(text: &str) -> Result<(Number, &str), Problem> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.is_empty() || digits == "." || fraction.contains('.') {
        return Err(Problem::Syntax);
    }
    let sign = if negative { -1 } else { 1 };
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Problem::FieldOutOfRange)? };
    let fraction: f64 = format!("0.{fraction}0").parse().map_err(|_| Problem::Syntax)?;
    Ok((Number { whole: whole * sign, fraction: fraction * sign as f64 }, rest))
}

/// `[-]h:mm[:ss[.ffffff]]`, or `mm:ss.ffffff`; where minutes and seconds are asked for, `mm:ss`.
fn clock(token: &str, fields: i32) -> Result<i64, Problem> {
    let negative = token.starts_with('-');
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let parts: Vec<&str> = whole.split(':').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::Syntax);
    }
    let number = |part: &str| part.parse::<i64>().map_err(|_| Problem::FieldOutOfRange);
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        [minutes, seconds] if unsigned.contains('.') || fields == MINUTE_FIELD | SECOND_FIELD => {
            (0, number(minutes)?, number(seconds)?)
        }
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        _ => return Err(Problem::Syntax),
    };
    if minutes > 59 || seconds > 60 {
        return Err(Problem::FieldOutOfRange);
    }
    let rest = minutes * MINUTE + seconds * SECOND + super::datetime::fraction_micros(fraction);
    let total = hours.checked_mul(HOUR).and_then(|h| h.checked_add(rest)).ok_or(Problem::FieldOutOfRange)?;
    Ok(if negative { -total } else { total })
}

/// Postgres's names of units, singular, plural and abbreviated.
fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" | "microsecon" => {
            Unit::Micros(1)
        }
        "ms" | "msec" | "msecs" | "mseconds" | "millisecond" | "milliseconds" | "millisecon" => Unit::Micros(1000),
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Micros(SECOND),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Micros(MINUTE),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Micros(HOUR),
        "d" | "day" | "days" => Unit::Days(1),
        "w" | "week" | "weeks" => Unit::Days(7),
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Years(1),
        "dec" | "decs" | "decade" | "decades" => Unit::Years(10),
        "c" | "cent" | "century" | "centuries" => Unit::Years(100),
        "mil" | "mils" | "millennium" | "millennia" => Unit::Years(1000),
        _ => return None,
    })
}

/// An interval in style `postgres`: the parts that are not zero, a sign after a negative part made plain.
pub(super) fn write(interval: Interval, out: &mut String) {
    let start = out.len();
    let mut after_negative = false;
    let parts = [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")];
    for (value, unit) in parts {
        if value == 0 {
            continue;
        }
        let gap = if out.len() > start { " " } else { "" };
        let plus = if after_negative && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{gap}{plus}{value} {unit}{plural}");
        after_negative = value < 0;
    }
    let empty = out.len() == start;
    if !empty && interval.micros == 0 {
        return;
    }
    if !empty {
        out.push(' ');
    }
    match interval.micros {
        ..0 => out.push('-'),
        _ if after_negative => out.push('+'),
        _ => (),
    }
    let micros = interval.micros.unsigned_abs();
    let hour = HOUR as u64;
    write_clock((micros / hour) as i64, (micros % hour) as i64, out);
}
