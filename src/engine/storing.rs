//! The store in the river: ticks go into it before they go into the dataflow, and a start gives back what it holds before the sources
//! go on.

use super::failure::{Exit, Failure};
use super::layout::Layouts;
use super::sources::{Door, Prepared};
use crate::dataflow::InputRelation;
use crate::sink::SinkProgress;
use crate::source::{Closed, Stop, Stored, TickSender};
use crate::store::{Opened, Source, Store, StoreError};
use crate::timeline::{Batch, RelationId, Resume, SourceId, Tick};
use crate::value::{Diff, RelationName, Row, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What lies less far behind the slowest sink's acknowledgement is not merged: a target may go back so much.
const REWIND: Duration = Duration::from_secs(600);
/// How often it is looked whether there is much to merge.
const MERGE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a stop is looked for.
const POLL: Duration = Duration::from_millis(50);

/// A store of a run.
pub(super) struct Storing {
    store: Arc<Store>,
    layouts: Arc<Layouts>,
    resumes: BTreeMap<SourceId, Resume>,
    /// What went wrong in it.
    failure: Arc<Mutex<Option<Failure>>>,
}

impl Storing {
    /// Opens the store in a directory for these sources.
    pub(super) fn open(
        directory: &Path,
        names: &[String],
        inputs: &[InputRelation],
        reads: &BTreeMap<RelationName, BTreeSet<usize>>,
    ) -> Result<Storing, Failure> {
        let (layouts, relations) = Layouts::new(inputs.iter().map(|input| (input, reads.get(&input.name))));
        let source = |(index, name): (usize, &String)| {
            let id = SourceId(index);
            let own = inputs.iter().zip(&relations).filter(|(input, _)| input.source == id);
            Source { id, name: name.clone(), relations: own.map(|(_, relation)| relation.clone()).collect() }
        };
        let sources: Vec<Source> = names.iter().enumerate().map(source).collect();
        let Opened { store, resumes } = Store::open(directory, &sources).map_err(|error| of_store(&error))?;
        Ok(Storing { store: Arc::new(store), layouts: Arc::new(layouts), resumes, failure: Arc::default() })
    }

    pub(super) fn incarnation(&self) -> String {
        self.store.incarnation()
    }

    /// The frontier up to which the store tells again what comes from these sources.
    pub(super) fn recovered(&self, sources: &BTreeSet<SourceId>) -> Time {
        sources.iter().filter_map(|source| self.resumes.get(source)).map(|resume| resume.frontier).min().unwrap_or(0)
    }

    /// A source's way through the store into the dataflow.
    fn door(&self, door: Door) -> Box<dyn TickSender> {
        let (store, layouts, failure) = (self.store.clone(), self.layouts.clone(), self.failure.clone());
        Box::new(StoredDoor { store, layouts, door, failure })
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
        stop: &Stop,
    ) -> Result<BTreeMap<SourceId, Stored>, Failure> {
        let new = |source: &SourceId| Stored {
            incarnation: self.incarnation(),
            resume: self.resumes.get(source).cloned(),
            held: BTreeMap::new(),
        };
        let mut stored: BTreeMap<SourceId, Stored> = doors.keys().map(|source| (*source, new(source))).collect();
        let mut rows: HashMap<(SourceId, RelationId), HashMap<Row, Diff>> = HashMap::new();
        let replayed = self.store.replay(&self.resumes, &mut |tick| {
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
        stop: Stop,
    ) -> Result<JoinHandle<()>, Failure> {
        let storing = self.clone();
        spawn("store load", move || {
            let (mut doors, mut waiting) = (BTreeMap::new(), Vec::new());
            for Prepared { source, door, start } in prepared {
                doors.insert(source, door);
                waiting.push((source, start));
            }
            match storing.replay(&mut doors, &held, &stop) {
                Ok(mut stored) => {
                    for (source, start) in waiting {
                        // After a stop there is nothing stored, and no source starts.
                        if let (Some(door), Some(stored)) = (doors.remove(&source), stored.remove(&source)) {
                            start(storing.door(door), Some(stored));
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
    let begun = std::time::Instant::now();
    while begun.elapsed() < interval && !stop.requested() {
        std::thread::sleep(POLL);
    }
    !stop.requested()
}

fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Time)
}

fn of_store(error: &StoreError) -> Failure {
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
    failure: Arc<Mutex<Option<Failure>>>,
}

impl TickSender for StoredDoor {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        if let Err(error) = self.store.append(self.layouts.kept(&tick).as_ref().unwrap_or(&tick)) {
            fail(&self.failure, &error);
            return Err(Closed);
        }
        self.door.send(tick)
    }
}
