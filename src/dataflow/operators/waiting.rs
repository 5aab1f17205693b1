//! What waits for its time, outside of arrangements.

use crate::value::Time;
use std::collections::BTreeMap;

/// Things by the time at which they are due.
pub struct Waiting<X>(BTreeMap<Time, Vec<X>>);

impl<X> Default for Waiting<X> {
    fn default() -> Self {
        Waiting(BTreeMap::new())
    }
}

impl<X> Waiting<X> {
    /// Lets it wait for this time.
    pub fn push(&mut self, time: Time, item: X) {
        self.0.entry(time).or_default().push(item);
    }

    /// Takes what is due before this time, the earliest first; everything if there is none.
    pub fn take_below(&mut self, time: Option<Time>) -> impl Iterator<Item = (Time, Vec<X>)> + use<X> {
        let later = time.map(|time| self.0.split_off(&time)).unwrap_or_default();
        std::mem::replace(&mut self.0, later).into_iter()
    }

    /// Takes what is due at this time.
    pub fn take_at(&mut self, time: Time) -> Vec<X> {
        self.0.remove(&time).unwrap_or_default()
    }

    /// The first time for which something waits.
    pub fn first(&self) -> Option<Time> {
        self.0.first_key_value().map(|(time, _)| *time)
    }
}
