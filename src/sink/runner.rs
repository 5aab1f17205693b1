//! Runs one sink on its own thread: merges the view's steps, delivers them, retries, and tells progress.
//!
//! While the target is away, steps are still taken and merged (`pending.rs`), so a dead sink slows nothing else down and holds
//! bounded memory; beyond the bound it gives up with an error rather than growing or losing anything silently.

use super::pending::Pending;
use super::progress::{SinkProgress, now};
use super::{Sink, SinkError, Step};
use crate::value::Time;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::hash::{BuildHasher, Hasher, RandomState};
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
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            pending_bytes: 256 << 20,
            patience: Duration::from_secs(60),
            stop_patience: Duration::from_secs(5),
            content: None,
        }
    }
}

/// Runs until the steps end, or a stop is asked for and everything received is delivered, or the sink cannot go on.
pub fn run(
    sink: Box<dyn Sink>,
    steps: Receiver<Step>,
    progress: &SinkProgress,
    stop: &AtomicBool,
    settings: Settings,
) -> Result<(), SinkError> {
    let pending = Pending::new(sink.key(), settings.pending_bytes / 2);
    let runner = Runner {
        sink,
        pending,
        steps,
        progress,
        settings,
        open: false,
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
    progress.connected.store(false, Ordering::Relaxed);
    if let Err(error) = &result {
        progress.set_error(Some(error.to_string()));
    }
    result
}

struct Runner<'a> {
    sink: Box<dyn Sink>,
    steps: Receiver<Step>,
    pending: Pending,
    progress: &'a SinkProgress,
    settings: Settings,
    /// Whether the target answered last time.
    open: bool,
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

impl Runner<'_> {
    fn run(mut self, stop: &AtomicBool) -> Result<(), SinkError> {
        loop {
            self.receive()?;
            let stopping = stop.load(Ordering::Relaxed);
            if stopping {
                self.receive_waiting()?;
            }
            let last = self.ended || stopping;
            if self.is_due(last) {
                match self.deliver() {
                    Ok(()) => self.succeeded(),
                    Err(error) => self.failed(error, last, stopping)?,
                }
            }
            if last && !self.pending.moved() {
                return Ok(());
            }
        }
    }

    /// Waits for the next step, or until something is due.
    fn receive(&mut self) -> Result<(), SinkError> {
        let wait = self.due_at().map_or(POLL, |due| due.saturating_duration_since(Instant::now()).min(POLL));
        if self.ended {
            std::thread::sleep(wait);
            return Ok(());
        }
        match self.steps.recv_timeout(wait) {
            Ok(step) => self.merge(step)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.ended = true,
        }
        // A target that shows every change also shows every frontier, as long as it keeps up.
        if self.sink.key().is_some() || !self.open {
            self.receive_waiting()?;
        }
        Ok(())
    }

    fn receive_waiting(&mut self) -> Result<(), SinkError> {
        while let Ok(step) = self.steps.try_recv() {
            self.merge(step)?;
        }
        Ok(())
    }

    fn merge(&mut self, step: Step) -> Result<(), SinkError> {
        let first = step.first;
        self.pending.merge(step);
        if first {
            self.base = self.pending.bytes();
        }
        self.progress.held_back.store(self.pending.held_back(), Ordering::Relaxed);
        self.progress.pending_bytes.store(self.pending.bytes() as u64, Ordering::Relaxed);
        if self.pending.has_content() {
            self.collecting_since.get_or_insert_with(Instant::now);
        } else if self.open && self.pending.frontier().is_some() {
            // The target shows this frontier already: nothing changed.
            self.progress.set_frontier(self.pending.frontier());
        }
        let waiting = self.pending.bytes().saturating_sub(self.base);
        if self.failures > 0 && waiting > self.settings.pending_bytes {
            let (limit, error) = (self.settings.pending_bytes, self.progress.error().unwrap_or_default());
            return Err(SinkError::Operator(format!(
                "the target is away and {waiting} bytes of changes are waiting for it, more than the {limit} allowed; \
                 mend it and start again, which reconciles it. Its last error: {error}"
            )));
        }
        Ok(())
    }

    /// When there will be something to do without another step.
    fn due_at(&self) -> Option<Instant> {
        if !self.pending.moved() {
            return None;
        }
        let interval = self.sink.commit_interval();
        let due = match (self.pending.has_content(), self.collecting_since, self.delivered_at) {
            (true, Some(since), _) => since + interval,
            (false, _, Some(delivered)) if self.pending.frontier().is_some() => delivered + interval.max(QUIET),
            _ => Instant::now(),
        };
        Some(self.retry_at.map_or(due, |retry| retry.max(due)))
    }

    fn is_due(&self, last: bool) -> bool {
        let now = Instant::now();
        match self.retry_at {
            Some(retry) => retry <= now,
            None if last => self.pending.moved(),
            None => self.due_at().is_some_and(|due| due <= now),
        }
    }

    fn deliver(&mut self) -> Result<(), SinkError> {
        if !self.open {
            self.sink.open()?;
            self.open = true;
        }
        if self.rewound {
            self.read_content()?;
        }
        let delivery = self.pending.take();
        match self.sink.apply(&delivery) {
            Ok(()) => {
                let rows = delivery.keyed.len() + delivery.changes.len();
                self.progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.pending.restore(delivery);
                Err(error)
            }
        }
    }

    fn read_content(&mut self) -> Result<(), SinkError> {
        let Some(read) = &mut self.settings.content else {
            let error = self.progress.error().unwrap_or_default();
            return Err(SinkError::Operator(format!("{error}; start again, which reconciles it with the view")));
        };
        let content = read(self.pending.frontier())
            .ok_or_else(|| SinkError::Transient("the view's content cannot be read yet".to_string()))?;
        self.pending.replace(content);
        (self.base, self.rewound) = (self.pending.bytes(), false);
        Ok(())
    }

    fn succeeded(&mut self) {
        let at = now();
        for (time, count) in self.pending.take_ages() {
            self.progress.latency.record(Duration::from_micros(at.saturating_sub(time)), count);
        }
        self.progress.deliveries.fetch_add(1, Ordering::Relaxed);
        self.progress.connected.store(true, Ordering::Relaxed);
        self.progress.pending_bytes.store(0, Ordering::Relaxed);
        self.progress.set_frontier(self.pending.frontier());
        self.progress.set_error(None);
        self.delivered_at = Some(Instant::now());
        (self.collecting_since, self.failing_since, self.retry_at) = (None, None, None);
        (self.failures, self.base) = (0, 0);
    }

    /// Plans the next attempt, or passes on what no attempt can mend.
    fn failed(&mut self, error: SinkError, last: bool, stopping: bool) -> Result<(), SinkError> {
        match &error {
            SinkError::Config(_) | SinkError::Operator(_) => return Err(error),
            SinkError::Rewound(_) => self.rewound = true,
            SinkError::Transient(_) => {}
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let patience = if stopping { self.settings.stop_patience } else { self.settings.patience };
        if last && since.elapsed() >= patience {
            return Err(error);
        }
        tracing::warn!(attempt = self.failures + 1, "{error}");
        self.open = false;
        self.progress.connected.store(false, Ordering::Relaxed);
        self.progress.retries.fetch_add(1, Ordering::Relaxed);
        self.progress.set_error(Some(error.to_string()));
        self.retry_at = Some(Instant::now() + backoff(self.failures));
        self.failures += 1;
        Ok(())
    }
}

/// Doubles with every failure up to the longest pause, and varies by a half so that many sinks do not return at once.
fn backoff(failures: u32) -> Duration {
    let full = BACKOFF.0.saturating_mul(1 << failures.min(10)).min(BACKOFF.1);
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    full.mul_f64(0.5 + chance / 2.0)
}
