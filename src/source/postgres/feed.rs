//! The change feed's meaning: messages become pending changes of whole transactions. No input or output happens here.

use super::ddl::{self, Places};
use super::decode::{self, Message, Old, Relation, Tuple, Value};
use super::failure::Failure;
use super::overlap::{Begins, Commit, Overlap, Part, other_history};
use super::pending::{Before, Pending};
use crate::value::Time;
use std::collections::HashMap;

/// What a message meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A transaction goes on, or a definition came.
    Within,
    /// A transaction is complete.
    Commit(Commit),
    /// A transaction that was taken already has come again; the WAL position behind it.
    Again(u64),
    /// A transaction has come that lies beyond where to end. Nothing of it was taken.
    Beyond,
}

/// The transaction being read.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// What has come of it, and what was taken of it before, until that has come again.
    New { come: Part, taken: Option<Part> },
    /// It was taken already.
    Again,
}

/// One connection's change feed.
#[derive(Debug)]
pub(super) struct Feed {
    /// The wanted tables by oid.
    tables: HashMap<u32, usize>,
    /// Where each table's columns go, once its definition has come, or why it does not fit.
    places: Vec<Option<Result<Places, String>>>,
    open: Option<Open>,
    overlap: Overlap,
    /// Transactions that commit from here on are not taken.
    end: Option<u64>,
    old: Vec<Value<'static>>,
    new: Vec<Value<'static>>,
}

impl Feed {
    /// The feed of these tables, which begins with these transactions.
    pub(super) fn new(pending: &Pending, overlap: Overlap) -> Feed {
        let oids = pending.tables.iter().enumerate().map(|(table, writes)| (writes.shape.oid, table));
        let places = pending.tables.iter().map(|_| None).collect();
        let (open, end, old, new) = (None, None, Vec::new(), Vec::new());
        Feed { tables: oids.collect(), places, open, overlap, end, old, new }
    }

    /// Without these tables, of which a snapshot has what is committed below this position; up to there.
    pub(super) fn before(mut self, end: u64, without: &[usize]) -> Feed {
        self.tables.retain(|_, table| !without.contains(table));
        Feed { end: Some(end), ..self }
    }

    /// Whether a transaction is being read.
    pub(super) fn in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// The changes that have come of the transaction being read; nothing as long as they were taken already.
    pub(super) fn part(&self) -> Option<Part> {
        match self.open {
            Some(Open::New { come, taken: None }) if come.changes > 0 => Some(come),
            _ => None,
        }
    }

    /// How many changes have come of the transaction being read.
    pub(super) fn received(&self) -> u64 {
        match self.open {
            Some(Open::New { come, .. }) => come.changes,
            Some(Open::Again) | None => 0,
        }
    }

    /// Everything up to this position came. Must not be called within a transaction.
    pub(super) fn passed(&self, position: u64) -> Result<(), Failure> {
        self.overlap.passed(position)
    }

    /// Takes one message in.
    pub(super) fn apply(&mut self, bytes: &[u8], pending: &mut Pending) -> Result<Event, Failure> {
        let message = decode::decode(bytes).map_err(|error| Failure::Lost(error.to_string()))?;
        match message {
            Message::Begin { commit, .. } if self.open.is_none() && self.end.is_some_and(|end| commit >= end) => {
                self.overlap.passed(commit)?;
                return Ok(Event::Beyond);
            }
            Message::Begin { commit, commit_time } if self.open.is_none() => {
                let new = |time, taken| Open::New { come: Part::begin(commit, commit_time, time), taken };
                self.open = Some(match self.overlap.begins(commit, commit_time)? {
                    Begins::New => new(pending.clock.commit(commit_time), None),
                    Begins::On(part) => new(part.time, Some(part)),
                    Begins::Again => Open::Again,
                });
            }
            Message::Commit { end, commit_time: time } => {
                let open = self.open.take().ok_or_else(out_of_order)?;
                let commit = Commit { end, time };
                self.overlap.came(commit)?;
                return match open {
                    Open::New { taken: None, .. } => Ok(Event::Commit(commit)),
                    // It has become shorter.
                    Open::New { taken: Some(part), .. } => Err(other_history(part.commit)),
                    Open::Again => Ok(Event::Again(end)),
                };
            }
            Message::Relation(relation) => self.define(&relation, pending),
            Message::Begin { .. } => return Err(out_of_order()),
            Message::Other => {}
            _ if self.is_again(bytes)? => {}
            Message::Insert { relation, new } => self.insert(relation, new, pending)?,
            Message::Update { relation, old, new } => self.update(relation, old, new, pending)?,
            Message::Delete { relation, old } => self.delete(relation, old, pending)?,
            Message::Truncate { relations } => self.truncate(relations, pending),
        }
        Ok(Event::Within)
    }

    /// Counts a change; whether it was taken already.
    fn is_again(&mut self, change: &[u8]) -> Result<bool, Failure> {
        let Open::New { come, taken } = self.open.as_mut().ok_or_else(out_of_order)? else { return Ok(true) };
        come.add(change);
        let Some(part) = taken else { return Ok(false) };
        if come.changes == part.changes {
            if come != part {
                return Err(other_history(part.commit));
            }
            *taken = None;
        }
        Ok(true)
    }

    fn define(&mut self, relation: &Relation<'_>, pending: &Pending) {
        if let Some(table) = self.tables.get(&relation.oid) {
            let shape = &pending.tables[*table].shape;
            self.places[*table] = Some(ddl::match_columns(shape, relation));
            tracing::debug!("the change feed defines {}.{} for {}", relation.schema, relation.name, shape.name);
        }
    }

    /// The wanted table with this oid and the transaction's time; nothing if the change is to be passed over.
    fn target(&self, relation: u32) -> Option<(usize, Time)> {
        Some((*self.tables.get(&relation)?, self.part()?.time))
    }

    fn insert(&mut self, relation: u32, new: Tuple<'_>, pending: &mut Pending) -> Result<(), Failure> {
        let Some((table, time)) = self.target(relation) else { return Ok(()) };
        let mut values = recycled(std::mem::take(&mut self.new));
        self.place(table, new, pending, &mut values)?;
        let result = pending.insert(table, time, &values);
        self.new = recycled(values);
        result
    }

    fn update(
        &mut self,
        relation: u32,
        old: Option<Old<'_>>,
        new: Tuple<'_>,
        pending: &mut Pending,
    ) -> Result<(), Failure> {
        let Some((table, time)) = self.target(relation) else { return Ok(()) };
        let mut before = recycled(std::mem::take(&mut self.old));
        let mut values = recycled(std::mem::take(&mut self.new));
        self.place(table, new, pending, &mut values)?;
        if let Some(old) = old {
            self.place(table, old.tuple, pending, &mut before)?;
            complete(&mut values, &before, old.whole, &pending.tables[table].shape.key);
        }
        let told = match old {
            None => Before::Nothing,
            Some(Old { whole: true, .. }) => Before::Whole(&before),
            Some(Old { whole: false, .. }) => Before::Key(&before),
        };
        let result = pending.update(table, time, told, &values);
        (self.old, self.new) = (recycled(before), recycled(values));
        result
    }

    fn delete(&mut self, relation: u32, old: Old<'_>, pending: &mut Pending) -> Result<(), Failure> {
        let Some((table, time)) = self.target(relation) else { return Ok(()) };
        let mut before = recycled(std::mem::take(&mut self.old));
        self.place(table, old.tuple, pending, &mut before)?;
        let told = if old.whole { Before::Whole(&before) } else { Before::Key(&before) };
        let result = pending.delete(table, time, told);
        self.old = recycled(before);
        result
    }

    fn truncate(&mut self, relations: &[u8], pending: &mut Pending) {
        for oid in relations.as_chunks::<4>().0 {
            if let Some((table, time)) = self.target(u32::from_be_bytes(*oid)) {
                pending.truncate(table, time);
            }
        }
    }

    /// Sorts a row into the order of the table's fields.
    fn place<'a>(
        &self,
        table: usize,
        tuple: Tuple<'a>,
        pending: &Pending,
        values: &mut Vec<Value<'a>>,
    ) -> Result<(), Failure> {
        let places = self.places[table].as_ref().ok_or_else(out_of_order)?;
        let places = places.as_ref().map_err(|changed| Failure::Redefined(changed.clone()))?;
        if tuple.columns() != places.len() {
            return Err(Failure::Lost("malformed change feed: a row with other columns than its relation".into()));
        }
        values.clear();
        values.resize(pending.tables[table].shape.fields.len(), Value::Null);
        for (value, place) in tuple.values().zip(places) {
            if let Some(position) = place {
                values[*position] = value;
            }
        }
        Ok(())
    }
}

/// Fills in what the change does not tell because it is as before: any value if the whole old row is told, else those of the key.
fn complete<'a>(new: &mut [Value<'a>], old: &[Value<'a>], whole: bool, key: &[usize]) {
    for (position, value) in new.iter_mut().enumerate() {
        if *value == Value::Unchanged && (whole || key.contains(&position)) {
            *value = old[position];
        }
    }
}

/// An empty list in the same allocation, for values of another lifetime.
fn recycled<'a>(mut values: Vec<Value<'_>>) -> Vec<Value<'a>> {
    values.clear();
    values.into_iter().map(|_| Value::Null).collect()
}

fn out_of_order() -> Failure {
    Failure::Lost("malformed change feed: messages out of order".into())
}
