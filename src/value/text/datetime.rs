//! Dates, times and timestamps from and to text.
//!
//! Reading collects fields in any order, as Postgres does: a date, a time of day, a zone, an era. What depends on the wall
//! clock (`now`, `today`, …) is refused: a view's content must follow from its inputs.

use super::is_space;
use super::shown;
use crate::value::ValueError;
use crate::value::calendar::{
    self, Civil, DATE_INFINITY, DATE_MINUS_INFINITY, DAY, HOUR, MINUTE, SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
};
use crate::value::zone::{self, Zone};
use std::fmt::Write;

/// What stands between date and time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::value) enum Separator {
    /// A blank, as text output has it.
    Space,
    /// A `T`, as JSON has it.
    T,
}

/// Postgres's `date` input.
pub(super) fn parse_date(input: &str) -> Result<i32, ValueError> {
    let fields = Fields::parse("date", input)?;
    match fields.special {
        Some(Special::Infinity) => return Ok(DATE_INFINITY),
        Some(Special::MinusInfinity) => return Ok(DATE_MINUS_INFINITY),
        Some(Special::Epoch) => return Ok(-calendar::EPOCH_DAYS),
        None => (),
    }
    let civil = fields.date.ok_or_else(|| invalid("date", input))?;
    calendar::check_date(civil.days())
        .ok_or_else(|| ValueError::new("22008", format!("date out of range: \"{input}\"")))
}

/// Postgres's `time` input.
pub(super) fn parse_time(input: &str, modifier: i32) -> Result<i64, ValueError> {
    let fields = Fields::parse("time", input)?;
    match (fields.special, fields.time) {
        (None, Some(time)) if time > DAY => Err(field_out_of_range(input)),
        (None, Some(time)) => Ok(round_to_modifier(time, modifier)),
        _ => Err(invalid("time", input)),
    }
}

/// Postgres's `timestamp` input: a zone is read and ignored.
pub(super) fn parse_timestamp(input: &str, modifier: i32) -> Result<i64, ValueError> {
    if let Some(timestamp) = shown::timestamp(input.as_bytes()) {
        return round_timestamp(timestamp, modifier);
    }
    let fields = Fields::parse("timestamp", input)?;
    round_timestamp(fields.timestamp("timestamp", input)?, modifier)
}

/// Postgres's `timestamptz` input; UTC if no zone is given.
pub(super) fn parse_timestamptz(input: &str, modifier: i32) -> Result<i64, ValueError> {
    const NAME: &str = "timestamp with time zone";
    if let Some(timestamp) = input.strip_suffix("+00").and_then(|local| shown::timestamp(local.as_bytes())) {
        return round_timestamp(timestamp, modifier);
    }
    let fields = Fields::parse(NAME, input)?;
    let local = fields.timestamp(NAME, input)?;
    let utc = match &fields.zone {
        Some(zone) => zone.to_utc(local).map_err(|_| timestamp_out_of_range(input))?,
        None => local,
    };
    round_timestamp(utc, modifier)
}

/// Microseconds rounded to the digits of `time(p)` or `timestamp(p)`.
pub(super) fn round_to_modifier(micros: i64, modifier: i32) -> i64 {
    let Ok(digits @ 0..6) = u32::try_from(modifier) else { return micros };
    let unit = 10i64.pow(6 - digits);
    let away = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + away) / unit * unit
}

/// A timestamp so rounded, if it is still one.
pub(super) fn round_timestamp(timestamp: i64, modifier: i32) -> Result<i64, ValueError> {
    match calendar::is_finite_timestamp(timestamp) {
        true => calendar::check_timestamp(round_to_modifier(timestamp, modifier)),
        false => Ok(timestamp),
    }
}

fn invalid(type_name: &str, input: &str) -> ValueError {
    ValueError::new("22007", format!("invalid input syntax for type {type_name}: \"{input}\""))
}

fn field_out_of_range(input: &str) -> ValueError {
    ValueError::new("22008", format!("date/time field value out of range: \"{input}\""))
}

fn timestamp_out_of_range(input: &str) -> ValueError {
    ValueError::new("22008", format!("timestamp out of range: \"{input}\""))
}

/// A word that stands for a whole value.
#[derive(Clone, Copy)]
enum Special {
    Infinity,
    MinusInfinity,
    Epoch,
}

/// What a date/time text says.
#[derive(Default)]
struct Fields {
    special: Option<Special>,
    date: Option<Civil>,
    time: Option<i64>,
    zone: Option<Zone>,
}

/// A number of a date with the digits it was written with.
#[derive(Clone, Copy)]
struct Number {
    value: i32,
    digits: usize,
}

/// Fields while they are collected.
#[derive(Default)]
struct Collected {
    special: Option<Special>,
    numbers: Vec<Number>,
    month: Option<u32>,
    day_of_year: Option<i32>,
    julian: Option<i64>,
    time: Option<i64>,
    zone: Option<Zone>,
    before_christ: bool,
    afternoon: Option<bool>,
}

impl Fields {
    fn parse(type_name: &str, input: &str) -> Result<Fields, ValueError> {
        let time_only = type_name == "time";
        let mut scanner = Scanner { rest: input.trim_matches(is_space), time_only, fields: Collected::default() };
        match scanner.scan() {
            Ok(()) => scanner.fields.complete(),
            Err(problem) => Err(problem),
        }
        .map_err(|problem| problem.report(type_name, input))
    }

    fn timestamp(&self, type_name: &str, input: &str) -> Result<i64, ValueError> {
        match self.special {
            Some(Special::Infinity) => return Ok(TIMESTAMP_INFINITY),
            Some(Special::MinusInfinity) => return Ok(TIMESTAMP_MINUS_INFINITY),
            Some(Special::Epoch) => return Ok(-calendar::EPOCH_MICROS),
            None => (),
        }
        let civil = self.date.ok_or_else(|| invalid(type_name, input))?;
        calendar::timestamp(civil.days(), self.time.unwrap_or(0)).map_err(|_| timestamp_out_of_range(input))
    }
}

/// What is wrong with a date/time text.
enum Problem {
    Syntax,
    OutOfRange,
    ZoneOutOfRange,
    UnknownZone(String),
    WallClock,
}

impl Problem {
    fn report(self, type_name: &str, input: &str) -> ValueError {
        match self {
            Problem::Syntax => invalid(type_name, input),
            Problem::OutOfRange => field_out_of_range(input),
            Problem::ZoneOutOfRange => {
                ValueError::new("22009", format!("time zone displacement out of range: \"{input}\""))
            }
            Problem::UnknownZone(name) => ValueError::new("22023", format!("time zone \"{name}\" not recognized")),
            Problem::WallClock => ValueError::new(
                "0A000",
                format!("\"{input}\" depends on the wall clock and is not supported in a view: use now()"),
            ),
        }
    }
}

impl Collected {
    fn complete(mut self) -> Result<Fields, Problem> {
        let date = self.civil()?;
        if let (Some(afternoon), Some(time)) = (self.afternoon, &mut self.time) {
            match *time / HOUR {
                13.. | 0 => return Err(Problem::OutOfRange),
                12 if !afternoon => *time -= 12 * HOUR,
                1..=11 if afternoon => *time += 12 * HOUR,
                _ => (),
            }
        }
        if self.special.is_some() && (date.is_some() || self.time.is_some() || self.zone.is_some()) {
            return Err(Problem::Syntax);
        }
        Ok(Fields { special: self.special, date, time: self.time, zone: self.zone })
    }

    fn civil(&self) -> Result<Option<Civil>, Problem> {
        if let Some(julian) = self.julian {
            let days = i32::try_from(julian - i64::from(calendar::EPOCH_JULIAN)).map_err(|_| Problem::OutOfRange)?;
            return Ok(Some(Civil::from_days(days)));
        }
        let (year, month, day) = match (self.month, self.numbers.as_slice(), self.day_of_year) {
            (None, [], None) => return Ok(None),
            (None, [year], Some(_)) => (*year, 1, 1),
            (None, [year, month, day], None) => (*year, month.value, day.value),
            (Some(month), [day, year], None) if day.digits < 3 && year.digits >= 3 => (*year, month as i32, day.value),
            (Some(month), [year, day], None) => (*year, month as i32, day.value),
            _ => return Err(Problem::Syntax),
        };
        let year = self.astronomical(year)?;
        let within = |value: i32, most: i32| (1..=most).contains(&value).then_some(value as u32);
        let month = within(month, 12).ok_or(Problem::OutOfRange)?;
        let day = within(day, 31).ok_or(Problem::OutOfRange)?;
        let mut civil = Civil { year, month, day };
        if let Some(day_of_year) = self.day_of_year {
            civil = Civil::from_days((civil.days() + i64::from(day_of_year) - 1) as i32);
        }
        if civil.exists() { Ok(Some(civil)) } else { Err(Problem::OutOfRange) }
    }

    /// The year as written, with era and century.
    fn astronomical(&self, year: Number) -> Result<i32, Problem> {
        match year.value {
            ..=0 if self.before_christ || year.digits > 2 => Err(Problem::OutOfRange),
            value if self.before_christ => Ok(1 - value),
            value if year.digits > 2 => Ok(value),
            value if value < 70 => Ok(value + 2000),
            value => Ok(value + 1900),
        }
    }
}

/// Reads fields off the front of the text.
struct Scanner<'a> {
    rest: &'a str,
    /// Whether digits alone are a time of day even without a date before them.
    time_only: bool,
    fields: Collected,
}

impl<'a> Scanner<'a> {
    fn scan(&mut self) -> Result<(), Problem> {
        if self.rest.is_empty() {
            return Err(Problem::Syntax);
        }
        while let Some(first) = self.rest.chars().next() {
            match first {
                _ if is_space(first) || first == ',' => self.rest = &self.rest[1..],
                '0'..='9' => self.scan_digits()?,
                '+' | '-' => self.scan_signed()?,
                'a'..='z' | 'A'..='Z' => self.scan_word()?,
                _ => return Err(Problem::Syntax),
            }
        }
        Ok(())
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn take_digits(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_digit())
    }

    /// A date, a time, or one number of a date in words.
    fn scan_digits(&mut self) -> Result<(), Problem> {
        let digits = self.take_digits();
        match self.rest.chars().next() {
            Some(':') => self.scan_time(digits),
            Some(mark @ ('-' | '/' | '.')) if self.begins_date(mark) => self.scan_date(digits, mark),
            _ => self.number(digits),
        }
    }

    /// Whether the text goes on with a mark and a further part of a date.
    fn begins_date(&self, mark: char) -> bool {
        let after = self.rest[1..].chars().next();
        let has_date = self.fields.numbers.len() >= 3;
        !has_date && after.is_some_and(|c| c.is_ascii_digit() || (mark == '-' && c.is_ascii_alphabetic()))
    }

    fn scan_date(&mut self, first: &str, mark: char) -> Result<(), Problem> {
        self.push_number(first)?;
        let mut parts = 1;
        while parts < 3 && self.rest.starts_with(mark) {
            self.rest = &self.rest[1..];
            if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let word = self.take_while(|c| c.is_ascii_alphabetic());
                let month = month(&word.to_ascii_lowercase()).ok_or(Problem::Syntax)?;
                self.set_month(month)?;
            } else {
                let digits = self.take_digits();
                self.push_number(digits)?;
            }
            parts += 1;
        }
        if let ([year, day], None, 2) = (self.fields.numbers.as_slice(), self.fields.month, parts)
            && day.digits == 3
            && (1..=366).contains(&day.value)
        {
            self.fields.day_of_year = Some(day.value);
            self.fields.numbers = vec![*year];
        }
        Ok(())
    }

    fn set_month(&mut self, month: u32) -> Result<(), Problem> {
        match self.fields.month.replace(month) {
            None => Ok(()),
            Some(_) => Err(Problem::Syntax),
        }
    }

    fn push_number(&mut self, digits: &str) -> Result<(), Problem> {
        if self.fields.numbers.len() == 3 {
            return Err(Problem::Syntax);
        }
        let value =
            digits.parse().map_err(|_| if digits.is_empty() { Problem::Syntax } else { Problem::OutOfRange })?;
        self.fields.numbers.push(Number { value, digits: digits.len() });
        Ok(())
    }

    /// Digits alone: a compact date or time, or one number.
    fn number(&mut self, digits: &str) -> Result<(), Problem> {
        let has_date = self.fields.numbers.len() >= 2 || self.time_only;
        let value = |range: std::ops::Range<usize>| digits[range].parse::<i64>().map_err(|_| Problem::Syntax);
        match digits.len() {
            6 if has_date && self.fields.time.is_none() => {
                let fraction = self.fraction()?;
                self.set_time(value(0..2)?, value(2..4)?, value(4..6)?, fraction)
            }
            4 if has_date && self.fields.time.is_none() && self.fields.month.is_none() => {
                self.set_time(value(0..2)?, value(2..4)?, 0, 0)
            }
            8.. if self.fields.numbers.is_empty() => {
                let year = digits.len() - 4;
                self.push_number(&digits[..year])?;
                self.push_number(&digits[year..year + 2])?;
                self.push_number(&digits[year + 2..])
            }
            6 if self.fields.numbers.is_empty() && self.fields.month.is_none() => {
                self.push_number(&digits[..2])?;
                self.push_number(&digits[2..4])?;
                self.push_number(&digits[4..])
            }
            _ => self.push_number(digits),
        }
    }

    /// Microseconds of a fraction, rounded.
    fn fraction(&mut self) -> Result<i64, Problem> {
        if !self.rest.starts_with('.') {
            return Ok(0);
        }
        self.rest = &self.rest[1..];
        Ok(fraction_micros(self.take_digits()))
    }

    fn scan_time(&mut self, hours: &str) -> Result<(), Problem> {
        let number = |digits: &str| digits.parse::<i64>().map_err(|_| Problem::Syntax);
        self.rest = &self.rest[1..];
        let (hours, minutes) = (number(hours)?, number(self.take_digits())?);
        if self.rest.starts_with('.') {
            let fraction = self.fraction()?;
            return self.set_time(0, hours, minutes, fraction);
        }
        let seconds = match self.rest.strip_prefix(':') {
            Some(rest) => {
                self.rest = rest;
                number(self.take_digits())?
            }
            None => 0,
        };
        let fraction = self.fraction()?;
        self.set_time(hours, minutes, seconds, fraction)
    }

    fn set_time(&mut self, hours: i64, minutes: i64, seconds: i64, fraction: i64) -> Result<(), Problem> {
        if self.fields.time.is_some() {
            return Err(Problem::Syntax);
        }
        if hours > 24 || minutes > 59 || seconds > 60 {
            return Err(Problem::OutOfRange);
        }
        let time = hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction;
        if time > DAY {
            return Err(Problem::OutOfRange);
        }
        self.fields.time = Some(time);
        Ok(())
    }

    /// `-infinity`, or an offset from UTC.
    fn scan_signed(&mut self) -> Result<(), Problem> {
        let word = self.rest[1..].split(is_space).next().unwrap_or("");
        if let Some(special @ Special::Infinity) = special_word(&word.to_ascii_lowercase()) {
            let negative = self.rest.starts_with('-');
            self.rest = &self.rest[1 + word.len()..];
            return self.set_special(if negative { Special::MinusInfinity } else { special });
        }
        let sign = &self.rest[..1];
        self.rest = &self.rest[1..];
        let digits = self.take_while(|c| c.is_ascii_digit() || c == ':');
        let seconds = zone::parse_offset(&format!("{sign}{digits}")).ok_or(match digits {
            "" => Problem::Syntax,
            _ => Problem::ZoneOutOfRange,
        })?;
        self.set_zone(Zone::Fixed(seconds))
    }

    fn set_zone(&mut self, zone: Zone) -> Result<(), Problem> {
        let wanted = self.fields.zone.is_none() && self.fields.time.is_some();
        self.fields.zone = Some(zone);
        if wanted { Ok(()) } else { Err(Problem::Syntax) }
    }

    fn set_special(&mut self, special: Special) -> Result<(), Problem> {
        match self.fields.special.replace(special) {
            None => Ok(()),
            Some(_) => Err(Problem::Syntax),
        }
    }

    fn scan_word(&mut self) -> Result<(), Problem> {
        let start = self.rest;
        let letters = self.take_while(|c| c.is_ascii_alphabetic());
        let word = letters.to_ascii_lowercase();
        if let Some(special) = special_word(&word) {
            return self.set_special(special);
        }
        if let Some(month) = month(&word) {
            self.take_while(|c| c == '.' || c == '-');
            return self.set_month(month);
        }
        match word.as_str() {
            "t" if self.rest.starts_with(|c: char| c.is_ascii_digit()) => Ok(()),
            "j" if self.fields.julian.is_none() => {
                let digits = self.take_digits();
                self.fields.julian = Some(digits.parse().map_err(|_| Problem::Syntax)?);
                Ok(())
            }
            "bc" | "ad" => {
                self.fields.before_christ = word == "bc";
                Ok(())
            }
            "am" | "pm" => {
                self.fields.afternoon = Some(word == "pm");
                Ok(())
            }
            "at" | "on" => Ok(()),
            "allballs" => {
                self.set_time(0, 0, 0, 0)?;
                self.set_zone(Zone::UTC)
            }
            "now" | "today" | "tomorrow" | "yesterday" => Err(Problem::WallClock),
            _ if is_day_of_week(&word) => Ok(()),
            _ => {
                self.rest = start;
                self.scan_zone_name()
            }
        }
    }

    fn scan_zone_name(&mut self) -> Result<(), Problem> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':'));
        if let Some(seconds) = zone::abbreviation(name) {
            return self.set_zone(Zone::Fixed(seconds));
        }
        match Zone::parse(name) {
            Ok(zone) => self.set_zone(zone),
            Err(_) if name.contains('/') => Err(Problem::UnknownZone(name.to_ascii_lowercase())),
            Err(_) => Err(Problem::Syntax),
        }
    }
}

/// Microseconds of the digits after a second's point.
pub(super) fn fraction_micros(digits: &str) -> i64 {
    let seconds: f64 = format!("0.{digits}0").parse().unwrap_or(0.0);
    (seconds * SECOND as f64).round_ties_even() as i64
}

fn special_word(word: &str) -> Option<Special> {
    match word {
        "infinity" => Some(Special::Infinity),
        "epoch" => Some(Special::Epoch),
        _ => None,
    }
}

/// A month's number, by its name or Postgres's abbreviations.
fn month(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let exact = NAMES.iter().position(|name| *name == word || &name[..3] == word);
    let position = if word == "sept" { Some(8) } else { exact };
    position.map(|position| position as u32 + 1)
}

fn is_day_of_week(word: &str) -> bool {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let short = ["tues", "wed", "weds", "thur", "thurs"].contains(&word);
    short || NAMES.iter().any(|name| *name == word || &name[..3] == word)
}

/// A date as ISO 8601 shows it.
pub(super) fn write_date(date: i32, out: &mut String) {
    match date {
        DATE_INFINITY => out.push_str("infinity"),
        DATE_MINUS_INFINITY => out.push_str("-infinity"),
        days => {
            let civil = Civil::from_days(days);
            write_civil(civil, out);
            write_era(civil, out);
        }
    }
}

fn write_civil(civil: Civil, out: &mut String) {
    let year = if civil.year > 0 { civil.year } else { 1 - civil.year };
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{:02}-{:02}", civil.month, civil.day);
}

fn write_era(civil: Civil, out: &mut String) {
    if civil.year <= 0 {
        out.push_str(" BC");
    }
}

/// A time of day.
pub(super) fn write_time(time: i64, out: &mut String) {
    write_clock(time / HOUR, time % HOUR, out);
}

/// Hours, then minutes and seconds of the rest, and what there is of a fraction.
pub(super) fn write_clock(hours: i64, rest: i64, out: &mut String) {
    let _ = write!(out, "{hours:02}:{:02}:{:02}", rest / MINUTE, rest % MINUTE / SECOND);
    let fraction = rest % SECOND;
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
}

/// A timestamp.
pub(super) fn write_timestamp(timestamp: i64, separator: Separator, out: &mut String) {
    write_moment(timestamp, separator, "", out);
}

/// A timestamp with its zone, which is UTC.
pub(super) fn write_timestamptz(timestamp: i64, separator: Separator, out: &mut String) {
    let zone = if separator == Separator::T { "+00:00" } else { "+00" };
    write_moment(timestamp, separator, zone, out);
}

fn write_moment(timestamp: i64, separator: Separator, zone: &str, out: &mut String) {
    match timestamp {
        TIMESTAMP_INFINITY => return out.push_str("infinity"),
        TIMESTAMP_MINUS_INFINITY => return out.push_str("-infinity"),
        _ => (),
    }
    let (days, time) = calendar::split(timestamp);
    let civil = Civil::from_days(days);
    write_civil(civil, out);
    out.push(if separator == Separator::T { 'T' } else { ' ' });
    write_time(time, out);
    out.push_str(zone);
    write_era(civil, out);
}
