//! The proleptic Gregorian calendar and the arithmetic of dates, timestamps and intervals.
//!
//! Dates count days and timestamps microseconds since 2000-01-01, both as Postgres does; years count astronomically
//! (0 is 1 BC). The extreme integers are the infinities and absorb what is added to them.

use super::{Interval, ValueError};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;
/// 2000-01-01 in days since 1970-01-01.
pub const EPOCH_DAYS: i32 = 10_957;
/// 2000-01-01 in microseconds since 1970-01-01.
pub const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY;
/// 2000-01-01 as a Julian day.
pub const EPOCH_JULIAN: i32 = 2_451_545;

/// `infinity` as a date.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` as a date.
pub const DATE_MINUS_INFINITY: i32 = i32::MIN;
/// `infinity` as a timestamp.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// `-infinity` as a timestamp.
pub const TIMESTAMP_MINUS_INFINITY: i64 = i64::MIN;

/// The first date: 4714-11-24 BC, Julian day 0.
const FIRST_DATE: i32 = -EPOCH_JULIAN;
/// The day after the last date, 5874897-12-31.
const END_DATE: i32 = 2_147_483_494 - EPOCH_JULIAN;
/// The first timestamp: that of the first date.
const FIRST_TIMESTAMP: i64 = FIRST_DATE as i64 * DAY;
/// The microsecond after the last timestamp, in the year 294276.
const END_TIMESTAMP: i64 = 106_751_983 * DAY;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The astronomical year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Civil {
    /// The day that is so many days after 2000-01-01.
    pub fn from_days(days: i32) -> Civil {
        // Years start in March here, so that the leap day ends them, and repeat every 400 years.
        let shifted = i64::from(days) + i64::from(EPOCH_DAYS) + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
        let year = (year_of_era + era * 400) as i32 + i32::from(month <= 2);
        Civil { year, month, day }
    }

    /// Days since 2000-01-01; beyond 32 bits for years far outside Postgres's.
    pub fn days(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted_month = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468 - i64::from(EPOCH_DAYS)
    }

    /// The date, if Postgres has it.
    pub fn date(self) -> Result<i32, ValueError> {
        check_date(self.days()).ok_or_else(|| out_of_range("date"))
    }

    /// Whether there is such a day.
    pub fn exists(self) -> bool {
        (1..=12).contains(&self.month) && (1..=days_in_month(self.year, self.month)).contains(&self.day)
    }

    /// So many months later, on the last day of the month if it is shorter.
    fn plus_months(self, months: i32) -> Civil {
        let total = i64::from(self.year) * 12 + i64::from(self.month) - 1 + i64::from(months);
        let (year, month) = (total.div_euclid(12) as i32, total.rem_euclid(12) as u32 + 1);
        Civil { year, month, day: self.day.min(days_in_month(year, month)) }
    }

    /// 1 to 366.
    pub fn day_of_year(self) -> i32 {
        (self.days() - Civil { year: self.year, month: 1, day: 1 }.days()) as i32 + 1
    }

    /// The ISO 8601 year and week: weeks start on Monday, and the first has the year's first Thursday.
    pub fn iso_week(self) -> (i32, i32) {
        let days = self.days();
        let thursday = days - i64::from(iso_day_of_week(days)) + 4;
        let civil = Civil::from_days(thursday as i32);
        (civil.year, (civil.day_of_year() - 1) / 7 + 1)
    }
}

/// 1 for Monday to 7 for Sunday, of days since 2000-01-01.
pub fn iso_day_of_week(days: i64) -> i32 {
    (days + 5).rem_euclid(7) as i32 + 1
}

/// The length of a month.
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `22008`: a date or timestamp Postgres does not have.
pub fn out_of_range(type_name: &str) -> ValueError {
    ValueError::new("22008", format!("{type_name} out of range"))
}

/// The finite date of so many days, if there is one.
pub fn check_date(days: i64) -> Option<i32> {
    (i64::from(FIRST_DATE)..i64::from(END_DATE)).contains(&days).then_some(days as i32)
}

/// The finite timestamp of so many microseconds, if there is one.
pub fn check_timestamp(micros: i64) -> Result<i64, ValueError> {
    let fits = (FIRST_TIMESTAMP..END_TIMESTAMP).contains(&micros);
    if fits { Ok(micros) } else { Err(out_of_range("timestamp")) }
}

/// The timestamp of a day and a time of day.
pub fn timestamp(days: i64, time: i64) -> Result<i64, ValueError> {
    let micros = days.checked_mul(DAY).and_then(|start| start.checked_add(time));
    check_timestamp(micros.ok_or_else(|| out_of_range("timestamp"))?)
}

/// A finite timestamp's day since 2000-01-01 and time of day.
pub fn split(timestamp: i64) -> (i32, i64) {
    (timestamp.div_euclid(DAY) as i32, timestamp.rem_euclid(DAY))
}

/// Whether a date is neither infinity.
pub fn is_finite_date(date: i32) -> bool {
    date != DATE_INFINITY && date != DATE_MINUS_INFINITY
}

/// Whether a timestamp is neither infinity.
pub fn is_finite_timestamp(timestamp: i64) -> bool {
    timestamp != TIMESTAMP_INFINITY && timestamp != TIMESTAMP_MINUS_INFINITY
}

/// A date's midnight as a timestamp.
pub fn date_to_timestamp(date: i32) -> Result<i64, ValueError> {
    match date {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_MINUS_INFINITY => Ok(TIMESTAMP_MINUS_INFINITY),
        days => timestamp(i64::from(days), 0).map_err(|_| ValueError::new("22008", "date out of range for timestamp")),
    }
}

/// A timestamp's date.
pub fn timestamp_to_date(timestamp: i64) -> i32 {
    match timestamp {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_MINUS_INFINITY => DATE_MINUS_INFINITY,
        finite => split(finite).0,
    }
}

/// A timestamp without zone plus an interval: months first, then days, then time.
pub fn timestamp_plus(timestamp: i64, interval: Interval) -> Result<i64, ValueError> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let days_later = plus_days(plus_months(timestamp, interval.months)?, interval.days)?;
    check_timestamp(days_later.checked_add(interval.micros).ok_or_else(|| out_of_range("timestamp"))?)
}

/// A timestamp so many calendar months later.
fn plus_months(at: i64, months: i32) -> Result<i64, ValueError> {
    if months == 0 {
        return Ok(at);
    }
    let (days, time) = split(at);
    timestamp(Civil::from_days(days).plus_months(months).days(), time)
}

fn plus_days(at: i64, days: i32) -> Result<i64, ValueError> {
    let later = i64::from(days).checked_mul(DAY).and_then(|micros| at.checked_add(micros));
    check_timestamp(later.ok_or_else(|| out_of_range("timestamp"))?)
}

/// A timestamp with zone plus an interval: months and days are those of the zone's calendar.
pub fn timestamptz_plus(timestamp: i64, interval: Interval, zone: &super::zone::Zone) -> Result<i64, ValueError> {
    if !is_finite_timestamp(timestamp) {
        return Ok(timestamp);
    }
    let mut at = timestamp;
    if interval.months != 0 {
        at = zone.to_utc(plus_months(zone.to_local(at)?, interval.months)?)?;
    }
    if interval.days != 0 {
        at = zone.to_utc(plus_days(zone.to_local(at)?, interval.days)?)?;
    }
    check_timestamp(at.checked_add(interval.micros).ok_or_else(|| out_of_range("timestamp"))?)
}

impl Interval {
    /// No time at all.
    pub const ZERO: Interval = Interval { months: 0, days: 0, micros: 0 };

    /// A length in microseconds.
    pub fn from_micros(micros: i64) -> Interval {
        Interval { months: 0, days: 0, micros }
    }

    /// `self + other`, part by part.
    pub fn add(self, other: Interval) -> Result<Interval, ValueError> {
        let months = self.months.checked_add(other.months);
        let days = self.days.checked_add(other.days);
        let micros = self.micros.checked_add(other.micros);
        match (months, days, micros) {
            (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
            _ => Err(out_of_range("interval")),
        }
    }

    /// `-self`
    pub fn neg(self) -> Result<Interval, ValueError> {
        match (self.months.checked_neg(), self.days.checked_neg(), self.micros.checked_neg()) {
            (Some(months), Some(days), Some(micros)) => Ok(Interval { months, days, micros }),
            _ => Err(out_of_range("interval")),
        }
    }

    /// `self - other`
    pub fn sub(self, other: Interval) -> Result<Interval, ValueError> {
        self.add(other.neg()?)
    }

    /// `self * factor`: fractions of months become days of 30 a month, fractions of days time.
    pub fn mul(self, factor: f64) -> Result<Interval, ValueError> {
        let months = f64::from(self.months) * factor;
        let days = f64::from(self.days) * factor;
        let whole_months = to_i32(months)?;
        let whole_days = to_i32(days)?;
        let month_days = round_micros((months - f64::from(whole_months)) * 30.0);
        let mut seconds = (days - f64::from(whole_days) + month_days - month_days.trunc()) * 86_400.0;
        seconds = round_micros(seconds);
        self.assemble(whole_months, whole_days, month_days, seconds, self.micros as f64 * factor)
    }

    /// `self / divisor`
    pub fn div(self, divisor: f64) -> Result<Interval, ValueError> {
        if divisor == 0.0 {
            return Err(ValueError::new("22012", "division by zero"));
        }
        let (months, days) = (f64::from(self.months) / divisor, f64::from(self.days) / divisor);
        let whole_months = to_i32(months)?;
        let whole_days = to_i32(days)?;
        let month_days = round_micros((months - f64::from(whole_months)) * 30.0);
        let mut seconds = (days - f64::from(whole_days) + month_days - month_days.trunc()) * 86_400.0;
        seconds = round_micros(seconds);
        self.assemble(whole_months, whole_days, month_days, seconds, self.micros as f64 / divisor)
    }

    /// The product or quotient from its parts; a day's worth of cascaded seconds becomes a day.
    fn assemble(
        self,
        months: i32,
        days: i32,
        month_days: f64,
        mut seconds: f64,
        micros: f64,
    ) -> Result<Interval, ValueError> {
        let mut days = i64::from(days);
        if seconds.abs() >= 86_400.0 {
            let carried = (seconds / 86_400.0).trunc();
            days += carried as i64;
            seconds -= carried * 86_400.0;
        }
        days += month_days as i64;
        let micros = (micros + seconds * SECOND as f64).round_ties_even();
        let fits = micros.is_finite() && micros >= i64::MIN as f64 && micros < i64::MAX as f64;
        match i32::try_from(days) {
            Ok(days) if fits => Ok(Interval { months, days, micros: micros as i64 }),
            _ => Err(out_of_range("interval")),
        }
    }

    /// Whole days of the time part moved into days.
    pub fn justify_hours(self) -> Result<Interval, ValueError> {
        let days = i64::from(self.days) + self.micros / DAY;
        let days = i32::try_from(days).map_err(|_| out_of_range("interval"))?;
        Ok(Interval { days, micros: self.micros % DAY, ..self }.with_time_like_days())
    }

    /// Every thirty days moved into months.
    pub fn justify_days(self) -> Result<Interval, ValueError> {
        let months = self.months.checked_add(self.days / 30).ok_or_else(|| out_of_range("interval"))?;
        let days = self.days % 30;
        Ok(Interval { months, days, ..self }.with_days_like_months(i64::from(days)))
    }

    /// Both, with one sign for all parts.
    pub fn justify_interval(self) -> Result<Interval, ValueError> {
        let days = i64::from(self.days) + self.micros / DAY;
        let months = i32::try_from(i64::from(self.months) + days / 30).map_err(|_| out_of_range("interval"))?;
        let (days, micros) = (days % 30, self.micros % DAY);
        let below = if days == 0 { micros } else { days };
        Ok(Interval { months, days: days as i32, micros }.with_days_like_months(below).with_time_like_days())
    }

    /// With a day moved into the time where their signs differ.
    fn with_time_like_days(self) -> Interval {
        let day = opposed(self.days, self.micros);
        Interval { days: self.days - day, micros: self.micros + i64::from(day) * DAY, ..self }
    }

    /// With a month moved into the days where its sign differs from what is below it.
    fn with_days_like_months(self, below: i64) -> Interval {
        let month = opposed(self.months, below);
        Interval { months: self.months - month, days: self.days + month * 30, ..self }
    }
}

/// One of the greater part, with its sign, if the lesser has the other.
fn opposed(greater: i32, lesser: i64) -> i32 {
    if i64::from(greater.signum()) * lesser.signum() < 0 { greater.signum() } else { 0 }
}

fn to_i32(value: f64) -> Result<i32, ValueError> {
    let fits = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
    if fits { Ok(value as i32) } else { Err(out_of_range("interval")) }
}

/// Rounded to millionths, as Postgres's `TSROUND`.
fn round_micros(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_civil_days_agree() {
        for days in (FIRST_DATE..END_DATE).step_by(9973).chain(-800_000..-799_000) {
            let civil = Civil::from_days(days);
            assert!(civil.exists(), "{civil:?}");
            assert_eq!(civil.days(), i64::from(days), "{civil:?}");
        }
        assert_eq!(Civil { year: 2000, month: 1, day: 1 }.days(), 0);
        assert_eq!(Civil { year: 1970, month: 1, day: 1 }.days(), -i64::from(EPOCH_DAYS));
        assert_eq!(Civil { year: -4713, month: 11, day: 24 }.days(), i64::from(FIRST_DATE));
    }

    #[test]
    fn months_end_on_their_last_day() {
        let january = timestamp(Civil { year: 2024, month: 1, day: 31 }.days(), 5).unwrap();
        let month = Interval { months: 1, days: 0, micros: 0 };
        let february = timestamp(Civil { year: 2024, month: 2, day: 29 }.days(), 5).unwrap();
        assert_eq!(timestamp_plus(january, month), Ok(february));
    }

    #[test]
    fn iso_weeks() {
        let week = |year, month, day| Civil { year, month, day }.iso_week();
        assert_eq!(week(2005, 1, 1), (2004, 53));
        assert_eq!(week(2012, 12, 31), (2013, 1));
        assert_eq!(week(2024, 7, 1), (2024, 27));
    }
}
