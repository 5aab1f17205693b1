//! The wall clock, as a time; and how times go on although clocks step.
//!
//! A clock is set back or ahead by hand, by a time server, or when a virtual machine is resumed. What was told stays told, so times never go
//! back: where a clock does, they go on at half its pace until it has caught up (`Pace`). What a leap ahead would tell could only be
//! waited for afterwards, for as long as it was wide: therefore one is believed only when it has lasted (`now`).

use crate::failpoint::skew;
use crate::value::Time;
use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By how much a clock may go ahead at once and be believed at once, in microseconds. By so much it may also go back before it is said.
const LEAP: i64 = 60_000_000;
/// How long a clock that leapt further is not believed.
const DOUBT: i64 = 600_000_000;
/// One that stands before 2020 was never set: whatever it leaps to is more likely.
const NEVER_SET: i64 = 1_577_836_800_000_000;
/// How far back a clock may be before times go on without it, in microseconds: clocks are read, and told, with some delay.
const BACK: Time = 1_000_000;

/// What this machine's clock shows; one that stands before 1970 shows the epoch.
pub fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Time);
    since.saturating_add_signed(skew().ours)
}

/// This moment: what this machine's clock shows, but for a leap ahead while the program runs, until it has lasted ten minutes.
pub fn now() -> Time {
    static TRUST: OnceLock<(Duration, Trust)> = OnceLock::new();
    let (wall, running) = (wall(), running());
    let (begun, trust) = TRUST.get_or_init(|| (running, Trust::new(wall)));
    trust.judge(wall, running.saturating_sub(*begun))
}

/// For how long the machine has been running, asleep or not: a clock that goes on while it sleeps does not leap when it wakes.
fn running() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// What is believed of a clock, by one that runs evenly and says nothing but how much time has passed.
#[derive(Debug)]
struct Trust {
    /// What the clock showed when the other began, by all that is believed.
    began: AtomicI64,
    /// Since when, by the other, the clock is not believed; `NEVER` if it is.
    doubted: AtomicI64,
}

const NEVER: i64 = -1;

impl Trust {
    /// The other clock begins while this one shows `wall`.
    fn new(wall: Time) -> Trust {
        Trust { began: AtomicI64::new(wall as i64), doubted: AtomicI64::new(NEVER) }
    }

    /// The time to be believed when the clock shows `wall`, and so much has passed since the beginning.
    fn judge(&self, wall: Time, passed: Duration) -> Time {
        let passed = passed.as_micros() as i64;
        let (began, believed) = (wall as i64 - passed, self.began.load(Ordering::Relaxed));
        let (leapt, doubted) = (began - believed, self.doubted.load(Ordering::Relaxed));
        let is_doubtful = leapt > LEAP && believed + passed >= NEVER_SET;
        if is_doubtful && (doubted == NEVER || passed - doubted < DOUBT) {
            if doubted == NEVER && self.doubted.swap(passed, Ordering::Relaxed) == NEVER {
                let (ahead, doubt) = (micros(leapt), micros(DOUBT));
                tracing::warn!(
                    "this machine's clock went {ahead:?} ahead at once: it counts if it stays so for {doubt:?}"
                );
            }
            return (believed + passed) as Time;
        }
        self.began.store(began, Ordering::Relaxed);
        let was_doubted = doubted != NEVER && self.doubted.swap(NEVER, Ordering::Relaxed) != NEVER;
        if leapt < -LEAP {
            tracing::warn!("this machine's clock went {:?} back at once", micros(leapt));
        } else if was_doubted {
            tracing::info!("this machine's clock counts again");
        }
        wall
    }
}

fn micros(difference: i64) -> Duration {
    Duration::from_micros(difference.unsigned_abs())
}

/// Follows a clock with times that never go back.
#[derive(Debug)]
pub struct Pace {
    /// When it was followed last.
    followed: Instant,
    /// Whether the clock was behind the times then.
    is_behind: bool,
}

impl Pace {
    /// Of a clock that is followed from now on.
    pub fn new() -> Pace {
        Pace { followed: Instant::now(), is_behind: false }
    }

    /// The time to go on to when `clock` was read after `told` was told: what it shows, or if that is behind, a time ahead of `told` by
    /// half of what has passed since the last call. `whose` clock that is, for people.
    pub fn follow(&mut self, told: Time, clock: Time, whose: &str) -> Time {
        let passed = std::mem::replace(&mut self.followed, Instant::now());
        self.follow_after(passed.elapsed(), told, clock, whose)
    }

    fn follow_after(&mut self, passed: Duration, told: Time, clock: Time, whose: &str) -> Time {
        let is_behind = told > clock.saturating_add(BACK);
        if is_behind && !std::mem::replace(&mut self.is_behind, is_behind) {
            let behind = Duration::from_micros(told - clock);
            tracing::warn!(
                "{whose} is {behind:?} behind the times told so far: it is wrong, or was. Times go on at half its pace until it has \
                 caught up; now() shows them"
            );
        }
        self.is_behind = is_behind;
        if is_behind { told.saturating_add(passed.as_micros() as Time / 2) } else { clock }
    }
}

impl Default for Pace {
    fn default() -> Pace {
        Pace::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    /// 2026.
    const BEGIN: u64 = 1_767_225_600;

    /// The second, counted from 2026, to be believed of a clock that shows `shown` when `passed` have passed.
    fn judge(trust: &Trust, shown: u64, passed: u64) -> u64 {
        trust.judge((BEGIN + shown) * 1_000_000, Duration::from_secs(passed)) / 1_000_000 - BEGIN
    }

    #[test]
    fn a_leap_ahead_counts_when_it_has_lasted() {
        let trust = Trust::new((BEGIN + 1_000_000) * 1_000_000);
        assert_eq!(judge(&trust, 1_000_001, 1), 1_000_001);
        // A minute ahead, and back an hour, at once.
        assert_eq!(judge(&trust, 1_000_062, 2), 1_000_062);
        assert_eq!(judge(&trust, 996_463, 3), 996_463);
        // A year ahead, for five minutes, and back.
        let leap = 365 * 86_400;
        for passed in [4, 100, 300] {
            assert_eq!(judge(&trust, 996_460 + leap + passed, passed), 996_460 + passed);
        }
        assert_eq!(judge(&trust, 996_461 + 301, 301), 996_762);
        // An hour ahead for good.
        for passed in [400, 400 + 10 * MINUTE - 1] {
            assert_eq!(judge(&trust, 1_000_061 + passed, passed), 996_461 + passed);
        }
        for passed in [400 + 10 * MINUTE, 2_000] {
            assert_eq!(judge(&trust, 1_000_061 + passed, passed), 1_000_061 + passed);
        }
        let trust = Trust::new(7);
        assert_eq!(judge(&trust, 9, 1), 9);
    }

    #[test]
    fn behind_what_was_told_times_go_on_at_half_the_pace() {
        let mut pace = Pace::new();
        let second = Duration::from_secs(1);
        let mut follow = |told, clock| pace.follow_after(second, told, clock, "the clock");
        assert_eq!(follow(0, 10_000_000), 10_000_000);
        // What is read late is not set back.
        assert_eq!(follow(10_000_000, 9_500_000), 9_500_000);
        assert_eq!(follow(10_000_000, 5_000_000), 10_500_000);
        assert_eq!(follow(10_500_000, 6_000_000), 11_000_000);
        assert_eq!(follow(11_000_000, 10_500_000), 10_500_000);
        assert_eq!(follow(11_000_000, 11_500_000), 11_500_000);
        assert_eq!(follow(Time::MAX, 0), Time::MAX);
    }
}
