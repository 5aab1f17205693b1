//! Side snapshots: tables that a store does not have come to its slot, which is read on.
//!
//! A temporary slot gives a snapshot and the WAL position that belongs to it: what commits below it is in the snapshot, and nothing
//! else. Up to there the kept slot is read on without the newcomers. Then their rows are told, all at one time, which lies behind
//! everything that was told so far; the tick that passes it says that they are complete. From there on all tables are read together.
//!
//! If anything comes in between, it begins anew: what was told of the newcomers until then is taken back at the same time.

use super::connection::{ReplicationConnection, within};
use super::failure::Failure;
use super::feed::Feed;
use super::moment::Sample;
use super::pending::Pending;
use super::preflight::Server;
use super::session::{PATIENCE, Ready, Session, is_enough};
use super::slot::{self, Slot};
use super::snapshot::{Chunk, Snapshot};
use crate::failpoint::reach;
use crate::timeline::Tick;
use std::sync::atomic::Ordering;

/// Newcomers as of a position, being read.
struct Side {
    /// Transactions that commit below it are in the snapshot.
    point: u64,
    /// The server's clock before that.
    server_clock: i64,
    snapshot: Snapshot,
}

impl Session<'_> {
    /// Reads the slot on from a position to where newcomers can be told, and tells them. The position from which all tables are read on.
    pub(super) async fn take_newcomers(
        &mut self,
        pending: &mut Pending,
        ready: &Ready,
        connection: ReplicationConnection,
        position: u64,
        newcomers: &[usize],
    ) -> Result<u64, Failure> {
        self.take_back(pending, newcomers).await?;
        let side = self.begin_side(ready, newcomers).await?;
        let point = slot::show_position(side.point);
        if side.point < position {
            let position = slot::show_position(position);
            return Err(Failure::Diverged(format!("the server has only come to {point}, and {position} was read")));
        }
        let feed = Feed::new(pending, self.overlap(position)).before(side.point, newcomers);
        let position = self.stream(pending, ready, connection, position, (feed, Some(side.point))).await?;
        self.progress.holds(format!("new tables are read as they are at {point}"));
        self.tell_newcomers(pending, side, newcomers, position).await?;
        self.newcomers.clear();
        within(PATIENCE, slot::released(&ready.control, &ready.slot)).await?;
        Ok(position)
    }

    /// Takes back at its own time what was told of newcomers when it was interrupted: no frontier has passed that.
    pub(super) async fn take_back(&mut self, pending: &mut Pending, newcomers: &[usize]) -> Result<(), Failure> {
        if let Some(at) = self.early {
            newcomers.iter().for_each(|table| pending.truncate(*table, at));
            let tick = pending.seal(pending.frontier(), false);
            self.pipe.send(tick, 0, 0).await?;
            self.early = None;
        }
        Ok(())
    }

    async fn begin_side(&self, ready: &Ready, newcomers: &[usize]) -> Result<Side, Failure> {
        let Ready { control, watched, .. } = ready;
        let tables = || newcomers.iter().map(|table| &watched.tables[*table]);
        let names: Vec<String> = tables().map(|table| table.relation.name.to_string()).collect();
        let refusals = within(PATIENCE, Server::read(control, None)).await?.refusals();
        if !refusals.is_empty() {
            return Err(Failure::operator(format!(
                "{} can be read beside what the store has only through another replication slot, for as long as that takes: {}",
                names.join(", "),
                refusals.join("; ")
            )));
        }
        // Before the slot: whatever was committed until then is in the snapshot.
        let server_clock = within(PATIENCE, Sample::ask(control)).await?.clock;
        let mut connection = ReplicationConnection::open(self.endpoint).await?;
        let kind = slot::Kind::Temporary(&self.slot);
        let Slot { name, consistent_point: point, snapshot } =
            slot::create(&mut connection, control, kind, self.progress).await?;
        let at = slot::show_position(point);
        tracing::info!("slot \"{name}\" was created: {} is read beside as it is at {at}", names.join(", "));
        self.expect(tables());
        let connections = self.config.snapshot_connections;
        // The slot goes with its connection: those who read have the snapshot then.
        let shapes = &watched.shapes;
        let snapshot = Snapshot::start(self.endpoint, control, &snapshot, shapes, newcomers, connections).await?;
        reach("side.begun");
        Ok(Side { point, server_clock, snapshot })
    }

    async fn tell_newcomers(
        &mut self,
        pending: &mut Pending,
        Side { server_clock, mut snapshot, .. }: Side,
        newcomers: &[usize],
        position: u64,
    ) -> Result<(), Failure> {
        let (at, frontier) = (pending.clock.idle(server_clock), pending.frontier());
        newcomers.iter().for_each(|table| pending.truncate(*table, at));
        let mut waiting = 0;
        while let Some(Chunk { table, rows, bytes }) = snapshot.next().await? {
            self.progress.snapshot_rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
            rows.into_iter().for_each(|row| pending.put(table, at, row));
            waiting += bytes;
            if is_enough(pending, waiting) {
                // Early: it takes effect when a frontier passes its time.
                let tick = pending.seal(frontier, false);
                self.early = Some(at);
                self.pipe.send(tick, std::mem::take(&mut waiting), 0).await?;
                reach("side.part");
            }
        }
        let positions = self.kept.as_mut().map(|kept| kept.advance(position, None, None)).unwrap_or_default();
        let tick = Tick { completes: true, positions, ..pending.seal(at + 1, false) };
        self.pipe.send(tick, waiting, position).await?;
        self.early = None;
        reach("side.told");
        Ok(())
    }
}
