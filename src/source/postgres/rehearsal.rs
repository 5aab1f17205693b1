//! The change feed without a server: what messages of pgoutput mean for given tables.
//!
//! For tests and fuzzing. Messages take the way they take from the socket (`decode`, `feed`, `pending`); only the moment of sealing
//! differs: every transaction is a tick of its own.

use super::clock::Clock;
use super::failure::Failure;
use super::feed::{Event, Feed};
use super::overlap::Overlap;
use super::pending::Pending;
use super::shape::Shape;
use crate::source::{Closed, SourceRelation, Wanted};
use crate::timeline::{RelationId, Resume, SourceId, Tick};
use crate::value::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How far ahead of our clock a commit may be before it is clamped.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// A table that the feed is read for.
#[derive(Clone, Debug)]
pub struct FeedTable {
    /// Its name, schema, and whether it is told as upserts.
    pub relation: SourceRelation,
    /// Its oid in Postgres.
    pub oid: u32,
    /// The oids of its columns' types; they are declared without a modifier.
    pub type_oids: Vec<u32>,
}

/// One connection's change feed, read message by message.
#[derive(Debug)]
pub struct Rehearsal {
    feed: Feed,
    pending: Pending,
}

impl Rehearsal {
    /// A feed of these tables. Every column is read; a table's id in ticks is its position.
    pub fn new(tables: &[FeedTable]) -> Rehearsal {
        let shape = |(position, table): (usize, &FeedTable)| {
            let wanted = Wanted { id: RelationId(position), relation: table.relation.clone(), columns: None };
            let declared = table.type_oids.iter().map(|oid| (*oid, -1));
            Arc::new(Shape::new(&wanted, table.oid, declared))
        };
        let mut pending = Pending::new(SourceId(0), Clock::new(MAX_AHEAD));
        pending.define(tables.iter().enumerate().map(shape).collect());
        Rehearsal { feed: Feed::new(&pending, Overlap::default()), pending }
    }

    /// The same tables in another run, which goes on at this frontier.
    pub fn resumed(tables: &[FeedTable], frontier: Time) -> Rehearsal {
        let mut rehearsal = Rehearsal::new(tables);
        let resume = Resume { frontier, positions: BTreeMap::new() };
        rehearsal.pending.resume(&resume, BTreeMap::new());
        rehearsal
    }

    /// Takes one message in, and gives the transaction that it completes.
    ///
    /// A message that is refused ends the connection: what was read and not given is forgotten, and the next message is the
    /// first of a new connection. The error says why.
    pub fn take(&mut self, message: &[u8]) -> Result<Option<Tick>, String> {
        match self.feed.apply(message, &mut self.pending) {
            Ok(Event::Within | Event::Again(_) | Event::Beyond) => Ok(None),
            Ok(Event::Commit(_)) => Ok(Some(self.pending.seal(self.pending.clock.floor() + 1, false))),
            Err(failure) => {
                self.pending.discard();
                self.feed = Feed::new(&self.pending, Overlap::default());
                Err(match failure {
                    Failure::Lost(reason)
                    | Failure::Stale(reason)
                    | Failure::Diverged(reason)
                    | Failure::Redefined(reason) => reason,
                    Failure::Final(error) => error.to_string(),
                    Failure::Closed => Closed.to_string(),
                })
            }
        }
    }
}
