//! `on_error = "stop"`: a sink is told a frontier only when no error below it can come any more.
//!
//! Error relations have frontiers like all others. A step waits here until those of everything its view is computed from have
//! reached the step's own; once an error has been seen, nothing passes. So a run that ends with a data error has shown nothing
//! that it would have to take back.

use super::faults::Faults;
use crate::timeline::{DataError, SourceId, Step, now};
use crate::value::{Datum, Diff, RelationName, Row, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// Who is told steps.
type Tell = Box<dyn FnMut(Step) + Send>;

/// The empty frontier; no time reaches it.
const ENDED: u64 = u64::MAX;

/// Holds steps back until their errors are known.
pub(super) struct Gate {
    faults: Arc<Faults>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<RelationName, Known>,
    doors: Vec<Door>,
}

/// What is known of an error relation.
#[derive(Default)]
struct Known {
    frontier: u64,
    /// What a store tells again of it, until it goes on.
    again: Option<Again>,
}

impl Known {
    /// Below this there is no error.
    fn clean(&self) -> u64 {
        match self.again.as_ref().filter(|again| again.left().next().is_some()) {
            Some(again) => self.frontier.min(again.recovered - 1),
            None => self.frontier,
        }
    }
}

/// The errors of a relation that are told again, counted.
struct Again {
    owner: RelationName,
    /// What it is computed from.
    sources: BTreeSet<SourceId>,
    recovered: Time,
    counts: BTreeMap<Row, Diff>,
}

impl Again {
    fn count(&mut self, step: &Step) {
        for (row, _, diff) in &step.changes {
            *self.counts.entry(row.clone()).or_default() += diff;
        }
    }

    fn left(&self) -> impl Iterator<Item = &Row> {
        self.counts.iter().filter(|(_, count)| **count > 0).map(|(row, _)| row)
    }
}

/// One sink's way through the gate.
struct Door {
    needs: BTreeSet<RelationName>,
    waiting: VecDeque<Step>,
    tell: Tell,
}

impl Gate {
    pub(super) fn new(faults: Arc<Faults>, errors: impl IntoIterator<Item = RelationName>) -> Arc<Gate> {
        let known = errors.into_iter().map(|relation| (relation, Known::default())).collect();
        Arc::new(Gate { faults, state: Mutex::new(State { known, doors: Vec::new() }) })
    }

    /// The way to `tell` for a view with these error relations.
    pub(super) fn door(self: &Arc<Gate>, needs: BTreeSet<RelationName>, tell: Tell) -> Tell {
        if !self.faults.stops() {
            return tell;
        }
        let mut state = self.lock();
        let index = state.doors.len();
        let needs = needs.into_iter().filter(|relation| state.known.contains_key(relation)).collect();
        state.doors.push(Door { needs, waiting: VecDeque::new(), tell });
        let gate = self.clone();
        Box::new(move |step| {
            let mut state = gate.lock();
            state.doors[index].waiting.push_back(step);
            gate.release(&mut state);
        })
    }

    /// Takes the steps of an error relation, which belongs to `owner`. What a store tells again below `recovered` was seen before, and
    /// may be mended by what follows: only what is left of it counts.
    pub(super) fn watch(
        self: &Arc<Gate>,
        relation: RelationName,
        owner: RelationName,
        sources: BTreeSet<SourceId>,
        recovered: Time,
    ) -> Tell {
        let gate = self.clone();
        let again = Again { owner: owner.clone(), sources, recovered, counts: BTreeMap::new() };
        // What was mended before the start counts as mended.
        let until = recovered.max(now());
        self.lock().known.entry(relation.clone()).or_default().again = Some(again).filter(|_| recovered > 0);
        Box::new(move |step| {
            let mut state = gate.lock();
            let known = state.known.entry(relation.clone()).or_default();
            known.frontier = step.frontier.unwrap_or(ENDED);
            match known.again.as_mut() {
                Some(again) => {
                    again.count(&step);
                    if known.frontier > until {
                        known.again.take().iter().for_each(|again| gate.judge(again));
                    }
                }
                None => {
                    let new = step.changes.iter().filter(|(_, _, diff)| *diff > 0);
                    new.for_each(|(row, time, _)| gate.add(&owner, row, *time));
                }
            }
            gate.release(&mut state);
        })
    }

    /// All sources have ended, after they have told so much: what is left of the errors told again counts, once that is known.
    pub(super) fn end(&self, sent: impl Fn(&BTreeSet<SourceId>) -> Option<Time>) {
        let mut state = self.lock();
        let told = state
            .known
            .values_mut()
            .filter_map(|known| known.again.take_if(|again| known.frontier >= sent(&again.sources).unwrap_or(ENDED)));
        told.for_each(|again| self.judge(&again));
    }

    fn judge(&self, again: &Again) {
        again.left().for_each(|row| self.add(&again.owner, row, again.recovered));
    }

    fn add(&self, owner: &RelationName, row: &Row, time: Time) {
        if let Some(error) = data_error(row) {
            self.faults.add(owner, &error, time);
        }
    }

    /// Lets all go on whose errors are known to be none.
    fn release(&self, state: &mut State) {
        let State { known, doors } = state;
        for door in doors {
            let clean =
                door.needs.iter().filter_map(|relation| Some(known.get(relation)?.clean())).min().unwrap_or(ENDED);
            while door.waiting.front().is_some_and(|step| step.frontier.unwrap_or(ENDED) <= clean)
                && self.faults.failure().is_none()
            {
                door.waiting.pop_front().into_iter().for_each(&mut door.tell);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The error in a row of an error relation.
fn data_error(row: &Row) -> Option<DataError> {
    match row.unpack().as_slice() {
        [Datum::Text(code), Datum::Text(message), Datum::Text(input)] => {
            Some(DataError { code: code.to_string(), message: message.to_string(), input: input.to_string() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnError;
    use std::sync::mpsc;

    fn step(frontier: Option<u64>, rows: &[Row]) -> Step {
        let changes = rows.iter().map(|row| (row.clone(), 1, 1)).collect();
        Step { changes, frontier, first: false }
    }

    /// An error that was mended in what a store tells again, or as soon as it goes on, ends no run; one that is left does.
    #[test]
    fn what_is_told_again_is_counted_up() {
        let error = |text| Row::pack(&["22012", text, "{}"].map(Datum::text));
        for (left, fails) in [(0, false), (1, true)] {
            let errors = RelationName::public("v_errors");
            let gate = Gate::new(Arc::new(Faults::new(OnError::Stop)), [errors.clone()]);
            let mut watch = gate.watch(errors, RelationName::public("v"), BTreeSet::new(), 20);
            watch(step(Some(10), &[error("one"), error("two")]));
            let changes = vec![(error("one"), 11, -1)];
            watch(Step { changes, frontier: Some(20), first: false });
            assert!(gate.faults.failure().is_none());
            let changes = vec![(error("two"), 25, left - 1)];
            watch(Step { changes, frontier: Some(30), first: false });
            assert!(gate.faults.failure().is_none());
            watch(step(Some(now() + 1_000_000_000), &[]));
            assert_eq!(gate.faults.failure().is_some(), fails);
            watch(step(None, &[error("three")]));
            assert!(gate.faults.failure().is_some());
        }
    }

    #[test]
    fn steps_wait_for_their_errors() {
        let errors = RelationName::public("v_errors");
        let gate = Gate::new(Arc::new(Faults::new(OnError::Stop)), [errors.clone()]);
        let (sender, told) = mpsc::channel();
        let tell = Box::new(move |step: Step| sender.send(step.frontier).expect("the test listens"));
        let mut door = gate.door(BTreeSet::from([errors.clone()]), tell);
        let mut watch = gate.watch(errors, RelationName::public("v"), BTreeSet::new(), 0);
        door(step(Some(10), &[]));
        door(step(Some(20), &[]));
        assert!(told.try_recv().is_err());
        watch(step(Some(10), &[]));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some(10)]);
        let error = Row::pack(&["22012", "division by zero", "{}"].map(Datum::text));
        watch(step(None, &[error]));
        assert!(told.try_recv().is_err());
        assert!(gate.faults.failure().is_some_and(|failure| failure.to_string().contains("division by zero")));
    }
}
