//! What operators hold, counted while they run.
//!
//! An operator that keeps rows outside of arrangements counts them through a [`Holding`], which it asks for while it is built.
//! Arrangements are counted by what differential logs of their batches, and weighed now and then. Both belong to the relation that was
//! being rendered.

use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use timely::worker::Worker;

/// What an operator of a relation holds on one worker.
#[derive(Debug)]
pub struct Holding {
    /// The place of the relation.
    pub relation: usize,
    /// The operator's name.
    pub operator: &'static str,
    updates: AtomicI64,
    bytes: AtomicI64,
}

impl Holding {
    fn new(relation: usize, operator: &'static str) -> Holding {
        Holding { relation, operator, updates: AtomicI64::new(0), bytes: AtomicI64::new(0) }
    }

    /// Counts what comes, or with negative numbers what goes. Only the operator's own thread does, so that nothing needs to be locked.
    pub fn add(&self, updates: i64, bytes: i64) {
        let add = |count: &AtomicI64, more| count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        add(&self.updates, updates);
        add(&self.bytes, bytes);
    }

    /// Updates held now, and their bytes as far as they are counted.
    pub fn count(&self) -> (i64, i64) {
        (self.updates.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Everything that is held, on all workers.
#[derive(Default)]
pub struct Holdings(Mutex<Vec<Arc<Holding>>>);

impl Holdings {
    fn add(&self, relation: usize, operator: &'static str) -> Arc<Holding> {
        let holding = Arc::new(Holding::new(relation, operator));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(holding.clone());
        holding
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

thread_local! {
    /// The relation that this thread is rendering.
    static RENDERED: RefCell<Option<Rendered>> = const { RefCell::new(None) };
}

struct Rendered {
    holdings: Arc<Holdings>,
    relation: usize,
    weighed: Rc<RefCell<Vec<Weighed>>>,
}

/// For the operator that is being built; counted nowhere if no relation is being rendered.
pub fn holding(operator: &'static str) -> Arc<Holding> {
    RENDERED.with_borrow(|rendered| match rendered {
        Some(Rendered { holdings, relation, .. }) => holdings.add(*relation, operator),
        None => Arc::new(Holding::new(0, operator)),
    })
}

/// An arrangement, with what it took when it was weighed last.
struct Weighed {
    holding: Arc<Holding>,
    bytes: i64,
    scales: Box<dyn Fn() -> Option<usize>>,
}

/// Lets the arrangement that was built be weighed from time to time: `scales` tell its bytes, as long as there is one.
pub fn weigh(scales: impl Fn() -> Option<usize> + 'static) {
    let holding = holding(ARRANGEMENT);
    RENDERED.with_borrow(|rendered| {
        let Some(Rendered { weighed, .. }) = rendered else { return };
        weighed.borrow_mut().push(Weighed { holding, bytes: 0, scales: Box::new(scales) });
    });
}

impl Weighed {
    /// Weighs it; false if it is gone.
    fn weigh(&mut self) -> bool {
        let bytes = (self.scales)();
        let now = bytes.unwrap_or(0) as i64;
        self.holding.add(0, now - std::mem::replace(&mut self.bytes, now));
        bytes.is_some()
    }
}

/// Counts what a worker's arrangements hold, and knows to which relation they belong.
pub struct Arrangements {
    holdings: Arc<Holdings>,
    /// Each relation's place behind the first number its operators may have, ascending.
    relations: Rc<RefCell<Vec<(usize, usize)>>>,
    weighed: Rc<RefCell<Vec<Weighed>>>,
    weighed_at: Cell<Option<Instant>>,
}

/// What all arrangements go by.
const ARRANGEMENT: &str = "Arrange";

/// How often they are weighed at most.
const WEIGH_EVERY: Duration = Duration::from_millis(100);

/// The name under which differential logs.
const LOG: &str = "differential/arrange";

impl Arrangements {
    /// Counts from here on.
    pub fn count(worker: &Worker, holdings: Arc<Holdings>) -> Arrangements {
        let relations: Rc<RefCell<Vec<(usize, usize)>>> = Rc::default();
        let (known, counted) = (relations.clone(), holdings.clone());
        let mut of_operator: HashMap<usize, Arc<Holding>> = HashMap::new();
        let count = move |_: &Duration, events: &mut Option<Vec<(Duration, DifferentialEvent)>>| {
            for (_, event) in events.iter_mut().flat_map(|events| events.drain(..)) {
                let Some((operator, updates)) = change(&event) else { continue };
                let of_new = || {
                    let known = known.borrow();
                    let behind = known.partition_point(|(first, _)| *first <= operator);
                    let relation = behind.checked_sub(1).map_or(0, |at| known[at].1);
                    counted.add(relation, ARRANGEMENT)
                };
                of_operator.entry(operator).or_insert_with(of_new).add(updates, 0);
            }
        };
        if let Some(mut logs) = worker.log_register() {
            logs.insert::<DifferentialEventBuilder, _>(LOG, count);
        }
        Arrangements { holdings, relations, weighed: Rc::default(), weighed_at: Cell::new(None) }
    }

    /// The operators that come now, the first with this number, are those of that relation.
    pub fn begin(&self, relation: usize, operator: usize) {
        self.relations.borrow_mut().push((operator, relation));
        let (holdings, weighed) = (self.holdings.clone(), self.weighed.clone());
        RENDERED.set(Some(Rendered { holdings, relation, weighed }));
    }

    /// No operators of relations come any more.
    pub fn end(&self) {
        RENDERED.set(None);
    }

    /// Brings the counts up to now, and the bytes if they are not those of just before.
    pub fn recount(&self, worker: &Worker) {
        if let Some(mut logs) = worker.log_register() {
            logs.flush();
        }
        if self.weighed_at.get().is_none_or(|at| at.elapsed() >= WEIGH_EVERY) {
            self.weighed.borrow_mut().retain_mut(Weighed::weigh);
            self.weighed_at.set(Some(Instant::now()));
        }
    }
}

/// Whose updates became more or fewer.
fn change(event: &DifferentialEvent) -> Option<(usize, i64)> {
    match event {
        DifferentialEvent::Batch(batch) => Some((batch.operator, batch.length as i64)),
        DifferentialEvent::Merge(merge) => {
            let merged = merge.complete? as i64;
            Some((merge.operator, merged - (merge.length1 + merge.length2) as i64))
        }
        DifferentialEvent::Drop(batch) => Some((batch.operator, -(batch.length as i64))),
        DifferentialEvent::MergeShortfall(_) | DifferentialEvent::TraceShare(_) | DifferentialEvent::Batcher(_) => None,
    }
}
