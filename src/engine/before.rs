//! Parts of views that go on although a table below them is read again, as other views read other columns of it: their own rows are
//! the same. Until the table's rows of now have come they have those of before, as the store keeps them, and from then on those of now.
//!
//! To the dataflow what a table was before is an input of its own, which is empty from then on. What must hold: nobody else sees it,
//! as it has nothing in the columns that others have come to read.

use super::assemble::Reach;
use super::keeping::Part;
use crate::dataflow::{InputRelation, Program};
use crate::plan::{Rel, View};
use crate::store::{Before, BeforeNow};
use crate::timeline::RelationId;
use crate::value::{Column, RelationKind, RelationName, Schema, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What tables were before.
#[derive(Default)]
pub(super) struct Past {
    pub(super) inputs: Vec<InputRelation>,
    /// By part, the tables below it, each with what it was.
    tables: BTreeMap<RelationId, Vec<(InputRelation, Vec<RelationName>)>>,
}

impl Past {
    /// What these inputs were.
    pub(super) fn new(inputs: &[InputRelation], before: &BeforeNow) -> Past {
        let mut past = Past::default();
        for (part, before) in before {
            let mut tables: BTreeMap<RelationId, (InputRelation, Vec<RelationName>)> = BTreeMap::new();
            for Before { id, of } in before {
                let Some(now) = inputs.iter().find(|input| input.id == *of) else { continue };
                let was = as_before(now, *id);
                tables.entry(*of).or_insert_with(|| (now.clone(), Vec::new())).1.push(was.name.clone());
                if past.inputs.iter().all(|known| known.id != was.id) {
                    past.inputs.push(was);
                }
            }
            past.tables.insert(*part, tables.into_values().collect());
        }
        past
    }

    /// Has the parts that go on read what tables were before.
    pub(super) fn put_into(&self, program: &mut Program, parts: &[Part]) {
        program.inputs.extend(self.inputs.iter().cloned());
        for (part, tables) in parts.iter().filter_map(|part| Some((part, self.tables.get(&part.rows.id)?))) {
            let whole: Vec<View> = tables.iter().map(|(now, before)| whole(&part.view, now, before)).collect();
            let names = tables.iter().zip(&whole).map(|((now, _), whole)| (now.name.clone(), whole.name.clone()));
            let mut copying =
                Copying { of: &part.view, views: &program.views, parts, names: names.collect(), copies: Vec::new() };
            let rel = program.views.iter().find(|view| view.name == part.view).map(|view| copying.rel(&view.rel));
            let copies = copying.copies;
            let own = program.views.iter_mut().find(|view| view.name == part.view);
            own.into_iter().zip(rel).for_each(|(view, rel)| view.rel = rel);
            program.whole.extend(whole.iter().map(|whole| whole.name.clone()));
            program.views.extend(whole.into_iter().chain(copies));
        }
    }
}

/// Who reads whom, but for what has all of its content from before.
pub(super) fn reach_of_newcomers(program: &Program) -> Reach {
    let views: Vec<View> = program.views.iter().filter(|view| !program.whole.contains(&view.name)).cloned().collect();
    Reach::new(&program.inputs, &views, &program.native)
}

/// A table as it was: whatever it did not have then is null.
fn as_before(now: &InputRelation, id: RelationId) -> InputRelation {
    let is_key = |place: &usize| now.schema.key.as_ref().is_some_and(|key| key.contains(place));
    let columns = now.schema.columns.iter().enumerate();
    let columns = columns.map(|(place, column)| Column { nullable: !is_key(&place), ..column.clone() }).collect();
    let schema = Arc::new(Schema { columns, key: now.schema.key.clone(), kind: RelationKind::Table });
    let name = RelationName { schema: "before".to_owned(), name: format!("{} {}", now.name, id.0) };
    InputRelation { id, name, schema, ..now.clone() }
}

/// A table's rows of before, and then those of now.
fn whole(part: &RelationName, now: &InputRelation, before: &[RelationName]) -> View {
    let types: Vec<Type> = now.schema.columns.iter().map(|column| column.ty.clone()).collect();
    let get = |name: &RelationName| Rel::Get { relation: name.clone(), columns: types.clone() };
    let name = RelationName { schema: part.to_string(), name: now.name.to_string() };
    let schema = Arc::new(Schema::table(now.schema.columns.clone(), None));
    View { name, schema, rel: Rel::Union { inputs: before.iter().chain([&now.name]).map(get).collect() } }
}

/// A part's plan being copied, with the views below it that read one of its tables.
struct Copying<'v> {
    of: &'v RelationName,
    views: &'v [View],
    parts: &'v [Part],
    /// What is read in the place of relations, as far as that was found out.
    names: BTreeMap<RelationName, RelationName>,
    copies: Vec<View>,
}

impl Copying<'_> {
    fn rel(&mut self, rel: &Rel) -> Rel {
        let mut rel = rel.clone();
        self.rename(&mut rel);
        rel
    }

    fn rename(&mut self, rel: &mut Rel) {
        if let Rel::Get { relation, .. } = rel {
            *relation = self.read(relation);
        }
        rel.inputs_mut().into_iter().for_each(|input| self.rename(input));
    }

    fn read(&mut self, name: &RelationName) -> RelationName {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        // Parts go on by themselves.
        let is_part = self.parts.iter().any(|part| part.view == *name);
        let view = self.views.iter().find(|view| view.name == *name && !is_part);
        let copy = view.map(|view| (view, self.rel(&view.rel))).filter(|(view, rel)| view.rel != *rel);
        let read = match copy {
            None => name.clone(),
            Some((view, rel)) => {
                let copied = RelationName { schema: self.of.to_string(), name: name.to_string() };
                self.copies.push(View { name: copied.clone(), schema: view.schema.clone(), rel });
                copied
            }
        };
        self.names.insert(name.clone(), read.clone());
        read
    }
}
