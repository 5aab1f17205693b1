//! Looking at everything that could keep the source from running, or from going on later; nothing is changed on the server.

use super::clock;
use super::config::{Config, SlotLost};
use super::connection::ReplicationConnection;
use super::failure::Failure;
use super::ground::Ground;
use super::kept::Kept;
use super::moment::Sample;
use super::preflight::{self, Looked, Server, Table};
use super::publication::{self, Outlook};
use super::session::{NEEDS_CREATE, shape};
use super::shape::Shape;
use super::slot;
use super::slots;
use crate::finding::{Level, Report};
use crate::pg::Endpoint;
use crate::source::{Stored, Wanted};
use crate::timeline::now;
use crate::value::RelationName;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

/// Clocks that differ by more are worth a word.
const CLOCK: Duration = Duration::from_secs(1);
/// The server hears from us about once a second.
const SENDER_TIMEOUT_MS: i64 = 5_000;
/// A slot for which more than this share of the WAL that is allowed is held back may soon be lost.
const FULL: f64 = 0.5;

/// What is known besides the configuration.
#[derive(Default)]
pub struct Given {
    /// The relations that views and sinks need; without it, all tables are looked at as if nobody read their generated columns.
    pub wanted: Option<Vec<Wanted>>,
    /// Whether the view set has a store.
    pub is_stored: bool,
    /// What is in it of this source; nothing if it was not made yet.
    pub stored: Option<Stored>,
}

/// One examination.
pub(super) struct Examination<'a> {
    pub(super) name: &'a str,
    pub(super) config: &'a Config,
    pub(super) given: &'a Given,
    pub(super) report: &'a mut Report,
}

/// Whether the server answers, and is one that can be read.
pub(super) async fn greet(endpoint: &Endpoint, report: &mut Report) -> Result<(), Failure> {
    let client = endpoint.connect().await?;
    preflight::check_version(&client).await?;
    let version: String = client.query_one("SELECT current_setting('server_version')", &[]).await?.try_get(0)?;
    report.add(Level::Ok, format!("Postgres {version} at {} answers", endpoint.label()));
    Ok(())
}

impl Examination<'_> {
    /// Looks at everything, as far as one thing does not need another that is missing.
    pub(super) async fn run(&mut self, endpoint: &Endpoint) -> Result<(), Failure> {
        let client = endpoint.connect().await?;
        let is_able = self.look_at_server(&client).await?;
        let tables = self.look_at_tables(&client).await?;
        self.look_at_publication(&client, &tables).await?;
        self.look_at_clock(&client).await?;
        self.look_at_timeouts(&client).await?;
        if self.given.is_stored {
            self.look_at_limits(&client).await?;
        }
        if is_able {
            self.look_at_slot(endpoint, &client, &tables).await?;
        }
        Ok(())
    }

    fn ok(&mut self, sentence: impl Into<String>) {
        self.report.add(Level::Ok, sentence);
    }

    fn warning(&mut self, sentence: impl Into<String>) {
        self.report.add(Level::Warning, sentence);
    }

    /// The name of the store's slot.
    fn slot(&self) -> Option<String> {
        let stored = self.given.stored.as_ref()?;
        Some(slots::kept_name(&self.config.slot_name(self.name), &stored.incarnation))
    }

    /// Whether it could give us a slot.
    async fn look_at_server(&mut self, client: &Client) -> Result<bool, Failure> {
        let own = self.slot();
        let server = Server::read(client, own.as_deref()).await?;
        let refusals = server.refusals();
        let is_able = refusals.is_empty();
        let Server { user, free_slots, free_senders, .. } = server;
        self.report.add_errors(refusals, || {
            format!("wal_level is logical, {free_slots} slots and {free_senders} walsenders are free, and {user} may replicate")
        });
        Ok(is_able)
    }

    async fn look_at_tables(&mut self, client: &Client) -> Result<Vec<Table>, Failure> {
        let Looked { tables, wrong, forbidden } = preflight::look(client, &self.config.table_names()).await?;
        let wanted = self.given.wanted.as_deref();
        let of = |table: &Table| wanted?.iter().find(|wanted| wanted.relation.name == table.relation.name);
        let generated = tables.iter().filter_map(|table| Some((table, of(table)?)));
        let generated: Vec<String> =
            generated.flat_map(|(table, wanted)| preflight::generated_columns(table, |c| wanted.reads(c))).collect();
        self.report.add_errors([wrong, forbidden, generated].concat(), || {
            let rows: u64 = tables.iter().map(|table| table.entry.estimate).sum();
            let about = if rows > 0 { format!(", about {rows} rows") } else { String::new() };
            format!("{} can be read and followed{about}", list(&tables))
        });
        Ok(tables.into_iter().filter(|table| wanted.is_none() || of(table).is_some()).collect())
    }

    async fn look_at_publication(&mut self, client: &Client, tables: &[Table]) -> Result<(), Failure> {
        if tables.is_empty() {
            return Ok(());
        }
        let name = self.config.publication_name(self.name);
        let Outlook { refusals, lacks } = publication::look(client, &name, tables).await?;
        let missing = lacks.as_ref().filter(|_| !self.config.create).map(|lacks| lacks.refusal.clone());
        self.report.add_errors(refusals.into_iter().chain(missing), || match lacks {
            Some(_) => format!("publication {name} is not complete yet; `run` and `setup` make it so"),
            None => format!("publication {name} carries {}", list(tables)),
        });
        Ok(())
    }

    async fn look_at_clock(&mut self, client: &Client) -> Result<(), Failure> {
        let before = now();
        let server = clock::unix_time(Sample::ask(client).await?.clock);
        let after = now();
        // It was read at some moment in between.
        let ahead = Duration::from_micros(server.saturating_sub(after));
        let behind = Duration::from_micros(before.saturating_sub(server));
        let max_ahead = self.config.max_ahead;
        match (ahead > CLOCK, behind > CLOCK) {
            (true, _) if ahead > max_ahead => self.warning(format!(
                "the server's clock is {ahead:?} ahead of this machine's, and times of commits are taken for at most {max_ahead:?} \
                 ahead; synchronise the clocks"
            )),
            (true, _) => self.warning(format!(
                "the server's clock is {ahead:?} ahead of this machine's; synchronise the clocks"
            )),
            (_, true) => self.warning(format!(
                "the server's clock is {behind:?} behind this machine's, by which views show as late; synchronise the clocks"
            )),
            (false, false) => self.ok("the server's clock and this machine's agree"),
        }
        Ok(())
    }

    async fn look_at_timeouts(&mut self, client: &Client) -> Result<(), Failure> {
        let Some(timeout) = Setting::read(client, "wal_sender_timeout").await? else { return Ok(()) };
        match timeout.value {
            1..SENDER_TIMEOUT_MS => self.warning(format!(
                "wal_sender_timeout is {}: the server may cut the connection while this program is busy; set at least 10s",
                timeout.shown
            )),
            _ => self.ok(format!("wal_sender_timeout is {}", timeout.shown)),
        }
        Ok(())
    }

    /// What bounds the WAL that a slot holds back, or makes an idle slot invalid.
    async fn look_at_limits(&mut self, client: &Client) -> Result<(), Failure> {
        let held_back = self.held_back(client).await?;
        let held = held_back.map(|bytes| format!("; now it is {}", mebibytes(bytes as f64))).unwrap_or_default();
        if let Some(limit) = Setting::read(client, "max_slot_wal_keep_size").await? {
            let share = held_back.map_or(0.0, |bytes| bytes as f64 / (limit.value as f64 * 1024.0 * 1024.0));
            match limit.value {
                ..0 => self.warning(format!(
                    "max_slot_wal_keep_size is not set: while the view set does not run, the WAL that its slot holds back may fill the \
                     server's disk, which stops the server{held}. Run ALTER SYSTEM SET max_slot_wal_keep_size = '…' (some share of the \
                     disk) and SELECT pg_reload_conf()"
                )),
                _ if share > FULL => self.warning(format!(
                    "the slot may hold back {} of WAL before it is lost (max_slot_wal_keep_size){held}; run the view set, or allow more",
                    limit.shown
                )),
                _ => self.ok(format!("the slot may hold back {} of WAL (max_slot_wal_keep_size){held}", limit.shown)),
            }
        }
        match Setting::read(client, "idle_replication_slot_timeout").await? {
            Some(timeout) if timeout.value > 0 => self.warning(format!(
                "idle_replication_slot_timeout is {}: a view set that does not run for so long loses its slot, and must read its tables \
                 again",
                timeout.shown
            )),
            Some(_) | None => {}
        }
        Ok(())
    }

    async fn held_back(&self, client: &Client) -> Result<Option<u64>, Failure> {
        match self.slot() {
            Some(name) => slot::held_back(client, &name).await,
            None => Ok(None),
        }
    }

    /// Whether a connection for replication is allowed, and the store's slot can be read on.
    async fn look_at_slot(&mut self, endpoint: &Endpoint, client: &Client, tables: &[Table]) -> Result<(), Failure> {
        let mut connection = ReplicationConnection::open(endpoint).await?;
        self.ok("a connection for replication is let in");
        if !self.given.is_stored || tables.is_empty() {
            return Ok(());
        }
        let Some(stored) = self.given.stored.as_ref().filter(|stored| stored.resume.is_some()) else {
            match self.config.create {
                true => self.ok("the store's slot is made at the first start, when all tables are read"),
                false => self.report.add(Level::Error, NEEDS_CREATE),
            }
            return Ok(());
        };
        let kept = Kept::new(&self.config.slot_name(self.name), stored, SlotLost::Stop);
        let mut kept = kept.map_err(Failure::Final)?;
        // Without views that compile it is not known what is read.
        let Some(wanted) = self.given.wanted.as_deref() else { return Ok(()) };
        let of = |wanted: &Wanted| tables.iter().find(|table| table.relation.name == wanted.relation.name);
        let shapes = wanted.iter().filter_map(|wanted| Some(Arc::new(shape(of(wanted)?, wanted))));
        let shapes: Vec<Arc<Shape>> = shapes.collect();
        let publication = self.config.publication_name(self.name);
        let ground = Ground::read(connection.system().await?, client, &publication, &shapes).await?;
        let name = kept.name.clone();
        match kept.position(client, &ground).await {
            Ok(Some(_)) => self.ok(format!("slot {name} is there, and goes on where the store ends")),
            Ok(None) => {
                self.warning("the tables or the publication have changed since: at the next start all are read again")
            }
            Err(Failure::Lost(used)) => self.ok(format!("{used}: it is being read")),
            Err(Failure::Final(error)) if self.config.slot_lost == SlotLost::Snapshot => {
                self.warning(format!("{error}. It is said already: at the next start all tables are read again"));
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

/// A setting of the server's, in its own unit and for people.
struct Setting {
    value: i64,
    shown: String,
}

impl Setting {
    /// Nothing if the server does not know it.
    async fn read(client: &Client, name: &str) -> Result<Option<Setting>, Failure> {
        let query = "SELECT setting::int8, current_setting(name) FROM pg_catalog.pg_settings WHERE name = $1";
        let Some(row) = client.query_opt(query, &[&name]).await? else { return Ok(None) };
        Ok(Some(Setting { value: row.try_get(0)?, shown: row.try_get(1)? }))
    }
}

fn list(tables: &[Table]) -> String {
    let names: Vec<&RelationName> = tables.iter().map(|table| &table.relation.name).collect();
    match names.as_slice() {
        [] => "no table".to_owned(),
        [one] => format!("table {one}"),
        names => format!("tables {}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / (1024.0 * 1024.0))
}
