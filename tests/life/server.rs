//! Servers that crash, run out of WAL, give their place to a standby, or come back from a backup.

use super::Begins::{Anew, On};
use super::Life;
use crate::support::postgres::{Options, Postgres};
use crate::support::program::Program;
use crate::support::proxy::Proxy;
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

/// A primary and what stands by, with a program that has read everything.
fn pair() -> Option<(Postgres, Postgres, Life)> {
    let programs = Postgres::installed_and_newest_programs().pop()?;
    let primary = server(programs, &[]);
    if primary.version() < 17 {
        return None;
    }
    let standby = primary.standby();
    let life = life(&primary);
    Some((primary, standby, life))
}

fn promote(standby: &Postgres) {
    standby.database("postgres").execute("SELECT pg_promote()");
}

/// Waits until the standby has the slot as the primary has it, or beyond this position.
fn wait_for_slot(life: &Life, standby: &Postgres) {
    let position = life.database.value("SELECT pg_current_wal_flush_lsn()");
    let slot = life.slot();
    let database = standby.database("postgres");
    wait_for("the standby has the slot", || {
        // The slot is handed on once the primary has moved.
        life.database.execute("SELECT pg_log_standby_snapshot()");
        // It fails as long as the standby lags behind the slot.
        let _ = database.try_execute("SELECT pg_sync_replication_slots()");
        let ready = format!(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}' AND NOT temporary AND synced
             AND confirmed_flush_lsn >= '{position}'"
        );
        database.value(&ready) == "1"
    });
}

/// A standby with the slot takes the place of its primary: nothing is read again.
#[test]
fn a_promoted_standby_with_the_slot_is_read_on() {
    let Some((primary, standby, mut life)) = pair() else { return };
    let proxy = Proxy::new(primary.port());
    life.lead_through(&proxy);
    let mut program = life.start();
    life.settle(&mut program);
    life.database.execute("UPDATE t SET x = x + 1 WHERE id < 50");
    life.settle(&mut program);
    wait_for_slot(&life, &standby);
    // While it runs: it waits for the promotion.
    primary.stop(Ending::Kill);
    proxy.lead_to(standby.port());
    wait_for("the standby is noticed", || program.errors().contains("the server is a standby"));
    promote(&standby);
    life.reconnect(standby.database(&life.database.name));
    life.lead_through(&proxy);
    life.database.execute("UPDATE t SET x = x + 1 WHERE id < 20");
    life.settle(&mut program);
    assert!(!program.errors().contains("are read again"), "{}", program.errors());
    assert_eq!(program.errors().matches("was created: the tables are read").count(), 1, "{}", program.errors());
    drop(program);
    life.database.execute("DELETE FROM t WHERE id = 7");
    assert_eq!(life.run(), On);
}

/// A standby without the slot, and one that lacks what the program has: a person is asked.
#[test]
fn a_promoted_standby_that_has_less_is_noticed() {
    let Some((primary, standby, mut life)) = pair() else { return };
    let mut program = life.start();
    life.settle(&mut program);
    wait_for_slot(&life, &standby);
    let replica = standby.database("postgres");
    // The standby hears no more, and the program takes two transactions that it will never have.
    replica.execute("ALTER SYSTEM SET primary_conninfo = ''");
    replica.execute("SELECT pg_reload_conf()");
    wait_for("the standby is cut off", || replica.value("SELECT count(*) FROM pg_stat_wal_receiver") == "0");
    for _ in 0..2 {
        life.database.execute("UPDATE t SET x = x + 100 WHERE id < 10");
        life.settle(&mut program);
    }
    drop(program);
    primary.stop(Ending::Kill);
    promote(&standby);
    life.reconnect(standby.database(&life.database.name));
    life.refused(80, &["has only come to", "slot_lost = \"snapshot\""]);
    // It goes its own way, beyond where the program was.
    life.database.execute("INSERT INTO t SELECT i, 0 FROM generate_series(5000, 30000) i");
    life.refused(80, &["the server's history is not the one that was read", "slot_lost = \"snapshot\""]);
    life.configure("create = true", "create = true\nslot_lost = \"snapshot\"");
    assert_eq!(life.run(), Anew);
    life.configure("create = true", "create = true");
    life.database.execute("UPDATE t SET x = 3 WHERE id < 10");
    assert_eq!(life.run(), On);
    // A standby that was not given the slot is a server without it.
    life.database.execute(&format!("SELECT pg_drop_replication_slot('{}')", life.slot()));
    life.refused(80, &["is gone", "slot_lost = \"snapshot\""]);
}

/// A backup that is put back, by copying files: the same server with older content.
#[test]
fn a_restored_backup_is_noticed() {
    for programs in Postgres::installed_and_newest_programs() {
        let server = server(programs, &[]);
        let mut life = life(&server);
        assert_eq!(life.run(), Anew);
        life.database.execute("UPDATE t SET x = x + 1 WHERE id < 10");
        assert_eq!(life.run(), On);
        life.restart(&server, || server.back_up());
        // Nothing was taken since: it is read on.
        life.restart(&server, || server.restore());
        life.database.execute("UPDATE t SET x = x + 1 WHERE id < 20");
        assert_eq!(life.run(), On);
        life.restart(&server, || server.restore());
        life.refused(80, &["has only come to"]);
        life.database.execute("INSERT INTO t SELECT i, 0 FROM generate_series(5000, 9000) i");
        life.refused(80, &["the server's history is not the one that was read", "slot_lost = \"snapshot\""]);
        // While it runs, it is noticed just as well.
        life.configure("create = true", "create = true\nslot_lost = \"snapshot\"");
        let mut program = life.start();
        assert_eq!(life.settle(&mut program), Anew);
        life.database.execute("UPDATE t SET x = x + 1 WHERE id < 30");
        life.settle(&mut program);
        life.restart(&server, || server.restore());
        life.database.execute("INSERT INTO t SELECT i, 1 FROM generate_series(5000, 9000) i");
        life.settle(&mut program);
        program.terminate();
    }
}

/// A server with one slot for the store and no more, names that need quotes, a second program with a copy of the store, and then
/// another server under the same url.
#[test]
fn another_server_or_another_reader_of_the_slot_is_refused() {
    let programs = Postgres::installed_and_newest_programs().remove(0);
    let narrow = server(programs.clone(), &["max_replication_slots = 1", "max_wal_senders = 3"]);
    let schema = "CREATE SCHEMA \"Odd Schema\"; CREATE TABLE \"Odd Schema\".\"Odd \"\"T\" (\"The Id\" int PRIMARY KEY, \"select\" text);
                  INSERT INTO \"Odd Schema\".\"Odd \"\"T\" SELECT i, 'x' || i FROM generate_series(1, 100) i";
    let mut life = Life::new(
        narrow.create_database(),
        &["Odd Schema.Odd \"T"],
        &[("v", "SELECT \"The Id\", \"select\" FROM \"Odd Schema\".\"Odd \"\"T\"")],
    );
    life.database.execute(schema);
    assert_eq!(life.run(), Anew);
    life.database.execute("UPDATE \"Odd Schema\".\"Odd \"\"T\" SET \"select\" = 'y' WHERE \"The Id\" < 5");
    let copy = life.copy();
    let mut program = life.start();
    assert_eq!(life.settle(&mut program), On);
    let second = copy.start(&["run"], &life.url);
    wait_for("the second program is told", || second.errors().contains("is in use by process"));
    drop(second);
    life.database.execute("DELETE FROM \"Odd Schema\".\"Odd \"\"T\" WHERE \"The Id\" = 9");
    life.settle(&mut program);
    program.terminate();
    // The copy is older than the slot by now.
    let (code, _, errors) = copy.run(&["run"], &life.url);
    assert!(code == 80 && errors.contains("was advanced by somebody else"), "{code}\n{errors}");
    let other = server(programs, &[]);
    life.reconnect(other.create_database());
    life.database.execute(schema);
    life.refused(80, &["this is another server than before", "remove the store's directory"]);
}
