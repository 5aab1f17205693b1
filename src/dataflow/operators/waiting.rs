//! What waits for its time, outside of arrangements.

use crate::dataflow::holding::{Holding, holding};
use crate::value::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Things by the time at which they are due. Many in a row are usually due at the same.
pub struct Waiting<X> {
    due: BTreeMap<Time, Vec<X>>,
    /// Of the time for which something came last.
    last: Option<(Time, Vec<X>)>,
    /// Emptied, to be filled again.
    spare: Vec<Vec<X>>,
    holding: Arc<Holding>,
    weigh: fn(&X) -> usize,
}

/// So many emptied vectors are kept.
const SPARE: usize = 16;

impl<X> Waiting<X> {
    /// For the operator of that name, where each thing takes so many bytes. To be made while the operator is.
    pub fn new(operator: &'static str, weigh: fn(&X) -> usize) -> Self {
        Waiting { due: BTreeMap::new(), last: None, spare: Vec::new(), holding: holding(operator), weigh }
    }

    /// Lets it wait for this time.
    pub fn push(&mut self, time: Time, item: X) {
        self.holding.add(1, (self.weigh)(&item) as i64);
        match &mut self.last {
            Some((last, items)) if *last == time => items.push(item),
            _ => {
                self.put_back_last();
                let mut items = self.due.remove(&time).or_else(|| self.spare.pop()).unwrap_or_default();
                items.push(item);
                self.last = Some((time, items));
            }
        }
    }

    fn put_back_last(&mut self) {
        self.due.extend(self.last.take());
    }

    /// Takes what is due before this time, the earliest first; everything if there is none.
    pub fn take_below(&mut self, time: Option<Time>) -> impl Iterator<Item = (Time, Vec<X>)> + use<X> {
        self.put_back_last();
        let later = time.map(|time| self.due.split_off(&time)).unwrap_or_default();
        let taken = std::mem::replace(&mut self.due, later);
        self.forget(taken.values().flatten());
        taken.into_iter()
    }

    /// Takes what is due at this time. What is left of it is best given to `reuse`.
    pub fn take_at(&mut self, time: Time) -> Vec<X> {
        self.put_back_last();
        let taken = self.due.remove(&time).unwrap_or_default();
        self.forget(&taken);
        taken
    }

    /// Keeps an emptied vector for what comes next: growing new ones again and again costs more than all the rest.
    pub fn reuse(&mut self, emptied: Vec<X>) {
        if emptied.is_empty() && emptied.capacity() > 0 && self.spare.len() < SPARE {
            self.spare.push(emptied);
        }
    }

    /// The first time for which something waits.
    pub fn first(&self) -> Option<Time> {
        let last = self.last.as_ref().map(|(time, _)| *time);
        self.due.first_key_value().map(|(time, _)| *time).into_iter().chain(last).min()
    }

    fn forget<'x>(&self, taken: impl IntoIterator<Item = &'x X>)
    where
        X: 'x,
    {
        let (mut items, mut bytes) = (0, 0);
        for item in taken {
            (items, bytes) = (items + 1, bytes + (self.weigh)(item) as i64);
        }
        if items > 0 {
            self.holding.add(-items, -bytes);
        }
    }
}

impl<X> Drop for Waiting<X> {
    fn drop(&mut self) {
        self.forget(self.due.values().flatten().chain(self.last.iter().flat_map(|(_, items)| items)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_comes_in_order_whatever_came_between() {
        let mut waiting = Waiting::new("Test", |_: &u64| 1);
        for (time, item) in [(0, 1), (5, 2), (0, 3), (0, 4), (7, 5), (5, 6)] {
            waiting.push(time, item);
        }
        assert_eq!((waiting.first(), waiting.take_at(0)), (Some(0), vec![1, 3, 4]));
        waiting.push(0, 7);
        waiting.push(5, 8);
        waiting.reuse(Vec::with_capacity(1));
        waiting.push(0, 9);
        assert_eq!(waiting.take_below(Some(7)).collect::<Vec<_>>(), [(0, vec![7, 9]), (5, vec![2, 6, 8])]);
        assert_eq!((waiting.first(), waiting.holding.count()), (Some(7), (1, 1)));
        assert_eq!(waiting.take_below(None).collect::<Vec<_>>(), [(7, vec![5])]);
        assert_eq!((waiting.first(), waiting.holding.count()), (None, (0, 0)));
    }
}
