//! What a slot gives again to a session that reads on.
//!
//! A server remembers what was confirmed to it only roughly: after a crash, a promotion or a restored backup its slot stands where it
//! was before. So a session begins wherever the slot stands, passes over what was taken already, and the last transaction that was
//! taken must come again, at the same position and of the same time. If it does not, the server has another history than the one
//! that was read: it was promoted or restored without what it had told.

use super::failure::Failure;
use super::slot::show_position;

/// A transaction that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The WAL position behind it.
    pub(super) end: u64,
    /// When it was committed, microseconds since 2000-01-01 UTC.
    pub(super) time: i64,
}

/// The transactions that come again.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The last one.
    last: Option<Commit>,
    /// Whether it has still to come.
    awaited: bool,
}

impl Overlap {
    /// What a session is told again that begins at this position, after `last` was taken.
    pub(super) fn new(last: Option<Commit>, from: u64) -> Overlap {
        Overlap { last, awaited: last.is_some_and(|last| from < last.end) }
    }

    /// Whether a transaction whose commit is at this position was taken already.
    pub(super) fn has(&self, commit: u64) -> bool {
        self.last.is_some_and(|last| commit < last.end)
    }

    /// A transaction came.
    pub(super) fn came(&mut self, commit: Commit) -> Result<(), Failure> {
        if self.last == Some(commit) {
            self.awaited = false;
        }
        self.passed(commit.end)
    }

    /// Everything up to this position came.
    pub(super) fn passed(&self, position: u64) -> Result<(), Failure> {
        match self.last {
            Some(last) if self.awaited && last.end <= position => Err(Failure::Diverged(format!(
                "the server's history is not the one that was read: the last transaction taken from it, at {}, is not in it; it was \
                 promoted, or restored from a backup, without that",
                show_position(last.end)
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_transaction_must_come_again() {
        let (first, last, later) = (commit(100, 1), commit(200, 2), commit(300, 3));
        let mut same = Overlap::new(Some(last), 50);
        assert!(same.has(90) && same.has(199) && !same.has(200));
        assert!(
            same.passed(150).is_ok() && same.came(first).is_ok() && same.came(last).is_ok() && same.came(later).is_ok()
        );
        // Another transaction there, one over it, or none at all.
        for other in [commit(200, 3), commit(210, 2)] {
            assert!(matches!(Overlap::new(Some(last), 50).came(other), Err(Failure::Diverged(_))));
        }
        assert!(matches!(Overlap::new(Some(last), 50).passed(200), Err(Failure::Diverged(_))));
        // The slot has moved beyond it, so the server had it.
        assert!(Overlap::new(Some(last), 200).came(later).is_ok());
        assert!(!Overlap::default().has(0) && Overlap::default().came(first).is_ok());
    }

    fn commit(end: u64, time: i64) -> Commit {
        Commit { end, time }
    }
}
