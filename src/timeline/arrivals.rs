//! What a tick carries above its frontier waits here until a frontier passes it.
//!
//! A source tells events as they arrive, so that they can be made durable at once; the dataflow takes them in order of time. The pieces
//! of a transaction come in that order, and do not wait here.

use super::{Batch, DataError, RelationId, Reorder, Tick, Upsert};
use crate::value::{Diff, Row, Time};
use std::collections::BTreeMap;

/// What has arrived and waits, of one source.
#[derive(Debug, Default)]
pub struct Arrivals {
    rows: BTreeMap<RelationId, Reorder<(Row, Diff)>>,
    writes: BTreeMap<RelationId, Reorder<Upsert>>,
    errors: Reorder<(RelationId, DataError)>,
}

impl Arrivals {
    /// The tick with what its frontier passes, of what has arrived before as well; the rest waits.
    pub fn pass(&mut self, tick: Tick) -> Tick {
        if tick.piece {
            return tick;
        }
        let frontier = tick.frontier;
        let is_due = |time: Time| frontier.is_none_or(|frontier| time < frontier);
        let mut batches = Vec::new();
        for (relation, batch) in tick.batches {
            match batch {
                Batch::Rows(rows)
                    if !self.rows.contains_key(&relation) && rows.iter().all(|(_, time, _)| is_due(*time)) =>
                {
                    batches.push((relation, Batch::Rows(rows)));
                }
                Batch::Rows(rows) => {
                    let waiting = self.rows.entry(relation).or_default();
                    rows.into_iter().for_each(|(row, time, diff)| waiting.push(time, (row, diff)));
                }
                Batch::Upserts(writes)
                    if !self.writes.contains_key(&relation) && writes.iter().all(|write| is_due(write.time)) =>
                {
                    batches.push((relation, Batch::Upserts(writes)));
                }
                Batch::Upserts(writes) => {
                    let waiting = self.writes.entry(relation).or_default();
                    writes.into_iter().for_each(|write| waiting.push(write.time, write));
                }
            }
        }
        for (relation, waiting) in &mut self.rows {
            let mut rows = Vec::new();
            waiting.release(frontier, |time, (row, diff)| rows.push((row, time, diff)));
            batches.extend((!rows.is_empty()).then_some((*relation, Batch::Rows(rows))));
        }
        for (relation, waiting) in &mut self.writes {
            let mut writes = Vec::new();
            waiting.release(frontier, |_, write| writes.push(write));
            batches.extend((!writes.is_empty()).then_some((*relation, Batch::Upserts(writes))));
        }
        let mut errors = Vec::new();
        tick.errors.into_iter().for_each(|(relation, error, time)| self.errors.push(time, (relation, error)));
        self.errors.release(frontier, |time, (relation, error)| errors.push((relation, error, time)));
        Tick { batches, errors, ..tick }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::SourceId;
    use crate::value::Datum;

    #[test]
    fn what_arrives_early_leaves_in_order_of_time() {
        let row = |n: i64| Row::pack(&[Datum::Int8(n)]);
        let mut arrivals = Arrivals::default();
        let mut pass = |rows: &[(i64, Time)], frontier| {
            let rows = rows.iter().map(|(n, time)| (row(*n), *time, 1)).collect();
            let tick = Tick::new(SourceId(0), vec![(RelationId(3), Batch::Rows(rows))], frontier);
            let tick = arrivals.pass(tick);
            assert_eq!(tick.frontier, frontier);
            let rows = tick.batches.into_iter().flat_map(|(_, batch)| match batch {
                Batch::Rows(rows) => rows,
                Batch::Upserts(_) => panic!("rows"),
            });
            rows.map(|(row, time, _)| (row, time)).collect::<Vec<_>>()
        };
        assert_eq!(pass(&[(1, 5), (2, 3)], Some(9)), [(row(1), 5), (row(2), 3)]);
        assert_eq!(pass(&[(3, 20), (4, 12), (5, 12)], Some(12)), []);
        assert_eq!(pass(&[(6, 12)], Some(13)), [(row(4), 12), (row(5), 12), (row(6), 12)]);
        assert_eq!(pass(&[(7, 30)], None), [(row(3), 20), (row(7), 30)]);
    }
}
