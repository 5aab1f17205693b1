//! One session: from a new slot over the snapshot into the stream, until the connection is lost or the end is reached.

use super::config::Config;
use super::connection::ReplicationConnection;
use super::failure::Failure;
use super::kept::{Ground, Kept};
use super::moment::{Moments, Sample};
use super::partitions::Partitions;
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
use crate::source::{Progress, Wanted};
use crate::timeline::Tick;
use crate::value::RelationName;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_postgres::Client;

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

/// How a snapshot is told.
enum Telling {
    /// Nothing real was told yet: in many ticks below every real time.
    First,
    /// After a lost connection: in one tick at this time, which replaces what the tables held.
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
        let tables = self.prepare(&control).await?;
        let partitions = Partitions::read(&control, &tables).await?;
        let shape = |(Table { relation, entry }, wanted): (&Table, &Wanted)| {
            let declared = entry.columns.iter().map(|column| (column.type_oid, column.type_modifier));
            Arc::new(Shape::new(relation, entry.oid, declared, wanted))
        };
        let shapes: Vec<Arc<Shape>> = tables.iter().zip(self.wanted).map(shape).collect();
        pending.define(shapes.clone());
        if self.once && until.is_none() {
            *until = Some(Sample::ask(&control).await?.inserted);
        }
        let mut connection = ReplicationConnection::open(self.endpoint).await?;
        let ground = ground(&mut connection, &tables, &partitions).await?;
        let position = match &self.kept {
            Some(kept) => kept.position(&control, &ground, self.config.slot_lost).await?,
            None => None,
        };
        let (slot, position) = match (position, &self.kept) {
            (Some(position), Some(kept)) => (kept.name.clone(), position),
            _ => {
                let estimate = tables.iter().map(|table| table.entry.estimate).sum();
                self.progress.snapshot_rows.store(0, Ordering::Relaxed);
                self.progress.snapshot_estimate.store(estimate, Ordering::Relaxed);
                self.begin(pending, &mut connection, &control, &shapes, ground).await?
            }
        };
        connection.start_streaming(&self.start_command(&slot, position)).await?;
        let (found, watch) = oneshot::channel();
        let moments = Moments::new(self.endpoint, control.clone());
        let kept = self.kept.as_ref().map(|kept| (kept.name.clone(), self.progress.clone()));
        let watched = Watched { publication: self.publication.clone(), tables, partitions, kept };
        tokio::spawn(watch::run(control, watched, found));
        let (pipe, progress) = (self.pipe, self.progress);
        let (until, awaited) = (*until, self.awaited);
        let streaming = Streaming {
            connection,
            pending,
            pipe,
            progress,
            until,
            awaited,
            changed: Instant::now(),
            position,
            slot,
            kept: self.kept.as_mut(),
            moments,
            watch,
        };
        streaming.run().await?;
        self.pipe.send(pending.end(), 0, position).await
    }

    /// Makes a slot, and reads the tables as they are at its position. Returns both.
    async fn begin(
        &mut self,
        pending: &mut Pending,
        connection: &mut ReplicationConnection,
        control: &Client,
        shapes: &[Arc<Shape>],
        ground: Ground,
    ) -> Result<(String, u64), Failure> {
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
        self.progress.holds(format!("slot `{name}`: the tables are read as they are at {at}"));
        let begun = self.kept.as_mut().map(|kept| kept.begin(*consistent_point, ground)).unwrap_or_default();
        // Until the tables are read there is nothing to go on from.
        let told = self.tell_snapshot(pending, &slot, shapes, server_clock, begun).await;
        if told.is_err() {
            self.kept.iter_mut().for_each(Kept::forget);
        }
        told.map(|()| (slot.name, slot.consistent_point))
    }

    /// The connection was lost, or what was read cannot be gone on from; why.
    pub(super) fn interrupted(&mut self, failure: Failure) -> String {
        match failure {
            Failure::Stale(reason) => {
                self.kept.iter_mut().for_each(Kept::forget);
                reason
            }
            Failure::Lost(reason) => reason,
            Failure::Final(error) => error.to_string(),
            Failure::Closed => String::new(),
        }
    }

    /// Without a wanted table there is nothing to read: the input ends.
    async fn run_empty(&self, pending: &Pending) -> Result<(), Failure> {
        self.pipe.send(pending.end(), 0, 0).await
    }

    /// Checks everything that can be checked; creates the publication if it may.
    async fn prepare(&self, control: &Client) -> Result<Vec<Table>, Failure> {
        let has_slot = match &self.kept {
            Some(kept) => slot::is_there(control, &kept.name).await?,
            None => false,
        };
        preflight::server(control, has_slot).await?;
        let names: Vec<RelationName> = self.wanted.iter().map(|wanted| wanted.relation.name.clone()).collect();
        let tables = preflight::tables(control, &names).await?;
        self.refuse_changed(&tables)?;
        self.refuse_generated(&tables)?;
        for done in publication::ensure(control, &self.publication, &tables, self.config.create).await? {
            tracing::info!("{done}");
        }
        Ok(tables)
    }

    /// Refuses tables that are no longer what the views were compiled against.
    fn refuse_changed(&self, tables: &[Table]) -> Result<(), Failure> {
        let mut pairs = tables.iter().zip(self.wanted);
        let changed = pairs.find(|(table, wanted)| {
            let (now, then) = (&table.relation, &wanted.relation);
            let begins_alike = now.schema.columns.iter().zip(&then.schema.columns).all(|(now, then)| now == then);
            let has_all = now.schema.columns.len() >= then.schema.columns.len();
            !begins_alike || !has_all || now.schema.key != then.schema.key || now.upserts != then.upserts
        });
        match changed {
            None => Ok(()),
            Some((table, _)) => Err(Failure::operator(format!(
                "the definition of {} was changed; restart to take the new definition",
                table.relation.name
            ))),
        }
    }

    fn refuse_generated(&self, tables: &[Table]) -> Result<(), Failure> {
        let pairs = tables.iter().zip(self.wanted);
        let refusals: Vec<String> = pairs
            .flat_map(|(table, wanted)| preflight::generated_columns(table, |position| wanted.reads(position)))
            .collect();
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
        slot: &Slot,
        shapes: &[Arc<Shape>],
        server_clock: i64,
        positions: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let telling =
            if pending.is_live() { Telling::Again { at: pending.clock.idle(server_clock) } } else { Telling::First };
        if pending.frontier() > 0 {
            let time = telling.time(pending);
            (0..shapes.len()).for_each(|table| pending.truncate(table, time));
        }
        let connections = self.config.snapshot_connections;
        let mut snapshot = Snapshot::start(self.endpoint, &slot.snapshot, shapes, connections).await?;
        let mut waiting = 0;
        while let Some(Chunk { table, rows, bytes }) = snapshot.next().await? {
            let time = telling.time(pending);
            self.progress.snapshot_rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
            rows.into_iter().for_each(|row| pending.put(table, time, row));
            waiting += bytes;
            if matches!(telling, Telling::First) && (pending.changes() >= ROWS_PER_TICK || waiting >= BYTES_PER_TICK) {
                let tick = pending.seal(time + 1, true);
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
        let tick = Tick { positions, ..pending.seal(frontier, false) };
        self.pipe.send(tick, waiting, 0).await
    }
}

/// What a slot on this connection is read on.
pub(super) async fn ground(
    connection: &mut ReplicationConnection,
    tables: &[Table],
    partitions: &Partitions,
) -> Result<Ground, Failure> {
    let identity = connection.query("IDENTIFY_SYSTEM").await?;
    let system = identity.into_iter().flatten().next().flatten();
    let system = system.ok_or_else(|| Failure::Lost("the server does not say which it is".into()))?;
    let table = |table: &Table| format!("{} {}", table.relation.name, table.entry.oid);
    let tables: Vec<String> = tables.iter().map(table).chain([partitions.to_string()]).collect();
    Ok(Ground { system, tables: tables.join("; ") })
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
