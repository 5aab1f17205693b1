//! What worker threads, senders and readers of one dataflow share.

use super::blueprint::{Blueprint, Definition, Relation};
use super::content::Content;
use super::holding::Holdings;
use super::operators::upsert::Shard;
use super::program::Settings;
use crate::timeline::{RelationId, cell_end};
use crate::value::Time;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// A frontier as a number: the greatest if there is none.
pub const ENDED: Time = Time::MAX;

/// The shared state of a dataflow.
pub struct Shared {
    /// How it runs.
    pub settings: Settings,
    /// What it computes.
    pub blueprint: Blueprint,
    /// By the place of the source.
    pub sources: Vec<SourceState>,
    /// By the place of the relation.
    pub relations: Vec<RelationState>,
    /// The frontiers from which on inputs have their content, by place; `ENDED` as long as that is not known.
    since: Vec<AtomicU64>,
    /// The shares of keyed tables, by the place of the relation and the worker; empty for other relations.
    pub shards: Vec<Vec<Arc<Shard>>>,
    /// Whether anybody reads the relation at that place.
    pub read: Vec<bool>,
    /// What operators hold.
    pub holdings: Arc<Holdings>,
    stop: AtomicBool,
    failed: Mutex<Option<String>>,
    threads: Vec<OnceLock<Thread>>,
    progress: (Mutex<()>, Condvar),
}

/// How far a source has come.
pub struct SourceState {
    /// The frontier before the first tick that is not part of the snapshot; `ENDED` until that tick arrives.
    pub snapshot_end: AtomicU64,
    /// The first real frontier; `ENDED` until it is announced, and if there is none.
    pub begin: AtomicU64,
    /// The frontier the workers were told.
    pub announced: AtomicU64,
    /// The last one before the end.
    pub last: AtomicU64,
}

/// How far a relation has come.
#[derive(Default)]
pub struct RelationState {
    /// Rows that passed, retractions subtracted.
    pub rows: AtomicI64,
    /// Changes that passed.
    pub changes: AtomicU64,
    /// Its frontier.
    pub frontier: AtomicU64,
    /// What it held at the frontier last told, if it can be peeked at.
    pub content: Mutex<Option<Content>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// For a dataflow that has not begun.
    pub fn new(
        settings: Settings,
        blueprint: Blueprint,
        read: Vec<bool>,
        since: &BTreeMap<RelationId, Option<Time>>,
    ) -> Shared {
        let workers = settings.workers.max(1);
        let shards = |definition: &Definition| match definition {
            Definition::Input(input) if input.upserts => {
                let key = input.schema.key.as_deref().unwrap_or_default();
                (0..workers).map(|_| Arc::new(Shard::new(key))).collect()
            }
            _ => Vec::new(),
        };
        let since = |definition: &Definition| match definition {
            Definition::Input(input) => since
                .get(&input.id)
                .map_or(0, |since| since.map_or(ENDED, |since| cell_end(since, settings.refresh_us))),
            _ => 0,
        };
        Shared {
            since: blueprint.relations.iter().map(|relation| since(&relation.definition).into()).collect(),
            sources: blueprint
                .sources
                .iter()
                .map(|_| SourceState {
                    snapshot_end: AtomicU64::new(ENDED),
                    begin: AtomicU64::new(ENDED),
                    announced: AtomicU64::new(0),
                    last: AtomicU64::new(0),
                })
                .collect(),
            relations: blueprint.relations.iter().map(|_| RelationState::default()).collect(),
            shards: blueprint.relations.iter().map(|relation| shards(&relation.definition)).collect(),
            stop: AtomicBool::new(false),
            failed: Mutex::new(None),
            threads: (0..workers).map(|_| OnceLock::new()).collect(),
            progress: (Mutex::new(()), Condvar::new()),
            settings,
            blueprint,
            read,
            holdings: Arc::default(),
        }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// Whether everybody is to leave.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Asks everybody to leave.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake_workers();
        self.tell_progress();
    }

    /// Stops because of a failure; the first one is kept.
    pub fn fail(&self, message: String) {
        lock(&self.failed).get_or_insert(message);
        self.stop();
    }

    /// The failure, if there was one.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    /// Makes the calling thread the one to be woken as that worker.
    pub fn register_worker(&self, worker: usize) {
        let _ = self.threads[worker].set(std::thread::current());
    }

    /// Wakes the workers that wait for commands.
    pub fn wake_workers(&self) {
        self.threads.iter().filter_map(OnceLock::get).for_each(Thread::unpark);
    }

    /// Wakes those who wait for progress.
    pub fn tell_progress(&self) {
        drop(lock(&self.progress.0));
        self.progress.1.notify_all();
    }

    /// Waits for progress, for a while; `ready` is tested first.
    pub fn wait_for_progress(&self, ready: impl FnOnce() -> bool) {
        let guard = lock(&self.progress.0);
        if !ready() && !self.stopped() {
            let _ = self.progress.1.wait_timeout(guard, Duration::from_millis(20));
        }
    }

    /// The newcomers of a source have their content from this frontier on.
    pub fn complete(&self, source: usize, frontier: Time) {
        let since = cell_end(frontier, self.settings.refresh_us);
        for (relation, known) in self.blueprint.relations.iter().zip(&self.since) {
            if matches!(relation.definition, Definition::Input(_)) && relation.sources.contains(&source) {
                let _ = known.compare_exchange(ENDED, since, Ordering::AcqRel, Ordering::Acquire);
            }
        }
    }

    /// The frontier from which on everything that a relation is computed from has its content; `ENDED` as long as that is not known.
    fn since(&self, relation: &Relation) -> Time {
        relation.late.iter().map(|input| self.since[*input].load(Ordering::Acquire)).max().unwrap_or(0)
    }

    /// Whether a frontier of a relation is a real one: all its sources have left their snapshots, it lies above them all, and
    /// everything has its content.
    pub fn is_real(&self, relation: &Relation, frontier: Option<Time>) -> bool {
        let since = self.since(relation);
        since != ENDED
            && frontier.is_none_or(|frontier| frontier >= since)
            && relation.sources.iter().all(|source| {
                let end = self.sources[*source].snapshot_end.load(Ordering::Acquire);
                end != ENDED && frontier.is_none_or(|frontier| frontier > end)
            })
    }

    /// The least of the first real frontiers of a relation's sources, below which their snapshots lie, or where everything has its
    /// content if that is later; none if no such is known.
    pub fn beginning(&self, relation: &Relation) -> Option<Time> {
        let begin = |source: &usize| self.sources[*source].begin.load(Ordering::Acquire);
        let begin = relation.sources.iter().map(begin).min()?;
        Some(begin.max(self.since(relation))).filter(|begin| *begin != ENDED)
    }

    /// The content of a relation that can be peeked at.
    pub fn content(&self, relation: usize) -> MutexGuard<'_, Option<Content>> {
        lock(&self.relations[relation].content)
    }
}
