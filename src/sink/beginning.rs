//! Where the telling of a view begins after a restart: what its target shows already need not be told step by step.
//!
//! Sinks ask their targets while the store waits to be read (`claim`, `waive`). Whoever reads it waits for them, for a while, and then
//! closes the question (`close`): the view is told from what was claimed on. A target that answers later, or that shows something
//! from before, is reconciled.

use crate::value::Time;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Where the telling of one view begins.
#[derive(Debug)]
pub struct Beginning {
    /// The store can tell steps from here on.
    at_least: Time,
    /// It has told nothing beyond: a target that shows more was filled from a later copy of it.
    at_most: Time,
    asked: Mutex<Asked>,
    answered: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The target was not heard of yet.
    Open,
    /// It shows this frontier; nothing that could be gone on from.
    Answered(Option<Time>),
    /// It is too late.
    Closed,
}

impl Default for Beginning {
    /// Of a view that is told anew: no target can be gone on with.
    fn default() -> Beginning {
        Beginning { at_least: 0, at_most: 0, asked: Mutex::new(Asked::Closed), answered: Condvar::new() }
    }
}

impl Beginning {
    /// Of a view that a store can tell from any frontier between these on.
    pub fn between(at_least: Time, at_most: Time) -> Beginning {
        Beginning { at_least, at_most, asked: Mutex::new(Asked::Open), ..Beginning::default() }
    }

    /// Up to this frontier a store tells again what was.
    pub(super) fn told_again(&self) -> Time {
        self.at_most
    }

    /// The target shows the view at this frontier. Whether it is told what comes after it, and not the whole.
    pub(super) fn claim(&self, frontier: Time) -> bool {
        let is_possible = (self.at_least..=self.at_most).contains(&frontier);
        self.answer(is_possible.then_some(frontier)) && is_possible
    }

    /// The target is to be told the whole view.
    pub(super) fn waive(&self) {
        self.answer(None);
    }

    /// Whether the target may still be gone on with.
    pub(super) fn is_open(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) == Asked::Open
    }

    fn answer(&self, answer: Option<Time>) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = *asked == Asked::Open;
        if is_open {
            *asked = Asked::Answered(answer);
            self.answered.notify_all();
        }
        is_open
    }

    /// Waits until the target was heard of, but not longer than this; whether it was.
    pub fn wait(&self, patience: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.answered.wait_timeout_while(asked, patience, |asked| *asked == Asked::Open);
        *waited.unwrap_or_else(PoisonError::into_inner).0 != Asked::Open
    }

    /// Closes the question. The frontier from which on the view must be told step by step.
    pub fn close(&self) -> Time {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *asked, Asked::Closed) {
            Asked::Answered(Some(frontier)) => frontier,
            Asked::Answered(None) | Asked::Open | Asked::Closed => self.at_most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_store_can_tell_is_claimed() {
        for (frontier, expected) in [(9, None), (10, Some(10)), (20, Some(20)), (21, None)] {
            let beginning = Beginning::between(10, 20);
            assert_eq!(beginning.claim(frontier), expected.is_some());
            assert!(beginning.wait(Duration::ZERO));
            assert_eq!(beginning.close(), expected.unwrap_or(20));
        }
    }

    #[test]
    fn an_answer_after_the_close_is_too_late() {
        let beginning = Beginning::between(10, 20);
        assert!(!beginning.wait(Duration::ZERO));
        assert_eq!(beginning.close(), 20);
        assert!(!beginning.claim(15));
        assert!(!Beginning::default().claim(0));
    }
}
