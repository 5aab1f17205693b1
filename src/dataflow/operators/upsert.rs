//! Keyed tables: writes by key become changes of rows.
//!
//! Each worker holds the rows of its share of the keys. Writes come in their order (`ingest.rs` sees to that) and are applied at once,
//! whatever the frontier is: so those of a large transaction do not gather here. The state is shared with the sender, which completes a
//! row that moves from another key before it sends it here.
//!
//! The rows lie in a hash table rather than in an arrangement by the key: a write finds its row with two cache misses instead of
//! a search through every batch, a first load has nothing to sort, and a row takes 15 to 20 bytes more than its own.

use crate::dataflow::hash::hash;
use crate::dataflow::table::{AT_ONCE, Put, Table};
use crate::dataflow::types::Rows;
use crate::timeline::{Upsert, UpsertKind};
use crate::value::{Diff, Row, Time, encoding};
use differential_dataflow::AsCollection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

/// One worker's share of a table.
pub struct Shard {
    rows: Mutex<Keyed>,
    /// Writes that were sent to it.
    sent: AtomicU64,
    /// Writes that were applied.
    applied: AtomicU64,
}

impl Shard {
    /// Without rows, of a table with these key columns.
    pub fn new(key: &[usize]) -> Shard {
        let rows = Mutex::new(Keyed { key: key.into(), table: Table::default() });
        Shard { rows, sent: AtomicU64::new(0), applied: AtomicU64::new(0) }
    }

    fn rows(&self) -> MutexGuard<'_, Keyed> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key's row, as of all writes that were applied.
    pub fn get(&self, key: &Row) -> Option<Row> {
        self.rows().get(key, hash(key))
    }

    /// So many writes more are on their way.
    pub fn expect(&self, writes: usize) {
        self.sent.fetch_add(writes as u64, Ordering::Relaxed);
    }

    /// Whether none is on its way any more. Asked by whoever sends them.
    pub fn has_all(&self) -> bool {
        self.applied.load(Ordering::Acquire) == self.sent.load(Ordering::Relaxed)
    }
}

/// Rows found by the columns of their key.
struct Keyed {
    key: Box<[usize]>,
    table: Table,
}

impl Keyed {
    fn get(&self, key: &Row, hash: u64) -> Option<Row> {
        key.with_bytes(|bytes| self.table.get(hash, |row| has_key(&self.key, row, bytes)).map(Row::from_bytes))
    }

    fn put(&mut self, key: &Row, hash: u64, row: &Row) -> Put {
        let Keyed { key: columns, table } = self;
        key.with_bytes(|key_bytes| {
            row.with_bytes(|row| table.put(hash, |other| has_key(columns, other, key_bytes), row))
        })
    }

    fn remove(&mut self, key: &Row, hash: u64) -> Option<Row> {
        let Keyed { key: columns, table } = self;
        key.with_bytes(|bytes| table.remove(hash, |row| has_key(columns, row, bytes)))
    }
}

/// Whether these columns of the row make the key.
fn has_key(columns: &[usize], row: &[u8], key: &[u8]) -> bool {
    if columns.iter().copied().eq(0..columns.len()) {
        return row.starts_with(key);
    }
    let mut rest = key;
    columns.iter().all(|position| match rest.strip_prefix(encoding::column(row, *position)) {
        Some(after) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The worker that holds a key.
pub fn worker_of(key: &Row, workers: usize) -> usize {
    (hash(key) >> 32) as usize % workers
}

/// The rows of a table, of the writes that are this worker's. `fail` is called when a partial write has no row to complete.
pub fn upsert<'s>(
    writes: Stream<'s, Time, Vec<Upsert>>,
    shard: Arc<Shard>,
    fail: impl Fn(String) + 'static,
) -> Rows<'s> {
    type Builder = CapacityContainerBuilder<Vec<(Row, Time, Diff)>>;
    let changes = writes.unary::<Builder, _, _, _>(Pipeline, "Upsert", move |_, _| {
        move |input, output| {
            input.for_each(|capability, writes| {
                let count = writes.len() as u64;
                let mut session = output.session(&capability);
                apply(
                    std::mem::take(writes),
                    &mut shard.rows(),
                    &mut |row, time, diff| session.give((row, time, diff)),
                    &fail,
                );
                shard.applied.fetch_add(count, Ordering::Release);
            });
        }
    });
    changes.as_collection()
}

fn apply(writes: Vec<Upsert>, rows: &mut Keyed, give: &mut impl FnMut(Row, Time, Diff), fail: &impl Fn(String)) {
    let hashes: Vec<u64> = writes.iter().map(|write| hash(&write.key)).collect();
    for (at, Upsert { key, time, kind, .. }) in writes.into_iter().enumerate() {
        if at % AT_ONCE == 0 {
            rows.table.warm(&hashes[at..hashes.len().min(at + AT_ONCE)]);
        }
        let hash = hashes[at];
        let new = match kind {
            UpsertKind::Put(row) => row,
            UpsertKind::PutPartial(partial) => match rows.get(&key, hash).filter(|_| partial.old_key.is_none()) {
                Some(old) => partial.complete(&old),
                None => return fail("a row is to be changed in part, but there is no row with its key".into()),
            },
            UpsertKind::Delete => {
                rows.remove(&key, hash).into_iter().for_each(|row| give(row, time, -1));
                continue;
            }
            UpsertKind::Truncate => {
                std::mem::take(&mut rows.table).rows().for_each(|row| give(Row::from_bytes(row), time, -1));
                continue;
            }
        };
        match rows.put(&key, hash, &new) {
            Put::Same => {}
            Put::New => give(new, time, 1),
            Put::Instead(old) => {
                give(old, time, -1);
                give(new, time, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Partial;
    use crate::value::Datum;

    fn row(values: &[i64]) -> Row {
        Row::pack(&values.iter().map(|v| Datum::Int8(*v)).collect::<Vec<_>>())
    }

    fn write(key: i64, time: Time, sequence: u64, kind: UpsertKind) -> Upsert {
        Upsert { key: row(&[key]), time, sequence, kind }
    }

    fn check(writes: Vec<Upsert>, expected: &[(Row, Time, Diff)]) {
        let mut changes = Vec::new();
        let mut rows = Keyed { key: [0].into(), table: Table::default() };
        apply(writes, &mut rows, &mut |row, time, diff| changes.push((row, time, diff)), &|m| panic!("{m}"));
        differential_dataflow::consolidation::consolidate_updates(&mut changes);
        changes.sort_by_key(|(_, time, _)| *time);
        assert_eq!(changes, expected);
    }

    #[test]
    fn the_last_write_wins_and_partial_rows_are_completed() {
        use UpsertKind::*;
        let partial = Partial { row: Row::pack(&[Datum::Int8(1), Datum::Null]), absent: [1].into(), old_key: None };
        check(
            vec![
                write(1, 5, 1, Put(row(&[1, 10]))),
                write(1, 5, 2, Put(row(&[1, 11]))),
                write(1, 6, 3, PutPartial(Box::new(partial))),
                write(2, 6, 4, Put(row(&[2, 9]))),
                write(2, 6, 5, Delete),
                write(0, 7, 6, Truncate),
            ],
            &[(row(&[1, 11]), 5, 1), (row(&[1, 11]), 7, -1)],
        );
    }
}
