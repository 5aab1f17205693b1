//! One session: from a new slot over the snapshot into the stream, until the connection is lost or the end is reached.

use super::config::Config;
use super::connection::ReplicationConnection;
use super::failure::Failure;
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
use crate::value::RelationName;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_postgres::Client;

/// A snapshot tick is sent when it has this much.
const ROWS_PER_TICK: u64 = 50_000;
const BYTES_PER_TICK: usize = 8 * 1024 * 1024;

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
    /// The relations somebody needs.
    pub(super) wanted: &'a [Wanted],
    /// Whether to end at the position where the first session began.
    pub(super) once: bool,
    /// Whether the frontier must move on soon while nothing happens.
    pub(super) awaited: bool,
    /// Where progress is told.
    pub(super) progress: &'a Progress,
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
        // Before the slot: whatever was committed until then is in the snapshot.
        let server_clock = Sample::ask(&control).await?.clock;
        let slot = slot::create(&mut connection, &control, &self.slot, self.progress).await?;
        self.progress.holds(format!(
            "slot `{}`: the tables are read as they are at {}",
            slot.name,
            slot::show_position(slot.consistent_point)
        ));
        self.progress.snapshot_rows.store(0, Ordering::Relaxed);
        let estimate = tables.iter().map(|table| table.entry.estimate).sum();
        self.progress.snapshot_estimate.store(estimate, Ordering::Relaxed);
        self.tell_snapshot(pending, &slot, &shapes, server_clock).await?;
        connection.start_streaming(&self.start_command(&slot)).await?;
        let (found, watch) = oneshot::channel();
        let moments = Moments::new(self.endpoint, control.clone());
        let watched = Watched { publication: self.publication.clone(), tables, partitions };
        tokio::spawn(watch::run(control, watched, found));
        let (pipe, progress) = (self.pipe, self.progress);
        let position = slot.consistent_point;
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
            slot: slot.name,
            moments,
            watch,
        };
        streaming.run().await?;
        self.pipe.send(pending.end(), 0, position).await
    }

    /// Without a wanted table there is nothing to read: the input ends.
    async fn run_empty(&self, pending: &Pending) -> Result<(), Failure> {
        self.pipe.send(pending.end(), 0, 0).await
    }

    /// Checks everything that can be checked; creates the publication if it may.
    async fn prepare(&self, control: &Client) -> Result<Vec<Table>, Failure> {
        preflight::server(control).await?;
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

    fn start_command(&self, slot: &Slot) -> String {
        format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {})",
            quote_identifier(&slot.name),
            slot::show_position(slot.consistent_point),
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
        self.finish_snapshot(pending, &telling, waiting, server_clock).await
    }

    /// Sends what is left of the snapshot, and the first real frontier.
    async fn finish_snapshot(
        &self,
        pending: &mut Pending,
        telling: &Telling,
        waiting: usize,
        server_clock: i64,
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
        let tick = pending.seal(frontier, false);
        self.pipe.send(tick, waiting, 0).await
    }
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
