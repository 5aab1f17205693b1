//! A store as a start would find it, read beside whoever writes to it. Nothing of it is changed.

use super::adopt::{adopt, is_known};
use super::disk::Directory;
use super::error::StoreError;
use super::manifest::{Manifest, Reached};
use super::scan::Scanned;
use super::{Ids, Source, merged, replay, scan};
use crate::timeline::{RelationId, Resume, SourceId};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

/// A store that is only read.
pub struct Reading {
    /// How far each source had come; those that must begin anew are missing.
    pub resumes: BTreeMap<SourceId, Resume>,
    /// Why these must.
    pub anew: BTreeMap<SourceId, Anew>,
    /// Those of which the last run came to the end.
    pub ended: BTreeSet<SourceId>,
    disk: Directory,
    manifest: Manifest,
    ids: Ids,
}

/// Why a source must begin anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anew {
    /// The store has nothing of it, or not all of its first content.
    Unread,
    /// The store does not have these relations as they are now; each with its definition there, if it has one.
    Others(Vec<(RelationId, Option<String>)>),
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
        let Scanned { mut reached, .. } = scan::scan(&disk, &manifest, false)?;
        let anew = |source: &Source| Some((source.id, anew(&manifest, source, &reached)?));
        let anew = sources.iter().filter_map(anew).collect();
        let ids = adopt(&mut manifest, sources, &mut reached);
        let resume = |(id, stored): (&SourceId, &u64)| {
            let Reached { frontier, positions, .. } = reached.get(stored)?.clone();
            Some((*id, Resume { frontier: frontier?, positions }))
        };
        let resumes: BTreeMap<SourceId, Resume> = ids.sources.iter().filter_map(resume).collect();
        let has_ended = |id: &SourceId| reached.get(&ids.sources[id]).is_some_and(|reached| reached.ended);
        let ended = resumes.keys().copied().filter(has_ended).collect();
        Ok(Some(Reading { resumes, anew, ended, disk, manifest, ids }))
    }

    /// Drawn when the store was made.
    pub fn incarnation(&self) -> String {
        self.manifest.shown_incarnation()
    }

    /// The sinks of the last run, with what each of them showed.
    pub fn sinks(&self) -> &BTreeMap<String, String> {
        &self.manifest.sinks
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

/// Why a source must begin anew, if it must: as `adopt` decides.
fn anew(manifest: &Manifest, source: &Source, reached: &BTreeMap<u64, Reached>) -> Option<Anew> {
    let known = manifest.sources.iter().find(|(_, known)| known.name == source.name).map(|(id, _)| *id);
    let is_live = |id: &u64| reached.get(id).is_some_and(|reached| reached.frontier.is_some());
    let Some(id) = known.filter(is_live) else { return Some(Anew::Unread) };
    let others = source.relations.iter().filter(|relation| {
        let mut relations = manifest.relations.values();
        !relations.any(|known| is_known(known, id, relation))
    });
    let stored = |name| {
        let mut relations = manifest.relations.values();
        relations.find(|known| known.source == id && known.name == name).map(|known| known.definition.clone())
    };
    let others: Vec<_> = others.map(|relation| (relation.id, stored(relation.name.clone()))).collect();
    (!others.is_empty()).then_some(Anew::Others(others))
}
