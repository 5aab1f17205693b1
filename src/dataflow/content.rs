//! What a relation that can be peeked at holds: its rows, each with its count, at the frontier last told.

use super::hash::hash;
use super::table::Table;
use crate::value::{Diff, Row, Time};

/// What a relation holds at a frontier.
#[derive(Debug, Default)]
pub struct Content {
    /// The frontier; none before the first was told.
    told: Option<Option<Time>>,
    /// Each row behind its count.
    rows: Table,
    /// Where an entry is put together.
    entry: Vec<u8>,
}

/// The bytes of a count.
const COUNT: usize = size_of::<Diff>();

impl Content {
    /// Takes the changes that lead to a frontier.
    pub fn update(&mut self, changes: &[(Row, Time, Diff)], frontier: Option<Time>) {
        self.told = Some(frontier);
        changes.iter().for_each(|(row, _, diff)| self.add(row, *diff));
    }

    fn add(&mut self, row: &Row, diff: Diff) {
        let Content { rows, entry, .. } = self;
        let hash = hash(row);
        row.with_bytes(|row| {
            let is_it = |entry: &[u8]| &entry[COUNT..] == row;
            match rows.get_mut(hash, is_it) {
                Some(found) if count(found) + diff == 0 => drop(rows.remove(hash, is_it)),
                Some(found) => {
                    let count = count(found) + diff;
                    found[..COUNT].copy_from_slice(&count.to_le_bytes());
                }
                None => {
                    entry.clear();
                    entry.extend_from_slice(&diff.to_le_bytes());
                    entry.extend_from_slice(row);
                    rows.put(hash, |_| false, entry);
                }
            }
        });
    }

    /// The frontier last told, if one was, and the rows in order.
    pub fn told(&self) -> Option<(Option<Time>, Vec<(Row, Diff)>)> {
        let frontier = self.told?;
        let mut rows: Vec<(Row, Diff)> =
            self.rows.rows().map(|entry| (Row::from_bytes(&entry[COUNT..]), count(entry))).collect();
        rows.sort_unstable();
        Some((frontier, rows))
    }
}

fn count(entry: &[u8]) -> Diff {
    entry.iter().take(COUNT).rev().fold(0, |count, byte| count << 8 | Diff::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    #[test]
    fn counts_add_up_and_rows_without_any_are_gone() {
        let row = |v: i64| Row::pack(&[Datum::Int8(v), Datum::text("x".repeat(v as usize))]);
        let mut content = Content::default();
        assert_eq!(content.told(), None);
        content.update(&[(row(40), 1, 2), (row(3), 1, 1), (row(5), 1, -1)], Some(2));
        content.update(&[(row(40), 2, 300), (row(3), 2, -1), (row(5), 3, 1), (row(7), 3, -1)], None);
        assert_eq!(content.told(), Some((None, vec![(row(7), -1), (row(40), 302)])));
    }
}
