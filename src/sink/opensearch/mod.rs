//! An index of Elasticsearch or OpenSearch with one document per row, through their bulk API.
//!
//! The servers have no transactions, so what they show converges by other means.
//!
//! **Versions.** Every put and delete of a delivery has one external version: the frontier's time, or one more than the
//! last version if that is not less. It is reserved in the mark before it is used (`keeper.rs`), so it is greater than
//! all versions of earlier attempts, of whatever process, and a request that arrives late cannot overwrite what a later
//! attempt has written.
//!
//! **Deletes.** The version of a deleted document is forgotten after `index.gc_deletes` (a minute by default), or when
//! a server starts again: a put that arrives later brings the document back. So nothing old may arrive so late. A
//! request that was given up is not sent again: what it told is told by a later attempt with a later version. The
//! server is told to give up by itself (`timeout`) after a quarter of `gc_deletes`; so long, too, refused items are
//! sent again, and a writer that has not looked at its mark for so long looks whether it is still the only one. A
//! process that repeats a delivery repeats every key of it, so late writes of the first attempt meet newer versions.
//! Only a comparison with the whole content leaves documents as they are that an interrupted attempt may still be about
//! to write: it waits for half of `gc_deletes` before it reads. What this does not cover: a server that keeps a request
//! for longer than that before it executes it, and a process that is stopped, between looking and sending, for longer.
//!
//! **The mark** is written when every document of a delivery is acknowledged, has been made visible (`_refresh`), and
//! the index is still the one it was. A delivery that another process has begun and not ended voids it: among what that
//! has written there may be keys that have gone since, of which nobody tells, so the whole content is compared. So it is
//! for an index that was deleted, made again or restored from a backup. (A bulk request makes an index by itself where
//! one is missing.)
//!
//! **What readers see.** An index that the sink has made has `refresh_interval = -1`: a delivery becomes visible with
//! the refresh that follows it, in each shard at once, and in all shards within moments. A search across shards in just
//! these moments may see a part; so may one of a shard's copy that has just been moved, or of an index with a refresh
//! interval. `next` in the mark names the frontier being written; where there is none, all documents are at `mark`.
//! What an interrupted delivery has written becomes visible when it is repeated, or when the whole content is compared,
//! since only what is visible can be read. A document fetched by its id is always the latest.
//!
//! **Generations.** With `deploy = "swap"` the index is named after what it means, and readers find it by an alias (`alias.rs`), which
//! it is given when it first shows the whole view, by one request. Each generation has a mark of its own.
//!
//! **Rows that cannot be indexed** have no document: better none than one that shows what is no longer so. They are told in the log,
//! and kept (`../rejected.rs`) before the mark is written.

mod alias;
mod bulk;
mod client;
mod config;
mod index;
mod keeper;
mod mapping;
mod reconcile;
mod refusal;

pub use config::Config;

use super::generations::Generations;
use super::mark::fingerprint;
use super::rejected::{Refused, Rejected};
use super::{Delivery, Deploy, KeyTemplate, KeyedChange, Looked, Mark, Shown, Sink, SinkError, SinkKey, SinkView};
use crate::failpoint::reach;
use crate::value::{Column, Diff, RelationName, Row, json};
use alias::Alias;
use bulk::{Bulks, Stopped, Write};
use client::{Client, Content};
use hyper::{Method, StatusCode};
use index::{Index, State, state};
use keeper::Keeper;
use reconcile::Difference;
use serde::Deserialize;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// So many refused rows of a delivery are told one by one.
const TOLD: usize = 10;

/// Keeps an index of a view's rows.
pub struct OpenSearch {
    name: String,
    config: Config,
    key: SinkKey,
    template: KeyTemplate,
    columns: Vec<Column>,
    index: Index,
    /// By which readers find the index, if it is one of several generations.
    alias: Option<Alias>,
    /// The fingerprint of the mapping.
    mapping: String,
    bulk_bytes: Cell<usize>,
    runtime: Option<Runtime>,
    open: Option<Open>,
    /// When a delivery was found interrupted whose requests may still arrive.
    interrupted: Option<Instant>,
    /// Where the deliveries lead to that this process may have begun since the last that ended.
    begun: Vec<Mark>,
    /// Whether all requests of the last one were answered.
    answered: bool,
    /// Somebody else has written documents: what is there is not what was acknowledged.
    overtaken: bool,
    /// The fingerprint of the view and the form.
    meaning: String,
    rejected: Rejected,
}

/// The server while it answers.
struct Open {
    client: Client,
    keeper: Keeper,
    state: State,
    /// By which readers find the index; nothing as long as they are not sent to it.
    shown_as: Option<String>,
    /// Whether the documents were indexed by another mapping.
    anew: bool,
}

impl OpenSearch {
    /// A sink that is not connected yet; refuses what does not fit the view.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<OpenSearch, SinkError> {
        let make = || {
            config.check()?;
            let name = config.index.clone().unwrap_or_else(|| view.name.to_string());
            let alias = (config.deploy == Deploy::Swap).then(|| Alias(name.clone()));
            let index = alias.as_ref().map_or(name, |alias| alias.generation(&fingerprint(&[])));
            config::check_index_name(&index)?;
            let mapping = mapping::mapping(&view, config::object("mapping", config.mapping.as_ref())?)?;
            let settings = config::object("settings", config.settings.as_ref())?;
            Ok((SinkKey::of(&view, config.key.as_deref())?, alias, Index::new(index, mapping, settings)))
        };
        let (key, alias, index) = make().map_err(|error| located(name, error))?;
        Ok(OpenSearch {
            name: name.to_string(),
            template: KeyTemplate::joined(&key),
            key,
            columns: view.schema.columns.clone(),
            mapping: fingerprint(&[&index.mapping.to_string()]),
            index,
            alias,
            bulk_bytes: Cell::new(config.bulk_bytes),
            config,
            runtime: None,
            open: None,
            interrupted: None,
            begun: Vec::new(),
            answered: true,
            overtaken: false,
            meaning: String::new(),
            rejected: Rejected::new(name),
        })
    }

    async fn connect(&mut self) -> Result<Option<String>, SinkError> {
        let client = Client::new(&self.config)?;
        greet(&client).await?;
        let (state, found) = self.prepare(&client).await?;
        let keeper = Keeper::open(&client, &self.index.name).await?;
        let kept = keeper.kept();
        let is_ours = kept.next.as_ref().is_none_or(|next| self.begun.contains(next));
        self.begun.retain(|begun| kept.next.as_ref() == Some(begun));
        if kept.next.is_some() && !(is_ours && self.answered) {
            self.interrupted.get_or_insert_with(Instant::now);
        }
        // While this process is within a delivery, it knows itself which rows are refused.
        let is_known = kept.next.is_some() || kept.rejected == self.rejected.count();
        let is_same = kept.incarnation == state.incarnation && is_ours && is_known && !self.overtaken;
        let anew = is_same && kept.mapping != self.mapping;
        let mark = kept.mark.as_ref().filter(|_| is_same && !anew).map(Mark::to_string);
        let is_whole = mark.is_some() && kept.next.is_none();
        let name = Some(&self.index.name);
        let mut open = Open { client, keeper, state, shown_as: None, anew };
        match &self.alias {
            None => open.shown_as = Some(self.index.name.clone()),
            Some(alias) if found.current.as_ref() == name => open.shown_as = Some(alias.0.clone()),
            // A switch that was interrupted is ended: there may be nothing more to deliver.
            Some(_) if found.next.as_ref() == name && is_whole => self.show(&mut open).await?,
            Some(_) => {}
        }
        self.open = Some(open);
        Ok(mark)
    }

    /// Makes the index, or the generation of it, if there is none, and tells which others there are.
    async fn prepare(&self, client: &Client) -> Result<(State, Generations), SinkError> {
        let Some(alias) = &self.alias else {
            return Ok((self.index.prepare(client, None).await?, Generations::default()));
        };
        let found = alias.read(client).await?;
        if found.current.as_ref() == Some(&alias.0) {
            self.refuse_foreign(client, &alias.0).await?;
        }
        let wanted = found.opened(&self.index.name)?;
        // First it is forgotten what another definition had begun to build.
        let kept = Generations { next: found.next.clone().filter(|next| wanted.has(next)), ..found.clone() };
        alias.change(client, &found, kept).await?;
        let state = self.index.prepare(client, alias.of(&wanted, &self.index.name).as_deref()).await?;
        if wanted != found {
            // It may have been there without an alias.
            let found = alias.read(client).await?;
            alias.change(client, &found, wanted.clone()).await?;
        }
        Ok((state, wanted))
    }

    /// An index by the alias's name is replaced only if it was made by this sink.
    async fn refuse_foreign(&self, client: &Client, name: &str) -> Result<(), SinkError> {
        let kept = Keeper::look(client, name).await?;
        match state(client, name).await? {
            Some(state) if state.incarnation != kept.incarnation => Err(SinkError::Operator(format!(
                "there is an index {name} that no sink has filled, so that it cannot be an alias; delete it, or name another \
                 `index`"
            ))),
            _ => Ok(()),
        }
    }

    /// Sends readers to the index, which is whole.
    async fn show(&self, open: &mut Open) -> Result<(), SinkError> {
        if let Some(alias) = self.alias.as_ref().filter(|_| open.shown_as.is_none()) {
            let found = alias.read(&open.client).await?;
            alias.change(&open.client, &found, found.switched(&self.index.name)).await?;
            open.shown_as = Some(alias.0.clone());
        }
        Ok(())
    }

    /// What there is, asked by a client of its own.
    async fn found(&self) -> Result<(Client, Generations), SinkError> {
        let client = Client::new(&self.config)?;
        greet(&client).await?;
        let found = match &self.alias {
            None => Generations { current: Some(self.index.name.clone()), ..Generations::default() },
            Some(alias) => alias.read(&client).await?,
        };
        Ok((client, found))
    }

    /// What readers see, compared with these rows.
    async fn compared(&self, rows: &[(Row, Diff)]) -> Result<super::Difference, SinkError> {
        let show = |row: &Row| {
            let mut shown = String::new();
            json::write_row(&self.columns, row, &mut shown);
            shown
        };
        let wanted = self.key.with_keys(rows).map(|(key, row)| (self.template.write(&key), show(row))).collect();
        let (client, found) = self.found().await?;
        let shown = match found.current {
            Some(name) if state(&client, &name).await?.is_some() => reconcile::found(&client, &name, &wanted).await?,
            _ => BTreeMap::new(),
        };
        Ok(super::Difference::keyed(&shown, &wanted))
    }

    async fn examine(&self) -> Result<Looked, SinkError> {
        let (client, found) = self.found().await?;
        let note = found.note();
        let Some(name) = found.current else { return Ok(Looked { mark: None, anew: None, note }) };
        let state = state(&client, &name).await?;
        let kept = Keeper::look(&client, &name).await?;
        let is_same = state.is_some_and(|state| state.incarnation == kept.incarnation) && kept.next.is_none();
        let anew = match kept.mapping == self.mapping {
            false => Some("its target was filled by another mapping, and each row is written again"),
            true if kept.rejected != self.rejected.count() => {
                Some("the store does not have the rows that its target refused")
            }
            true => None,
        };
        Ok(Looked { mark: kept.mark.filter(|_| is_same).map(|mark| mark.to_string()), anew, note })
    }

    async fn deliver(&mut self, open: &mut Open, delivery: &Delivery) -> Result<(), SinkError> {
        if delivery.first || !delivery.keyed.is_empty() {
            self.write(open, delivery).await?;
            reach("opensearch.written");
            self.index.refresh(&open.client).await?;
            reach("opensearch.refreshed");
        }
        let name = open.shown_as.as_ref().unwrap_or(&self.index.name);
        if state(&open.client, name).await?.as_ref() != Some(&open.state) {
            return Err(SinkError::Transient(format!("the index {} is not what it was", self.index.name)));
        }
        let (mark, incarnation) = (&delivery.mark, &open.state.incarnation);
        open.keeper.finish(&open.client, mark, incarnation, &self.mapping, self.rejected.count()).await?;
        reach("opensearch.marked");
        self.show(open).await?;
        (self.interrupted, self.overtaken, open.anew) = (None, false, false);
        self.begun.clear();
        Ok(())
    }

    async fn write(&mut self, open: &mut Open, delivery: &Delivery) -> Result<(), SinkError> {
        self.wait(open, delivery)?;
        let (client, keeper) = (&open.client, &mut open.keeper);
        let seen = Instant::now();
        // It may have begun though no answer says so.
        self.begun.push(delivery.mark.clone());
        self.answered = true;
        let mut version = keeper.begin(client, &delivery.mark, 0, delivery.first).await?;
        reach("opensearch.begun");
        let writes = self.writes(&delivery.keyed);
        let writes = if delivery.first {
            self.index.refresh(client).await?;
            let difference = reconcile::difference(client, &self.index, &self.columns, writes, open.anew).await?;
            let Difference { writes, version: greatest } = difference;
            if greatest >= version {
                version = keeper.begin(client, &delivery.mark, greatest.saturating_add(1), true).await?;
            }
            writes
        } else {
            writes
        };
        let bulks = Bulks {
            client,
            keeper,
            path: self.index.path(),
            columns: &self.columns,
            version,
            bytes: &self.bulk_bytes,
            concurrency: self.config.concurrency,
            patience: open.state.gc_deletes / 4,
            seen: Cell::new(seen),
        };
        self.answered = false;
        match bulks.write(&writes).await {
            Ok(rejected) => {
                self.answered = true;
                self.tell(&rejected);
                self.note(delivery, rejected)
            }
            Err(Stopped::Failed(error)) => Err(error),
            Err(Stopped::Overtaken(error)) => {
                self.overtaken = true;
                Err(error)
            }
        }
    }

    /// Nothing is compared as long as what an interrupted delivery wrote may still arrive.
    fn wait(&self, open: &Open, delivery: &Delivery) -> Result<(), SinkError> {
        let late = open.state.gc_deletes / 2;
        match self.interrupted.map(|since| since.elapsed()) {
            Some(elapsed) if delivery.first && elapsed < late => {
                let left = (late - elapsed).as_secs() + 1;
                let text = format!("a delivery was interrupted, and what it wrote may still arrive for {left} s");
                Err(SinkError::Transient(text))
            }
            _ => Ok(()),
        }
    }

    fn writes<'a>(&self, keyed: &'a [(Row, KeyedChange)]) -> Vec<Write<'a>> {
        let write = |(key, change): &'a (Row, KeyedChange)| Write {
            id: self.template.write(key),
            row: match change {
                KeyedChange::Put(row) => Some(row),
                KeyedChange::Delete => None,
            },
        };
        keyed.iter().map(write).collect()
    }

    fn tell(&self, rejected: &[bulk::Rejected]) {
        for bulk::Rejected { id, reason, .. } in rejected.iter().take(TOLD) {
            tracing::warn!(
                "sink {}: the row with the id {id} cannot be indexed and has no document: {reason}",
                self.name
            );
        }
        if rejected.len() > TOLD {
            tracing::warn!("sink {}: nor can {} more", self.name, rejected.len() - TOLD);
        }
    }

    /// Keeps which rows are refused now.
    fn note(&mut self, delivery: &Delivery, rejected: Vec<bulk::Rejected>) -> Result<(), SinkError> {
        if !delivery.first && rejected.is_empty() && self.rejected.count() == 0 {
            return Ok(());
        }
        let mut rejected: HashMap<String, bulk::Rejected> =
            rejected.into_iter().map(|rejected| (rejected.id.clone(), rejected)).collect();
        let show = |columns: &[Column], row: &Row| {
            let mut shown = String::new();
            json::write_row(columns, row, &mut shown);
            shown
        };
        let key_columns: Vec<Column> = self.key.columns().iter().map(|column| self.columns[*column].clone()).collect();
        let mut refused = Vec::new();
        for (key, change) in &delivery.keyed {
            if let KeyedChange::Put(row) = change
                && let Some(bulk::Rejected { code, reason: message, .. }) = rejected.remove(&self.template.write(key))
            {
                refused.push(Refused { key: show(&key_columns, key), row: show(&self.columns, row), code, message });
            }
        }
        let keys = delivery.keyed.iter().map(|(key, _)| show(&key_columns, key));
        self.rejected.note(delivery.first, keys, &refused)
    }

    /// The runtime, which goes with the connections.
    fn take_runtime(&mut self) -> Result<Runtime, SinkError> {
        self.runtime.take().map_or_else(runtime, Ok)
    }
}

fn runtime() -> Result<Runtime, SinkError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| SinkError::Transient(format!("cannot start: {error}")))
}

/// Sends the readers of the index of this configuration, which is named after the view if by nothing else, back to the generation
/// before, or with `undo` forth again.
pub fn roll_back(config: &Config, view: &RelationName, undo: bool) -> Result<Shown, SinkError> {
    if config.deploy != Deploy::Swap {
        return Err(SinkError::Config("it is not deployed by `deploy = \"swap\"`".to_string()));
    }
    let alias = Alias(config.index.clone().unwrap_or_else(|| view.to_string()));
    runtime()?.block_on(async {
        let client = Client::new(config)?;
        greet(&client).await?;
        alias.roll_back(&client, undo).await
    })
}

impl Sink for OpenSearch {
    fn key(&self) -> Option<&SinkKey> {
        Some(&self.key)
    }

    fn form(&self) -> String {
        let key = format!("{:?}", self.key.columns());
        match &self.alias {
            None => key,
            // What an index was made with stays as it is.
            Some(_) => format!("{key} {} {:?}", self.index.mapping, self.index.settings),
        }
    }

    fn set_meaning(&mut self, fingerprint: &str) {
        self.meaning = fingerprint.to_string();
        if let Some(alias) = &self.alias {
            self.index.name = alias.generation(fingerprint);
        }
    }

    fn keep_rejected(&mut self, path: &Path) {
        self.rejected.keep_in(path, &self.meaning);
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        // With it the connections go that may be dead.
        (self.open, self.runtime) = (None, None);
        let opened = self.take_runtime().and_then(|runtime| {
            let mark = runtime.block_on(self.connect());
            self.runtime = Some(runtime);
            mark
        });
        opened.map_err(|error| located(&self.name, error))
    }

    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        let looked = self.take_runtime().and_then(|runtime| runtime.block_on(self.examine()));
        looked.map(Some).map_err(|error| located(&self.name, error))
    }

    fn compare(&mut self, rows: &[(Row, Diff)]) -> Result<Option<super::Difference>, SinkError> {
        let compared = self.take_runtime().and_then(|runtime| runtime.block_on(self.compared(rows)));
        compared.map(Some).map_err(|error| located(&self.name, error))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        let applied = match self.open.take() {
            None => Err(SinkError::Transient("not connected".to_string())),
            Some(mut open) => self.take_runtime().and_then(|runtime| {
                let applied = runtime.block_on(self.deliver(&mut open, delivery));
                self.runtime = Some(runtime);
                self.open = applied.is_ok().then_some(open);
                applied
            }),
        };
        applied.map_err(|error| located(&self.name, error))
    }

    fn commit_interval(&self) -> Duration {
        self.config.commit_interval
    }

    fn rejected(&self) -> u64 {
        self.rejected.count()
    }
}

/// Asks what the server is. Who may not ask is not kept from writing.
async fn greet(client: &Client) -> Result<(), SinkError> {
    #[derive(Deserialize)]
    struct Greeting {
        version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        number: String,
        distribution: Option<String>,
    }
    let answer = client.send(Method::GET, "/", Content::Nothing).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(());
    }
    let Greeting { version: Version { number, distribution } } = answer.read("ask the server what it is")?;
    let is_old = number.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major < 7);
    if distribution.is_none() && is_old {
        let text = format!("the server is Elasticsearch {number}; it takes 7 or later, or OpenSearch");
        return Err(SinkError::Operator(text));
    }
    Ok(())
}

fn located(name: &str, error: SinkError) -> SinkError {
    match error {
        SinkError::Config(text) => SinkError::Config(format!("sink {name}: {text}")),
        SinkError::Transient(text) => SinkError::Transient(format!("sink {name}: {text}")),
        SinkError::Operator(text) => SinkError::Operator(format!("sink {name}: {text}")),
    }
}
