//! Time zones: by name from the system's database, or a fixed offset.

use super::ValueError;
use super::calendar::{self, DAY, EPOCH_MICROS, SECOND};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    /// A zone of the database.
    Named(TimeZone),
}

impl Zone {
    /// UTC itself.
    pub const UTC: Zone = Zone::Fixed(0);

    /// A zone by name (`Europe/Berlin`), abbreviation (`PST`) or in the POSIX way, whose signs are reversed
    /// (`UTC+3` and `+3` are west of Greenwich).
    pub fn parse(name: &str) -> Result<Zone, ValueError> {
        let unknown = || ValueError::new("22023", format!("time zone \"{name}\" not recognized"));
        let text = name.trim();
        if let Some(seconds) = abbreviation(text) {
            return Ok(Zone::Fixed(seconds));
        }
        if let Ok(zone) = TimeZone::get(text) {
            return Ok(Zone::Named(zone));
        }
        let sign = text.find(['+', '-']).ok_or_else(unknown)?;
        let prefix = &text[..sign];
        if !prefix.is_empty() && !prefix.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(unknown());
        }
        let west = parse_offset(&text[sign..]).ok_or_else(unknown)?;
        Ok(Zone::Fixed(-west))
    }

    /// The wall clock's reading in this zone at an instant, both as timestamps.
    pub fn to_local(&self, utc: i64) -> Result<i64, ValueError> {
        if !calendar::is_finite_timestamp(utc) {
            return Ok(utc);
        }
        let seconds = self.offset_at(utc);
        let local = utc.checked_add(i64::from(seconds) * SECOND);
        calendar::check_timestamp(local.ok_or_else(|| calendar::out_of_range("timestamp"))?)
    }

    /// The instant at which the wall clock shows this: in a gap the clock's time before it, in a repeated hour the second.
    pub fn to_utc(&self, local: i64) -> Result<i64, ValueError> {
        if !calendar::is_finite_timestamp(local) {
            return Ok(local);
        }
        let seconds = match self {
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(zone) => local_offset(zone, local),
        };
        let utc = local.checked_sub(i64::from(seconds) * SECOND);
        calendar::check_timestamp(utc.ok_or_else(|| calendar::out_of_range("timestamp"))?)
    }

    /// The fewest and the most seconds east of UTC there ever are.
    pub fn offsets(&self) -> (i32, i32) {
        /// When the last change that is in the database by itself is long over: later ones follow a rule for every year.
        const RULES_ONLY: i64 = 2200 - 1970;
        match self {
            Zone::Fixed(seconds) => (*seconds, *seconds),
            Zone::Named(zone) => {
                let last = RULES_ONLY * 365 * (DAY / SECOND);
                let changes = zone.following(Timestamp::MIN).take_while(|change| change.timestamp().as_second() < last);
                let first = zone.to_offset(Timestamp::MIN).seconds();
                changes
                    .map(|change| change.offset().seconds())
                    .fold((first, first), |(least, most), offset| (least.min(offset), most.max(offset)))
            }
        }
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_at(&self, utc: i64) -> i32 {
        match self {
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(zone) => zone.to_offset(instant(utc)).seconds(),
        }
    }
}

/// The instant; one beyond the database's years gives way to one of the same rules within them, as the calendar, days of
/// the week included, repeats every 400 years. Before its first year no zone had any rule.
fn instant(utc: i64) -> Timestamp {
    const CYCLE: i64 = 146_097 * DAY;
    const LAST_CYCLE: i64 = 7600 * 365 * DAY;
    let within = match utc {
        LAST_CYCLE.. => LAST_CYCLE + (utc - LAST_CYCLE) % CYCLE,
        _ => utc,
    };
    let micros = within.saturating_add(EPOCH_MICROS);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN)
}

fn local_offset(zone: &TimeZone, local: i64) -> i32 {
    let clock = TimeZone::UTC.to_datetime(instant(local));
    match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
        AmbiguousOffset::Gap { before, .. } => before.seconds(),
        AmbiguousOffset::Fold { after, .. } => after.seconds(),
    }
}

/// Seconds east of UTC for the commonest of Postgres's default abbreviations.
pub(super) fn abbreviation(name: &str) -> Option<i32> {
    const HOURS: [(&str, i32); 26] = [
        ("utc", 0),
        ("gmt", 0),
        ("z", 0),
        ("zulu", 0),
        ("ut", 0),
        ("uct", 0),
        ("wet", 0),
        ("west", 1),
        ("bst", 1),
        ("cet", 1),
        ("cest", 2),
        ("eet", 2),
        ("eest", 3),
        ("msk", 3),
        ("jst", 9),
        ("kst", 9),
        ("aest", 10),
        ("est", -5),
        ("edt", -4),
        ("cst", -6),
        ("cdt", -5),
        ("mst", -7),
        ("mdt", -6),
        ("pst", -8),
        ("pdt", -7),
        ("hst", -10),
    ];
    HOURS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, hours)| hours * 3600)
}

/// Seconds of `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`.
pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &text[1..];
    let parts: Vec<&str> = match digits.contains(':') {
        true => digits.split(':').collect(),
        false if digits.len() > 4 && digits.is_ascii() => {
            vec![&digits[..digits.len() - 4], &digits[digits.len() - 4..digits.len() - 2], &digits[digits.len() - 2..]]
        }
        false if digits.len() > 2 && digits.is_ascii() => {
            let (hours, minutes) = digits.split_at(digits.len() - 2);
            vec![hours, minutes]
        }
        false => vec![digits],
    };
    if parts.len() > 3 || parts.iter().any(|p| p.is_empty() || p.len() > 2 || !p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let part = |i: usize| parts.get(i).map_or(Some(0), |p| p.parse::<i32>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(1)?, part(2)?);
    let valid = hours <= 15 && minutes < 60 && seconds < 60;
    valid.then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}
