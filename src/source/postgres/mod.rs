//! Tables of a Postgres database: a snapshot, then the change feed of logical replication.
//!
//! One slot and one exported snapshot serve all tables, so transactions stay whole across tables and nothing falls between
//! snapshot and stream. Without a store the slot is temporary: it never holds back WAL after us, and it is gone when the connection
//! is lost. Then a new slot and a new snapshot are taken, and the difference is told at one time: no sink sees a state in between.
//! With a store the slot is kept (`kept`), and read on wherever that is sound. The server gives a transaction when it is committed,
//! whole and by itself, from its disk if it is large. Such a one is told in pieces as it comes, like tables that are read again, and
//! shows when all of it has come.
//!
//! Tables that come to a store later are read in a side snapshot (`side`), beside the slot that is read on.
//!
//! Reading down: `mod` starts and restarts; `preflight`, `catalog`, `publication`, `ground` look before anything is read, and
//! `watch` goes on looking; `slot`, `slots`, `kept`, `snapshot`, `copy`, `silence` read the tables; `connection`, `replication`, `moment`, `overlap` read the stream;
//! `decode`, `feed`, `ddl`, `shape` give it meaning; `pending`, `clock`, `content` make ticks of it, and `pipe` hands them over.
//! `rehearsal` does the same to messages without a server. `examine` looks at all that could go wrong.

mod catalog;
mod clock;
mod config;
mod connection;
mod content;
mod copy;
mod ddl;
mod decode;
mod examine;
mod failure;
mod feed;
mod ground;
mod kept;
mod moment;
mod overlap;
mod pending;
mod pipe;
mod preflight;
mod publication;
mod rehearsal;
mod replication;
mod session;
mod shape;
mod side;
mod silence;
mod slot;
mod slots;
mod snapshot;
mod watch;

pub use config::Config;
pub use examine::Given;
pub use rehearsal::{FeedTable, Rehearsal};
pub use slots::{Slot, SlotOwner};

use super::{Source, SourceError, SourceRelation, Start, Stop, Stored};
use crate::finding::{Level, Report};
use crate::pg::Endpoint;
use crate::timeline::Rereads;
use clock::Clock;
use examine::Examination;
use failure::Failure;
use kept::Kept;
use pending::Pending;
use pipe::Pipe;
use session::Session;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long `describe` and `setup` go on trying to reach the server.
const DESCRIBE_PATIENCE: Duration = Duration::from_secs(15);
/// How long `run` goes on trying without getting anywhere.
const RUN_PATIENCE: Duration = Duration::from_secs(300);
/// A session that streamed for so long got somewhere.
const GOT_SOMEWHERE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a stop is looked for.
const STOP_INTERVAL: Duration = Duration::from_millis(50);
/// How long ticks already read may take to be handed over after a stop.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// The source.
#[derive(Clone)]
pub struct Postgres {
    name: String,
    config: Config,
}

impl Postgres {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Postgres {
        Postgres { name: name.into(), config }
    }

    /// Creates the publication, or adds what it lacks. Returns what was done, a sentence each; nothing if all was there.
    pub fn setup(&self) -> Result<Vec<String>, SourceError> {
        self.blocking(async |endpoint| {
            let client = endpoint.connect().await?;
            let tables = preflight::tables(&client, &self.config.table_names()).await?;
            publication::ensure(&client, &self.config.publication_name(&self.name), &tables, true).await
        })
    }

    /// The slots there are of this source; a store's own is told by its incarnation.
    pub fn slots(&self, incarnation: Option<&str>) -> Result<Vec<Slot>, SourceError> {
        let prefix = self.config.slot_name(&self.name);
        self.blocking(async |endpoint| slots::list(&endpoint.connect().await?, &prefix, incarnation).await)
    }

    /// Drops one of them, unless somebody reads it.
    pub fn drop_slot(&self, slot: &Slot) -> Result<(), SourceError> {
        self.blocking(async |endpoint| slots::drop(&endpoint.connect().await?, slot).await)
    }

    /// Whether the server answers.
    pub fn greet(&self) -> Report {
        let mut report = Report::about(format!("source `{}`", self.name));
        let greeted = self.once(async |endpoint| examine::greet(endpoint, &mut report).await);
        note(&mut report, greeted);
        report
    }

    /// Looks at everything that could go wrong, and adds what it finds. Nothing is changed.
    pub fn examine(&self, given: &Given, report: &mut Report) {
        let Postgres { name, config } = self;
        let examined =
            self.once(async |endpoint| Examination { name, config, given, report: &mut *report }.run(endpoint).await);
        note(report, examined);
    }

    /// Runs a short task once.
    fn once(&self, task: impl AsyncFnOnce(&Endpoint) -> Result<(), Failure>) -> Result<(), Failure> {
        let endpoint = self.endpoint().map_err(Failure::Final)?;
        runtime().map_err(Failure::Final)?.block_on(async {
            let done = tokio::time::timeout(DESCRIBE_PATIENCE, task(&endpoint)).await;
            let silent = || format!("no answer for {} s", DESCRIBE_PATIENCE.as_secs());
            done.unwrap_or_else(|_| Err(Failure::Lost(silent()))).map_err(|failure| match failure {
                Failure::Lost(reason) => Failure::Lost(format!("{} is out of reach: {reason}", endpoint.label())),
                failure => failure,
            })
        })
    }

    /// Runs a short task, again while the server is out of reach.
    fn blocking<X>(&self, task: impl AsyncFn(&Endpoint) -> Result<X, Failure>) -> Result<X, SourceError> {
        let endpoint = self.endpoint()?;
        let work = async {
            let mut patience = Patience::new(DESCRIBE_PATIENCE);
            loop {
                match task(&endpoint).await {
                    Ok(done) => return Ok(done),
                    Err(Failure::Final(error)) => return Err(error),
                    Err(Failure::Closed) => return Err(SourceError::Unavailable("the engine is shutting down".into())),
                    Err(
                        Failure::Lost(reason)
                        | Failure::Stale(reason)
                        | Failure::Diverged(reason)
                        | Failure::Redefined(reason),
                    ) => patience.wait(&self.name, &endpoint, &reason).await?,
                }
            }
        };
        runtime()?.block_on(work)
    }

    fn endpoint(&self) -> Result<Endpoint, SourceError> {
        let located = |text: String| SourceError::Config(format!("url: {text}"));
        let url = self.config.url.resolve().map_err(located)?;
        Endpoint::parse(&url, "tidegate").map_err(|error| located(error.to_string()))
    }
}

impl Source for Postgres {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        self.blocking(async |endpoint| {
            let client = endpoint.connect().await?;
            let tables = preflight::tables(&client, &self.config.table_names()).await?;
            Ok(tables.into_iter().map(|table| table.relation).collect())
        })
    }

    fn rereads(&self) -> Rereads {
        Rereads::Relations
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let endpoint = self.endpoint()?;
        let runtime = runtime()?;
        let result = runtime.block_on(self.run_until_stopped(&endpoint, start));
        runtime.shutdown_background();
        result
    }
}

impl Postgres {
    async fn run_until_stopped(&self, endpoint: &Endpoint, start: Start) -> Result<(), SourceError> {
        let Start { source, wanted, once, awaited, stored, ticks, stop, progress, late: _, errors: _ } = start;
        let slot = self.config.slot_name(&self.name);
        let pipe = Pipe::new(ticks);
        let newcomers = stored.as_ref().map(|stored| stored.newcomers.clone()).unwrap_or_default();
        let kept = |stored: &Stored| {
            let mut kept = Kept::new(&slot, stored, self.config.slot_lost)?;
            let new = wanted.iter().filter(|wanted| newcomers.contains(&wanted.id));
            new.for_each(|wanted| kept.disregard(&wanted.relation.name));
            Ok(kept)
        };
        let session = Session {
            endpoint,
            config: &self.config,
            publication: self.config.publication_name(&self.name),
            kept: stored.as_ref().map(kept).transpose()?,
            slot,
            newcomers: wanted.iter().map(|wanted| wanted.id).filter(|id| newcomers.contains(id)).collect(),
            early: None,
            wanted: &wanted,
            once,
            awaited,
            progress: &progress,
            pipe: &pipe,
        };
        let mut pending = Pending::new(source, Clock::new(self.config.max_ahead));
        if let Some(Stored { resume: Some(resume), held, .. }) = stored {
            pending.resume(resume.frontier, kept::open(&resume), held);
        }
        let ended = tokio::select! {
            ended = self.keep_running(session, &mut pending) => ended,
            () = stopped(&stop) => {
                if tokio::time::timeout(STOP_PATIENCE, pipe.finish()).await.is_err() {
                    tracing::debug!("source {}: stopped before the last ticks were taken", self.name);
                }
                return Ok(());
            }
        };
        if ended? {
            pipe.finish().await;
        }
        Ok(())
    }

    /// Runs sessions until one ends the input (true) or the engine takes no more (false).
    async fn keep_running(&self, mut session: Session<'_>, pending: &mut Pending) -> Result<bool, SourceError> {
        let mut patience = Patience::new(RUN_PATIENCE);
        let mut until = None;
        loop {
            let begun = Instant::now();
            match session.run(pending, &mut until).await {
                Ok(()) => return Ok(true),
                Err(Failure::Closed) => return Ok(false),
                Err(Failure::Final(error)) => return Err(error),
                Err(failure) => {
                    let reason = session.interrupted(failure).await?;
                    pending.discard();
                    if begun.elapsed() >= GOT_SOMEWHERE {
                        patience = Patience::new(RUN_PATIENCE);
                    }
                    session.progress.holds(format!("its connection was lost, and is tried again: {reason}"));
                    patience.wait(&self.name, session.endpoint, &reason).await?;
                    session.progress.reconnects.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// What ended an examination is one of its findings.
fn note(report: &mut Report, ended: Result<(), Failure>) {
    match ended {
        Ok(()) => {}
        Err(Failure::Final(error)) => report.add(Level::Error, error.to_string()),
        Err(
            Failure::Lost(reason) | Failure::Stale(reason) | Failure::Diverged(reason) | Failure::Redefined(reason),
        ) => report.add(Level::Error, reason),
        Err(Failure::Closed) => report.add(Level::Error, "the examination was cut short"),
    }
}

fn runtime() -> Result<Runtime, SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| SourceError::Unavailable(format!("no runtime for the connection: {error}")))
}

async fn stopped(stop: &Stop) {
    while !stop.requested() {
        tokio::time::sleep(STOP_INTERVAL).await;
    }
}

/// Waits longer and longer between attempts, and gives up in the end.
struct Patience {
    since: Instant,
    limit: Duration,
    pause: Duration,
}

impl Patience {
    fn new(limit: Duration) -> Patience {
        Patience { since: Instant::now(), limit, pause: SHORTEST_PAUSE }
    }

    async fn wait(&mut self, source: &str, endpoint: &Endpoint, reason: &str) -> Result<(), SourceError> {
        let server = endpoint.label();
        if self.since.elapsed() + self.pause > self.limit {
            return Err(SourceError::Unavailable(format!(
                "{server} is out of reach: {reason}; see that it runs and that the url is right"
            )));
        }
        tracing::warn!("source {source}: {server}: {reason}; trying again in {:?}", self.pause);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
