//! How much memory an arrangement takes: its batches are looked at from outside, now and then.
//!
//! A batch knows how long its columns are, so that looking costs a few additions per batch and nothing per update. What lies behind
//! a column's own memory (the parts of long sums) is not seen, nor what a merge under way has made so far: the batches it merges are.

use super::key::Key;
use super::types::{Arranged, KeySpine, Layout};
use crate::value::Time;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::TraceReader;
use differential_dataflow::trace::implementations::OffsetList;
use differential_dataflow::trace::implementations::ord_neu::OrdValBatch;
use std::rc::Rc;

/// Tells the bytes of an arrangement as long as anybody reads it.
pub fn footprint<K, R>(arranged: &Arranged<'_, K, R>) -> impl Fn() -> Option<usize> + use<K, R>
where
    K: Key,
    R: Semigroup + Ord + 'static,
{
    let trace = Rc::downgrade(&arranged.trace.trace_box_unstable());
    move || trace.upgrade().map(|trace| of_trace::<K, R>(trace.borrow().trace()))
}

fn of_trace<K: Key, R: Semigroup + Ord + 'static>(trace: &KeySpine<K, R>) -> usize {
    let mut bytes = 0;
    trace.map_spans(|span| bytes += span.inner.iter().map(|batch| of_batch::<K, R>(batch)).sum::<usize>());
    bytes
}

fn of_batch<K: Key, R: Semigroup + Ord + 'static>(batch: &OrdValBatch<Layout<K, R>>) -> usize {
    let storage = &batch.storage;
    let updates = storage.upds.times.capacity() * size_of::<Time>() + storage.upds.diffs.capacity() * size_of::<R>();
    K::memory(&storage.keys)
        + storage.vals.vals.memory()
        + offsets(&storage.vals.offs)
        + offsets(&storage.upds.offs)
        + updates
}

/// What a list of offsets takes.
pub(super) fn offsets(list: &OffsetList) -> usize {
    list.smol.capacity() * size_of::<u32>() + list.chonk.capacity() * size_of::<u64>()
}
