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
    /// The slot of a store, whose name begins so, and what to do when it cannot be read on. An error if what the store has noted makes no
    /// sense: nothing is read again in silence.
    pub(super) fn new(prefix: &str, stored: &Stored, lost: SlotLost) -> Result<Kept, SourceError> {
        let name = slots::kept_name(prefix, &stored.incarnation);
        let read = stored.resume.as_ref().map_or(Ok(None), Read::resume)?;
        Ok(Kept { name, lost, read })
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

impl Read {
    /// What was read up to where a run has ended; nothing if the tables are to be read again.
    fn resume(resume: &Resume) -> Result<Option<Read>, SourceError> {
        let wal = noted(resume, WAL, slot::parse_position)?;
        let (commit, part) = (noted(resume, COMMIT, parse_commit)?, noted(resume, PART, parse_part)?);
        let ground = noted(resume, GROUND, |text| serde_json::from_str(text).ok())?;
        noted(resume, ANEW, |text| text.parse::<Time>().ok())?;
        let is_strange = |name: &&String| ![WAL, COMMIT, PART, GROUND, ANEW].contains(&name.as_str());
        match (wal, ground, resume.positions.keys().find(is_strange)) {
            (_, _, Some(strange)) => Err(SourceError::strange_position(strange, &resume.positions[strange])),
            (Some(_), None, None) => Err(SourceError::strange_position(GROUND, "")),
            (Some(wal), Some(ground), None) => Ok(Some(Read { wal, commit, part, ground, untold: false })),
            (None, _, None) => Ok(None),
        }
    }
}

/// A position of this name; nothing if there is none, or none any more.
fn noted<X>(resume: &Resume, name: &str, parse: impl Fn(&str) -> Option<X>) -> Result<Option<X>, SourceError> {
    match resume.positions.get(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| SourceError::strange_position(name, text)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const WHOLE: [(&str, &str); 5] = [
        (WAL, "0/16B3748"),
        (COMMIT, "0/16B3700 7"),
        (PART, ""),
        (GROUND, r#"{"system":"1","tables":[],"publication":""}"#),
        (ANEW, ""),
    ];

    /// How it goes on with these positions in place of some of those.
    fn resumed(other: &[(&str, &str)]) -> Result<Option<u64>, String> {
        let mut positions: BTreeMap<String, String> = BTreeMap::new();
        positions.extend(WHOLE.iter().chain(other).map(|(name, text)| (name.to_string(), text.to_string())));
        let read = Read::resume(&Resume { frontier: 5, positions });
        read.map(|read| read.map(|read| read.wal)).map_err(|error| error.to_string())
    }

    #[test]
    fn positions_that_make_no_sense_are_no_beginning() {
        assert_eq!(resumed(&[]), Ok(Some(0x16B_3748)));
        // The tables were being read again.
        assert_eq!(resumed(&[(WAL, ""), (COMMIT, ""), (ANEW, "1700000000000000")]), Ok(None));
        let strange = [
            (WAL, "here"),
            (COMMIT, "0/16B3700"),
            (PART, "{}"),
            (GROUND, ""),
            (GROUND, "{}"),
            (ANEW, "now"),
            ("a.csv", "7 8"),
        ];
        for (name, text) in strange {
            let said = resumed(&[(name, text)]).expect_err("no position");
            assert!(said.contains(&format!("position of {name} is none of this kind of source: `{text}`")), "{said}");
        }
    }
}
