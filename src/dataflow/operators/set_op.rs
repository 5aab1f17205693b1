//! INTERSECT and EXCEPT: how often a row occurs on either side.

use super::min_max::reduce_to_many;
use crate::dataflow::arrange::arrange;
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Collection, Rows};
use crate::plan::SetOpKind;
use crate::value::{Column, Diff, Row, RowBuilder};

const LEFT: u8 = 0;
const RIGHT: u8 = 1;

/// What the operation leaves of rows with these columns, of equal ones the least form of the left side.
pub fn set_op<'s>(left: Rows<'s>, right: Rows<'s>, columns: &[Column], kind: SetOpKind, all: bool) -> Rows<'s> {
    let plan = KeyPlan::new(columns);
    with_key!(plan.kind(), K => {
        let sides = keyed::<K>(left, LEFT, plan.clone()).concat(keyed::<K>(right, RIGHT, plan.clone()));
        let mut builder = RowBuilder::default();
        let name = kind.name();
        let kept = reduce_to_many::<K>(arrange(sides, name), name, move |key, rows: &[(Bytes<'_>, Diff)], out| {
            let (left, right) = rows.split_at(rows.partition_point(|(row, _)| row.0[0] == LEFT));
            let times = kept(kind, all, occurrences(left), occurrences(right));
            let Some((form, _)) = left.iter().find(|(_, count)| *count > 0).filter(|_| times > 0) else { return };
            if plan.shows_columns() {
                <K as Key>::write(&plan, key, &mut builder);
                out.push((builder.finish(), times));
            } else {
                out.push((Row::from_bytes(&form.0[1..]), times));
            }
        });
        kept.as_collection(|_, row| Row::from_bytes(row.0))
    })
}

/// Each row by itself, its side behind it, and its form where the key does not show it.
fn keyed<'s, K: Key>(rows: Rows<'s>, side: u8, plan: KeyPlan) -> Collection<'s, (K, Row)> {
    rows.map(move |row| {
        row.with_bytes(|bytes| {
            let form = if plan.shows_columns() { &[][..] } else { bytes };
            (K::read(&plan, bytes), Row::from_bytes(&[&[side], form].concat()))
        })
    })
}

fn occurrences(forms: &[(Bytes<'_>, Diff)]) -> Diff {
    forms.iter().map(|(_, count)| (*count).max(0)).sum()
}

/// How often a row stays that occurs so often on the left and on the right.
fn kept(kind: SetOpKind, all: bool, left: Diff, right: Diff) -> Diff {
    match (kind, all) {
        (SetOpKind::Intersect, true) => left.min(right),
        (SetOpKind::Intersect, false) => left.min(right).min(1),
        (SetOpKind::Except, true) => (left - right).max(0),
        (SetOpKind::Except, false) => Diff::from(left > 0 && right == 0),
    }
}
