//! What a store keeps of views: the rows of operators that cannot be computed again from what is left of their inputs (`plan::take_out`).
//!
//! Each such part of a view is to the store a source of its own, with one relation. At a start it tells what the part had made up to
//! where its inputs are merged, and ends; from there on the part goes on.

use super::assemble::{Input, Reach};
use super::before::Past;
use crate::dataflow::{InputRelation, Kept, NativeView, Program};
use crate::plan::{self, View, settle};
use crate::store;
use crate::timeline::{RelationId, Rereads, SourceId};
use crate::value::{RelationName, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The views of a view set, taken apart.
#[derive(Default)]
pub(super) struct Keeping {
    views: Vec<View>,
    pub(super) parts: Vec<Part>,
    /// How long the rows of relations are of use; those that are missing are for ever.
    needs: BTreeMap<RelationName, settle::Needs>,
    /// How far back lookups may look at relations.
    history: BTreeMap<RelationName, Time>,
}

/// A part of a view.
pub(super) struct Part {
    /// Its own name, as a view.
    pub(super) view: RelationName,
    /// Of which view it is a part.
    pub(super) of: RelationName,
    /// Its rows, as the store tells them.
    pub(super) rows: InputRelation,
    /// The inputs it is computed from, and their sources.
    made_of: Vec<RelationId>,
    pub(super) sources: BTreeSet<SourceId>,
    /// What it means: of another meaning are other rows.
    meaning: String,
    /// Whether no Rust view is below it.
    is_sql: bool,
}

impl Keeping {
    /// Takes views apart, which stand each behind those it reads. `sources` is how many sources there are, and `shown` are the relations
    /// that are read by others than views.
    pub(super) fn new(
        views: &[View],
        (inputs, native): (&[Input], &[NativeView]),
        sources: usize,
        shown: &BTreeSet<RelationName>,
        meaning: &dyn Fn(&BTreeSet<RelationName>, &[View]) -> String,
        grid: Time,
    ) -> Keeping {
        let plan::TakenOut { views, kept } = plan::take_out(views);
        let of_native: BTreeSet<&RelationName> = native.iter().flat_map(|view| &view.inputs).collect();
        let needs = settle::needs(&views, grid, &|name| shown.contains(name) || of_native.contains(name));
        let reach = Reach::new(inputs.iter().map(|input| &input.relation), &views, native);
        let unused = inputs.iter().map(|input| input.relation.id.0 + 1).max().unwrap_or(0);
        let part = |(number, (view, of)): (usize, (&View, &RelationName))| {
            let (source, id) = (SourceId(sources + number), RelationId(unused + number));
            let depends = reach.closure(vec![view.name.clone()]);
            let name = RelationName { name: format!("{} before", view.name.name), ..view.name.clone() };
            let made_of = inputs.iter().filter(|input| depends.contains(&input.relation.name));
            Part {
                rows: InputRelation { id, source, name, schema: view.schema.clone(), upserts: false },
                view: view.name.clone(),
                of: of.clone(),
                made_of: made_of.map(|input| input.relation.id).collect(),
                sources: reach.sources(&view.name),
                meaning: meaning(&depends, &views),
                is_sql: native.iter().all(|view| !depends.contains(&view.name)),
            }
        };
        let taken = views.iter().filter_map(|view| Some((view, kept.get(&view.name)?)));
        let parts = taken.enumerate().map(part).collect();
        let history = plan::history(&views);
        Keeping { views, parts, needs, history }
    }

    /// Whether views need the times of a source's changes.
    pub(super) fn keeps_times(&self, source: SourceId) -> bool {
        self.parts.iter().any(|part| part.sources.contains(&source))
    }

    /// What the store is to know of an input's rows. A table is kept whole: a view that comes later reads it as it is, and what is
    /// stored of it is told as that. All columns are stored of what expires, so each has its place there.
    pub(super) fn of_input(
        &self,
        input: &InputRelation,
        mut relation: store::Relation,
        rereads: Rereads,
    ) -> store::Relation {
        relation.history = self.history.get(&input.name).copied().unwrap_or(0);
        let expires = rereads == Rereads::Nothing || input.schema.is_append_only();
        relation.expiry = self.expiry(&input.name).filter(|_| expires);
        relation
    }

    /// Whether all rows of a part are of use for ever.
    pub(super) fn needs_all(&self, part: &Part) -> bool {
        !self.needs.contains_key(&part.view)
    }

    fn expiry(&self, name: &RelationName) -> Option<Vec<store::Expiry>> {
        let session = |settle::Session { key, gap }: &settle::Session| store::Session { key: key.clone(), gap: *gap };
        let expiry = |settle::Need { column, after, session: of }: &settle::Need| store::Expiry {
            column: *column,
            after: *after,
            session: of.as_ref().map(session),
        };
        Some(self.needs.get(name)?.iter().map(expiry).collect())
    }

    /// The parts, as the store knows them.
    pub(super) fn sources(&self) -> impl Iterator<Item = store::Source> {
        self.parts.iter().map(|part| {
            let relation = store::Relation {
                id: part.rows.id,
                name: part.view.clone(),
                key: None,
                columns: vec![part.meaning.clone()],
                made_of: part.made_of.clone(),
                history: 0,
                expiry: self.expiry(&part.view),
            };
            let (id, name) = (part.rows.source, part.view.to_string());
            // What a Rust view was given before cannot be given to it beside what others are given.
            let rereads = if part.is_sql { Rereads::Relations } else { Rereads::Whole };
            store::Source { id, name, keeps_times: false, rereads, relations: vec![relation] }
        })
    }

    /// Puts the parts in the place of the views. `merged` says up to where the store has what a part has made, `past` what the tables
    /// below parts were before.
    pub(super) fn put_into(&self, program: &mut Program, merged: &BTreeMap<SourceId, Time>, past: &Past) {
        program.views = self.views.clone();
        for Part { view, of, rows, .. } in &self.parts {
            program.sources.push(rows.source);
            program.inputs.push(rows.clone());
            let from = merged.get(&rows.source).copied().unwrap_or(0);
            program.kept.push(Kept { view: view.clone(), of: of.clone(), rows: rows.name.clone(), from });
        }
        past.put_into(program, &self.parts);
    }
}
