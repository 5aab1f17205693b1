//! Lookups in a table as it was at a time of the row: a merge of both in the order of time.
//!
//! A row waits until the table's frontier has passed it. Changes of the table at a time come before rows of that time, which see them.
//! The table's history is kept as far back as a row that comes late may look; further back there is only what is left of it.

use super::advance::{Advance, Changes, Entries, Keys, advancing, due_first};
use super::linear::Read;
use super::waiting::Waiting;
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::linear::{Evaluator, Linear};
use crate::dataflow::shape::mapped;
use crate::dataflow::types::{Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::{Equality, JoinKind};
use crate::value::{Column, Datum, Diff, Row, Time, encoding};
use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::consolidate;

/// What is looked up, and how.
pub struct Lookup<'p> {
    /// Whether rows that find nothing stay (`Left`).
    pub kind: JoinKind,
    /// The keys.
    pub on: &'p [Equality],
    /// Over left columns followed by right columns.
    pub residual: &'p [Scalar],
    /// The time, over left columns.
    pub at: &'p Scalar,
    /// By how much a row may come later than that time, microseconds.
    pub keep: i64,
}

/// Left columns, then right columns.
pub fn as_of<'s>(
    left: (Read<'s>, &[Column]),
    right: (Read<'s>, &[Column]),
    lookup: &Lookup<'_>,
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let both: Vec<Column> = left.1.iter().chain(right.1).cloned().collect();
    let mut program = Linear::pair(left.1.len(), right.1.len());
    program.filter(lookup.residual);
    let state = AsOf {
        program: program.compile(),
        fault: Fault::new(&both),
        nulls: (lookup.kind == JoinKind::Left).then(|| Row::pack(right.1.iter().map(|_| &Datum::Null))),
        keep: Time::try_from(lookup.keep).unwrap_or(0),
        changes: Waiting::new("AsOf", |(key, row, _)| key.memory() + row.memory() + size_of::<Diff>()),
        rows: Waiting::new("AsOf", |(key, _, row, _)| key.memory() + row.memory() + size_of::<(Time, Diff)>()),
        table: Entries::new("AsOf"),
        stale: Waiting::new("AsOf", Row::memory),
    };
    let sides = |of: fn(&Equality) -> &Scalar| lookup.on.iter().map(of).cloned().collect::<Vec<Scalar>>();
    let null_safe: Vec<bool> = lookup.on.iter().map(|key| key.null_safe).collect();
    let (rows, row_errors) = keyed(left, sides(|key| &key.left), &null_safe, Some(lookup.at));
    let (changes, table_errors) = keyed(right, sides(|key| &key.right), &null_safe, None);
    let (rows, errors) = fault::split(advancing(rows.concat(changes), "AsOf", state));
    (rows, row_errors.into_iter().chain(table_errors).chain([errors]).collect())
}

/// Whether it is a row that looks something up, the row, and how often it comes.
type Change = (bool, Row, Diff);

fn keyed<'s>(
    (mut read, columns): (Read<'s>, &[Column]),
    keys: Vec<Scalar>,
    null_safe: &[bool],
    at: Option<&Scalar>,
) -> (Changes<'s, Change>, Option<Errors<'s>>) {
    let before: Vec<Scalar> = at.into_iter().cloned().chain(keys.iter().cloned()).collect();
    read.program.prepend(&before);
    let looks_up = at.is_some();
    let keys = Keys::new(&mapped(&keys, columns), null_safe.to_vec(), looks_up.into());
    let (changes, errors) = read.each(move |bytes, time, diff| {
        let (at, rest) = bytes.split_at(if looks_up { encoding::skip(bytes) } else { 0 });
        let at = if looks_up { encoding::moment(at).and_then(|at| Time::try_from(at).ok()) } else { None };
        let (key, row) = keys.split(rest);
        Some(((key, at.unwrap_or(Time::MIN)), time, (looks_up, Row::from_bytes(row), diff)))
    });
    (changes.as_collection(), errors)
}

struct AsOf {
    program: Evaluator,
    fault: Fault,
    /// What stands in the place of a table row that is not there, if a row without one stays.
    nulls: Option<Row>,
    keep: Time,
    /// Changes of the table that the frontier has not passed.
    changes: Waiting<(Row, Row, Diff)>,
    /// Rows that look something up likewise, with the time for which they do.
    rows: Waiting<(Row, Time, Row, Diff)>,
    /// By key the changes, the oldest first.
    table: Entries<Vec<(Time, Row, Diff)>>,
    /// Keys whose history can be forgotten in part.
    stale: Waiting<Row>,
}

fn history_bytes(row: &Row) -> i64 {
    (row.memory() + size_of::<(Time, Diff)>()) as i64
}

impl Advance for AsOf {
    type Change = Change;

    fn wait(&mut self, time: Time, key: Row, at: Time, (looks_up, row, diff): Change) {
        match looks_up {
            true => self.rows.push(time, (key, at, row, diff)),
            false => self.changes.push(time, (key, row, diff)),
        }
    }

    fn advance(&mut self, frontier: Option<Time>, give: &mut impl FnMut(Outcome, Time, Diff)) {
        while let Some(time) = due_first([self.changes.first(), self.rows.first()], frontier) {
            for (key, row, diff) in self.changes.take_at(time) {
                self.stale.push(time.saturating_add(self.keep), key.clone());
                self.table.holding.add(1, history_bytes(&row));
                self.table.get_or_insert(&key, Vec::new).push((time, row, diff));
            }
            for (key, at, row, diff) in self.rows.take_at(time) {
                self.look_up(&key, at, &row, |outcome, count| give(outcome, time, count * diff));
            }
        }
        // No row looks further back than this from now on.
        let since = frontier.map(|frontier| frontier.saturating_sub(self.keep));
        for key in self.stale.take_below(frontier).flat_map(|(_, keys)| keys) {
            self.forget(&key, since);
        }
        self.table.shrink();
    }

    fn is_pending(&self) -> bool {
        self.changes.first().is_some() || self.rows.first().is_some()
    }
}

impl AsOf {
    /// The table's rows at that time, with the row.
    fn look_up(&mut self, key: &Row, at: Time, row: &Row, mut give: impl FnMut(Outcome, Diff)) {
        let history = self.table.get(key).map_or(&[][..], Vec::as_slice);
        let mut there: Vec<(&Row, Diff)> =
            history.iter().take_while(|(time, ..)| *time <= at).map(|(_, row, diff)| (row, *diff)).collect();
        if there.len() > 1 {
            consolidate(&mut there);
        }
        let mut alone = true;
        for (found, count) in there {
            let joined = row.with_bytes(|left| {
                found.with_bytes(|right| {
                    let joined = self.program.row(left, right);
                    joined.map_err(|error| self.fault.report_bytes(error, left, right)).transpose()
                })
            });
            alone &= joined.is_none();
            joined.into_iter().for_each(|joined| give(joined, count));
        }
        if let Some(nulls) = self.nulls.as_ref().filter(|_| alone) {
            let joined = row.with_bytes(|left| nulls.with_bytes(|nulls| Row::from_bytes(&[left, nulls].concat())));
            give(Ok(joined), 1);
        }
    }

    /// Puts together what nobody tells apart any more.
    fn forget(&mut self, key: &Row, since: Option<Time>) {
        let holding = self.table.holding.clone();
        let Some(history) = self.table.get_mut(key) else { return };
        let old = history.partition_point(|(time, ..)| since.is_none_or(|since| *time <= since));
        let mut past: Vec<(Row, Diff)> = history.drain(..old).map(|(_, row, diff)| (row, diff)).collect();
        past.iter().for_each(|(row, _)| holding.add(-1, -history_bytes(row)));
        consolidate(&mut past);
        past.iter().for_each(|(row, _)| holding.add(1, history_bytes(row)));
        history.splice(0..0, past.into_iter().map(|(row, diff)| (Time::MIN, row, diff)));
        if history.is_empty() {
            self.table.remove(key);
        } else if history.capacity() > 2 * history.len() {
            history.shrink_to_fit();
        }
    }
}
