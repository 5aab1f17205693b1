//! The first rows of groups that settle.

use super::{Groups, Terms};
use crate::dataflow::fault;
use crate::dataflow::key::{Key, KeyPlan};
use crate::dataflow::operators::linear::Read;
use crate::dataflow::operators::top_k::{Slice, encode, keyed, split, take};
use crate::dataflow::shape::mapped;
use crate::dataflow::sort::Direction;
use crate::dataflow::types::{Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::SortKey;
use crate::value::{Column, Diff, Row, encoding};
use differential_dataflow::AsCollection;
use std::collections::BTreeMap;

/// The rows of the slice of each group. The horizon is the row's column at that place.
pub fn slice<'s>(
    mut read: Read<'s>,
    append_only: bool,
    columns: &[Column],
    (group, order): (&[Scalar], &[SortKey]),
    slice: Slice,
    (horizon, terms): (usize, Terms),
) -> (Rows<'s>, Vec<Errors<'s>>) {
    keyed(&mut read.program, group, order);
    let plan = KeyPlan::new(&mapped(group, columns));
    let directions: Vec<Direction> = order.iter().map(Direction::of).collect();
    let groups = group.len();
    let mut bytes = Vec::new();
    let (changes, evaluation_errors) = read.each(move |columns, time, diff| {
        let (group, row) = encode(columns, groups, &directions, &mut bytes);
        let last = terms.last(encoding::column(row, horizon));
        Some(((Row::read(&plan, group), last), time, (Row::from_bytes(&bytes), diff)))
    });
    let first = slice.limit.map(|limit| limit.saturating_add(slice.offset)).filter(|_| append_only && !slice.ties);
    let kept = first.map(|first| Diff::try_from(first).unwrap_or(Diff::MAX));
    let (rows, errors) = fault::split(super::groups(changes.as_collection(), First { slice, kept }, terms));
    (rows, evaluation_errors.into_iter().chain([errors]).collect())
}

struct First {
    slice: Slice,
    /// How many rows are enough, where none is ever retracted.
    kept: Option<Diff>,
}

/// Rows in order, and how many there are.
#[derive(Default)]
struct Kept {
    rows: BTreeMap<Row, Diff>,
    count: Diff,
}

impl Groups for First {
    type Change = (Row, Diff);
    type Group = Kept;

    fn empty(&self) -> Kept {
        Kept::default()
    }

    fn add(&mut self, group: &mut Kept, (row, diff): (Row, Diff)) {
        group.count += diff;
        super::count(&mut group.rows, row, diff);
        while let Some(last) = group.rows.last_entry()
            && self.kept.is_some_and(|kept| group.count - last.get() >= kept)
        {
            group.count -= last.remove();
        }
    }

    fn merge(&mut self, group: &mut Kept, other: Kept) {
        other.rows.into_iter().for_each(|change| self.add(group, change));
    }

    fn show(&mut self, _: &Row, _: &[u8], group: &Kept, out: &mut Vec<(Outcome, Diff)>) {
        let rows = super::as_bytes(&group.rows);
        let mut taken = Vec::new();
        take(rows.iter().map(|(row, count)| (row.as_slice(), (*count).max(0) as u64)), self.slice, &mut taken);
        let row = |row: Row| row.with_bytes(|bytes| Row::from_bytes(split(bytes).1));
        out.extend(taken.into_iter().map(|(coded, count)| (Ok(row(coded)), count)));
    }
}
