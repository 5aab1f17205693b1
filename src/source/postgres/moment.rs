//! What makes an idle frontier sound: a moment of the server's clock, and a WAL position that holds every commit whose client was
//! told of it before that moment.
//!
//! A keepalive's own clock will not do: a walsender answers at once, also while it is behind. Once everything up to a moment's
//! position was received, so was every commit that returned before it. The position is that of the last record inserted; the one
//! flushed would miss commits without `synchronous_commit`, which return first. But what an open transaction has inserted may stay
//! unflushed, and unsent, for 15 s: therefore, as such a commit is flushed within three times `wal_writer_delay` (Postgres
//! documentation, "Asynchronous Commit"), the position flushed so much later serves as well. How much later it is, our own clock says,
//! as the server's may be set.

use super::connection::within;
use super::failure::Failure;
use super::slot::parse_position;
use crate::pg::Endpoint;
use crate::value::Time;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// How long the server may take to say what its clock is; then another session is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server says of itself at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Its clock, microseconds since 2000-01-01 UTC.
    pub(super) clock: i64,
    /// The end of the last WAL record inserted.
    pub(super) inserted: u64,
    /// How far the WAL is on its disk.
    flushed: u64,
    /// How long after it returned a commit may be flushed.
    delay: Duration,
    /// When it was asked, and had answered.
    asked: Instant,
    answered: Instant,
}

/// Once everything up to the position was received, so was every commit that returned before this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    time: Time,
    position: u64,
}

/// The moments waited for: one by what was inserted, one by what was flushed.
#[derive(Debug, Default)]
struct Awaited {
    inserted: Option<Moment>,
    flushed: Option<Moment>,
    /// The time of a sample whose commits may not be flushed yet, and when it came.
    unflushed: Option<(Time, Instant)>,
}

type Answer = Pin<Box<dyn Future<Output = Result<(Arc<Client>, Sample), Failure>>>>;

/// Asks for moments, one at a time, over a session that is opened again when it is lost.
pub(super) struct Moments {
    endpoint: Endpoint,
    client: Option<Arc<Client>>,
    /// The floor of times when it was asked.
    asked: Option<(Time, Answer)>,
    awaited: Awaited,
}

impl Sample {
    /// The present one. A target list is evaluated in order: the clock first.
    pub(super) async fn ask(client: &Client) -> Result<Sample, Failure> {
        // At the beginning of a page, the position to insert at lies behind the page's header (of 24 bytes, 40 in a segment's
        // first), the end of the last record before it.
        let query = "
            SELECT s.clock, (s.inserted - CASE WHEN (s.inserted - '0/0') % s.segment = 40 THEN 40
                                               WHEN (s.inserted - '0/0') % s.block = 24 THEN 24 ELSE 0 END)::text,
                   s.flushed::text, s.delay
            FROM (SELECT (extract(epoch FROM clock_timestamp() - timestamptz '2000-01-01 00:00:00+00') * 1000000)::int8 AS clock,
                         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                              ELSE pg_catalog.pg_current_wal_insert_lsn() END AS inserted,
                         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                              ELSE pg_catalog.pg_current_wal_flush_lsn() END AS flushed,
                         pg_catalog.pg_size_bytes(current_setting('wal_segment_size')) AS segment,
                         current_setting('wal_block_size')::int8 AS block,
                         (extract(epoch FROM current_setting('wal_writer_delay')::interval) * 3000000)::int8 AS delay
                  OFFSET 0) s";
        let asked = Instant::now();
        let row = client.query_one(query, &[]).await?;
        let position = |column: usize| {
            let text: String = row.try_get(column)?;
            parse_position(&text).ok_or_else(|| Failure::Lost(format!("\"{text}\" is no WAL position")))
        };
        let delay = Duration::from_micros(row.try_get::<_, i64>(3)?.unsigned_abs());
        let (clock, inserted, flushed) = (row.try_get(0)?, position(1)?, position(2)?);
        Ok(Sample { clock, inserted, flushed, delay, asked, answered: Instant::now() })
    }
}

impl Awaited {
    /// What is awaited already stays: under a constant load the newest would always be ahead of us.
    fn take(&mut self, sample: Sample, time: Time) {
        self.inserted.get_or_insert(Moment { time, position: sample.inserted });
        let (before, answered) = *self.unflushed.get_or_insert((time, sample.answered));
        if self.flushed.is_none() && sample.asked.saturating_duration_since(answered) >= sample.delay {
            self.flushed = Some(Moment { time: before, position: sample.flushed });
            self.unflushed = Some((time, sample.answered));
        }
    }

    /// The latest moment passed when everything up to the position has been received; once.
    fn passed(&mut self, position: u64) -> Option<Time> {
        let awaited = [self.inserted, self.flushed].into_iter().flatten();
        let time = awaited.filter(|moment| moment.position <= position).map(|moment| moment.time).max()?;
        for awaited in [&mut self.inserted, &mut self.flushed] {
            awaited.take_if(|moment| moment.time <= time);
        }
        Some(time)
    }
}

impl Moments {
    /// Over this session, or over new ones to this server.
    pub(super) fn new(endpoint: &Endpoint, client: Arc<Client>) -> Moments {
        Moments { endpoint: endpoint.clone(), client: Some(client), asked: None, awaited: Awaited::default() }
    }

    /// Asks for the present moment, unless an answer is still to come. `floor` is that of times until now.
    pub(super) fn ask(&mut self, floor: Time) {
        if self.asked.is_none() {
            let (endpoint, client) = (self.endpoint.clone(), self.client.take());
            let answer = within(PATIENCE, async move {
                let client = match client {
                    Some(client) => client,
                    None => Arc::new(endpoint.connect().await?),
                };
                let sample = Sample::ask(&client).await?;
                Ok((client, sample))
            });
            self.asked = Some((floor, Box::pin(answer)));
        }
    }

    /// Waits for the answer, with the floor when it was asked; for ever if nothing was asked.
    pub(super) async fn answer(&mut self) -> Result<Option<(Sample, Time)>, Failure> {
        let Some((floor, asked)) = &mut self.asked else { return std::future::pending().await };
        let (floor, answer) = (*floor, asked.await);
        self.asked = None;
        match answer {
            Ok((client, sample)) => {
                self.client = Some(client);
                Ok(Some((sample, floor)))
            }
            // The next question opens another session.
            Err(Failure::Lost(reason)) => {
                tracing::debug!("the server's clock could not be asked for: {reason}");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// This time stands for an answer.
    pub(super) fn take(&mut self, sample: Sample, time: Time) {
        self.awaited.take(sample, time);
    }

    /// The latest time before which every commit that returned has been received, when everything up to this position has; once.
    pub(super) fn passed(&mut self, position: u64) -> Option<Time> {
        self.awaited.passed(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of a server whose clock is right.
    struct Server {
        begun: Instant,
        awaited: Awaited,
    }

    impl Server {
        fn new() -> Server {
            Server { begun: Instant::now(), awaited: Awaited::default() }
        }

        fn sample(&mut self, time: Time, inserted: u64, flushed: u64) {
            let at = self.begun + Duration::from_micros(time);
            let (clock, delay) = (time as i64, Duration::from_micros(600));
            self.awaited.take(Sample { clock, inserted, flushed, delay, asked: at, answered: at }, time);
        }
    }

    #[test]
    fn a_moment_passes_when_what_was_inserted_before_it_is_received() {
        let mut server = Server::new();
        assert_eq!(server.awaited.passed(100), None);
        server.sample(1_000, 50, 40);
        assert_eq!(server.awaited.passed(49), None);
        server.sample(1_100, 90, 80);
        assert_eq!(server.awaited.passed(50), Some(1_000));
        assert_eq!(server.awaited.passed(90), None);
        server.sample(1_200, 90, 90);
        assert_eq!(server.awaited.passed(90), Some(1_200));
    }

    #[test]
    fn what_an_open_transaction_inserted_is_not_waited_for() {
        let mut server = Server::new();
        server.sample(1_000, 50, 40);
        server.sample(1_500, 50, 40);
        assert_eq!(server.awaited.passed(40), None);
        server.sample(1_600, 50, 40);
        assert_eq!(server.awaited.passed(39), None);
        assert_eq!(server.awaited.passed(40), Some(1_000));
        server.sample(2_200, 50, 40);
        assert_eq!(server.awaited.passed(40), Some(1_600));
    }
}
