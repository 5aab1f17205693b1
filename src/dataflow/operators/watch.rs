//! Counts what passes, and shows how far it has come.

use crate::dataflow::state::Shared;
use crate::dataflow::types::Rows;
use crate::value::Time;
use differential_dataflow::AsCollection;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::probe::{Handle, Probe};

/// The same collection, counted for the relation at that place, and its probe.
pub fn watch<'s>(rows: Rows<'s>, place: usize, shared: Arc<Shared>) -> (Rows<'s>, Handle<Time>) {
    let counted = rows.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "Watch", move |_, _| {
        move |input, output| {
            input.for_each(|capability, changes| {
                let state = &shared.relations[place];
                state.changes.fetch_add(changes.len() as u64, Ordering::Relaxed);
                state.rows.fetch_add(changes.iter().map(|(_, _, diff)| diff).sum(), Ordering::Relaxed);
                output.session(&capability).give_container(changes);
            });
        }
    });
    let (probe, stream) = counted.probe();
    (stream.as_collection(), probe)
}
