//! The first rows of each key, of rows that are never retracted: only those are held that are still among the first.
//!
//! Rows wait until the frontier has passed their time, so that what is told of a time does not depend on how they arrived. A row that
//! comes too late to be among the first costs a look at the last one kept.

use super::hold::keep_least;
use super::waiting::Waiting;
use crate::dataflow::hash::RowHasher;
use crate::dataflow::key::Key;
use crate::dataflow::types::{Collection, Update};
use crate::value::{Diff, Row, Time};
use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::consolidate;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::{Capability, Operator};

/// The rows that are kept of a key.
#[derive(Default)]
pub struct Kept {
    /// In order, with how often each occurs.
    pub rows: Vec<(Row, Diff)>,
    /// How many that makes.
    pub count: Diff,
}

/// What is kept of a key's rows.
pub trait Keep: 'static {
    /// Adds a row if it is one to keep, takes out what no longer is, and tells what has changed.
    fn add(&self, kept: &mut Kept, row: Row, count: Diff, changes: &mut Vec<(Row, Diff)>);
}

/// Of each key the rows that are kept.
pub fn first<'s, K: Key>(rows: Collection<'s, (K, Row)>, keep: impl Keep) -> Collection<'s, (K, Row)> {
    type Builder<K> = CapacityContainerBuilder<Vec<Update<K>>>;
    let exchange = Exchange::new(|update: &Update<K>| update.0.0.spread());
    let changes = rows.inner.unary_frontier::<Builder<K>, _, _, _>(exchange, "First", move |_, _| {
        let mut groups = Groups { kept: HashMap::default(), keep };
        let mut waiting: Waiting<((K, Row), Diff)> =
            Waiting::new("First", |((_, row), _)| row.memory() + size_of::<(K, Diff)>());
        let mut capability: Option<Capability<Time>> = None;
        move |(input, frontier), output| {
            input.for_each(|message, updates| {
                keep_least(&mut capability, message.retain_least(0));
                for (row, time, diff) in updates.drain(..) {
                    waiting.push(time, (row, diff));
                }
            });
            let Some(held) = capability.as_mut() else { return };
            let mut session = output.session(&*held);
            for (time, rows) in waiting.take_below(frontier.frontier().first().copied()) {
                groups.add(rows, &mut |row, diff| session.give((row, time, diff)));
            }
            drop(session);
            match waiting.first() {
                Some(time) => held.downgrade(&time),
                None => capability = None,
            }
        }
    });
    changes.as_collection()
}

struct Groups<K, T> {
    kept: HashMap<K, Kept, BuildHasherDefault<RowHasher>>,
    keep: T,
}

impl<K: Key, T: Keep> Groups<K, T> {
    /// Adds the rows of one time, and gives what that changes of what is kept.
    fn add(&mut self, mut rows: Vec<((K, Row), Diff)>, give: &mut impl FnMut((K, Row), Diff)) {
        consolidate(&mut rows);
        let mut rows = rows.into_iter().peekable();
        let mut changes = Vec::new();
        while let Some(((key, row), count)) = rows.next() {
            let kept = self.kept.entry(key.clone()).or_default();
            self.keep.add(kept, row, count, &mut changes);
            while let Some(((_, row), count)) = rows.next_if(|((other, _), _)| *other == key) {
                self.keep.add(kept, row, count, &mut changes);
            }
            consolidate(&mut changes);
            changes.drain(..).for_each(|(row, diff)| give((key.clone(), row), diff));
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Adds rows one by one, each time at a time of its own, and shows what is told.
    pub fn told(keep: impl Keep, rows: &[(&[u8], Diff)]) -> Vec<String> {
        let mut groups = Groups { kept: HashMap::default(), keep };
        let shown = |row: &Row| row.with_bytes(|bytes| bytes.escape_ascii().to_string());
        let told = |(row, count): &(&[u8], Diff)| {
            let mut changes = Vec::new();
            groups.add(vec![((7_u64, Row::from_bytes(row)), *count)], &mut |(_, row), diff| {
                changes.push(format!("{diff:+}{}", shown(&row)));
            });
            changes.join(" ")
        };
        rows.iter().map(told).collect()
    }
}
