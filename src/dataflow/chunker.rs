//! Sorts input in large chunks before it is merged: fewer merges and fewer allocations than timely's 8 KiB containers give.

use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::difference::Semigroup;
use std::collections::VecDeque;
use timely::container::{ContainerBuilder, PushInto};

/// Updates that are sorted at a time.
const CHUNK: usize = 8 * 1024;

/// Collects updates into sorted, consolidated chunks.
pub struct Chunker<U> {
    pending: Vec<U>,
    ready: VecDeque<Vec<U>>,
    given: Vec<U>,
}

impl<U> Default for Chunker<U> {
    fn default() -> Chunker<U> {
        Chunker { pending: Vec::new(), ready: VecDeque::new(), given: Vec::new() }
    }
}

impl<U> Chunker<U> {
    fn next(&mut self) -> Option<&mut Vec<U>> {
        self.given = self.ready.pop_front()?;
        Some(&mut self.given)
    }
}

impl<D, T, R> PushInto<&mut Vec<(D, T, R)>> for Chunker<(D, T, R)>
where
    D: Ord + Clone + 'static,
    T: Ord + Clone + 'static,
    R: Semigroup + 'static,
{
    fn push_into(&mut self, updates: &mut Vec<(D, T, R)>) {
        self.pending.append(updates);
        if self.pending.len() >= CHUNK {
            consolidate_updates(&mut self.pending);
            if self.pending.len() >= CHUNK / 2 {
                self.ready.push_back(std::mem::take(&mut self.pending));
            }
        }
    }
}

impl<D, T, R> ContainerBuilder for Chunker<(D, T, R)>
where
    D: Ord + Clone + 'static,
    T: Ord + Clone + 'static,
    R: Semigroup + 'static,
{
    type Container = Vec<(D, T, R)>;

    fn extract(&mut self) -> Option<&mut Self::Container> {
        self.next()
    }

    fn finish(&mut self) -> Option<&mut Self::Container> {
        if !self.pending.is_empty() {
            consolidate_updates(&mut self.pending);
            if !self.pending.is_empty() {
                self.ready.push_back(std::mem::take(&mut self.pending));
            }
        }
        self.next()
    }
}
