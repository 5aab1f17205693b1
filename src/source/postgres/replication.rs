//! Streaming: from the socket to ticks.
//!
//! A tick is sealed between transactions, when the socket is drained, or after 10 ms, about 1 MB or 1,000 transactions; within one that is
//! larger than 4 MiB, or has many changes, pieces of it are sent on. Where one transaction comes right behind the other, a tick waits a
//! millisecond for more, and what comes meanwhile is read at once: each tick, and each read, costs a turn of every thread on its way.
//!
//! Every 100 ms (10 ms after a change; every second if there have been none for a while and nobody waits) the server is asked for its
//! clock and WAL position (see `moment`), and then to say how far it has sent: when it has sent all up to that position, the clock is
//! the frontier. What was handed to the engine is confirmed: with `store = "none"` nobody would read it again. While the engine takes no
//! more, nothing is read, but the server goes on hearing from us.

use super::connection::{ReplicationConnection, server_error};
use super::failure::Failure;
use super::feed::{Event, Feed};
use super::kept::Kept;
use super::moment::Moments;
use super::overlap::{Commit, Part};
use super::pending::Pending;
use super::pipe::Pipe;
use super::slot::show_position;
use crate::source::Progress;
use crate::timeline::Tick;
use crate::value::Time;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const TICK_AGE: Duration = Duration::from_millis(10);
const TICK_BYTES: usize = 1024 * 1024;
const TICK_TRANSACTIONS: usize = 1_000;
/// A transaction that comes so soon behind a tick waits for others, so long.
const CLOSE: Duration = Duration::from_micros(250);
const GATHER: Duration = Duration::from_millis(1);
/// A piece of a transaction is sent when there is so much.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
const PIECE_CHANGES: u64 = 50_000;
/// How often the server is asked for its clock.
const ASK: Duration = Duration::from_millis(100);
/// How often if there have been no changes for `QUIET`: every frontier that moves on costs something in every operator.
const ASK_WHEN_QUIET: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(5);
/// How soon after a change.
const ASK_AFTER_CHANGE: Duration = Duration::from_millis(10);
/// How often the server hears from us while the engine takes no more.
const STATUS_WHILE_WAITING: Duration = Duration::from_secs(1);
/// A server silent for so long, though asked to answer, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// Where XLogData's content begins.
const CHANGE_HEADER: usize = 25;

/// A stream being read.
pub(super) struct Streaming<'a> {
    /// The connection, already streaming.
    pub(super) connection: ReplicationConnection,
    /// Where changes gather.
    pub(super) pending: &'a mut Pending,
    /// Where ticks go.
    pub(super) pipe: &'a Pipe,
    /// Where progress is told.
    pub(super) progress: &'a Progress,
    /// Where to end; never without.
    pub(super) until: Option<u64>,
    /// Whether the frontier must move on soon while nothing happens.
    pub(super) awaited: bool,
    /// When there was a change last, or the stream began.
    pub(super) changed: Instant,
    /// The WAL position up to which everything was received.
    pub(super) position: u64,
    /// The last transaction received.
    pub(super) last: Option<Commit>,
    /// The slot's name.
    pub(super) slot: String,
    /// The slot, if it is kept for a store.
    pub(super) kept: Option<&'a mut Kept>,
    /// The server's clock.
    pub(super) moments: Moments,
    /// What a watch over the catalog finds.
    pub(super) watch: oneshot::Receiver<Failure>,
}

/// What has gathered since the last tick.
struct Gathered {
    bytes: usize,
    transactions: usize,
    since: Option<Instant>,
}

impl Gathered {
    fn nothing() -> Gathered {
        Gathered { bytes: 0, transactions: 0, since: None }
    }

    fn is_due(&self) -> bool {
        self.bytes >= TICK_BYTES
            || self.transactions >= TICK_TRANSACTIONS
            || self.since.is_some_and(|since| since.elapsed() >= TICK_AGE)
    }

    /// Whether so many changes, with what has gathered, make a piece of a transaction.
    fn is_piece(&self, changes: u64) -> bool {
        changes >= PIECE_CHANGES || changes > 0 && self.bytes >= PIECE_BYTES
    }
}

impl Streaming<'_> {
    /// Reads until the position asked for is reached or something fails. The position it has come to.
    pub(super) async fn run(mut self, mut feed: Feed) -> Result<u64, Failure> {
        let mut gathered = Gathered::nothing();
        let (mut heard, mut next_request) = (Instant::now(), Instant::now());
        loop {
            let asked = self.take_frames(&mut feed, &mut gathered, &mut heard).await?;
            if asked {
                self.note_position(&feed).await?;
                self.connection.send_status(self.position, self.confirmed(), false).await?;
            }
            if self.is_reached(&feed) {
                self.seal(&mut gathered, None).await?;
                return Ok(self.position);
            }
            let gathers = self.gathers_until(&gathered);
            if self.connection.fill_now()? {
                heard = Instant::now();
                if heard < next_request {
                    continue;
                }
            } else if let Some(until) = gathers {
                tokio::time::sleep_until(until.into()).await;
                continue;
            } else if !self.is_within(&feed) {
                let passed = self.moments.passed(self.position);
                if self.seal(&mut gathered, passed).await? {
                    next_request = next_request.min(Instant::now() + ASK_AFTER_CHANGE);
                }
            }
            if let Ok(failure) = self.watch.try_recv() {
                return Err(failure);
            }
            if Instant::now() >= next_request {
                self.moments.ask(self.pending.clock.floor());
                self.tell_held(&feed);
                let quiet = !self.awaited && self.changed.elapsed() > QUIET;
                next_request = Instant::now() + if quiet { ASK_WHEN_QUIET } else { ASK };
            }
            if heard.elapsed() > SILENCE {
                return Err(Failure::Lost(format!("the server has been silent for {} s", SILENCE.as_secs())));
            }
            tokio::select! {
                biased;
                filled = self.connection.fill() => {
                    filled?;
                    heard = Instant::now();
                }
                answer = self.moments.answer() => {
                    if let Some((sample, floor)) = answer? {
                        let time = self.pending.clock.moment(floor, sample.clock);
                        self.moments.take(sample, time);
                    }
                    self.connection.send_status(self.position, self.confirmed(), true).await?;
                }
                () = tokio::time::sleep_until(next_request.into()) => {}
            }
        }
    }

    /// Until when what has gathered waits for more.
    fn gathers_until(&self, gathered: &Gathered) -> Option<Instant> {
        let since = gathered.since.filter(|since| since.duration_since(self.changed) < CLOSE)?;
        Some(since + GATHER).filter(|until| *until > Instant::now())
    }

    /// What the frontier waits for.
    fn tell_held(&self, feed: &Feed) {
        let (slot, position) = (&self.slot, show_position(self.position));
        self.progress.holds(match feed.in_transaction() {
            true => format!(
                "slot `{slot}`: a transaction behind {position} is being received, {} changes so far",
                feed.received()
            ),
            false => format!("slot `{slot}`: everything up to {position} has been received"),
        });
    }

    /// With a store: makes the position durable that nothing else would, as a server that shuts down waits for it to be confirmed.
    async fn note_position(&mut self, feed: &Feed) -> Result<(), Failure> {
        let nothing_gathered = self.pending.changes() == 0 && !self.is_within(feed);
        match &mut self.kept {
            Some(kept) if nothing_gathered && kept.is_behind(self.position) => {
                let positions = kept.advance(self.position, self.last, None);
                let tick = self.pending.seal(self.pending.frontier(), false);
                self.pipe.send(Tick { positions, ..tick }, 0, self.position).await
            }
            _ => Ok(()),
        }
    }

    /// What the server need not keep. With nothing gathered and nothing on its way that is all that was received: a server that
    /// shuts down waits for that.
    fn confirmed(&self) -> u64 {
        // With a store a position is durable in a tick.
        if self.kept.is_none() && self.pending.changes() == 0 {
            self.pipe.confirm_if_empty(self.position);
        }
        self.pipe.confirmed()
    }

    /// Whether a transaction is being received, or has still to come again of which a part was sent.
    fn is_within(&self, feed: &Feed) -> bool {
        feed.in_transaction() || self.pending.open().is_some()
    }

    fn is_reached(&self, feed: &Feed) -> bool {
        !self.is_within(feed) && self.until.is_some_and(|until| self.position >= until)
    }

    /// Takes in all whole messages of the buffer; seals on the way what is due. Tells whether the server asks how far we are.
    async fn take_frames(
        &mut self,
        feed: &mut Feed,
        gathered: &mut Gathered,
        heard: &mut Instant,
    ) -> Result<bool, Failure> {
        let mut asked = false;
        loop {
            let Some(frame) = self.connection.frame()? else { return Ok(asked) };
            let size = frame.size();
            let mut at_boundary = false;
            match (frame.tag, frame.body.first()) {
                (b'd', Some(b'w')) => {
                    let change = frame.body.get(CHANGE_HEADER..).ok_or_else(malformed)?;
                    gathered.bytes += size;
                    match feed.apply(change, self.pending)? {
                        Event::Commit(commit) => {
                            self.position = self.position.max(commit.end);
                            self.last = Some(commit);
                            gathered.transactions += 1;
                            gathered.since.get_or_insert_with(Instant::now);
                            at_boundary = true;
                        }
                        Event::Again(end) => self.position = self.position.max(end),
                        Event::Beyond => {
                            self.position = self.position.max(self.until.unwrap_or(0));
                            return Ok(asked);
                        }
                        Event::Within => {}
                    }
                }
                (b'd', Some(b'k')) => {
                    let (end, asks) = keepalive(frame.body)?;
                    asked |= asks;
                    if !feed.in_transaction() {
                        feed.passed(end)?;
                        self.position = self.position.max(end);
                    }
                }
                (b'E', _) => return Err(server_error(frame.body)),
                (b'c' | b'C' | b'Z', _) => return Err(Failure::Lost("the server ended the change feed".into())),
                _ => {}
            }
            self.connection.consume(size);
            // The end of a transaction in pieces lies right behind them.
            if at_boundary && (gathered.is_due() || self.pending.open().is_some() || self.is_reached(feed)) {
                self.seal(gathered, None).await?;
                *heard = Instant::now();
            }
            if let Some(part) = feed.part().filter(|_| gathered.is_piece(self.pending.changes())) {
                self.send_piece(part, gathered).await?;
                *heard = Instant::now();
            }
            if at_boundary && self.is_reached(feed) {
                return Ok(asked);
            }
        }
    }

    /// Sends what has gathered, and as the frontier the time before which everything was received. Tells whether there were
    /// changes.
    async fn seal(&mut self, gathered: &mut Gathered, passed: Option<Time>) -> Result<bool, Failure> {
        let Gathered { bytes, .. } = std::mem::replace(gathered, Gathered::nothing());
        let changes = self.pending.changes();
        self.pending.clock.announced(passed.unwrap_or(0));
        let mut frontier = self.pending.clock.floor();
        if changes > 0 || self.pending.open().is_some() {
            self.changed = Instant::now();
            frontier += 1;
        } else if frontier <= self.pending.frontier() {
            return Ok(false);
        }
        let tick = self.pending.seal(frontier, false);
        self.send(tick, None, changes, bytes).await.map(|()| changes > 0)
    }

    /// Sends what has gathered as a piece of the transaction being received, of which so much has come.
    async fn send_piece(&mut self, part: Part, gathered: &mut Gathered) -> Result<(), Failure> {
        let Gathered { bytes, .. } = std::mem::replace(gathered, Gathered::nothing());
        let changes = self.pending.changes();
        self.changed = Instant::now();
        let tick = self.pending.piece(part.time);
        self.send(tick, Some(part), changes, bytes).await
    }

    async fn send(&mut self, tick: Tick, part: Option<Part>, changes: u64, bytes: usize) -> Result<(), Failure> {
        let positions = self.kept.as_mut().map(|kept| kept.advance(self.position, self.last, part));
        let tick = Tick { positions: positions.unwrap_or_default(), ..tick };
        self.progress.changes.fetch_add(changes, Ordering::Relaxed);
        let send = self.pipe.send(tick, bytes, self.position);
        let mut send = std::pin::pin!(send);
        // The tick must go through even if the connection is lost meanwhile: what it tells was taken out of `pending`, and its
        // position counts as read.
        let mut lost = None;
        loop {
            tokio::select! {
                biased;
                sent = &mut send => {
                    sent?;
                    return lost.map_or(Ok(()), Err);
                }
                () = tokio::time::sleep(STATUS_WHILE_WAITING) => {
                    if lost.is_none() {
                        lost = self.connection.send_status(self.position, self.pipe.confirmed(), false).await.err();
                    }
                }
            }
        }
    }
}

/// The WAL position of a keepalive, so far everything was sent, and whether it asks for an answer.
fn keepalive(body: &[u8]) -> Result<(u64, bool), Failure> {
    let (_, rest) = body.split_first().ok_or_else(malformed)?;
    let (end, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
    let (_, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
    let asks = rest.first().ok_or_else(malformed)?;
    Ok((u64::from_be_bytes(*end), *asks == 1))
}

fn malformed() -> Failure {
    Failure::Lost("malformed change feed: a message that ends too early".into())
}
