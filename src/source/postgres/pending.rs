//! What was read and not yet sent: the changes of whole transactions and of the one now being read.

use super::clock::Clock;
use super::content::Content;
use super::decode::Value;
use super::failure::Failure;
use super::shape::{Encoder, Shape};
use crate::timeline::{Batch, Partial, RelationId, Resume, SourceId, Tick, Upsert, UpsertKind};
use crate::value::{Diff, Row, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of the position that ticks carry with the number of the last write.
const SEQUENCE: &str = "sequence";

/// What a change tells of the row before: a value for every field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before<'a> {
    /// Nothing: the key is as before.
    Nothing,
    /// The key; all other values mean nothing.
    Key(&'a [Value<'a>]),
    /// The whole row.
    Whole(&'a [Value<'a>]),
}

/// What is known of a wanted table, and its changes not yet sent.
#[derive(Debug)]
pub(super) struct Writes {
    /// The table.
    pub(super) shape: Arc<Shape>,
    /// For a table without a key, what it held when the last tick was sent.
    content: Content,
    upserts: Vec<Upsert>,
    rows: Vec<(Row, Time, Diff)>,
}

/// The wanted tables with the changes not yet sent. Lives as long as the source.
#[derive(Debug)]
pub(super) struct Pending {
    source: SourceId,
    /// The tables in order.
    pub(super) tables: Vec<Writes>,
    /// Gives times.
    pub(super) clock: Clock,
    sequence: u64,
    /// What ticks have told of it.
    sequence_told: u64,
    encoder: Encoder,
    /// The frontier already sent.
    frontier: Time,
    /// Changes not yet sent.
    changes: u64,
    /// Whether the first real frontier was sent.
    live: bool,
    /// What tables without a key held when an earlier run ended, until the tables are defined.
    held: BTreeMap<RelationId, Vec<(Row, Diff)>>,
}

impl Writes {
    fn new(shape: Arc<Shape>) -> Writes {
        Writes { shape, content: Content::default(), upserts: Vec::new(), rows: Vec::new() }
    }
}

impl Pending {
    /// Nothing read yet, of no table.
    pub(super) fn new(source: SourceId, clock: Clock) -> Pending {
        let (tables, encoder, held) = (Vec::new(), Encoder::default(), BTreeMap::new());
        let (sequence, sequence_told, frontier, changes, live) = (0, 0, 0, 0, false);
        Pending { source, tables, clock, sequence, sequence_told, encoder, frontier, changes, live, held }
    }

    /// Goes on where an earlier run has ended, with what tables without a key held then. Writes are numbered on: those that take effect
    /// at one instant of the grid are put in order by nothing else.
    pub(super) fn resume(&mut self, resume: &Resume, held: BTreeMap<RelationId, Vec<(Row, Diff)>>) {
        self.clock.announced(resume.frontier);
        (self.frontier, self.live, self.held) = (resume.frontier, true, held);
        let sequence = resume.positions.get(SEQUENCE).and_then(|sequence| sequence.parse().ok()).unwrap_or(0);
        (self.sequence, self.sequence_told) = (sequence, sequence);
    }

    /// Takes the tables' present definitions; the tables are the same every time.
    pub(super) fn define(&mut self, shapes: Vec<Arc<Shape>>) {
        if self.tables.is_empty() {
            self.tables = shapes.into_iter().map(Writes::new).collect();
            for table in &mut self.tables {
                let held = self.held.remove(&table.shape.id).unwrap_or_default();
                table.content = Content::of(held);
            }
            return;
        }
        for (table, shape) in self.tables.iter_mut().zip(shapes) {
            table.shape = shape;
        }
    }

    /// Whether the first real frontier was sent.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// From here on frontiers are real.
    pub(super) fn go_live(&mut self) {
        self.live = true;
    }

    /// The frontier already sent.
    pub(super) fn frontier(&self) -> Time {
        self.frontier
    }

    /// Changes not yet sent.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Forgets what was not sent: the connection it came over is gone, and a new snapshot has it.
    pub(super) fn discard(&mut self) {
        for table in &mut self.tables {
            table.upserts.clear();
            table.rows.clear();
        }
        self.changes = 0;
    }

    /// A new row.
    pub(super) fn insert(&mut self, table: usize, time: Time, new: &[Value<'_>]) -> Result<(), Failure> {
        let Pending { tables, encoder, sequence, .. } = self;
        let writes = &mut tables[table];
        writes.shape.encode(new, encoder)?;
        let row = encoder.row();
        if writes.shape.upserts {
            let key = encoder.columns(&writes.shape.key);
            *sequence += 1;
            writes.upserts.push(Upsert { key, time, sequence: *sequence, kind: UpsertKind::Put(row) });
        } else {
            writes.rows.push((row, time, 1));
        }
        self.changes += 1;
        Ok(())
    }

    /// A changed row. `old` is the old key, if it changed, or the whole old row.
    pub(super) fn update(
        &mut self,
        table: usize,
        time: Time,
        old: Before<'_>,
        new: &[Value<'_>],
    ) -> Result<(), Failure> {
        self.changes += 1;
        if self.tables[table].shape.upserts {
            self.update_keyed(table, time, old, new)
        } else {
            self.update_whole(table, time, old, new)
        }
    }

    fn update_keyed(&mut self, table: usize, time: Time, old: Before<'_>, new: &[Value<'_>]) -> Result<(), Failure> {
        let Pending { tables, encoder, sequence, .. } = self;
        let Writes { shape, upserts, .. } = &mut tables[table];
        if shape.key.iter().any(|position| new[*position] == Value::Unchanged) {
            return Err(shape.unidentified());
        }
        let old_key = match old {
            Before::Nothing => None,
            Before::Key(old) | Before::Whole(old) => Some(shape.encode_key(old, encoder)?),
        };
        shape.encode(new, encoder)?;
        let (row, key) = (encoder.row(), encoder.columns(&shape.key));
        let absent = absent_columns(shape, new);
        let moved_from = old_key.filter(|old_key| *old_key != key);
        let kind = match absent.is_empty() {
            true => UpsertKind::Put(row),
            false => UpsertKind::PutPartial(Box::new(Partial { row, absent, old_key: moved_from.clone() })),
        };
        *sequence += 1;
        upserts.push(Upsert { key, time, sequence: *sequence, kind });
        if let Some(key) = moved_from {
            *sequence += 1;
            upserts.push(Upsert { key, time, sequence: *sequence, kind: UpsertKind::Delete });
        }
        Ok(())
    }

    fn update_whole(&mut self, table: usize, time: Time, old: Before<'_>, new: &[Value<'_>]) -> Result<(), Failure> {
        let Pending { tables, encoder, .. } = self;
        let Writes { shape, rows, .. } = &mut tables[table];
        let Before::Whole(old) = old else { return Err(shape.unidentified()) };
        if !absent_columns(shape, new).is_empty() {
            return Err(shape.unidentified());
        }
        shape.encode(old, encoder)?;
        rows.push((encoder.row(), time, -1));
        shape.encode(new, encoder)?;
        rows.push((encoder.row(), time, 1));
        Ok(())
    }

    /// A removed row.
    pub(super) fn delete(&mut self, table: usize, time: Time, old: Before<'_>) -> Result<(), Failure> {
        let Pending { tables, encoder, sequence, .. } = self;
        let Writes { shape, upserts, rows, .. } = &mut tables[table];
        match (shape.upserts, old) {
            (true, Before::Key(old) | Before::Whole(old)) => {
                let key = shape.encode_key(old, encoder)?;
                *sequence += 1;
                upserts.push(Upsert { key, time, sequence: *sequence, kind: UpsertKind::Delete });
            }
            (false, Before::Whole(old)) => {
                shape.encode(old, encoder)?;
                rows.push((encoder.row(), time, -1));
            }
            (_, Before::Nothing) | (false, Before::Key(_)) => return Err(shape.unidentified()),
        }
        self.changes += 1;
        Ok(())
    }

    /// An emptied table.
    pub(super) fn truncate(&mut self, table: usize, time: Time) {
        let Pending { tables, sequence, .. } = self;
        let Writes { shape, upserts, rows, content } = &mut tables[table];
        if shape.upserts {
            *sequence += 1;
            upserts.push(Upsert { key: Row::default(), time, sequence: *sequence, kind: UpsertKind::Truncate });
        } else {
            content.retract(rows, time);
        }
        self.changes += 1;
    }

    /// A row of the snapshot, as a worker read it.
    pub(super) fn put(&mut self, table: usize, time: Time, (key, row): (Row, Row)) {
        let Pending { tables, sequence, .. } = self;
        let writes = &mut tables[table];
        if writes.shape.upserts {
            *sequence += 1;
            writes.upserts.push(Upsert { key, time, sequence: *sequence, kind: UpsertKind::Put(row) });
        } else {
            writes.rows.push((row, time, 1));
        }
        self.changes += 1;
    }

    /// Takes everything read as a tick that advances to this frontier. Must not be called within a transaction.
    pub(super) fn seal(&mut self, frontier: Time, snapshot: bool) -> Tick {
        let mut batches = Vec::new();
        for Writes { shape, content, upserts, rows } in &mut self.tables {
            if !upserts.is_empty() {
                batches.push((shape.id, Batch::Upserts(std::mem::take(upserts))));
            }
            if !rows.is_empty() {
                content.apply(rows);
                batches.push((shape.id, Batch::Rows(std::mem::take(rows))));
            }
        }
        self.changes = 0;
        self.frontier = frontier;
        self.clock.announced(frontier);
        Tick { snapshot, ..Tick::new(self.source, batches, Some(frontier)) }
    }

    /// As `seal`, with where to go on from there, if a store keeps that.
    pub(super) fn seal_with(&mut self, frontier: Time, mut positions: Vec<(String, String)>) -> Tick {
        if !positions.is_empty() && self.sequence != self.sequence_told {
            self.sequence_told = self.sequence;
            positions.push((SEQUENCE.to_owned(), self.sequence.to_string()));
        }
        Tick { positions, ..self.seal(frontier, false) }
    }

    /// The tick that ends the input.
    pub(super) fn end(&self) -> Tick {
        Tick::new(self.source, Vec::new(), None)
    }
}

/// Positions of the columns that somebody reads and the change did not tell.
fn absent_columns(shape: &Shape, values: &[Value<'_>]) -> Box<[u16]> {
    let columns = shape.fields.iter().zip(values).enumerate();
    let absent = columns.filter(|(_, (field, value))| field.wanted && **value == Value::Unchanged);
    absent.filter_map(|(position, _)| u16::try_from(position).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn another_run_numbers_its_writes_on() {
        let mut pending = Pending::new(SourceId(0), Clock::new(Duration::ZERO));
        pending.sequence = 7;
        assert_eq!(pending.seal_with(4, Vec::new()).positions, []);
        let positions = pending.seal_with(5, vec![("wal".into(), "0/1".into())]).positions;
        assert_eq!(positions[1], (SEQUENCE.to_owned(), "7".to_owned()));
        let idle = pending.seal_with(6, vec![("wal".into(), "0/2".into())]).positions;
        assert_eq!(idle.len(), 1);
        let resume = Resume { frontier: 6, positions: positions.into_iter().collect() };
        let mut next = Pending::new(SourceId(0), Clock::new(Duration::ZERO));
        next.resume(&resume, BTreeMap::new());
        assert_eq!((next.sequence, next.frontier()), (7, 6));
    }
}
