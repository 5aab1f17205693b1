//! Rows behind the number of the round in which they were found.

use super::min_max::reduce_to_many;
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::{Fault, split};
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Errors, Rows};
use crate::expr::EvalError;
use crate::value::{Column, Datum, Diff, Row, RowBuilder, encoding};

/// A row of this round is not read any more; that there is one is an error.
pub const LIMIT: i64 = 4000;

/// Rows of round 0.
pub fn first_round(rows: Rows<'_>) -> Rows<'_> {
    let mut builder = RowBuilder::default();
    rows.map(move |row| {
        builder.push(&Datum::Int8(0));
        row.with_bytes(|columns| builder.push_encoded(columns));
        builder.finish()
    })
}

/// What was found in one round as rows of the next; past the last there are errors instead.
pub fn next_round<'s>(found: Rows<'s>, query: String, fault: Fault) -> (Rows<'s>, Errors<'s>) {
    let mut builder = RowBuilder::default();
    split(found.map(move |row| {
        let round = round(&row);
        if round >= LIMIT {
            let message = format!("recursive query \"{query}\" goes on after {LIMIT} rounds");
            return Err(fault.report(EvalError::new("54000", message), &row));
        }
        builder.push(&Datum::Int8(round + 1));
        row.with_bytes(|bytes| builder.push_encoded(&bytes[encoding::skip(bytes)..]));
        Ok(builder.finish())
    }))
}

/// Each row in the round in which it was found first, of equal ones the least form.
pub fn found_first<'s>(rows: Rows<'s>, columns: &[Column]) -> Rows<'s> {
    let plan = KeyPlan::new(columns);
    with_key!(plan.kind(), K => {
        let read = plan.clone();
        let keyed = rows.map(move |row| {
            row.with_bytes(|bytes| {
                let columns = &bytes[encoding::skip(bytes)..];
                let form = if read.shows_columns() { &[][..] } else { columns };
                let round = round(&row).to_be_bytes();
                (K::read(&read, columns), Row::from_bytes(&[&round[..], form].concat()))
            })
        });
        let mut builder = RowBuilder::default();
        let first = reduce_to_many::<K>(arrange(keyed, "Recursive"), "Recursive", move |key, rows: &[(Bytes<'_>, Diff)], out| {
            let Some((Bytes(found), _)) = rows.iter().find(|(_, count)| *count > 0) else { return };
            let (round, form) = found.split_at(size_of::<i64>());
            builder.push(&Datum::Int8(round.iter().fold(0, |round, byte| round << 8 | i64::from(*byte))));
            if plan.shows_columns() {
                <K as Key>::write(&plan, key, &mut builder);
            } else {
                builder.push_encoded(form);
            }
            out.push((builder.finish(), 1));
        });
        first.as_collection(|_, row| Row::from_bytes(row.0))
    })
}

/// Rows without their round.
pub fn without_round(rows: Rows<'_>) -> Rows<'_> {
    rows.map(|row| row.with_bytes(|bytes| Row::from_bytes(&bytes[encoding::skip(bytes)..])))
}

/// The number.
pub fn round(row: &Row) -> i64 {
    match row.column(0) {
        Datum::Int8(round) => round,
        _ => 0,
    }
}
