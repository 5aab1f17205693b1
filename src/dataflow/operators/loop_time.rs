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
use super::rounds::round;
use super::waiting::Waiting;
use crate::dataflow::types::{Collection, Rows};
use crate::value::{Diff, Time};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::{AsCollection, Data};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Map;
use timely::progress::Antichain;

/// Rounds of one time, as bits: more rounds than a recursion may have, and few enough to leave time until 2112.
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
        let mut waiting: Waiting<(D, Time, Diff)> = Waiting::new("Leave", |_| size_of::<(D, Time, Diff)>());
        move |frontiers| {
            let Some(held) = capability.as_mut() else { return };
            input.for_each(|_, changes| {
                for (row, time, diff) in changes.drain(..) {
                    let time = outside(time);
                    waiting.push(time, (row, time, diff));
                }
            });
            let frontier = frontiers[0].frontier().first().map(|frontier| outside(*frontier));
            let mut output = output.activate();
            for (_, mut changes) in waiting.take_below(frontier) {
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

/// Rows at the time of their round, if it is still to come, once that has passed.
pub fn in_rounds(rows: Rows<'_>) -> Rows<'_> {
    let timed = rows.inner.map(|(row, time, diff)| {
        let due = inside(outside(time)) + round(&row) as Time;
        (row, time.max(due), diff)
    });
    hold(timed.as_collection())
}
