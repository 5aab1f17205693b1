//! What waits for its time, outside of arrangements.

use crate::dataflow::holding::{Holding, holding};
use crate::value::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Things by the time at which they are due.
pub struct Waiting<X> {
    due: BTreeMap<Time, Vec<X>>,
    holding: Arc<Holding>,
    weigh: fn(&X) -> usize,
}

impl<X> Waiting<X> {
    /// For the operator of that name, where each thing takes so many bytes. To be made while the operator is.
    pub fn new(operator: &'static str, weigh: fn(&X) -> usize) -> Self {
        Waiting { due: BTreeMap::new(), holding: holding(operator), weigh }
    }

    /// Lets it wait for this time.
    pub fn push(&mut self, time: Time, item: X) {
        self.holding.add(1, (self.weigh)(&item) as i64);
        self.due.entry(time).or_default().push(item);
    }

    /// Takes what is due before this time, the earliest first; everything if there is none.
    pub fn take_below(&mut self, time: Option<Time>) -> impl Iterator<Item = (Time, Vec<X>)> + use<X> {
        let later = time.map(|time| self.due.split_off(&time)).unwrap_or_default();
        let taken = std::mem::replace(&mut self.due, later);
        self.forget(taken.values().flatten());
        taken.into_iter()
    }

    /// Takes what is due at this time.
    pub fn take_at(&mut self, time: Time) -> Vec<X> {
        let taken = self.due.remove(&time).unwrap_or_default();
        self.forget(&taken);
        taken
    }

    /// The first time for which something waits.
    pub fn first(&self) -> Option<Time> {
        self.due.first_key_value().map(|(time, _)| *time)
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
        self.forget(self.due.values().flatten());
    }
}
