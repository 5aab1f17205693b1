//! From commit timestamps to times: monotone in commit order, never below the announced frontier.
//!
//! Commit timestamps are taken before the commit record is written, so they may invert by some 100 µs, and clocks may step. The
//! order of commits is the truth; a timestamp only says how late it is. While the server's clock, or ours, is behind the times told,
//! commits stand at the last of them, and every moment of the server's (`moment`) goes on a little.

use crate::failpoint::skew;
use crate::timeline::{Pace, now};
use crate::value::Time;
use std::time::Duration;

/// Postgres's epoch, 2000-01-01, in microseconds since the Unix epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Gives transactions their times.
#[derive(Debug)]
pub(super) struct Clock {
    /// The greatest time given, or the frontier announced if that is greater.
    floor: Time,
    max_ahead: Duration,
    /// Whether a commit too far ahead was reported; once is enough.
    reported: bool,
    pace: Pace,
}

impl Clock {
    /// A clock that clamps what is further ahead of our own than this.
    pub(super) fn new(max_ahead: Duration) -> Clock {
        Clock { floor: 0, max_ahead, reported: false, pace: Pace::new() }
    }

    /// The time of the next transaction, committed at `timestamp` (microseconds since 2000-01-01).
    pub(super) fn commit(&mut self, timestamp: i64) -> Time {
        self.floor = self.floor.max(self.clamped(unix_time(timestamp)));
        self.floor
    }

    /// A frontier for a moment when nothing is in flight: the server's clock, above every time given.
    pub(super) fn idle(&mut self, server_clock: i64) -> Time {
        let time = self.clamped(unix_time(server_clock));
        self.announced(time);
        self.floor
    }

    /// The frontier for a moment of the server's, whose clock was asked for when `floor` was the floor: it was behind that only if it was
    /// set back.
    pub(super) fn moment(&mut self, floor: Time, server_clock: i64) -> Time {
        let time = self.clamped(unix_time(server_clock));
        self.pace.follow(floor, time, "Postgres's clock, or this machine's,")
    }

    /// The greatest time given, or the frontier announced if that is greater.
    pub(super) fn floor(&self) -> Time {
        self.floor
    }

    /// Notes a frontier: no transaction gets a time below it.
    pub(super) fn announced(&mut self, frontier: Time) {
        self.floor = self.floor.max(frontier);
    }

    fn clamped(&mut self, time: Time) -> Time {
        let limit = now().saturating_add(self.max_ahead.as_micros() as Time);
        if time <= limit {
            return time;
        }
        if !self.reported {
            self.reported = true;
            let ahead = Duration::from_micros(time - now());
            tracing::warn!("Postgres's clock is {ahead:?} ahead of ours: times are clamped; synchronise the clocks");
        }
        limit
    }
}

/// Microseconds since the Unix epoch; a timestamp before it counts as the epoch.
pub(super) fn unix_time(timestamp: i64) -> Time {
    timestamp.saturating_add(POSTGRES_EPOCH).saturating_add(skew().servers).max(0) as Time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_never_go_back() {
        let mut clock = Clock::new(Duration::from_secs(1));
        let early = clock.commit(1_000_000);
        assert_eq!(early, 946_684_801_000_000);
        assert_eq!(clock.commit(999_900), early);
        clock.announced(early + 5);
        assert_eq!(clock.commit(1_000_001), early + 5);
        assert_eq!(clock.idle(0), early + 5);
    }

    #[test]
    fn a_clock_ahead_is_clamped() {
        let mut clock = Clock::new(Duration::from_secs(1));
        assert!(clock.commit(i64::MAX) <= now() + 1_000_000);
        assert!(clock.commit(i64::MIN) > 0);
    }
}
