//! Changes that wait for a frontier, netted now and then: a row that changes again and again meanwhile takes no more room than one.
//!
//! Whoever holds them does so whenever they have doubled (`Netting`), so that each is looked at a few times only.

use crate::timeline::{Upsert, UpsertKind};
use crate::value::{Diff, Row, Time};
use differential_dataflow::consolidation::consolidate_updates;
use std::collections::HashSet;

/// Fewer are left as they are.
pub const MANY: usize = 1 << 16;

/// When changes that wait are to be netted: if there are many, and twice as many as were left the last time.
#[derive(Debug)]
pub struct Netting {
    many: usize,
    next: usize,
}

impl Netting {
    /// Fewer than `many` are left as they are.
    pub fn new(many: usize) -> Netting {
        Netting { many, next: many }
    }

    /// Whether so many are to be netted.
    pub fn is_due(&self, count: usize) -> bool {
        count >= self.next
    }

    /// So many are left, netted.
    pub fn left(&mut self, count: usize) {
        self.next = self.many.max(2 * count);
    }
}

impl Default for Netting {
    fn default() -> Netting {
        Netting::new(MANY)
    }
}

/// Adds up changes of the same row at the same time.
pub fn net_rows(changes: &mut Vec<(Row, Time, Diff)>) {
    consolidate_updates(changes);
}

/// Leaves out the writes that others at the same time leave nothing of.
pub fn net_writes(writes: &mut Vec<Upsert>) {
    let (mut written, mut emptied) = (HashSet::<(Row, Time)>::new(), HashSet::<Time>::new());
    let mut left = Vec::new();
    for write in std::mem::take(writes).into_iter().rev() {
        let place = (write.key.clone(), write.time);
        if emptied.contains(&write.time) || written.contains(&place) {
            continue;
        }
        match write.kind {
            UpsertKind::Put(_) | UpsertKind::Delete => drop(written.insert(place)),
            UpsertKind::Truncate => drop(emptied.insert(write.time)),
            UpsertKind::PutPartial(_) => {}
        }
        left.push(write);
    }
    left.reverse();
    *writes = left;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Partial;
    use crate::value::Datum;

    fn row(n: i64) -> Row {
        Row::pack(&[Datum::Int8(n)])
    }

    #[test]
    fn the_last_write_and_what_completes_it_stay() {
        let partial = |n| UpsertKind::PutPartial(Box::new(Partial { row: row(n), absent: [1].into(), old_key: None }));
        let written: [(i64, Time, UpsertKind, bool); 12] = [
            (1, 5, UpsertKind::Put(row(1)), false),
            (9, 4, UpsertKind::Put(row(9)), true),
            (0, 5, UpsertKind::Truncate, true),
            (1, 5, UpsertKind::Put(row(2)), false),
            (1, 5, UpsertKind::Delete, false),
            (2, 5, UpsertKind::Put(row(3)), true),
            (1, 5, partial(4), false),
            (1, 5, UpsertKind::Put(row(5)), true),
            (2, 5, partial(6), true),
            (2, 5, partial(7), true),
            (3, 5, UpsertKind::Delete, true),
            (1, 6, UpsertKind::Delete, true),
        ];
        let mut writes: Vec<Upsert> = (0..)
            .zip(&written)
            .map(|(sequence, (key, time, kind, _))| Upsert {
                key: row(*key),
                time: *time,
                sequence,
                kind: kind.clone(),
            })
            .collect();
        net_writes(&mut writes);
        let left: Vec<u64> = writes.iter().map(|write| write.sequence).collect();
        let expected = (0..).zip(&written).filter(|(_, (.., stays))| *stays).map(|(sequence, _)| sequence);
        assert_eq!(left, expected.collect::<Vec<u64>>());
    }
}
