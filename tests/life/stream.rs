//! The stream and the store beside it: an engine that takes no more while the connection is lost, and a database that is idle beside
//! a busy one.

use super::Life;
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use std::time::{Duration, Instant};

/// A view that takes seconds holds up what comes behind it, and the connection is cut meanwhile: what was taken from the connection
/// before is not lost with it.
#[test]
fn ticks_that_wait_for_room_outlive_their_connection() {
    let proxy = Proxy::new(Postgres::shared().port());
    let mut life = Life::new(
        Postgres::shared().create_database(),
        &["t"],
        &[
            ("pairs", "SELECT a.g, count(*) AS n FROM t a JOIN t b ON a.g = b.g AND a.id <> b.id GROUP BY a.g"),
            ("notes", "SELECT id, length(note) AS length, g FROM t"),
        ],
    );
    life.database.execute("CREATE TABLE t (id int PRIMARY KEY, g int, note text)");
    life.lead_through(&proxy);
    life.configure("store = \"state\"", "store = \"state\"\nin_flight_bytes = \"1KiB\"");
    let mut program = life.start();
    life.settle(&mut program);
    life.database.execute("INSERT INTO t SELECT i, 1 FROM generate_series(1, 3000) i");
    // More than waits between the socket and the engine, in many ticks.
    for i in 0..80 {
        life.database.execute(&format!("INSERT INTO t VALUES (100000 + {i}, NULL, repeat(md5('{i}'), 40000))"));
    }
    // The server cannot send on: a tick waits for room.
    let sent =
        "SELECT coalesce(min(sent_lsn), pg_current_wal_lsn()), coalesce(min(sent_lsn) < pg_current_wal_lsn(), false)
                FROM pg_stat_replication r JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut before, mut looks) = (Vec::new(), 0);
    while looks < 5 {
        assert!(Instant::now() < deadline, "the engine takes everything at once");
        std::thread::sleep(Duration::from_millis(50));
        let now = life.database.query_text(sent);
        looks = if now == before && now[0][1].as_deref() == Some("t") { looks + 1 } else { 0 };
        before = now;
    }
    // A walsender that waits for its client would not end before it is read from.
    proxy.cut();
    life.settle(&mut program);
    drop(program);
    life.run();
}

/// What another database of the server writes neither stays in the WAL for the idle one, nor comes into its store.
#[test]
fn beside_a_busy_database_neither_wal_nor_store_grows() {
    for server in Postgres::installed_and_newest() {
        let (busy, life) =
            (server.create_database(), Life::new(server.create_database(), &["t"], &[("v", "SELECT id FROM t")]));
        life.database.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        busy.execute("CREATE TABLE t (id int, note text)");
        let mut program = life.start();
        life.settle(&mut program);
        let before = life.stored();
        let mut position = String::new();
        for _ in 0..5 {
            busy.execute("INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i");
            position = busy.value("SELECT pg_current_wal_flush_lsn()");
            let confirmed = format!(
                "SELECT confirmed_flush_lsn >= '{position}' FROM pg_replication_slots WHERE slot_name = '{}'",
                life.slot()
            );
            let deadline = Instant::now() + Duration::from_secs(60);
            while life.database.value(&confirmed) != "t" {
                assert!(Instant::now() < deadline, "never confirmed: {position}\n{}", program.errors());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let grown = life.stored() - before;
        assert!(grown < 64 << 10, "the store has grown by {grown} bytes for 25 MB of WAL");
        // Killed, it goes on from there, and nothing before is needed.
        drop(program);
        life.database.execute("INSERT INTO t VALUES (2)");
        assert_eq!(life.run(), super::Begins::On);
        assert!(!position.is_empty());
    }
}
