//! Merging: what the log says up to a frame is brought into the runs, so that its segments can go.
//!
//! The writes of a table are reduced to the last one per key, in memory; then the old run is read and the new one written side by
//! side in the order of keys. A row of which only some columns are known needs the old row of its key, or of the key it had
//! before: those rows are looked for in the old run first. Rows that no view has any use of any more are left out.

use super::disk::Disk;
use super::error::StoreError;
use super::expiry::Expiring;
use super::manifest::{Relation, Run};
use super::run::{RunReader, RunWriter};
use crate::timeline::{Batch, Partial, Upsert, UpsertKind};
use crate::value::{Datum, Diff, Row, RowBuilder, Time, encoding};
use std::collections::{BTreeMap, HashMap};

/// What the log says of one table.
#[derive(Default)]
pub(super) struct Delta {
    /// Whether nothing is left of what was there before.
    emptied: bool,
    keyed: HashMap<Row, Change>,
    rows: HashMap<Row, Diff>,
}

/// What becomes of a key.
enum Change {
    /// It has this row.
    Row(Row),
    /// It has none.
    Gone,
    /// It has the row that a key had in the old run, changed in part, in this order.
    Of { key: Row, partial: Vec<Partial> },
}

impl Delta {
    /// Takes a batch in; batches come in their order.
    pub(super) fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Rows(rows) => {
                for (row, _, diff) in rows {
                    *self.rows.entry(row).or_default() += diff;
                }
            }
            Batch::Upserts(mut writes) => {
                writes.sort_by_key(|write| (write.time, write.sequence));
                writes.into_iter().for_each(|write| self.write(write));
            }
        }
    }

    fn write(&mut self, Upsert { key, kind, .. }: Upsert) {
        let change = match kind {
            UpsertKind::Put(row) => Change::Row(row),
            UpsertKind::PutPartial(partial) => self.complete(&key, *partial),
            UpsertKind::Delete => Change::Gone,
            UpsertKind::Truncate => {
                self.keyed.clear();
                self.emptied = true;
                return;
            }
        };
        self.keyed.insert(key, change);
    }

    /// A row of which some columns are those of the row its key has, or another key had.
    fn complete(&self, key: &Row, mut partial: Partial) -> Change {
        let of = partial.old_key.take().unwrap_or_else(|| key.clone());
        match self.keyed.get(&of) {
            Some(Change::Row(old)) => Change::Row(partial.complete(old)),
            Some(Change::Of { key, partial: before }) => {
                Change::Of { key: key.clone(), partial: before.iter().cloned().chain([partial]).collect() }
            }
            // There is no such row: nothing can be said of the absent columns, and the source would not have sent it.
            Some(Change::Gone) => Change::Row(partial.row),
            None if self.emptied => Change::Row(partial.row),
            None => Change::Of { key: of, partial: vec![partial] },
        }
    }

    /// Writes the run that takes the place of the relation's, as of this time. From before which moment on rows were left out, if any was.
    pub(super) fn merge(
        mut self,
        disk: &dyn Disk,
        incarnation: u64,
        relation: &Relation,
        number: u64,
        time: Time,
    ) -> Result<(Run, Option<Time>), StoreError> {
        let old = relation.run.filter(|_| !self.emptied);
        let open = || old.map(|run| RunReader::open(disk, incarnation, run.number)).transpose();
        let mut out = RunWriter::create(disk, incarnation, number)?;
        let mut gone = None;
        match &relation.key {
            Some(key) => {
                self.resolve(open()?, key)?;
                self.merge_keyed(open()?, key, &mut out)?;
            }
            None => {
                let changes: BTreeMap<Row, Diff> = self.rows.into_iter().collect();
                let mut expiring = relation.expiry.as_deref().map(|expiry| Expiring::new(expiry, time));
                if let Some(expiring) = expiring.as_mut().filter(|expiring| expiring.has_sessions()) {
                    merge_rows(open()?, &changes, &mut |row, _| {
                        expiring.note(row);
                        Ok(())
                    })?;
                }
                merge_rows(open()?, &changes, &mut |row, count| {
                    let is_used = expiring.as_mut().is_none_or(|expiring| expiring.is_used(row));
                    if is_used { out.push(row, count) } else { Ok(()) }
                })?;
                gone = expiring.and_then(|expiring| expiring.gone());
            }
        }
        let RunWriter { rows, bytes, .. } = out.finish()?;
        Ok((Run { number, rows, bytes }, gone))
    }

    /// Looks up the old rows that changes in part need.
    fn resolve(&mut self, old: Option<RunReader>, key: &[usize]) -> Result<(), StoreError> {
        let needed = |change: &Change| if let Change::Of { key, .. } = change { Some(key.clone()) } else { None };
        let mut found: HashMap<Row, Option<Row>> =
            self.keyed.values().filter_map(needed).map(|key| (key, None)).collect();
        if found.is_empty() {
            return Ok(());
        }
        let mut old = KeyedRun::new(old, key);
        while let Some((key, row)) = old.next()? {
            if let Some(found) = found.get_mut(&key) {
                *found = Some(row);
            }
        }
        for change in self.keyed.values_mut() {
            if let Change::Of { key, partial } = change {
                let old = found.get(key).cloned().flatten();
                let complete = |row: Option<Row>, partial: &Partial| {
                    Some(row.map_or_else(|| partial.row.clone(), |row| partial.complete(&row)))
                };
                *change = partial.iter().fold(old, complete).map_or(Change::Gone, Change::Row);
            }
        }
        Ok(())
    }

    fn merge_keyed(self, old: Option<RunReader>, key: &[usize], out: &mut RunWriter) -> Result<(), StoreError> {
        let changes: BTreeMap<Row, Change> = self.keyed.into_iter().collect();
        let mut changes = changes.into_iter().peekable();
        let mut old = KeyedRun::new(old, key);
        let mut put = |change: Change| if let Change::Row(row) = change { out.push(&row, 1) } else { Ok(()) };
        while let Some((key, row)) = old.next()? {
            while let Some((_, change)) = changes.next_if(|(changed, _)| *changed < key) {
                put(change)?;
            }
            match changes.next_if(|(changed, _)| *changed == key) {
                Some((_, change)) => put(change)?,
                None => put(Change::Row(row))?,
            }
        }
        changes.try_for_each(|(_, change)| put(change))
    }
}

/// The rows that there are, and how often, of a run and what has changed since.
fn merge_rows(
    mut old: Option<RunReader>,
    changes: &BTreeMap<Row, Diff>,
    give: &mut dyn FnMut(&Row, Diff) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut changes = changes.iter().peekable();
    let mut give = |row: &Row, count: Diff| if count == 0 { Ok(()) } else { give(row, count) };
    while let Some((row, count)) = old.as_mut().map_or(Ok(None), RunReader::next)? {
        while let Some((changed, diff)) = changes.next_if(|(changed, _)| **changed < row) {
            give(changed, *diff)?;
        }
        let diff = changes.next_if(|(changed, _)| **changed == row).map_or(0, |(_, diff)| *diff);
        give(&row, count + diff)?;
    }
    changes.try_for_each(|(row, diff)| give(row, *diff))
}

/// A run of a table with a key.
struct KeyedRun<'k> {
    run: Option<RunReader>,
    key: &'k [usize],
    builder: RowBuilder,
}

impl<'k> KeyedRun<'k> {
    fn new(run: Option<RunReader>, key: &'k [usize]) -> KeyedRun<'k> {
        KeyedRun { run, key, builder: RowBuilder::default() }
    }

    fn next(&mut self) -> Result<Option<(Row, Row)>, StoreError> {
        let Some((row, _)) = self.run.as_mut().map_or(Ok(None), RunReader::next)? else { return Ok(None) };
        Ok(Some((key_of(&row, self.key, &mut self.builder), row)))
    }
}

/// The columns of a row that make its key: null where it ends before them.
pub(super) fn key_of(row: &Row, key: &[usize], builder: &mut RowBuilder) -> Row {
    row.with_bytes(|bytes| {
        key.iter().for_each(|position| match encoding::column_if_any(bytes, *position) {
            Some(column) => builder.push_encoded(column),
            None => builder.push(&Datum::Null),
        });
    });
    builder.finish()
}
