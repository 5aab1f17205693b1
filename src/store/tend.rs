//! Tending a store that no view set runs on.

use super::disk::Directory;
use super::lock::Lock;
use super::manifest::Manifest;
use super::scan::{self, Scanned};
use super::{Ids, MERGE_BYTES, Store, StoreError};
use crate::value::Time;
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
    let mut store = Store::begin(Arc::new(disk), manifest, Ids::default(), next, unmerged)?;
    store._lock = Some(lock);
    let before = store.bytes()?;
    // A source without a frontier begins anew at the next start: nothing of it is read again.
    let below = reached.values().filter_map(|reached| reached.frontier).min().unwrap_or(0).saturating_sub(behind);
    while store.compact(below, MERGE_BYTES)? {}
    let after = store.bytes()?;
    store.close()?;
    Ok(Some(Compacted { before, after }))
}
