//! A program that was checked: its relations in an order in which each one's inputs come before it.

use super::native::NativeView;
use super::program::{DataflowError, InputRelation, Kept, Program, Unique, error_schema, errors_of};
use super::shape::{Relations, columns};
use crate::plan::{View, append_only};
use crate::timeline::SourceId;
use crate::value::{Column, RelationName, Schema};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a dataflow is rendered from; the same on every worker.
pub struct Blueprint {
    /// The sources, in the order of their places.
    pub sources: Vec<SourceId>,
    /// All relations, inputs first.
    pub relations: Vec<Relation>,
    /// The place of each relation.
    pub places: HashMap<RelationName, usize>,
    /// Whether changes of the relation at that place keep their times on a refresh grid: lookups compare them with those of rows.
    pub exact: Vec<bool>,
    /// Views that go on, by name.
    pub kept: HashMap<RelationName, Kept>,
    /// Views that have all their content from the beginning.
    whole: BTreeSet<RelationName>,
    /// Relations with enforced keys; each stands right behind the one whose rows it has.
    uniques: Vec<Unique>,
}

/// A relation and where it comes from.
pub struct Relation {
    /// Its name.
    pub name: RelationName,
    /// Its shape; columns of views are nullable as their definition shows.
    pub schema: Arc<Schema>,
    /// Whether none of its rows is ever retracted.
    pub append_only: bool,
    /// The places of the sources whose changes reach it.
    pub sources: BTreeSet<usize>,
    /// The places of the inputs among what it is computed from that have no content before a frontier of their source.
    pub late: BTreeSet<usize>,
    /// Its definition.
    pub definition: Definition,
}

/// Where a relation comes from.
pub enum Definition {
    /// A source.
    Input(InputRelation),
    /// A SQL view.
    View(View),
    /// A Rust view.
    Native(NativeView),
    /// The errors of the view at that place.
    ErrorsOf(usize),
    /// The relation at that place with its key enforced.
    Unique(usize, Unique),
}

impl Relations for Blueprint {
    fn columns(&self, relation: &RelationName) -> Option<&[Column]> {
        self.places.get(relation).map(|place| self.relations[*place].schema.columns.as_slice())
    }
}

impl Blueprint {
    /// Checks a program and orders it.
    pub fn new(program: &Program) -> Result<Blueprint, DataflowError> {
        let mut blueprint = Blueprint {
            sources: program.sources.clone(),
            relations: Vec::new(),
            places: HashMap::new(),
            exact: Vec::new(),
            kept: program.kept.iter().map(|kept| (kept.view.clone(), kept.clone())).collect(),
            whole: program.whole.clone(),
            uniques: program.uniques.clone(),
        };
        for input in &program.inputs {
            blueprint.add_input(input, program.since.get(&input.id).is_some_and(|since| *since != Some(0)))?;
        }
        let sql = program.views.iter().map(|view| Definition::View(view.clone()));
        let native = program.native.iter().map(|view| Definition::Native(view.clone()));
        let mut waiting: Vec<Definition> = sql.chain(native).collect();
        let defined: BTreeSet<RelationName> = waiting.iter().filter_map(name_of).flat_map(with_errors).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            for definition in std::mem::take(&mut waiting) {
                let needs = blueprint.missing(&definition);
                match needs.iter().find(|name| !defined.contains(name)) {
                    Some(unknown) => {
                        let user = name_of(&definition).map_or(String::new(), |name| format!("view {name}"));
                        return Err(DataflowError::Undefined { user, relation: unknown.clone() });
                    }
                    None if needs.is_empty() => blueprint.add_view(definition)?,
                    None => waiting.push(definition),
                }
            }
            if waiting.len() == before {
                return Err(DataflowError::Circular(waiting.iter().filter_map(name_of).collect()));
            }
        }
        blueprint.check_kept()?;
        blueprint.check_readers(program)?;
        blueprint.exact = blueprint.looked_up();
        Ok(blueprint)
    }

    fn add_input(&mut self, input: &InputRelation, is_late: bool) -> Result<(), DataflowError> {
        let source = self.sources.iter().position(|source| *source == input.source);
        let source = source.ok_or_else(|| DataflowError::Plan {
            view: input.name.clone(),
            message: "its source is not among the program's sources".into(),
        })?;
        if input.upserts && input.schema.key.is_none() {
            let message = "its changes come by key, but it has none".into();
            return Err(DataflowError::Plan { view: input.name.clone(), message });
        }
        let same_id =
            |relation: &Relation| matches!(&relation.definition, Definition::Input(other) if other.id == input.id);
        if self.relations.iter().any(same_id) {
            return Err(DataflowError::Duplicate(input.name.clone()));
        }
        self.add(Relation {
            name: input.name.clone(),
            schema: input.schema.clone(),
            append_only: input.schema.is_append_only(),
            sources: BTreeSet::from([source]),
            late: is_late.then_some(self.relations.len()).into_iter().collect(),
            definition: Definition::Input(input.clone()),
        })
    }

    fn add_view(&mut self, definition: Definition) -> Result<(), DataflowError> {
        let (name, schema) = match &definition {
            Definition::View(view) => (view.name.clone(), self.view_schema(view)?),
            Definition::Native(view) => (view.name.clone(), view.schema.clone()),
            Definition::Input(_) | Definition::ErrorsOf(_) | Definition::Unique(..) => return Ok(()),
        };
        let inputs = inputs_of(&definition);
        let of = || inputs.iter().map(|input| &self.relations[self.places[input]]);
        let sources: BTreeSet<usize> = of().flat_map(|input| input.sources.iter().copied()).collect();
        let late = of().filter(|_| !self.whole.contains(&name)).flat_map(|input| input.late.iter().copied());
        let late: BTreeSet<usize> = late.collect();
        let place = self.relations.len();
        let append_only = match &definition {
            Definition::View(view) => append_only(&view.rel, &|input| self.is_append_only(input)),
            Definition::Input(_) | Definition::Native(_) | Definition::ErrorsOf(_) | Definition::Unique(..) => false,
        };
        self.add(Relation {
            name: name.clone(),
            schema,
            append_only,
            sources: sources.clone(),
            late: late.clone(),
            definition,
        })?;
        let errors = errors_of(&name);
        if self.places.contains_key(&errors) {
            return Err(DataflowError::Duplicate(errors));
        }
        let schema = Arc::new(error_schema());
        let definition = Definition::ErrorsOf(place);
        self.add(Relation { name: errors, schema, append_only: false, sources, late, definition })
    }

    /// The view's schema; the plan must make as many columns, of the same types.
    fn view_schema(&self, view: &View) -> Result<Arc<Schema>, DataflowError> {
        let made = columns(&view.rel, self)?;
        let declared = &view.schema.columns;
        if made.len() != declared.len() || made.iter().zip(declared).any(|(made, declared)| made.ty != declared.ty) {
            let message = "its plan makes other columns than its schema has".into();
            return Err(DataflowError::Plan { view: view.name.clone(), message });
        }
        let named = |(made, declared): (&Column, &Column)| Column { nullable: made.nullable, ..declared.clone() };
        let columns = match self.kept.contains_key(&view.name) {
            true => made,
            false => made.iter().zip(declared).map(named).collect(),
        };
        Ok(Arc::new(Schema { columns, ..view.schema.as_ref().clone() }))
    }

    fn add(&mut self, relation: Relation) -> Result<(), DataflowError> {
        let place = self.relations.len();
        if self.places.insert(relation.name.clone(), place).is_some() {
            return Err(DataflowError::Duplicate(relation.name));
        }
        let (uniques, others) = std::mem::take(&mut self.uniques).into_iter().partition(|u| u.of == relation.name);
        self.uniques = others;
        let (schema, sources, late) = (relation.schema.clone(), relation.sources.clone(), relation.late.clone());
        self.relations.push(relation);
        let unique = |unique: Unique| {
            let (name, schema) = (unique.name.clone(), schema.clone());
            let (sources, late) = (sources.clone(), late.clone());
            let definition = Definition::Unique(place, unique);
            self.add(Relation { name, schema, append_only: false, sources, late, definition })
        };
        Vec::into_iter(uniques).try_for_each(unique)
    }

    /// Whether no row of this relation is ever retracted.
    pub fn is_append_only(&self, relation: &RelationName) -> bool {
        self.places.get(relation).is_some_and(|place| self.relations[*place].append_only)
    }

    /// Which relations are below a lookup.
    fn looked_up(&self) -> Vec<bool> {
        let mut exact = vec![false; self.relations.len()];
        // Each relation stands behind those it reads.
        for place in (0..self.relations.len()).rev() {
            let read: Vec<&RelationName> = match &self.relations[place].definition {
                Definition::View(view) if exact[place] => view.rel.relations().into_iter().collect(),
                Definition::View(view) => view.rel.looked_up().into_iter().collect(),
                Definition::Native(view) if exact[place] => view.inputs.iter().collect(),
                Definition::Unique(of, _) | Definition::ErrorsOf(of) if exact[place] => {
                    exact[*of] = true;
                    continue;
                }
                Definition::Native(_) | Definition::Unique(..) | Definition::ErrorsOf(_) | Definition::Input(_) => {
                    continue;
                }
            };
            read.into_iter().filter_map(|name| self.places.get(name)).for_each(|place| exact[*place] = true);
        }
        exact
    }

    fn missing(&self, definition: &Definition) -> Vec<RelationName> {
        inputs_of(definition).into_iter().filter(|input| !self.places.contains_key(input)).collect()
    }

    /// Which relations somebody reads, by place.
    pub fn read_by(&self, program: &Program) -> Vec<bool> {
        let exported = program.exports.iter().map(|export| &export.relation);
        let named: BTreeSet<&RelationName> = exported.chain(&program.peekable).collect();
        let watched =
            |relation: &Relation| program.on_error.is_some() && matches!(relation.definition, Definition::ErrorsOf(_));
        self.relations.iter().map(|relation| named.contains(&relation.name) || watched(relation)).collect()
    }

    fn check_kept(&self) -> Result<(), DataflowError> {
        for Kept { view, of, rows, .. } in self.kept.values() {
            if let Some(relation) = [of, rows].into_iter().find(|relation| !self.places.contains_key(*relation)) {
                return Err(DataflowError::Undefined { user: format!("view {view}"), relation: relation.clone() });
            }
        }
        Ok(())
    }

    fn check_readers(&self, program: &Program) -> Result<(), DataflowError> {
        let exported = program.exports.iter().map(|export| ("a sink", &export.relation));
        let peeked = program.peekable.iter().map(|relation| ("a reader", relation));
        match exported.chain(peeked).find(|(_, relation)| !self.places.contains_key(relation)) {
            Some((user, relation)) => Err(DataflowError::Undefined { user: user.into(), relation: relation.clone() }),
            None => Ok(()),
        }
    }
}

fn name_of(definition: &Definition) -> Option<RelationName> {
    match definition {
        Definition::Input(input) => Some(input.name.clone()),
        Definition::View(view) => Some(view.name.clone()),
        Definition::Native(view) => Some(view.name.clone()),
        Definition::ErrorsOf(_) | Definition::Unique(..) => None,
    }
}

fn with_errors(name: RelationName) -> [RelationName; 2] {
    let errors = errors_of(&name);
    [name, errors]
}

fn inputs_of(definition: &Definition) -> BTreeSet<RelationName> {
    match definition {
        Definition::Input(_) | Definition::ErrorsOf(_) | Definition::Unique(..) => BTreeSet::new(),
        Definition::Native(view) => view.inputs.iter().cloned().collect(),
        Definition::View(view) => view.rel.relations().into_iter().cloned().collect(),
    }
}
