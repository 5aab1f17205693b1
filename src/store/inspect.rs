//! What a store holds, read beside the process that writes it.

use super::disk::{Directory, Disk};
use super::error::StoreError;
use super::log::{self, Frames};
use super::manifest::Manifest;
use super::run::RunReader;
use super::scan::{self, Scanned};
use super::segment;
use crate::timeline::Resume;
use std::io::ErrorKind;
use std::path::Path;

/// What a store holds.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Drawn when it was made.
    pub incarnation: String,
    /// The log's segments, and their bytes.
    pub log: (usize, u64),
    /// Its frames.
    pub frames: u64,
    /// The sources by name, with how far they have come; nothing of one that has not read its tables yet.
    pub sources: Vec<(String, Option<Resume>)>,
    /// What is merged: the source, the relation, its rows and bytes.
    pub merged: Vec<(String, String, u64, u64)>,
}

/// The incarnation of the store in a directory; nothing if there is no store.
pub fn incarnation(directory: &Path) -> Result<Option<String>, StoreError> {
    let disk = match Directory::existing(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(StoreError::io(format!("read {}", directory.display())))?,
    };
    Ok(Manifest::read(&disk)?.map(|manifest| manifest.shown_incarnation()))
}

/// How often a damage is looked at again: it may be a frame that was being written.
const LOOKS: usize = 3;

/// Reads the whole log of the store in a directory, and with `runs` what it was merged into too. Nothing is changed. The store may
/// be written to meanwhile.
pub fn inspect(directory: &Path, runs: bool) -> Result<Summary, StoreError> {
    let mut found = look(directory, runs);
    for _ in 1..LOOKS {
        if let Err(StoreError::Damaged { .. } | StoreError::Io { .. }) = found {
            found = look(directory, runs);
        }
    }
    found
}

fn look(directory: &Path, runs: bool) -> Result<Summary, StoreError> {
    let disk = Directory::existing(directory).map_err(StoreError::io(format!("read {}", directory.display())))?;
    let manifest = Manifest::read(&disk)?;
    let manifest = manifest.ok_or_else(|| StoreError::damaged("manifest", 0, "there is none: this is no store"))?;
    let Scanned { next, reached, .. } = scan::scan(&disk, &manifest, false)?;
    log::read(&disk, manifest.incarnation, Frames::From { first: manifest.base, mend: false }, &mut |_, records| {
        scan::check(records).map(|()| true)
    })?;
    let mut merged = Vec::new();
    for relation in manifest.relations.values() {
        let Some(run) = relation.run else { continue };
        if runs {
            let mut reader = RunReader::open(&disk, manifest.incarnation, run.number)?;
            while reader.next()?.is_some() {}
        }
        let source = manifest.sources.get(&relation.source).map(|source| source.name.clone()).unwrap_or_default();
        merged.push((source, relation.name.to_string(), run.rows, run.bytes));
    }
    let resume = |id| {
        let reached: &super::manifest::Reached = reached.get(id)?;
        Some(Resume { frontier: reached.frontier?, positions: reached.positions.clone() })
    };
    let files = disk.list().map_err(StoreError::io("list its directory"))?;
    let segments = files.iter().filter(|(name, _)| segment::is_segment(name));
    Ok(Summary {
        incarnation: manifest.shown_incarnation(),
        log: segments.fold((0, 0), |(count, bytes), (_, length)| (count + 1, bytes + length)),
        frames: next - manifest.base,
        sources: manifest.sources.iter().map(|(id, source)| (source.name.clone(), resume(id))).collect(),
        merged,
    })
}
