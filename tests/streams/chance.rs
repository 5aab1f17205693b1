//! Random worlds, and the same things told otherwise.

use super::step::{Change, Event, Partition, Step, TABLE};
use super::world::{BEGIN, World};
use crate::support::random::Random;
use std::collections::BTreeMap;
use tidegate::timeline::Disorder;
use tidegate::value::Time;

/// When all is over, about.
const END: Time = 2_000;

impl World {
    /// A world of so many events per stream.
    pub fn random(random: &mut Random, events: i64) -> World {
        let disorder = Disorder {
            lateness: *random.pick(&[0, 10, 60]),
            accept_for: *random.pick(&[0, 0, 40, 150]),
            max_ahead: u64::MAX,
        };
        let grid = *random.pick(&[0, 0, 10, 128]);
        let arrivals = [0, 1].map(|_| arrivals(random, events));
        let table = table(random);
        World::of(disorder, grid, in_pieces(random, arrivals, table))
    }

    /// The same, told in other pieces.
    pub fn in_other_pieces(&self, random: &mut Random) -> World {
        World::of(self.disorder, self.grid, in_pieces(random, self.arrivals(), self.table.clone()))
    }

    /// The same events, each as late as `delay` says but none by more than `lateness`; whatever takes longer comes in time.
    pub fn delayed(&self, random: &mut Random, lateness: Time, delay: impl Fn(&Event) -> Time) -> World {
        let disorder = Disorder { lateness, accept_for: 0, ..self.disorder };
        let mut arrivals = self.arrivals();
        for events in &mut arrivals {
            // An event comes before all that are later than it by more than the lateness.
            events.sort_by_key(|event| (event.at + delay(event).min(lateness), event.at));
        }
        World::of(disorder, self.grid, in_pieces(random, arrivals, self.table.clone()))
    }

    /// Everything that comes, in its order, late events too.
    fn arrivals(&self) -> [Vec<Event>; 2] {
        [0, 1].map(|stream| {
            let of_stream = |step: &Step| match step {
                Step::Event(of, event) if of.stream == stream => Some(*event),
                _ => None,
            };
            self.steps.iter().filter_map(of_stream).collect()
        })
    }
}

fn arrivals(random: &mut Random, events: i64) -> Vec<Event> {
    let mut clock = BEGIN + 250;
    let event = |id| {
        clock += random.below(2 * (END - 500) / events as u64);
        // Some come late, a few at the very edge of what is accepted, and some together.
        let back = *random.pick(&[0, 0, 0, 5, 30, 60, 70, 100, 101, 210]);
        Event {
            id,
            key: random.below(3) as i64,
            at: (clock - back.min(clock - 1)).max(1),
            value: random.below(6) as i64,
        }
    };
    (0..events).map(event).collect()
}

fn table(random: &mut Random) -> Vec<Change> {
    let (mut there, mut changes) = (BTreeMap::new(), Vec::new());
    let mut time = BEGIN;
    for number in 0..random.below(40) as i64 {
        time += random.below(120);
        let key = random.below(3) as i64;
        if let Some(name) = there.remove(&key) {
            changes.push(Change { key, name, time, diff: -1 });
        }
        if random.chance(80) {
            there.insert(key, number);
            changes.push(Change { key, name: number, time, diff: 1 });
        }
    }
    changes
}

/// What each source tells in random pieces, and all of it in a random order.
fn in_pieces(random: &mut Random, arrivals: [Vec<Event>; 2], table: Vec<Change>) -> Vec<Step> {
    let [a, b] = arrivals;
    let of_sources = [of_stream(random, 0, a), of_stream(random, 1, b), of_table(random, table)];
    let is_told = |step: &Step| matches!(step, Step::Tells(_) | Step::Until(..));
    let mut left = of_sources.each_ref().map(|steps| steps.split_inclusive(is_told).peekable());
    let mut steps = Vec::new();
    while left.iter_mut().any(|pieces| pieces.peek().is_some()) {
        let source = random.below(3) as usize;
        let some = random.below(8) as usize;
        steps.extend(left[source].by_ref().take(some).flatten().copied());
    }
    steps
}

fn of_stream(random: &mut Random, stream: usize, events: Vec<Event>) -> Vec<Step> {
    let every = 1 + random.below(12);
    let mut steps = Vec::new();
    for event in events {
        steps.push(Step::Event(Partition::first(stream), event));
        if random.below(every) == 0 {
            steps.push(Step::Tells(stream));
        }
    }
    steps.push(Step::Until(Some(stream), None));
    steps
}

fn of_table(random: &mut Random, mut changes: Vec<Change>) -> Vec<Step> {
    let mut cuts: Vec<Time> = (0..random.below(30)).map(|_| BEGIN + random.below(END + 300)).collect();
    cuts.sort_unstable();
    changes.sort_by_key(|change| change.time);
    let mut changes = changes.into_iter().peekable();
    let mut steps = Vec::new();
    for cut in cuts.into_iter().map(Some).chain([None]) {
        let is_due = |change: &Change| cut.is_none_or(|cut| change.time < cut);
        steps.extend(std::iter::from_fn(|| changes.next_if(is_due)).map(Step::Change));
        steps.push(Step::Until(Some(TABLE), cut));
    }
    steps
}
