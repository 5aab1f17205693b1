//! From the snapshot to the stream, and over lost connections: no change is lost, doubled or told too late.

use super::ingest::{Kept, clock, version};
use crate::support::feed::{Feed, difference};
use crate::support::postgres::{Database, Options, Postgres};
use crate::support::random::{Random, seed, setting};
use crate::support::server::Ending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TABLES: &[(&str, &str)] = &[("kept", "*"), ("bag", "*")];

const BEFORE: &str = "
    CREATE TABLE kept (id int PRIMARY KEY, n int, note text); CREATE TABLE bag (n int, note text);
    ALTER TABLE bag REPLICA IDENTITY FULL;
    INSERT INTO kept SELECT i, 0, 'note' FROM generate_series(1, 3000) i; INSERT INTO bag SELECT i % 50, 'x' FROM generate_series(1, 500) i";

/// Commits transactions until told to stop.
fn write(database: &Database, random: &mut Random, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let id = random.below(4000);
        let statement = match random.below(6) {
            0 => format!("DELETE FROM kept WHERE id = {id}"),
            1 => format!("UPDATE kept SET id = -id WHERE id IN ({id}, -{id})"),
            2 => "DELETE FROM bag WHERE ctid = (SELECT ctid FROM bag LIMIT 1)".into(),
            3 => format!("INSERT INTO bag VALUES ({}, 'y')", random.below(50)),
            _ => format!("INSERT INTO kept VALUES ({id}, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = kept.n + 1"),
        };
        let end = if random.chance(90) { "COMMIT" } else { "ROLLBACK" };
        // A server that is being restarted takes nothing.
        let _ = database.try_execute(&format!("BEGIN; {statement}; {end}"));
    }
}

/// Runs writers while `during` happens.
fn under_writers(database: &Database, random: &mut Random, during: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (own, mut random, stop) = (database.another(), Random::new(random.next()), &stop);
            scope.spawn(move || write(&own, &mut random, stop));
        }
        during();
        stop.store(true, Ordering::Relaxed);
    });
}

/// The text of `"id": …` in a row.
fn key(row: &str) -> &str {
    let (_, from) = row.split_once("\"id\": ").expect("every row has a key");
    from.split(',').next().unwrap_or(from)
}

/// At every frontier that was told a key has one row.
fn assert_keys_are_unique(feed: &Feed) {
    let mut frontiers: Vec<_> = feed.frontiers.clone();
    let step = frontiers.len().div_ceil(100).max(1);
    frontiers.reverse();
    for frontier in frontiers.into_iter().step_by(step) {
        let rows = feed.at(frontier);
        let mut ids: Vec<&str> = rows.keys().map(|row| key(row)).collect();
        assert!(rows.values().all(|count| *count == 1), "a row more or less than once at {frontier:?}");
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "a key twice at {frontier:?}");
    }
}

/// Waits until the tables at rest are told, and compares.
fn assert_kept(database: &Database, mut kept: Kept) {
    let moment = kept.moment();
    kept.wait_for(moment.clock);
    let errors = kept.errors();
    let feeds = kept.stop();
    for (((table, _), feed), expected) in TABLES.iter().zip(&feeds).zip(&moment.tables) {
        if let Some(shown) = difference(expected, &feed.at(feed.frontier())) {
            panic!("Postgres {}: {table} at rest\n{shown}\n{errors}", version(database));
        }
    }
    assert_keys_are_unique(&feeds[0]);
}

#[test]
fn nothing_is_lost_between_snapshot_and_stream() {
    let mut random = Random::new(seed(3));
    for server in Postgres::installed_and_newest() {
        for _ in 0..2 {
            let database = server.create_database();
            database.execute(BEFORE);
            let mut kept = None;
            under_writers(&database, &mut random, || {
                std::thread::sleep(Duration::from_millis(100));
                let mut started = Kept::start(&database, TABLES);
                started.wait_for(clock(&database));
                std::thread::sleep(Duration::from_millis(300));
                kept = Some(started);
            });
            assert_kept(&database, kept.expect("started"));
        }
    }
}

/// Ends the walsenders of this database.
fn cut(database: &Database) -> usize {
    let ended = database.query_text(
        "SELECT pg_terminate_backend(r.pid) FROM pg_stat_replication r JOIN pg_stat_activity a USING (pid)
         WHERE a.datname = current_database()",
    );
    ended.len()
}

#[test]
fn cut_connections_lose_nothing() {
    let mut random = Random::new(seed(4));
    for server in Postgres::installed_and_newest() {
        let database = server.create_database();
        database.execute(BEFORE);
        let mut kept = Kept::start(&database, TABLES);
        kept.wait_for(clock(&database));
        let mut cuts = 0;
        let seconds = setting("TIDEGATE_TEST_SECONDS", 4);
        let pauses: Vec<u64> = (0..4).map(|_| random.below(250 * seconds)).collect();
        under_writers(&database, &mut random, || {
            for pause in pauses {
                std::thread::sleep(Duration::from_millis(pause));
                cuts += cut(&database);
            }
        });
        kept.wait_for(clock(&database));
        // At least one is cut for certain, and the stream that follows is read.
        cuts += cut(&database);
        database.execute("INSERT INTO kept VALUES (100000, 1, 'after')");
        assert!(cuts > 0, "no walsender was ended");
        assert_kept(&database, kept);
    }
}

#[test]
fn a_restarted_server_loses_nothing() {
    let mut random = Random::new(seed(5));
    for programs in Postgres::installed_and_newest_programs() {
        // What a killed server has acknowledged must be there when it comes back.
        let settings = vec!["fsync = on".into(), "synchronous_commit = on".into(), "full_page_writes = on".into()];
        let server = Postgres::start_with(Options { programs: Some(programs), settings, ..Options::default() });
        let database = server.create_database();
        database.execute(BEFORE);
        let mut kept = Kept::start(&database, TABLES);
        kept.wait_for(clock(&database));
        for ending in [Ending::Orderly, Ending::Kill] {
            let database = server.database(&database.name);
            under_writers(&database, &mut random, || {
                std::thread::sleep(Duration::from_millis(300));
                server.stop(ending);
            });
            server.restart();
            let database = server.database(&database.name);
            kept.reconnect(&database);
            database.execute("INSERT INTO bag VALUES (1, 'after')");
            let moment = kept.moment();
            kept.wait_for(moment.clock);
        }
        assert_kept(&server.database(&database.name), kept);
    }
}

#[test]
fn a_frontier_includes_every_commit_that_had_returned() {
    let mut random = Random::new(seed(6));
    for server in Postgres::installed_and_newest() {
        let database = server.create_database();
        database.execute("CREATE TABLE t (id bigint PRIMARY KEY); CREATE TABLE unread (id bigint PRIMARY KEY)");
        let mut kept = Kept::start(&database, &[("t", "*")]);
        kept.wait_for(clock(&database));
        // Writers remember each commit that returned together with the server's clock after it.
        let stop = AtomicBool::new(false);
        let committed: Vec<(u64, u64)> = std::thread::scope(|scope| {
            let write = |own: Database, mut random: Random, first: u64, stop: &AtomicBool| {
                let mut committed = vec![];
                for id in (first..).step_by(3).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    if random.chance(20) {
                        // Work that nobody reads keeps the walsender busy.
                        own.execute(&format!(
                            "INSERT INTO unread SELECT {id}::bigint * 100000 + i FROM generate_series(1, 2000) i"
                        ));
                    }
                    own.execute(&format!("INSERT INTO t VALUES ({id})"));
                    committed.push((id, clock(&own)));
                    std::thread::sleep(Duration::from_micros(random.below(20_000)));
                }
                committed
            };
            let writers: Vec<_> = (0..3)
                .map(|first| {
                    let (own, random, stop) = (database.another(), Random::new(random.next()), &stop);
                    scope.spawn(move || write(own, random, first, stop))
                })
                .collect();
            let time = Duration::from_secs(setting("TIDEGATE_TEST_SECONDS", 4));
            for _ in 0..3 {
                std::thread::sleep(time / 4);
                cut(&database);
            }
            std::thread::sleep(time / 4);
            stop.store(true, Ordering::Relaxed);
            writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
        });
        kept.wait_for(clock(&database));
        let feed = kept.stop().remove(0);
        let frontiers: Vec<u64> = feed.frontiers.iter().flatten().copied().collect();
        for (id, returned) in committed {
            let row = format!("{{\"id\": {id}}}");
            let (time, ..) = feed.changes.iter().find(|(_, r, diff)| *r == row && *diff > 0).expect("it was committed");
            let early = frontiers.iter().find(|frontier| (returned + 1..=*time).contains(*frontier));
            assert_eq!(early, None, "{id}, told at {time}, had returned at {returned} and is not in this frontier");
        }
    }
}

#[test]
fn an_idle_database_beside_a_busy_one_holds_no_wal_back() {
    for server in Postgres::installed_and_newest() {
        let (idle, busy) = (server.create_database(), server.create_database());
        idle.execute("CREATE TABLE t (id int PRIMARY KEY)");
        busy.execute("CREATE TABLE t (id int)");
        let mut kept = Kept::start(&idle, &[("t", "*")]);
        kept.wait_for(clock(&idle));
        let slot = |column: &str| {
            format!("SELECT {column} FROM pg_replication_slots WHERE database = current_database() AND active")
        };
        busy.execute("INSERT INTO t SELECT generate_series(1, 50000)");
        let position = busy.value("SELECT pg_current_wal_flush_lsn()");
        let deadline = Instant::now() + Duration::from_secs(60);
        while idle.value(&slot(&format!("confirmed_flush_lsn >= '{position}'"))) != "t" {
            let confirmed = idle.value(&slot("confirmed_flush_lsn"));
            assert!(Instant::now() < deadline, "confirmed stays at {confirmed}, below {position}\n{}", kept.errors());
            std::thread::sleep(Duration::from_millis(100));
        }
        kept.stop();
    }
}
