//! The store in the river: ticks go into it before they go into the dataflow, and a start gives back what it holds before the sources
//! go on.

use super::failure::{Exit, Failure};
use super::layout::Layouts;
use super::sources::{Door, Prepared};
use super::status::StoreStatus;
use crate::dataflow::InputRelation;
use crate::sink::{Beginning, SinkProgress};
use crate::source::{Closed, Stop, Stored, TickSender};
use crate::store::{Opened, Source, Store, StoreError};
use crate::timeline::{Batch, RelationId, Resume, SourceId, Tick, cell_end, cell_start};
use crate::value::{Diff, RelationKind, RelationName, Row, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What lies less far behind the slowest sink's acknowledgement is not merged: a target may go back so much.
pub(super) const REWIND: Duration = Duration::from_secs(600);
/// How often it is looked whether there is much to merge.
const MERGE_INTERVAL: Duration = Duration::from_secs(5);
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
    /// The refresh grid: a change takes effect at the last instant of its cell.
    grid: Time,
    /// The sources of which some relation is a stream.
    has_streams: BTreeSet<SourceId>,
    /// What went wrong in it.
    failure: Arc<Mutex<Option<Failure>>>,
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
        names: &[String],
        inputs: &[InputRelation],
        reads: &BTreeMap<RelationName, BTreeSet<usize>>,
        grid: Time,
    ) -> Result<Storing, Failure> {
        let (layouts, relations) = Layouts::new(inputs.iter().map(|input| (input, reads.get(&input.name))));
        let is_stream = |input: &&InputRelation| matches!(input.schema.kind, RelationKind::Stream { .. });
        let has_streams: BTreeSet<SourceId> = inputs.iter().filter(is_stream).map(|input| input.source).collect();
        let source = |(index, name): (usize, &String)| {
            let id = SourceId(index);
            let own = inputs.iter().zip(&relations).filter(|(input, _)| input.source == id);
            let relations = own.map(|(_, relation)| relation.clone()).collect();
            Source { id, name: name.clone(), keeps_times: has_streams.contains(&id), relations }
        };
        let sources: Vec<Source> = names.iter().enumerate().map(source).collect();
        let Opened { store, resumes } = Store::open(directory, &sources).map_err(|error| of_store(&error))?;
        let (directory, store, layouts) = (directory.into(), Arc::new(store), Arc::new(layouts));
        Ok(Storing { directory, store, layouts, resumes, grid, has_streams, failure: Arc::default() })
    }

    /// The moment's figures; nothing if the directory cannot be read.
    pub(super) fn status(&self) -> Option<StoreStatus> {
        let (log_bytes, merged_bytes) = self.store.bytes().ok()?;
        let (directory, incarnation) = (self.directory.display().to_string(), self.incarnation());
        Some(StoreStatus { directory, incarnation, log_bytes, merged_bytes })
    }

    pub(super) fn incarnation(&self) -> String {
        self.store.incarnation()
    }

    /// Where a view of these sources may begin: behind what is merged, and up to where all of them have come.
    pub(super) fn beginning(&self, sources: &BTreeSet<SourceId>) -> Beginning {
        let merged = self.store.merged();
        // What is merged may take effect until its cell ends.
        let at_least = sources
            .iter()
            .filter_map(|source| merged.get(source))
            .max()
            .map_or(0, |merged| cell_end(*merged, self.grid));
        let recovered = |source| self.resumes.get(source).map_or(0, |resume| cell_start(resume.frontier, self.grid));
        Beginning::between(at_least, sources.iter().map(recovered).min().unwrap_or(0))
    }

    /// The times below which what sources said may be told as content: no view needs it step by step. Waits for the sinks' targets.
    fn content_below(&self, beginnings: &[Begins], stop: &Stop) -> BTreeMap<SourceId, Time> {
        let resumes = self.resumes.iter();
        let mut below: BTreeMap<SourceId, Time> =
            resumes.map(|(source, resume)| (*source, cell_start(resume.frontier, self.grid))).collect();
        if below.is_empty() {
            return below;
        }
        let begun = Instant::now();
        let heard = |begins: &Begins| begins.beginning.wait(POLL);
        while !beginnings.iter().all(heard) && begun.elapsed() < TARGET_PATIENCE && !stop.requested() {}
        for Begins { sources, beginning } in beginnings {
            let needed = cell_start(beginning.close(), self.grid);
            let needed = |(source, below): (&SourceId, &mut Time)| {
                if sources.contains(source) {
                    *below = needed.min(*below)
                }
            };
            below.iter_mut().for_each(needed);
        }
        below
    }

    /// A source's way through the store into the dataflow.
    fn door(&self, source: SourceId, door: Door) -> Box<dyn TickSender> {
        let end = match self.has_streams.contains(&source) {
            true => None,
            false => Some(self.resumes.get(&source).map_or(0, |resume| resume.frontier)),
        };
        let (store, layouts, failure) = (self.store.clone(), self.layouts.clone(), self.failure.clone());
        Box::new(StoredDoor { store, layouts, door, grid: self.grid, end, failure })
    }

    /// What went wrong.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives what the store holds to the dataflow, through the doors of the sources, and says where each goes on. `held` are the
    /// relations whose rows a source must know. Ends early, with nothing, when a stop is asked for.
    fn replay(
        &self,
        doors: &mut BTreeMap<SourceId, Door>,
        held: &BTreeSet<RelationId>,
        beginnings: &[Begins],
        stop: &Stop,
    ) -> Result<BTreeMap<SourceId, Stored>, Failure> {
        let new = |source: &SourceId| Stored {
            incarnation: self.incarnation(),
            resume: self.resumes.get(source).cloned(),
            held: BTreeMap::new(),
        };
        let mut stored: BTreeMap<SourceId, Stored> = doors.keys().map(|source| (*source, new(source))).collect();
        let mut rows: HashMap<(SourceId, RelationId), HashMap<Row, Diff>> = HashMap::new();
        let below = self.content_below(beginnings, stop);
        let replayed = self.store.replay(&below, &mut |tick| {
            let tick = self.layouts.running(tick);
            for (relation, batch) in &tick.batches {
                if let Batch::Rows(changes) = batch
                    && held.contains(relation)
                {
                    let rows = rows.entry((tick.source, *relation)).or_default();
                    changes.iter().for_each(|(row, _, diff)| *rows.entry(row.clone()).or_default() += diff);
                }
            }
            match doors.get_mut(&tick.source).map_or(Ok(()), |door| door.send(tick)) {
                Ok(()) if !stop.requested() => Ok(()),
                _ => Err(StoreError::Poisoned("the run ended while the store was read".into())),
            }
        });
        if stop.requested() {
            return Ok(BTreeMap::new());
        }
        replayed.map_err(|error| of_store(&error))?;
        for ((source, relation), rows) in rows {
            let rows = rows.into_iter().filter(|(_, count)| *count != 0).collect();
            stored.entry(source).and_modify(|stored| drop(stored.held.insert(relation, rows)));
        }
        Ok(stored)
    }

    /// Reads the store, then lets the sources go on. On a thread of its own.
    pub(super) fn load(
        self: &Arc<Storing>,
        prepared: Vec<Prepared>,
        held: BTreeSet<RelationId>,
        beginnings: Vec<Begins>,
        stop: Stop,
    ) -> Result<JoinHandle<()>, Failure> {
        let storing = self.clone();
        spawn("store load", move || {
            let (mut doors, mut waiting) = (BTreeMap::new(), Vec::new());
            for Prepared { source, door, start } in prepared {
                doors.insert(source, door);
                waiting.push((source, start));
            }
            match storing.replay(&mut doors, &held, &beginnings, &stop) {
                Ok(mut stored) => {
                    for (source, start) in waiting {
                        // After a stop there is nothing stored, and no source starts.
                        if let (Some(door), Some(stored)) = (doors.remove(&source), stored.remove(&source)) {
                            start(storing.door(source, door), Some(stored));
                        }
                    }
                }
                Err(failure) => {
                    storing.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                }
            }
        })
    }

    /// Merges in the background what every sink has acknowledged long ago.
    pub(super) fn merge(&self, sinks: Vec<Arc<SinkProgress>>, stop: Stop) -> Result<JoinHandle<()>, Failure> {
        let (store, failure) = (self.store.clone(), self.failure.clone());
        spawn("store merge", move || {
            while wait(MERGE_INTERVAL, &stop) {
                let acknowledged = sinks.iter().map(|sink| sink.frontier().unwrap_or(Some(0)).unwrap_or(Time::MAX));
                let below =
                    acknowledged.min().unwrap_or(Time::MAX).min(now()).saturating_sub(REWIND.as_micros() as Time);
                loop {
                    match store.merge(below) {
                        Ok(true) if !stop.requested() => {}
                        Ok(_) => break,
                        Err(error) => return fail(&failure, &error),
                    }
                }
            }
        })
    }

    /// Notes that the run ended in order. All who write to the store must have ended.
    pub(super) fn close(self) -> Result<(), Failure> {
        match Arc::try_unwrap(self.store) {
            Ok(store) => store.close().map_err(|error| of_store(&error)),
            // A source that does not stop still holds it; the next start finds out by itself how far it reaches.
            Err(_) => Ok(()),
        }
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

fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Time)
}

pub(super) fn of_store(error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Io { .. } | StoreError::Poisoned(_) => Exit::Unavailable,
        StoreError::Damaged { .. } | StoreError::Format { .. } | StoreError::InUse(_) => Exit::Operator,
    };
    Failure::new(exit, error.to_string())
}

fn fail(failure: &Mutex<Option<Failure>>, error: &StoreError) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| of_store(error));
}

/// A door that makes ticks durable before they go through.
struct StoredDoor {
    store: Arc<Store>,
    layouts: Arc<Layouts>,
    door: Door,
    grid: Time,
    /// The frontier, of a source of tables only.
    end: Option<Time>,
    failure: Arc<Mutex<Option<Failure>>>,
}

impl TickSender for StoredDoor {
    fn send(&mut self, mut tick: Tick) -> Result<(), Closed> {
        if let Some(end) = &mut self.end {
            // The run ends, but tables do not: at the next start they go on. What was told shows when its cell has ended.
            let frontier = *tick.frontier.get_or_insert(cell_end(*end, self.grid));
            *end = frontier;
        }
        if let Err(error) = self.store.append(self.layouts.kept(&tick).as_ref().unwrap_or(&tick)) {
            fail(&self.failure, &error);
            return Err(Closed);
        }
        crate::failpoint::reach("tick.durable");
        self.door.send(tick)
    }
}
