//! The store in the river: ticks go into it before they go into the dataflow, and a start gives back what it holds before the sources
//! go on.

use super::before::Past;
use super::failure::{Exit, Failure};
use super::keeper::{self, Keeper, Told};
use super::keeping::{Keeping, Part};
use super::layout::{self, Layouts};
use super::partial::{self, Partial};
use super::sources::{Door, Prepared, SourceThread};
use super::status::StoreStatus;
use crate::dataflow::{InputRelation, Program, errors_of};
use crate::sink::{Beginning, SinkProgress};
use crate::source::{Closed, Progress, Stop, Stored, TickSender};
use crate::store::{Lack, Opened, Source, Store, StoreError};
use crate::timeline::{
    Batch, RelationId, Rereads, Resume, SourceId, Tick, Upsert, UpsertKind, cell_end, cell_start, now,
};
use crate::value::{Diff, RelationKind, RelationName, Row, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What lies less far behind the slowest sink's acknowledgement is not merged: a target may go back so much.
pub(super) const REWIND: Duration = Duration::from_secs(600);
/// How often it is looked whether there is much to merge.
const MERGE_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of the log that are merged at once, in memory, when the store has become too large.
const MERGED_AT_ONCE: u64 = 64 << 20;
/// How long a target may take to say what it shows, before what is stored is told without regard to it.
const TARGET_PATIENCE: Duration = Duration::from_secs(10);
/// How often a stop is looked for.
const POLL: Duration = Duration::from_millis(50);

/// A store of a run.
pub(super) struct Storing {
    directory: PathBuf,
    store: Arc<Store>,
    layouts: Arc<Layouts>,
    resumes: BTreeMap<SourceId, Resume>,
    /// The frontiers from which on relations have their content; nothing of a newcomer, as long as that is to come.
    since: BTreeMap<RelationId, Option<Time>>,
    /// From before which times events of streams are gone.
    gone: BTreeMap<RelationId, Time>,
    /// The refresh grid: a change takes effect at the last instant of its cell.
    grid: Time,
    /// The sources of which some relation is a stream.
    has_streams: BTreeSet<SourceId>,
    /// Whether one of them has ended.
    ended: Arc<AtomicBool>,
    /// The parts of views whose rows it keeps.
    parts: Vec<KeptPart>,
    /// What tables were before that are read again.
    past: Past,
    /// Whether a data error ends the run.
    stops: bool,
    /// What went wrong in it.
    failure: Arc<Mutex<Option<Failure>>>,
}

/// A part of a view.
struct KeptPart {
    source: SourceId,
    relation: RelationId,
    /// The sources it is computed from.
    sources: BTreeSet<SourceId>,
}

/// Where a view begins that is computed from these sources.
pub(super) struct Begins {
    pub(super) sources: BTreeSet<SourceId>,
    pub(super) beginning: Arc<Beginning>,
}

impl Storing {
    /// Opens the store in a directory for these sources.
    pub(super) fn open(
        directory: &Path,
        threads: &[SourceThread],
        inputs: &[InputRelation],
        reads: &BTreeMap<RelationName, BTreeSet<usize>>,
        keeping: &Keeping,
        grid: Time,
        stops: bool,
    ) -> Result<Storing, Failure> {
        let sources = kept_sources(threads, inputs, reads, keeping);
        let is_stream = |input: &&InputRelation| matches!(input.schema.kind, RelationKind::Stream { .. });
        let has_streams = inputs.iter().filter(is_stream).map(|input| input.source).collect();
        let part = |Part { rows, sources, .. }: &Part| KeptPart {
            source: rows.source,
            relation: rows.id,
            sources: sources.clone(),
        };
        let parts = keeping.parts.iter().map(part).collect();
        let opened = Store::open(directory, &sources).map_err(|error| Failure::of_store(&error))?;
        let Opened { store, resumes, lacks, relations, before, gone: sources_gone } = opened;
        for source in sources.iter().take(threads.len()) {
            tell_lack(source, lacks.get(&source.id), resumes.contains_key(&source.id));
        }
        for name in sources_gone {
            tracing::warn!("source `{name}` is not in the view set any more: what the store had of it is gone");
        }
        let past = Past::new(inputs, &before);
        let layouts = Arc::new(Layouts::new(inputs.iter().chain(&past.inputs), &relations));
        let gone = partial::gone(&relations);
        let since = relations.into_iter().map(|(id, kept)| (id, kept.since)).collect();
        let (directory, store) = (directory.into(), Arc::new(store));
        let (ended, failure) = Default::default();
        Ok(Storing {
            directory,
            store,
            layouts,
            resumes,
            since,
            gone,
            grid,
            has_streams,
            ended,
            parts,
            past,
            stops,
            failure,
        })
    }

    /// The frontiers from which on relations have their content.
    pub(super) fn since(&self) -> BTreeMap<RelationId, Option<Time>> {
        self.since.clone()
    }

    /// The moment's figures; nothing if the directory cannot be read.
    pub(super) fn status(&self) -> Option<StoreStatus> {
        let (log_bytes, merged_bytes) = self.store.bytes().ok()?;
        let (directory, incarnation) = (self.directory.display().to_string(), self.incarnation());
        Some(StoreStatus { directory, incarnation, log_bytes, merged_bytes })
    }

    /// The views that begin with what is left, of those that are shown with these meanings.
    pub(super) fn partial(
        &self,
        program: &Program,
        keeping: &Keeping,
        shown: &BTreeMap<RelationName, String>,
    ) -> Vec<Partial> {
        let (views, goes_on) = (self.store.views(), |source| self.resumes.contains_key(&source));
        let known = partial::Known { views: views.as_ref(), gone: &self.gone, goes_on: &goes_on };
        partial::partial(program, keeping, shown, &known)
    }

    /// Notes the sinks of this run, with what each of them shows, and what these views mean.
    pub(super) fn note_sinks(
        &self,
        sinks: BTreeMap<String, String>,
        views: BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        self.store.note_sinks(sinks, views).map_err(|error| Failure::of_store(&error))
    }

    pub(super) fn incarnation(&self) -> String {
        self.store.incarnation()
    }

    /// The frontier below which is told again what these sources said.
    pub(super) fn told_again(&self, sources: &BTreeSet<SourceId>) -> Time {
        let recovered = |source| self.resumes.get(source).map_or(0, |resume| cell_start(resume.frontier, self.grid));
        sources.iter().map(recovered).min().unwrap_or(0)
    }

    /// Where a view of these sources and inputs may begin: behind what is merged, not before one of them has its content, and up to
    /// where all of them have come.
    pub(super) fn beginning(&self, sources: &BTreeSet<SourceId>, inputs: &BTreeSet<RelationId>) -> Beginning {
        let since = inputs.iter().filter_map(|input| self.since.get(input)).copied();
        match since.collect::<Option<Vec<Time>>>() {
            None => Beginning::default(),
            Some(since) => {
                let at_least = told_from(&self.store.merged(), sources, self.grid);
                let since = since.into_iter().max().unwrap_or(0);
                Beginning::between(at_least.max(since), self.told_again(sources))
            }
        }
    }

    /// What tables were before that are read again.
    pub(super) fn past(&self) -> &Past {
        &self.past
    }

    /// Up to where what each part of a view has made is merged.
    pub(super) fn merged(&self) -> BTreeMap<SourceId, Time> {
        self.store.merged()
    }

    /// The frontier below which the store has what a part of a view has made.
    fn stored(&self, part: &KeptPart) -> Time {
        self.resumes.get(&part.source).map_or(0, |resume| resume.frontier)
    }

    /// The times below which what sources said may be told as content: no view needs it step by step. Waits for the sinks' targets.
    fn content_below(&self, beginnings: &[Begins], stop: &Stop) -> BTreeMap<SourceId, Time> {
        let resumes = self.resumes.iter();
        let mut below: BTreeMap<SourceId, Time> =
            resumes.map(|(source, resume)| (*source, cell_start(resume.frontier, self.grid))).collect();
        let begun = Instant::now();
        let heard = |begins: &Begins| begins.beginning.wait(POLL);
        while !below.is_empty()
            && !beginnings.iter().all(heard)
            && begun.elapsed() < TARGET_PATIENCE
            && !stop.requested()
        {}
        // Nothing is needed of a view of which a source begins anew, nor of a part that is not stored yet.
        let mut need = |sources: &BTreeSet<SourceId>, needed: Time| {
            for (_, below) in below.iter_mut().filter(|(source, _)| needed > 0 && sources.contains(source)) {
                *below = needed.min(*below);
            }
        };
        for Begins { sources, beginning } in beginnings {
            need(sources, cell_start(beginning.close(), self.grid));
        }
        self.parts.iter().for_each(|part| need(&part.sources, self.stored(part)));
        below
    }

    /// A source's way through the store into the dataflow; `before` is what tables were before of which it reads the rows of now.
    fn door(&self, source: SourceId, door: Door, before: Vec<Emptied>) -> Box<dyn TickSender> {
        let end = match self.has_streams.contains(&source) {
            true => None,
            false => Some(self.resumes.get(&source).map_or(0, |resume| resume.frontier)),
        };
        let (store, layouts, failure) = (self.store.clone(), self.layouts.clone(), self.failure.clone());
        let ended = self.ended.clone();
        Box::new(StoredDoor { store, layouts, door, before, grid: self.grid, end, ended, stops: self.stops, failure })
    }

    /// What tables were before that a source reads again: to be emptied then.
    fn emptied(&self, source: SourceId, stored: &mut Stored) -> Vec<Emptied> {
        let own = self.past.inputs.iter().filter(|input| input.source == source);
        let emptied = |input: &InputRelation| {
            let rows = stored.held.remove(&input.id).unwrap_or_default();
            Emptied { relation: input.id, rows: (!input.upserts).then_some(rows) }
        };
        own.map(emptied).collect()
    }

    /// What went wrong.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newcomers(&self) -> BTreeSet<RelationId> {
        self.since.iter().filter(|(_, since)| since.is_none()).map(|(id, _)| *id).collect()
    }

    /// Gives what the store holds to the dataflow, through the doors of the sources, and says where each goes on. `held` are the
    /// relations whose rows a source must know. Ends early, with nothing, when a stop is asked for.
    fn replay(
        &self,
        doors: &mut BTreeMap<SourceId, (Door, Arc<Progress>)>,
        held: &BTreeSet<RelationId>,
        beginnings: &[Begins],
        stop: &Stop,
    ) -> Result<BTreeMap<SourceId, Stored>, Failure> {
        let new = |source: &SourceId| Stored {
            incarnation: self.incarnation(),
            resume: self.resumes.get(source).cloned(),
            held: BTreeMap::new(),
            newcomers: self.newcomers(),
        };
        let mut stored: BTreeMap<SourceId, Stored> = doors.keys().map(|source| (*source, new(source))).collect();
        let mut rows: HashMap<(SourceId, RelationId), HashMap<Row, Diff>> = HashMap::new();
        let below = self.content_below(beginnings, stop);
        let rows_merged = self.store.rows();
        let begin = |(source, (_, progress)): (&SourceId, &(Door, Arc<Progress>))| {
            progress.loads(below.contains_key(source).then(|| rows_merged.get(source).copied().unwrap_or(0)));
        };
        doors.iter().for_each(begin);
        let replayed = self.store.replay(&below, &mut |tick| {
            let tick = self.layouts.running(tick);
            let door = doors.get_mut(&tick.source);
            for (relation, batch) in &tick.batches {
                if let Batch::Rows(changes) = batch
                    && held.contains(relation)
                {
                    let rows = rows.entry((tick.source, *relation)).or_default();
                    changes.iter().for_each(|(row, _, diff)| *rows.entry(row.clone()).or_default() += diff);
                }
            }
            let pass = |(door, progress): &mut (Door, Arc<Progress>)| {
                let rows = tick.batches.iter().map(|(_, batch)| batch.len()).sum::<usize>();
                progress.snapshot_rows.fetch_add(rows as u64, Ordering::Relaxed);
                door.send(tick)
            };
            match door.map_or(Ok(()), pass) {
                Ok(()) if !stop.requested() => Ok(()),
                _ => Err(StoreError::Poisoned("the run ended while the store was read".into())),
            }
        });
        doors.values().for_each(|(_, progress)| progress.loads(None));
        if stop.requested() {
            return Ok(BTreeMap::new());
        }
        replayed.map_err(|error| Failure::of_store(&error))?;
        for ((source, relation), rows) in rows {
            let rows = rows.into_iter().filter(|(_, count)| *count != 0).collect();
            stored.entry(source).and_modify(|stored| drop(stored.held.insert(relation, rows)));
        }
        Ok(stored)
    }

    /// Reads the store, then lets the sources go on. `parts` are the doors of the parts of views. On a thread of its own.
    pub(super) fn load(
        self: &Arc<Storing>,
        prepared: Vec<Prepared>,
        parts: Vec<(SourceId, Door)>,
        held: BTreeSet<RelationId>,
        beginnings: Vec<Begins>,
        stop: Stop,
    ) -> Result<JoinHandle<()>, Failure> {
        let storing = self.clone();
        spawn("store load", move || {
            let part = |(source, door)| (source, (door, Arc::default()));
            let (mut doors, mut waiting): (BTreeMap<_, _>, _) = (parts.into_iter().map(part).collect(), Vec::new());
            for Prepared { source, door, progress, start } in prepared {
                doors.insert(source, (door, progress));
                waiting.push((source, start));
            }
            match storing.replay(&mut doors, &held, &beginnings, &stop) {
                Ok(mut stored) => {
                    for (source, start) in waiting {
                        // After a stop there is nothing stored, and no source starts.
                        if let (Some((door, _)), Some(mut stored)) = (doors.remove(&source), stored.remove(&source)) {
                            let before = storing.emptied(source, &mut stored);
                            start(storing.door(source, door, before), Some(stored));
                        }
                    }
                }
                Err(failure) => {
                    storing.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                }
            }
        })
    }

    /// Keeps what the parts of views make.
    pub(super) fn keep(&self, told: Told) -> Result<JoinHandle<()>, Failure> {
        let part = |part: &KeptPart| keeper::Part::new(part.source, part.relation, self.stored(part));
        let parts = self.parts.iter().map(part).collect();
        let (keeper, failure) =
            (Keeper { store: self.store.clone(), parts, ended: self.ended.clone() }, self.failure.clone());
        spawn("store keep", move || {
            if let Err(failed) = keeper.run(told) {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
            }
        })
    }

    /// Merges in the background what every sink has acknowledged long ago; and all there is when the store has more bytes than it may.
    pub(super) fn merge(
        &self,
        sinks: Vec<Arc<SinkProgress>>,
        most: Option<usize>,
        stop: Stop,
    ) -> Result<JoinHandle<()>, Failure> {
        let (store, failure) = (self.store.clone(), self.failure.clone());
        spawn("store merge", move || {
            while wait(MERGE_INTERVAL, &stop) {
                // Where nothing is acknowledged any more, the clock takes its place.
                let acknowledged = sinks.iter().map(|sink| sink.frontier().unwrap_or(Some(0)).unwrap_or_else(now));
                let below = acknowledged.min().unwrap_or_else(now).saturating_sub(REWIND.as_micros() as Time);
                let merged = merge_all(|| store.merge(below), &stop);
                if let Err(failed) =
                    merged.map_err(|error| Failure::of_store(&error)).and_then(|()| keep_below(most, &store, &stop))
                {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
                    return;
                }
            }
        })
    }

    /// Notes that the run ended in order. All who write to the store must have ended.
    pub(super) fn close(self) -> Result<(), Failure> {
        match Arc::try_unwrap(self.store) {
            Ok(store) => store.close().map_err(|error| Failure::of_store(&error)),
            // A source that does not stop still holds it; the next start finds out by itself how far it reaches.
            Err(_) => Ok(()),
        }
    }
}

/// The sources as the store is to know them. The parts of views follow them.
pub(super) fn kept_sources(
    threads: &[SourceThread],
    inputs: &[InputRelation],
    reads: &BTreeMap<RelationName, BTreeSet<usize>>,
    keeping: &Keeping,
) -> Vec<Source> {
    let source = |(index, thread): (usize, &SourceThread)| {
        let id = SourceId(index);
        let own = inputs.iter().filter(|input| input.source == id);
        let rereads = thread.rereads();
        // What cannot be read again is stored whole: a view that comes later may read it.
        let reads = |name: &RelationName| reads.get(name).filter(|_| rereads != Rereads::Nothing);
        let relation = |input: &InputRelation| layout::relation(input, reads(&input.name));
        let relations = own.map(|input| keeping.of_input(input, relation(input), rereads)).collect();
        let name = thread.name().to_owned();
        Source { id, name, keeps_times: keeping.keeps_times(id), rereads, relations }
    };
    threads.iter().enumerate().map(source).chain(keeping.sources()).collect()
}

/// What the store lacks of a source, a sentence for each relation. What stands beside a relation goes without saying.
pub(super) fn lacking(source: &Source, lack: &Lack) -> Vec<String> {
    let is_beside = |name: &RelationName| source.relations.iter().any(|relation| errors_of(&relation.name) == *name);
    let of = |id: &RelationId| source.relations.iter().find(|relation| relation.id == *id);
    let named = |id: &RelationId| of(id).filter(|relation| !is_beside(&relation.name));
    match lack {
        Lack::Whole => vec!["the store has nothing of it that is whole".to_owned()],
        Lack::Relations(lacking) => {
            let lacking = lacking.iter().filter_map(|(id, stored)| Some((named(id)?, stored)));
            lacking.map(|(relation, stored)| layout::differs(relation, stored.as_deref())).collect()
        }
        Lack::Columns(added) => {
            let added = added.iter().filter_map(|(id, columns)| Some((of(id)?, columns)));
            added.map(|(relation, columns)| layout::widened(relation, columns)).collect()
        }
        Lack::Changed(changed) => {
            let changed = changed.iter().filter_map(|(id, why)| Some((of(id)?, why)));
            changed.map(|(relation, why)| format!("{}: {why}", relation.name)).collect()
        }
    }
}

/// Says what is read because the store lacks it. That a store is new goes without saying.
fn tell_lack(source: &Source, lack: Option<&Lack>, goes_on: bool) {
    let name = &source.name;
    let Some(lack) = lack else { return };
    let what = lacking(source, lack).join("; ");
    match lack {
        Lack::Relations(_) if goes_on => {
            tracing::info!("source `{name}`: {what}: only that is read, and the rest goes on");
        }
        Lack::Relations(_) => tracing::info!("source `{name}`: {what}: all of it is read anew"),
        Lack::Columns(_) => tracing::info!("source `{name}`: {what}"),
        Lack::Whole | Lack::Changed(_) => {}
    }
}

/// The frontier from which on a store can tell step by step what these sources said: what is merged may take effect until its cell ends.
pub(super) fn told_from(merged: &BTreeMap<SourceId, Time>, sources: &BTreeSet<SourceId>, grid: Time) -> Time {
    let merged = sources.iter().filter_map(|source| merged.get(source)).max();
    merged.map_or(0, |merged| cell_end(*merged, grid))
}

/// Merges as long as there is more.
fn merge_all(merge: impl Fn() -> Result<bool, StoreError>, stop: &Stop) -> Result<(), StoreError> {
    while merge()? && !stop.requested() {}
    Ok(())
}

/// Sees to it that the store has no more bytes than it may. What is merged early costs nothing but the comparison of targets that are
/// behind, at the next start.
fn keep_below(most: Option<usize>, store: &Store, stop: &Stop) -> Result<(), Failure> {
    let Some(most) = most.map(|most| most as u64) else { return Ok(()) };
    let bytes = || store.bytes().map(|(log, merged)| log + merged);
    let work = || {
        if bytes()? > most {
            merge_all(|| store.compact(Time::MAX, MERGED_AT_ONCE), stop)?;
        }
        bytes()
    };
    match work().map_err(|error| Failure::of_store(&error))? {
        bytes if bytes > most => Err(Failure::new(
            Exit::Operator,
            format!(
                "the store has {bytes} bytes, and `store_max_bytes` allows {most}: allow more, let the views read less, or remove its \
                 directory to begin anew"
            ),
        )),
        _ => Ok(()),
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map_err(|error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}")))
}

/// Waits; whether it goes on then.
fn wait(interval: Duration, stop: &Stop) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < interval && !stop.requested() {
        std::thread::sleep(POLL);
    }
    !stop.requested()
}

fn fail(failure: &Mutex<Option<Failure>>, error: &StoreError) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Failure::of_store(error));
}

/// What a table was before, to be emptied: its rows, if it has no key.
struct Emptied {
    relation: RelationId,
    rows: Option<Vec<(Row, Diff)>>,
}

impl Emptied {
    fn batch(self, time: Time) -> (RelationId, Batch) {
        let write = Upsert { key: Row::default(), time, sequence: 0, kind: UpsertKind::Truncate };
        let retracted = |rows: Vec<(Row, Diff)>| rows.into_iter().map(|(row, count)| (row, time, -count)).collect();
        (self.relation, self.rows.map_or_else(|| Batch::Upserts(vec![write]), |rows| Batch::Rows(retracted(rows))))
    }
}

/// A door that makes ticks durable before they go through.
struct StoredDoor {
    store: Arc<Store>,
    layouts: Arc<Layouts>,
    door: Door,
    before: Vec<Emptied>,
    grid: Time,
    /// The frontier, of a source of tables only.
    end: Option<Time>,
    /// Whether a stream has ended.
    ended: Arc<AtomicBool>,
    /// Whether a data error ends the run.
    stops: bool,
    failure: Arc<Mutex<Option<Failure>>>,
}

impl TickSender for StoredDoor {
    fn send(&mut self, mut tick: Tick) -> Result<(), Closed> {
        if let Some(end) = &mut self.end {
            // The run ends, but tables do not: at the next start they go on. What was told shows when its cell has ended.
            let frontier = *tick.frontier.get_or_insert(cell_end(*end, self.grid));
            *end = frontier;
        }
        if tick.frontier.is_none() {
            self.ended.store(true, Ordering::Release);
        }
        if let Some(frontier) = tick.frontier.filter(|_| tick.completes) {
            let emptied = std::mem::take(&mut self.before).into_iter();
            // The rows of now have the last instant before the frontier.
            tick.batches.extend(emptied.map(|before| before.batch(frontier.saturating_sub(1))));
        }
        // What ends the run is not taken: the next one reads it again, mended.
        if self.stops && !tick.errors.is_empty() {
            self.door.send(tick)?;
            return Err(Closed);
        }
        if let Err(error) = self.layouts.as_kept(&mut tick, |kept| self.store.append(kept)) {
            fail(&self.failure, &error);
            return Err(Closed);
        }
        crate::failpoint::reach(if tick.piece { "piece.durable" } else { "tick.durable" });
        self.door.send(tick)
    }
}
