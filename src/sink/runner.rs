//! Runs one sink: merges the view's steps, has them delivered, retries, and tells progress.
//!
//! While the target is away or does not answer, steps are still taken and merged (`pending.rs`), so a dead sink slows nothing
//! else down and holds bounded memory; beyond the bound it gives up with an error rather than growing or losing anything
//! silently.

use super::calls::{Answer, Call, Calls};
use super::mark::{Found, Marks, Owner};
use super::pending::{Ages, Pending};
use super::progress::SinkProgress;
use super::{Beginning, Delivery, Sink, SinkError, Step};
use crate::timeline::now;
use crate::value::Time;
use crossbeam_channel::{Receiver, never, select};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Reads the view's whole content at a frontier not below the given one, as a first step; nothing if it cannot be read yet.
pub type ContentReader = Box<dyn FnMut(Option<Time>) -> Option<Step> + Send>;

/// How often a frontier is told when nothing changes.
const QUIET: Duration = Duration::from_secs(1);
/// How long a stop may wait for steps.
const POLL: Duration = Duration::from_millis(100);
/// The first and the longest pause before a retry.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A target is said not to answer when a call takes longer than this.
const SILENCE: Duration = Duration::from_secs(10);
/// A target without keys is given every step by itself as long as a delivery takes no longer than this,
const STEP_TIME: Duration = Duration::from_secs(1);
/// and no more steps than this wait.
const STEPS: usize = 1_000;

/// How a sink is run.
pub struct Settings {
    /// Bytes of merged changes, beyond those of a first load, at which a sink whose target is away gives up.
    pub pending_bytes: usize,
    /// How long the target may be away after the last step, before the sink gives up.
    pub patience: Duration,
    /// The same after a stop was asked for.
    pub stop_patience: Duration,
    /// Reads the whole content again for a target that lost it. Without it such a target needs a restart.
    pub content: Option<ContentReader>,
    /// Whose content it is.
    pub owner: Owner,
    /// What the view means: of another meaning is other content.
    pub view: String,
    /// Where the view's steps begin. Nothing is delivered below what a store tells again.
    pub beginning: Arc<Beginning>,
    /// Where the rows are kept that the target refuses; nowhere without a store.
    pub rejected: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            pending_bytes: 256 << 20,
            patience: Duration::from_secs(60),
            stop_patience: Duration::from_secs(5),
            content: None,
            owner: Owner::run(),
            view: String::new(),
            beginning: Arc::default(),
            rejected: None,
        }
    }
}

/// Runs until the steps end, or a stop is asked for and everything received is delivered, or the sink cannot go on.
pub fn run(
    mut sink: Box<dyn Sink>,
    steps: Receiver<Step>,
    progress: &SinkProgress,
    stop: &AtomicBool,
    settings: Settings,
) -> Result<(), SinkError> {
    let marks = Marks::new(settings.owner.clone(), &settings.view, &sink.form());
    sink.set_meaning(marks.view());
    settings.rejected.iter().for_each(|path| sink.keep_rejected(path));
    let mut runner = Runner {
        marks,
        pending: Pending::new(sink.key(), settings.pending_bytes / 2),
        is_keyed: sink.key().is_some(),
        interval: sink.commit_interval(),
        steps,
        progress,
        settings,
        calls: Calls::start(sink)?,
        flight: None,
        open: false,
        greeted: false,
        rewound: false,
        ended: false,
        base: 0,
        delivered_at: None,
        collecting_since: None,
        failures: 0,
        failing_since: None,
        retry_at: None,
    };
    let result = runner.run(stop);
    runner.settings.beginning.waive();
    // A target that does not answer keeps its thread until it does.
    if runner.flight.is_none() {
        runner.calls.end();
    }
    progress.connected.store(false, Ordering::Relaxed);
    if let Err(error) = &result {
        progress.set_error(Some(error.to_string()));
    }
    result
}

struct Runner<'a> {
    steps: Receiver<Step>,
    marks: Marks,
    pending: Pending,
    progress: &'a SinkProgress,
    settings: Settings,
    is_keyed: bool,
    interval: Duration,
    calls: Calls,
    /// The call that is not answered yet.
    flight: Option<Flight>,
    /// Whether the target answered last time.
    open: bool,
    /// Whether it was ever asked what it shows. No step is taken before: it may have what the first steps tell.
    greeted: bool,
    /// Whether the target needs the whole content again.
    rewound: bool,
    /// Whether no step will follow.
    ended: bool,
    /// Bytes of a first load that waits: they do not count against the bound.
    base: usize,
    delivered_at: Option<Instant>,
    /// When the first undelivered change came in.
    collecting_since: Option<Instant>,
    failures: u32,
    failing_since: Option<Instant>,
    retry_at: Option<Instant>,
}

/// A call under way.
struct Flight {
    since: Instant,
    /// Of the delivery it carries.
    ages: Ages,
    rows: usize,
    bytes: usize,
}

impl Flight {
    fn is_silent(&self) -> bool {
        self.since.elapsed() >= SILENCE
    }
}

impl Runner<'_> {
    fn run(&mut self, stop: &AtomicBool) -> Result<(), SinkError> {
        loop {
            let answer = self.receive()?;
            let stopping = stop.load(Ordering::Relaxed);
            if stopping && self.greeted {
                self.receive_waiting()?;
            }
            let last = self.ended || stopping;
            let patience = if stopping { self.settings.stop_patience } else { self.settings.patience };
            if let Some(answer) = answer {
                self.answered(answer, last.then_some(patience))?;
            }
            match &self.flight {
                Some(flight) if last && flight.since.elapsed() >= patience => {
                    let text = format!("the target has not answered for {} s", flight.since.elapsed().as_secs());
                    return Err(SinkError::Transient(text));
                }
                Some(flight) if flight.is_silent() => {
                    let silence = flight.since.elapsed();
                    self.is_silent(silence);
                }
                Some(_) => {}
                None if last && self.greeted && !self.has_news() => return Ok(()),
                None if self.is_due(last) => self.call(),
                None => {}
            }
        }
    }

    /// Waits for the next step or answer, or until something is due.
    fn receive(&mut self) -> Result<Option<Answer>, SinkError> {
        let due = self.due_at().filter(|_| self.flight.is_none());
        let wait = due.map_or(POLL, |due| due.saturating_duration_since(Instant::now()).min(POLL));
        let nothing = never();
        let steps = if !self.ended && self.takes_steps() { &self.steps } else { &nothing };
        select! {
            recv(self.calls.answers()) -> answer => match answer {
                Ok((answer, rejected)) => {
                    self.progress.rejected.store(rejected, Ordering::Relaxed);
                    return Ok(Some(answer));
                }
                Err(_) => {
                    self.flight = None;
                    return Err(SinkError::Transient("the thread of the sink has ended".to_string()));
                }
            },
            recv(steps) -> step => match step {
                Ok(step) => self.merge(step)?,
                Err(_) => self.ended = true,
            },
            default(wait) => {}
        }
        if self.greeted && (self.is_keyed || !self.keeps_up()) {
            self.receive_waiting()?;
        }
        Ok(None)
    }

    /// Whether the next step may be merged with those that wait: a target that shows every change also shows every frontier,
    /// as long as it keeps up.
    fn takes_steps(&self) -> bool {
        self.greeted && (self.is_keyed || self.flight.is_none() || !self.keeps_up())
    }

    fn keeps_up(&self) -> bool {
        let slow = self.flight.as_ref().is_some_and(|flight| flight.since.elapsed() >= STEP_TIME);
        self.failures == 0 && !slow && self.steps.len() < STEPS
    }

    /// Takes the steps that have come, but not those that come meanwhile: they would never end.
    fn receive_waiting(&mut self) -> Result<(), SinkError> {
        for _ in 0..self.steps.len() {
            if let Ok(step) = self.steps.try_recv() {
                self.merge(step)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, mut step: Step) -> Result<(), SinkError> {
        let first = step.first;
        if self.rewound && !first {
            // It is given the whole content, when that is read.
            step.changes.clear();
        }
        self.pending.merge(step);
        if first {
            self.base = self.pending.bytes();
        }
        self.tell_bytes();
        if self.pending.has_content() {
            self.collecting_since.get_or_insert_with(Instant::now);
        } else {
            self.tell_unchanged();
        }
        let waiting = self.pending.bytes().saturating_sub(self.base);
        let away = self.failures > 0 || self.flight.as_ref().is_some_and(Flight::is_silent);
        if away && waiting > self.settings.pending_bytes { self.overflow(waiting) } else { Ok(()) }
    }

    /// Too much waits for a target that is away: where the content can be read again, what waits is forgotten.
    fn overflow(&mut self, waiting: usize) -> Result<(), SinkError> {
        let (limit, error) = (self.settings.pending_bytes, self.progress.error().unwrap_or_default());
        let said = format!(
            "the target is away and {waiting} bytes of changes are waiting for it, more than the {limit} allowed"
        );
        if !self.is_keyed || self.settings.content.is_none() {
            return Err(SinkError::Operator(format!(
                "{said}; mend it and start again, which brings it up to date. Its last error: {error}"
            )));
        }
        tracing::warn!("{said}: they are forgotten, and it is compared with the view when it is back");
        self.pending.forget();
        (self.rewound, self.base) = (true, 0);
        self.tell_bytes();
        Ok(())
    }

    /// Where nothing changed, the target shows the frontier already.
    fn tell_unchanged(&self) {
        let shown = self.open && !self.rewound && self.flight.is_none() && !self.pending.has_content();
        if shown && self.pending.frontier().is_some() {
            self.progress.set_frontier(self.pending.frontier());
        }
    }

    fn tell_bytes(&self) {
        let (rows, bytes) = self.flight.as_ref().map_or((0, 0), |flight| (flight.rows, flight.bytes));
        self.progress.pending_rows.store((self.pending.rows() + rows) as u64, Ordering::Relaxed);
        self.progress.pending_bytes.store((self.pending.bytes() + bytes) as u64, Ordering::Relaxed);
    }

    /// Whether there is anything to deliver.
    fn has_news(&self) -> bool {
        let is_late = self.pending.frontier().is_none_or(|frontier| frontier >= self.settings.beginning.told_again());
        self.pending.moved() && is_late
    }

    /// When there will be something to do without another step.
    fn due_at(&self) -> Option<Instant> {
        if !self.greeted {
            return Some(Instant::now());
        }
        if !self.has_news() {
            return None;
        }
        let due = match (self.pending.has_content(), self.collecting_since, self.delivered_at) {
            (true, Some(since), _) => since + self.interval,
            (false, _, Some(delivered)) if self.pending.frontier().is_some() => delivered + self.interval.max(QUIET),
            _ => Instant::now(),
        };
        Some(self.retry_at.map_or(due, |retry| retry.max(due)))
    }

    fn is_due(&self, last: bool) -> bool {
        match self.retry_at {
            Some(retry) => retry <= Instant::now(),
            None if last => self.has_news() || !self.greeted,
            None => self.due_at().is_some_and(|due| due <= Instant::now()),
        }
    }

    fn call(&mut self) {
        let (since, rows, bytes) = (Instant::now(), self.pending.rows(), self.pending.bytes());
        if self.open {
            let (delivery, ages) = self.pending.take(|frontier| self.marks.attempt(frontier));
            self.collecting_since = None;
            self.flight = Some(Flight { since, ages, rows, bytes });
            self.calls.call(Call::Apply(delivery));
        } else {
            self.flight = Some(Flight { since, ages: Ages::new(), rows: 0, bytes: 0 });
            self.calls.call(Call::Open);
        }
    }

    /// Takes the answer to a call. `patience` is how long the target may still fail, if no step follows.
    fn answered(&mut self, answer: Answer, patience: Option<Duration>) -> Result<(), SinkError> {
        let ages = self.flight.take().map(|flight| flight.ages).unwrap_or_default();
        let result = match answer {
            Answer::Opened(result) => result.and_then(|mark| self.opened(mark.as_deref())),
            Answer::Applied(delivery, Ok(())) => {
                self.applied(&delivery, &ages);
                Ok(())
            }
            Answer::Applied(delivery, Err(error)) => {
                let (first, since) = (delivery.first, self.pending.bytes());
                self.pending.restore(delivery, ages);
                if first {
                    self.base = self.pending.bytes().saturating_sub(since);
                }
                Err(error)
            }
        };
        let result = result.or_else(|error| self.failed(error, patience));
        self.tell_bytes();
        result
    }

    /// The target answers, and keeps this mark.
    fn opened(&mut self, mark: Option<&str>) -> Result<(), SinkError> {
        self.open = true;
        match self.marks.compare(mark) {
            Found::Earlier(Some(frontier)) if !self.greeted && self.settings.beginning.claim(frontier) => {
                self.pending.resume(frontier);
            }
            Found::Expected | Found::Earlier(_) | Found::Other => {}
            Found::Lost(lost) => {
                tracing::warn!("{lost}; it is given the whole content again");
                self.progress.set_error(Some(lost));
                self.rewound = true;
            }
        }
        self.greeted = true;
        self.settings.beginning.waive();
        if self.rewound { self.read_again() } else { Ok(()) }
    }

    /// Begins anew with the whole content.
    fn read_again(&mut self) -> Result<(), SinkError> {
        let Some(read) = &mut self.settings.content else {
            let error = self.progress.error().unwrap_or_default();
            return Err(SinkError::Operator(format!("{error}; start again, which reconciles it with the view")));
        };
        let content = read(self.pending.frontier())
            .ok_or_else(|| SinkError::Transient("the view's content cannot be read yet".to_string()))?;
        self.pending.replace(content);
        self.collecting_since.get_or_insert_with(Instant::now);
        (self.base, self.rewound) = (self.pending.bytes(), false);
        Ok(())
    }

    fn applied(&mut self, delivery: &Delivery, ages: &Ages) {
        self.marks.acknowledge();
        let at = now();
        for (time, count) in ages {
            self.progress.latency.record(Duration::from_micros(at.saturating_sub(*time)), *count);
        }
        let rows = delivery.keyed.len() + delivery.changes.len();
        self.progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.progress.deliveries.fetch_add(1, Ordering::Relaxed);
        self.progress.connected.store(true, Ordering::Relaxed);
        self.progress.set_frontier(delivery.frontier);
        self.tell_unchanged();
        self.progress.set_error(None);
        self.delivered_at = Some(Instant::now());
        (self.failing_since, self.retry_at) = (None, None);
        (self.failures, self.base) = (0, 0);
        // What came meanwhile was too much: it must be asked what it shows.
        self.open = !self.rewound;
    }

    /// Plans the next attempt, or passes on what no attempt can mend.
    fn failed(&mut self, error: SinkError, patience: Option<Duration>) -> Result<(), SinkError> {
        self.greeted |= !self.settings.beginning.is_open();
        match &error {
            SinkError::Config(_) | SinkError::Operator(_) => return Err(error),
            SinkError::Transient(_) => {}
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if patience.is_some_and(|patience| since.elapsed() >= patience) {
            return Err(error);
        }
        tracing::warn!(attempt = self.failures + 1, "{error}");
        self.open = false;
        self.progress.connected.store(false, Ordering::Relaxed);
        self.progress.retries.fetch_add(1, Ordering::Relaxed);
        self.progress.set_error(Some(error.to_string()));
        self.collecting_since.get_or_insert_with(Instant::now);
        self.retry_at = Some(Instant::now() + backoff(self.failures));
        self.failures += 1;
        Ok(())
    }

    fn is_silent(&mut self, silence: Duration) {
        self.greeted |= !self.settings.beginning.is_open();
        self.progress.connected.store(false, Ordering::Relaxed);
        self.progress.set_error(Some(format!("the target has not answered for {} s", silence.as_secs())));
    }
}

/// Doubles with every failure up to the longest pause, and varies by a half so that many sinks do not return at once.
fn backoff(failures: u32) -> Duration {
    let full = BACKOFF.0.saturating_mul(1 << failures.min(10)).min(BACKOFF.1);
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    full.mul_f64(0.5 + chance / 2.0)
}
