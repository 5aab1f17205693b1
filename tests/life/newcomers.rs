//! Views that come to read another table or column of a source, and give one up, while the database goes on: only what is new is read,
//! beside the slot; nothing is told again to the targets of the others.
//!
//! Amounts move between the rows of two tables within a transaction, and the view of all of them shows one row for ever: whatever
//! would be read of another moment than it is told at would show in its file.

use super::Life;
use crate::restart::StopOnDrop;
use crate::support::postgres::{Database, Options, Postgres};
use crate::support::random::{Random, seed};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TABLES: &str = "
CREATE TABLE old (id int PRIMARY KEY, x bigint NOT NULL, note text, more text DEFAULT 'more');
CREATE TABLE bag (x bigint, note text); ALTER TABLE bag REPLICA IDENTITY FULL;
CREATE TABLE fresh (id int PRIMARY KEY, old_id int, amount bigint NOT NULL);
CREATE TABLE loose (a int, b text); ALTER TABLE loose REPLICA IDENTITY FULL;
INSERT INTO old SELECT i, i * 10, 'note ' || i FROM generate_series(1, 2000) i;
INSERT INTO bag SELECT i % 50, 'b' FROM generate_series(1, 500) i;
INSERT INTO fresh SELECT i, i % 2500, i FROM generate_series(1, 120000) i;
INSERT INTO loose SELECT i % 7, 'l' || i % 3 FROM generate_series(1, 700) i;
ANALYZE;
";

type View = (&'static str, &'static str);

const ROWS: View = ("rows_of_old", "SELECT id, x FROM old");
const NOTES: View = ("rows_of_old", "SELECT id, x, note FROM old");
const SUMS: View = ("sums", "SELECT x, count(*) AS n FROM bag GROUP BY x");
const LEAST: View = ("sums", "SELECT x, count(*) AS n, min(note) AS least FROM bag GROUP BY x");
const FRESH: View = ("few", "SELECT id, old_id, amount FROM fresh WHERE id <= 3000");
const JOINED: View = (
    "joined",
    "SELECT o.id, count(f.id) AS n, sum(f.amount) AS amount FROM old o LEFT JOIN fresh f ON f.old_id = o.id GROUP BY o.id",
);
const TOTAL: View =
    ("total", "SELECT sum(v) AS v FROM (SELECT x AS v FROM old UNION ALL SELECT amount FROM fresh) AS amounts");
const LOOSE: View = ("letters", "SELECT a, min(b) AS least, count(*) AS n FROM loose GROUP BY a");

/// The views, what is read of what the store does not have, and what is not told again.
struct Stage {
    views: &'static [View],
    reads: &'static [&'static str],
    goes_on: &'static [&'static str],
}

const STAGES: &[Stage] = &[
    Stage { views: &[ROWS, SUMS], reads: &[], goes_on: &["rows_of_old", "sums"] },
    Stage {
        views: &[ROWS, SUMS, FRESH, JOINED, TOTAL, LOOSE],
        reads: &["fresh", "loose"],
        goes_on: &["rows_of_old", "sums"],
    },
    Stage { views: &[NOTES, LEAST, FRESH, JOINED, TOTAL, LOOSE], reads: &["old", "bag"], goes_on: &["few", "letters"] },
    // Fewer columns, and fewer tables.
    Stage { views: &[ROWS, SUMS, JOINED, TOTAL], reads: &[], goes_on: &["joined", "total"] },
    // What was given up is read again.
    Stage { views: &[NOTES, SUMS, FRESH, TOTAL], reads: &["old"], goes_on: &["sums", "few"] },
];

/// Transactions over all tables, until it is told to stop.
fn write(database: &Database, random: &mut Random, stop: &AtomicBool) {
    // Whoever reads a whole table then is the program.
    database.execute("SET enable_seqscan = off");
    while !stop.load(Ordering::Relaxed) {
        let (a, b, amount) = (1 + random.below(2000), 1 + random.below(120_000), random.below(1000));
        let more = match random.below(6) {
            0 => format!("UPDATE old SET note = 'other {amount}' WHERE id = {a}"),
            1 => format!("INSERT INTO bag VALUES ({a} % 60, 'w')"),
            2 => format!("INSERT INTO loose VALUES ({a} % 9, 'w{amount}')"),
            3 => format!("UPDATE fresh SET old_id = {a} WHERE id = {b}"),
            4 => format!(
                "INSERT INTO fresh SELECT max(id) + 1, {a}, {amount} FROM fresh; UPDATE old SET x = x - {amount} WHERE id = {b} % 2000 + 1"
            ),
            _ => String::new(),
        };
        database.execute(&format!(
            "BEGIN; UPDATE old SET x = x - {amount} WHERE id = {a}; UPDATE fresh SET amount = amount + {amount} WHERE id = {b};
             {more}; COMMIT"
        ));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Does something while transactions go on.
fn beside_a_writer(writer: &Database, random: &mut Random, something: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| write(writer, random, &stop));
        something();
    });
}

fn wait(what: &str, said: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Life {
    /// Other views over the same tables.
    fn show(&mut self, views: &[View]) {
        let other = Life::new(self.database.another(), &["old", "bag", "fresh", "loose"], views);
        self.set.write("tidegate.toml", &other.config);
        self.set.write(
            "views.sql",
            &views.iter().map(|(name, query)| format!("CREATE VIEW {name} AS {query};\n")).collect::<String>(),
        );
        self.views = other.views.clone();
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.set.path().join(format!("{name}.jsonl"))).unwrap_or_default()
    }

    /// The last frontier that a file tells.
    fn frontier(&self, name: &str) -> u64 {
        let text = self.file(name);
        let last = text.lines().rev().filter_map(|line| line.strip_prefix("{\"frontier\":")).next();
        last.and_then(|line| line.split([',', '}']).next()?.parse().ok()).unwrap_or(0)
    }

    /// How often each table was read as a whole; nobody else is connected.
    fn scans(&self) -> BTreeMap<String, String> {
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tidegate%'";
        wait("the program is gone", String::new, || self.database.value(busy) == "0");
        // Our own readings are counted a moment later otherwise.
        self.database.query_text("SELECT pg_stat_force_next_flush()");
        let rows = self.database.query_text("SELECT relname, seq_scan FROM pg_stat_user_tables");
        rows.into_iter().map(|row| (row[0].clone().unwrap_or_default(), row[1].clone().unwrap_or_default())).collect()
    }

    /// A run while the database goes on, until every view has told what is now. What it said.
    fn run_beside_a_writer(&self, writer: &Database, random: &mut Random) -> String {
        let mut program = self.start();
        beside_a_writer(writer, random, || {
            let now = tidegate::engine::now();
            for (name, _) in &self.views {
                wait(name, || program.errors(), || self.frontier(name) > now);
                program.must_run();
            }
        });
        let said = program.errors();
        program.terminate();
        said
    }

    /// The amounts never were anything but their sum.
    fn check_total(&self) {
        let told = self.file("total");
        assert!(told.lines().filter(|line| line.starts_with("{\"time\"")).count() <= 1, "{told}");
    }
}

fn begin() -> (Life, Database) {
    begin_on(Postgres::shared().create_database())
}

fn begin_on(database: Database) -> (Life, Database) {
    database.execute(TABLES);
    let writer = database.another();
    (Life::new(database, &["old", "bag", "fresh", "loose"], &[ROWS, SUMS]), writer)
}

#[test]
fn only_what_is_new_is_read() {
    let mut random = Random::new(seed(51));
    let server = *Postgres::installed_and_newest().last().expect("a server");
    let (mut life, writer) = begin_on(server.create_database());
    life.run();
    for (number, Stage { views, reads, goes_on }) in STAGES.iter().enumerate() {
        let before: BTreeMap<&str, String> = goes_on.iter().map(|name| (*name, life.file(name))).collect();
        life.show(views);
        let scans = life.scans();
        let said = life.run_beside_a_writer(&writer, &mut random);
        for (table, times) in life.scans() {
            let is_read = scans[&table] != times;
            assert_eq!(is_read, reads.contains(&table.as_str()), "stage {number}: {table} is read: {is_read}\n{said}");
        }
        assert!(!said.contains("the tables are read as"), "stage {number}\n{said}");
        for (name, told) in before {
            let end = told.rfind("{\"frontier\"").unwrap_or(0);
            assert!(life.file(name).starts_with(&told[..end]), "stage {number}: {name} is told again\n{said}");
        }
        life.check_total();
        // Another start at once, which has everything. Rows of a table without a key go as they are known now.
        life.database.execute(&format!("DELETE FROM bag WHERE x % 10 = {number}"));
        assert_eq!(life.run(), super::Begins::On, "stage {number}");
        life.check_total();
    }
    // What is not read any more may go, and does not come back as what it was.
    life.show(&[ROWS, SUMS]);
    life.run();
    life.database.execute("ALTER TABLE old DROP note; UPDATE old SET x = x + 1 WHERE id < 10");
    assert_eq!(life.run(), super::Begins::On);
    life.database.execute("ALTER TABLE old ADD note text DEFAULT 'new'; UPDATE old SET note = 'x' WHERE id < 10");
    life.show(&[NOTES, SUMS]);
    let said = life.run_beside_a_writer(&writer, &mut random);
    assert!(said.contains("old is not stored with these columns as they are now: note"), "{said}");
    assert_eq!(life.run(), super::Begins::On);
    // Another definition, and another key: only that table is read.
    for (change, why) in [
        ("ALTER TABLE old ALTER x TYPE numeric", "old is not stored with these columns as they are now: x"),
        ("ALTER TABLE old DROP CONSTRAINT old_pkey; ALTER TABLE old ADD PRIMARY KEY (id, x)", "old has another key"),
    ] {
        life.database.execute(change);
        let said = life.run_beside_a_writer(&writer, &mut random);
        assert!(said.contains(why) && !said.contains("the tables are read as"), "{said}");
        assert_eq!(life.run(), super::Begins::On, "{change}");
    }
    // The same name again, but other values: not what was read.
    life.database.execute("ALTER TABLE old DROP note; ALTER TABLE old ADD note text");
    assert_eq!(life.run(), super::Begins::Anew);
}

/// Killed in the middle of a side snapshot, it begins another, and nothing of the first one is left.
#[test]
fn killed_while_something_new_is_read_it_reads_it_again() {
    let mut random = Random::new(seed(52));
    let (mut life, writer) = begin();
    life.run();
    let new = &[ROWS, SUMS, FRESH, JOINED, TOTAL, LOOSE];
    life.show(new);
    // In large cells the changes of several runs take effect at one instant.
    let config = std::fs::read_to_string(life.set.path().join("tidegate.toml")).expect("our own file");
    life.set.write("tidegate.toml", &config.replace("store = \"state\"", "store = \"state\"\nrefresh = \"1s\""));
    beside_a_writer(&writer, &mut random.clone(), || {
        let some = [1 + random.below(4), 1 + random.below(6)];
        let moments = ["side.begun", "side.part", "side.part:2", "side.told"].map(str::to_owned);
        let random = [format!("tick.durable:{}", some[0]), format!("log.synced:{}", some[1])];
        for moment in moments.iter().chain(&random) {
            let mut program = life.set.start_until(&["run"], &life.url, moment);
            let status = program.wait(Duration::from_secs(120));
            assert_eq!(status.signal(), Some(9), "{moment}: {status}\n{}", program.errors());
            life.check_total();
        }
    });
    assert_eq!(life.run(), super::Begins::On);
    life.check_total();
    assert_eq!(life.run(), super::Begins::On);
}

/// Whatever connection is lost meanwhile, and when: what is told of the new tables is one moment's.
#[test]
fn connections_lost_while_something_new_is_read_change_nothing() {
    let mut random = Random::new(seed(53));
    let (mut life, writer) = begin();
    life.run();
    life.show(&[ROWS, SUMS, FRESH, JOINED, TOTAL, LOOSE]);
    let mut program = life.start();
    beside_a_writer(&writer, &mut random.clone(), || {
        for _ in 0..6 {
            wait(
                "it goes on",
                || program.errors(),
                || program.errors().lines().last().is_some_and(|line| !line.contains("trying again")),
            );
            std::thread::sleep(Duration::from_millis(random.below(150)));
            life.database.query_text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND application_name = 'tidegate' AND (backend_type = 'walsender' OR query LIKE 'COPY%')",
            );
        }
    });
    life.settle(&mut program);
    program.terminate();
    life.check_total();
    assert_eq!(life.run(), super::Begins::On);
}

/// A run that ends by itself has what is new; so has one that must read everything again; and one that is given no slot says so.
#[test]
fn what_is_new_comes_with_whatever_else_happens() {
    let settings = vec!["max_replication_slots = 1".to_owned()];
    let server = Postgres::start_with(Options { settings, ..Options::default() });
    let (mut life, _) = begin_on(server.create_database());
    life.run();
    life.show(&[ROWS, SUMS, FRESH]);
    life.refused(80, &["fresh can be read beside", "no free replication slot; raise max_replication_slots"]);
    life.show(&[ROWS, SUMS]);
    assert_eq!(life.run(), super::Begins::On);
    // All tables are read again, and the new ones with them.
    life.database.execute("ALTER TABLE old ALTER x TYPE bigint USING x + 1");
    life.show(&[ROWS, SUMS, FRESH, LOOSE]);
    assert_eq!(life.run(), super::Begins::Anew);
    assert_eq!(life.run(), super::Begins::On);

    let (mut life, _) = begin();
    life.run();
    life.show(&[ROWS, SUMS, TOTAL, LOOSE]);
    life.database.execute("UPDATE fresh SET amount = amount + 1 WHERE id = 5; INSERT INTO loose VALUES (1, 'once')");
    let (code, _, errors) = life.set.run(&["run", "--once"], &life.url);
    assert_eq!(code, 0, "{errors}");
    life.check_total();
    assert_eq!(life.run(), super::Begins::On);
}
