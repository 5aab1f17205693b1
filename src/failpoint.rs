//! Named moments, at any of which a test has the process end as `kill -9` would end it.
//!
//! `TIDEGATE_FAILPOINT=log.written` ends it when that moment comes for the first time, `log.written:3` for the third. Without the
//! variable, which nobody but a test sets, a moment costs a load. Every one is in `ALL`, and tests end the process at each of them.
//!
//! `TIDEGATE_CLOCKS=FILE` names what a test has put the clocks wrong by: two numbers, see `Skew`, looked at whenever a clock is.

use rustix::process::{Signal, getpid, kill_process};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// All moments: those of the log, of merging, of ticks and pieces of transactions, of side snapshots, of acknowledgement, and of what each
/// sink does with a delivery.
pub const ALL: &[&str] = &[
    "segment.created",
    "segment.headed",
    "manifest.staged",
    "manifest.renamed",
    "log.gathered",
    "log.written",
    "log.synced",
    "merge.run_written",
    "merge.named",
    "merge.runs_removed",
    "tick.durable",
    "piece.durable",
    "side.begun",
    "side.part",
    "side.told",
    "status.unsent",
    "status.sent",
    "jsonl.begun",
    "jsonl.written",
    "jsonl.finished",
    "tantivy.added",
    "tantivy.prepared",
    "tantivy.committed",
    "redis.unsent",
    "redis.sent",
    "redis.written",
    "postgres.begun",
    "postgres.written",
    "postgres.committed",
    "opensearch.begun",
    "opensearch.written",
    "rejected.noted",
    "opensearch.refreshed",
    "opensearch.marked",
];

/// The moment that is the last.
struct Last {
    name: String,
    /// How often it still comes.
    left: AtomicU64,
}

/// This moment has come.
pub fn reach(name: &'static str) {
    static LAST: OnceLock<Option<Last>> = OnceLock::new();
    debug_assert!(ALL.contains(&name), "{name} is in no list");
    if let Some(last) = LAST.get_or_init(read)
        && last.name == name
        && last.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

fn read() -> Option<Last> {
    let written = std::env::var("TIDEGATE_FAILPOINT").ok()?;
    let (name, count) = written.split_once(':').unwrap_or((&written, "1"));
    Some(Last { name: name.to_owned(), left: AtomicU64::new(count.parse().ok()?) })
}

/// By how much a test puts clocks wrong, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    /// This machine's.
    pub ours: i64,
    /// Those of servers.
    pub servers: i64,
}

/// The present one.
pub fn skew() -> Skew {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("TIDEGATE_CLOCKS").map(PathBuf::from));
    let written = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    written.and_then(|text| parse_skew(&text)).unwrap_or_default()
}

fn parse_skew(text: &str) -> Option<Skew> {
    let (ours, servers) = text.trim().split_once(' ')?;
    Some(Skew { ours: ours.parse().ok()?, servers: servers.parse().ok()? })
}
