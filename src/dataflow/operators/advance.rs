//! Operators that take changes in the order of their times, by key, and keep what they need outside of arrangements.

use super::hold::keep_least;
use crate::dataflow::hash::RowHasher;
use crate::dataflow::holding::{Holding, holding};
use crate::dataflow::key::{Key, KeyPlan};
use crate::dataflow::types::{Collection, Outcome};
use crate::value::{Column, Diff, Row, Time, encoding};
use differential_dataflow::{AsCollection, ExchangeData};
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::{Capability, Operator};

/// Changes of what is kept by a key. The time beside the key is one of the change's own: the last moment of events in its group, or
/// that for which a table is looked up.
pub type Changes<'s, C> = Collection<'s, (Row, Time), C>;

/// What is to be done as the frontier advances.
pub trait Advance: 'static {
    /// A change.
    type Change: ExchangeData;

    /// Lets a change wait until the frontier has passed it.
    fn wait(&mut self, time: Time, key: Row, at: Time, change: Self::Change);

    /// Does and gives everything that is due before the frontier; everything if the input has ended.
    fn advance(&mut self, frontier: Option<Time>, give: &mut impl FnMut(Outcome, Time, Diff));

    /// Whether something may be given though no more changes come.
    fn is_pending(&self) -> bool;
}

/// Runs it over changes, which are split over the workers by key.
pub fn advancing<'s, A: Advance>(changes: Changes<'s, A::Change>, name: &str, mut state: A) -> Collection<'s, Outcome> {
    type Update<C> = ((Row, Time), Time, C);
    type Builder = CapacityContainerBuilder<Vec<(Outcome, Time, Diff)>>;
    let exchange = Exchange::new(|((key, _), ..): &Update<A::Change>| key.spread());
    let outcomes = changes.inner.unary_frontier::<Builder, _, _, _>(exchange, name, |_, _| {
        let mut capability: Option<Capability<Time>> = None;
        let mut known = Some(Time::MIN);
        move |(input, frontier), output| {
            input.for_each(|message, changes| {
                keep_least(&mut capability, message.retain_least(0));
                for ((key, at), time, change) in changes.drain(..) {
                    state.wait(time, key, at, change);
                }
            });
            let reached = frontier.frontier().first().copied();
            if reached == std::mem::replace(&mut known, reached) {
                return;
            }
            let Some(held) = capability.as_mut() else {
                // What is given up is not told.
                return state.advance(reached, &mut |_, _, _| {});
            };
            let mut session = output.session(&*held);
            state.advance(reached, &mut |outcome, time, diff| session.give((outcome, time, diff)));
            drop(session);
            match reached.filter(|_| state.is_pending()) {
                Some(reached) => held.downgrade(&reached.max(*held.time())),
                None => capability = None,
            }
        }
    });
    outcomes.as_collection()
}

/// The first of these times, if it is due before the frontier; any is if the input has ended.
pub fn due_first(firsts: [Option<Time>; 2], frontier: Option<Time>) -> Option<Time> {
    firsts.into_iter().flatten().min().filter(|time| frontier.is_none_or(|frontier| *time < frontier))
}

/// How the two sides of an operator are brought together by key.
pub struct Keys {
    plan: KeyPlan,
    /// Per column of the key, whether null agrees with null.
    null_safe: Vec<bool>,
    /// Tells the rows of one side that agree with nothing from those of the other.
    side: u8,
}

impl Keys {
    /// For keys of these columns.
    pub fn new(columns: &[Column], null_safe: Vec<bool>, side: u8) -> Keys {
        Keys { plan: KeyPlan::new(columns), null_safe, side }
    }

    /// Takes the key off the front of a row. What agrees with nothing may still have to be shown alone: it gets a key that no row of
    /// the other side has.
    pub fn split<'b>(&self, bytes: &'b [u8]) -> (Row, &'b [u8]) {
        let mut length = 0;
        let mut agrees = true;
        for null_safe in &self.null_safe {
            agrees &= bytes[length] != encoding::NULL || *null_safe;
            length += encoding::skip(&bytes[length..]);
        }
        let (key, row) = bytes.split_at(length);
        match agrees {
            true => (Row::read(&self.plan, key), row),
            false => (Row::from_bytes(&[bytes, &[self.side]].concat()), row),
        }
    }
}

/// A table by keys.
pub struct Entries<V> {
    table: HashMap<Row, V, BuildHasherDefault<RowHasher>>,
    /// Counts the keys; what is kept under a key beside its value is counted by those who do.
    pub holding: Arc<Holding>,
}

impl<V> Entries<V> {
    /// For the operator of that name. To be made while the operator is.
    pub fn new(operator: &'static str) -> Entries<V> {
        Entries { table: HashMap::default(), holding: holding(operator) }
    }

    /// What is kept under a key.
    pub fn get(&self, key: &Row) -> Option<&V> {
        self.table.get(key)
    }

    /// As `get`, to be changed.
    pub fn get_mut(&mut self, key: &Row) -> Option<&mut V> {
        self.table.get_mut(key)
    }

    /// What is kept under a key, or this from now on.
    pub fn get_or_insert(&mut self, key: &Row, fresh: impl FnOnce() -> V) -> &mut V {
        self.table.entry_ref(key).or_insert_with(|| {
            self.holding.add(1, Self::bytes(key));
            fresh()
        })
    }

    /// Changes what is kept under a key, which is forgotten if it is not to be kept.
    pub fn retain(&mut self, key: &Row, keep: impl FnOnce(&mut V) -> bool) {
        if let EntryRef::Occupied(mut entry) = self.table.entry_ref(key)
            && !keep(entry.get_mut())
        {
            entry.remove();
            self.holding.add(-1, -Self::bytes(key));
        }
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &Row) {
        if self.table.remove(key).is_some() {
            self.holding.add(-1, -Self::bytes(key));
        }
    }

    /// Gives back what a table that has become much smaller does not need.
    pub fn shrink(&mut self) {
        if self.table.capacity() > 1024 && self.table.len() < self.table.capacity() / 8 {
            self.table.shrink_to(self.table.len() * 2);
        }
    }

    fn bytes(key: &Row) -> i64 {
        (key.memory() + size_of::<V>()) as i64
    }
}
