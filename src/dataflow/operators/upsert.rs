//! Keyed tables: writes by key become changes of rows.
//!
//! Each worker holds the rows of its share of the keys. Writes wait until the frontier has passed their time and are then
//! applied in order of time and sequence, so that the last sequence wins however they arrived. The state is shared with the
//! sender (`ingest.rs`), which completes a row that moves from another key before it sends it here.

use super::hold::keep_least;
use crate::dataflow::hash::BuildRowHasher;
use crate::dataflow::types::Rows;
use crate::timeline::{Upsert, UpsertKind};
use crate::value::{Diff, Row, RowBuilder, Time, encoding};
use differential_dataflow::AsCollection;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Capability, Operator};

/// One worker's share of a table.
#[derive(Default)]
pub struct Shard {
    rows: Mutex<HashMap<Row, Row, BuildRowHasher>>,
    frontier: AtomicU64,
}

impl Shard {
    fn rows(&self) -> MutexGuard<'_, HashMap<Row, Row, BuildRowHasher>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key's row, as of all writes below `frontier`.
    pub fn get(&self, key: &Row) -> Option<Row> {
        self.rows().get(key).cloned()
    }

    /// All writes below this time have been applied.
    pub fn frontier(&self) -> Time {
        self.frontier.load(Ordering::Acquire)
    }
}

/// The worker that holds a key.
pub fn worker_of(key: &Row, workers: usize) -> usize {
    (BuildRowHasher::default().hash_one(key) >> 32) as usize % workers
}

/// The rows of a table, of the writes that are this worker's. `fail` is called when a partial write has no row to complete.
pub fn upsert<'s>(
    writes: Stream<'s, Time, Vec<Upsert>>,
    shard: Arc<Shard>,
    fail: impl Fn(String) + 'static,
) -> Rows<'s> {
    type Builder = CapacityContainerBuilder<Vec<(Row, Time, Diff)>>;
    let changes = writes.unary_frontier::<Builder, _, _, _>(Pipeline, "Upsert", move |_, _| {
        let mut waiting: Vec<Upsert> = Vec::new();
        let mut capability: Option<Capability<Time>> = None;
        move |(input, frontier), output| {
            input.for_each(|message, writes| {
                keep_least(&mut capability, message.retain_least(0));
                waiting.append(writes);
            });
            let frontier = frontier.frontier().first().copied();
            let passed = |write: &Upsert| frontier.is_none_or(|frontier| write.time < frontier);
            if let Some(held) = capability.as_mut() {
                let due: Vec<Upsert> = take(&mut waiting, passed);
                let mut session = output.session(&*held);
                apply(due, &mut shard.rows(), &mut |row, time, diff| session.give((row, time, diff)), &fail);
                drop(session);
                match (waiting.is_empty(), frontier) {
                    (false, Some(frontier)) if frontier > *held.time() => held.downgrade(&frontier),
                    (false, _) => {}
                    (true, _) => capability = None,
                }
            }
            shard.frontier.store(frontier.unwrap_or(Time::MAX), Ordering::Release);
        }
    });
    changes.as_collection()
}

/// Takes what is chosen, in order of time and sequence.
fn take(waiting: &mut Vec<Upsert>, chosen: impl Fn(&Upsert) -> bool) -> Vec<Upsert> {
    let mut due = if waiting.iter().all(&chosen) {
        std::mem::take(waiting)
    } else {
        let (due, rest) = std::mem::take(waiting).into_iter().partition(chosen);
        *waiting = rest;
        due
    };
    due.sort_by_key(|write: &Upsert| (write.time, write.sequence));
    due
}

fn apply(
    writes: Vec<Upsert>,
    rows: &mut HashMap<Row, Row, BuildRowHasher>,
    give: &mut impl FnMut(Row, Time, Diff),
    fail: &impl Fn(String),
) {
    for Upsert { key, time, kind, .. } in writes {
        let new = match kind {
            UpsertKind::Put(row) => Some(row),
            UpsertKind::PutPartial { row, absent } => match rows.get(&key) {
                Some(old) => Some(complete(&row, &absent, old)),
                None => return fail("a row is to be changed in part, but there is no row with its key".into()),
            },
            UpsertKind::PutFrom { .. } => return fail("a row that moved arrived without being completed".into()),
            UpsertKind::Delete => None,
            UpsertKind::Truncate => {
                rows.drain().for_each(|(_, row)| give(row, time, -1));
                continue;
            }
        };
        let old = match &new {
            Some(new) => rows.insert(key, new.clone()),
            None => rows.remove(&key),
        };
        if old != new {
            old.into_iter().for_each(|row| give(row, time, -1));
            new.into_iter().for_each(|row| give(row, time, 1));
        }
    }
}

/// The row with the absent columns taken from the old one.
pub fn complete(row: &Row, absent: &[u16], old: &Row) -> Row {
    row.with_bytes(|row| {
        old.with_bytes(|old| {
            let (mut row, mut old) = (row, old);
            let mut builder = RowBuilder::default();
            let mut position = 0;
            while !row.is_empty() && !old.is_empty() {
                let (new_column, new_rest) = row.split_at(encoding::skip(row));
                let (old_column, old_rest) = old.split_at(encoding::skip(old));
                let column = if absent.contains(&position) { old_column } else { new_column };
                builder.push_encoded(column);
                (row, old) = (new_rest, old_rest);
                position += 1;
            }
            builder.finish()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    fn row(values: &[i64]) -> Row {
        Row::pack(&values.iter().map(|v| Datum::Int8(*v)).collect::<Vec<_>>())
    }

    fn write(key: i64, time: Time, sequence: u64, kind: UpsertKind) -> Upsert {
        Upsert { key: row(&[key]), time, sequence, kind }
    }

    fn check(writes: Vec<Upsert>, expected: &[(Row, Time, Diff)]) {
        let mut waiting = writes;
        waiting.reverse();
        let mut changes = Vec::new();
        let due = take(&mut waiting, |_| true);
        apply(due, &mut HashMap::default(), &mut |row, time, diff| changes.push((row, time, diff)), &|m| panic!("{m}"));
        differential_dataflow::consolidation::consolidate_updates(&mut changes);
        changes.sort_by_key(|(_, time, _)| *time);
        assert_eq!(changes, expected);
    }

    #[test]
    fn the_last_sequence_wins_and_partial_rows_are_completed() {
        use UpsertKind::*;
        check(
            vec![
                write(1, 5, 1, Put(row(&[1, 10]))),
                write(1, 5, 2, Put(row(&[1, 11]))),
                write(1, 6, 3, PutPartial { row: Row::pack(&[Datum::Int8(2), Datum::Null]), absent: [1].into() }),
                write(2, 6, 4, Put(row(&[9, 9]))),
                write(2, 6, 5, Delete),
                write(0, 7, 6, Truncate),
            ],
            &[(row(&[1, 11]), 5, 1), (row(&[1, 11]), 6, -1), (row(&[2, 11]), 6, 1), (row(&[2, 11]), 7, -1)],
        );
    }
}
