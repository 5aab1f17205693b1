//! `on_error = "stop"`: a sink is told a frontier only when no error below it can come any more.
//!
//! Error relations have frontiers like all others. A step waits here until those of everything its view is computed from have
//! reached the step's own; once an error has been seen, nothing passes. So a run that ends with a data error has shown nothing
//! that it would have to take back.

use super::faults::Faults;
use crate::timeline::{DataError, Step};
use crate::value::{Datum, RelationName, Row};
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
    /// How far each error relation is known.
    known: BTreeMap<RelationName, u64>,
    doors: Vec<Door>,
}

/// One sink's way through the gate.
struct Door {
    needs: BTreeSet<RelationName>,
    waiting: VecDeque<Step>,
    tell: Tell,
}

impl Gate {
    pub(super) fn new(faults: Arc<Faults>, errors: impl IntoIterator<Item = RelationName>) -> Arc<Gate> {
        let known = errors.into_iter().map(|relation| (relation, 0)).collect();
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

    /// Takes the steps of an error relation, which belongs to `owner`.
    pub(super) fn watch(self: &Arc<Gate>, relation: RelationName, owner: RelationName) -> Tell {
        let gate = self.clone();
        Box::new(move |step| {
            for (row, time, _) in step.changes.iter().filter(|(_, _, diff)| *diff > 0) {
                if let Some(error) = data_error(row) {
                    gate.faults.add(&owner, &error, *time);
                }
            }
            let mut state = gate.lock();
            state.known.insert(relation.clone(), step.frontier.unwrap_or(ENDED));
            gate.release(&mut state);
        })
    }

    /// Lets all go on whose errors are known to be none.
    fn release(&self, state: &mut State) {
        let State { known, doors } = state;
        for door in doors {
            let clean = door.needs.iter().filter_map(|relation| known.get(relation)).min().copied().unwrap_or(ENDED);
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

    #[test]
    fn steps_wait_for_their_errors() {
        let errors = RelationName::public("v_errors");
        let gate = Gate::new(Arc::new(Faults::new(OnError::Stop)), [errors.clone()]);
        let (sender, told) = mpsc::channel();
        let tell = Box::new(move |step: Step| sender.send(step.frontier).expect("the test listens"));
        let mut door = gate.door(BTreeSet::from([errors.clone()]), tell);
        let mut watch = gate.watch(errors, RelationName::public("v"));
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
