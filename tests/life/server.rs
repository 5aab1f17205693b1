//! Servers that crash, run out of WAL, give their place to a standby, or come back from a backup.

use super::Begins::{Anew, On};
use super::Life;
use crate::support::postgres::{Options, Postgres};
use crate::support::program::Program;
use crate::support::server::Ending;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, x bigint);
                     INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i";

const VIEWS: &[(&str, &str)] =
    &[("rows_of_t", "SELECT id, x FROM t"), ("total", "SELECT count(*) AS n, sum(x) AS x FROM t")];

/// A server that keeps what it has acknowledged.
fn server(programs: PathBuf, more: &[&str]) -> Postgres {
    let usual = ["fsync = on", "synchronous_commit = on", "full_page_writes = on"];
    let settings = usual.iter().chain(more).map(ToString::to_string).collect();
    Postgres::start_with(Options { programs: Some(programs), settings, ..Options::default() })
}

fn life(server: &Postgres) -> Life {
    let life = Life::new(server.create_database(), &["t"], VIEWS);
    life.database.execute(TABLE);
    life
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(program: &Program, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &program.id().to_string()]).status();
    assert!(sent.expect("kill").success());
}

/// A server that ends, orderly or not, in the middle of a transaction that is being received, while the program runs.
#[test]
fn a_server_that_restarts_within_a_large_transaction_loses_nothing() {
    for programs in Postgres::installed_and_newest_programs() {
        let server = server(programs, &[]);
        let mut life = life(&server);
        let mut program = life.start();
        life.settle(&mut program);
        for (round, ending) in [Ending::Kill, Ending::Orderly, Ending::Kill].into_iter().enumerate() {
            let slot = life.slot();
            life.database.execute(&format!("INSERT INTO t SELECT i, {round} FROM generate_series({round} * 100000 + 10000, {round} * 100000 + 60000) i"));
            // It is under way, wherever.
            life.database.execute(&format!("UPDATE t SET x = x + 1 WHERE id < {round} * 10 + 100"));
            server.stop(ending);
            if round == 2 {
                // This time the program is killed with it.
                drop(program);
                server.restart();
                life.reconnect(server.database(&life.database.name));
                program = life.start();
            } else {
                server.restart();
                life.reconnect(server.database(&life.database.name));
            }
            life.database.execute("INSERT INTO t SELECT max(id) + 1, 0 FROM t");
            life.settle(&mut program);
            assert_eq!(life.slot(), slot);
        }
        assert_eq!(program.errors().matches("the tables are read as").count(), 0, "{}", program.errors());
        program.terminate();
    }
}

/// `max_slot_wal_keep_size` takes the slot, while nothing runs and while the program hangs.
#[test]
fn a_slot_whose_wal_is_gone_stops_the_run_or_costs_a_new_reading() {
    for programs in Postgres::installed_and_newest_programs() {
        let server = server(
            programs,
            &["max_slot_wal_keep_size = 1MB", "max_wal_size = 48MB", "min_wal_size = 32MB", "wal_keep_size = 0"],
        );
        let life = life(&server);
        let lose = || {
            life.database.execute("UPDATE t SET x = x + 1 WHERE id < 100");
            wait_for("the slot is lost", || {
                life.database.execute(
                    "SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000)) FROM generate_series(1, 20)",
                );
                life.database.execute("SELECT pg_switch_wal()");
                life.database.execute("CHECKPOINT");
                life.database.value("SELECT wal_status FROM pg_replication_slots") == "lost"
            });
        };
        let said = ["is lost: the server has removed the WAL", "max_slot_wal_keep_size", "slot_lost = \"snapshot\""];
        assert_eq!(life.run(), Anew);
        lose();
        life.refused(80, &said);
        life.configure("create = true", "create = true\nslot_lost = \"snapshot\"");
        assert_eq!(life.run(), Anew);
        // The program hangs meanwhile; afterwards it reads the tables again by itself.
        let mut program = life.start();
        assert_eq!(life.settle(&mut program), On);
        signal(&program, "-STOP");
        lose();
        signal(&program, "-CONT");
        assert_eq!(life.settle(&mut program), Anew);
        program.terminate();
        life.configure("create = true", "create = true");
        let mut program = life.start();
        life.settle(&mut program);
        signal(&program, "-STOP");
        lose();
        signal(&program, "-CONT");
        let code = program.wait(Duration::from_secs(60)).code();
        assert_eq!(code, Some(80), "{}", program.errors());
        said.iter().for_each(|said| assert!(program.errors().contains(said), "not said: {said}\n{}", program.errors()));
    }
}
