//! Tells a relation's readers its steps.
//!
//! The changes of all workers come together on the first. Nothing is told before the first real frontier (snapshots have ended);
//! then the whole content, and from then on one step per advance of the frontier by a cell of the refresh grid: the inputs' frontiers are
//! multiples of it, but while a cell's changes are under way the relation's is the cell's last instant.

use crate::dataflow::net::{Netting, net_rows};
use crate::dataflow::state::Shared;
use crate::dataflow::types::Rows;
use crate::timeline::{Step, cell_start};
use crate::value::{Diff, Row, Time};
use differential_dataflow::consolidation::consolidate_updates_slice;
use std::sync::Arc;
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;

/// Called with each step.
pub type Tell = Box<dyn FnMut(Step) + Send>;

/// Gathers the changes of the relation at that place and tells them. The readers are given to the first worker only.
pub fn export(rows: Rows<'_>, place: usize, shared: Arc<Shared>, readers: Vec<Tell>) {
    let mut exporter = Exporter { place, shared, readers, waiting: Waiting::default(), told: Told::Nothing };
    let scope = rows.inner.scope();
    let first_worker = scope.index() == 0;
    rows.inner.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Exchange::new(|_| 0),
        "Export",
        move |capability, info| {
            let again = scope.activator_for(info.address);
            // Whoever has nothing to come and holds no capability is not run any more.
            let mut unreal = Some(capability).filter(|_| first_worker);
            move |(input, frontier), _| {
                input.for_each(|_, changes| exporter.waiting.add(changes, exporter.told != Told::Nothing));
                if !first_worker {
                    return;
                }
                match exporter.reach(frontier.frontier().first().copied()) {
                    true => drop(unreal.take()),
                    false => again.activate_after(ASK_AGAIN),
                }
            }
        },
    );
}

/// How soon an unreal frontier is looked at again. It need not move to become real: the errors of a view in which nothing can
/// fail have ended before its sources have left their snapshots.
const ASK_AGAIN: Duration = Duration::from_millis(5);

struct Exporter {
    place: usize,
    shared: Arc<Shared>,
    readers: Vec<Tell>,
    waiting: Waiting,
    told: Told,
}

/// What the readers were told last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Frontier(Time),
    End,
}

impl Exporter {
    /// Tells a frontier that is new; false if it is not a real one yet.
    fn reach(&mut self, frontier: Option<Time>) -> bool {
        let frontier = frontier.map(|frontier| cell_start(frontier, self.shared.settings.refresh_us));
        let reached = frontier.map_or(Told::End, Told::Frontier);
        let relation = &self.shared.blueprint.relations[self.place];
        if reached == self.told || self.shared.stopped() {
            return true;
        }
        if !self.shared.is_real(relation, frontier) {
            return false;
        }
        let first = self.told == Told::Nothing;
        let beginning = match first && self.shared.settings.same_beginning {
            true => self.shared.beginning(relation),
            false => None,
        };
        self.told = reached;
        match beginning.filter(|begin| frontier.is_none_or(|frontier| *begin < frontier)) {
            Some(begin) => {
                self.step(Some(begin), true);
                self.step(frontier, false);
            }
            None => self.step(frontier, first),
        }
        true
    }

    /// Tells what lies below a frontier.
    fn step(&mut self, frontier: Option<Time>, first: bool) {
        let due = self.waiting.before(frontier);
        let changes = if first { content(due, frontier) } else { ordered(due) };
        self.remember(&changes, frontier);
        self.tell(Step { changes, frontier, first });
    }

    fn tell(&mut self, step: Step) {
        if let Some((last, others)) = self.readers.split_last_mut() {
            others.iter_mut().for_each(|reader| reader(step.clone()));
            last(step);
        }
    }

    fn remember(&self, changes: &[(Row, Time, Diff)], frontier: Option<Time>) {
        if let Some(content) = self.shared.content(self.place).as_mut() {
            content.update(changes, frontier);
        }
    }
}

/// Changes that no frontier has passed yet.
#[derive(Default)]
struct Waiting {
    changes: Vec<(Row, Time, Diff)>,
    netting: Netting,
}

impl Waiting {
    /// Takes changes, and nets what waits when it has doubled; unless it is a first content, of which most will be shown.
    fn add(&mut self, changes: &mut Vec<(Row, Time, Diff)>, may_shrink: bool) {
        self.changes.append(changes);
        if may_shrink && self.netting.is_due(self.changes.len()) {
            net_rows(&mut self.changes);
            self.netting.left(self.changes.len());
        }
    }

    /// Gives what lies below a frontier.
    fn before(&mut self, frontier: Option<Time>) -> Vec<(Row, Time, Diff)> {
        let is_due = |time: Time| frontier.is_none_or(|frontier| time < frontier);
        let waiting = std::mem::take(&mut self.changes);
        let due = match waiting.iter().all(|(_, time, _)| is_due(*time)) {
            true => waiting,
            false => {
                let (due, rest) = waiting.into_iter().partition(|(_, time, _)| is_due(*time));
                self.changes = rest;
                due
            }
        };
        self.netting.left(self.changes.len());
        due
    }
}

/// Changes in order of time, and of their rows at each; consolidated. They come nearly in order of time, so that this is found first.
fn ordered(mut changes: Vec<(Row, Time, Diff)>) -> Vec<(Row, Time, Diff)> {
    changes.sort_by_key(|(_, time, _)| *time);
    let (mut kept, mut start) = (0, 0);
    while let Some((_, time, _)) = changes.get(start) {
        let end = start + changes[start..].partition_point(|(_, other, _)| other == time);
        for at in start..start + consolidate_updates_slice(&mut changes[start..end]) {
            changes.swap(kept, at);
            kept += 1;
        }
        start = end;
    }
    changes.truncate(kept);
    changes
}

/// Changes as the content they come to, in order, at the last instant before the frontier.
fn content(changes: Vec<(Row, Time, Diff)>, frontier: Option<Time>) -> Vec<(Row, Time, Diff)> {
    let latest = changes.iter().map(|(_, time, _)| *time).max().unwrap_or_default();
    let time = frontier.map_or(latest, |frontier| frontier.saturating_sub(1));
    let mut content: Vec<(Row, Time, Diff)> = Vec::with_capacity(changes.len());
    for (row, _, diff) in sorted(changes) {
        match content.last_mut() {
            Some((last, _, count)) if *last == row => *count += diff,
            _ => content.push((row, time, diff)),
        }
    }
    content.retain(|(_, _, count)| *count != 0);
    content
}

/// The changes in order of their rows. A first content is large, and comes in order or nearly so: what decides is copied together,
/// so that comparing does not go to every row's own bytes, and runs in order are found and merged.
fn sorted(mut changes: Vec<(Row, Time, Diff)>) -> impl Iterator<Item = (Row, Time, Diff)> {
    let mut order: Vec<([u64; 2], usize)> =
        changes.iter().enumerate().map(|(at, (row, ..))| (row.prefix(), at)).collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| changes[a.1].0.cmp(&changes[b.1].0)));
    order.into_iter().map(move |(_, at)| std::mem::take(&mut changes[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataflow::net::MANY;
    use crate::value::Datum;

    #[test]
    fn a_row_that_changes_again_and_again_takes_little_room() {
        let row = |n: i64| Row::pack(&[Datum::Int8(n)]);
        let mut waiting = Waiting::default();
        waiting.add(&mut vec![(row(0), 9, -1), (row(7), 5, 1), (row(8), 12, 1)], true);
        for n in 0..200_000 {
            waiting.add(&mut vec![(row(n), 9, 1), (row(n), 9, -1)], true);
            assert!(waiting.changes.len() <= MANY);
        }
        waiting.add(&mut vec![(row(1), 9, 1)], true);
        assert_eq!(ordered(waiting.before(Some(10))), [(row(7), 5, 1), (row(0), 9, -1), (row(1), 9, 1)]);
        assert_eq!(waiting.before(None), [(row(8), 12, 1)]);
        assert_eq!(waiting.before(None), []);
    }
}
