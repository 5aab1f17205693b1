//! Requests that were taken, by their idempotency keys: a request sent again is answered as it was the first time.
//!
//! A store keeps them as positions, by names that come again in turn: so it has no more of them than are remembered.

use super::super::SourceError;
use super::server::Taken;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How many requests are remembered.
const REMEMBERED: usize = 65_536;
/// The longest key.
pub(super) const KEY_MAX: usize = 255;
/// How the names begin that a store keeps them by.
const NAME: &str = "idempotency key ";

/// The answers to the latest requests that had a key.
#[derive(Default)]
pub(super) struct Replays {
    answers: HashMap<String, Taken>,
    /// The keys, oldest first.
    order: VecDeque<String>,
    /// How many requests with a key there were.
    count: u64,
}

impl Replays {
    /// Takes what a store has kept out of the positions it gives back.
    pub(super) fn resume(positions: &mut BTreeMap<String, String>) -> Result<Replays, SourceError> {
        let mut kept = BTreeMap::new();
        for (name, note) in positions.extract_if(.., |name, _| name.starts_with(NAME)) {
            let (number, key, taken) = read(&note).ok_or_else(|| SourceError::strange_position(&name, &note))?;
            kept.insert(number, (key, taken));
        }
        let mut replays = Replays::default();
        for (number, (key, taken)) in kept {
            replays.count = number;
            replays.remember(key, taken);
        }
        Ok(replays)
    }

    /// The answer given before.
    pub(super) fn answer(&self, key: &str) -> Option<Taken> {
        self.answers.get(key).copied()
    }

    /// Remembers an answer, and forgets the oldest one if there are too many. What a store is to keep of it, and by which name.
    pub(super) fn remember(&mut self, key: String, taken: Taken) -> (String, String) {
        if self.order.len() == REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.answers.remove(&oldest));
        }
        let Taken { accepted, late, rejected } = taken;
        let name = format!("{NAME}{}", self.count % REMEMBERED as u64);
        let note = format!("{} {accepted} {late} {rejected} {key}", self.count);
        self.count += 1;
        self.order.push_back(key.clone());
        self.answers.insert(key, taken);
        (name, note)
    }
}

/// The number, the key and the answer of a request.
fn read(note: &str) -> Option<(u64, String, Taken)> {
    let mut words = note.splitn(5, ' ');
    let number = words.next()?.parse().ok()?;
    let mut count = || words.next()?.parse().ok();
    let taken = Taken { accepted: count()?, late: count()?, rejected: count()? };
    Some((number, words.next()?.to_owned(), taken))
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

    #[test]
    fn a_store_gives_back_what_is_remembered() {
        let (mut replays, mut positions) = (Replays::default(), BTreeMap::new());
        positions.insert("what is posted".to_string(), "p".to_string());
        let taken = |number: u64| Taken { accepted: number as usize, late: 1, rejected: 2 };
        for number in 0..REMEMBERED as u64 + 5 {
            positions.extend([replays.remember(format!("key {number}"), taken(number))]);
        }
        assert_eq!(positions.len(), REMEMBERED + 1);
        let resumed = Replays::resume(&mut positions).expect("our own notes");
        assert_eq!(
            (&resumed.answers, &resumed.order, resumed.count),
            (&replays.answers, &replays.order, replays.count)
        );
        assert_eq!(positions.into_keys().collect::<Vec<_>>(), ["what is posted"]);
        let mut strange = BTreeMap::from([(format!("{NAME}7"), "7 1 x".to_string())]);
        assert!(Replays::resume(&mut strange).is_err_and(|error| error.to_string().contains("`7 1 x`")));
    }
}
