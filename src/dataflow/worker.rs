//! A running dataflow: its worker threads and the doors into them.
//!
//! All workers build the same dataflow, each takes its commands from a queue of its own, and all leave together: when they are
//! asked to, or when one of them panics. On leaving they drop the dataflow before its inputs, so that nobody is told an end
//! that did not come.

use super::blueprint::{Blueprint, Definition};
use super::content::Content;
use super::fault::row_error;
use super::holding::Arrangements;
use super::ingest::{Changes, Command, Sender};
use super::native::NativeInputs;
use super::operators::export::{Tell, export};
use super::operators::unique::unique;
use super::operators::upsert::upsert;
use super::operators::watch::watch;
use super::program::{DataflowError, OnError, Program, Settings};
use super::render::Renderer;
use super::state::{ENDED, Shared};
use super::types::{Errors, Rows, Scope, empty};
use super::upkeep;
use crate::timeline::{SourceId, Step, Upsert};
use crate::value::{Diff, RelationName, Row, Time};
use crossbeam_channel as channel;
use differential_dataflow::AsCollection;
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::{Input, core::input::Handle, probe, vec::Filter};
use timely::execute::execute;
use timely::worker::Worker;

/// A running dataflow. Dropping it shuts it down.
pub struct Dataflow {
    shared: Arc<Shared>,
    queues: Vec<channel::Sender<Command>>,
    workers: Option<timely::communication::WorkerGuards<()>>,
}

/// How far a relation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationStats {
    /// Which.
    pub relation: RelationName,
    /// Rows it holds, counted as changes pass.
    pub rows: i64,
    /// Changes that have passed.
    pub changes: u64,
    /// Its frontier; `None` when it has ended.
    pub frontier: Option<Time>,
}

/// What the operators of one name hold that were built for a relation, on all workers. What relations share belongs to the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorStats {
    /// The relation.
    pub relation: RelationName,
    /// The operators' name; `Arrange` for arrangements.
    pub operator: &'static str,
    /// Updates held.
    pub updates: i64,
    /// Bytes held; those of arrangements as they were a moment ago.
    pub bytes: i64,
}

/// A frontier, and what a relation holds at it.
pub type Peeked = (Option<Time>, Vec<(Row, Diff)>);

/// The readers of each relation, by place; for the first worker.
type Readers = HashMap<usize, Vec<Tell>>;

impl Dataflow {
    /// Builds the program on every worker and runs it.
    pub fn start(settings: Settings, program: Program) -> Result<Dataflow, DataflowError> {
        let blueprint = Blueprint::new(&program)?;
        let read = blueprint.read_by(&program);
        let shared = Arc::new(Shared::new(settings, blueprint, read, &program.since));
        let readers = Mutex::new(Some(readers(&shared, program)));
        let (queues, commands): (Vec<_>, Vec<_>) = (0..shared.workers()).map(|_| channel::unbounded()).unzip();
        let (told_built, built) = channel::unbounded();
        let of_workers = shared.clone();
        let config = timely::Config {
            communication: match shared.workers() {
                1 => timely::CommunicationConfig::Thread,
                workers => timely::CommunicationConfig::Process(workers),
            },
            worker: upkeep::config(),
        };
        let workers = execute(config, move |worker| {
            let shared = of_workers.clone();
            let readers = match worker.index() {
                0 => readers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default(),
                _ => Readers::new(),
            };
            shared.register_worker(worker.index());
            let commands = commands[worker.index()].clone();
            let work = AssertUnwindSafe(|| work(worker, &shared, &commands, readers, &told_built));
            if let Err(panic) = catch_unwind(work) {
                shared.fail(format!("a worker panicked: {}", panic_message(panic.as_ref())));
            }
            for dataflow in worker.installed_dataflows() {
                let _ = catch_unwind(AssertUnwindSafe(|| worker.drop_dataflow(dataflow)));
            }
            shared.stop();
        });
        let workers = workers.map_err(DataflowError::Failed)?;
        let dataflow = Dataflow { shared, queues, workers: Some(workers) };
        for _ in 0..dataflow.shared.workers() {
            if let Ok(Err(error)) = built.recv() {
                return Err(error);
            }
        }
        match dataflow.failed() {
            Some(message) => Err(DataflowError::Failed(message)),
            None => Ok(dataflow),
        }
    }

    /// The door for a source's ticks. One sender per source.
    pub fn sender(&self, source: SourceId) -> Sender {
        Sender::new(self.shared.clone(), self.queues.clone(), source)
    }

    fn place(&self, relation: &RelationName) -> Option<usize> {
        self.shared.blueprint.places.get(relation).copied()
    }

    /// A relation's frontier; `None` when it has ended (or there is no such relation).
    pub fn frontier(&self, relation: &RelationName) -> Option<Time> {
        let frontier = self.shared.relations[self.place(relation)?].frontier.load(Ordering::Acquire);
        (frontier != ENDED).then_some(frontier)
    }

    /// The content of a peekable relation at the last frontier told, which is returned with it; `None` if the relation is
    /// not peekable or has not reached its first real frontier.
    pub fn peek(&self, relation: &RelationName) -> Option<Peeked> {
        peek(&self.shared, self.place(relation)?)
    }

    /// The same for later, on any thread.
    pub fn peeker(&self, relation: &RelationName) -> impl Fn() -> Option<Peeked> + Send + use<> {
        let (shared, place) = (self.shared.clone(), self.place(relation));
        move || peek(&shared, place?)
    }

    /// Counts for every relation.
    pub fn stats(&self) -> Vec<RelationStats> {
        let relations = self.shared.blueprint.relations.iter().zip(&self.shared.relations);
        let stats = relations.map(|(relation, state)| {
            let frontier = state.frontier.load(Ordering::Acquire);
            RelationStats {
                relation: relation.name.clone(),
                rows: state.rows.load(Ordering::Relaxed),
                changes: state.changes.load(Ordering::Relaxed),
                frontier: (frontier != ENDED).then_some(frontier),
            }
        });
        stats.collect()
    }

    /// What operators hold, by relation and name.
    pub fn held(&self) -> Vec<OperatorStats> {
        let mut sums: BTreeMap<(usize, &'static str), (i64, i64)> = BTreeMap::new();
        for holding in self.shared.holdings.all() {
            let (updates, bytes) = holding.count();
            let sum = sums.entry((self.owner(holding.relation), holding.operator)).or_default();
            *sum = (sum.0 + updates, sum.1 + bytes);
        }
        let name = |place: usize| self.shared.blueprint.relations[place].name.clone();
        let stats = sums.into_iter().map(|((place, operator), (updates, bytes))| OperatorStats {
            relation: name(place),
            operator,
            updates,
            bytes,
        });
        stats.collect()
    }

    /// The place of the view that the relation at a place is a part of; its own otherwise.
    fn owner(&self, place: usize) -> usize {
        let kept = self.shared.blueprint.kept.get(&self.shared.blueprint.relations[place].name);
        kept.and_then(|kept| self.place(&kept.of)).unwrap_or(place)
    }

    /// Why the dataflow failed, if it did: all workers have then left.
    pub fn failed(&self) -> Option<String> {
        self.shared.failure()
    }

    /// Stops all workers and drops what they hold, without closing the inputs: nobody is told anything more.
    pub fn shutdown(self) {}
}

impl Drop for Dataflow {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(workers) = self.workers.take() {
            drop(workers.join());
        }
    }
}

fn peek(shared: &Shared, place: usize) -> Option<Peeked> {
    shared.content(place).as_ref()?.told()
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}

/// Everybody who is to be told steps: exports, and the watch over the views' errors. Marks what can be peeked at.
fn readers(shared: &Shared, program: Program) -> Readers {
    let mut readers = Readers::new();
    let place = |relation: &RelationName| shared.blueprint.places.get(relation).copied();
    for export in program.exports {
        if let Some(place) = place(&export.relation) {
            readers.entry(place).or_default().push(export.tell);
        }
    }
    for place in program.peekable.iter().filter_map(place) {
        *shared.content(place) = Some(Content::default());
        readers.entry(place).or_default();
    }
    if let Some(on_error) = program.on_error {
        for (place, relation) in shared.blueprint.relations.iter().enumerate() {
            if let Definition::ErrorsOf(_) = relation.definition {
                readers.entry(place).or_default().push(error_reader(relation.name.clone(), on_error.clone()));
            }
        }
    }
    readers
}

fn error_reader(relation: RelationName, on_error: OnError) -> Tell {
    Box::new(move |step: Step| {
        for (row, time, diff) in &step.changes {
            if *diff > 0 {
                on_error(&relation, &row_error(row), *time);
            }
        }
    })
}

/// The inputs of one source.
type Inputs = Vec<(usize, InputHandle)>;

enum InputHandle {
    Rows(Handle<Time, CapacityContainerBuilder<Vec<(Row, Time, Diff)>>>),
    Writes(Handle<Time, CapacityContainerBuilder<Vec<Upsert>>>),
}

impl InputHandle {
    fn give(&mut self, changes: Changes) {
        match (self, changes) {
            (InputHandle::Rows(handle), Changes::Rows(mut rows)) => handle.send_batch(&mut rows),
            (InputHandle::Writes(handle), Changes::Writes(mut writes)) => handle.send_batch(&mut writes),
            (InputHandle::Rows(_), Changes::Writes(_)) | (InputHandle::Writes(_), Changes::Rows(_)) => {}
        }
    }

    fn advance_to(&mut self, frontier: Time) {
        match self {
            InputHandle::Rows(handle) => handle.advance_to(frontier),
            InputHandle::Writes(handle) => handle.advance_to(frontier),
        }
    }
}

/// So much is put in before the dataflow runs again: what it becomes on the way is to stay in the processor's caches.
const COMMANDS_AT_ONCE: usize = 64;
const CHANGES_AT_ONCE: usize = 8192;

fn work(
    worker: &mut Worker,
    shared: &Arc<Shared>,
    commands: &channel::Receiver<Command>,
    mut readers: Readers,
    built: &channel::Sender<Result<(), DataflowError>>,
) {
    let index = worker.next_dataflow_index();
    let arrangements = Arrangements::count(worker, shared.holdings.clone());
    let rendered = worker.dataflow(|scope| render(scope, shared, &mut readers, &arrangements));
    arrangements.end();
    let (inputs, probes) = match rendered {
        Ok(rendered) => rendered,
        Err(error) => {
            worker.drop_dataflow(index);
            let _ = built.send(Err(error));
            return;
        }
    };
    let mut inputs: Vec<Option<Inputs>> = inputs.into_iter().map(Some).collect();
    let _ = built.send(Ok(()));
    let mut frontiers = vec![0; probes.len()];
    while !shared.stopped() {
        let (mut passages, mut changes) = (Vec::new(), 0);
        while passages.len() < COMMANDS_AT_ONCE
            && changes < CHANGES_AT_ONCE
            && let Ok(command) = commands.try_recv()
        {
            passages.push(command.passage.clone());
            changes += obey(command, &mut inputs);
        }
        if passages.is_empty() {
            worker.step_or_park(Some(Duration::from_millis(100)));
        } else {
            worker.step();
        }
        let has_run = !passages.is_empty();
        drop(passages);
        arrangements.recount(worker);
        if worker.index() == 0 {
            publish(shared, &probes, &mut frontiers);
        }
        if has_run || shared.shards.iter().any(|shards| !shards.is_empty()) {
            shared.tell_progress();
        }
    }
    worker.drop_dataflow(index);
    drop(inputs);
}

/// Puts a command's changes in; how many there are.
fn obey(command: Command, inputs: &mut [Option<Inputs>]) -> usize {
    let Some(handles) = &mut inputs[command.source] else { return 0 };
    let mut count = 0;
    for (place, changes) in command.changes {
        count += changes.count();
        if let Some((_, handle)) = handles.iter_mut().find(|(of, _)| *of == place) {
            handle.give(changes);
        }
    }
    match command.frontier {
        Some(frontier) => handles.iter_mut().for_each(|(_, handle)| handle.advance_to(frontier)),
        None => inputs[command.source] = None,
    }
    count
}

/// Makes the relations' frontiers known.
fn publish(shared: &Shared, probes: &[probe::Handle<Time>], frontiers: &mut [Time]) {
    let mut advanced = false;
    for (place, (probe, known)) in probes.iter().zip(frontiers).enumerate() {
        let frontier = probe.with_frontier(|frontier| frontier.first().copied().unwrap_or(ENDED));
        if frontier != *known {
            *known = frontier;
            shared.relations[place].frontier.store(frontier, Ordering::Release);
            advanced = true;
        }
    }
    if advanced {
        shared.tell_progress();
    }
}

type Rendered = (Vec<Inputs>, Vec<probe::Handle<Time>>);

fn render(
    scope: Scope<'_>,
    shared: &Arc<Shared>,
    readers: &mut Readers,
    arrangements: &Arrangements,
) -> Result<Rendered, DataflowError> {
    let blueprint = &shared.blueprint;
    let mut inputs: Vec<Inputs> = blueprint.sources.iter().map(|_| Inputs::new()).collect();
    let mut probes = Vec::new();
    let mut renderer = Renderer::new(scope, shared);
    let mut errors = empty(scope);
    let mut of_parts: Vec<(&RelationName, Errors<'_>)> = Vec::new();
    let mut conflicts: Vec<(&RelationName, Rows<'_>)> = Vec::new();
    for (place, relation) in blueprint.relations.iter().enumerate() {
        arrangements.begin(place, scope.worker().peek_identifier());
        let rows = match &relation.definition {
            Definition::Input(input) => {
                let (handle, rows) = render_input(scope, shared, place, input.upserts);
                if let Some(source) = relation.sources.first() {
                    inputs[*source].push((place, handle));
                }
                rows
            }
            Definition::View(view) => {
                let (rows, found) = renderer.view(&view.rel)?;
                match blueprint.kept.get(&view.name) {
                    Some(kept) => {
                        of_parts.push((&kept.of, found));
                        errors = empty(scope);
                        going_on(rows, kept.from).concat(renderer.relation(blueprint.places[&kept.rows]))
                    }
                    None => {
                        let of_parts = of_parts.extract_if(.., |(of, _)| **of == view.name);
                        errors = found.concatenate(of_parts.map(|(_, errors)| errors));
                        rows
                    }
                }
            }
            Definition::Native(view) => {
                let given = view.inputs.iter().filter_map(|input| {
                    let place = *blueprint.places.get(input)?;
                    Some((input.clone(), blueprint.relations[place].schema.clone(), renderer.relation(place)))
                });
                let mut given = NativeInputs::new(scope, given.collect());
                let rows = (view.build)(&mut given);
                errors = empty(scope).concatenate(given.into_errors());
                rows
            }
            Definition::ErrorsOf(_) => error_rows(errors.clone()),
            Definition::Unique(of, enforced) => {
                let (rows, found) = unique(renderer.relation(*of), &relation.schema.columns, enforced);
                conflicts.push((&enforced.errors, error_rows(found)));
                rows
            }
        };
        let here = conflicts.extract_if(.., |(errors, _)| **errors == relation.name);
        let rows = here.fold(rows, |rows, (_, conflicts)| rows.concat(conflicts));
        let (rows, probe) = watch(rows, place, shared.clone());
        probes.push(probe);
        if shared.read[place] {
            export(rows.clone(), place, shared.clone(), readers.remove(&place).unwrap_or_default());
        }
        renderer.define(rows);
    }
    Ok((inputs, probes))
}

/// The changes from a time on.
fn going_on(rows: Rows<'_>, from: Time) -> Rows<'_> {
    if from == 0 { rows } else { rows.inner.filter(move |(_, time, _)| *time >= from).as_collection() }
}

fn error_rows(errors: Errors<'_>) -> Rows<'_> {
    errors.map(|error| error.row())
}

fn render_input<'s>(scope: Scope<'s>, shared: &Arc<Shared>, place: usize, upserts: bool) -> (InputHandle, Rows<'s>) {
    if !upserts {
        let (handle, stream) = scope.new_input::<Vec<(Row, Time, Diff)>>();
        return (InputHandle::Rows(handle), stream.as_collection());
    }
    let (handle, writes) = scope.new_input::<Vec<Upsert>>();
    let shard = shared.shards[place][scope.index()].clone();
    let (shared, name) = (shared.clone(), shared.blueprint.relations[place].name.clone());
    let fail = move |message| shared.fail(format!("relation {name}: {message}"));
    (InputHandle::Writes(handle), upsert(writes, shard, fail))
}
