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
mod template;
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

/// A template's pattern and what writes what it shows.
type Pattern = (&'static str, fn(&Fields, &mut String));

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

    fn century(&self, out: &mut String) {
        let year = self.day.year;
        let century = if year > 0 { (year + 99) / 100 } else { year / 100 - 1 };
        if century < 0 {
            out.push('-');
        }
        digits(out, century.abs(), 2);
    }

    fn era<'a>(&self, after: &'a str, before: &'a str) -> &'a str {
        if self.day.year > 0 { after } else { before }
    }

    fn meridiem<'a>(&self, am: &'a str, pm: &'a str) -> &'a str {
        if self.hour() < 12 { am } else { pm }
    }
}

/// Longest first among those that share a beginning. Where letters have no case of their own, a pattern in lower case means
/// the same.
static PATTERNS: &[Pattern] = &[
    ("Y,YYY", |f, out| {
        digits(out, f.year() / 1000, 1);
        out.push(',');
        digits(out, f.year() % 1000, 3);
    }),
    ("YYYY", |f, out| digits(out, f.year(), 4)),
    ("YYY", |f, out| digits(out, f.year() % 1000, 3)),
    ("YY", |f, out| digits(out, f.year() % 100, 2)),
    ("Y", |f, out| digits(out, f.year() % 10, 1)),
    ("IYYY", |f, out| digits(out, f.iso_year(), 4)),
    ("IYY", |f, out| digits(out, f.iso_year() % 1000, 3)),
    ("IY", |f, out| digits(out, f.iso_year() % 100, 2)),
    ("IDDD", |f, out| digits(out, f.iso_day_of_year(), 3)),
    ("ID", |f, out| digits(out, calendar::iso_day_of_week(f.days.into()), 1)),
    ("IW", |f, out| digits(out, f.day.iso_week().1, 2)),
    ("I", |f, out| digits(out, f.iso_year() % 10, 1)),
    ("MONTH", |f, out| blank_padded(out, &f.month().to_uppercase(), 9)),
    ("Month", |f, out| blank_padded(out, f.month(), 9)),
    ("month", |f, out| blank_padded(out, &f.month().to_lowercase(), 9)),
    ("MON", |f, out| out.push_str(&f.month()[..3].to_uppercase())),
    ("Mon", |f, out| out.push_str(&f.month()[..3])),
    ("mon", |f, out| out.push_str(&f.month()[..3].to_lowercase())),
    ("MM", |f, out| digits(out, f.day.month, 2)),
    ("MI", |f, out| digits(out, f.time % HOUR / MINUTE, 2)),
    ("MS", |f, out| digits(out, f.micros() / 1000, 3)),
    ("US", |f, out| digits(out, f.micros(), 6)),
    ("FF1", |f, out| digits(out, f.micros() / 100_000, 1)),
    ("FF2", |f, out| digits(out, f.micros() / 10_000, 2)),
    ("FF3", |f, out| digits(out, f.micros() / 1000, 3)),
    ("FF4", |f, out| digits(out, f.micros() / 100, 4)),
    ("FF5", |f, out| digits(out, f.micros() / 10, 5)),
    ("FF6", |f, out| digits(out, f.micros(), 6)),
    ("DAY", |f, out| blank_padded(out, &f.weekday().to_uppercase(), 9)),
    ("Day", |f, out| blank_padded(out, f.weekday(), 9)),
    ("day", |f, out| blank_padded(out, &f.weekday().to_lowercase(), 9)),
    ("DDD", |f, out| digits(out, f.day.day_of_year(), 3)),
    ("DD", |f, out| digits(out, f.day.day, 2)),
    ("DY", |f, out| out.push_str(&f.weekday()[..3].to_uppercase())),
    ("Dy", |f, out| out.push_str(&f.weekday()[..3])),
    ("dy", |f, out| out.push_str(&f.weekday()[..3].to_lowercase())),
    ("D", |f, out| digits(out, calendar::iso_day_of_week(f.days.into()) % 7 + 1, 1)),
    ("HH24", |f, out| digits(out, f.hour(), 2)),
    ("HH12", |f, out| digits(out, f.hour12(), 2)),
    ("HH", |f, out| digits(out, f.hour12(), 2)),
    ("SSSSS", |f, out| digits(out, f.time / SECOND, 1)),
    ("SSSS", |f, out| digits(out, f.time / SECOND, 1)),
    ("SS", |f, out| digits(out, f.time % MINUTE / SECOND, 2)),
    ("A.M.", |f, out| out.push_str(f.meridiem("A.M.", "P.M."))),
    ("P.M.", |f, out| out.push_str(f.meridiem("A.M.", "P.M."))),
    ("a.m.", |f, out| out.push_str(f.meridiem("a.m.", "p.m."))),
    ("p.m.", |f, out| out.push_str(f.meridiem("a.m.", "p.m."))),
    ("AM", |f, out| out.push_str(f.meridiem("AM", "PM"))),
    ("PM", |f, out| out.push_str(f.meridiem("AM", "PM"))),
    ("am", |f, out| out.push_str(f.meridiem("am", "pm"))),
    ("pm", |f, out| out.push_str(f.meridiem("am", "pm"))),
    ("A.D.", |f, out| out.push_str(f.era("A.D.", "B.C."))),
    ("B.C.", |f, out| out.push_str(f.era("A.D.", "B.C."))),
    ("a.d.", |f, out| out.push_str(f.era("a.d.", "b.c."))),
    ("b.c.", |f, out| out.push_str(f.era("a.d.", "b.c."))),
    ("AD", |f, out| out.push_str(f.era("AD", "BC"))),
    ("BC", |f, out| out.push_str(f.era("AD", "BC"))),
    ("ad", |f, out| out.push_str(f.era("ad", "bc"))),
    ("bc", |f, out| out.push_str(f.era("ad", "bc"))),
    ("RM", |f, out| blank_padded(out, ROMAN[f.day.month as usize - 1], 4)),
    ("rm", |f, out| blank_padded(out, &ROMAN[f.day.month as usize - 1].to_lowercase(), 4)),
    ("WW", |f, out| digits(out, (f.day.day_of_year() - 1) / 7 + 1, 2)),
    ("W", |f, out| digits(out, (f.day.day as i32 - 1) / 7 + 1, 1)),
    ("Q", |f, out| digits(out, (f.day.month - 1) / 3 + 1, 1)),
    ("CC", |f, out| f.century(out)),
    ("J", |f, out| digits(out, f.days + calendar::EPOCH_JULIAN, 1)),
    ("TZH", |_, out| out.push_str("+00")),
    ("TZM", |_, out| out.push_str("00")),
    ("TZ", |f, out| out.push_str(f.zone)),
    ("tz", |f, out| out.push_str(&f.zone.to_lowercase())),
    ("OF", |_, out| out.push_str("+00")),
    ("FX", |_, _| ()),
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
    template::write(template, |(_, show), out| {
        show(&fields, out);
        Ok(())
    })
    .map(Some)
}

/// A number that is not negative, with at least so many digits.
fn digits(out: &mut String, number: impl Into<i64>, width: usize) {
    let (mut rest, mut written, mut place) = (number.into(), [b'0'; 20], 20);
    while rest > 0 {
        place -= 1;
        written[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let shown = &written[place.min(written.len() - width)..];
    out.extend(shown.iter().map(|digit| char::from(*digit)));
}

/// A word in at least so many places.
fn blank_padded(out: &mut String, word: &str, width: usize) {
    out.push_str(word);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(word.len())));
}
