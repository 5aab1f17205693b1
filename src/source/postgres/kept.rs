//! A slot that is kept for a store, and where it is read on.
//!
//! The server passes silently over what was confirmed to it, so reading on is sound only if all of this holds: it is the same server,
//! the slot is there and was not advanced by anybody else, and the tables are the ones that were read. Otherwise the tables are read
//! again and the difference is told at one time, or people are asked first.

use super::config::SlotLost;
use super::failure::Failure;
use super::slot::{self, Condition};
use super::slots;
use crate::source::Stored;
use tokio_postgres::Client;

/// The names of the positions that ticks carry.
const WAL: &str = "wal";
const SYSTEM: &str = "system";
const TABLES: &str = "tables";

/// The slot, and what is durable of what it gave.
#[derive(Debug)]
pub(super) struct Kept {
    /// The slot's name.
    pub(super) name: String,
    read: Option<Read>,
}

#[derive(Debug)]
struct Read {
    /// The WAL position up to which every change was handed over.
    wal: u64,
    ground: Ground,
}

/// What the slot is read on: the server's system identifier, and which tables and partitions there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    pub(super) system: String,
    pub(super) tables: String,
}

impl Kept {
    /// The slot of a store, whose name begins so.
    pub(super) fn new(prefix: &str, stored: &Stored) -> Kept {
        let position = |name: &str| stored.resume.as_ref()?.positions.get(name).cloned();
        let read = || {
            let ground = Ground { system: position(SYSTEM)?, tables: position(TABLES)? };
            Some(Read { wal: slot::parse_position(&position(WAL)?)?, ground })
        };
        Kept { name: slots::kept_name(prefix, &stored.incarnation), read: read() }
    }

    /// Where to read on; nothing if the tables are to be read again.
    pub(super) async fn position(
        &self,
        control: &Client,
        now: &Ground,
        lost: SlotLost,
    ) -> Result<Option<u64>, Failure> {
        let Some(Read { wal, ground }) = &self.read else { return Ok(None) };
        if ground.system != now.system {
            return Err(Failure::operator(format!(
                "this is another server than before (system identifier {}, not {}): let `url` name the right one; or remove the \
                 store's directory to begin anew with this one",
                now.system, ground.system
            )));
        }
        if ground.tables != now.tables {
            tracing::warn!("tables or partitions were created, attached or emptied meanwhile: all are read again");
            return Ok(None);
        }
        match (slot::look(control, &self.name, *wal).await?, lost) {
            (Condition::Good, _) => Ok(Some(*wal)),
            (Condition::InUse(pid), _) => {
                Err(Failure::Lost(format!("slot \"{}\" is in use by process {pid}", self.name)))
            }
            (Condition::Stale(reason), SlotLost::Snapshot) => {
                tracing::warn!("{reason}: all tables are read again");
                Ok(None)
            }
            (Condition::Stale(reason), SlotLost::Stop) => Err(Failure::operator(format!(
                "{reason}. What happened since cannot be known from the slot; say `slot_lost = \"snapshot\"` in the source to read \
                 the tables again and write the difference to the targets"
            ))),
        }
    }

    /// Everything up to this position is on its way, in a tick that carries what is returned.
    pub(super) fn advance(&mut self, wal: u64) -> Vec<(String, String)> {
        if let Some(read) = &mut self.read {
            read.wal = wal;
        }
        vec![(WAL.to_string(), slot::show_position(wal))]
    }

    /// The tables were read as of this position.
    pub(super) fn begin(&mut self, wal: u64, ground: Ground) -> Vec<(String, String)> {
        let Ground { system, tables } = ground.clone();
        self.read = Some(Read { wal, ground });
        let mut positions = self.advance(wal);
        positions.extend([(SYSTEM.to_string(), system), (TABLES.to_string(), tables)]);
        positions
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
