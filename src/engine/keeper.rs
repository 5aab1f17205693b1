//! Puts into the store what the parts of views make that it keeps (`keeping.rs`).
//!
//! Now and then, at a frontier that all parts have reached, each tells what has become of its rows since; what came and went meanwhile
//! is nothing. So the store has all parts at the same frontiers, and merges what they are made of up to one of these. A part that is far
//! ahead of others puts together what it has made, and is not told at a frontier before that any more. What must hold: nothing is told
//! that depends on the end of a stream, which was the run's and not the stream's.

use super::failure::{Exit, Failure};
use crate::dataflow::{Netting, net_rows};
use crate::store::{Store, StoreError};
use crate::timeline::{Batch, RelationId, SourceId, Step, Tick};
use crate::value::{Diff, Row, Time};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the parts tell what they have made.
const INTERVAL: Duration = Duration::from_secs(5);
/// With so many changes waiting they tell it at once.
const MANY: usize = 200_000;

/// A part of a view, and what it has made since it was told last.
pub(super) struct Part {
    pub(super) source: SourceId,
    pub(super) relation: RelationId,
    /// What lies below this is in the store.
    pub(super) stored: Time,
    /// How far it has come.
    reached: Time,
    /// It can be told from here on.
    least: Time,
    waiting: Vec<(Row, Time, Diff)>,
    /// When what waits is put together.
    netting: Netting,
}

impl Part {
    /// One of which the store has what lies below a time.
    pub(super) fn new(source: SourceId, relation: RelationId, stored: Time) -> Part {
        Part { source, relation, stored, reached: 0, least: 0, waiting: Vec::new(), netting: Netting::new(MANY) }
    }

    /// Takes in what it has made; false if it began to tell that too late.
    fn take(&mut self, Step { mut changes, frontier, first }: Step) -> bool {
        let begins = frontier.unwrap_or(Time::MAX);
        changes.retain(|(_, time, _)| *time >= self.stored);
        self.waiting.append(&mut changes);
        // What ends has come no further for good.
        self.reached = frontier.unwrap_or(self.reached);
        if self.netting.is_due(self.waiting.len()) {
            self.put_together();
        }
        !first || self.stored == 0 || begins <= self.stored
    }

    /// What has become of its rows up to a frontier.
    fn tell(&mut self, frontier: Time) -> Tick {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (due, rest): (Vec<_>, Vec<_>) = waiting.partition(|(_, time, _)| *time < frontier);
        (self.waiting, self.stored, self.netting) = (rest, frontier, Netting::new(MANY));
        Tick::new(self.source, vec![(self.relation, Batch::Rows(net(due, frontier)))], Some(frontier))
    }

    fn put_together(&mut self) {
        self.waiting = net(std::mem::take(&mut self.waiting), self.reached);
        self.least = self.reached;
        self.netting.left(self.waiting.len());
    }
}

/// What changes come to, just before a frontier.
fn net(mut changes: Vec<(Row, Time, Diff)>, frontier: Time) -> Vec<(Row, Time, Diff)> {
    changes.iter_mut().for_each(|(_, time, _)| *time = frontier.saturating_sub(1));
    net_rows(&mut changes);
    changes
}

/// Where the parts' steps go.
pub(super) struct Told {
    parts: usize,
    steps: Sender<(usize, Step)>,
    taken: Receiver<(usize, Step)>,
}

impl Told {
    /// The ways of so many parts.
    pub(super) fn new(parts: usize) -> Told {
        let (steps, taken) = unbounded();
        Told { parts, steps, taken }
    }

    /// Each part's way.
    pub(super) fn tells(&self) -> impl Iterator<Item = Box<dyn FnMut(Step) + Send>> {
        (0..self.parts).map(|part| {
            let steps = self.steps.clone();
            // Whoever failed to store something has said so.
            Box::new(move |step: Step| _ = steps.send((part, step))) as Box<dyn FnMut(Step) + Send>
        })
    }
}

/// Stores what parts make, until nobody tells anything any more.
pub(super) struct Keeper {
    pub(super) store: Arc<Store>,
    pub(super) parts: Vec<Part>,
    /// Whether a stream has ended.
    pub(super) ended: Arc<AtomicBool>,
}

impl Keeper {
    /// On a thread of its own.
    pub(super) fn run(mut self, Told { steps, taken, .. }: Told) -> Result<(), Failure> {
        drop(steps);
        let mut told = Instant::now();
        loop {
            let step = taken.recv_timeout(INTERVAL.saturating_sub(told.elapsed()));
            let ends = matches!(step, Err(RecvTimeoutError::Disconnected));
            if let Ok((part, step)) = step
                && !self.parts[part].take(step)
            {
                let message = "a part of a view was not told from where it is stored on";
                return Err(Failure::new(Exit::Internal, message.to_owned()));
            }
            let waiting = self.parts.iter().map(|part| part.waiting.len()).sum::<usize>();
            if ends || told.elapsed() >= INTERVAL || waiting >= MANY {
                self.tell().map_err(|error| Failure::of_store(&error))?;
                told = Instant::now();
            }
            if ends {
                return Ok(());
            }
        }
    }

    /// Stores what has become of all parts up to a frontier that all have reached, if there is one that is new to each.
    fn tell(&mut self) -> Result<(), StoreError> {
        let reached = self.parts.iter().map(|part| part.reached).min().unwrap_or(0);
        let is_new = self.parts.iter().all(|part| part.stored < reached && part.least <= reached);
        if !is_new || self.ended.load(Ordering::Acquire) {
            return Ok(());
        }
        self.parts.iter_mut().try_for_each(|part| self.store.append(&part.tell(reached)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    fn step(times: std::ops::Range<Time>) -> Step {
        let row = |n: Time| Row::pack(&[Datum::Int8(n as i64 / 10)]);
        let changes = times.clone().flat_map(|time| [(row(time), time, 1), (row(time), time, -1)]);
        let last = std::iter::once((row(times.end), times.end - 1, 1));
        Step { changes: changes.chain(last).collect(), frontier: Some(times.end), first: false }
    }

    #[test]
    fn what_comes_and_goes_while_a_part_is_ahead_takes_no_memory() {
        let mut part = Part::new(SourceId(0), RelationId(0), 1_000);
        assert!(part.take(step(0..1_100)));
        for time in 0..10 {
            assert!(part.take(step(1_100 + time * 50_000..1_100 + (time + 1) * 50_000)));
        }
        assert!(part.waiting.len() < MANY && part.least > 1_100 && part.least <= part.reached);
        let tick = part.tell(part.reached);
        let [(_, Batch::Rows(rows))] = tick.batches.as_slice() else { panic!("one batch of rows") };
        assert!(rows.len() == 11 && rows.iter().all(|(_, time, diff)| (*time, *diff) == (501_099, 1)), "{rows:?}");
        assert!(part.waiting.is_empty() && part.stored == 501_100);
        let late = Step { first: true, ..step(501_100..501_200) };
        assert!(!part.take(late), "it is not told from where it is stored");
    }
}
