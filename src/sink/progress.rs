//! What a sink tells of its progress, read by the status display while the sink runs.

use crate::value::Time;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Stands for the empty frontier: all inputs have ended.
const ENDED: u64 = u64::MAX;

/// A sink's progress. Written by the sink's thread, read by any.
#[derive(Debug, Default)]
pub struct SinkProgress {
    /// The frontier acknowledged last; 0: none yet.
    frontier: AtomicU64,
    /// Whether the target answers.
    pub connected: AtomicBool,
    /// Puts, deletes and changes the target has acknowledged.
    pub rows: AtomicU64,
    /// Deliveries the target has acknowledged.
    pub deliveries: AtomicU64,
    /// Rows of the view that the target refuses, so that it does not show them.
    pub rejected: AtomicU64,
    /// Deliveries and connections that failed and were tried again.
    pub retries: AtomicU64,
    /// Rows, or changes, waiting for the target.
    pub pending_rows: AtomicU64,
    /// Their bytes.
    pub pending_bytes: AtomicU64,
    /// From a change's commit to its acknowledgement by the target. The first load does not count.
    pub latency: Latency,
    error: Mutex<Option<String>>,
}

impl SinkProgress {
    /// The frontier acknowledged last: the target shows the view at it. `Some(None)`: at the end of all inputs.
    pub fn frontier(&self) -> Option<Option<Time>> {
        match self.frontier.load(Ordering::Acquire) {
            0 => None,
            ENDED => Some(None),
            time => Some(Some(time)),
        }
    }

    pub(super) fn set_frontier(&self, frontier: Option<Time>) {
        self.frontier.store(frontier.unwrap_or(ENDED), Ordering::Release);
    }

    /// What went wrong last, if the target has not answered since.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_error(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// Each power of two is divided into this many buckets: quantiles are at most an eighth too high.
const STEPS: usize = 8;
const BUCKETS: usize = 40 * STEPS;
/// Events are remembered for one to two of these.
const SPAN: Duration = Duration::from_secs(10);

/// Recent durations, from a microsecond to a week: histograms of the present span of time and of the one before.
#[derive(Debug, Default)]
pub struct Latency {
    spans: [Histogram; 2],
    /// How many spans have begun. The one under way is at this number modulo two.
    begun: AtomicU64,
    since: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Latency {
    /// Counts `count` events that took this long and ended now. Only one thread may call it.
    pub fn record(&self, took: Duration, count: u64) {
        self.record_at(Instant::now(), took, count);
    }

    fn record_at(&self, now: Instant, took: Duration, count: u64) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*since.get_or_insert(now)) >= SPAN {
            let next = self.begun.load(Ordering::Relaxed) + 1;
            self.span(next).0.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
            self.begun.store(next, Ordering::Relaxed);
            *since = Some(now);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let begun = self.begun.load(Ordering::Relaxed);
        self.span(begun).0[bucket(micros)].fetch_add(count, Ordering::Relaxed);
    }

    fn span(&self, number: u64) -> &Histogram {
        &self.spans[(number % 2) as usize]
    }

    /// How many recent events were counted.
    pub fn count(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// The duration that a share `q` of the recent events did not exceed; nothing if there were none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let counts = self.counts();
        let rank = (counts.iter().sum::<u64>() as f64 * q).ceil();
        if rank == 0.0 {
            return None;
        }
        let mut seen = 0.0;
        let index = counts.iter().position(|&count| {
            seen += count as f64;
            seen >= rank
        })?;
        Some(Duration::from_micros(upper_bound(index)))
    }

    fn counts(&self) -> Vec<u64> {
        let [one, other] = &self.spans;
        let count =
            |(one, other): (&AtomicU64, &AtomicU64)| one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed);
        one.0.iter().zip(&other.0).map(count).collect()
    }
}

/// Below `STEPS` one bucket per microsecond, then `STEPS` per power of two.
fn bucket(micros: u64) -> usize {
    if micros < STEPS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let step = (micros >> (power - 3)) as usize - STEPS;
    ((power - 2) * STEPS + step).min(BUCKETS - 1)
}

/// The greatest number of microseconds in a bucket.
fn upper_bound(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (power, step) = (bucket / STEPS + 2, bucket % STEPS);
    ((STEPS + step + 1) as u64 * (1 << (power - 3))) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_and_order() {
        let mut last = 0;
        for micros in (0..5000).chain((13..39).flat_map(|p| [(1 << p) - 1, 1 << p, (1 << p) + 1])) {
            let bucket = bucket(micros);
            assert!(upper_bound(bucket) >= micros, "{micros}");
            assert!(bucket == 0 || upper_bound(bucket - 1) < micros, "{micros}");
            assert!(bucket >= last, "{micros}");
            last = bucket;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        latency.record(Duration::from_millis(1), 98);
        latency.record(Duration::from_millis(50), 2);
        let near = |q, ms: f64| {
            let got = latency.quantile(q).map_or(0.0, |d| d.as_secs_f64() * 1000.0);
            assert!(got >= ms && got <= ms * 1.13, "{q}: {got}");
        };
        near(0.5, 1.0);
        near(0.98, 1.0);
        near(0.99, 50.0);
        assert_eq!(latency.count(), 100);
    }

    #[test]
    fn old_events_are_forgotten() {
        let (latency, start) = (Latency::default(), Instant::now());
        latency.record_at(start, Duration::from_secs(20), 50);
        latency.record_at(start + SPAN, Duration::from_millis(1), 10);
        assert_eq!(latency.count(), 60);
        latency.record_at(start + 2 * SPAN, Duration::from_millis(1), 10);
        assert_eq!(latency.count(), 20);
    }
}
