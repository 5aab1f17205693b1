//! A store as a start would find it, read beside whoever writes to it. Nothing of it is changed.

use super::adopt::{Adopted, BeforeNow, Lack, adopt, kept};
use super::disk::Directory;
use super::error::StoreError;
use super::manifest::{Manifest, Reached};
use super::scan::{self, Scanned};
use super::{Ids, Kept, Source, merged, replay};
use crate::timeline::{RelationId, Resume, SourceId};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

/// A store that is only read.
pub struct Reading {
    /// How far each source had come; those that must begin anew are missing.
    pub resumes: BTreeMap<SourceId, Resume>,
    /// What the store lacks of sources.
    pub lacks: BTreeMap<SourceId, Lack>,
    /// What it has of each relation.
    pub relations: BTreeMap<RelationId, Kept>,
    /// What relations were before, by what goes on with that.
    pub before: BeforeNow,
    /// The sources that are not there any more.
    pub gone: Vec<String>,
    /// The sources of which the last run came to the end.
    pub ended: BTreeSet<SourceId>,
    disk: Directory,
    manifest: Manifest,
    ids: Ids,
}

impl Reading {
    /// Reads the store in a directory for these sources; nothing if there is none. It may be written to meanwhile, and reading it
    /// may then fail and succeed the next time.
    pub fn open(directory: &Path, sources: &[Source]) -> Result<Option<Reading>, StoreError> {
        let disk = match Directory::existing(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(StoreError::io(format!("read {}", directory.display())))?,
        };
        let Some(mut manifest) = Manifest::read(&disk)? else { return Ok(None) };
        let Scanned { mut reached, complete, .. } = scan::scan(&disk, &manifest, false)?;
        manifest.complete(&complete);
        let Adopted { ids, lacks, before, gone } = adopt(&mut manifest, sources, &mut reached);
        let relations = kept(&manifest, &ids);
        let resume = |(id, stored): (&SourceId, &u64)| {
            let Reached { frontier, positions, .. } = reached.get(stored)?.clone();
            Some((*id, Resume { frontier: frontier?, positions }))
        };
        let resumes: BTreeMap<SourceId, Resume> = ids.sources.iter().filter_map(resume).collect();
        let has_ended = |id: &SourceId| reached.get(&ids.sources[id]).is_some_and(|reached| reached.ended);
        let ended = resumes.keys().copied().filter(has_ended).collect();
        Ok(Some(Reading { resumes, lacks, relations, before, gone, ended, disk, manifest, ids }))
    }

    /// Drawn when the store was made.
    pub fn incarnation(&self) -> String {
        self.manifest.shown_incarnation()
    }

    /// The sinks of the last run, with what each of them showed.
    pub fn sinks(&self) -> &BTreeMap<String, String> {
        &self.manifest.sinks
    }

    /// What the views meant that they showed; nothing if that was not noted.
    pub fn views(&self) -> Option<&BTreeMap<String, String>> {
        self.manifest.views.as_ref()
    }

    /// As `Store::merged`.
    pub fn merged(&self) -> BTreeMap<SourceId, Time> {
        merged(&self.manifest, &self.ids)
    }

    /// As `Store::replay`.
    pub fn replay(&self, below: &BTreeMap<SourceId, Time>, take: &mut replay::Take<'_>) -> Result<(), StoreError> {
        replay::replay(&self.disk, &self.manifest, &self.ids, below, take)
    }
}
