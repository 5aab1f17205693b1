//! What a slot gives again to a session that reads on.
//!
//! A server remembers what was confirmed to it only roughly: after a crash, a promotion or a restored backup its slot stands where it
//! was before. So a session begins wherever the slot stands, passes over what was taken already, and the last transaction that was
//! taken must come again, at the same position and of the same time. If it does not, the server has another history than the one
//! that was read: it was promoted or restored without what it had told. The same holds of a transaction that was taken in part: it
//! must be the next one, and begin with the very changes that were taken.

use super::failure::Failure;
use super::slot::show_position;
use crate::value::Time;
use serde::{Deserialize, Serialize};

/// A transaction that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The WAL position behind it.
    pub(super) end: u64,
    /// When it was committed, microseconds since 2000-01-01 UTC.
    pub(super) time: i64,
}

/// What was taken of a transaction that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The WAL position of its commit.
    pub(super) commit: u64,
    /// When it was committed, microseconds since 2000-01-01 UTC.
    committed: i64,
    /// The time of its changes.
    pub(super) time: Time,
    /// How many there were, those of tables that nobody reads as well.
    pub(super) changes: u64,
    /// Their checksum.
    checksum: u32,
}

impl Part {
    /// Nothing yet.
    pub(super) fn begin(commit: u64, committed: i64, time: Time) -> Part {
        Part { commit, committed, time, changes: 0, checksum: 0 }
    }

    /// One change more.
    pub(super) fn add(&mut self, change: &[u8]) {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.checksum);
        hasher.update(change);
        (self.changes, self.checksum) = (self.changes + 1, hasher.finalize());
    }
}

/// How a transaction that begins stands to what was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// Nothing of it was taken.
    New,
    /// So much of it was.
    On(Part),
    /// All of it was.
    Again,
}

/// The transactions that come again.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The last one that was taken whole.
    last: Option<Commit>,
    /// Whether it has still to come.
    awaited: bool,
    /// The one behind it that was taken in part, until it comes.
    part: Option<Part>,
}

impl Overlap {
    /// What a session is told again that begins at this position, after `last` was taken, and `part` of what follows it.
    pub(super) fn new(last: Option<Commit>, part: Option<Part>, from: u64) -> Overlap {
        Overlap { last, awaited: last.is_some_and(|last| from < last.end), part }
    }

    /// A transaction begins, whose commit is at this position and of this time.
    pub(super) fn begins(&mut self, commit: u64, committed: i64) -> Result<Begins, Failure> {
        if self.last.is_some_and(|last| commit < last.end) {
            return Ok(Begins::Again);
        }
        match self.part.take() {
            None => Ok(Begins::New),
            Some(part) if (part.commit, part.committed) == (commit, committed) => Ok(Begins::On(part)),
            Some(part) => Err(other_history(part.commit)),
        }
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
        match (self.last, self.part) {
            (Some(last), _) if self.awaited && last.end <= position => Err(other_history(last.end)),
            (_, Some(part)) if part.commit < position => Err(other_history(part.commit)),
            _ => Ok(()),
        }
    }
}

/// What was taken at this position does not come again.
pub(super) fn other_history(position: u64) -> Failure {
    Failure::Diverged(format!(
        "the server's history is not the one that was read: the last transaction taken from it, at {}, is not in it; it was \
         promoted, or restored from a backup, without that",
        show_position(position)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_transaction_must_come_again() {
        let (first, last, later) = (commit(100, 1), commit(200, 2), commit(300, 3));
        let mut same = Overlap::new(Some(last), None, 50);
        let begins = [90, 199, 200].map(|commit| same.begins(commit, 1).expect("the same history"));
        assert_eq!(begins, [Begins::Again, Begins::Again, Begins::New]);
        assert!(
            same.passed(150).is_ok() && same.came(first).is_ok() && same.came(last).is_ok() && same.came(later).is_ok()
        );
        // Another transaction there, one over it, or none at all.
        for other in [commit(200, 3), commit(210, 2)] {
            assert!(matches!(Overlap::new(Some(last), None, 50).came(other), Err(Failure::Diverged(_))));
        }
        assert!(matches!(Overlap::new(Some(last), None, 50).passed(200), Err(Failure::Diverged(_))));
        // The slot has moved beyond it, so the server had it.
        assert!(Overlap::new(Some(last), None, 200).came(later).is_ok());
        assert_eq!(Overlap::default().begins(0, 1).ok(), Some(Begins::New));
        assert!(Overlap::default().came(first).is_ok());
    }

    #[test]
    fn a_transaction_taken_in_part_must_be_the_next() {
        let last = commit(200, 2);
        let part = Part::begin(250, 3, 7);
        let overlap = || Overlap::new(Some(last), Some(part), 50);
        let mut same = overlap();
        assert_eq!(same.begins(199, 2).ok(), Some(Begins::Again));
        assert!(same.came(last).is_ok() && same.passed(250).is_ok());
        assert_eq!(same.begins(250, 3).ok(), Some(Begins::On(part)));
        assert!(same.came(commit(260, 3)).is_ok());
        assert_eq!(same.begins(270, 4).ok(), Some(Begins::New));
        // Another transaction there or before, or none at all.
        for (commit, committed) in [(250, 4), (240, 3), (300, 4)] {
            assert!(matches!(overlap().begins(commit, committed), Err(Failure::Diverged(_))));
        }
        assert!(matches!(Overlap::new(None, Some(part), 50).passed(251), Err(Failure::Diverged(_))));
    }

    fn commit(end: u64, time: i64) -> Commit {
        Commit { end, time }
    }
}
