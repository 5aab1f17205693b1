//! What is durable: everything the sources said, in the order in which it came, and what it adds up to.
//!
//! The log (`log.rs`, `segment.rs`, `frame.rs`) takes every tick before the dataflow does (`record.rs` says how it reads). In the
//! background what lies far enough behind (`collect.rs`) is merged into runs (`merge.rs`, `run.rs`), one per relation, and its segments go.
//! The manifest (`manifest.rs`) names the runs and where the log begins. A start (`adopt.rs`, `scan.rs`, `replay.rs`) reads the runs,
//! then the log, and the sources go on behind it.
//!
//! What must hold, whatever is killed when: a tick that `append` has returned for is there at the next start; a file that is not
//! as it was written is refused, but for the end of the last segment, which nobody was told of; the manifest names whole runs only.
//!
//! Files are written through `Disk`, so that tests can lose what was not synced.

mod adopt;
mod bytes;
mod collect;
mod column;
mod declared;
mod disk;
mod error;
mod expiry;
mod frame;
mod inspect;
mod lock;
mod log;
mod manifest;
mod merge;
mod place;
mod reading;
mod record;
mod replay;
mod run;
mod scan;
mod segment;
mod tend;

pub use adopt::{Before, BeforeNow, Lack};
pub use column::{ColumnText, column_text};
pub use disk::{Append, Directory, Disk, ReadSeek};
pub use error::StoreError;
pub use expiry::{Expiry, Session};
pub use inspect::{Summary, incarnation, inspect};
pub use place::{Place, place};
pub use reading::Reading;
pub use tend::{Compacted, Forgotten, compact, forget};

use crate::failpoint::reach;
use crate::timeline::{RelationId, Rereads, Resume, SourceId, Tick};
use crate::value::{RelationName, Time};
use adopt::{Adopted, adopt, kept, loses, refuse};
use lock::Lock;
use log::Log;
use manifest::{Manifest, Reached};
use scan::Scanned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A source as the running view set knows it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its id in ticks.
    pub id: SourceId,
    /// Its name in the view set.
    pub name: String,
    /// Whether views need the times of its changes: what is not merged is told again with these.
    pub keeps_times: bool,
    /// What of it can be told again when the store does not have its relations as they are now.
    pub rereads: Rereads,
    /// Its relations.
    pub relations: Vec<Relation>,
}

impl Source {
    /// Whether its relations are what views made of others.
    fn is_made(&self) -> bool {
        self.relations.iter().any(|relation| !relation.made_of.is_empty())
    }

    /// Whether relations may come to it later. What views made goes on instead when what it is made of is read again.
    fn takes_newcomers(&self) -> bool {
        self.rereads == Rereads::Relations && !self.is_made()
    }
}

/// A relation as the running view set knows it: a source's, or one that a view made of others.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its id in ticks.
    pub id: RelationId,
    /// Its name.
    pub name: RelationName,
    /// The positions of the columns of its key if its changes come by key.
    pub key: Option<Vec<usize>>,
    /// Its columns as texts: whatever is not the same text is another column.
    pub columns: Vec<String>,
    /// The relations it is computed from, if a view makes it: it is begun anew when one of them is.
    pub made_of: Vec<RelationId>,
    /// How long a change is told again with its time although everything else is merged, microseconds.
    pub history: Time,
    /// When its rows are of no use any more, if that comes: in all of these ways.
    pub expiry: Option<Vec<Expiry>>,
}

/// What the store has of a relation.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The columns of its rows; nothing in the place of one that is not kept any more.
    pub columns: Vec<Option<String>>,
    /// Whether rows may end before the last of these.
    pub widened: bool,
    /// Of the rows whose moment lies before this some were let go, as they were of no use any more.
    pub gone: Option<Time>,
    /// The frontier from which on it has its content; nothing of a newcomer, which has none yet.
    pub since: Option<Time>,
}

/// A store that is open.
pub struct Store {
    disk: Arc<dyn Disk>,
    manifest: Mutex<Manifest>,
    ids: Ids,
    log: Log,
    /// How many bytes of records are not merged.
    unmerged: AtomicU64,
    /// Taken back when the store is dropped.
    _lock: Option<Lock>,
}

/// What a start found.
pub struct Opened {
    /// The store, ready for what comes.
    pub store: Store,
    /// How far each source had come; those that must begin anew are missing.
    pub resumes: BTreeMap<SourceId, Resume>,
    /// What it lacks of sources.
    pub lacks: BTreeMap<SourceId, Lack>,
    /// What it has of each relation.
    pub relations: BTreeMap<RelationId, Kept>,
    /// What relations were before, by what goes on with that.
    pub before: BeforeNow,
    /// The sources that are not there any more: what it had of them is gone.
    pub gone: Vec<String>,
}

/// The store's numbers of the running view set's sources and relations.
#[derive(Default)]
struct Ids {
    sources: HashMap<SourceId, u64>,
    relations: HashMap<RelationId, u64>,
    newcomers: HashMap<SourceId, Vec<u64>>,
}

impl record::Numbers for Ids {
    fn source(&self, source: SourceId) -> u64 {
        self.sources.get(&source).copied().unwrap_or(UNKNOWN)
    }

    fn relation(&self, relation: RelationId) -> u64 {
        self.relations.get(&relation).copied().unwrap_or(UNKNOWN)
    }

    fn newcomers(&self, source: SourceId) -> &[u64] {
        self.newcomers.get(&source).map_or(&[], Vec::as_slice)
    }
}

/// The number of nothing: what nobody declared is not read back.
const UNKNOWN: u64 = 0;

/// The log is merged when it has so many bytes, or half as many as the runs if that is more: what is merged at once is in memory, and
/// the runs are written anew.
const MERGE_BYTES: u64 = 64 << 20;

impl Store {
    /// Opens the store in a directory, which is made if there is none, for this process alone.
    pub fn open(directory: &Path, sources: &[Source]) -> Result<Opened, StoreError> {
        let opened = Directory::open(directory);
        let disk = opened.map_err(StoreError::io(format!("make {}", directory.display())))?;
        let lock = Lock::take(directory)?;
        let mut opened = Store::open_on(Arc::new(disk), sources)?;
        opened.store._lock = Some(lock);
        Ok(opened)
    }

    /// Opens a store on any disk.
    pub fn open_on(disk: Arc<dyn Disk>, sources: &[Source]) -> Result<Opened, StoreError> {
        let mut manifest = match Manifest::read(disk.as_ref())? {
            Some(manifest) => manifest,
            None => Manifest::new(RandomState::new().build_hasher().finish()),
        };
        let Scanned { next, mut reached, unmerged, complete } = scan::scan(disk.as_ref(), &manifest, true)?;
        manifest.complete(&complete);
        let before = manifest.clone();
        let has_told = |(id, reached): (&u64, &Reached)| reached.frontier.filter(|frontier| *frontier > 0).map(|_| *id);
        let told = reached.iter().filter_map(has_told).collect();
        let Adopted { ids, lacks, before: was, gone } = adopt(&mut manifest, sources, &mut reached);
        refuse(&lacks, sources)?;
        loses(&before, &manifest, &told, (sources, &ids))?;
        let relations = kept(&manifest, &ids);
        let resume = |source: &Source| {
            let Reached { frontier, positions, .. } = reached.remove(ids.sources.get(&source.id)?)?;
            Some((source.id, Resume { frontier: frontier?, positions }))
        };
        let resumes = sources.iter().filter_map(resume).collect();
        let store = Store::begin(disk, manifest, ids, next, unmerged)?;
        Ok(Opened { store, resumes, lacks, relations, before: was, gone })
    }

    /// Goes on behind the last frame.
    fn begin(
        disk: Arc<dyn Disk>,
        mut manifest: Manifest,
        ids: Ids,
        next: u64,
        unmerged: u64,
    ) -> Result<Store, StoreError> {
        manifest.reaches = next;
        manifest.write(disk.as_ref())?;
        remove_strays(disk.as_ref(), &manifest)?;
        let log = Log::begin(disk.clone(), manifest.incarnation, next)?;
        let (manifest, unmerged) = (Mutex::new(manifest), AtomicU64::new(unmerged));
        Ok(Store { disk, manifest, ids, log, unmerged, _lock: None })
    }

    /// Drawn when the store was made.
    pub fn incarnation(&self) -> String {
        self.manifest().shown_incarnation()
    }

    /// Notes the sinks of this run, with what each of them shows, and what these views mean.
    pub fn note_sinks(
        &self,
        sinks: BTreeMap<String, String>,
        views: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let mut manifest = self.manifest();
        if manifest.sinks == sinks && manifest.views.as_ref() == Some(&views) {
            return Ok(());
        }
        (manifest.sinks, manifest.views) = (sinks, Some(views));
        manifest.write(self.disk.as_ref())
    }

    /// What the views meant that the sinks of the last run showed; nothing if that was not noted.
    pub fn views(&self) -> Option<BTreeMap<String, String>> {
        self.manifest().views.clone()
    }

    /// How many bytes its log has, and the runs that it was merged into.
    pub fn bytes(&self) -> Result<(u64, u64), StoreError> {
        Ok((self.log.bytes()?, self.manifest().merged_bytes()))
    }

    /// Makes a tick durable.
    pub fn append(&self, tick: &Tick) -> Result<(), StoreError> {
        let mut record = Vec::new();
        record::write(tick, &self.ids, &mut record);
        self.log.append(&record)?;
        self.unmerged.fetch_add(record.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Gives everything the store holds of these sources: of each what lies below its time, and at least what is merged, as ticks of a
    /// snapshot, then the rest tick by tick as it was appended. Before the first `append`.
    pub fn replay(&self, below: &BTreeMap<SourceId, Time>, take: &mut replay::Take<'_>) -> Result<(), StoreError> {
        replay::replay(self.disk.as_ref(), &self.manifest(), &self.ids, below, take)
    }

    /// How many rows of each source are merged.
    pub fn rows(&self) -> BTreeMap<SourceId, u64> {
        let manifest = self.manifest();
        let rows = |stored: u64| {
            let relations = manifest.relations.values().filter(move |relation| relation.source == stored);
            relations.filter_map(|relation| relation.run).map(|run| run.rows).sum()
        };
        self.ids.sources.iter().map(|(id, stored)| (*id, rows(*stored))).collect()
    }

    /// The frontiers below which what the sources said is merged: it cannot be told tick by tick.
    pub fn merged(&self) -> BTreeMap<SourceId, Time> {
        merged(&self.manifest(), &self.ids)
    }

    /// Merges what lies below this time if it is much, and removes what is not needed any more. Returns whether there may be more.
    pub fn merge(&self, below: Time) -> Result<bool, StoreError> {
        let bytes = MERGE_BYTES.max(self.manifest().merged_bytes() / 2);
        if self.unmerged.load(Ordering::Relaxed) < bytes {
            return Ok(false);
        }
        self.compact(below, bytes)
    }

    /// Merges what lies below this time, about so many bytes at once. Returns whether there may be more.
    pub fn compact(&self, below: Time, bytes: u64) -> Result<bool, StoreError> {
        let mut manifest = self.manifest().clone();
        let end = self.log.next();
        let found = collect::collect(self.disk.as_ref(), &manifest, end, below, bytes)?;
        let is_merged = |(id, cut): (&u64, &Time)| manifest.sources.get(id).is_some_and(|source| source.cut == *cut);
        if found.deltas.is_empty() && found.cuts.iter().all(is_merged) {
            return Ok(false);
        }
        for (id, delta) in found.deltas {
            let number = manifest.number();
            let Some(relation) = manifest.relations.get_mut(&id) else { continue };
            let cut = found.cuts.get(&relation.source).copied().unwrap_or(0).saturating_sub(relation.history);
            let (run, gone) = delta.merge(self.disk.as_ref(), manifest.incarnation, relation, number, cut)?;
            (relation.run, relation.gone) = (Some(run), relation.gone.max(gone));
            reach("merge.run_written");
        }
        for (id, reached) in found.reached {
            let cut = found.cuts.get(&id).copied().unwrap_or(0);
            manifest.sources.entry(id).and_modify(|source| (source.reached, source.cut) = (reached, cut));
        }
        manifest.complete(&found.complete);
        (manifest.base, manifest.merged, manifest.reaches) = (found.base, found.end, self.log.next());
        manifest.write(self.disk.as_ref())?;
        reach("merge.named");
        *self.manifest() = manifest.clone();
        self.unmerged.fetch_sub(found.bytes.min(self.unmerged.load(Ordering::Relaxed)), Ordering::Relaxed);
        remove_strays(self.disk.as_ref(), &manifest)?;
        reach("merge.runs_removed");
        self.log.forget_below(manifest.base)?;
        Ok(found.end < end)
    }

    /// Notes how far the log reaches, so that a damage at its end is not taken for a crash.
    pub fn close(self) -> Result<(), StoreError> {
        let mut manifest = self.manifest().clone();
        manifest.reaches = self.log.next();
        manifest.write(self.disk.as_ref())
    }

    fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn merged(manifest: &Manifest, ids: &Ids) -> BTreeMap<SourceId, Time> {
    let merged = |(id, stored): (&SourceId, &u64)| Some((*id, manifest.sources.get(stored)?.cut));
    ids.sources.iter().filter_map(merged).filter(|(_, cut)| *cut > 0).collect()
}

/// Removes the runs that the manifest does not name: a crash came between writing and naming them, or naming and removing.
fn remove_strays(disk: &dyn Disk, manifest: &Manifest) -> Result<(), StoreError> {
    let named: BTreeSet<String> =
        manifest.relations.values().filter_map(|relation| relation.run).map(|run| run::name(run.number)).collect();
    let files = disk.list().map_err(StoreError::io("list its directory"))?;
    for (name, _) in files.into_iter().filter(|(name, _)| run::is_run(name) && !named.contains(name)) {
        disk.remove(&name).map_err(StoreError::io(format!("remove {name}")))?;
    }
    Ok(())
}
