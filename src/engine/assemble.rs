//! From what the sources offer and the views say to what is to run: names, views, keys, and only what somebody needs.

use super::definition::{NativeDefinition, SinkDefinition};
use super::failure::Failure;
use crate::dataflow::{InputRelation, NativeView, Unique, error_schema, errors_of};
use crate::plan::{Timing, View, rewrite, settle};
use crate::sink::{Sink, SinkKey, SinkView};
use crate::source::SourceRelation;
use crate::sql::{self, Catalog, SqlFile};
use crate::timeline::{RelationId, SourceId};
use crate::value::{Column, RelationKind, RelationName, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A compiled view set.
pub struct Assembly {
    /// Everything a source offers under the name the views know it by.
    pub(super) inputs: Vec<Input>,
    /// The SQL views, in dependency order.
    pub views: Vec<View>,
    /// The Rust views.
    pub native: Vec<NativeView>,
    /// The sinks with their views.
    pub(super) sinks: Vec<SinkPlan>,
    /// The relations that have to be maintained.
    pub needed: BTreeSet<RelationName>,
    /// The columns that the maintained views read of their inputs. Inputs that are shown or peeked at as they are are missing.
    pub(super) reads: BTreeMap<RelationName, BTreeSet<usize>>,
    /// The shapes of all relations.
    pub schemas: BTreeMap<RelationName, Arc<Schema>>,
}

impl Assembly {
    /// The views, in SQL and in Rust, with their shapes.
    pub fn view_schemas(&self) -> Vec<(RelationName, Arc<Schema>)> {
        let sql = self.views.iter().map(|view| (view.name.clone(), view.schema.clone()));
        sql.chain(self.native.iter().map(|view| (view.name.clone(), view.schema.clone()))).collect()
    }
}

/// A relation of a source.
pub(super) struct Input {
    pub(super) relation: InputRelation,
    pub(super) role: Role,
}

/// What an input relation is to its source.
pub(super) enum Role {
    /// Offered by the source.
    Offered(SourceRelation),
    /// The late events of that relation.
    LateOf(RelationId),
    /// What could not be understood of that relation.
    ErrorsOf(RelationId),
}

/// A sink made for its view.
pub(super) struct SinkPlan {
    pub(super) name: String,
    pub(super) relation: RelationName,
    pub(super) sink: Box<dyn Sink>,
    /// The key, if the relation's rows need not have it.
    pub(super) enforced: Option<Unique>,
}

/// The views as they were given.
pub(super) struct Views {
    pub(super) files: Vec<SqlFile>,
    pub(super) timings: Vec<(RelationName, Timing)>,
    pub(super) native: Vec<NativeDefinition>,
    /// The refresh grid.
    pub(super) grid: Duration,
}

/// Compiles everything. All errors of one kind are told at once.
pub(super) fn assemble(
    offered: Vec<(String, Vec<SourceRelation>)>,
    Views { files, timings, native, grid }: Views,
    sinks: Vec<SinkDefinition>,
    peekable: &[RelationName],
) -> Result<Assembly, Failure> {
    let inputs = name_inputs(offered);
    let mut schemas: BTreeMap<RelationName, Arc<Schema>> = BTreeMap::new();
    for Input { relation, .. } in &inputs {
        schemas.insert(relation.name.clone(), relation.schema.clone());
    }
    for definition in &native {
        let NativeView { name, schema, .. } = &definition.view;
        if schemas.insert(name.clone(), schema.clone()).is_some() {
            return Err(Failure::config(format!("view `{name}` has the name of another relation")));
        }
    }
    let mut catalog = Catalog::new();
    for (name, schema) in &schemas {
        catalog.insert(name.clone(), schema.clone());
    }
    let mut views = sql::compile(&files, &catalog).map_err(|errors| Failure {
        messages: errors.iter().map(ToString::to_string).collect(),
        ..Failure::config("")
    })?;
    rewrite::optimize(&mut views);
    settle_views(&mut views, &schemas, &timings, grid)?;
    for view in &views {
        schemas.insert(view.name.clone(), view.schema.clone());
        schemas.insert(errors_of(&view.name), Arc::new(error_schema()));
    }
    for definition in &native {
        schemas.insert(errors_of(&definition.view.name), Arc::new(error_schema()));
        check_inputs(definition, &schemas)?;
    }
    let expected: Vec<Vec<Vec<Column>>> = native.iter().map(|definition| definition.expected.clone()).collect();
    let native: Vec<NativeView> = native.into_iter().map(|definition| definition.view).collect();
    let sinks = sinks.into_iter().map(|sink| plan_sink(sink, &schemas, &inputs)).collect::<Result<Vec<_>, _>>()?;
    for name in peekable {
        find(name, &schemas, "asked for by the program")?;
    }
    let wanted: Vec<RelationName> = sinks.iter().map(|sink| &sink.relation).chain(peekable).cloned().collect();
    let reach = Reach::new(inputs.iter().map(|input| &input.relation), &views, &native);
    let needed = reach.closure(wanted.clone());
    let mut reads = rewrite::reads(views.iter().filter(|view| needed.contains(&view.name)));
    for (view, expected) in native.iter().zip(&expected).filter(|(view, _)| needed.contains(&view.name)) {
        for (input, fields) in view.inputs.iter().zip(expected) {
            let positions = fields.iter().filter_map(|field| schemas.get(input)?.column(&field.name));
            reads.entry(input.clone()).or_default().extend(positions);
        }
    }
    wanted.iter().for_each(|shown| drop(reads.remove(shown)));
    Ok(Assembly { inputs, views, native, sinks, needed, reads, schemas })
}

/// Gives every offered relation its id and name, `source.relation` where two sources offer one name, and the relations beside it.
fn name_inputs(offered: Vec<(String, Vec<SourceRelation>)>) -> Vec<Input> {
    let mut uses: BTreeMap<RelationName, usize> = BTreeMap::new();
    for relation in offered.iter().flat_map(|(_, relations)| relations) {
        *uses.entry(relation.name.clone()).or_default() += 1;
    }
    let mut inputs: Vec<Input> = Vec::new();
    let mut add = |source, name, schema, upserts, role| {
        let id = RelationId(inputs.len());
        inputs.push(Input { relation: InputRelation { id, source, name, schema, upserts }, role });
        id
    };
    for (index, (source, relations)) in offered.into_iter().enumerate() {
        for relation in relations {
            let name = match uses.get(&relation.name) {
                Some(1) | None => relation.name.clone(),
                Some(_) => RelationName { schema: source.clone(), name: relation.name.to_string() },
            };
            let beside = |suffix| RelationName { name: format!("{}_{suffix}", name.name), ..name.clone() };
            let (late, errors) = (beside("late"), beside("errors"));
            let (schema, upserts, source) = (relation.schema.clone(), relation.upserts, SourceId(index));
            let is_stream = matches!(schema.kind, RelationKind::Stream { .. });
            let id = add(source, name, schema.clone(), upserts, Role::Offered(relation));
            if is_stream {
                let schema = Schema { kind: RelationKind::Table, key: None, ..Schema::clone(&schema) };
                add(source, late, Arc::new(schema), false, Role::LateOf(id));
            }
            add(source, errors, Arc::new(error_schema()), false, Role::ErrorsOf(id));
        }
    }
    inputs
}

/// Makes the views give up what has settled.
fn settle_views(
    views: &mut [View],
    schemas: &Schemas,
    timings: &[(RelationName, Timing)],
    grid: Duration,
) -> Result<(), Failure> {
    if let Some((name, _)) = timings.iter().find(|(name, _)| !views.iter().any(|view| view.name == *name)) {
        let known: Vec<String> = views.iter().map(|view| view.name.to_string()).collect();
        let message = format!("[views.{name}]: no SQL view has this name; there are {}", known.join(", "));
        return Err(Failure::config(message));
    }
    let timing = |view: &RelationName| timings.iter().find(|(name, _)| name == view).map(|(_, timing)| *timing);
    let given = settle::Given {
        schema: &|name| schemas.get(name).cloned(),
        timing: &|view| timing(view).unwrap_or_default(),
        grid: u64::try_from(grid.as_micros()).unwrap_or(u64::MAX),
    };
    settle::settle(views, &given).map_err(|refused| Failure {
        messages: refused.iter().map(ToString::to_string).collect(),
        ..Failure::config("")
    })
}

type Schemas = BTreeMap<RelationName, Arc<Schema>>;

fn find<'a>(name: &RelationName, schemas: &'a Schemas, user: &str) -> Result<&'a Arc<Schema>, Failure> {
    schemas.get(name).ok_or_else(|| {
        let known: Vec<String> = schemas.keys().map(ToString::to_string).collect();
        Failure::config(format!("relation `{name}`, {user}, is not defined; there are {}", known.join(", ")))
    })
}

/// Every field of a Rust view's row types must find its column before anything starts.
fn check_inputs(definition: &NativeDefinition, schemas: &Schemas) -> Result<(), Failure> {
    let view = &definition.view;
    for (input, expected) in view.inputs.iter().zip(&definition.expected) {
        let schema = find(input, schemas, &format!("read by view `{}`", view.name))?;
        for field in expected {
            (definition.fits)(schema, field)
                .map_err(|message| Failure::config(format!("view `{}` reads `{input}`: {message}", view.name)))?;
        }
    }
    Ok(())
}

fn plan_sink(sink: SinkDefinition, schemas: &Schemas, inputs: &[Input]) -> Result<SinkPlan, Failure> {
    let SinkDefinition { name, relation, make } = sink;
    let schema = find(&relation, schemas, &format!("shown by sink `{name}`"))?.clone();
    if let Some(column) = schema.columns.iter().find(|column| !column.ty.is_readable()) {
        return Err(Failure::config(format!(
            "sink `{name}`: column {} of `{relation}` is of type {}, which is not supported; show a view without it",
            column.name, column.ty
        )));
    }
    let made = make(&name, SinkView { name: relation.clone(), schema });
    let sink = made.map_err(|error| Failure::of_sink(&name, &error))?;
    let enforced = match sink.key().filter(|key| !key.is_enforced()) {
        Some(key) => Some(enforce(&name, &relation, key, schemas, inputs)?),
        None => None,
    };
    Ok(SinkPlan { name, relation, sink, enforced })
}

/// A sink's key that is declared only, or may be null.
fn enforce(
    sink: &str,
    relation: &RelationName,
    key: &SinkKey,
    schemas: &Schemas,
    inputs: &[Input],
) -> Result<Unique, Failure> {
    let owner = match inputs.iter().find(|input| input.relation.name == *relation).map(|input| &input.role) {
        Some(Role::LateOf(stream)) => &inputs[stream.0].relation.name,
        Some(Role::Offered(_) | Role::ErrorsOf(_)) | None => relation,
    };
    let errors = errors_of(owner);
    if !schemas.contains_key(&errors) {
        return Err(Failure::config(format!(
            "sink `{sink}`: two rows of `{relation}` may have one key, and there is no relation for the one that is not \
             shown; choose a sink without keys, or a view with the key in its GROUP BY"
        )));
    }
    Ok(Unique {
        name: RelationName { schema: format!("sink {sink}"), name: relation.to_string() },
        of: relation.clone(),
        key: key.columns().to_vec(),
        proven: key.is_proven(),
        holder: format!("sink {sink}"),
        errors,
    })
}

/// Who reads whom.
pub(super) struct Reach {
    reads: BTreeMap<RelationName, Vec<RelationName>>,
    inputs: BTreeMap<RelationName, (RelationId, SourceId)>,
}

impl Reach {
    pub(super) fn new<'i>(
        inputs: impl IntoIterator<Item = &'i InputRelation>,
        views: &[View],
        native: &[NativeView],
    ) -> Reach {
        let mut reads: BTreeMap<RelationName, Vec<RelationName>> = BTreeMap::new();
        let sql = views.iter().map(|view| (&view.name, view.rel.relations().into_iter().cloned().collect()));
        for (name, inputs) in sql.chain(native.iter().map(|view| (&view.name, view.inputs.clone()))) {
            reads.insert(errors_of(name), vec![name.clone()]);
            reads.insert(name.clone(), inputs);
        }
        let input = |input: &InputRelation| (input.name.clone(), (input.id, input.source));
        Reach { reads, inputs: inputs.into_iter().map(input).collect() }
    }

    /// These relations and everything they are computed from.
    pub(super) fn closure(&self, wanted: Vec<RelationName>) -> BTreeSet<RelationName> {
        let (mut reached, mut pending) = (BTreeSet::new(), wanted);
        while let Some(name) = pending.pop() {
            pending.extend(self.reads.get(&name).into_iter().flatten().cloned());
            reached.insert(name);
        }
        reached
    }

    /// The names of the error relations of a relation and of everything it is computed from.
    pub(super) fn errors(&self, relation: &RelationName) -> BTreeSet<RelationName> {
        self.closure(vec![relation.clone()]).iter().map(errors_of).collect()
    }

    /// The sources a relation is computed from.
    pub(super) fn sources(&self, relation: &RelationName) -> BTreeSet<SourceId> {
        let reached = self.closure(vec![relation.clone()]);
        reached.iter().filter_map(|name| self.inputs.get(name)).map(|(_, source)| *source).collect()
    }

    /// The inputs it is computed from.
    pub(super) fn inputs(&self, relation: &RelationName) -> BTreeSet<RelationId> {
        let reached = self.closure(vec![relation.clone()]);
        reached.iter().filter_map(|name| self.inputs.get(name)).map(|(id, _)| *id).collect()
    }
}
