//! What the fields say: a day, a time of day, and how far east of UTC.

use super::{Fields, Result, overflow, wrong};
use crate::expr::EvalError;
use crate::value::calendar::{self, Civil, HOUR, MINUTE, SECOND};

impl Fields {
    /// The time of day.
    pub(super) fn time(&self, text: &str) -> Result<i64> {
        let [mut hour, mut minute, mut second] = [self.seconds / 3600, self.seconds % 3600 / 60, self.seconds % 60];
        for (field, given) in [(&mut hour, self.hour), (&mut minute, self.minute), (&mut second, self.second)] {
            *field = if given == 0 { *field } else { given };
        }
        if self.half_days {
            if !(1..=12).contains(&hour) {
                return Err(wrong(format!("hour \"{hour}\" is invalid for the 12-hour clock")));
            }
            hour = hour % 12 + if self.afternoon != 0 { 12 } else { 0 };
        }
        let fraction = i64::from(self.millis) * 1000 + i64::from(self.micros);
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !fits || !(0..SECOND).contains(&fraction) {
            return Err(overflow(text));
        }
        Ok(i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second) * SECOND + fraction)
    }

    /// The year, if the text says one.
    fn year(&self, text: &str) -> Result<Option<i32>> {
        let before = self.before_christ != 0;
        let century = if before { -self.century } else { self.century };
        let year = |year: Option<i32>| year.map(Some).ok_or_else(|| overflow(text));
        if self.year == 0 {
            return match century {
                0 => Ok(None),
                1.. => year((century - 1).checked_mul(100).and_then(|year| year.checked_add(1))),
                _ => year(century.checked_mul(100).and_then(|year| year.checked_add(1))),
            };
        }
        if self.century != 0 && self.year_digits <= 2 {
            // The last two digits, within the century.
            let digits = self.year % 100;
            return match (digits, century) {
                (0, 0..) => year(century.checked_mul(100)),
                (0, _) => year(century.checked_mul(100).and_then(|year| year.checked_add(1))),
                (_, 0..) => year((century - 1).checked_mul(100).and_then(|year| year.checked_add(digits))),
                _ => year((century + 1).checked_mul(100).and_then(|year| year.checked_sub(digits - 1))),
            };
        }
        let signed = if before { self.year.wrapping_neg() } else { self.year };
        Ok(Some(if signed < 0 { signed + 1 } else { signed }))
    }

    /// Days since 2000-01-01.
    pub(super) fn days(&self, text: &str) -> Result<i64> {
        let year = self.year(text)?;
        let mut date = Civil { year: year.unwrap_or(0), month: 1, day: 1 };
        let (mut day_of_year, mut day) = (self.day_of_year, self.day);
        let mut known = (year.is_some(), false, false);
        let iso = self.iso == Some(true);
        if self.julian != 0 {
            date = civil(i64::from(self.julian) - i64::from(calendar::EPOCH_JULIAN), text)?;
            known = (true, true, true);
        }
        let from_week = |week: i32| week.checked_sub(1)?.checked_mul(7)?.checked_add(1);
        if self.week != 0 && iso {
            let start = first_monday(date.year) + (i64::from(self.week) - 1) * 7;
            let within = match self.day_of_week {
                0 => 0,
                // Sunday is 1, and the last day of an ISO week.
                1 => 6,
                day => i64::from(day) - 2,
            };
            date = civil(start + within, text)?;
            known = (true, true, true);
        } else if self.week != 0 {
            day_of_year = from_week(self.week).ok_or_else(|| overflow(text))?;
        }
        if self.week_of_month != 0 {
            day = from_week(self.week_of_month).ok_or_else(|| overflow(text))?;
        }
        let field = |value: i32| u32::try_from(value).map_err(|_| overflow(text));
        if day != 0 {
            (date.day, known.2) = (field(day)?, true);
        }
        if self.month != 0 {
            (date.month, known.1) = (field(self.month)?, true);
        }
        if day_of_year != 0 && (date.month <= 1 || date.day <= 1) {
            if date.year == 0 && self.before_christ == 0 {
                return Err(wrong("cannot calculate day of year without year information".into()));
            }
            if iso {
                date = civil(first_monday(date.year) - 1 + i64::from(day_of_year), text)?;
            } else {
                let first = Civil { year: date.year, month: 1, day: 1 };
                let length = if calendar::days_in_month(date.year, 2) == 29 { 366 } else { 365 };
                if day_of_year < 1 || day_of_year > length {
                    return Err(overflow(text));
                }
                let found = civil(first.days() + i64::from(day_of_year) - 1, text)?;
                date.month = if date.month <= 1 { found.month } else { date.month };
                date.day = if date.day <= 1 { found.day } else { date.day };
            }
            known = (known.0 || iso, true, true);
        }
        let in_month = match known {
            (true, true, true) => date.exists(),
            _ => (1..=12).contains(&date.month) && (1..=31).contains(&date.day),
        };
        if !in_month {
            return Err(overflow(text));
        }
        Ok(date.days())
    }

    /// Microseconds the zone is east of UTC.
    pub(super) fn east(&self, text: &str) -> Result<i64> {
        if !(0..=15).contains(&self.zone_hours) || !(0..60).contains(&self.zone_minutes) {
            return Err(EvalError::new("22009", format!("time zone displacement out of range: \"{text}\"")));
        }
        let offset = i64::from(self.zone_hours) * HOUR + i64::from(self.zone_minutes) * MINUTE;
        Ok(if self.zone_sign < 0 { -offset } else { offset })
    }
}

fn civil(days: i64, text: &str) -> Result<Civil> {
    i32::try_from(days).map(Civil::from_days).map_err(|_| overflow(text))
}

/// The Monday of a year's first ISO week.
fn first_monday(year: i32) -> i64 {
    let fourth = Civil { year, month: 1, day: 4 }.days();
    fourth - i64::from(calendar::iso_day_of_week(fourth)) + 1
}
