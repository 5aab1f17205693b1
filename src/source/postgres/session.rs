//! One session: from a new slot over the snapshot into the stream, until the connection is lost or the end is reached.

use super::config::Config;
use super::connection::{ReplicationConnection, within};
use super::failure::Failure;
use super::feed::Feed;
use super::ground::Ground;
use super::kept::Kept;
use super::moment::{Moments, Sample};
use super::overlap::Overlap;
use super::pending::Pending;
use super::pipe::Pipe;
use super::preflight::{self, Table};
use super::publication;
use super::replication::Streaming;
use super::shape::Shape;
use super::slot::{self, Slot};
use super::snapshot::{Chunk, Snapshot};
use super::watch::{self, Watched};
use crate::pg::{Endpoint, quote_identifier, quote_literal};
use crate::source::{Progress, SourceError, SourceRelation, Wanted};
use crate::timeline::{RelationId, Tick};
use crate::value::RelationName;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_postgres::Client;

/// How long the server may take to answer what is asked of its catalog.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A snapshot tick is sent when it has this much.
const ROWS_PER_TICK: u64 = 50_000;
const BYTES_PER_TICK: usize = 8 * 1024 * 1024;

/// Why there is no slot for a store.
pub(super) const NEEDS_CREATE: &str = "a store needs a replication slot of its own, which stays when Tidegate is stopped and holds WAL \
     back then: say `create = true` in the source to let it be created; or write `store = \"none\"`";

/// What sessions are started with.
pub(super) struct Session<'a> {
    /// The server.
    pub(super) endpoint: &'a Endpoint,
    /// The source as configured.
    pub(super) config: &'a Config,
    /// The publication's name.
    pub(super) publication: String,
    /// How the slot's name begins.
    pub(super) slot: String,
    /// The slot that is kept for a store.
    pub(super) kept: Option<Kept>,
    /// The relations of which the store has nothing yet.
    pub(super) newcomers: BTreeSet<RelationId>,
    /// The time of what was told of them whose end has not come.
    pub(super) early: Option<u64>,
    /// The relations somebody needs.
    pub(super) wanted: &'a [Wanted],
    /// Whether to end at the position where the first session began.
    pub(super) once: bool,
    /// Whether the frontier must move on soon while nothing happens.
    pub(super) awaited: bool,
    /// Where progress is told.
    pub(super) progress: &'a Arc<Progress>,
    /// Where ticks go.
    pub(super) pipe: &'a Pipe,
}

/// What was looked at before a slot is read on.
pub(super) struct Ready {
    /// A session for questions.
    pub(super) control: Arc<Client>,
    /// The tables, and what is under them.
    pub(super) watched: Watched,
    /// The slot's name.
    pub(super) slot: String,
}

/// How a snapshot is told.
enum Telling {
    /// Nothing real was told yet: in many ticks below every real time.
    First,
    /// After a lost connection: at this one time, in pieces, which replace what the tables held.
    Again { at: u64 },
}

impl Session<'_> {
    /// Runs one session. `Ok` when the input has ended.
    pub(super) async fn run(&mut self, pending: &mut Pending, until: &mut Option<u64>) -> Result<(), Failure> {
        if self.wanted.is_empty() {
            return self.run_empty(pending).await;
        }
        self.progress.holds("it connects, and looks at the tables".to_owned());
        let control = Arc::new(self.endpoint.connect().await?);
        let tables = self.prepare(&control, pending.is_live()).await?;
        let shape = |(table, wanted): (&Table, &Wanted)| Arc::new(shape(table, wanted));
        let shapes: Vec<Arc<Shape>> = tables.iter().zip(self.wanted).map(shape).collect();
        pending.define(shapes.clone());
        if self.once && until.is_none() {
            *until = Some(Sample::ask(&control).await?.inserted);
        }
        let mut connection = ReplicationConnection::open(self.endpoint).await?;
        let system = connection.system().await?;
        let ground = within(PATIENCE, Ground::read(system, &control, &self.publication, &shapes)).await?;
        let position = match &mut self.kept {
            Some(kept) => within(PATIENCE, kept.position(&control, &ground)).await?,
            None => None,
        };
        let kept = self.kept.as_ref().map(|kept| (kept.name.clone(), self.progress.clone()));
        let watched = Watched { publication: self.publication.clone(), tables, shapes, ground, kept };
        let (slot, position) = match (position, &self.kept) {
            (Some(position), Some(kept)) => {
                tracing::info!("slot \"{}\" is read on from {}", kept.name, slot::show_position(position));
                (kept.name.clone(), position)
            }
            _ => {
                self.expect(watched.tables.iter());
                self.begin(pending, &mut connection, &control, &watched).await?
            }
        };
        let ready = Ready { control, watched, slot };
        let newcomers = self.newcomers(&ready.watched.shapes);
        let (connection, position) = match newcomers.is_empty() {
            true => (connection, position),
            false => {
                let position = self.take_newcomers(pending, &ready, connection, position, &newcomers).await?;
                // Another session: what this one's server process knows of the publication may be from before.
                (ReplicationConnection::open(self.endpoint).await?, position)
            }
        };
        let feed = Feed::new(pending, self.overlap(position));
        let position = self.stream(pending, &ready, connection, position, (feed, *until)).await?;
        self.pipe.send(pending.end(), 0, position).await
    }

    /// Transactions that come again in a session that begins at this position.
    pub(super) fn overlap(&self, position: u64) -> Overlap {
        self.kept.as_ref().map(|kept| kept.overlap(position)).unwrap_or_default()
    }

    /// The tables of which the store has nothing yet.
    fn newcomers(&self, shapes: &[Arc<Shape>]) -> Vec<usize> {
        let shapes = shapes.iter().enumerate().filter(|(_, shape)| self.newcomers.contains(&shape.id));
        shapes.map(|(table, _)| table).collect()
    }

    /// The rows of these tables are read from here on.
    pub(super) fn expect<'t>(&self, tables: impl Iterator<Item = &'t Table>) {
        self.progress.snapshot_rows.store(0, Ordering::Relaxed);
        self.progress.snapshot_estimate.store(tables.map(|table| table.entry.estimate).sum(), Ordering::Relaxed);
    }

    /// Reads the slot on from a position, until another if one is given. The position it has come to.
    pub(super) async fn stream(
        &mut self,
        pending: &mut Pending,
        ready: &Ready,
        mut connection: ReplicationConnection,
        position: u64,
        (feed, until): (Feed, Option<u64>),
    ) -> Result<u64, Failure> {
        let Ready { control, watched, slot } = ready;
        self.pipe.begin_at(position).await?;
        connection.start_streaming(&self.start_command(slot, position)).await?;
        let (found, watch) = oneshot::channel();
        let moments = Moments::new(self.endpoint, control.clone());
        tokio::spawn(watch::run(self.endpoint.clone(), control.clone(), watched.clone(), found));
        let (pipe, progress, awaited) = (self.pipe, self.progress, self.awaited);
        let streaming = Streaming {
            connection,
            pending,
            pipe,
            progress,
            until,
            awaited,
            changed: Instant::now(),
            position,
            last: None,
            slot: slot.clone(),
            kept: self.kept.as_mut(),
            moments,
            watch,
        };
        streaming.run(feed).await
    }

    /// Makes a slot, and reads the tables as they are at its position. Returns both.
    async fn begin(
        &mut self,
        pending: &mut Pending,
        connection: &mut ReplicationConnection,
        control: &Arc<Client>,
        watched: &Watched,
    ) -> Result<(String, u64), Failure> {
        self.take_back(pending, &self.newcomers(&watched.shapes)).await?;
        // Before the slot: whatever was committed until then is in the snapshot.
        let server_clock = Sample::ask(control).await?.clock;
        let kind = match &self.kept {
            Some(_) if !self.config.create => {
                return Err(Failure::operator(NEEDS_CREATE));
            }
            Some(kept) => {
                slot::drop_kept(control, &kept.name).await?;
                slot::Kind::Kept(&kept.name)
            }
            None => slot::Kind::Temporary(&self.slot),
        };
        let slot = slot::create(connection, control, kind, self.progress).await?;
        let Slot { name, consistent_point, .. } = &slot;
        let at = slot::show_position(*consistent_point);
        tracing::info!("slot \"{name}\" was created: the tables are read as they are at {at}");
        self.progress.holds(format!("slot `{name}`: the tables are read as they are at {at}"));
        let begun = self.kept.as_mut().map(|kept| kept.begin(*consistent_point, watched.ground.clone()));
        let begun = begun.unwrap_or_default();
        // Until the tables are read there is nothing to go on from.
        let told = self.tell_snapshot(pending, (control, &slot), &watched.shapes, server_clock, begun).await;
        match told {
            Ok(()) => self.newcomers.clear(),
            Err(_) => self.kept.iter_mut().for_each(Kept::forget),
        }
        told.map(|()| (slot.name, slot.consistent_point))
    }

    /// The connection was lost, or what was read cannot be gone on from: why. An error if people must act first.
    pub(super) async fn interrupted(&mut self, failure: Failure) -> Result<String, SourceError> {
        match failure {
            Failure::Lost(reason) => Ok(reason),
            Failure::Stale(reason) => {
                self.kept.iter_mut().for_each(Kept::forget);
                Ok(reason)
            }
            Failure::Diverged(reason) => {
                self.kept.iter_mut().try_for_each(|kept| kept.decide(&reason))?;
                Ok(reason)
            }
            Failure::Redefined(reason) => self.redefined(reason).await,
            Failure::Final(error) => Err(error),
            Failure::Closed => Ok(String::new()),
        }
    }

    /// The change feed tells another definition than the tables were read with. If it is over already, they are read again; a slot
    /// that is read on would tell it again and again.
    async fn redefined(&mut self, reason: String) -> Result<String, SourceError> {
        let look = async || self.tables(&self.endpoint.connect().await?).await;
        match look().await {
            Ok(_) => {
                self.kept.iter_mut().for_each(Kept::forget);
                Ok(format!("{reason}, and changed back: the tables are read again"))
            }
            Err(Failure::Final(_)) => {
                Err(SourceError::Operator(format!("{reason}; restart to take the new definition")))
            }
            Err(_) => Ok(reason),
        }
    }

    /// Without a wanted table there is nothing to read: the input ends.
    async fn run_empty(&self, pending: &Pending) -> Result<(), Failure> {
        self.pipe.send(pending.end(), 0, 0).await
    }

    /// Checks everything that can be checked; creates the publication if it may.
    async fn prepare(&self, control: &Client, runs: bool) -> Result<Vec<Table>, Failure> {
        let own = self.kept.as_ref().map(|kept| kept.name.as_str());
        within(PATIENCE, preflight::server(control, own, runs)).await?;
        let tables = within(PATIENCE, self.tables(control)).await?;
        self.refuse_generated(&tables)?;
        for done in publication::ensure(control, &self.publication, &tables, self.config.create).await? {
            tracing::info!("{done}");
        }
        Ok(tables)
    }

    /// The tables, which must be what the views were compiled against.
    async fn tables(&self, control: &Client) -> Result<Vec<Table>, Failure> {
        let names: Vec<RelationName> = self.wanted.iter().map(|wanted| wanted.relation.name.clone()).collect();
        let tables = preflight::tables(control, &names).await?;
        match tables.iter().zip(self.wanted).find(|(table, wanted)| !is_as_compiled(&table.relation, wanted)) {
            None => Ok(tables),
            Some((table, _)) => Err(Failure::operator(format!(
                "the definition of {} was changed; restart to take the new definition",
                table.relation.name
            ))),
        }
    }

    fn refuse_generated(&self, tables: &[Table]) -> Result<(), Failure> {
        let refusals = |(table, wanted): (&Table, &Wanted)| {
            let compiled = &wanted.relation.schema.columns;
            let place = |name: &str| compiled.iter().position(|column| column.name == name);
            preflight::generated_columns(table, |position| {
                place(&table.entry.columns[position].name).is_some_and(|place| wanted.reads(place))
            })
        };
        let refusals: Vec<String> = tables.iter().zip(self.wanted).flat_map(refusals).collect();
        if refusals.is_empty() { Ok(()) } else { Err(Failure::operator(refusals.join("\n"))) }
    }

    fn start_command(&self, slot: &str, position: u64) -> String {
        format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {})",
            quote_identifier(slot),
            slot::show_position(position),
            quote_literal(&quote_identifier(&self.publication))
        )
    }

    /// Reads the snapshot and tells it.
    async fn tell_snapshot(
        &self,
        pending: &mut Pending,
        (control, slot): (&Arc<Client>, &Slot),
        shapes: &[Arc<Shape>],
        server_clock: i64,
        positions: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let telling = match pending.is_live() {
            // What came of something whose end is lost shows at no time.
            true => Telling::Again { at: pending.open().unwrap_or_else(|| pending.clock.idle(server_clock)) },
            false => Telling::First,
        };
        if pending.frontier() > 0 {
            let time = telling.time(pending);
            (0..shapes.len()).for_each(|table| pending.truncate(table, time));
        }
        let connections = self.config.snapshot_connections;
        let tables: Vec<usize> = (0..shapes.len()).collect();
        let exported = &slot.snapshot;
        let mut snapshot = Snapshot::start(self.endpoint, control, exported, shapes, &tables, connections).await?;
        let mut waiting = 0;
        while let Some(Chunk { table, rows, bytes }) = snapshot.next().await? {
            let time = telling.time(pending);
            self.progress.snapshot_rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
            rows.into_iter().for_each(|row| pending.put(table, time, row));
            waiting += bytes;
            if is_enough(pending, waiting) {
                let tick = match telling {
                    Telling::First => pending.seal(time + 1, true),
                    Telling::Again { at } => Tick { positions: Kept::anew(at), ..pending.piece(at) },
                };
                self.pipe.send(tick, std::mem::take(&mut waiting), 0).await?;
            }
        }
        self.finish_snapshot(pending, &telling, waiting, server_clock, positions).await
    }

    /// Sends what is left of the snapshot, and the first real frontier.
    async fn finish_snapshot(
        &self,
        pending: &mut Pending,
        telling: &Telling,
        waiting: usize,
        server_clock: i64,
        positions: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let frontier = match telling {
            Telling::First => {
                let last = pending.seal(pending.frontier() + 1, true);
                self.pipe.send(last, waiting, 0).await?;
                pending.clock.idle(server_clock)
            }
            Telling::Again { at } => at + 1,
        };
        pending.go_live();
        let completes = !self.newcomers.is_empty();
        let tick = Tick { completes, positions, ..pending.seal(frontier, false) };
        self.pipe.send(tick, waiting, 0).await
    }
}

/// Whether what was read of a snapshot is enough for a tick.
pub(super) fn is_enough(pending: &Pending, bytes: usize) -> bool {
    pending.changes() >= ROWS_PER_TICK || bytes >= BYTES_PER_TICK
}

/// Whether a table has what the views were compiled against: the columns they read, and the key.
fn is_as_compiled(now: &SourceRelation, wanted: &Wanted) -> bool {
    let then = &wanted.relation;
    let key = |relation: &SourceRelation| {
        let columns = &relation.schema.columns;
        let names = |key: &Vec<usize>| key.iter().map(|position| columns[*position].name.clone()).collect::<Vec<_>>();
        relation.schema.key.as_ref().map(names)
    };
    let in_key = |position: &usize| then.schema.key.as_ref().is_some_and(|key| key.contains(position));
    let columns = then.schema.columns.iter().enumerate();
    let mut read = columns.filter(|(position, _)| wanted.reads(*position) || in_key(position));
    key(now) == key(then) && now.upserts == then.upserts && read.all(|(_, column)| now.schema.columns.contains(column))
}

/// What is read of a table, in the columns that the views were compiled against.
pub(super) fn shape(table: &Table, wanted: &Wanted) -> Shape {
    let columns = &table.entry.columns;
    let declared = wanted.relation.schema.columns.iter().map(|compiled| {
        let now = columns.iter().find(|column| column.name == compiled.name);
        now.map_or((0, -1), |column| (column.type_oid, column.type_modifier))
    });
    Shape::new(wanted, table.entry.oid, declared)
}

impl Telling {
    /// The time of the next rows.
    fn time(&self, pending: &Pending) -> u64 {
        match self {
            Telling::First => pending.frontier(),
            Telling::Again { at } => *at,
        }
    }
}
