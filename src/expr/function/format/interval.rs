//! `to_char` of intervals: as of times, but what belongs to a calendar is refused.

use crate::expr::EvalError;
use crate::value::Interval;
use crate::value::calendar::{HOUR, MINUTE, SECOND};

type Result<X> = std::result::Result<X, EvalError>;

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The interval by the template; null for an empty template.
pub(super) fn format(interval: Interval, template: &str) -> Result<Option<String>> {
    if template.is_empty() {
        return Ok(None);
    }
    super::template::write(template, |(name, _), out| show(interval, name).map(|shown| out.push_str(&shown))).map(Some)
}

/// At least so many digits, and a sign.
fn padded(value: i64, width: usize) -> String {
    let width = width + usize::from(value < 0);
    format!("{value:0width$}")
}

fn show(interval: Interval, name: &str) -> Result<String> {
    let (years, months, days) = (interval.months / 12, interval.months % 12, i64::from(interval.days));
    let (hours, minutes) = (interval.micros / HOUR, interval.micros % HOUR / MINUTE);
    let (seconds, micros) = (interval.micros % MINUTE / SECOND, interval.micros % SECOND);
    let (year, month) = (i64::from(years), i64::from(months));
    let day_of_year = i64::from(interval.months) * 30 + days;
    let afternoon = hours % 24 >= 12;
    Ok(match name {
        "HH24" => padded(hours, 2),
        // The sign of the hours makes the width, whatever is shown.
        "HH12" | "HH" => {
            let shown = if hours % 12 == 0 { 12 } else { hours % 12 };
            let width = if hours < 0 { 3 } else { 2 };
            format!("{shown:0width$}")
        }
        "MI" => padded(minutes, 2),
        "SS" => padded(seconds, 2),
        "MS" | "FF3" => format!("{:03}", micros / 1000),
        "US" | "FF6" => format!("{micros:06}"),
        "FF1" => (micros / 100_000).to_string(),
        "FF2" => format!("{:02}", micros / 10_000),
        "FF4" => format!("{:04}", micros / 100),
        "FF5" => format!("{:05}", micros / 10),
        "SSSSS" | "SSSS" => (interval.micros / SECOND).to_string(),
        "AM" | "PM" => (if afternoon { "PM" } else { "AM" }).to_owned(),
        "am" | "pm" => (if afternoon { "pm" } else { "am" }).to_owned(),
        "A.M." | "P.M." => (if afternoon { "P.M." } else { "A.M." }).to_owned(),
        "a.m." | "p.m." => (if afternoon { "p.m." } else { "a.m." }).to_owned(),
        "YYYY" => padded(year, 4),
        "YYY" => padded(year % 1000, 3),
        "YY" => padded(year % 100, 2),
        "Y" => (year % 10).to_string(),
        "Y,YYY" => format!("{},{:03}", year / 1000, year % 1000),
        "CC" => padded(year / 100, 2),
        "MM" => padded(month, 2),
        "DD" => format!("{days:02}"),
        "DDD" => format!("{day_of_year:03}"),
        "WW" => format!("{:02}", (day_of_year - 1) / 7 + 1),
        "W" => ((days - 1) / 7 + 1).to_string(),
        "Q" if months == 0 => String::new(),
        "Q" => ((month - 1) / 3 + 1).to_string(),
        "RM" | "rm" if months == 0 && years == 0 => String::new(),
        "RM" | "rm" => {
            let place = if months == 0 { if years >= 0 { 11 } else { 0 } } else { (months + 11) % 12 };
            let roman = ROMAN[if months < 0 { 12 + months } else { place } as usize];
            format!("{:<4}", if name == "RM" { roman.to_owned() } else { roman.to_lowercase() })
        }
        "J" => return Err(EvalError::new("0A000", "the pattern \"J\" of an interval is not supported yet")),
        "IYYY" | "IYY" | "IY" | "I" | "IW" | "IDDD" => {
            return Err(EvalError::new("0A000", "ISO weeks of an interval are not supported yet"));
        }
        "FX" => String::new(),
        _ => return Err(EvalError::new("22007", "invalid format specification for an interval value")),
    })
}
