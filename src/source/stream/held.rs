//! How many bytes wait for the watermark.

use crate::value::Time;
use std::collections::BTreeMap;

/// Bytes are counted by cells of so many microseconds.
const CELL: Time = 10_000;

/// Bytes by the time they wait for.
#[derive(Default)]
pub(super) struct Held {
    cells: BTreeMap<Time, usize>,
    bytes: usize,
}

impl Held {
    /// So many bytes wait for this time to pass.
    pub(super) fn add(&mut self, time: Time, bytes: usize) {
        *self.cells.entry(time / CELL).or_default() += bytes;
        self.bytes += bytes;
    }

    /// The watermark has come here; none: everything ended.
    pub(super) fn release(&mut self, frontier: Option<Time>) {
        let waits = frontier.map_or_else(BTreeMap::new, |frontier| self.cells.split_off(&(frontier / CELL)));
        self.bytes -= std::mem::replace(&mut self.cells, waits).values().sum::<usize>();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_frontier_passes_waits_no_more() {
        let mut held = Held::default();
        [(5, 1), (CELL - 1, 2), (CELL, 4), (9 * CELL, 8)].iter().for_each(|(time, bytes)| held.add(*time, *bytes));
        for (frontier, left) in [(Some(CELL - 1), 15), (Some(CELL), 12), (Some(9 * CELL + 5), 8), (None, 0)] {
            held.release(frontier);
            assert_eq!(held.bytes(), left);
        }
    }
}
