//! `to_char`: times by a template.

use super::Kind::*;
use super::argument::{Timestamp as Instant, Timestamptz as Moment};
use super::{Definition, lift, total};
use crate::value::calendar::{self, Civil, HOUR, MINUTE, SECOND};

pub(super) static FUNCTIONS: &[Definition] = &[
    total("to_char", &[Timestamp, Text], Text, lift!(|t: Instant, template: &str| Ok(format(t.0, template, "")))),
    total("to_char", &[Timestamptz, Text], Text, lift!(|t: Moment, template: &str| Ok(format(t.0, template, "UTC")))),
];

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

    fn meridiem(&self, am: &str, pm: &str) -> String {
        (if self.hour() < 12 { am } else { pm }).to_owned()
    }
}

/// Longest first among those that share a beginning. A pattern of letters matches in lower case too where a line says so.
static PATTERNS: &[Pattern] = &[
    ("YYYY", |f| format!("{:04}", f.year())),
    ("yyyy", |f| format!("{:04}", f.year())),
    ("Y,YYY", |f| format!("{},{:03}", f.year() / 1000, f.year() % 1000)),
    ("YYY", |f| format!("{:03}", f.year() % 1000)),
    ("YY", |f| format!("{:02}", f.year() % 100)),
    ("yy", |f| format!("{:02}", f.year() % 100)),
    ("Y", |f| (f.year() % 10).to_string()),
    ("IYYY", |f| format!("{:04}", f.day.iso_week().0)),
    ("IY", |f| format!("{:02}", f.day.iso_week().0 % 100)),
    ("IW", |f| format!("{:02}", f.day.iso_week().1)),
    ("ID", |f| calendar::iso_day_of_week(f.days.into()).to_string()),
    ("MONTH", |f| format!("{:<9}", f.month().to_uppercase())),
    ("Month", |f| format!("{:<9}", f.month())),
    ("month", |f| format!("{:<9}", f.month().to_lowercase())),
    ("MON", |f| f.month()[..3].to_uppercase()),
    ("Mon", |f| f.month()[..3].to_owned()),
    ("mon", |f| f.month()[..3].to_lowercase()),
    ("MM", |f| format!("{:02}", f.day.month)),
    ("mm", |f| format!("{:02}", f.day.month)),
    ("MI", |f| format!("{:02}", f.time % HOUR / MINUTE)),
    ("mi", |f| format!("{:02}", f.time % HOUR / MINUTE)),
    ("MS", |f| format!("{:03}", f.micros() / 1000)),
    ("ms", |f| format!("{:03}", f.micros() / 1000)),
    ("US", |f| format!("{:06}", f.micros())),
    ("us", |f| format!("{:06}", f.micros())),
    ("DAY", |f| format!("{:<9}", f.weekday().to_uppercase())),
    ("Day", |f| format!("{:<9}", f.weekday())),
    ("day", |f| format!("{:<9}", f.weekday().to_lowercase())),
    ("DDD", |f| format!("{:03}", f.day.day_of_year())),
    ("ddd", |f| format!("{:03}", f.day.day_of_year())),
    ("DD", |f| format!("{:02}", f.day.day)),
    ("dd", |f| format!("{:02}", f.day.day)),
    ("DY", |f| f.weekday()[..3].to_uppercase()),
    ("Dy", |f| f.weekday()[..3].to_owned()),
    ("dy", |f| f.weekday()[..3].to_lowercase()),
    ("D", |f| (calendar::iso_day_of_week(f.days.into()) % 7 + 1).to_string()),
    ("HH24", |f| format!("{:02}", f.hour())),
    ("hh24", |f| format!("{:02}", f.hour())),
    ("HH12", |f| format!("{:02}", f.hour12())),
    ("hh12", |f| format!("{:02}", f.hour12())),
    ("HH", |f| format!("{:02}", f.hour12())),
    ("hh", |f| format!("{:02}", f.hour12())),
    ("SSSS", |f| (f.time / SECOND).to_string()),
    ("SS", |f| format!("{:02}", f.time % MINUTE / SECOND)),
    ("ss", |f| format!("{:02}", f.time % MINUTE / SECOND)),
    ("AM", |f| f.meridiem("AM", "PM")),
    ("PM", |f| f.meridiem("AM", "PM")),
    ("am", |f| f.meridiem("am", "pm")),
    ("pm", |f| f.meridiem("am", "pm")),
    ("WW", |f| format!("{:02}", (f.day.day_of_year() - 1) / 7 + 1)),
    ("W", |f| ((f.day.day as i32 - 1) / 7 + 1).to_string()),
    ("Q", |f| ((f.day.month - 1) / 3 + 1).to_string()),
    ("CC", |f| format!("{:02}", (f.year() + 99) / 100)),
    ("J", |f| (f.days + calendar::EPOCH_JULIAN).to_string()),
    ("TZ", |f| f.zone.to_owned()),
    ("tz", |f| f.zone.to_lowercase()),
    ("OF", |_| "+00".to_owned()),
];

/// The timestamp by the template; `FM` before a pattern takes its padding away, quoted text is copied. Null for an infinity.
fn format(at: i64, template: &str, zone: &'static str) -> Option<String> {
    if !calendar::is_finite_timestamp(at) {
        return None;
    }
    let (days, time) = calendar::split(at);
    let fields = Fields { day: Civil::from_days(days), days, time, zone };
    let mut out = String::new();
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let quoted = &rest[1..];
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or("");
            continue;
        }
        let (bare, after) = match rest.strip_prefix("FM") {
            Some(after) => (true, after),
            None => (false, rest),
        };
        match PATTERNS.iter().find(|(pattern, _)| after.starts_with(pattern)) {
            Some((pattern, show)) => {
                let shown = show(&fields);
                out.push_str(if bare { without_padding(&shown) } else { &shown });
                rest = &after[pattern.len()..];
            }
            None if bare => rest = after,
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Some(out)
}

/// Without leading zeros, of which one stays if there is nothing else, and trailing blanks.
fn without_padding(shown: &str) -> &str {
    let trimmed = shown.trim_end().trim_start_matches('0');
    if trimmed.is_empty() { "0" } else { trimmed }
}
