//! A column that tells when its row settles.

use crate::expr::Scalar;
use crate::value::calendar::{DAY, SECOND};
use crate::value::zone::Zone;
use crate::value::{Datum, Interval, Type};

/// A column with a time: the events that made the row lie before `value + length`, and came within `accept` of that.
///
/// All lengths are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Which column; a `timestamptz`, a `timestamp` in UTC, or a `date`.
    pub column: usize,
    /// From the value to where the events end: 1 for an event's own time, 0 for the end of a window, its size for its start.
    pub length: i64,
    /// K: how long after that changes may take effect.
    pub accept: i64,
    /// By how much at most the events end later than the row's own event does.
    pub reach: i64,
    /// All values are multiples of this, counted from 1970.
    pub step: i64,
}

impl Horizon {
    /// The last moment at which a change counts, counted from the value.
    pub fn last(&self) -> i64 {
        self.length.saturating_sub(1).saturating_add(self.accept)
    }

    /// That of a column with the time of an event that comes in time.
    pub fn of_event(column: usize) -> Horizon {
        Horizon { column, length: 1, accept: 0, reach: 0, step: 1 }
    }

    /// What an expression makes of the one time that it reads, with the column of that.
    pub fn made_of(scalar: &Scalar) -> Option<Horizon> {
        let mut column = None;
        scalar.columns(&mut |of| column = Some(of));
        let read = Horizon::of_event(column?);
        Horizon::of(scalar, &[read], read.column)
    }

    /// The horizon an expression is, given those among the columns it reads. `column` is where its value will stand.
    pub fn of(scalar: &Scalar, known: &[Horizon], column: usize) -> Option<Horizon> {
        match scalar {
            Scalar::Column(of, _) => {
                known.iter().find(|horizon| horizon.column == *of).map(|h| Horizon { column, ..*h })
            }
            Scalar::Call { function, arguments, .. } => call(function.name(), arguments, known, column),
            _ => None,
        }
    }

    /// That of the start of the buckets of this width in which the value lies. They begin at multiples of `step` from 1970; 1 if that
    /// is not known.
    pub fn bucket(self, width: i64, step: i64) -> Horizon {
        // The last value that lies in a bucket lies before its end by as much as values lie apart.
        let aligned = self.step > 0 && width % self.step == 0 && step % self.step == 0;
        let more = width.saturating_sub(if aligned { self.step } else { 1 });
        let (length, reach) = (self.length.saturating_add(more), self.reach.saturating_add(more));
        Horizon { length, reach, step, ..self }
    }

    /// That of the value and so much more.
    pub fn shifted(self, by: i64) -> Horizon {
        let step = if self.step > 0 && by % self.step == 0 { self.step } else { 1 };
        Horizon { length: self.length.saturating_sub(by), step, ..self }
    }

    /// That of the value and somewhat more: at least and at most so much.
    fn moved(self, least: i64, most: i64) -> Horizon {
        let moved = self.shifted(least);
        let step = if least == most { moved.step } else { 1 };
        Horizon { reach: self.reach.saturating_add(most.saturating_sub(least)), step, ..moved }
    }

    /// That of rows of which some have one and some the other.
    pub fn either(self, other: Horizon) -> Horizon {
        Horizon {
            column: self.column,
            length: self.length.max(other.length),
            accept: self.accept.max(other.accept),
            reach: self.reach.max(other.reach),
            step: if self.step == other.step { self.step } else { 1 },
        }
    }
}

fn call(name: &str, arguments: &[Scalar], known: &[Horizon], column: usize) -> Option<Horizon> {
    let of = |scalar: &Scalar| Horizon::of(scalar, known, column);
    match (name, arguments) {
        ("date_trunc", [unit, at]) => {
            let longest = longest(unit, false)?;
            // Weeks begin on Mondays, which 1970 did not, and other units have no constant length.
            Some(of(at)?.bucket(longest, longest.min(DAY)))
        }
        ("date_trunc", [unit, at, _]) => Some(of(at)?.bucket(longest(unit, true)?, 1)),
        ("date_bin", [width, at, _]) => Some(of(at)?.bucket(length(width)?, 1)),
        ("timezone", [zone, at]) => {
            let (least, most) = offsets(zone)?;
            match at.ty() {
                Type::Timestamptz => Some(of(at)?.moved(least, most)),
                Type::Timestamp => Some(of(at)?.moved(-most, -least)),
                _ => None,
            }
        }
        ("date", [at]) => Some(of(at)?.bucket(DAY, DAY)),
        ("+", [at, by]) => of(at).zip(length(by)).or_else(|| of(by).zip(length(at))).map(|(h, by)| h.shifted(by)),
        ("-", [at, by]) => Some(of(at)?.shifted(length(by)?.checked_neg()?)),
        _ => None,
    }
}

/// The greatest length that a unit of `date_trunc` has; in a zone of its own days may have more than 24 hours.
fn longest(unit: &Scalar, zoned: bool) -> Option<i64> {
    const HOUR: i64 = DAY / 24;
    let Scalar::Literal(Datum::Text(unit), _) = unit else { return None };
    let change = if zoned { 3 * HOUR } else { 0 };
    Some(match unit.trim().to_ascii_lowercase().trim_end_matches('s') {
        "microsecond" => 1,
        "millisecond" => 1_000,
        "second" => 1_000_000,
        "minute" => HOUR / 60,
        "hour" => HOUR,
        "day" => DAY + change,
        "week" => 7 * DAY + change,
        "month" => 31 * DAY + change,
        "quarter" => 92 * DAY + change,
        "year" => 366 * DAY + change,
        _ => return None,
    })
}

/// The least and the greatest offset that a constant zone ever has.
fn offsets(zone: &Scalar) -> Option<(i64, i64)> {
    let Scalar::Literal(Datum::Text(name), _) = zone else { return length(zone).map(|offset| (offset, offset)) };
    let (least, most) = Zone::parse(name).ok()?.offsets();
    Some((i64::from(least) * SECOND, i64::from(most) * SECOND))
}

/// The microseconds of a constant interval without months.
pub(super) fn length(scalar: &Scalar) -> Option<i64> {
    match scalar {
        Scalar::Literal(Datum::Interval(Interval { months: 0, days, micros }), _) => {
            i64::from(*days).checked_mul(DAY)?.checked_add(*micros)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::zone::Zone;

    #[test]
    fn a_zones_clock_tells_no_more_than_its_offsets_allow() {
        let hours = |hours: i64| hours * 3600 * SECOND;
        for (name, widest) in [("America/New_York", hours(1)), ("Europe/Berlin", hours(3)), ("UTC+3", 0)] {
            let zone = Zone::parse(name).unwrap();
            let (least, most) = zone.offsets();
            let (least, most) = (i64::from(least) * SECOND, i64::from(most) * SECOND);
            assert!(most - least <= widest, "{name}: {least} {most}");
            let horizon = Horizon::of_event(0).moved(least, most);
            // Every 17 hours of three centuries.
            for at in (-100 * 365 * 24..200 * 365 * 24).step_by(17).map(hours) {
                let shown = zone.to_local(at).unwrap();
                let end = shown + horizon.length;
                assert!(at < end && end <= at + 1 + horizon.reach, "{name} at {at}");
            }
        }
    }
}
