//! The short way for timestamps as Postgres shows them, which is how nearly all of them come.

use crate::value::calendar::{self, Civil, HOUR, MINUTE, SECOND};

/// A timestamp in the form Postgres itself shows one of our era in, `2026-01-02 03:04:05.006` and the zone: nearly all that are
/// read. Nothing for any other form, and for what is wrong: those are for the scanner.
pub(super) fn shown_timestamp(input: &str, zone: &str) -> Option<i64> {
    let (clock, fraction) = input.strip_suffix(zone)?.as_bytes().split_first_chunk::<19>()?;
    let number = |from: usize, to: usize| {
        let digits = clock[from..to].iter().map(|byte| byte.is_ascii_digit().then(|| i64::from(byte - b'0')));
        digits.into_iter().try_fold(0, |number, digit| Some(number * 10 + digit?))
    };
    if [clock[4], clock[7], clock[10], clock[13], clock[16]] != *b"-- ::" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let civil = Civil { year: year as i32, month: month as u32, day: day as u32 };
    if year == 0 || !civil.exists() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if matches!(digits.len(), 1..=6) && digits.iter().all(u8::is_ascii_digit) => {
            let written = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
            written * 10i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    calendar::timestamp(civil.days(), hour * HOUR + minute * MINUTE + second * SECOND + micros).ok()
}
