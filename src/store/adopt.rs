//! What of a store is the running view set's: its sources and relations find their numbers in it, or get new ones.
//!
//! What was stored under a number stays what it is: a relation of which other columns are read, or which has another key, gets a new
//! number. Of one of which fewer columns are read the others are not kept any more, and are null from then on. What cannot be read again
//! keeps its number, and is widened (`declared.rs`).
//!
//! Of a relation that is read again under a new number the store keeps the one before as long as what views made of it goes on: these
//! have the rows of before until those that are read have come.

use super::manifest::{self, Manifest, Reached};
use super::{Expiry, Ids, Kept, Relation, Session, Source, StoreError, declared};
use crate::timeline::{RelationId, Rereads, SourceId};
use crate::value::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What a store lacks of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Everything, or a part of its first content.
    Whole,
    /// These relations as they are now; each with the columns that it has of it, if any.
    Relations(Vec<(RelationId, Option<Vec<String>>)>),
    /// These columns, of relations that cannot be read again: in what was stored before they are null.
    Columns(Vec<(RelationId, Vec<String>)>),
    /// These relations, which cannot be read again, are not what is stored: it does not go on. Why is said in words.
    Changed(Vec<(RelationId, String)>),
}

/// What the running view set was found to be.
pub(super) struct Adopted {
    pub(super) ids: Ids,
    /// What the store lacks. A source of which relations can be read again goes on without them; others begin anew.
    pub(super) lacks: BTreeMap<SourceId, Lack>,
    /// By what views made and goes on.
    pub(super) before: BeforeNow,
    /// The sources that are not there any more, by name.
    pub(super) gone: Vec<String>,
}

/// What relations were before that are read again, or were: for what views made of them and go on with until those of now have come.
/// Each has an id of its own, above those of all relations.
pub type BeforeNow = BTreeMap<RelationId, Vec<Before>>;

/// What a relation was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its id in ticks.
    pub id: RelationId,
    /// What it is now.
    pub of: RelationId,
}

/// Gives the running sources and relations their numbers. A source that must begin anew gets new ones, and what the store has of it is
/// not read again.
pub(super) fn adopt(manifest: &mut Manifest, sources: &[Source], reached: &mut BTreeMap<u64, Reached>) -> Adopted {
    let (mut ids, mut lacks) = (Ids::default(), BTreeMap::new());
    for source in sources {
        let known = manifest.sources.iter().find(|(_, known)| known.name == source.name).map(|(id, _)| *id);
        let is_live = |id: &u64| reached.get(id).is_some_and(|reached| reached.frontier.is_some());
        // What has told nothing so far has nothing to lose.
        let lack = match known.filter(|id| is_live(id) || source.is_made()) {
            Some(id) if source.rereads == Rereads::Nothing => declared::widen(manifest, id, source),
            Some(id) => lacking(manifest, id, source, &ids),
            None => Some(Lack::Whole),
        };
        match (known, &lack) {
            (Some(id), None | Some(Lack::Columns(_))) => keep(manifest, id, source, &mut ids),
            (Some(id), Some(Lack::Relations(_))) if source.takes_newcomers() => keep(manifest, id, source, &mut ids),
            (known, _) => {
                known.into_iter().for_each(|id| forget(manifest, id));
                add(manifest, source, &mut ids);
            }
        }
        lacks.extend(lack.map(|lack| (source.id, lack)));
    }
    let kept: BTreeSet<u64> = ids.sources.values().copied().collect();
    let gone: Vec<u64> = manifest.sources.keys().copied().filter(|id| !kept.contains(id)).collect();
    let is_source =
        |id: &u64| !manifest.is_made(*id) && sources.iter().all(|source| source.name != manifest.sources[id].name);
    let names = gone.iter().copied().filter(is_source).map(|id| manifest.sources[&id].name.clone()).collect();
    gone.into_iter().for_each(|id| forget(manifest, id));
    reached.retain(|id, _| kept.contains(id));
    let before = before_now(manifest, sources, &mut ids, &lacks);
    Adopted { ids, lacks, before, gone: names }
}

/// What the store has of the running relations.
pub(super) fn kept(manifest: &Manifest, ids: &Ids) -> BTreeMap<RelationId, Kept> {
    let kept = |(id, number): (&RelationId, &u64)| {
        let manifest::Relation { columns, since, widened, gone, .. } = manifest.relations.get(number)?;
        Some((*id, Kept { columns: columns.clone(), since: *since, widened: *widened, gone: *gone }))
    };
    ids.relations.iter().filter_map(kept).collect()
}

/// Which of the source's relations the store does not have as they are now.
fn lacking(manifest: &Manifest, id: u64, source: &Source, ids: &Ids) -> Option<Lack> {
    let lacking = source.relations.iter().filter(|relation| number(manifest, id, (source, relation), ids).is_none());
    let stored = |relation: &Relation| {
        let columns = manifest.relations.get(&latest(manifest, id, relation)?)?.columns.iter().flatten();
        Some(columns.cloned().collect())
    };
    let lacking: Vec<_> = lacking.map(|relation| (relation.id, stored(relation))).collect();
    (!lacking.is_empty()).then_some(Lack::Relations(lacking))
}

/// The number of a relation of the source, if the store has it as it is now.
fn number(manifest: &Manifest, id: u64, (source, relation): (&Source, &Relation), ids: &Ids) -> Option<u64> {
    let number = latest(manifest, id, relation)?;
    let known = manifest.relations.get(&number)?;
    let has_it = match source.rereads {
        Rereads::Relations | Rereads::Nothing => {
            relation.columns.iter().all(|column| known.columns.iter().flatten().any(|other| other == column))
        }
        Rereads::Whole => known.columns.iter().map(Option::as_ref).eq(relation.columns.iter().map(Some)),
    };
    (has_it && has_key(known, relation) && is_made_of(known, (source, relation), manifest, ids)).then_some(number)
}

/// All that is stored of a relation that has content: what it is, behind what it was before.
fn generations(manifest: &Manifest, id: u64, relation: &Relation) -> Vec<u64> {
    let is_it = |known: &manifest::Relation| known.source == id && known.name == relation.name && known.since.is_some();
    manifest.relations.iter().filter(|(_, known)| is_it(known)).map(|(number, _)| *number).collect()
}

fn latest(manifest: &Manifest, id: u64, relation: &Relation) -> Option<u64> {
    generations(manifest, id, relation).pop()
}

fn has_key(known: &manifest::Relation, relation: &Relation) -> bool {
    let columns = |key: &Vec<usize>| key.iter().map(|at| known.columns.get(*at)?.as_ref()).collect::<Vec<_>>();
    let wanted = |key: &Vec<usize>| key.iter().map(|at| relation.columns.get(*at)).collect::<Vec<_>>();
    known.key.as_ref().map(columns) == relation.key.as_ref().map(wanted)
}

/// Whether it was made of what the running relation is made of: of the same rows, or of those that were there before the ones of now.
fn is_made_of(
    known: &manifest::Relation,
    (source, relation): (&Source, &Relation),
    manifest: &Manifest,
    ids: &Ids,
) -> bool {
    let is_known = |of: &RelationId| {
        let is_it = |number: &u64| known.made_of.contains(number);
        let was = |now: &u64| source.rereads == Rereads::Relations && before(manifest, *now).iter().any(is_it);
        ids.relations.get(of).is_some_and(|now| is_it(now) || was(now))
    };
    known.made_of.len() == relation.made_of.len() && relation.made_of.iter().all(is_known)
}

/// What a relation was before it was read again.
fn before(manifest: &Manifest, now: u64) -> Vec<u64> {
    let Some(relation) = manifest.relations.get(&now) else { return Vec::new() };
    let is_its = |known: &manifest::Relation| known.source == relation.source && known.name == relation.name;
    let others = manifest.relations.iter().filter(|(number, known)| **number < now && is_its(known));
    others.map(|(number, _)| *number).collect()
}

/// Goes on with a source. What is not read of it any more is not told any more, so it must not be taken for known later.
fn keep(manifest: &mut Manifest, id: u64, source: &Source, ids: &mut Ids) {
    manifest.sources.entry(id).and_modify(|known| known.keeps_times = source.keeps_times);
    ids.sources.insert(source.id, id);
    let numbers: Vec<Option<u64>> =
        source.relations.iter().map(|relation| number(manifest, id, (source, relation), ids)).collect();
    if source.takes_newcomers() {
        // What a relation was by another key is no part of it.
        let has_key = |relation: &&Relation| {
            latest(manifest, id, relation).is_some_and(|number| has_key(&manifest.relations[&number], relation))
        };
        let with_before = source.relations.iter().filter(has_key);
        let kept: BTreeSet<u64> = with_before.flat_map(|relation| generations(manifest, id, relation)).collect();
        manifest.relations.retain(|number, known| known.source != id || kept.contains(number));
    }
    for (relation, number) in source.relations.iter().zip(numbers) {
        match number.and_then(|number| Some((number, manifest.relations.get_mut(&number)?))) {
            Some((number, known)) => {
                let is_read = |column: &mut String| relation.columns.contains(column);
                known.history = relation.history;
                known.expiry = relation.expiry.as_deref().map(|expiry| stored_expiry(expiry, relation, &known.columns));
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

/// The same in the columns that are stored. What a view made has no names for its columns, and keeps them as they are.
fn stored_expiry(expiry: &[Expiry], relation: &Relation, stored: &[Option<String>]) -> Vec<Expiry> {
    let place = |column: &usize| {
        let name = relation.columns.get(*column).filter(|_| relation.made_of.is_empty());
        name.and_then(|name| stored.iter().position(|stored| stored.as_ref() == Some(name))).unwrap_or(*column)
    };
    let in_stored = |Expiry { column, after, session }: &Expiry| Expiry {
        column: place(column),
        after: *after,
        session: session
            .as_ref()
            .map(|Session { key, gap }| Session { key: key.iter().map(place).collect(), gap: *gap }),
    };
    expiry.iter().map(in_stored).collect()
}

/// What goes on with what relations were before, each with what was there when it began. What nothing goes on with is let go.
fn before_now(
    manifest: &mut Manifest,
    sources: &[Source],
    ids: &mut Ids,
    lacks: &BTreeMap<SourceId, Lack>,
) -> BeforeNow {
    let made = sources.iter().filter(|source| source.is_made() && !lacks.contains_key(&source.id));
    let all = sources.iter().flat_map(|source| &source.relations);
    let unused = all.map(|relation| relation.id.0 + 1).max().unwrap_or(0);
    let (mut found, mut running): (BeforeNow, BTreeMap<u64, RelationId>) = Default::default();
    for relation in made.flat_map(|source| &source.relations) {
        let Some(number) = ids.relations.get(&relation.id) else { continue };
        let mut made_of = Vec::new();
        for of in &relation.made_of {
            let Some(now) = ids.relations.get(of) else { continue };
            let was = before(manifest, *now);
            let first = manifest.relations[number].made_of.iter().find(|made_of| was.contains(made_of));
            let is_of_use =
                |number: &u64| first.is_some_and(|first| number >= first) && is_left(manifest, *number, *now);
            let was: Vec<u64> = was.into_iter().filter(is_of_use).collect();
            made_of.push(was.first().copied().unwrap_or(*now));
            for number in was {
                let next = RelationId(unused + running.len());
                let id = *running.entry(number).or_insert(next);
                found.entry(relation.id).or_default().push(Before { id, of: *of });
            }
        }
        manifest.relations.entry(*number).and_modify(|known| known.made_of = made_of);
    }
    let was: Vec<u64> = ids.relations.values().flat_map(|now| before(manifest, *now)).collect();
    manifest.relations.retain(|number, _| !was.contains(number) || running.contains_key(number));
    ids.relations.extend(running.into_iter().map(|(number, id)| (id, number)));
    found
}

/// Whether something of what a relation was before is not merged with what it is now.
fn is_left(manifest: &Manifest, before: u64, now: u64) -> bool {
    let since = manifest.relations.get(&now).and_then(|now| now.since);
    manifest.cut(before).is_some_and(|cut| since.is_none_or(|since| cut < since))
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
    let (columns, widened, gone) = (columns.into_iter().map(Some).collect(), false, None);
    let relation =
        manifest::Relation { source, name, key, columns, widened, since, made_of, history, expiry, gone, run: None };
    manifest.relations.insert(number, relation);
    ids.relations.insert(id, number);
    number
}

/// The numbers of the relations that one is computed from. Their sources come before its own.
fn made_of(relation: &Relation, ids: &Ids) -> Vec<u64> {
    relation.made_of.iter().filter_map(|of| ids.relations.get(of)).copied().collect()
}

/// Refuses to let go of what a view that is still there has made and cannot make again: of events that are gone, or with a table that is
/// read again, which it does not have as it was. `told` are the sources that have told something.
pub(super) fn loses(
    before: &Manifest,
    manifest: &Manifest,
    told: &BTreeSet<u64>,
    (sources, ids): (&[Source], &Ids),
) -> Result<(), StoreError> {
    let running = sources.iter().flat_map(|source| &source.relations);
    let now: BTreeSet<u64> = running.filter_map(|relation| ids.relations.get(&relation.id)).copied().collect();
    // Of a source that begins anew all comes again.
    let goes_on = |known: &manifest::Relation| ids.sources.values().any(|source| *source == known.source);
    let is_read_again = |of: &u64| before.relations.get(of).is_some_and(goes_on) && !now.contains(of);
    let goes = |(id, relation): &(&u64, &manifest::Relation)| {
        let is_there = |source: &Source| source.relations.iter().any(|running| running.name == relation.name);
        !manifest.relations.contains_key(*id) && sources.iter().any(is_there)
    };
    let made = before.relations.iter().filter(|(_, relation)| !relation.made_of.is_empty());
    let lost = made.filter(goes).filter_map(|(id, relation)| {
        let rows = relation.run.map(|run| run.rows).filter(|rows| *rows > 0 && before.cut(*id) > Some(0));
        let is_read_again = told.contains(&relation.source) && relation.made_of.iter().any(is_read_again);
        match rows {
            Some(rows) => Some((rows, relation.view(), format!("{rows} rows that it made of events that are gone"))),
            None if is_read_again => {
                let what = "what it made with what is read again now, as that was before,";
                Some((0, relation.view(), what.to_owned()))
            }
            None => None,
        }
    });
    match lost.max_by_key(|(rows, ..)| *rows) {
        Some((_, view, what)) => Err(StoreError::Loses { view: view.to_owned(), what }),
        None => Ok(()),
    }
}

/// Refuses to let go of what a source has told that cannot be told again.
pub(super) fn refuse(lacks: &BTreeMap<SourceId, Lack>, sources: &[Source]) -> Result<(), StoreError> {
    let changed = lacks.iter().find_map(|(id, lack)| match lack {
        Lack::Changed(changed) => Some((id, changed)),
        Lack::Whole | Lack::Relations(_) | Lack::Columns(_) => None,
    });
    let Some((id, changed)) = changed else { return Ok(()) };
    let source = sources.iter().find(|source| source.id == *id);
    let relations = source.iter().flat_map(|source| &source.relations);
    let what = relations.filter_map(|relation| {
        let (_, why) = changed.iter().find(|(id, _)| *id == relation.id)?;
        Some(format!("{}: {why}", relation.name))
    });
    let what = what.collect::<Vec<_>>().join("; ");
    Err(StoreError::Declared { name: source.map(|source| source.name.clone()).unwrap_or_default(), what })
}
