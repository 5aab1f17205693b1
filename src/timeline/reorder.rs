//! The reorder buffer: what has a time but must wait until the watermark passes it.
//!
//! Entries lie in buckets of 10 ms, unordered; a bucket is sorted once, when it is released. What must hold: a release gives
//! exactly the entries below the frontier that were not given before, in order of time, arrivals of one time in the order of
//! their arrival.

use crate::value::Time;
use std::collections::BTreeMap;

/// The width of a bucket, microseconds.
const BUCKET: u64 = 10_000;

/// Entries by time, until a frontier passes them.
#[derive(Clone, Debug)]
pub struct Reorder<X> {
    buckets: BTreeMap<u64, Vec<(Time, X)>>,
    length: usize,
}

impl<X> Default for Reorder<X> {
    fn default() -> Self {
        Reorder { buckets: BTreeMap::new(), length: 0 }
    }
}

impl<X> Reorder<X> {
    /// Adds an entry.
    pub fn push(&mut self, time: Time, entry: X) {
        self.buckets.entry(time / BUCKET).or_default().push((time, entry));
        self.length += 1;
    }

    /// Gives every entry with a time below the frontier to `take`; all of them if the frontier is empty.
    pub fn release(&mut self, frontier: Option<Time>, mut take: impl FnMut(Time, X)) {
        while let Some(first) = self.buckets.first_entry() {
            let bucket = *first.key();
            let mut ready = match frontier {
                Some(frontier) if frontier <= bucket * BUCKET => return,
                // The frontier lies within this bucket.
                Some(frontier) if frontier / BUCKET == bucket => {
                    let (ready, waiting) = first.remove().into_iter().partition(|(time, _)| *time < frontier);
                    let waiting: Vec<_> = waiting;
                    if !waiting.is_empty() {
                        self.buckets.insert(bucket, waiting);
                    }
                    ready
                }
                _ => first.remove(),
            };
            ready.sort_by_key(|(time, _)| *time);
            self.length -= ready.len();
            ready.into_iter().for_each(|(time, entry)| take(time, entry));
            if frontier.is_some_and(|frontier| frontier / BUCKET == bucket) {
                return;
            }
        }
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(Time),
        Release(Option<Time>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let times = prop_oneof![0..50_000u64, 19_990..20_010u64, Just(u64::MAX)];
        let step = prop_oneof![
            8 => times.clone().prop_map(Step::Push),
            2 => times.prop_map(|t| Step::Release(Some(t))),
            1 => Just(Step::Release(None)),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn a_release_is_a_sorted_cut(steps in steps()) {
            let mut buffer = Reorder::default();
            let mut naive: Vec<(Time, usize)> = vec![];
            for (arrival, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(time) => {
                        buffer.push(time, arrival);
                        naive.push((time, arrival));
                    }
                    Step::Release(frontier) => {
                        let mut released = vec![];
                        buffer.release(frontier, |time, arrival| released.push((time, arrival)));
                        let (mut due, waiting): (Vec<_>, Vec<_>) =
                            naive.into_iter().partition(|(time, _)| frontier.is_none_or(|f| *time < f));
                        due.sort();
                        naive = waiting;
                        prop_assert_eq!(released, due);
                    }
                }
                prop_assert_eq!((buffer.len(), buffer.is_empty()), (naive.len(), naive.is_empty()));
            }
        }
    }
}
