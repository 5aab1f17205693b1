//! What keeps the shop busy: transactions from two connections, and clicks appended to a file.

use super::{read, unavailable};
use crate::engine::{Exit, Failure};
use crate::pg::Blocking;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Connections that run the day's round.
const CONNECTIONS: usize = 2;
/// The pause between rounds: enough to leave a small machine some air.
const PAUSE: Duration = Duration::from_millis(20);
/// How often clicks are appended, and how many at once.
const CLICKS: (Duration, u64) = (Duration::from_millis(20), 5);
/// SQLSTATEs of a transaction that lost against another: it is simply tried again.
const LOST: [&str; 2] = ["40001", "40P01"];

/// A running workload.
pub struct Workload {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    clicks: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Result<(), Failure>>>,
}

impl Workload {
    /// Starts the round in `database/workload.sql` on several connections, and clicks into each of these files.
    pub fn start(view_set: &Path, url: &str, streams: Vec<PathBuf>) -> Result<Workload, Failure> {
        let round = read(&view_set.join("database").join("workload.sql"))?;
        let (stop, rounds, clicks) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::default());
        let mut workload = Workload { stop, rounds, clicks, threads: Vec::new() };
        for _ in 0..CONNECTIONS {
            let database = Blocking::connect(url, "tidegate demo workload").map_err(unavailable)?;
            let (stop, rounds, round) = (workload.stop.clone(), workload.rounds.clone(), round.clone());
            workload.spawn("workload", move || transactions(&database, &round, &stop, &rounds))?;
        }
        for path in streams {
            let (stop, clicks) = (workload.stop.clone(), workload.clicks.clone());
            workload.spawn("clicks", move || {
                append_clicks(&path, &stop, &clicks)
                    .map_err(|error| Failure::new(Exit::Internal, format!("cannot write {}: {error}", path.display())))
            })?;
        }
        Ok(workload)
    }

    fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce() -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let thread = std::thread::Builder::new().name(name.to_string()).spawn(body);
        let cannot = |error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}"));
        self.threads.push(thread.map_err(cannot)?);
        Ok(())
    }

    /// Rounds of transactions and clicks so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.rounds.load(Ordering::Relaxed), self.clicks.load(Ordering::Relaxed))
    }

    /// Lets every thread finish what it is in.
    pub fn stop(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut result = Ok(());
        for thread in self.threads {
            let done = thread.join().unwrap_or_else(|_| Err(Failure::new(Exit::Internal, "the workload panicked")));
            result = result.and(done);
        }
        result
    }
}

fn transactions(database: &Blocking, round: &str, stop: &AtomicBool, rounds: &AtomicU64) -> Result<(), Failure> {
    while !stop.load(Ordering::Relaxed) {
        match database.execute(round) {
            Ok(()) => _ = rounds.fetch_add(1, Ordering::Relaxed),
            Err(error) if LOST.contains(&error.code()) => {
                database.execute("ROLLBACK").map_err(unavailable)?;
            }
            Err(error) => return Err(unavailable(error)),
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn append_clicks(path: &Path, stop: &AtomicBool, clicks: &AtomicU64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut lines = String::new();
        for _ in 0..CLICKS.1 {
            id += 1;
            lines.push_str(&click(id));
        }
        file.write_all(lines.as_bytes())?;
        clicks.store(id, Ordering::Relaxed);
        std::thread::sleep(CLICKS.0);
    }
    Ok(())
}

/// A click on some product by some customer, or by nobody known: arithmetic on its number, at this moment.
fn click(id: u64) -> String {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let customer = if id.is_multiple_of(7) { "null".to_string() } else { (1 + mixed % 2000).to_string() };
    let page = ["list", "detail", "basket"][(mixed % 3) as usize];
    let (product, at) = (1 + mixed % 5000, moment());
    format!("{{\"id\":{id},\"product_id\":{product},\"customer_id\":{customer},\"page\":\"{page}\",\"at\":\"{at}\"}}\n")
}

/// Now, as Postgres reads it: seconds since the epoch would need a cast, so the calendar is spelt out.
fn moment() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = jiff::Timestamp::from_microsecond(i64::try_from(since.as_micros()).unwrap_or(0)).unwrap_or_default();
    format!("{time:.6}")
}
