//! The generics of timely and differential, fixed once: what a collection and an arrangement are here.

use super::key::Key;
use super::slab::Slab;
use crate::timeline::DataError;
use crate::value::{Diff, Row, Time};
pub use differential_dataflow::VecCollection;
use differential_dataflow::batcher::merge::{MergeBatcher, vec::VecMerger};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::implementations::OffsetList;
use differential_dataflow::trace::implementations::ord_neu::{OrdValBatch, OrdValBuilder};
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use std::rc::Rc;

/// Where collections live.
pub type Scope<'s> = timely::dataflow::Scope<'s, Time>;

/// A collection of anything.
pub type Collection<'s, D, R = Diff> = VecCollection<'s, Time, D, R>;

/// A collection of rows.
pub type Rows<'s> = Collection<'s, Row>;

/// A collection of data errors.
pub type Errors<'s> = Collection<'s, DataError>;

/// What a fallible operator makes of a row; errors are rare and boxed, to keep rows small.
pub type Outcome = Result<Row, Box<DataError>>;

/// An update on its way into an arrangement.
pub type Update<K, R = Diff> = ((K, Row), Time, R);

/// How a batch of keyed rows lies in memory.
pub type Layout<K, R = Diff> = (<K as Key>::Container, Slab, Vec<Time>, Vec<R>, OffsetList);

/// The batches of keyed rows.
pub type KeySpine<K, R = Diff> = Spine<Rc<OrdValBatch<Layout<K, R>>>>;

/// Builds batches.
pub type KeyBuilder<K, R = Diff> = OrdValBuilder<Layout<K, R>, Vec<Update<K, R>>>;

/// Sorts updates until their times are complete.
pub type KeyBatcher<K, R = Diff> =
    MergeBatcher<super::chunker::Chunker<Update<K, R>>, VecMerger<(K, Row), Time, R>, KeyBuilder<K, R>>;

/// Rows indexed by a key.
pub type Arranged<'s, K, R = Diff> =
    differential_dataflow::operators::arrange::Arranged<'s, TraceAgent<KeySpine<K, R>>>;

/// A collection of nothing.
pub fn empty<D: differential_dataflow::Data>(scope: Scope<'_>) -> Collection<'_, D> {
    use differential_dataflow::AsCollection;
    use timely::dataflow::operators::ToStream;
    std::iter::empty::<(D, Time, Diff)>().to_stream(scope).as_collection()
}
