//! What of a store is the running view set's: its sources and relations find their numbers in it, or get new ones.
//!
//! What was stored under a number stays what it is: a relation of which other columns are read, or which has another key, gets a new
//! number. Of one of which fewer columns are read the others are not kept any more, and are null from then on.

use super::manifest::{self, Manifest, Reached};
use super::{Ids, Kept, Relation, Source, StoreError};
use crate::timeline::{RelationId, SourceId};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What a store lacks of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Everything, or a part of its first content.
    Whole,
    /// These relations as they are now; each with the columns that it has of it, if any.
    Relations(Vec<(RelationId, Option<Vec<String>>)>),
}

/// What the running view set was found to be.
pub(super) struct Adopted {
    pub(super) ids: Ids,
    /// What the store lacks. A source that takes newcomers goes on without them; others begin anew.
    pub(super) lacks: BTreeMap<SourceId, Lack>,
}

/// Gives the running sources and relations their numbers. A source that must begin anew gets new ones, and what the store has of it is
/// not read again.
pub(super) fn adopt(manifest: &mut Manifest, sources: &[Source], reached: &mut BTreeMap<u64, Reached>) -> Adopted {
    let (mut ids, mut lacks) = (Ids::default(), BTreeMap::new());
    for source in sources {
        let known = manifest.sources.iter().find(|(_, known)| known.name == source.name).map(|(id, _)| *id);
        let is_live = |id: &u64| reached.get(id).is_some_and(|reached| reached.frontier.is_some());
        let lack = match known.filter(is_live) {
            Some(id) => lacking(manifest, id, source, &ids),
            None => Some(Lack::Whole),
        };
        match (known, &lack) {
            (Some(id), None) => keep(manifest, id, source, &mut ids),
            (Some(id), Some(Lack::Relations(_))) if source.takes_newcomers => keep(manifest, id, source, &mut ids),
            (known, _) => {
                known.into_iter().for_each(|id| forget(manifest, id));
                add(manifest, source, &mut ids);
            }
        }
        lacks.extend(lack.map(|lack| (source.id, lack)));
    }
    let kept: BTreeSet<u64> = ids.sources.values().copied().collect();
    let gone: Vec<u64> = manifest.sources.keys().copied().filter(|id| !kept.contains(id)).collect();
    gone.into_iter().for_each(|id| forget(manifest, id));
    reached.retain(|id, _| kept.contains(id));
    Adopted { ids, lacks }
}

/// What the store has of the running relations.
pub(super) fn kept(manifest: &Manifest, ids: &Ids) -> BTreeMap<RelationId, Kept> {
    let kept = |(id, number): (&RelationId, &u64)| {
        let manifest::Relation { columns, since, .. } = manifest.relations.get(number)?;
        Some((*id, Kept { columns: columns.clone(), since: *since }))
    };
    ids.relations.iter().filter_map(kept).collect()
}

/// Which of the source's relations the store does not have as they are now.
fn lacking(manifest: &Manifest, id: u64, source: &Source, ids: &Ids) -> Option<Lack> {
    let lacking = source.relations.iter().filter(|relation| number(manifest, id, (source, relation), ids).is_none());
    let stored = |relation: &Relation| {
        let mut known = manifest.relations.values().filter(|known| known.source == id && known.since.is_some());
        let columns = known.find(|known| known.name == relation.name)?.columns.iter().flatten();
        Some(columns.cloned().collect())
    };
    let lacking: Vec<_> = lacking.map(|relation| (relation.id, stored(relation))).collect();
    (!lacking.is_empty()).then_some(Lack::Relations(lacking))
}

/// The number of a relation of the source, if the store has it as it is now.
fn number(manifest: &Manifest, id: u64, (source, relation): (&Source, &Relation), ids: &Ids) -> Option<u64> {
    let has_it = |known: &manifest::Relation| match source.takes_newcomers {
        true => relation.columns.iter().all(|column| known.columns.iter().flatten().any(|other| other == column)),
        false => known.columns.iter().map(Option::as_ref).eq(relation.columns.iter().map(Some)),
    };
    let has_key = |known: &manifest::Relation| {
        let columns = |key: &Vec<usize>| key.iter().map(|at| known.columns.get(*at)?.as_ref()).collect::<Vec<_>>();
        let wanted = |key: &Vec<usize>| key.iter().map(|at| relation.columns.get(*at)).collect::<Vec<_>>();
        known.key.as_ref().map(columns) == relation.key.as_ref().map(wanted)
    };
    let is_it = |known: &manifest::Relation| {
        known.source == id
            && known.name == relation.name
            && known.since.is_some()
            && has_it(known)
            && has_key(known)
            && known.made_of == made_of(relation, ids)
    };
    manifest.relations.iter().find(|(_, known)| is_it(known)).map(|(number, _)| *number)
}

/// Goes on with a source. What is not read of it any more is not told any more, so it must not be taken for known later.
fn keep(manifest: &mut Manifest, id: u64, source: &Source, ids: &mut Ids) {
    manifest.sources.entry(id).and_modify(|known| known.keeps_times = source.keeps_times);
    ids.sources.insert(source.id, id);
    let numbers: Vec<Option<u64>> =
        source.relations.iter().map(|relation| number(manifest, id, (source, relation), ids)).collect();
    if source.takes_newcomers {
        manifest.relations.retain(|number, known| known.source != id || numbers.contains(&Some(*number)));
    }
    for (relation, number) in source.relations.iter().zip(numbers) {
        match number.and_then(|number| Some((number, manifest.relations.get_mut(&number)?))) {
            Some((number, known)) => {
                let is_read = |column: &mut String| relation.columns.contains(column);
                (known.history, known.expiry) = (relation.history, relation.expiry.clone());
                known.columns.iter_mut().for_each(|column| drop(column.take_if(|column| !is_read(column))));
                ids.relations.insert(relation.id, number);
            }
            None => {
                let number = add_relation(manifest, id, relation, None, ids);
                ids.newcomers.entry(source.id).or_default().push(number);
            }
        }
    }
}

fn forget(manifest: &mut Manifest, source: u64) {
    manifest.sources.remove(&source);
    manifest.relations.retain(|_, relation| relation.source != source);
}

fn add(manifest: &mut Manifest, source: &Source, ids: &mut Ids) {
    let id = manifest.number();
    manifest.sources.insert(
        id,
        manifest::Source {
            name: source.name.clone(),
            keeps_times: source.keeps_times,
            cut: 0,
            reached: Reached::default(),
        },
    );
    ids.sources.insert(source.id, id);
    for relation in &source.relations {
        add_relation(manifest, id, relation, Some(0), ids);
    }
}

fn add_relation(manifest: &mut Manifest, source: u64, relation: &Relation, since: Option<Time>, ids: &mut Ids) -> u64 {
    let Relation { id, name, key, columns, history, expiry, .. } = relation.clone();
    let (number, made_of) = (manifest.number(), made_of(relation, ids));
    let columns = columns.into_iter().map(Some).collect();
    let relation = manifest::Relation { source, name, key, columns, since, made_of, history, expiry, run: None };
    manifest.relations.insert(number, relation);
    ids.relations.insert(id, number);
    number
}

/// The numbers of the relations that one is computed from. Their sources come before its own.
fn made_of(relation: &Relation, ids: &Ids) -> Vec<u64> {
    relation.made_of.iter().filter_map(|of| ids.relations.get(of)).copied().collect()
}

/// Refuses to let go of what a view that is still there has made and cannot make again.
pub(super) fn loses(before: &Manifest, manifest: &Manifest, sources: &[Source]) -> Result<(), StoreError> {
    let goes = |(id, relation): &(&u64, &manifest::Relation)| {
        let is_there = |source: &Source| source.relations.iter().any(|running| running.name == relation.name);
        before.cut(**id) > Some(0) && !manifest.relations.contains_key(*id) && sources.iter().any(is_there)
    };
    let lost = before.relations.iter().filter(|(_, relation)| !relation.made_of.is_empty()).filter(goes);
    let lost = lost.filter_map(|(_, relation)| Some((relation.view(), relation.run?.rows)));
    match lost.filter(|(_, rows)| *rows > 0).max_by_key(|(_, rows)| *rows) {
        Some((view, rows)) => Err(StoreError::Loses { view: view.to_owned(), rows }),
        None => Ok(()),
    }
}
