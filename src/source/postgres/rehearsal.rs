//! The change feed without a server: what messages of pgoutput mean for given tables.
//!
//! For tests and fuzzing. Messages take the way they take from the socket (`decode`, `feed`, `pending`); only the moment of sealing
//! differs: every transaction is a tick of its own, or as many pieces as are asked for.

use super::clock::Clock;
use super::failure::Failure;
use super::feed::{Event, Feed};
use super::overlap::{Overlap, Part};
use super::pending::Pending;
use super::shape::Shape;
use crate::source::{Closed, SourceRelation, Wanted};
use crate::timeline::{RelationId, SourceId, Tick};
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
    /// How many changes make a piece.
    piece: u64,
    /// What was given of a transaction that is not complete.
    given: Option<Part>,
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
        Rehearsal { feed: Feed::new(&pending, Overlap::default()), pending, piece: u64::MAX, given: None }
    }

    /// The same tables in another run, which goes on at this frontier.
    pub fn resumed(tables: &[FeedTable], frontier: Time) -> Rehearsal {
        let mut rehearsal = Rehearsal::new(tables);
        rehearsal.pending.resume(frontier, None, BTreeMap::new());
        rehearsal
    }

    /// The same, which gives a transaction in pieces when it has so many changes.
    pub fn in_pieces(self, changes: u64) -> Rehearsal {
        Rehearsal { piece: changes, ..self }
    }

    /// The connection is lost: what was read and not given is forgotten, and the next message is the first of a new connection. It
    /// begins with the transaction of which only a part was given, if there is one.
    pub fn cut(&mut self) {
        self.pending.discard();
        self.feed = Feed::new(&self.pending, Overlap::new(None, self.given, 0));
    }

    /// Takes one message in, and gives the transaction that it completes, or the piece.
    ///
    /// A message that is refused ends the connection. The error says why.
    pub fn take(&mut self, message: &[u8]) -> Result<Option<Tick>, String> {
        match self.feed.apply(message, &mut self.pending) {
            Ok(Event::Within) => {
                let piece = self.feed.part().filter(|_| self.pending.changes() >= self.piece);
                self.given = piece.or(self.given);
                Ok(piece.map(|part| self.pending.piece(part.time)))
            }
            Ok(Event::Again(_) | Event::Beyond) => Ok(None),
            Ok(Event::Commit(_)) => {
                self.given = None;
                Ok(Some(self.pending.seal(self.pending.clock.floor() + 1, false)))
            }
            Err(failure) => {
                self.cut();
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
