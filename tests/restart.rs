//! The whole program with a store, killed at random moments while the database goes on.
//!
//! Amounts move between accounts, and the view is every account's balance: what a target shows at any time sums up to nothing, or it
//! is a mixture. Nothing that a target was given is given again: the file of lines only ever grows, and no mark goes back.

use crate::faults::{self, SEARCH};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::random::{Random, seed, setting};
use crate::support::redis::RedisServer;
use crate::support::search::{Product, SearchServer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tidegate::sink::tantivy::Search;

const TABLES: &str = "
CREATE TABLE account (id bigint PRIMARY KEY, owner text NOT NULL, note text);
CREATE TABLE move (id bigserial PRIMARY KEY, a bigint NOT NULL, b bigint NOT NULL, amount bigint NOT NULL);
INSERT INTO account SELECT n, 'owner ' || n, repeat(md5(n::text), 200) FROM generate_series(0, 99) n;
INSERT INTO move (a, b, amount) SELECT n % 100, n * 7 % 100, n FROM generate_series(1, 1000) n;
";

const VIEWS: &str = "
CREATE VIEW leg AS SELECT a AS account, -amount AS amount FROM move UNION ALL SELECT b, amount FROM move;
CREATE VIEW balance AS SELECT id, owner, length(note) AS note, coalesce(sum(amount), 0)::bigint AS amount, count(amount) AS legs
    FROM account LEFT JOIN leg ON account = id GROUP BY id, owner, note;
";

/// The view set, its targets, and the database.
pub struct Bank {
    pub set: ViewSet,
    pub redis: RedisServer,
    pub database: Database,
    pub config: String,
    /// The file of lines up to its last frontier, and the marks of the others, as they were seen last.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    lines: String,
    /// Whether the file of lines may be written anew.
    anew: bool,
    marks: [u64; 3],
}

impl Bank {
    pub fn new() -> Bank {
        let (redis, database) = (RedisServer::start(), Postgres::shared().create_database());
        database.execute(TABLES);
        let config = format!(
            "
[sources.bank]
type = \"postgres\"
url = {{ env = \"DATABASE_URL\" }}
tables = [\"account\", \"move\"]
create = true

[sinks.lines]
type = \"jsonl\"
view = \"balance\"
path = \"out/lines.jsonl\"

[sinks.search]
type = \"tantivy\"
view = \"balance\"
path = \"index\"
key = [\"id\"]
commit_interval = \"20ms\"

[sinks.cache]
type = \"redis\"
view = \"balance\"
url = \"{}\"
key = \"balance:{{id}}\"

[sinks.table]
type = \"postgres\"
view = \"balance\"
url = {{ env = \"DATABASE_URL\" }}
key = [\"id\"]

[settings]
store = \"state\"
",
            redis.url()
        );
        Bank { set: ViewSet::new(&config, VIEWS), redis, database, config, seen: Seen::default() }
    }

    fn start(&self) -> Program {
        self.set.start(&["run"], &self.database.url)
    }

    /// A run until every target shows everything, then an orderly end.
    fn run(&mut self) {
        let mut program = self.start();
        self.settle(&mut program);
        program.terminate();
    }

    /// A run that must end by itself: with this code, saying this.
    fn refused(&self, code: i32, said: &str) {
        let (exit, _, errors) = self.set.run(&["run"], &self.database.url);
        assert_eq!(exit, code, "{errors}");
        assert!(errors.contains(said), "not said: {said}\n{errors}");
    }

    fn slot(&self) -> String {
        self.database.value("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
    }

    /// The frontiers of the targets that keep marks, as they were seen last.
    pub fn marks(&self) -> [u64; 3] {
        self.seen.marks
    }

    /// What Postgres says.
    pub fn expected(&self) -> Vec<String> {
        let query = format!("SELECT to_jsonb(balance)::text FROM ({}) balance", view("balance"));
        sorted(
            self.database.query_text(&format!("WITH leg AS ({}) {query}", view("leg"))).into_iter().flatten().flatten(),
        )
    }

    /// Looks at all targets: none shows a mixture or has gone back. What each shows.
    pub fn look(&mut self) -> [Option<Vec<String>>; 4] {
        let shown = [self.lines(), self.search(), self.cache(), self.table()];
        for (target, shown) in ["lines", "search", "cache", "table"].iter().zip(&shown) {
            let amounts = shown.iter().flatten().map(|row| {
                let row: serde_json::Value = serde_json::from_str(row).unwrap_or_else(|error| panic!("{row}: {error}"));
                row["amount"].as_i64().expect("a number")
            });
            assert_eq!(amounts.sum::<i64>(), 0, "{target} shows a mixture: {shown:?}");
        }
        shown
    }

    fn lines(&mut self) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(self.set.path().join("out/lines.jsonl")).ok()?;
        let last = text[..text.rfind('\n')? + 1].rfind("{\"frontier\":")?;
        let end = last + text[last..].find('\n')? + 1;
        let (whole, seen) = (&text[..end], &self.seen.lines);
        let goes_on = whole.starts_with(seen.as_str()) || self.seen.anew;
        assert!(goes_on, "what was told is told otherwise, behind {} bytes", seen.len());
        self.seen.lines = whole.to_string();
        let mut counts: std::collections::BTreeMap<&str, i64> = Default::default();
        for line in whole.lines().filter(|line| line.starts_with("{\"time\"")) {
            let (head, row) = line.split_once(",\"row\":").expect("a change has a row");
            let diff = head.rsplit_once(':').and_then(|(_, diff)| diff.parse::<i64>().ok()).expect("a difference");
            let count = counts.entry(row.strip_suffix('}').expect("a change ends")).or_default();
            *count += diff;
        }
        counts.retain(|_, count| *count != 0);
        assert!(counts.values().all(|count| *count == 1), "a change was told twice: {counts:?}");
        Some(sorted(counts.into_keys().map(str::to_string)))
    }

    fn search(&mut self) -> Option<Vec<String>> {
        let (rows, mark) = Search::open(&self.set.path().join("index")).ok()?.content().ok()?;
        self.advances(0, mark.as_deref());
        Some(sorted(rows.into_iter().map(|(_, row)| row)))
    }

    fn cache(&mut self) -> Option<Vec<String>> {
        const READ: &str = "
local rows = {}
for _, key in ipairs(redis.call('SMEMBERS', 'tidegate:cache:keys')) do rows[#rows + 1] = redis.call('GET', key) end
return {redis.call('GET', 'tidegate:cache:mark'), rows}";
        let mut connection = redis::Client::open(self.redis.url()).and_then(|client| client.get_connection()).ok()?;
        let (mark, rows): (Option<String>, Vec<String>) =
            redis::cmd("EVAL").arg(READ).arg(0).query(&mut connection).ok()?;
        self.advances(1, mark.as_deref());
        Some(sorted(rows.into_iter()))
    }

    fn table(&mut self) -> Option<Vec<String>> {
        const READ: &str = "SELECT m.mark, to_jsonb(t)::text FROM tidegate_marks m LEFT JOIN balance t ON true";
        let rows = self.database.try_query_text(READ).ok()?;
        self.advances(2, rows.first()?[0].as_deref());
        Some(sorted(rows.into_iter().filter_map(|row| row[1].clone())))
    }

    fn advances(&mut self, target: usize, mark: Option<&str>) {
        let Some(mark) = mark else { return };
        let mark: serde_json::Value = serde_json::from_str(mark).expect("a mark is JSON");
        let frontier = mark["frontier"].as_u64().expect("no input ends");
        assert!(frontier >= self.seen.marks[target], "a mark goes back");
        self.seen.marks[target] = frontier;
    }

    /// Waits until every target shows what Postgres says.
    pub fn settle(&mut self, program: &mut Program) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let expected = self.expected();
        loop {
            let shown = self.look();
            if shown.iter().all(|shown| shown.as_ref() == Some(&expected)) {
                return;
            }
            program.must_run();
            let which: Vec<bool> = shown.iter().map(|shown| shown.as_ref() == Some(&expected)).collect();
            assert!(Instant::now() < deadline, "not all targets show everything: {which:?}\n{}", program.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn view(name: &str) -> &'static str {
    let definition = VIEWS.split(';').find_map(|view| view.split_once(&format!("CREATE VIEW {name} AS ")));
    definition.expect("a view").1
}

fn sorted(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

/// Transactions of all kinds, until it is told to stop.
pub fn write(database: &Database, random: &mut Random, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let (a, b, amount) = (random.below(100), random.below(100), random.below(1000));
        let sql = match random.below(20) {
            0 => format!("UPDATE account SET note = repeat(md5(random()::text), 150 + {a}) WHERE id = {a}"),
            1 => format!("UPDATE account SET owner = 'owner {amount}' WHERE id = {a}"),
            // The note, which is out of line, moves along without being told.
            2 => format!(
                "UPDATE account SET id = id + 1000 WHERE id = {a}; UPDATE account SET id = id - 1000 WHERE id = {a} + 1000"
            ),
            3 => format!("DELETE FROM move WHERE id IN (SELECT id FROM move ORDER BY id LIMIT {b})"),
            4 => {
                format!("INSERT INTO move (a, b, amount) SELECT n % 100, n * 3 % 100, n FROM generate_series(1, {b}) n")
            }
            _ => format!("INSERT INTO move (a, b, amount) VALUES ({a}, {b}, {amount})"),
        };
        std::thread::sleep(Duration::from_millis(40));
        database.execute(&format!("BEGIN; SET LOCAL synchronous_commit = off; {sql}; COMMIT"));
    }
}

/// Stops the writer also when an assertion fails.
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let mut random = Random::new(seed(11));
    let mut bank = Bank::new();
    let (search, mut found_at) = (SearchServer::start(Product::OpenSearch), 0);
    // What an interrupted delivery wrote may arrive for half of this time.
    let search_config = format!("{SEARCH}settings = {{ index = {{ gc_deletes = \"1s\" }} }}\n");
    bank.set.write("tidegate.toml", &format!("{}{}", bank.config, search_config.replace("URL", &search.url())));
    let (stop, writer) = (AtomicBool::new(false), bank.database.another());
    let mut chance = random.clone();
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| write(&writer, &mut chance, &stop));
        for _ in 0..setting("TIDEGATE_TEST_KILLS", 25) {
            let mut program = bank.start();
            let (begun, marks) = (Instant::now(), bank.seen.marks);
            let (at_least, patience) = (Duration::from_millis(20 + random.below(500)), Duration::from_secs(10));
            // Every other time it is killed wherever it is; else once a target has got something new.
            let waits = random.chance(50);
            while begun.elapsed() < at_least || (waits && bank.seen.marks == marks && begun.elapsed() < patience) {
                bank.look();
                faults::look(&search, &mut found_at);
            }
            // A dropped program is killed.
            program.must_run();
        }
    });
    let mut program = bank.start();
    bank.settle(&mut program);
    let deadline = Instant::now() + Duration::from_secs(60);
    while faults::found(&search) != Some(bank.expected()) {
        faults::look(&search, &mut found_at);
        assert!(Instant::now() < deadline, "the search finds something else\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
    assert!(bank.slot().starts_with("tidegate_bank_"));
}

/// What was changed while nothing ran arrives at the next start, and the file of lines goes on.
#[test]
fn what_happened_meanwhile_is_told_at_the_next_start() {
    let mut bank = Bank::new();
    bank.run();
    let cases = [
        "INSERT INTO move (a, b, amount) VALUES (1, 2, 3)",
        "DELETE FROM move WHERE id % 3 = 0; UPDATE account SET owner = 'nobody' WHERE id < 10",
        "TRUNCATE move",
        "UPDATE account SET owner = 'again' WHERE id = 1",
        // Another table of the same name and definition: no change of it was told.
        "DROP TABLE move; CREATE TABLE move (id bigserial PRIMARY KEY, a bigint NOT NULL, b bigint NOT NULL, amount bigint NOT NULL);
         INSERT INTO move (a, b, amount) VALUES (5, 6, 7)",
    ];
    for case in cases {
        bank.database.execute(case);
        bank.run();
    }
    // A column more is another definition: the tables are read again, and the targets reconciled.
    bank.database
        .execute("ALTER TABLE account ADD COLUMN rank int DEFAULT 7; UPDATE account SET owner = 'x' WHERE id = 3");
    bank.seen.anew = true;
    bank.run();
    bank.set.write("views.sql", &VIEWS.replace("length(note)", "length(note) + 1"));
    let mut program = bank.start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !bank.cache().iter().flatten().any(|row| row.contains("\"note\": 6401")) {
        assert!(Instant::now() < deadline, "the changed view does not reach its target");
        program.must_run();
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
}

/// Runs that end by themselves are gone on from as well, also on a coarse grid, of which the last cell has not passed then.
#[test]
fn runs_that_end_follow_each_other() {
    for grid in ["10ms", "10s"] {
        let mut bank = Bank::new();
        bank.set.write("tidegate.toml", &format!("{}refresh = \"{grid}\"\n", bank.config));
        for n in 0..3 {
            bank.database.execute(&format!("INSERT INTO move (a, b, amount) VALUES (1, 2, {n})"));
            let (exit, _, errors) = bank.set.run(&["run", "--once"], &bank.database.url);
            assert_eq!(exit, 0, "{errors}");
            let expected = bank.expected();
            bank.look().iter().for_each(|shown| assert_eq!(shown.as_ref(), Some(&expected), "{grid}"));
        }
    }
}

/// A slot that cannot be read on stops the run with what to do; if the source says so, the tables are read again.
#[test]
fn a_slot_that_is_gone_or_advanced_is_noticed() {
    let mut bank = Bank::new();
    bank.run();
    // What is not written yet cannot be passed over.
    let change = "SET synchronous_commit = on; UPDATE account SET owner = owner || '!' WHERE id < 5";
    for (disturb, said) in [
        ("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'SLOT'", "is gone"),
        ("SELECT pg_replication_slot_advance('SLOT', pg_current_wal_lsn())", "was advanced by somebody else"),
    ] {
        bank.database.execute(change);
        bank.database.execute(&disturb.replace("SLOT", &bank.slot()));
        bank.refused(80, said);
        bank.refused(80, "slot_lost = \"snapshot\"");
        let config = bank.config.replace("create = true", "create = true\nslot_lost = \"snapshot\"");
        bank.set.write("tidegate.toml", &config);
        bank.run();
        bank.set.write("tidegate.toml", &bank.config);
        bank.database.execute(change);
        bank.run();
    }
    bank.database.execute(change);
    bank.set.write("tidegate.toml", &bank.config.replace("create = true", "create = false"));
    bank.run();
    std::fs::remove_dir_all(bank.set.path().join("state")).expect("our own directory");
    bank.refused(80, "say `create = true`");
}

/// A store that has become larger than it may, and cannot be made smaller, stops the run.
#[test]
fn a_store_that_is_too_large_stops_the_run() {
    let bank = Bank::new();
    bank.database.execute(
        "UPDATE account SET note = (SELECT string_agg(md5(n::text || id), '') FROM generate_series(1, 400) n)",
    );
    bank.set.write("tidegate.toml", &format!("{}store_max_bytes = \"256KiB\"\n", bank.config));
    bank.refused(80, "`store_max_bytes` allows 262144");
}

/// Two processes cannot have one store; a damaged one is not read.
#[test]
fn a_store_that_is_in_use_or_damaged_is_refused() {
    let mut bank = Bank::new();
    let mut program = bank.start();
    bank.settle(&mut program);
    let store = bank.set.path().join("state");
    let second = ViewSet::new(&bank.config.replace("\"state\"", &format!("{store:?}")), VIEWS);
    let (exit, _, errors) = second.run(&["run"], &bank.database.url);
    assert_eq!(exit, 80, "{errors}");
    assert!(errors.contains("in use by another process"), "{errors}");
    program.terminate();
    let segment = std::fs::read_dir(&store).expect("a directory").flatten().map(|file| file.path());
    let segment = segment.filter(|path| path.to_string_lossy().contains("log-")).min().expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("writable");
    bank.refused(80, "the store is damaged: log-");
}
