//! Tending a store that no view set runs on.

use super::disk::Directory;
use super::lock::Lock;
use super::manifest::{self, Manifest};
use super::scan::{self, Scanned};
use super::{Ids, MERGE_BYTES, Store, StoreError, remove_strays};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What became of a store's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Those of the log and of the runs before.
    pub before: (u64, u64),
    /// And after.
    pub after: (u64, u64),
}

/// Merges what lies so far behind the least frontier of the sources, of the store in a directory; nothing if there is no store.
pub fn compact(directory: &Path, behind: Time) -> Result<Option<Compacted>, StoreError> {
    if super::incarnation(directory)?.is_none() {
        return Ok(None);
    }
    let lock = Lock::take(directory)?;
    let disk = Directory::existing(directory).map_err(StoreError::io(format!("read {}", directory.display())))?;
    let Some(manifest) = Manifest::read(&disk)? else { return Ok(None) };
    let Scanned { next, reached, unmerged, .. } = scan::scan(&disk, &manifest, true)?;
    // A source without a frontier begins anew at the next start: nothing of it is read again. What views made follows the sources.
    let sources = reached.iter().filter(|(source, _)| !manifest.is_made(**source));
    let below = sources.filter_map(|(_, reached)| reached.frontier).min().unwrap_or(0).saturating_sub(behind);
    let mut store = Store::begin(Arc::new(disk), manifest, Ids::default(), next, unmerged)?;
    store._lock = Some(lock);
    let before = store.bytes()?;
    while store.compact(below, MERGE_BYTES)? {}
    let after = store.bytes()?;
    store.close()?;
    Ok(Some(Compacted { before, after }))
}

/// What was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing: there is no store.
    NoStore,
    /// Nothing: the store has nothing of that name.
    Nothing,
    /// So many rows that a view made.
    View(u64),
    /// What is stored of a source.
    Source,
}

/// Lets go of what a view has made, or else of what a source has told, of the store in a directory.
pub fn forget(directory: &Path, name: &str) -> Result<Forgotten, StoreError> {
    if super::incarnation(directory)?.is_none() {
        return Ok(Forgotten::NoStore);
    }
    let _lock = Lock::take(directory)?;
    let disk = Directory::existing(directory).map_err(StoreError::io(format!("read {}", directory.display())))?;
    let Some(mut manifest) = Manifest::read(&disk)? else { return Ok(Forgotten::NoStore) };
    let is_its = |relation: &manifest::Relation| !relation.made_of.is_empty() && relation.view() == name;
    let made = manifest.relations.values().filter(|relation| is_its(relation));
    let (mut sources, rows): (BTreeSet<u64>, Vec<u64>) =
        made.map(|relation| (relation.source, relation.run.map_or(0, |run| run.rows))).unzip();
    let told = manifest.sources.iter().filter(|(id, source)| source.name == name && !manifest.is_made(**id));
    let told: BTreeSet<u64> = told.map(|(id, _)| *id).collect();
    let forgotten = match (sources.is_empty(), told.is_empty()) {
        (false, _) => Forgotten::View(rows.into_iter().sum()),
        (true, false) => Forgotten::Source,
        (true, true) => return Ok(Forgotten::Nothing),
    };
    if sources.is_empty() {
        sources = told;
    }
    manifest.sources.retain(|id, _| !sources.contains(id));
    manifest.relations.retain(|_, relation| !sources.contains(&relation.source));
    // Whatever has to do with it begins: nothing is known of what was shown.
    manifest.views = Some(BTreeMap::new());
    manifest.write(&disk)?;
    remove_strays(&disk, &manifest)?;
    Ok(forgotten)
}
