//! Clocks that are set while the program runs, and between its runs: this machine's, the server's, and both.
//!
//! The bank of `restart` must come through it: its targets show what Postgres says, nothing waits until a clock has come where it was,
//! and no mark goes back. Beside it stand events without a time of their own, which are taken when they come, and a view that reads
//! the clock.

use crate::restart::{Bank, StopOnDrop, write};
use crate::support::feed::Feed;
use crate::support::program::{PROGRAM, Program};
use crate::support::random::{Random, seed, setting};
use crate::verbs::ask;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const YEAR: i64 = 365 * 24 * HOUR;

/// How long something is waited for that must come soon.
const PATIENCE: Duration = Duration::from_secs(60);

const MORE: &str = "
[sources.note]
type = \"jsonl\"
path = \"notes\"
follow = true
schema = { id = \"bigint not null\" }

[sinks.noted]
type = \"jsonl\"
view = \"noted\"
path = \"out/noted.jsonl\"

[sinks.rings]
type = \"jsonl\"
view = \"rings\"
path = \"out/rings.jsonl\"
";

/// Of the late ones there are none.
const VIEWS: &str = "
CREATE VIEW noted AS SELECT id, false AS is_late FROM note UNION ALL SELECT id, true FROM note_late;
CREATE VIEW rings AS SELECT id FROM alarm WHERE at > now() AND at < now() + interval '2 hours';
";

struct Clocks {
    bank: Bank,
    /// How many events were written.
    notes: u64,
}

impl Clocks {
    fn new() -> Clocks {
        let bank = Bank::new();
        bank.database.execute("CREATE TABLE alarm (id int PRIMARY KEY, at timestamptz NOT NULL)");
        let config =
            bank.config.replace("[\"account\", \"move\"]", "[\"account\", \"move\", \"alarm\"]\nmax_ahead = \"1s\"");
        let (sources, settings) = config.split_once("[settings]").expect("settings");
        bank.set.write("tidegate.toml", &format!("{sources}{MORE}\n[settings]{settings}"));
        bank.set.write("clocks.sql", VIEWS);
        bank.set.write("notes", "");
        let mut clocks = Clocks { bank, notes: 0 };
        clocks.put(0, 0);
        clocks
    }

    fn file(&self) -> PathBuf {
        self.bank.set.path().join("clocks")
    }

    /// Puts the clocks wrong by so many microseconds.
    fn put(&mut self, ours: i64, servers: i64) {
        let new = self.bank.set.write("clocks.new", &format!("{ours} {servers}\n"));
        std::fs::rename(new, self.file()).expect("our own directory");
    }

    fn start(&self) -> Program {
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg(self.bank.set.path()).env("TIDEGATE_CLOCKS", self.file());
        self.bank.set.start_by(command, &self.bank.database.url)
    }

    fn note(&mut self) {
        let file = OpenOptions::new().append(true).open(self.bank.set.path().join("notes"));
        file.and_then(|mut file| writeln!(file, "{{\"id\":{}}}", self.notes)).expect("our own file");
        self.notes += 1;
    }

    /// What a file of lines shows at its last frontier, of which none is told twice.
    fn shown(&self, view: &str) -> Vec<String> {
        let feed = Feed::read(&self.bank.set.path().join(format!("out/{view}.jsonl")));
        let rows = feed.at(feed.frontier());
        assert!(rows.values().all(|count| *count == 1), "{view}: {rows:?}");
        rows.into_keys().collect()
    }

    fn await_shown(&self, program: &mut Program, view: &str, mut expected: Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        expected.sort();
        loop {
            let mut shown = self.shown(view);
            shown.sort();
            if shown == expected {
                return;
            }
            program.must_run();
            assert!(Instant::now() < deadline, "{view}: {shown:?}\nnot {expected:?}\n{}", program.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Another change and event.
    fn change(&mut self) {
        self.bank.database.execute("INSERT INTO move (a, b, amount) VALUES (1, 2, 3)");
        self.note();
    }

    /// Waits until every target shows everything.
    fn settle(&mut self, program: &mut Program) {
        self.bank.settle(program);
        let notes = (0..self.notes).map(|id| format!("{{\"id\": {id}, \"is_late\": false}}")).collect();
        self.await_shown(program, "noted", notes);
    }

    /// What Postgres says rings now.
    fn await_rings(&self, program: &mut Program) {
        let rings = "SELECT to_jsonb(r)::text FROM (SELECT id FROM alarm WHERE at > now() AND at < now() + interval '2 hours') r";
        let rings = self.bank.database.query_text(rings).into_iter().flatten().flatten().collect();
        self.await_shown(program, "rings", rings);
    }
}

/// Whatever the clocks do for a moment while it runs, afterwards what reads the clock shows the present at once; and a wrong one at a start
/// is known afterwards.
#[test]
fn a_clock_that_is_wrong_for_a_moment_leaves_nothing_behind() {
    let mut clocks = Clocks::new();
    clocks.bank.database.execute(
        "INSERT INTO alarm SELECT n, now() + interval '1 minute' * (n * 20 - 110) FROM generate_series(0, 20) n",
    );
    let mut program = clocks.start();
    clocks.settle(&mut program);
    clocks.await_rings(&mut program);
    for (ours, servers) in [(YEAR, YEAR), (-HOUR, -HOUR), (YEAR, 0), (0, YEAR), (0, -YEAR), (-YEAR, 0)] {
        clocks.put(ours, servers);
        clocks.change();
        clocks.settle(&mut program);
        clocks.put(0, 0);
        clocks.await_rings(&mut program);
    }
    let said = program.errors();
    for sentence in ["ahead at once: it counts if it stays so for 600s", "behind the times told so far", "back at once"]
    {
        assert!(said.contains(sentence), "not said: {sentence}\n{said}");
    }
    program.terminate();
    // One that is wrong at a start cannot be known to be.
    clocks.put(YEAR, YEAR);
    let mut program = clocks.start();
    clocks.change();
    clocks.settle(&mut program);
    program.terminate();
    clocks.put(0, 0);
    let (_, found) = ask(&clocks.bank.set, &clocks.bank.database.url, &["doctor"], &[]);
    assert!(found.contains("source `bank` has told times up to 31535"), "{found}");
    let mut program = clocks.start();
    clocks.change();
    clocks.settle(&mut program);
    program.terminate();
}

#[test]
fn clocks_that_are_set_at_random_stop_nothing() {
    let mut random = Random::new(seed(41));
    let mut clocks = Clocks::new();
    let mut program = clocks.start();
    clocks.settle(&mut program);
    let (stop, writer, mut chance) = (AtomicBool::new(false), clocks.bank.database.another(), random.clone());
    let mut program = std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| write(&writer, &mut chance, &stop));
        for _ in 0..setting("TIDEGATE_TEST_CLOCKS", 15) {
            let step = |random: &mut Random| {
                let step = *random.pick(&[0, SECOND / 2, 3 * SECOND, 90 * SECOND, HOUR, 30 * HOUR, YEAR]);
                if random.chance(60) { -step } else { step }
            };
            let ours = step(&mut random);
            let servers = if random.chance(50) { ours } else { step(&mut random) };
            if random.chance(50) {
                clocks.put(ours, servers);
            } else {
                // Killed when dropped.
                drop(program);
                clocks.put(ours, servers);
                program = clocks.start();
            }
            clocks.note();
            let (before, deadline) = (clocks.bank.marks(), Instant::now() + PATIENCE);
            while clocks.bank.marks().iter().zip(&before).any(|(mark, before)| mark == before) {
                clocks.bank.look();
                program.must_run();
                let said = format!("it stands still with clocks wrong by {ours} and {servers}");
                assert!(Instant::now() < deadline, "{said}\n{}", program.errors());
            }
        }
        program
    });
    clocks.settle(&mut program);
    clocks.put(0, 0);
    clocks.change();
    clocks.settle(&mut program);
    program.terminate();
}
