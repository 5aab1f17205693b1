//! Transactions that are told in pieces: killed, cut and lost within one, whatever is shown is what was there before it, or after it.

use super::Begins::{Anew, On};
use super::Life;
use crate::support::feed::{Feed, Rows};
use crate::support::postgres::{Options, Postgres};
use crate::support::program::Program;
use crate::support::proxy::Proxy;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

const SCHEMA: &str = "
    CREATE TABLE t (id int PRIMARY KEY, g int NOT NULL, v bigint NOT NULL, note text);
    ALTER TABLE t ALTER note SET STORAGE EXTERNAL;
    CREATE TABLE log (line int, v int); ALTER TABLE log REPLICA IDENTITY FULL;
    CREATE TABLE emptied (id int PRIMARY KEY);
    INSERT INTO t SELECT i, i % 7, i, CASE WHEN i % 500 = 0 THEN repeat(md5(i::text), 150) END FROM generate_series(1, 2000) i;
    INSERT INTO log SELECT i % 50, i FROM generate_series(1, 1000) i;
    INSERT INTO emptied SELECT generate_series(1, 500)";

const VIEWS: &[(&str, &str)] = &[
    ("state", "SELECT count(*) AS n, sum(v) AS v, sum(length(note)) AS notes FROM t"),
    ("groups", "SELECT g, count(*) AS n, sum(id) AS ids FROM t GROUP BY g"),
    ("lines", "SELECT line, count(*) AS n, sum(v) AS v FROM log GROUP BY line"),
    ("some", "SELECT t.id, t.v, t.note, e.id AS e FROM t LEFT JOIN emptied e ON e.id = t.id WHERE t.id % 250 = 0"),
];

/// A transaction of some 17 MB with changes of all kinds: four pieces. `n` makes it another one.
fn large(n: i64) -> String {
    format!(
        "BEGIN;
         UPDATE t SET v = v + {n}, id = id + 1000000 WHERE id % 500 = 0 AND id < 1000000;
         INSERT INTO t SELECT {n} * 10000000 + i, i % 7, i, repeat(md5(i::text), 150) FROM generate_series(1, 2400) i;
         TRUNCATE emptied;
         INSERT INTO emptied SELECT 250 * i FROM generate_series(1, {n}) i;
         INSERT INTO log SELECT i % 50, i FROM generate_series(1, 3000) i;
         ALTER TABLE log ADD COLUMN more_{n} int;
         UPDATE log SET v = v + {n} WHERE v % 2 = 0;
         UPDATE t SET id = -id WHERE id > {n} * 10000000 AND id % 3 = 0;
         DELETE FROM t WHERE id > {n} * 10000000 AND id % 3 = 1;
         INSERT INTO t SELECT {n} * 10000000 + 5000 + i, i % 7, i, repeat(md5(i::text), 150) FROM generate_series(1, 1200) i;
         UPDATE t SET v = v + 1 WHERE id < 0;
         DELETE FROM log WHERE v % 3 = 0;
         COMMIT"
    )
}

/// Whether every frontier of a view of one row shows one of these.
fn shows_only(life: &Life, states: &BTreeSet<String>) {
    let feed = Feed::read(&life.set.path().join("state.jsonl"));
    for frontier in feed.frontiers.iter().filter(|frontier| **frontier != Some(0)) {
        let shown = feed.at(*frontier);
        let is_whole = |row: &String| states.iter().any(|state| state == row);
        assert!(shown.len() == 1 && shown.keys().all(is_whole), "{shown:?} at {frontier:?} is none of {states:?}");
    }
}

fn state(life: &Life) -> String {
    life.database.value(&format!("SELECT to_jsonb(r)::text FROM ({}) r", VIEWS[0].1))
}

fn is_killed(mut program: Program) {
    let status = program.wait(Duration::from_secs(60));
    assert_eq!(status.signal(), Some(9), "ended with {status}\n{}", program.errors());
}

fn wait_for(program: &mut Program, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        program.must_run();
        assert!(Instant::now() < deadline, "{what}\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn killed_and_cut_within_a_large_transaction_it_shows_it_whole_or_not_at_all() {
    for server in Postgres::installed_and_newest() {
        let proxy = Proxy::new(server.port());
        let mut life = Life::new(server.create_database(), &["t", "log", "emptied"], VIEWS);
        life.database.execute(SCHEMA);
        life.lead_through(&proxy);
        life.configure("store = \"state\"", "store = \"state\"\nin_flight_bytes = \"1KiB\"");
        assert_eq!(life.run(), Anew);
        let mut states = BTreeSet::from([state(&life)]);
        let mut program = life.set.start_until(&["run"], &life.url, "piece.durable:2");
        assert_eq!(life.settle(&mut program), On);
        life.database.execute(&large(1));
        states.insert(state(&life));
        is_killed(program);
        // Killed once more, behind the first piece that is new; and something is committed behind it meanwhile.
        life.database.execute("UPDATE t SET v = v - 1 WHERE g = 3");
        states.insert(state(&life));
        is_killed(life.set.start_until(&["run"], &life.url, "piece.durable"));
        // Stopped in order when more has come, and brought to its end by a run that ends by itself.
        let (mut program, stored) = (life.start(), life.stored());
        wait_for(&mut program, "nothing more is stored", || life.stored() > stored + 10_000);
        program.terminate();
        shows_only(&life, &states);
        let (code, _, errors) = life.set.run(&["run", "--once"], &life.url);
        assert_eq!(code, 0, "{errors}");
        let feed = Feed::read(&life.set.path().join("state.jsonl"));
        assert_eq!(feed.at(feed.frontier()), Rows::from([(state(&life), 1)]));
        // Cut in the middle, and again within what comes again.
        let mut program = life.start();
        assert_eq!(life.settle(&mut program), On);
        proxy.cut_after(7 << 20);
        life.database.execute(&large(2));
        states.insert(state(&life));
        wait_for(&mut program, "it is not cut", || proxy.has_cut());
        proxy.cut_after(3 << 20);
        wait_for(&mut program, "it is not cut again", || proxy.has_cut());
        assert_eq!(life.settle(&mut program), On);
        program.terminate();
        shows_only(&life, &states);
        life.database.execute("DELETE FROM log WHERE line = 7");
        assert_eq!(life.run(), On);
    }
}

/// Without a store there is nothing to go on from: the tables are read again, and nothing of the part shows.
#[test]
fn without_a_store_a_part_is_replaced() {
    let server = Postgres::shared();
    let proxy = Proxy::new(server.port());
    let mut life = Life::new(server.create_database(), &["t", "log", "emptied"], VIEWS);
    life.database.execute(SCHEMA);
    life.lead_through(&proxy);
    life.configure("store = \"state\"", "store = \"none\"");
    let mut program = life.start();
    life.settle(&mut program);
    let mut states = BTreeSet::from([state(&life)]);
    life.database.execute(&large(1));
    states.insert(state(&life));
    life.settle(&mut program);
    proxy.cut_after(7 << 20);
    life.database.execute(&large(2));
    states.insert(state(&life));
    wait_for(&mut program, "it is not cut", || proxy.has_cut());
    life.settle(&mut program);
    shows_only(&life, &states);
    program.terminate();
}

/// The server is restored to a state without the transaction of which a part was taken; and then the slot is lost.
#[test]
fn a_part_of_a_transaction_that_is_lost_is_noticed_and_never_shown() {
    let settings = ["fsync = on", "synchronous_commit = on", "full_page_writes = on"].map(ToString::to_string);
    let server = Postgres::start_with(Options { settings: settings.to_vec(), ..Options::default() });
    let mut life = Life::new(server.create_database(), &["t", "log", "emptied"], VIEWS);
    life.database.execute(SCHEMA);
    assert_eq!(life.run(), Anew);
    let mut states = BTreeSet::from([state(&life)]);
    life.restart(&server, || server.back_up());
    let program = life.set.start_until(&["run"], &life.url, "piece.durable");
    life.database.execute(&large(1));
    is_killed(program);
    life.restart(&server, || server.restore());
    life.refused(80, &["has only come to"]);
    life.database.execute(&large(2));
    states.insert(state(&life));
    life.refused(80, &["the server's history is not the one that was read", "slot_lost = \"snapshot\""]);
    life.configure("create = true", "create = true\nslot_lost = \"snapshot\"");
    let mut program = life.start();
    assert_eq!(life.settle(&mut program), Anew);
    shows_only(&life, &states);
    // Killed while it reads the tables again, it begins that anew.
    life.database.execute(&large(3));
    states.insert(state(&life));
    assert_eq!(life.settle(&mut program), Anew);
    program.terminate();
    life.database.execute(&format!("SELECT pg_drop_replication_slot('{}')", life.slot()));
    life.database.execute("UPDATE t SET v = v - 1 WHERE g = 3");
    states.insert(state(&life));
    is_killed(life.set.start_until(&["run"], &life.url, "piece.durable"));
    life.database.execute("DELETE FROM t WHERE g = 4");
    states.insert(state(&life));
    assert_eq!(life.run(), Anew);
    shows_only(&life, &states);
    assert_eq!(life.run(), On);
}
