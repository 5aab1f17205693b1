//! What a table without a key holds, row by row. Such a table's TRUNCATE and its new snapshot after a lost connection can only be
//! told as retractions, so its rows are kept here: the price of a table without a key.

use crate::value::{Diff, Row, Time};
use std::collections::HashMap;

/// A multiset of rows.
#[derive(Debug, Default)]
pub(super) struct Content {
    rows: HashMap<Row, Diff>,
}

impl Content {
    /// These rows.
    pub(super) fn of(rows: Vec<(Row, Diff)>) -> Content {
        Content { rows: rows.into_iter().collect() }
    }

    /// Takes changes in.
    pub(super) fn apply(&mut self, changes: &[(Row, Time, Diff)]) {
        for (row, _, diff) in changes {
            let count = self.rows.entry(row.clone()).or_insert(0);
            *count += diff;
            if *count == 0 {
                self.rows.remove(row);
            }
        }
    }

    /// Appends what retracts everything held and everything in `changes`, which come after it.
    pub(super) fn retract(&self, changes: &mut Vec<(Row, Time, Diff)>, time: Time) {
        let mut pending: HashMap<Row, Diff> = HashMap::new();
        for (row, _, diff) in changes.iter() {
            *pending.entry(row.clone()).or_insert(0) += diff;
        }
        changes.reserve(self.rows.len());
        let held = self.rows.iter().map(|(row, count)| (row.clone(), count + pending.remove(row).unwrap_or(0)));
        changes.extend(held.filter(|(_, count)| *count != 0).map(|(row, count)| (row, time, -count)));
        // What came after what is held.
        changes.extend(pending.into_iter().filter(|(_, count)| *count != 0).map(|(row, count)| (row, time, -count)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncate_retracts_what_is_held_and_what_is_pending() {
        let row = |byte: u8| Row::from_bytes(&[byte]);
        let mut content = Content::default();
        content.apply(&[(row(1), 1, 2), (row(2), 1, 1), (row(2), 2, -1)]);
        let mut pending = vec![(row(1), 3, -1), (row(3), 3, 1)];
        content.retract(&mut pending, 4);
        pending.sort();
        assert_eq!(pending, [(row(1), 3, -1), (row(1), 4, -1), (row(3), 3, 1), (row(3), 4, -1)]);
        content.apply(&pending);
        assert!(content.rows.is_empty());
    }
}
