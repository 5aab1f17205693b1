//! From the reading thread to the engine. Handing a tick over may block for long, while the server wants to hear from us: so a
//! second thread does it, and what waits between the two is bounded in bytes.

use super::failure::Failure;
use crate::source::TickSender;
use crate::timeline::Tick;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

/// What may wait, in KiB.
const BUDGET_KIB: u32 = 16 * 1024;
const QUEUE_LENGTH: usize = 1024;

/// The reading thread's end.
#[derive(Debug)]
pub(super) struct Pipe {
    queue: mpsc::Sender<Waiting>,
    budget: Arc<Semaphore>,
    confirmed: Arc<AtomicU64>,
    forwarder: JoinHandle<()>,
}

struct Waiting {
    tick: Tick,
    /// The WAL position behind it.
    position: u64,
    _permit: OwnedSemaphorePermit,
}

impl Pipe {
    /// Starts the thread that hands over.
    pub(super) fn new(mut ticks: Box<dyn TickSender>) -> Pipe {
        let (queue, mut waiting) = mpsc::channel::<Waiting>(QUEUE_LENGTH);
        let confirmed = Arc::new(AtomicU64::new(0));
        let sent = confirmed.clone();
        let forwarder = tokio::task::spawn_blocking(move || {
            while let Some(Waiting { tick, position, _permit }) = waiting.blocking_recv() {
                if ticks.send(tick).is_err() {
                    return;
                }
                sent.fetch_max(position, Ordering::Relaxed);
            }
        });
        Pipe { queue, budget: Arc::new(Semaphore::new(BUDGET_KIB as usize)), confirmed, forwarder }
    }

    /// Sends a tick of about this many bytes; waits while too much waits already. Cancelled while waiting, it sent nothing.
    pub(super) async fn send(&self, tick: Tick, bytes: usize, position: u64) -> Result<(), Failure> {
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).clamp(1, BUDGET_KIB);
        let _permit = self.budget.clone().acquire_many_owned(kib).await.map_err(|_| Failure::Closed)?;
        self.queue.send(Waiting { tick, position, _permit }).await.map_err(|_| Failure::Closed)
    }

    /// Notes that everything up to this WAL position was handed over, if no tick is on its way.
    pub(super) fn confirm_if_empty(&self, position: u64) {
        if self.budget.available_permits() == BUDGET_KIB as usize {
            self.confirmed.fetch_max(position, Ordering::Relaxed);
        }
    }

    /// The WAL position up to which everything was handed over.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// A session begins at this position. One behind what was handed over may be of another history of the server: nothing of the
    /// old one may be confirmed to it any more.
    pub(super) async fn begin_at(&self, position: u64) -> Result<(), Failure> {
        if self.confirmed() > position {
            let _everything = self.budget.acquire_many(BUDGET_KIB).await.map_err(|_| Failure::Closed)?;
            self.confirmed.store(position, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits until all is handed over.
    pub(super) async fn finish(self) {
        drop(self.queue);
        if let Err(error) = self.forwarder.await {
            tracing::error!("handing ticks over failed: {error}");
        }
    }
}
