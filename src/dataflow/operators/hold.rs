//! Keeps changes until the frontier has passed them.
//!
//! Where two inputs of different sources meet, the one that is ahead makes changes far above the common frontier. An
//! arrangement would scan them at every tick; here they wait in time order and cost nothing until they are due.

use super::waiting::Waiting;
use crate::dataflow::types::Collection;
use crate::value::Time;
use differential_dataflow::{AsCollection, Data};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Capability, Operator};

/// The same collection; nothing at or above the frontier gets through.
pub fn hold<'s, D: Data, R: Clone + 'static>(collection: Collection<'s, D, R>) -> Collection<'s, D, R> {
    let held =
        collection.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Hold", |_, _| {
            let mut waiting: Waiting<(D, R)> = Waiting::new("Hold", |_| size_of::<(D, R)>());
            let mut capability: Option<Capability<Time>> = None;
            move |(input, frontier), output| {
                input.for_each(|message, changes| {
                    keep_least(&mut capability, message.retain_least(0));
                    for (row, time, diff) in changes.drain(..) {
                        waiting.push(time, (row, diff));
                    }
                });
                let Some(held) = capability.as_mut() else { return };
                let mut session = output.session(&*held);
                for (time, changes) in waiting.take_below(frontier.frontier().first().copied()) {
                    session.give_iterator(changes.into_iter().map(|(row, diff)| (row, time, diff)));
                }
                drop(session);
                match waiting.first() {
                    Some(time) => held.downgrade(&time),
                    None => capability = None,
                }
            }
        });
    held.as_collection()
}

/// Keeps the capability with the lesser time.
pub fn keep_least(kept: &mut Option<Capability<Time>>, other: Option<Capability<Time>>) {
    if let Some(other) = other
        && kept.as_ref().is_none_or(|kept| other.time() < kept.time())
    {
        *kept = Some(other);
    }
}
