//! When groups are shown and when they settle.

use crate::plan::{Emit, Horizon};
use crate::value::{Time, encoding};

/// The terms of a horizon on the refresh grid. A change of time `t` takes effect at the last instant of its cell.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// From the value of the horizon's column to the last moment of its events.
    length: i64,
    accept: Time,
    grid: Time,
    emit: Emit,
}

impl Terms {
    /// Those of a horizon.
    pub fn new(horizon: &Horizon, emit: Emit, grid: Time) -> Terms {
        let accept = Time::try_from(horizon.accept).unwrap_or(0);
        Terms { length: horizon.length.saturating_sub(1), accept, grid: grid.max(1), emit }
    }

    /// The last moment of events in a group, given the encoded value of the horizon's column.
    pub fn last(&self, value: &[u8]) -> Time {
        encoding::moment(value)
            .map_or(Time::MIN, |at| Time::try_from(at.saturating_add(self.length)).unwrap_or(Time::MIN))
    }

    /// As `last`, given the value as a time.
    pub fn last_of(&self, value: Time) -> Time {
        value.saturating_add_signed(self.length)
    }

    /// When a group with events up to this moment is shown first.
    pub fn shows(&self, last: Time) -> Time {
        match self.emit {
            Emit::Changes => Time::MIN,
            Emit::Final => self.takes_effect(last),
        }
    }

    /// From when on no change of it counts.
    pub fn settles(&self, last: Time) -> Time {
        self.takes_effect(last.saturating_add(self.accept)).saturating_add(1)
    }

    fn takes_effect(&self, time: Time) -> Time {
        takes_effect(time, self.grid)
    }
}

/// When a change takes effect on a refresh grid: at the last instant of its cell.
pub fn takes_effect(time: Time, grid: Time) -> Time {
    let grid = grid.max(1);
    (time / grid * grid).saturating_add(grid - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;
    use crate::value::calendar::EPOCH_MICROS;

    #[test]
    fn a_window_is_shown_when_it_ends_and_settles_when_nothing_late_is_taken_any_more() {
        let check = |length, accept, grid, value: i64, expected: (Time, Time)| {
            let terms = Terms::new(&Horizon { column: 0, length, accept, reach: 0, step: 1 }, Emit::Final, grid);
            let value = crate::value::Row::pack([&Datum::Timestamptz(value - EPOCH_MICROS)]);
            let last = value.with_bytes(|bytes| terms.last(bytes));
            assert_eq!((terms.shows(last), terms.settles(last)), expected, "{terms:?}");
        };
        // An event, the end of a window, the start of one of a hundred.
        check(1, 0, 0, 500, (500, 501));
        check(0, 0, 0, 500, (499, 500));
        check(100, 0, 0, 400, (499, 500));
        check(0, 40, 0, 500, (499, 540));
        // On a grid that the end lies on, and on one that it does not.
        check(0, 0, 100, 500, (499, 500));
        check(0, 40, 100, 500, (499, 600));
        check(0, 0, 128, 500, (511, 512));
        check(0, 0, 0, -500, (0, 1));
    }
}
