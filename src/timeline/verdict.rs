//! Verdicts: what time an event gets, or that it is late.
//!
//! An event is judged once, when it arrives, in the order of arrival, against the watermark that the events before it have
//! set: the greatest event time so far, less the lateness. Never against the frontier that happens to be released, which
//! would make verdicts depend on how arrivals are batched. What must hold: the watermark never falls; an accepted event's
//! time `t` is not below the watermark and `ts <= t <= ts + accept_for`.

use crate::value::Time;

/// How a stream treats disorder, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disorder {
    /// L: how far the watermark stays behind the greatest event time.
    pub lateness: u64,
    /// K: how long after the watermark passed it a late event is still taken.
    pub accept_for: u64,
    /// How far ahead of the wall clock an event may be.
    pub max_ahead: u64,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It enters at this time: its own, or the watermark if it was late but acceptable.
    Accepted(Time),
    /// It came too late; this is the time at which that is reported.
    Late(Time),
    /// It claims to come from the future; this is the time at which that is reported.
    Ahead(Time),
}

/// The judge of one stream.
#[derive(Clone, Debug)]
pub struct Judge {
    disorder: Disorder,
    watermark: Time,
}

impl Judge {
    /// Before the first event.
    pub fn new(disorder: Disorder) -> Judge {
        Judge { disorder, watermark: 0 }
    }

    /// Judges the next event to arrive, while the wall clock shows `now`.
    pub fn judge(&mut self, event_time: Time, now: Time) -> Verdict {
        let watermark = self.watermark;
        if event_time > now.saturating_add(self.disorder.max_ahead) {
            return Verdict::Ahead(watermark);
        }
        if event_time >= watermark {
            self.watermark = watermark.max(event_time.saturating_sub(self.disorder.lateness));
            return Verdict::Accepted(event_time);
        }
        if watermark <= event_time.saturating_add(self.disorder.accept_for) {
            Verdict::Accepted(watermark)
        } else {
            Verdict::Late(watermark)
        }
    }

    /// No event accepted from now on has a time below this.
    pub fn watermark(&self) -> Time {
        self.watermark
    }

    /// The stream is idle: its watermark is raised to `time`. Events below it that come nevertheless are late.
    pub fn idle_until(&mut self, time: Time) {
        self.watermark = self.watermark.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule as the design states it, over the whole history at every event.
    fn definition(disorder: Disorder, before: &[Time], idle: Time, event: Time, now: Time) -> Verdict {
        let genuine = before.iter().filter(|ts| **ts <= now + disorder.max_ahead);
        let watermark = genuine.max().map_or(0, |greatest| greatest.saturating_sub(disorder.lateness)).max(idle);
        if event > now + disorder.max_ahead {
            Verdict::Ahead(watermark)
        } else if event >= watermark {
            Verdict::Accepted(event)
        } else if watermark <= event + disorder.accept_for {
            Verdict::Accepted(watermark)
        } else {
            Verdict::Late(watermark)
        }
    }

    fn disorders() -> impl Strategy<Value = Disorder> {
        (0..40u64, 0..40u64, 0..40u64).prop_map(|(lateness, accept_for, max_ahead)| Disorder {
            lateness,
            accept_for,
            max_ahead,
        })
    }

    proptest! {
        #[test]
        fn verdicts_are_those_of_the_definition(
            disorder in disorders(),
            events in prop::collection::vec((0..300u64, 0..20u32), 0..200),
        ) {
            let (now, mut idle) = (220, 0);
            let mut judge = Judge::new(disorder);
            let mut before = vec![];
            for (event, pause) in events {
                if pause == 0 {
                    idle = idle.max(event.min(now));
                    judge.idle_until(event.min(now));
                }
                let floor = judge.watermark();
                let verdict = judge.judge(event, now);
                prop_assert_eq!(verdict, definition(disorder, &before, idle, event, now));
                before.push(event);
                prop_assert!(judge.watermark() >= floor);
                if let Verdict::Accepted(time) = verdict {
                    prop_assert!(floor <= time && event <= time && time <= event + disorder.accept_for);
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_number_line() {
        let mut judge = Judge::new(Disorder { lateness: 5, accept_for: u64::MAX, max_ahead: u64::MAX });
        assert_eq!(judge.judge(0, 0), Verdict::Accepted(0));
        assert_eq!(judge.judge(u64::MAX, u64::MAX), Verdict::Accepted(u64::MAX));
        assert_eq!(judge.watermark(), u64::MAX - 5);
        assert_eq!(judge.judge(1, 0), Verdict::Accepted(u64::MAX - 5));
    }
}
