//! The first rows of each group, by stages: a change re-reads one small bucket per stage, never the whole group.
//!
//! A row lies behind its sort code, so that the order of the bytes is the order asked for, with the row itself deciding what that
//! leaves open. Every stage passes on what may still be among the first; the last one skips and takes. Of rows that are never
//! retracted only those are held that are among the first.

use super::first::{self, Keep, Kept};
use super::linear::linear;
use super::min_max::{Bucketed, in_buckets, reduce_to_many};
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::Fault;
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::linear::Linear;
use crate::dataflow::shape::mapped;
use crate::dataflow::slab::Bytes;
use crate::dataflow::sort::Direction;
use crate::dataflow::types::{Collection, Errors, Rows};
use crate::expr::Scalar;
use crate::plan::SortKey;
use crate::value::{Column, Diff, Row, encoding};
use differential_dataflow::trace::implementations::BatchContainer;

/// Which rows of a group stay.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How many are skipped.
    pub offset: u64,
    /// How many follow, if not all.
    pub limit: Option<u64>,
    /// Whether those level with the last follow too.
    pub ties: bool,
}

/// The rows of the slice of each group, and the errors of evaluating what they are grouped and sorted by.
pub fn top_k<'s>(
    rows: Rows<'s>,
    append_only: bool,
    columns: &[Column],
    group: &[Scalar],
    order: &[SortKey],
    slice: Slice,
) -> (Rows<'s>, Option<Errors<'s>>) {
    let mut program = Linear::identity(columns.len());
    keyed(&mut program, group, order);
    let (rows, errors) = linear(rows, &program, Fault::new(columns));

    let plan = KeyPlan::new(&mapped(group, columns));
    let directions: Vec<Direction> = order.iter().map(Direction::of).collect();
    let groups = group.len();
    let rows = with_key!(plan.kind(), K => {
        first(coded::<K>(rows, groups, directions, plan), append_only, slice)
    });
    (rows, errors)
}

/// Puts what rows are grouped and sorted by in front of them.
pub fn keyed(program: &mut Linear, group: &[Scalar], order: &[SortKey]) {
    let keys = group.iter().cloned().chain(order.iter().map(|key| key.expression.clone()));
    program.prepend(&keys.collect::<Vec<_>>());
}

/// Each row behind its sort code, and the code's length.
fn coded<'s, K: Key>(
    rows: Rows<'s>,
    groups: usize,
    directions: Vec<Direction>,
    plan: KeyPlan,
) -> Collection<'s, (K, Row)> {
    let mut bytes = Vec::new();
    rows.map(move |row| {
        row.with_bytes(|columns| {
            let (group, _) = encode(columns, groups, &directions, &mut bytes);
            (K::read(&plan, group), Row::from_bytes(&bytes))
        })
    })
}

/// Encodes a row behind so many group columns and its sort keys. What is returned are the group's columns, and the row.
pub fn encode<'c>(
    columns: &'c [u8],
    groups: usize,
    directions: &[Direction],
    bytes: &mut Vec<u8>,
) -> (&'c [u8], &'c [u8]) {
    let length = (0..groups).fold(0, |length, _| length + encoding::skip(&columns[length..]));
    let (group, mut rest) = columns.split_at(length);
    bytes.clear();
    for direction in directions {
        let (column, others) = rest.split_at(encoding::skip(rest));
        direction.encode(column, bytes);
        rest = others;
    }
    let code = bytes.len() as u32;
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(&code.to_be_bytes());
    (group, rest)
}

/// The code, and the row behind it.
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (rest, length) = bytes.split_at(bytes.len() - 4);
    rest.split_at(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

fn first<'s, K: Bucketed>(rows: Collection<'s, (K, Row)>, append_only: bool, slice: Slice) -> Rows<'s> {
    let Slice { offset, limit, ties } = slice;
    let taken = match limit.map(|limit| limit.saturating_add(offset)) {
        Some(limit) if append_only => {
            let rows = first::first(rows, KeepFirst { limit, ties });
            if offset == 0 { rows } else { stage(rows, slice) }
        }
        Some(limit) => {
            let candidates = Slice { offset: 0, limit: Some(limit), ties };
            stage(in_buckets(rows, |rows| stage::<K::With>(rows, candidates)), slice)
        }
        None => stage(rows, slice),
    };
    taken.map(|(_, row)| row.with_bytes(|bytes| Row::from_bytes(split(bytes).1)))
}

/// Keeps the first rows, and with `ties` those level with the last of them.
struct KeepFirst {
    limit: u64,
    ties: bool,
}

impl KeepFirst {
    /// How many of the rows at the end the order puts level with the last, and how often these occur.
    fn last(&self, kept: &Kept) -> Option<(usize, Diff)> {
        let (last, count) = kept.rows.last()?;
        if !self.ties {
            return Some((1, *count));
        }
        let level = kept.rows.iter().rev().take_while(|(row, _)| is_level(row, last));
        Some(level.fold((0, 0), |(rows, all), (_, count)| (rows + 1, all + count)))
    }
}

impl Keep for KeepFirst {
    fn add(&self, kept: &mut Kept, row: Row, count: Diff, changes: &mut Vec<(Row, Diff)>) {
        let limit = Diff::try_from(self.limit).unwrap_or(Diff::MAX);
        if kept.count >= limit
            && kept.rows.last().is_some_and(|(last, _)| *last < row && !(self.ties && is_level(&row, last)))
        {
            return;
        }
        match kept.rows.binary_search_by(|(other, _)| other.cmp(&row)) {
            Ok(at) => kept.rows[at].1 += count,
            Err(at) => kept.rows.insert(at, (row.clone(), count)),
        }
        kept.count += count;
        changes.push((row, count));
        while let Some((rows, count)) = self.last(kept).filter(|(_, count)| kept.count - count >= limit) {
            kept.count -= count;
            changes.extend(kept.rows.drain(kept.rows.len() - rows..).map(|(row, count)| (row, -count)));
        }
        let over = kept.count - limit;
        if let Some((row, count)) = kept.rows.last_mut().filter(|_| over > 0 && !self.ties) {
            *count -= over;
            kept.count = limit;
            changes.push((row.clone(), -over));
        }
    }
}

/// Whether the order puts two rows level.
fn is_level(a: &Row, b: &Row) -> bool {
    a.with_bytes(|a| b.with_bytes(|b| split(a).0 == split(b).0))
}

fn stage<'s, K: Key>(rows: Collection<'s, (K, Row)>, slice: Slice) -> Collection<'s, (K, Row)> {
    let taken = reduce_to_many::<K>(arrange(rows, "TopK"), "TopK", move |_, rows: &[(Bytes<'_>, Diff)], out| {
        take(rows.iter().map(|(row, count)| (row.0, (*count).max(0) as u64)), slice, out);
    });
    taken.as_collection(|key, row| (K::Container::into_owned(key), Row::from_bytes(row.0)))
}

/// Adds the rows of the slice, given in order with how often they occur.
pub fn take<'a>(rows: impl Iterator<Item = (&'a [u8], u64)>, slice: Slice, out: &mut Vec<(Row, Diff)>) {
    let (mut skip, mut left) = (slice.offset, slice.limit.unwrap_or(u64::MAX));
    let mut last: Option<&[u8]> = None;
    for (row, count) in rows {
        let skipped = skip.min(count);
        skip -= skipped;
        let mut taken = (count - skipped).min(left);
        left -= taken;
        if slice.ties && taken < count - skipped && (taken > 0 || last == Some(split(row).0)) {
            taken = count - skipped;
        }
        if taken > 0 {
            last = Some(split(row).0);
            out.push((Row::from_bytes(row), taken as Diff));
        } else if left == 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataflow::operators::first::tests::told;

    /// Rows of one letter with a code of one letter each, in order.
    fn check(slice: (u64, Option<u64>, bool), expected: &str) {
        let rows = [("aX", 2), ("aY", 1), ("bZ", 0), ("cX", 3), ("cY", 1), ("dX", 1)];
        let rows: Vec<(Vec<u8>, u64)> =
            rows.iter().map(|(row, count)| ([row.as_bytes(), &[0, 0, 0, 1]].concat(), *count)).collect();
        let mut out = Vec::new();
        let slice = Slice { offset: slice.0, limit: slice.1, ties: slice.2 };
        take(rows.iter().map(|(row, count)| (row.as_slice(), *count)), slice, &mut out);
        let shown = out
            .iter()
            .map(|(row, count)| row.with_bytes(|bytes| format!("{}{count}", String::from_utf8_lossy(&bytes[..2]))));
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{slice:?}");
    }

    #[test]
    fn a_slice_counts_every_occurrence() {
        check((0, None, false), "aX2 aY1 cX3 cY1 dX1");
        check((0, Some(0), false), "");
        check((0, Some(0), true), "");
        check((0, Some(1), false), "aX1");
        check((0, Some(4), false), "aX2 aY1 cX1");
        check((1, Some(3), false), "aX1 aY1 cX1");
        check((5, Some(9), false), "cX1 cY1 dX1");
        check((9, None, false), "");
        check((3, None, false), "cX3 cY1 dX1");
    }

    #[test]
    fn rows_level_with_the_last_follow() {
        check((0, Some(1), true), "aX2 aY1");
        check((0, Some(2), true), "aX2 aY1");
        check((0, Some(3), true), "aX2 aY1");
        check((2, Some(2), true), "aY1 cX3 cY1");
        check((3, Some(4), true), "cX3 cY1");
        check((7, Some(1), true), "dX1");
    }

    /// What is told of the rows that `check` slices, coming in that order.
    fn check_kept(limit: u64, ties: bool, rows: &[(&str, Diff)], expected: &[&str]) {
        let rows: Vec<(Vec<u8>, Diff)> =
            rows.iter().map(|(row, count)| ([row.as_bytes(), &[0, 0, 0, 1]].concat(), *count)).collect();
        let rows: Vec<(&[u8], Diff)> = rows.iter().map(|(row, count)| (row.as_slice(), *count)).collect();
        let told = told(KeepFirst { limit, ties }, &rows);
        let told: Vec<String> = told.iter().map(|told| told.replace(r"\x00\x00\x00\x01", "")).collect();
        assert_eq!(told, expected, "first {limit}, ties {ties}");
    }

    #[test]
    fn what_is_never_retracted_is_kept_while_it_is_among_the_first() {
        check_kept(0, false, &[("aX", 1)], &[""]);
        check_kept(0, true, &[("aX", 1)], &[""]);
        check_kept(
            2,
            false,
            &[("bX", 3), ("cX", 1), ("bX", 1), ("aX", 1), ("aY", 1)],
            &["+2bX", "", "", "+1aX -1bX", "+1aY -1bX"],
        );
        check_kept(2, false, &[("bX", 1), ("cX", 1), ("aX", 2)], &["+1bX", "+1cX", "+2aX -1bX -1cX"]);
        let rows = [("bX", 1), ("bY", 1), ("bZ", 1), ("cX", 1), ("aX", 1), ("aY", 1), ("bW", 1)];
        check_kept(2, true, &rows, &["+1bX", "+1bY", "+1bZ", "", "+1aX", "+1aY -1bX -1bY -1bZ", ""]);
    }
}
