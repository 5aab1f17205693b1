//! The composition root: start, run, shut down. The only room that sees every other.
//!
//! [`plan`] asks the sources what they offer and compiles the views; nothing is created yet, and `check` and `explain` need no
//! more. [`Planned::start`] joins the river: a thread per source, the dataflow's workers, a thread per sink. Whoever holds
//! [`Running`] polls it until it ends or asks it to end.

mod assemble;
mod before;
mod compaction;
mod definition;
mod doctor;
mod failure;
mod faults;
mod gate;
mod keeper;
mod keeping;
mod layout;
mod meaning;
mod partial;
mod preview;
mod recorded;
mod refused;
mod rollback;
mod running;
mod setup;
mod sinks;
mod slots;
mod sources;
mod status;
mod storing;
mod why;

pub use assemble::Assembly;
pub use compaction::compact_store;
pub use definition::{Definition, MakeSink, NativeDefinition, SinkDefinition, make_sink, make_source, relation_name};
pub use doctor::{Greeted, examine_sources, examine_store, greet_sources};
pub use failure::{Exit, Failure};
pub use partial::{Gone, Partial};
pub use preview::{Outcome, Preview, SinkPreview, SourcePreview, ViewIs};
pub use recorded::{pull_schemas, schema_differences};
pub use refused::read_refused;
pub use rollback::roll_back;
pub use running::Running;
pub use setup::set_up;
pub use slots::{SourceSlot, Unwanted, drop_slots, list_slots};
pub use status::{
    OperatorStatus, Phase, Reached, SinkStatus, SourceStatus, Status, StoreStatus, ViewState, ViewStatus,
};
pub use why::{Link, Why};

pub use crate::timeline::now;

use crate::config::{OnError, Settings};
use crate::dataflow::{Dataflow, Export, InputRelation, NativeView, Program, errors_of};
use crate::plan::{Held, View};
pub use crate::sink::Shown;
pub use crate::sink::{Difference, Part, Sample};
use crate::sink::{Owner, fingerprint, rejected};
pub use crate::source::postgres::SlotOwner;
use crate::source::{Progress, SourceRelation, Start, Stop, Wanted};
use crate::timeline::{RelationId, SourceId};
use crate::value::{RelationName, Schema};
use assemble::{Input, Role};
use faults::Faults;
use gate::Gate;
use keeper::Told;
use keeping::Keeping;
use meaning::meaning;
use sources::{Door, Prepared, RunningSource, Sent, SourceThread};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use storing::{Begins, Storing};

/// A view set that compiles, its sources waiting to be started.
pub struct Planned {
    assembly: Assembly,
    sources: Vec<SourceThread>,
    settings: Settings,
    peekable: Vec<RelationName>,
}

/// Asks the sources what they offer and compiles the views against it.
pub fn plan(definition: Definition) -> Result<Planned, Failure> {
    let Definition { sources, files, timings, native, sinks, settings, peekable } = definition;
    let (mut threads, mut offered) = (Vec::new(), Vec::new());
    for sources::Described { thread, relations } in sources::describe(sources)? {
        offered.push((thread.name().to_string(), relations));
        threads.push(thread);
    }
    let assembly = assemble::assemble(
        offered,
        assemble::Views { files, timings, native, grid: settings.refresh },
        sinks,
        &peekable,
    )?;
    Ok(Planned { assembly, sources: threads, settings, peekable })
}

impl Planned {
    /// What was compiled.
    pub fn assembly(&self) -> &Assembly {
        &self.assembly
    }

    /// What the operators of each SQL view hold.
    pub fn held(&self) -> BTreeMap<RelationName, Vec<Held>> {
        let Assembly { views, schemas, .. } = &self.assembly;
        let is_append_only = |name: &RelationName| schemas.get(name).is_some_and(|schema| schema.is_append_only());
        views.iter().map(|view| view.name.clone()).zip(crate::dataflow::held(views, &is_append_only)).collect()
    }

    /// The views that no sink shows and nobody peeks at: they are not maintained.
    pub fn unused(&self) -> impl Iterator<Item = &RelationName> {
        let Assembly { views, native, needed, .. } = &self.assembly;
        let names = views.iter().map(|view| &view.name).chain(native.iter().map(|view| &view.name));
        names.filter(|name| !needed.contains(name))
    }

    /// Starts everything. With `once`, sources end at the position they find at the start.
    pub fn start(self, once: bool) -> Result<Running, Failure> {
        let Planned { assembly, sources, settings, peekable } = self;
        let policy = settings.on_error.unwrap_or(if once { OnError::Stop } else { OnError::Skip });
        let faults = Arc::new(Faults::new(policy));
        let Assembly { inputs, views, native, sinks, needed, reads, schemas } = assembly;
        let reach = assemble::Reach::new(inputs.iter().map(|input| &input.relation), &views, &native);
        let from = inputs.iter().map(|input| (input.relation.name.clone(), input.relation.source)).collect();
        let waits = why::Waits::new(&views, &native, &schemas, from);
        let reads_clock = views.iter().any(|view| needed.contains(&view.name) && view.rel.reads_clock());
        let inputs = with_relations_beside(inputs, &needed);

        let mut program = Program {
            sources: (0..sources.len()).map(SourceId).collect(),
            inputs: inputs.iter().map(|input| input.relation.clone()).collect(),
            views: views.into_iter().filter(|view| needed.contains(&view.name)).collect(),
            native: native.into_iter().filter(|view| needed.contains(&view.name)).collect(),
            peekable: peekable.clone(),
            ..Program::default()
        };
        let shown = sinks.iter().map(|sink| &sink.relation).chain(&peekable).cloned().collect();
        let keeping = match settings.store {
            Some(_) => keeping(&settings, (&program.views, &program.native), &inputs, sources.len(), &shown, &schemas),
            None => Keeping::default(),
        };
        let storing = open_store(&settings, &sources, &program.inputs, &reads, &keeping, faults.stops())?;
        program.since = storing.as_ref().map(Storing::since).unwrap_or_default();
        let is_held = |input: &&Input| match input.role {
            Role::Offered(_) => !input.relation.upserts && !input.relation.schema.is_append_only(),
            Role::LateOf(_) | Role::ErrorsOf(_) => false,
        };
        let mut held: BTreeSet<RelationId> = inputs.iter().filter(is_held).map(|input| input.relation.id).collect();
        let errors = error_relations(&program, &inputs);
        let gate = Gate::new(faults.clone(), errors.iter().map(|(relation, _)| relation.clone()));
        let (mut waiting_sinks, mut meanings) = (Vec::new(), BTreeMap::new());
        for assemble::SinkPlan { name, relation, sink, enforced } in sinks {
            let depends = reach.closure(vec![relation.clone()]);
            let meaning = meaning(&depends, &program.views, &program.native, &schemas, settings.refresh);
            meanings.insert(relation.clone(), fingerprint(&[&meaning]));
            let mut errors = reach.errors(&relation);
            errors.extend(enforced.as_ref().map(|unique| unique.errors.clone()));
            let shown = enforced.as_ref().map_or(&relation, |unique| &unique.name).clone();
            program.uniques.extend(enforced);
            // A keyed target may lose what it has, and is then given the whole content.
            program.peekable.extend(sink.key().map(|_| shown.clone()));
            let (waiting, tell) = sinks::prepare(name, relation, sink, meaning);
            let tell = gate.door(errors, tell);
            waiting_sinks.push((waiting, shown.clone()));
            program.exports.push(Export { relation: shown, tell });
        }
        for (relation, owner) in errors {
            let sources = reach.sources(&owner);
            let told_again = storing.as_ref().map_or(0, |storing| storing.told_again(&sources));
            let tell = gate.watch(relation.clone(), owner, sources, told_again);
            program.exports.push(Export { relation, tell });
        }
        let names = program.views.iter().map(|v| &v.name).chain(program.native.iter().map(|v| &v.name));
        let planned = |name: &RelationName| running::PlannedView {
            name: name.clone(),
            sources: reach.sources(name),
            errors: reach.errors(name),
            partial: Vec::new(),
        };
        let mut planned_views: Vec<running::PlannedView> = names.map(planned).collect();

        let told = Told::new(keeping.parts.len());
        if let Some(storing) = &storing {
            keeping.put_into(&mut program, &storing.merged(), storing.past());
            held.extend(storing.past().inputs.iter().filter(|input| !input.upserts).map(|input| input.id));
            let exports = keeping.parts.iter().zip(told.tells());
            program.exports.extend(exports.map(|(part, tell)| Export { relation: part.view.clone(), tell }));
            for partial in storing.partial(&program, &keeping, &meanings) {
                tracing::warn!("{partial}");
                let mut views = planned_views.iter_mut();
                let view = views.find(|view| view.name == partial.view);
                view.into_iter().for_each(|view| view.partial.push(partial.to_string()));
            }
        }
        let newcomers = before::reach_of_newcomers(&program);
        let dataflow = Dataflow::start(dataflow_settings(&settings), program)?;
        if let Some(storing) = &storing {
            let shown = waiting_sinks.iter().map(|(sink, _)| (sink.name().to_owned(), sink.relation().to_string()));
            let meanings = meanings.into_iter().map(|(view, meaning)| (view.to_string(), meaning));
            storing.note_sinks(shown.collect(), meanings.collect())?;
        }
        let storing = storing.map(Arc::new);
        let owner = storing.as_ref().map_or_else(Owner::run, |storing| Owner::Store(storing.incarnation()));
        let begins = |relation: &RelationName| {
            let sources = reach.sources(relation);
            let inputs = newcomers.inputs(relation);
            let beginning = storing.as_ref().map(|storing| storing.beginning(&sources, &inputs)).unwrap_or_default();
            Begins { sources, beginning: Arc::new(beginning) }
        };
        // Whoever peeks has kept nothing.
        let mut beginnings: Vec<Begins> =
            peekable.iter().map(begins).inspect(|begins| _ = begins.beginning.close()).collect();
        let mut running_sinks = Vec::new();
        for (sink, shown) in waiting_sinks {
            let begins = begins(sink.relation());
            let rejected = settings.store.as_ref().map(|store| rejected::path(store, sink.name()));
            running_sinks.push(sink.start(
                owner.clone(),
                begins.beginning.clone(),
                rejected,
                dataflow.peeker(&shown),
            )?);
            beginnings.push(begins);
        }
        let awaited = sources.len() > 1 || reads_clock;
        let prepare = |(index, thread)| prepare(thread, SourceId(index), &inputs, &reads, &dataflow, once, awaited);
        let (sources, prepared): (Vec<RunningSource>, Vec<Prepared>) =
            sources.into_iter().enumerate().map(prepare).unzip();
        let kept = match storing {
            None => {
                prepared.into_iter().for_each(|Prepared { door, start, .. }| start(Box::new(door), None));
                None
            }
            Some(storing) => {
                let stop = Stop::default();
                let progress = running_sinks.iter().map(|sink| sink.progress.clone()).collect();
                let part = |part: &keeping::Part| {
                    let source = part.rows.source;
                    (source, Door { sender: dataflow.sender(source), sent: Arc::default() })
                };
                let parts = keeping.parts.iter().map(part).collect();
                let threads = [
                    storing.load(prepared, parts, held, beginnings, stop.clone())?,
                    storing.keep(told)?,
                    storing.merge(progress, settings.store_max_bytes, stop.clone())?,
                ];
                Some(running::Kept { storing, threads, stop })
            }
        };
        let depends = running_sinks.iter().map(|sink| reach.sources(&sink.relation)).collect();
        let refresh_us = dataflow_settings(&settings).refresh_us;
        Ok(Running::new(
            dataflow,
            sources,
            running_sinks,
            kept,
            running::Plan { depends, views: planned_views, refresh_us, once, waits },
            faults,
            gate,
        ))
    }
}

fn dataflow_settings(settings: &Settings) -> crate::dataflow::Settings {
    crate::dataflow::Settings {
        workers: settings.workers,
        refresh_us: u64::try_from(settings.refresh.as_micros()).unwrap_or(u64::MAX),
        in_flight_bytes: settings.in_flight_bytes,
        same_beginning: settings.store.is_some(),
    }
}

/// What a store is to keep of the maintained views.
fn keeping(
    settings: &Settings,
    (views, native): (&[View], &[NativeView]),
    inputs: &[Input],
    sources: usize,
    shown: &BTreeSet<RelationName>,
    schemas: &BTreeMap<RelationName, Arc<Schema>>,
) -> Keeping {
    let meaning = |relations: &BTreeSet<RelationName>, views: &[View]| {
        meaning(relations, views, native, schemas, settings.refresh)
    };
    let grid = dataflow_settings(settings).refresh_us;
    Keeping::new(views, (inputs, native), sources, shown, &meaning, grid)
}

/// The store of the settings, if there is one.
fn open_store(
    settings: &Settings,
    sources: &[SourceThread],
    inputs: &[InputRelation],
    reads: &BTreeMap<RelationName, BTreeSet<usize>>,
    keeping: &Keeping,
    stops: bool,
) -> Result<Option<Storing>, Failure> {
    let Some(directory) = &settings.store else { return Ok(None) };
    let grid = dataflow_settings(settings).refresh_us.max(1);
    Storing::open(directory, sources, inputs, reads, keeping, grid, stops).map(Some)
}

/// The inputs somebody needs, with the relations of late and unintelligible events beside them.
fn with_relations_beside(inputs: Vec<Input>, needed: &BTreeSet<RelationName>) -> Vec<Input> {
    let wanted = |input: &Input| needed.contains(&input.relation.name);
    let mut owners: BTreeSet<RelationId> = BTreeSet::new();
    for input in inputs.iter().filter(|input| wanted(input)) {
        owners.insert(match input.role {
            Role::Offered(_) => input.relation.id,
            Role::LateOf(owner) | Role::ErrorsOf(owner) => owner,
        });
    }
    let kept = |input: &Input| match input.role {
        Role::Offered(_) => owners.contains(&input.relation.id),
        Role::LateOf(owner) | Role::ErrorsOf(owner) => owners.contains(&owner),
    };
    inputs.into_iter().filter(kept).collect()
}

/// The error relations of what is maintained, each with the relation it belongs to.
fn error_relations(program: &Program, inputs: &[Input]) -> Vec<(RelationName, RelationName)> {
    let name_of = |id: RelationId| inputs.iter().find(|input| input.relation.id == id).map(|i| i.relation.name.clone());
    let of_inputs = inputs.iter().filter_map(|input| match input.role {
        Role::ErrorsOf(owner) => Some((input.relation.name.clone(), name_of(owner)?)),
        Role::Offered(_) | Role::LateOf(_) => None,
    });
    let views = program.views.iter().map(|view| &view.name).chain(program.native.iter().map(|view| &view.name));
    of_inputs.chain(views.map(|view| (errors_of(view), view.clone()))).collect()
}

/// A relation of a source as it is read.
fn wanted_of(
    relation: &InputRelation,
    offered: &SourceRelation,
    reads: &BTreeMap<RelationName, BTreeSet<usize>>,
) -> Wanted {
    let columns = reads.get(&relation.name).map(|columns| columns.iter().copied().collect());
    Wanted { id: relation.id, relation: offered.clone(), columns }
}

/// A source and its way into the dataflow.
fn prepare(
    thread: SourceThread,
    source: SourceId,
    inputs: &[Input],
    reads: &BTreeMap<RelationName, BTreeSet<usize>>,
    dataflow: &Dataflow,
    once: bool,
    awaited: bool,
) -> (RunningSource, Prepared) {
    let (mut wanted, mut late, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for Input { relation, role } in inputs.iter().filter(|input| input.relation.source == source) {
        match role {
            Role::Offered(offered) => wanted.push(wanted_of(relation, offered, reads)),
            Role::LateOf(owner) => late.push((*owner, relation.id)),
            Role::ErrorsOf(owner) => errors.push((*owner, relation.id)),
        }
    }
    let (sent, progress) = (Arc::<Sent>::default(), Arc::<Progress>::default());
    let door = Door { sender: dataflow.sender(source), sent: sent.clone() };
    let (running, tell) = thread.prepare(progress.clone(), sent);
    let stop = running.stop.clone();
    let told = progress.clone();
    let start = Box::new(move |ticks, stored| {
        // A thread that is gone already is found by `poll`.
        let _ = tell.send(Start { source, wanted, late, errors, once, awaited, stored, ticks, stop, progress });
    });
    (running, Prepared { source, door, progress: told, start })
}
