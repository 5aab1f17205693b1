//! The refresh grid: changes take effect at the last instant of their cell. A grid of 0 has no cells: every time is for itself.

use crate::value::Time;

/// The last instant of the cell a time lies in.
pub fn last_instant(time: Time, grid: Time) -> Time {
    time.checked_div(grid).map_or(time, |cell| (cell * grid).saturating_add(grid - 1))
}

/// The first instant of the cell: the frontier up to which everything has taken effect if all below `time` is known.
pub fn cell_start(time: Time, grid: Time) -> Time {
    time.checked_div(grid).map_or(time, |cell| cell * grid)
}

/// The frontier at which everything below `time` has taken effect.
pub fn cell_end(time: Time, grid: Time) -> Time {
    time.checked_next_multiple_of(grid).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_begin_at_multiples() {
        for (time, start, last, end) in [(0, 0, 9, 0), (9, 0, 9, 10), (10, 10, 19, 10), (11, 10, 19, 20)] {
            assert_eq!((cell_start(time, 10), last_instant(time, 10), cell_end(time, 10)), (start, last, end));
            assert_eq!((cell_start(time, 0), last_instant(time, 0), cell_end(time, 0)), (time, time, time));
        }
    }
}
