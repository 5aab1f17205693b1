//! What of a store is the running view set's: its sources and relations find their numbers in it, or get new ones.

use super::manifest::{self, Manifest, Reached};
use super::{Ids, Relation, Source};
use crate::timeline::RelationId;
use std::collections::{BTreeMap, BTreeSet};

/// Gives the running sources and relations their numbers. What is new, was changed, or did not get through its snapshot gets new
/// ones: the source then begins anew, and what the store has of it is not read again.
pub(super) fn adopt(manifest: &mut Manifest, sources: &[Source], reached: &mut BTreeMap<u64, Reached>) -> Ids {
    let mut ids = Ids::default();
    for source in sources {
        let known = manifest.sources.iter().find(|(_, known)| known.name == source.name).map(|(id, _)| *id);
        let is_live = |id: &u64| reached.get(id).is_some_and(|reached| reached.frontier.is_some());
        let relations = known.filter(is_live).and_then(|id| known_relations(manifest, id, source, &ids));
        match (known, relations) {
            (Some(id), Some(relations)) => {
                manifest.sources.entry(id).and_modify(|known| known.keeps_times = source.keeps_times);
                ids.sources.insert(source.id, id);
                for (relation, (running, number)) in source.relations.iter().zip(relations) {
                    manifest.relations.entry(number).and_modify(|known| {
                        (known.history, known.expiry) = (relation.history, relation.expiry);
                    });
                    ids.relations.insert(running, number);
                }
            }
            (known, _) => {
                known.into_iter().for_each(|id| forget(manifest, id));
                add(manifest, source, &mut ids);
            }
        }
    }
    let kept: BTreeSet<u64> = ids.sources.values().copied().collect();
    let gone: Vec<u64> = manifest.sources.keys().copied().filter(|id| !kept.contains(id)).collect();
    gone.into_iter().for_each(|id| forget(manifest, id));
    reached.retain(|id, _| kept.contains(id));
    ids
}

/// The numbers of the source's relations, if the store has all of them as they are now.
fn known_relations(manifest: &Manifest, source_id: u64, source: &Source, ids: &Ids) -> Option<Vec<(RelationId, u64)>> {
    let number = |relation: &Relation| {
        let mut known = manifest.relations.iter();
        let of_same = |known: &manifest::Relation| known.made_of == made_of(relation, ids);
        let known = known.find(|(_, known)| is_known(known, source_id, relation) && of_same(known));
        known.map(|(id, _)| (relation.id, *id))
    };
    source.relations.iter().map(number).collect()
}

/// Whether a relation of the store is this one of that source, as it is now.
pub(super) fn is_known(known: &manifest::Relation, source_id: u64, relation: &Relation) -> bool {
    known.source == source_id
        && known.name == relation.name
        && known.key == relation.key
        && known.definition == relation.definition
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
        let number = manifest.number();
        let Relation { id: running, name, key, definition, history, expiry, .. } = relation.clone();
        let made_of = made_of(relation, ids);
        let relation = manifest::Relation { source: id, name, key, definition, made_of, history, expiry, run: None };
        manifest.relations.insert(number, relation);
        ids.relations.insert(running, number);
    }
}

/// The numbers of the relations that one is computed from. Their sources come before its own.
fn made_of(relation: &Relation, ids: &Ids) -> Vec<u64> {
    relation.made_of.iter().filter_map(|of| ids.relations.get(of)).copied().collect()
}
