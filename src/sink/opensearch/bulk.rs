//! Bulk requests: how they are cut, how many are under way, and what becomes of each of their items.
//!
//! A document is always replaced whole. Every item has the delivery's version with `external_gte`: told again with the
//! same version it is taken again, which changes nothing, and where the document has a greater version somebody else
//! has written it.
//!
//! | answer to an item | what follows |
//! |---|---|
//! | 200, 201; 404 for a delete | done |
//! | 429, 5xx | the item is sent again after a pause, for a while; then the delivery fails for now |
//! | 400 about the document | the row is left out, told, and the document of its older row deleted |
//! | 409 | the delivery fails for now, and the whole content is compared: what is there is not what was acknowledged |
//! | a block of the index | the delivery fails for now |
//! | anything else | an operator must act |

use super::super::SinkError;
use super::client::{Answer, Client, Content};
use super::keeper::Keeper;
use super::refusal::Refusal;
use crate::value::{Column, Row, json};
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// The longest id that servers take.
const ID_MAX: usize = 512;
/// The first and the longest pause before items are sent again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// So many rows refused and none taken: it is not the rows.
const REFUSED_MAX: usize = 100;

/// What is to be done with one document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Write<'a> {
    pub(super) id: String,
    /// The row; none: the document goes.
    pub(super) row: Option<&'a Row>,
}

/// A row that the server does not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) id: String,
    /// What is wrong: the server's word for it, or ours.
    pub(super) code: String,
    pub(super) reason: String,
}

/// Somebody else has written newer versions of documents.
#[derive(Debug)]
pub(super) enum Stopped {
    Overtaken(SinkError),
    Failed(SinkError),
}

impl From<SinkError> for Stopped {
    fn from(error: SinkError) -> Stopped {
        Stopped::Failed(error)
    }
}

/// How the documents of one delivery are written.
pub(super) struct Bulks<'a> {
    pub(super) client: &'a Client,
    pub(super) keeper: &'a Keeper,
    /// Of the index.
    pub(super) path: String,
    pub(super) columns: &'a [Column],
    pub(super) version: u64,
    /// Bytes of a request; what the server finds too large makes it less.
    pub(super) bytes: &'a Cell<usize>,
    pub(super) concurrency: usize,
    /// How long the server may wait before it executes a request, and how long items are sent again.
    pub(super) patience: Duration,
    /// When the mark was last seen to be ours.
    pub(super) seen: Cell<Instant>,
}

/// A request and what is in it.
struct Bulk<'w> {
    writes: Vec<&'w Write<'w>>,
    lines: Vec<u8>,
}

/// What becomes of one item.
enum Verdict {
    Done,
    Again(String),
    Reject(Refusal),
    Stop(Stopped),
}

#[derive(Deserialize)]
struct Items {
    items: Vec<HashMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    _id: String,
    status: u16,
    error: Option<Refusal>,
}

impl Bulks<'_> {
    /// Writes all of it, and gives the rows that were refused; whatever these had as documents is gone then.
    pub(super) async fn write(&self, writes: &[Write<'_>]) -> Result<Vec<Rejected>, Stopped> {
        let rejected = self.send(writes).await?;
        let puts = writes.iter().filter(|write| write.row.is_some()).count();
        if let Some(first) = rejected.first().filter(|_| rejected.len() >= REFUSED_MAX && rejected.len() == puts) {
            let text =
                format!("all {puts} rows are refused, the one with the id {} because: {}", first.id, first.reason);
            return Err(SinkError::Operator(format!("{text}; see to the index's mapping")).into());
        }
        // Better no document than one that shows what is no longer so.
        let fitting = rejected.iter().filter(|rejected| rejected.id.len() <= ID_MAX);
        let outdated: Vec<Write<'_>> = fitting.map(|rejected| Write { id: rejected.id.clone(), row: None }).collect();
        match self.send(&outdated).await?.first() {
            None => Ok(rejected),
            Some(Rejected { id, reason, .. }) => {
                Err(SinkError::Operator(format!("the document {id} cannot be deleted: {reason}")).into())
            }
        }
    }

    /// At most so many requests are made and under way at once as is allowed.
    async fn send(&self, writes: &[Write<'_>]) -> Result<Vec<Rejected>, Stopped> {
        let (fitting, long): (Vec<_>, Vec<_>) = writes.iter().partition(|write| write.id.len() <= ID_MAX);
        let mut fitting = fitting.into_iter().peekable();
        let bulks = std::iter::from_fn(|| {
            fitting.peek()?;
            let mut bulk = Bulk { writes: Vec::new(), lines: Vec::new() };
            while let Some(write) = fitting.next_if(|_| bulk.lines.len() < self.bytes.get()) {
                self.push(&mut bulk, write);
            }
            Some(bulk)
        });
        let sent = stream::iter(bulks).map(|bulk| self.deliver(bulk)).buffer_unordered(self.concurrency);
        let mut rejected: Vec<Rejected> = sent.try_concat().await?;
        let too_long = |write: &Write<'_>| Rejected {
            id: write.id.clone(),
            code: "id_too_long".to_string(),
            reason: format!("the id has {} bytes, at most {ID_MAX} are possible", write.id.len()),
        };
        // A document that cannot be there need not go.
        rejected.extend(long.into_iter().filter(|write| write.row.is_some()).map(too_long));
        Ok(rejected)
    }

    fn push<'w>(&self, bulk: &mut Bulk<'w>, write: &'w Write<'w>) {
        let mut line = String::new();
        let action = if write.row.is_some() { "index" } else { "delete" };
        let _ = write!(line, "{{\"{action}\":{{\"_id\":");
        json::write_string(&write.id, &mut line);
        let _ = writeln!(line, ",\"version\":{},\"version_type\":\"external_gte\"}}}}", self.version);
        if let Some(row) = write.row {
            json::write_row(self.columns, row, &mut line);
            line.push('\n');
        }
        bulk.lines.extend_from_slice(line.as_bytes());
        bulk.writes.push(write);
    }

    fn bulk<'w>(&self, writes: Vec<&'w Write<'w>>) -> Bulk<'w> {
        let mut bulk = Bulk { writes: Vec::with_capacity(writes.len()), lines: Vec::new() };
        writes.into_iter().for_each(|write| self.push(&mut bulk, write));
        bulk
    }

    /// Sends a request until every item of it has its verdict.
    async fn deliver(&self, bulk: Bulk<'_>) -> Result<Vec<Rejected>, Stopped> {
        let begun = Instant::now();
        let (mut rejected, mut waiting, mut pause) = (Vec::new(), vec![bulk], PAUSE.0);
        while let Some(Bulk { writes, lines }) = waiting.pop() {
            self.look().await?;
            let length = lines.len();
            let path = format!("{}/_bulk?timeout={}ms", self.path, self.patience.as_millis());
            let answer = self.client.send(Method::POST, &path, Content::Lines(lines)).await?;
            if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
                match writes.as_slice() {
                    [write] => rejected.push(Rejected {
                        id: write.id.clone(),
                        code: "document_too_large".to_string(),
                        reason: format!("too large ({length} bytes)"),
                    }),
                    writes => {
                        self.bytes.set(self.bytes.get().min(length / 2).max(1));
                        let (some, others) = writes.split_at(writes.len() / 2);
                        waiting.extend([self.bulk(some.to_vec()), self.bulk(others.to_vec())]);
                    }
                }
                continue;
            }
            let again = self.sort(&answer, writes, &mut rejected)?;
            let Some((_, reason)) = again.first() else { continue };
            let wait = answer.retry_after.unwrap_or_default().clamp(pause, PAUSE.1.max(pause));
            if begun.elapsed() + wait > self.patience {
                let text = format!("{} documents are not taken for now: {reason}", again.len());
                return Err(SinkError::Transient(text).into());
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE.1);
            waiting.push(self.bulk(again.into_iter().map(|(write, _)| write).collect()));
        }
        Ok(rejected)
    }

    /// The items to be sent again, and why.
    fn sort<'w>(
        &self,
        answer: &Answer,
        writes: Vec<&'w Write<'w>>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<Vec<(&'w Write<'w>, String)>, Stopped> {
        if matches!(answer.status.as_u16(), 429 | 502..=504) {
            let refusal = Refusal::of(answer);
            if refusal.is_block() {
                return Err(refusal.failure(answer.status, "write documents").into());
            }
            let reason = format!("{refusal} ({})", answer.status.as_u16());
            return Ok(writes.into_iter().map(|write| (write, reason.clone())).collect());
        }
        let Items { items } = answer.read("write documents")?;
        if items.len() != writes.len() {
            let text = format!("{} documents were sent, {} are answered for", writes.len(), items.len());
            return Err(SinkError::Transient(text).into());
        }
        let mut again = Vec::new();
        for (write, item) in writes.into_iter().zip(items.into_iter().flatten()) {
            match verdict(write, item) {
                Verdict::Done => {}
                Verdict::Again(reason) => again.push((write, reason)),
                Verdict::Reject(refusal) => {
                    let (id, reason) = (write.id.clone(), refusal.to_string());
                    rejected.push(Rejected { id, code: refusal.kind, reason });
                }
                Verdict::Stop(stopped) => return Err(stopped),
            }
        }
        Ok(again)
    }

    /// Makes sure now and then that nobody else has begun to write.
    async fn look(&self) -> Result<(), SinkError> {
        if self.seen.get().elapsed() < self.patience {
            return Ok(());
        }
        self.keeper.check(self.client).await?;
        self.seen.set(Instant::now());
        Ok(())
    }
}

fn verdict(write: &Write<'_>, (action, item): (String, Item)) -> Verdict {
    let expected = if write.row.is_some() { "index" } else { "delete" };
    if action != expected || item._id != write.id {
        let text = format!("the answer for the document {} is one for another request", write.id);
        return Verdict::Stop(SinkError::Transient(text).into());
    }
    let Some(refusal) = item.error else {
        return match item.status {
            200..=299 => Verdict::Done,
            404 if write.row.is_none() => Verdict::Done,
            status => Verdict::Again(format!("status {status}")),
        };
    };
    let status = StatusCode::from_u16(item.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match item.status {
        409 => Verdict::Stop(Stopped::Overtaken(SinkError::Transient(format!(
            "somebody else has written the document {}: {refusal}",
            write.id
        )))),
        429 | 500..=599 if !refusal.is_block() => Verdict::Again(refusal.to_string()),
        400 if refusal.is_about_the_document() => Verdict::Reject(refusal),
        _ => Verdict::Stop(refusal.failure(status, &format!("write the document {}", write.id)).into()),
    }
}
