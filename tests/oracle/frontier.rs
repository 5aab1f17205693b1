//! The main proof: at every frontier that any sink is told, every view is what Postgres makes of the base tables at that
//! frontier; and in quiet moments the base tables are the source's.
//!
//! While a random workload of four writers runs and the connection to Postgres is cut again and again, the program keeps
//! identity views of the base tables and the views of `definitions.rs` in files. `TIDEGATE_TEST_SECONDS` sets how long.

use super::definitions::{KEYS, TABLES, config, identity, views};
use super::judge::{Feeds, Judge, content};
use super::workload::{LARGE, LARGE_GONE, fill, write};
use crate::support::feed::{Rows, difference};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// About how many frontiers of a run are judged at most; the rest are left out evenly.
const JUDGED_MAX: usize = 60;
/// Concurrent writers.
const WRITERS: u64 = 4;

/// A moment without writers: the frontier that was told then, and the tables.
struct Quiet {
    frontier: u64,
    tables: Vec<Rows>,
}

struct Run {
    database: Database,
    set: ViewSet,
    program: Program,
    quiet: Vec<Quiet>,
}

impl Run {
    fn start(workers: usize) -> Run {
        let database = Postgres::shared().create_database();
        database.execute(TABLES);
        fill(&database);
        let set = ViewSet::new(&config(workers), &views());
        let program = set.start(&["run"], &database.url);
        Run { database, set, program, quiet: vec![] }
    }

    /// Lets the writers run for a while, and cuts the connection now and then.
    fn work(&self, random: &mut Random, time: Duration, cuts: u64) {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers = (0..WRITERS).map(|_| {
                let (database, random, stop) = (self.database.another(), Random::new(random.next()), &stop);
                scope.spawn(move || write(&database, random, stop))
            });
            let writers: Vec<_> = writers.collect();
            let until = Instant::now() + time;
            for _ in 0..cuts {
                std::thread::sleep(time.mul_f64(random.below(100) as f64 / 100.0 / cuts as f64));
                self.cut();
            }
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            stop.store(true, Ordering::Relaxed);
            let committed: usize = writers.into_iter().map(|w| w.join().expect("a writer")).sum();
            assert!(committed > 0, "no transaction was committed");
        });
    }

    /// Ends the walsenders of this database.
    fn cut(&self) {
        self.database.query_text(
            "SELECT pg_terminate_backend(r.pid) FROM pg_stat_replication r JOIN pg_stat_activity a USING (pid)
             WHERE a.datname = current_database()",
        );
    }

    /// Waits until every sink has been told what is committed now, and remembers the tables.
    fn rest(&mut self) {
        let now: u64 = self
            .database
            .value("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .parse()
            .expect("a number");
        let deadline = Instant::now() + Duration::from_secs(setting("TIDEGATE_TEST_PATIENCE", 90));
        let feeds = loop {
            self.program.must_run();
            let feeds = Feeds::read(self.set.path());
            if feeds.are_past(now) {
                break feeds;
            }
            assert!(
                Instant::now() < deadline,
                "frontiers stay below {now}: {}\n{}",
                reached(&feeds),
                self.program.errors()
            );
            std::thread::sleep(Duration::from_millis(100));
        };
        // The latest one told: a view that began late shows nothing at an earlier one.
        let frontier = feeds.0.values().filter_map(|f| f.frontier()).max().expect("the source has not ended");
        let tables = KEYS.iter().map(|(table, _)| content(&self.database, table)).collect();
        self.quiet.push(Quiet { frontier, tables });
    }

    /// Ends the program and judges what it wrote.
    fn judge(self) {
        self.program.terminate();
        let feeds = Feeds::read(self.set.path());
        for quiet in &self.quiet {
            for ((table, _), expected) in KEYS.iter().zip(&quiet.tables) {
                if let Some(shown) = difference(expected, &feeds.0[&identity(table)].at(Some(quiet.frontier))) {
                    panic!("table {table} at rest, frontier {}, is not the source's:\n{shown}", quiet.frontier);
                }
            }
        }
        let frontiers = feeds.frontiers();
        let step = frontiers.len().div_ceil(JUDGED_MAX).max(1);
        let mut judged: BTreeSet<u64> = frontiers.iter().rev().step_by(step).copied().collect();
        judged.extend(self.quiet.iter().map(|quiet| quiet.frontier));
        let mut judge = Judge::new(&feeds);
        judged.iter().for_each(|frontier| judge.verdict(*frontier).unwrap_or_else(|shown| panic!("{shown}")));
        eprintln!("{} of {} frontiers judged, {} moments at rest", judged.len(), frontiers.len(), self.quiet.len());
    }
}

fn reached(feeds: &Feeds) -> String {
    feeds.0.iter().map(|(view, feed)| format!("{view} {:?}", feed.frontier())).collect::<Vec<_>>().join(", ")
}

fn prove(workers: usize, usual_seed: u64) {
    let mut random = Random::new(seed(usual_seed));
    let time = Duration::from_secs(setting("TIDEGATE_TEST_SECONDS", 6)) / 3;
    let mut run = Run::start(workers);
    // Writers start before the snapshot is taken: the handover to the stream is part of the proof.
    run.work(&mut random, time, 0);
    run.rest();
    run.work(&mut random, time, 2);
    run.database.execute(LARGE);
    run.rest();
    run.database.execute(LARGE_GONE);
    run.work(&mut random, time, 1);
    run.rest();
    run.judge();
}

#[test]
fn views_are_right_at_every_frontier_with_one_worker() {
    prove(1, 11);
}

#[test]
fn views_are_right_at_every_frontier_with_two_workers() {
    prove(2, 22);
}

#[test]
fn views_are_right_at_every_frontier_with_four_workers() {
    prove(4, 44);
}
