//! `to_date` and `to_timestamp`: times read by a template, as leniently as Postgres reads them.

use super::template::{copy_quoted, without_padding};
use super::{MONTHS, pattern};
use crate::expr::EvalError;
use crate::value::calendar;

mod moment;

type Result<X> = std::result::Result<X, EvalError>;

/// One item of a template.
enum Item {
    Field {
        /// The pattern's name.
        name: &'static str,
        /// Whether it takes all the digits there are.
        fill: bool,
        /// Whether `th` follows.
        ordinal: bool,
    },
    Space,
    Separator,
    Character,
}

fn is_separator(c: char) -> bool {
    c.is_ascii_graphic() && !c.is_ascii_alphanumeric()
}

fn items(template: &str) -> Vec<(Item, Option<char>)> {
    let mut items = Vec::new();
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let mut quoted = String::new();
            rest = copy_quoted(&rest[1..], &mut quoted);
            items.extend(quoted.chars().map(|c| (Item::Character, Some(c))));
            continue;
        }
        let (fill, after) = without_padding(rest);
        if let Some((name, _)) = pattern(after) {
            let after = &after[name.len()..];
            let behind = ["TH", "th"].into_iter().find_map(|suffix| after.strip_prefix(suffix));
            items.push((Item::Field { name, fill, ordinal: behind.is_some() }, None));
            rest = behind.unwrap_or(after);
        } else if fill {
            rest = after;
        } else {
            let rest_of = if rest.starts_with("\\\"") { &rest[1..] } else { rest };
            let c = rest_of.chars().next().unwrap_or(first);
            items.push(match c {
                c if is_separator(c) => (Item::Separator, Some(c)),
                c if c.is_ascii_whitespace() || c == '\x0b' => (Item::Space, Some(c)),
                c => (Item::Character, Some(c)),
            });
            rest = &rest_of[c.len_utf8()..];
        }
    }
    items
}

/// Whether a number ends where its digits end, because what follows it in the template is none.
fn ends_by_itself(items: &[(Item, Option<char>)], at: usize) -> bool {
    match (&items[at], items.get(at + 1)) {
        ((Item::Field { ordinal: true, .. }, _), _) | (_, None) => true,
        (_, Some((Item::Field { name, .. }, _))) => !is_number(name),
        (_, Some((_, c))) => !c.is_some_and(|c| c.is_ascii_digit()),
    }
}

fn is_number(name: &str) -> bool {
    !matches!(name, "FX" | "OF" | "TZH" | "TZ" | "tz" | "RM" | "rm") && !is_word(name)
}

fn is_word(name: &str) -> bool {
    let folded = name.to_ascii_uppercase();
    matches!(folded.as_str(), "MONTH" | "MON" | "DAY" | "DY" | "AM" | "PM" | "A.M." | "P.M.")
        || matches!(folded.as_str(), "AD" | "BC" | "A.D." | "B.C.")
}

/// What the text says, zero for what it does not.
#[derive(Default)]
struct Fields {
    hour: i32,
    minute: i32,
    second: i32,
    seconds: i32,
    day_of_week: i32,
    day: i32,
    day_of_year: i32,
    month: i32,
    millis: i32,
    year: i32,
    before_christ: i32,
    week: i32,
    week_of_month: i32,
    century: i32,
    julian: i32,
    micros: i32,
    year_digits: usize,
    afternoon: i32,
    half_days: bool,
    zone_sign: i32,
    zone_hours: i32,
    zone_minutes: i32,
    /// Whether days are counted by ISO weeks, if that is known.
    iso: Option<bool>,
}

fn wrong(message: String) -> EvalError {
    EvalError::new("22007", message)
}

fn overflow(text: &str) -> EvalError {
    EvalError::new("22008", format!("date/time field value out of range: \"{text}\""))
}

/// Puts a value into a field, which may be given twice but not as two.
fn set(field: &mut i32, value: i32, name: &str) -> Result<()> {
    if *field != 0 && *field != value {
        return Err(wrong(format!("conflicting values for \"{name}\" field in formatting string")));
    }
    *field = value;
    Ok(())
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

fn after_first(text: &str) -> &str {
    let mut rest = text.chars();
    rest.next();
    rest.as_str()
}

/// A whole number at the beginning, blanks and a sign before it, and what follows it. None if there is none; an error beyond
/// 32 bits.
fn integer<'t>(text: &'t str, name: &str) -> Result<Option<(i32, &'t str)>> {
    let trimmed = text.trim_start_matches(is_space);
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    if end == 0 {
        return Ok(None);
    }
    let written = &trimmed[..trimmed.len() - unsigned.len() + end];
    let range = || EvalError::new("22008", format!("value for \"{name}\" in source string is out of range"));
    Ok(Some((written.parse().map_err(|_| range())?, &unsigned[end..])))
}

/// The part of a text a template has not read yet.
struct Reader<'t> {
    rest: &'t str,
    /// What was before `rest`, to look back at.
    whole: &'t str,
    /// Characters skipped beyond what the template has.
    extra: i32,
    fixed: bool,
}

impl<'t> Reader<'t> {
    /// A number of so many characters, or of any number of them where it ends by itself; and how many were read.
    fn number(&mut self, name: &str, width: usize, open: bool) -> Result<(i32, usize)> {
        let start = self.rest;
        let trimmed = start.trim_start_matches(is_space);
        let invalid = |shown: &str| wrong(format!("invalid value \"{shown}\" for \"{name}\""));
        let mut end = width.min(trimmed.len());
        while !trimmed.is_char_boundary(end) {
            end -= 1;
        }
        let copy = &trimmed[..end];
        let (value, rest) = if open {
            integer(start, name)?.ok_or_else(|| invalid(copy))?
        } else {
            if trimmed.len() < width {
                return Err(wrong(format!("source string too short for \"{name}\" formatting field")));
            }
            let (value, after) = integer(copy, name)?.ok_or_else(|| invalid(copy))?;
            if !after.is_empty() {
                return Err(invalid(copy));
            }
            (value, &trimmed[copy.len()..])
        };
        self.rest = rest;
        Ok((value, start.len() - rest.len()))
    }

    /// Which of the words begins the text, in whatever case.
    fn word(&mut self, name: &str, words: &[&str]) -> Result<i32> {
        let begins = |word: &str| self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let Some(place) = words.iter().position(|word| begins(word)) else {
            let shown = self.rest.split(is_space).next().unwrap_or_default();
            return Err(wrong(format!("invalid value \"{shown}\" for \"{name}\"")));
        };
        self.rest = &self.rest[words[place].len()..];
        Ok(place as i32)
    }

    fn skip_spaces(&mut self) {
        let trimmed = self.rest.trim_start_matches(is_space);
        self.extra += (self.rest.len() - trimmed.len()) as i32;
        self.rest = trimmed;
    }

    /// A character of the template that is no field: one of the text goes with it, whichever it is.
    fn skip(&mut self, item: &Item) {
        match (item, self.fixed) {
            (_, true) => self.rest = after_first(self.rest),
            (Item::Space | Item::Separator, false) => {
                self.extra -= 1;
                if self.rest.starts_with(|c| is_space(c) || is_separator(c)) {
                    self.rest = after_first(self.rest);
                    self.extra += 1;
                }
            }
            (_, false) if self.extra > 0 => self.extra -= 1,
            (_, false) => self.rest = after_first(self.rest),
        }
    }

    /// The sign before a zone's hours; a minus may have been taken for a separator.
    fn zone_sign(&mut self) -> i32 {
        if let Some(after) = self.rest.strip_prefix(['+', '-', ' ']) {
            let sign = if self.rest.starts_with('-') { -1 } else { 1 };
            self.rest = after;
            return sign;
        }
        let read = &self.whole[..self.whole.len() - self.rest.len()];
        if self.extra > 0 && read.ends_with('-') { -1 } else { 1 }
    }
}

/// Reads a text by a template.
fn read(text: &str, template: &str) -> Result<Fields> {
    let items = items(template);
    let mut fields = Fields::default();
    let mut reader = Reader { rest: text, whole: text, extra: 0, fixed: false };
    for (at, (item, _)) in items.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        let is_fixing = matches!(item, Item::Field { name: "FX", .. });
        if !reader.fixed && !is_fixing && (matches!(item, Item::Field { .. }) || at == 0) {
            reader.skip_spaces();
        }
        let Item::Field { name, fill, ordinal } = item else {
            reader.skip(item);
            continue;
        };
        if is_fixing {
            reader.fixed = true;
        } else {
            fields.read(&mut reader, name, *fill || ends_by_itself(&items, at))?;
            if *ordinal && is_number(name) {
                reader.rest = after_first(after_first(reader.rest));
            }
        }
        if !reader.fixed {
            reader.extra = 0;
            reader.skip_spaces();
        }
    }
    Ok(fields)
}

/// A year of fewer than four digits is near 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ROMAN: [&str; 12] = ["xii", "xi", "x", "ix", "viii", "vii", "vi", "v", "iv", "iii", "ii", "i"];

impl Fields {
    /// Days are counted by the calendar or by ISO weeks, not both.
    fn counts(&mut self, iso: bool) -> Result<()> {
        match self.iso {
            Some(known) if known != iso => Err(wrong("invalid combination of date conventions".into())),
            _ => {
                self.iso = Some(iso);
                Ok(())
            }
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>, name: &'static str, open: bool) -> Result<()> {
        match name {
            "IYYY" | "IYY" | "IY" | "I" | "IDDD" | "ID" | "IW" => self.counts(true)?,
            "MONTH" | "Month" | "month" | "MON" | "Mon" | "mon" | "MM" | "RM" | "rm" => self.counts(false)?,
            "DDD" | "DD" | "D" | "WW" | "W" | "Y,YYY" | "YYYY" | "YYY" | "YY" | "Y" => self.counts(false)?,
            _ => {}
        }
        let mut number = |width: usize| reader.number(name, width, open);
        match name {
            "HH24" => set(&mut self.hour, number(2)?.0, name),
            "HH12" | "HH" => {
                self.half_days = true;
                set(&mut self.hour, number(2)?.0, name)
            }
            "MI" => set(&mut self.minute, number(2)?.0, name),
            "SS" => set(&mut self.second, number(2)?.0, name),
            "SSSS" | "SSSSS" => set(&mut self.seconds, number(name.len())?.0, name),
            "MS" => {
                let (value, length) = number(3)?;
                set(&mut self.millis, value, name)?;
                self.millis = self.millis.saturating_mul([100, 10].get(length.wrapping_sub(1)).copied().unwrap_or(1));
                Ok(())
            }
            "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                let width = name.strip_prefix("FF").map_or(6, |digits| digits.parse().unwrap_or(6));
                let (value, length) = number(width)?;
                set(&mut self.micros, value, name)?;
                let factor = [100_000, 10_000, 1000, 100, 10].get(length.wrapping_sub(1)).copied().unwrap_or(1);
                self.micros = self.micros.saturating_mul(factor);
                Ok(())
            }
            "MM" => set(&mut self.month, number(2)?.0, name),
            "DDD" => set(&mut self.day_of_year, number(3)?.0, name),
            "IDDD" => set(&mut self.day_of_year, number(3)?.0, name),
            "DD" => set(&mut self.day, number(2)?.0, name),
            "D" => set(&mut self.day_of_week, number(1)?.0, name),
            "ID" => {
                set(&mut self.day_of_week, number(1)?.0, name)?;
                self.day_of_week = if self.day_of_week >= 7 { 1 } else { self.day_of_week + 1 };
                Ok(())
            }
            "WW" | "IW" => set(&mut self.week, number(2)?.0, name),
            "W" => set(&mut self.week_of_month, number(1)?.0, name),
            "Q" => number(1).map(|_| ()),
            "CC" => set(&mut self.century, number(2)?.0, name),
            "J" => set(&mut self.julian, number(1)?.0, name),
            "Y,YYY" => self.thousands(reader),
            "YYYY" | "IYYY" | "YYY" | "IYY" | "YY" | "IY" | "Y" | "I" => {
                let (value, length) = number(name.len())?;
                set(&mut self.year, value, name)?;
                self.year_digits = name.len();
                if name.len() < 4 && length < 4 {
                    self.year = near_2020(self.year);
                }
                Ok(())
            }
            _ => self.read_word(reader, name, open),
        }
    }

    /// `2,024`
    fn thousands(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let invalid = || wrong("invalid input string for \"Y,YYY\"".into());
        let (millennia, rest) = integer(reader.rest, "Y,YYY")?.ok_or_else(invalid)?;
        let rest = rest.strip_prefix(',').ok_or_else(invalid)?;
        let (years, rest) = integer(rest, "Y,YYY")?.ok_or_else(invalid)?;
        let range = || EvalError::new("22008", "value for \"Y,YYY\" in source string is out of range");
        let year = millennia.checked_mul(1000).and_then(|year| year.checked_add(years)).ok_or_else(range)?;
        set(&mut self.year, year, "Y,YYY")?;
        (self.year_digits, reader.rest) = (4, rest);
        Ok(())
    }

    fn read_word(&mut self, reader: &mut Reader<'_>, name: &'static str, open: bool) -> Result<()> {
        let short = |words: &[&'static str]| words.iter().map(|word| &word[..3]).collect::<Vec<_>>();
        match name.to_ascii_uppercase().as_str() {
            "AM" | "PM" => {
                self.half_days = true;
                set(&mut self.afternoon, reader.word(name, &["am", "pm"])?, name)
            }
            "A.M." | "P.M." => {
                self.half_days = true;
                set(&mut self.afternoon, reader.word(name, &["a.m.", "p.m."])?, name)
            }
            "AD" | "BC" => set(&mut self.before_christ, reader.word(name, &["ad", "bc"])?, name),
            "A.D." | "B.C." => set(&mut self.before_christ, reader.word(name, &["a.d.", "b.c."])?, name),
            "MONTH" => set(&mut self.month, reader.word(name, &MONTHS)? + 1, name),
            "MON" => set(&mut self.month, reader.word(name, &short(&MONTHS))? + 1, name),
            "RM" => set(&mut self.month, 12 - reader.word(name, &ROMAN)?, name),
            "DAY" | "DY" => {
                let place = if name.len() == 3 { reader.word(name, &DAYS) } else { reader.word(name, &short(&DAYS)) }?;
                set(&mut self.day_of_week, place, name)?;
                self.day_of_week += 1;
                Ok(())
            }
            "TZH" => {
                self.zone_sign = reader.zone_sign();
                set(&mut self.zone_hours, reader.number(name, 2, open)?.0, name)
            }
            "TZM" => {
                self.zone_sign = if self.zone_sign == 0 { 1 } else { self.zone_sign };
                set(&mut self.zone_minutes, reader.number(name, 2, open)?.0, name)
            }
            _ => Err(EvalError::new("0A000", format!("formatting field \"{name}\" is only supported in to_char"))),
        }
    }
}

pub(super) fn date(text: &str, template: &str) -> Result<i32> {
    let fields = read(text, template)?;
    fields.time(text)?;
    let days = fields.days(text)?;
    fields.east(text)?;
    calendar::check_date(days).ok_or_else(|| EvalError::new("22008", format!("date out of range: \"{text}\"")))
}

pub(super) fn timestamp(text: &str, template: &str) -> Result<i64> {
    let fields = read(text, template)?;
    let time = fields.time(text)?;
    let days = fields.days(text)?;
    Ok(calendar::timestamp(days, time - fields.east(text)?)?)
}
