//! `to_char`, `to_number`, `to_date` and `to_timestamp`: times and numbers by a template. Words are English.

use super::Kind::*;
use super::argument::{Date as Day, Timestamp as Instant, Timestamptz as Moment};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::calendar::{self, Civil, HOUR, MINUTE, SECOND};
use crate::value::numeric::Numeric as Decimal;
use crate::value::{Datum, Interval as Span};

mod interval;
mod number;
mod picture;
mod read;
mod to_number;
mod writer;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("to_char", &[Timestamp, Text], Text, lift!(|t: Instant, template: &str| format(t.0, template, ""))),
    total("to_char", &[Timestamptz, Text], Text, lift!(|t: Moment, template: &str| format(t.0, template, "UTC"))),
    partial("to_char", &[Interval, Text], Text, lift!(|i: Span, template: &str| interval::format(i, template))),
    partial("to_char", &[Int4, Text], Text, lift!(|x: i32, template: &str| number::of_integer(x.into(), template))),
    partial("to_char", &[Int8, Text], Text, lift!(|x: i64, template: &str| number::of_integer(x, template))),
    partial("to_char", &[Numeric, Text], Text, lift!(|x: &Decimal, template: &str| number::of_numeric(x, template))),
    partial("to_char", &[Float4, Text], Text, lift!(|x: f32, template: &str| number::of_float4(x, template))),
    partial("to_char", &[Float8, Text], Text, lift!(|x: f64, template: &str| number::of_float8(x, template))),
    partial("to_number", &[Text, Text], Numeric, lift!(|s: &str, template: &str| to_number::to_number(s, template))),
    partial("to_date", &[Text, Text], Date, lift!(|s: &str, template: &str| read::date(s, template).map(Day))),
    partial(
        "to_timestamp",
        &[Text, Text],
        Timestamptz,
        lift!(|s: &str, template: &str| read::timestamp(s, template).map(Moment)),
    ),
];

fn shown_numeric(value: &Decimal) -> String {
    super::text::shown(&Datum::Numeric(value.clone()))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A template's pattern and what it shows.
type Pattern = (&'static str, fn(&Fields) -> String);

/// What patterns show.
struct Fields {
    day: Civil,
    days: i32,
    time: i64,
    zone: &'static str,
}

impl Fields {
    fn month(&self) -> &'static str {
        MONTHS[self.day.month as usize - 1]
    }

    fn weekday(&self) -> &'static str {
        DAYS[calendar::iso_day_of_week(self.days.into()) as usize - 1]
    }

    fn hour(&self) -> i64 {
        self.time / HOUR
    }

    fn hour12(&self) -> i64 {
        if self.hour() % 12 == 0 { 12 } else { self.hour() % 12 }
    }

    fn micros(&self) -> i64 {
        self.time % SECOND
    }

    fn year(&self) -> i32 {
        if self.day.year > 0 { self.day.year } else { 1 - self.day.year }
    }

    fn iso_year(&self) -> i32 {
        let year = self.day.iso_week().0;
        if year > 0 { year } else { 1 - year }
    }

    /// Days since the Monday of the year's first ISO week, from 1.
    fn iso_day_of_year(&self) -> i32 {
        (self.day.iso_week().1 - 1) * 7 + calendar::iso_day_of_week(self.days.into())
    }

    fn century(&self) -> String {
        let year = self.day.year;
        let century = if year > 0 { (year + 99) / 100 } else { year / 100 - 1 };
        if century < 0 { format!("-{:02}", -century) } else { format!("{century:02}") }
    }

    fn era(&self, after: &str, before: &str) -> String {
        (if self.day.year > 0 { after } else { before }).to_owned()
    }

    fn meridiem(&self, am: &str, pm: &str) -> String {
        (if self.hour() < 12 { am } else { pm }).to_owned()
    }
}

/// Longest first among those that share a beginning. Where letters have no case of their own, a pattern in lower case means
/// the same.
static PATTERNS: &[Pattern] = &[
    ("Y,YYY", |f| format!("{},{:03}", f.year() / 1000, f.year() % 1000)),
    ("YYYY", |f| format!("{:04}", f.year())),
    ("YYY", |f| format!("{:03}", f.year() % 1000)),
    ("YY", |f| format!("{:02}", f.year() % 100)),
    ("Y", |f| (f.year() % 10).to_string()),
    ("IYYY", |f| format!("{:04}", f.iso_year())),
    ("IYY", |f| format!("{:03}", f.iso_year() % 1000)),
    ("IY", |f| format!("{:02}", f.iso_year() % 100)),
    ("IDDD", |f| format!("{:03}", f.iso_day_of_year())),
    ("ID", |f| calendar::iso_day_of_week(f.days.into()).to_string()),
    ("IW", |f| format!("{:02}", f.day.iso_week().1)),
    ("I", |f| (f.iso_year() % 10).to_string()),
    ("MONTH", |f| format!("{:<9}", f.month().to_uppercase())),
    ("Month", |f| format!("{:<9}", f.month())),
    ("month", |f| format!("{:<9}", f.month().to_lowercase())),
    ("MON", |f| f.month()[..3].to_uppercase()),
    ("Mon", |f| f.month()[..3].to_owned()),
    ("mon", |f| f.month()[..3].to_lowercase()),
    ("MM", |f| format!("{:02}", f.day.month)),
    ("MI", |f| format!("{:02}", f.time % HOUR / MINUTE)),
    ("MS", |f| format!("{:03}", f.micros() / 1000)),
    ("US", |f| format!("{:06}", f.micros())),
    ("FF1", |f| (f.micros() / 100_000).to_string()),
    ("FF2", |f| format!("{:02}", f.micros() / 10_000)),
    ("FF3", |f| format!("{:03}", f.micros() / 1000)),
    ("FF4", |f| format!("{:04}", f.micros() / 100)),
    ("FF5", |f| format!("{:05}", f.micros() / 10)),
    ("FF6", |f| format!("{:06}", f.micros())),
    ("DAY", |f| format!("{:<9}", f.weekday().to_uppercase())),
    ("Day", |f| format!("{:<9}", f.weekday())),
    ("day", |f| format!("{:<9}", f.weekday().to_lowercase())),
    ("DDD", |f| format!("{:03}", f.day.day_of_year())),
    ("DD", |f| format!("{:02}", f.day.day)),
    ("DY", |f| f.weekday()[..3].to_uppercase()),
    ("Dy", |f| f.weekday()[..3].to_owned()),
    ("dy", |f| f.weekday()[..3].to_lowercase()),
    ("D", |f| (calendar::iso_day_of_week(f.days.into()) % 7 + 1).to_string()),
    ("HH24", |f| format!("{:02}", f.hour())),
    ("HH12", |f| format!("{:02}", f.hour12())),
    ("HH", |f| format!("{:02}", f.hour12())),
    ("SSSSS", |f| (f.time / SECOND).to_string()),
    ("SSSS", |f| (f.time / SECOND).to_string()),
    ("SS", |f| format!("{:02}", f.time % MINUTE / SECOND)),
    ("A.M.", |f| f.meridiem("A.M.", "P.M.")),
    ("P.M.", |f| f.meridiem("A.M.", "P.M.")),
    ("a.m.", |f| f.meridiem("a.m.", "p.m.")),
    ("p.m.", |f| f.meridiem("a.m.", "p.m.")),
    ("AM", |f| f.meridiem("AM", "PM")),
    ("PM", |f| f.meridiem("AM", "PM")),
    ("am", |f| f.meridiem("am", "pm")),
    ("pm", |f| f.meridiem("am", "pm")),
    ("A.D.", |f| f.era("A.D.", "B.C.")),
    ("B.C.", |f| f.era("A.D.", "B.C.")),
    ("a.d.", |f| f.era("a.d.", "b.c.")),
    ("b.c.", |f| f.era("a.d.", "b.c.")),
    ("AD", |f| f.era("AD", "BC")),
    ("BC", |f| f.era("AD", "BC")),
    ("ad", |f| f.era("ad", "bc")),
    ("bc", |f| f.era("ad", "bc")),
    ("RM", |f| format!("{:<4}", ROMAN[f.day.month as usize - 1])),
    ("rm", |f| format!("{:<4}", ROMAN[f.day.month as usize - 1].to_lowercase())),
    ("WW", |f| format!("{:02}", (f.day.day_of_year() - 1) / 7 + 1)),
    ("W", |f| ((f.day.day as i32 - 1) / 7 + 1).to_string()),
    ("Q", |f| ((f.day.month - 1) / 3 + 1).to_string()),
    ("CC", |f| f.century()),
    ("J", |f| (f.days + calendar::EPOCH_JULIAN).to_string()),
    ("TZH", |_| "+00".to_owned()),
    ("TZM", |_| "00".to_owned()),
    ("TZ", |f| f.zone.to_owned()),
    ("tz", |f| f.zone.to_lowercase()),
    ("OF", |_| "+00".to_owned()),
    ("FX", |_| String::new()),
];

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The pattern a template begins with.
fn pattern(template: &str) -> Option<&'static Pattern> {
    let exact = PATTERNS.iter().find(|(name, _)| template.starts_with(name));
    exact.or_else(|| {
        let lower = |name: &str| template.get(..name.len()).is_some_and(|start| start == name.to_ascii_lowercase());
        PATTERNS.iter().find(|(name, _)| lower(name))
    })
}

/// The timestamp by the template; null for an infinity, and for an empty template.
fn format(at: i64, template: &str, zone: &'static str) -> Result<Option<String>> {
    if !calendar::is_finite_timestamp(at) || template.is_empty() {
        return Ok(None);
    }
    let (days, time) = calendar::split(at);
    let fields = Fields { day: Civil::from_days(days), days, time, zone };
    write(template, |(_, show)| Ok(show(&fields))).map(Some)
}

/// A template with its patterns replaced by what they show.
fn write(template: &str, show: impl Fn(&Pattern) -> Result<String>) -> Result<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = copy_quoted(&rest[1..], &mut out);
            continue;
        }
        if let Some(after) = rest.strip_prefix("\\\"") {
            out.push('"');
            rest = after;
            continue;
        }
        let (bare, after) = without_padding(rest);
        match pattern(after) {
            Some(pattern) => {
                let shown = show(pattern)?;
                let shown = if bare { unpadded(&shown) } else { shown };
                out.push_str(&shown);
                rest = &after[pattern.0.len()..];
                for suffix in ["TH", "th"] {
                    if let Some(after) = rest.strip_prefix(suffix) {
                        out.push_str(&ordinal(&shown, suffix == "TH"));
                        rest = after;
                        break;
                    }
                }
            }
            None if bare => rest = after,
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Ok(out)
}

/// Copies quoted text up to its end, a backslash before what would end it; what follows.
fn copy_quoted<'a>(quoted: &'a str, out: &mut String) -> &'a str {
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => out.extend(rest.next()),
            c => out.push(c),
        }
    }
    rest.as_str()
}

/// Whether a prefix takes the padding away, and what follows the prefix. Names in the language of the place are English.
fn without_padding(template: &str) -> (bool, &str) {
    ["FM", "fm", "TM", "tm"]
        .iter()
        .find_map(|prefix| template.strip_prefix(prefix))
        .map_or((false, template), |after| (true, after))
}

/// Without leading zeros, of which one stays if there is nothing else, and trailing blanks.
fn unpadded(shown: &str) -> String {
    let (sign, digits) = shown.strip_prefix('-').map_or(("", shown), |digits| ("-", digits));
    let trimmed = digits.trim_end().trim_start_matches('0');
    let nothing = trimmed.is_empty() && !digits.is_empty();
    [sign, if nothing { "0" } else { trimmed }].concat()
}

/// What makes a number an ordinal.
fn ordinal(shown: &str, upper: bool) -> String {
    let number = shown.trim_end();
    let teen = number.len() > 1 && number.as_bytes()[number.len() - 2] == b'1';
    let suffix = match number.bytes().last() {
        Some(b'1') if !teen => "st",
        Some(b'2') if !teen => "nd",
        Some(b'3') if !teen => "rd",
        Some(b'0'..=b'9') => "th",
        _ => "",
    };
    if upper { suffix.to_uppercase() } else { suffix.to_owned() }
}
