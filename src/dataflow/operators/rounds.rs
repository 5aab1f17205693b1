//! The inside of a loop: time in rounds.
//!
//! A loop runs in finer time: the instants between one time and the next are the rounds of that time. A row found in round `k` has the
//! time of round `k`, so that a round is complete before the next reads it, and nothing is found through a row that is about to be
//! withdrawn (two rows that are each found through the other would otherwise keep each other). A change thus costs the rounds
//! it changes. Times stay totally ordered, and the operators inside are those used everywhere.
//!
//! Entering and leaving change the time of rows, which timely knows nothing of: both operators hold a capability of their own, and
//! move it as the frontier of their input moves.

use super::hold::hold;
use super::min_max::reduce_to_many;
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::{Fault, split};
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Collection, Errors, Rows};
use crate::expr::EvalError;
use crate::value::{Column, Datum, Diff, Row, RowBuilder, Time, encoding};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::{AsCollection, Data};
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Map;
use timely::progress::Antichain;

/// A row of this round is not read any more; that there is one is an error.
pub const LIMIT: i64 = 4000;

/// Rounds of one time: more than the limit, and few enough to leave time until 2112.
const ROUND_BITS: u32 = 12;

/// The first round of a time.
fn inside(time: Time) -> Time {
    time.min(Time::MAX >> ROUND_BITS) << ROUND_BITS
}

/// The time of which this is a round.
fn outside(time: Time) -> Time {
    time >> ROUND_BITS
}

type NoConnection = [(usize, Antichain<Time>); 0];

/// A collection from outside a loop, inside it: in the first round of its times.
pub fn enter<D: Data>(rows: Collection<'_, D>) -> Collection<'_, D> {
    let mut builder = OperatorBuilder::new("Enter".into(), rows.inner.scope());
    let mut input = builder.new_input_connection(rows.inner, Pipeline, NoConnection::default());
    let (output, entered) = builder.new_output_connection::<Vec<(D, Time, Diff)>, _>(NoConnection::default());
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop();
        move |frontiers| {
            let Some(held) = capability.as_mut() else { return };
            let mut output = output.activate();
            input.for_each(|_, changes| {
                changes.iter_mut().for_each(|(_, time, _)| *time = inside(*time));
                output.session(&*held).give_container(changes);
            });
            match frontiers[0].frontier().first() {
                Some(frontier) => held.downgrade(&inside(*frontier)),
                None => capability = None,
            }
        }
    });
    entered.as_collection()
}

/// A collection from inside a loop, outside it: what all rounds of a time come to.
pub fn leave<D: Data + Ord>(rows: Collection<'_, D>) -> Collection<'_, D> {
    let mut builder = OperatorBuilder::new("Leave".into(), rows.inner.scope());
    let mut input = builder.new_input_connection(rows.inner, Pipeline, NoConnection::default());
    let (output, left) = builder.new_output_connection::<Vec<(D, Time, Diff)>, _>(NoConnection::default());
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop();
        let mut waiting: BTreeMap<Time, Vec<(D, Time, Diff)>> = BTreeMap::new();
        move |frontiers| {
            let Some(held) = capability.as_mut() else { return };
            input.for_each(|_, changes| {
                for (row, time, diff) in changes.drain(..) {
                    let time = outside(time);
                    waiting.entry(time).or_default().push((row, time, diff));
                }
            });
            let frontier = frontiers[0].frontier().first().map(|frontier| outside(*frontier));
            let later = frontier.map(|frontier| waiting.split_off(&frontier)).unwrap_or_default();
            let mut output = output.activate();
            for mut changes in std::mem::replace(&mut waiting, later).into_values() {
                consolidate_updates(&mut changes);
                output.session(&*held).give_container(&mut changes);
            }
            match frontier {
                Some(frontier) => held.downgrade(&frontier),
                None => capability = None,
            }
        }
    });
    left.as_collection()
}

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

/// Rows at the time of their round, if it is still to come, once that has passed.
pub fn in_rounds(rows: Rows<'_>) -> Rows<'_> {
    let timed = rows.inner.map(|(row, time, diff)| {
        let due = inside(outside(time)) + round(&row) as Time;
        (row, time.max(due), diff)
    });
    hold(timed.as_collection())
}

/// Rows without their round.
pub fn without_round(rows: Rows<'_>) -> Rows<'_> {
    rows.map(|row| row.with_bytes(|bytes| Row::from_bytes(&bytes[encoding::skip(bytes)..])))
}

fn round(row: &Row) -> i64 {
    match row.column(0) {
        Datum::Int8(round) => round,
        _ => 0,
    }
}
