//! Groups that settle: each is kept outside of arrangements until no change to it counts any more, and then given up.
//!
//! Changes wait until the frontier has passed them and are taken in the order of their times, so that what is told does not depend on
//! how they came. A group that was changed at a time is shown before and after; with `emit = "final"` it is shown for the first time
//! when its window has ended. What comes when a group has settled is nothing any more: rows that expire below a join vanish then.

pub mod pair;
pub mod reduce;
pub mod session;
pub mod slice;
pub mod window;

mod side;
mod terms;

pub use terms::Terms;

use super::advance::{Advance, Changes, Entries, advancing, due_first};
use super::waiting::Waiting;
use crate::dataflow::types::{Collection, Outcome};
use crate::value::{Diff, Row, Time};
use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use std::collections::BTreeMap;

/// What is kept of the rows of a group, and what is shown of it.
pub trait Groups: 'static {
    /// What a row does to its group.
    type Change: ExchangeData;
    /// What is kept.
    type Group: 'static;

    /// A group without rows.
    fn empty(&self) -> Self::Group;

    /// Changes a group.
    fn add(&mut self, group: &mut Self::Group, change: Self::Change);

    /// Adds the rows of another group.
    fn merge(&mut self, group: &mut Self::Group, other: Self::Group);

    /// The rows of the group with this key; `window` are columns that follow the group's own.
    fn show(&mut self, key: &Row, window: &[u8], group: &Self::Group, out: &mut Vec<(Outcome, Diff)>);
}

/// The rows of groups, until they settle.
pub fn groups<'s, G: Groups>(changes: Changes<'s, G::Change>, groups: G, terms: Terms) -> Collection<'s, Outcome> {
    let settling = Settling {
        groups,
        terms,
        waiting: Waiting::new("Settle", |(key, ..)| key.memory() + size_of::<(Time, G::Change)>()),
        entries: Entries::new("Settle"),
        due: Waiting::new("Settle", Row::memory),
        settling: Waiting::new("Settle", Row::memory),
    };
    advancing(changes, "Settle", settling)
}

struct Entry<G> {
    group: G,
    /// The last moment of its events.
    last: Time,
    /// Whether it was changed at the time being.
    touched: bool,
}

struct Settling<G: Groups> {
    groups: G,
    terms: Terms,
    waiting: Waiting<(Row, Time, G::Change)>,
    entries: Entries<Entry<G::Group>>,
    /// The groups to be shown for the first time.
    due: Waiting<Row>,
    /// The groups by the time at which they settle.
    settling: Waiting<Row>,
}

impl<G: Groups> Advance for Settling<G> {
    type Change = G::Change;

    fn wait(&mut self, time: Time, key: Row, last: Time, change: G::Change) {
        self.waiting.push(time, (key, last, change));
    }

    fn advance(&mut self, frontier: Option<Time>, give: &mut impl FnMut(Outcome, Time, Diff)) {
        while let Some(time) = due_first([self.waiting.first(), self.due.first()], frontier) {
            let mut touched = Vec::new();
            let mut changes = self.waiting.take_at(time);
            changes.drain(..).for_each(|(key, last, change)| self.change(time, key, last, change, &mut touched));
            self.waiting.reuse(changes);
            for key in self.due.take_at(time) {
                let Some(entry) = self.entries.get_mut(&key) else { continue };
                if !std::mem::replace(&mut entry.touched, true) {
                    touched.push((key, Vec::new()));
                }
            }
            for (key, before) in touched {
                self.show(time, &key, before, |outcome, diff| give(outcome, time, diff));
            }
        }
        let settled = self.settling.take_below(frontier.map(|frontier| frontier.saturating_add(1)));
        for key in settled.flat_map(|(_, keys)| keys) {
            self.entries.remove(&key);
        }
        self.entries.shrink();
    }

    fn is_pending(&self) -> bool {
        self.waiting.first().is_some() || self.due.first().is_some()
    }
}

impl<G: Groups> Settling<G> {
    fn change(&mut self, time: Time, key: Row, last: Time, change: G::Change, touched: &mut Vec<Touched>) {
        if self.terms.settles(last) <= time {
            return;
        }
        let Settling { groups, terms, entries, due, settling, .. } = self;
        let fresh = || {
            if terms.shows(last) >= time {
                due.push(terms.shows(last), key.clone());
            }
            settling.push(terms.settles(last), key.clone());
            Entry { group: groups.empty(), last, touched: false }
        };
        let entry = entries.get_or_insert(&key, fresh);
        if !std::mem::replace(&mut entry.touched, true) {
            let mut before = Vec::new();
            if self.terms.shows(last) < time {
                self.groups.show(&key, &[], &entry.group, &mut before);
            }
            touched.push((key, before));
        }
        self.groups.add(&mut entry.group, change);
    }

    /// Gives what has become of a group that was changed.
    fn show(&mut self, time: Time, key: &Row, mut rows: Vec<(Outcome, Diff)>, mut give: impl FnMut(Outcome, Diff)) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.touched = false;
        rows.iter_mut().for_each(|(_, diff)| *diff = -*diff);
        if self.terms.shows(entry.last) <= time {
            self.groups.show(key, &[], &entry.group, &mut rows);
        }
        consolidate(&mut rows);
        rows.into_iter().for_each(|(row, diff)| give(row, diff));
    }
}

/// A group that was changed, and what was shown of it before.
type Touched = (Row, Vec<(Outcome, Diff)>);

/// Adds to how often a value occurs.
fn count(values: &mut BTreeMap<Row, Diff>, value: Row, diff: Diff) {
    use std::collections::btree_map::Entry;
    match values.entry(value) {
        Entry::Vacant(entry) => _ = entry.insert(diff),
        Entry::Occupied(mut entry) => {
            *entry.get_mut() += diff;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Rows in order as bytes, with how often each occurs.
fn as_bytes(rows: &BTreeMap<Row, Diff>) -> Vec<(Vec<u8>, Diff)> {
    rows.iter().map(|(row, count)| (row.with_bytes(<[u8]>::to_vec), *count)).collect()
}
