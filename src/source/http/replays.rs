//! Requests that were taken, by their idempotency keys: a request sent again is answered as it was the first time.

use super::server::Taken;
use std::collections::{HashMap, VecDeque};

/// How many requests are remembered.
const REMEMBERED: usize = 65_536;
/// The longest key.
pub(super) const KEY_MAX: usize = 255;

/// The answers to the latest requests that had a key.
#[derive(Default)]
pub(super) struct Replays {
    answers: HashMap<String, Taken>,
    /// The keys, oldest first.
    order: VecDeque<String>,
}

impl Replays {
    /// The answer given before.
    pub(super) fn answer(&self, key: &str) -> Option<Taken> {
        self.answers.get(key).copied()
    }

    /// Remembers an answer, and forgets the oldest one if there are too many.
    pub(super) fn remember(&mut self, key: String, taken: Taken) {
        if self.order.len() == REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.answers.remove(&oldest));
        }
        self.order.push_back(key.clone());
        self.answers.insert(key, taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut replays = Replays::default();
        for number in 0..=REMEMBERED {
            assert!(replays.answer(&number.to_string()).is_none());
            replays.remember(number.to_string(), Taken { accepted: number, ..Taken::default() });
        }
        assert!(replays.answer("0").is_none());
        assert_eq!(replays.answer("1").map(|taken| taken.accepted), Some(1));
        assert_eq!((replays.answers.len(), replays.order.len()), (REMEMBERED, REMEMBERED));
    }
}
