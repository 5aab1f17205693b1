//! A slot that is kept for a store, and where it is read on.
//!
//! The server passes silently over what was confirmed to it, so reading on is sound only if all of this holds: it is the same server,
//! with the history that was read (`overlap`); the slot is there and was not advanced by anybody else; and nothing has happened to
//! the tables that it does not tell (`ground`). Otherwise the tables are read again and the difference is told at one time, or people
//! are asked first.

use super::config::SlotLost;
use super::failure::Failure;
use super::ground::Ground;
use super::overlap::{Commit, Overlap, Part};
use super::slot::{self, Condition};
use super::slots;
use crate::source::{SourceError, Stored};
use crate::timeline::Resume;
use crate::value::{RelationName, Time};
use tokio_postgres::Client;

/// The names of the positions that ticks carry.
const WAL: &str = "wal";
const COMMIT: &str = "commit";
const PART: &str = "part";
const GROUND: &str = "ground";
const ANEW: &str = "anew";

/// The slot, and what is durable of what it gave.
#[derive(Debug)]
pub(super) struct Kept {
    /// The slot's name.
    pub(super) name: String,
    lost: SlotLost,
    read: Option<Read>,
}

#[derive(Debug)]
struct Read {
    /// The WAL position up to which every change was handed over.
    wal: u64,
    /// The last transaction that was.
    commit: Option<Commit>,
    /// What was of the one behind it.
    part: Option<Part>,
    ground: Ground,
    /// Whether the ground is other than ticks have told so far.
    untold: bool,
}

impl Kept {
    /// The slot of a store, whose name begins so, and what to do when it cannot be read on.
    pub(super) fn new(prefix: &str, stored: &Stored, lost: SlotLost) -> Kept {
        let position = |name: &str| Some(stored.resume.as_ref()?.positions.get(name)?.as_str());
        let read = || {
            let ground = serde_json::from_str(position(GROUND)?).ok()?;
            let commit = position(COMMIT).and_then(parse_commit);
            let part = position(PART).and_then(parse_part);
            Some(Read { wal: slot::parse_position(position(WAL)?)?, commit, part, ground, untold: false })
        };
        Kept { name: slots::kept_name(prefix, &stored.incarnation), lost, read: read() }
    }

    /// A table is read for the first time: whatever has happened to it before does not count.
    pub(super) fn disregard(&mut self, name: &RelationName) {
        self.read.iter_mut().for_each(|read| read.ground.disregard(name));
    }

    /// Where the server is to read on; nothing if the tables are to be read again.
    pub(super) async fn position(&mut self, control: &Client, now: &Ground) -> Result<Option<u64>, Failure> {
        let Some(Read { wal, commit, part, ground, .. }) = &self.read else { return Ok(None) };
        if ground.system != now.system {
            return Err(Failure::operator(format!(
                "this is another server than before (system identifier {}, not {}): let `url` name the right one; or remove the \
                 store's directory to begin anew with this one",
                now.system, ground.system
            )));
        }
        if let Some(why) = ground.lost(now) {
            tracing::warn!("{why}: all tables are read again");
            return Ok(None);
        }
        let taken = part.map(|part| part.commit).or(commit.map(|commit| commit.end));
        match slot::look(control, &self.name, *wal, taken).await? {
            Condition::Good(from) => {
                if let Some(read) = self.read.as_mut().filter(|read| read.ground != *now) {
                    (read.ground, read.untold) = (now.clone(), true);
                }
                Ok(Some(from))
            }
            Condition::InUse(pid) => Err(Failure::Lost(format!("slot \"{}\" is in use by process {pid}", self.name))),
            Condition::Stale(reason) => self.decide(&reason).map(|()| None).map_err(Failure::Final),
        }
    }

    /// The slot cannot be read on: the tables are read again if that is what the source says.
    pub(super) fn decide(&mut self, reason: &str) -> Result<(), SourceError> {
        match self.lost {
            SlotLost::Snapshot => {
                tracing::warn!("{reason}: all tables are read again");
                self.forget();
                Ok(())
            }
            SlotLost::Stop => Err(SourceError::Operator(format!(
                "{reason}. What happened since cannot be known from the slot; say `slot_lost = \"snapshot\"` in the source to read \
                 the tables again and write the difference to the targets"
            ))),
        }
    }

    /// What the server tells again from this position on.
    pub(super) fn overlap(&self, from: u64) -> Overlap {
        self.read.as_ref().map(|read| Overlap::new(read.commit, read.part, from)).unwrap_or_default()
    }

    /// Everything up to this position, this transaction if it is the last one before, and this part of the one that follows, is on its
    /// way in a tick that carries what is returned.
    pub(super) fn advance(&mut self, wal: u64, last: Option<Commit>, part: Option<Part>) -> Vec<(String, String)> {
        let mut positions = vec![(WAL.to_string(), slot::show_position(wal))];
        let Some(read) = &mut self.read else { return positions };
        read.wal = wal;
        if let Some(commit) = last.filter(|last| read.commit != Some(*last)) {
            read.commit = Some(commit);
            positions.push((COMMIT.to_string(), format!("{} {}", slot::show_position(commit.end), commit.time)));
        }
        if read.part != part {
            read.part = part;
            let part = part.and_then(|part| serde_json::to_string(&part).ok());
            positions.push((PART.to_string(), part.unwrap_or_default()));
        }
        if std::mem::take(&mut read.untold) {
            // The ground is names and numbers: writing it cannot fail.
            positions.push((GROUND.to_string(), serde_json::to_string(&read.ground).unwrap_or_default()));
        }
        positions
    }

    /// The tables were read as of this position.
    pub(super) fn begin(&mut self, wal: u64, ground: Ground) -> Vec<(String, String)> {
        self.read = Some(Read { wal, commit: None, part: None, ground, untold: true });
        let mut positions = self.advance(wal, None, None);
        // The last transaction of another slot is none of this one's.
        positions.extend([COMMIT, PART, ANEW].map(|name| (name.to_string(), String::new())));
        positions
    }

    /// What a piece of the tables carries that are read again, and told at this time: there is nothing to go on from before its end.
    pub(super) fn anew(at: Time) -> Vec<(String, String)> {
        let nothing = [WAL, COMMIT, PART].map(|name| (name.to_string(), String::new()));
        nothing.into_iter().chain([(ANEW.to_string(), at.to_string())]).collect()
    }

    /// What was read cannot be gone on from.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }

    /// Whether something beyond the last tick was received.
    pub(super) fn is_behind(&self, wal: u64) -> bool {
        self.read.as_ref().is_some_and(|read| read.wal < wal)
    }
}

/// The time at which pieces of something stand whose end has not come.
pub(super) fn open(resume: &Resume) -> Option<Time> {
    let position = |name: &str| resume.positions.get(name);
    let part = position(PART).and_then(|part| parse_part(part)).map(|part| part.time);
    part.or_else(|| position(ANEW)?.parse().ok())
}

fn parse_part(text: &str) -> Option<Part> {
    serde_json::from_str(text).ok()
}

fn parse_commit(text: &str) -> Option<Commit> {
    let (end, time) = text.split_once(' ')?;
    Some(Commit { end: slot::parse_position(end)?, time: time.parse().ok()? })
}
