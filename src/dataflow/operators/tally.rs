//! What an arrangement's updates accumulate to per key and row, as it changes: the base of counting, summing and distinct.
//!
//! Times are totally ordered here, so a key and row need no history: what was accumulated before the new batches, and then
//! their updates in time order.

use crate::dataflow::key::Key;
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Arranged, Collection};
use crate::value::{Diff, Time};
use differential_dataflow::AsCollection;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::cursor::cursor_list;
use differential_dataflow::trace::implementations::BatchContainer;
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{CapabilitySet, Operator};
use timely::progress::Antichain;

/// Makes a row of what each key and row accumulates to: `show` is given nothing where nothing is left, and shows nothing where
/// it gives nothing.
pub fn tally<'s, K, R, D>(
    arranged: Arranged<'s, K, R>,
    name: &str,
    mut show: impl FnMut(<K::Container as BatchContainer>::ReadItem<'_>, Bytes<'_>, &R) -> Option<D> + 'static,
) -> Collection<'s, D>
where
    K: Key,
    R: Semigroup + Ord + 'static,
    D: differential_dataflow::Data,
{
    let mut trace = arranged.trace;
    let shown = arranged.stream.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, name, |_, _| {
        let mut lower = Antichain::from_elem(Time::MIN);
        let mut upper = Antichain::from_elem(Time::MIN);
        let mut updates: Vec<(Time, R)> = Vec::new();
        move |(input, _), output| {
            let mut batches = Vec::new();
            let mut capabilities = CapabilitySet::new();
            lower.clone_from(&upper);
            input.for_each(|message, spans| {
                message.retain_stamp(0).iter().for_each(|capability| capabilities.insert(capability.clone()));
                for span in spans.drain(..) {
                    upper.clone_from(span.upper());
                    batches.extend(span.inner);
                }
            });
            if !capabilities.is_empty() && !batches.is_empty() {
                let mut session = output.session(&capabilities);
                let (mut fresh, fresh_storage) = cursor_list(batches);
                // Its batches are merged only up to `lower`, see below, so they end there.
                let before =
                    trace.batches_through(lower.borrow()).expect("batches that end at the last upper frontier");
                let mut old: Vec<_> = before.iter().map(|batch| (batch.cursor(), batch)).collect();
                while let Some(key) = fresh.get_key(&fresh_storage) {
                    old.iter_mut().for_each(|(cursor, batch)| cursor.seek_key(batch, key));
                    while let Some(value) = fresh.get_val(&fresh_storage) {
                        let mut sum: Option<R> = None;
                        // Each batch by itself: a cursor over all of them seeks the value even where the key is another.
                        for (cursor, batch) in old.iter_mut().filter(|(c, batch)| c.get_key(batch) == Some(key)) {
                            cursor.seek_val(batch, value);
                            if cursor.get_val(batch) == Some(value) {
                                cursor.map_times(batch, |_, diff| add(&mut sum, diff));
                            }
                        }
                        fresh.map_times(&fresh_storage, |time, diff| updates.push((*time, diff.clone())));
                        updates.sort_by_key(|(time, _)| *time);
                        let mut before = present(&sum).and_then(|sum| show(key, value, sum));
                        let mut updates = updates.drain(..).peekable();
                        while let Some((time, diff)) = updates.next() {
                            add(&mut sum, &diff);
                            if updates.peek().is_some_and(|(next, _)| *next == time) {
                                continue;
                            }
                            let after = present(&sum).and_then(|sum| show(key, value, sum));
                            if before != after {
                                let after_shown = after.clone();
                                session.give_iterator(before.into_iter().map(|row| (row, time, -1 as Diff)));
                                session.give_iterator(after_shown.into_iter().map(|row| (row, time, 1 as Diff)));
                            }
                            before = after;
                        }
                        fresh.step_val(&fresh_storage);
                    }
                    fresh.step_key(&fresh_storage);
                }
            }
            trace.advance_upper(&mut upper);
            trace.set_logical_compaction(upper.borrow());
            trace.set_physical_compaction(upper.borrow());
        }
    });
    shown.as_collection()
}

fn add<R: Semigroup>(sum: &mut Option<R>, diff: &R) {
    match sum {
        Some(sum) => sum.plus_equals(diff),
        None => *sum = Some(diff.clone()),
    }
}

/// What is left, if anything.
fn present<R: Semigroup>(sum: &Option<R>) -> Option<&R> {
    sum.as_ref().filter(|sum| !sum.is_zero())
}
