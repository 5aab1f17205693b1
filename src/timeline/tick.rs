//! A tick: one advance of a source's frontier with the changes below it.

use crate::value::{Datum, Diff, Row, RowBuilder, Time, encoding};
use std::collections::BTreeMap;

/// A source's index in the view set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub usize);

/// An input relation's index in the view set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationId(pub usize);

/// One advance of a source's frontier. No change in it has a time below the previous frontier; one above its own frontier has arrived
/// early, and takes effect when a frontier passes it (`Arrivals`). A transaction may come in pieces: ticks whose changes no frontier
/// passes before all of it is there.
#[derive(Debug)]
pub struct Tick {
    /// Whose frontier advances.
    pub source: SourceId,
    /// The changes, at most one batch per relation and form.
    pub batches: Vec<(RelationId, Batch)>,
    /// The rows of error relations: what could not be understood, with the time it is reported at.
    pub errors: Vec<(RelationId, DataError, Time)>,
    /// The new frontier; `None` when the input has ended.
    pub frontier: Option<Time>,
    /// Whether this tick belongs to the snapshot that precedes the first real frontier.
    pub snapshot: bool,
    /// Whether this is a piece of something that goes on and is one: a transaction, or tables that were read again. Its changes come in
    /// their order, the last ones at the frontier, which stays there until a tick that is no piece moves it one further.
    pub piece: bool,
    /// Whether the source's newcomers have their content from its frontier on: relations that came to it after its snapshot.
    pub completes: bool,
    /// Where the source goes on after this tick, by names of its own; only what is new since the tick before. A store gives them
    /// back at the next start.
    pub positions: Vec<(String, String)>,
}

impl Tick {
    /// A tick of real time without errors, and without a position.
    pub fn new(source: SourceId, batches: Vec<(RelationId, Batch)>, frontier: Option<Time>) -> Tick {
        let (errors, positions) = Default::default();
        let (snapshot, piece, completes) = (false, false, false);
        Tick { source, batches, errors, frontier, snapshot, piece, completes, positions }
    }
}

/// How far a source had come at the end of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Its frontier.
    pub frontier: Time,
    /// The last position of each name it gave.
    pub positions: BTreeMap<String, String>,
}

/// What of a source can be read again, when a store does not have its relations as they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rereads {
    /// Nothing: events are told once.
    Nothing,
    /// All of it: it begins anew.
    Whole,
    /// Any relation by itself, while the others go on.
    Relations,
}

/// Changes of one relation.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Streams, and tables without a key (`REPLICA IDENTITY FULL`): complete rows with their diffs.
    Rows(Vec<(Row, Time, Diff)>),
    /// Tables with a key: the last sequence per key wins.
    Upserts(Vec<Upsert>),
}

impl Batch {
    /// How many changes there are.
    pub fn len(&self) -> usize {
        match self {
            Batch::Rows(rows) => rows.len(),
            Batch::Upserts(writes) => writes.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The changes before a time, and the others.
    pub fn split(self, end: Time) -> (Batch, Batch) {
        match self {
            Batch::Rows(rows) if rows.iter().all(|(_, time, _)| *time < end) => {
                (Batch::Rows(rows), Batch::Rows(Vec::new()))
            }
            Batch::Rows(rows) => {
                let (before, others) = rows.into_iter().partition(|(_, time, _)| *time < end);
                (Batch::Rows(before), Batch::Rows(others))
            }
            Batch::Upserts(writes) => {
                let (before, others) = writes.into_iter().partition(|write| write.time < end);
                (Batch::Upserts(before), Batch::Upserts(others))
            }
        }
    }
}

/// One write to a keyed table.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The key columns' values as a row, in key order. Empty for `Truncate`.
    pub key: Row,
    /// When it holds.
    pub time: Time,
    /// Total order of a relation's writes: later wins.
    pub sequence: u64,
    /// What is written.
    pub kind: UpsertKind,
}

/// What an upsert does to its key.
#[derive(Clone, Debug)]
pub enum UpsertKind {
    /// The whole row.
    Put(Row),
    /// The row but for some columns, which keep their old values (unchanged TOAST).
    PutPartial(Box<Partial>),
    /// The key's row goes.
    Delete,
    /// Every row of the relation goes.
    Truncate,
}

/// A row of which some columns are not known: they are what they were.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The new row; the absent columns are null.
    pub row: Row,
    /// Positions of the absent columns, ascending.
    pub absent: Box<[u16]>,
    /// The key the row had before, if it was another: the absent columns are those of its row. Its own `Delete` follows
    /// separately, with a later sequence.
    pub old_key: Option<Row>,
}

/// A row of an error relation: `<relation>_errors(code, message, input)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct DataError {
    /// The SQLSTATE, as Postgres would report it.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The offending input: the row as JSON, or `file:line: text`.
    pub input: String,
}

impl DataError {
    /// Itself as such a row.
    pub fn row(&self) -> Row {
        Row::pack(&[&self.code, &self.message, &self.input].map(|text| Datum::text(text.as_str())))
    }
}

impl Partial {
    /// The row with the absent columns taken from the old one.
    pub fn complete(&self, old: &Row) -> Row {
        self.row.with_bytes(|row| {
            old.with_bytes(|old| {
                let (mut row, mut old) = (row, old);
                let mut builder = RowBuilder::default();
                let mut position = 0;
                while !row.is_empty() && !old.is_empty() {
                    let (new_column, new_rest) = row.split_at(encoding::skip(row));
                    let (old_column, old_rest) = old.split_at(encoding::skip(old));
                    let column = if self.absent.contains(&position) { old_column } else { new_column };
                    builder.push_encoded(column);
                    (row, old) = (new_rest, old_rest);
                    position += 1;
                }
                builder.finish()
            })
        })
    }
}
