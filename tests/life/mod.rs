//! Postgres's life with a store: whatever happens to a database, while the program runs or while it does not, the targets come to
//! what Postgres says, or the run stops with a sentence that says what to do.
//!
//! The program keeps views in files of lines, which are folded and compared. A start that reads the tables again says so in its log,
//! so it is known what cost a new snapshot.
//!
//! What a sceptical DBA asks for, and what shows it with a store:
//!
//! | | asked for | shown by |
//! |---|---|---|
//! | 1 | handover under writers, killed at every step | `restart::killed_at_any_moment…`, whose first kills come within the first reading |
//! | 2 | the program killed at random | `restart::killed_at_any_moment…` (`TIDEGATE_TEST_KILLS`) |
//! | 3 | connections ended, servers that crash within a transaction | `server::a_server_that_restarts…`, `stream::ticks_that_wait…` |
//! | 4 | networks | `faults::whatever_the_network_does…` |
//! | 5 | an engine that takes nothing for long | `stream::ticks_that_wait…`, `server::a_slot_whose_wal_is_gone…` (stopped by a signal) |
//! | 6 | slots gone, advanced, another server, a backup, another timeline | `restart::a_slot_that_is_gone…`, `server::a_restored_backup…`, `server::a_promoted…`, `server::another_server…` |
//! | 7 | `max_slot_wal_keep_size` | `server::a_slot_whose_wal_is_gone…` |
//! | 8 | savepoints; a huge transaction under a limit of memory | savepoints: `source::postgres::change`, the store sees committed transactions only; `large`: pieces, with room for one |
//! | 9 | large values, identities, keys that move | `restart::killed_at_any_moment…` (moved notes), `source::postgres::change`; the store keeps what it is told |
//! | 10 | definitions that change | `meanwhile`, `under_way`, `newcomers`, `source::postgres::definition` |
//! | 11 | TRUNCATE, partitions | `meanwhile`, `under_way`, `source::postgres::partition` |
//! | 12 | publications that change | `meanwhile`, `under_way` |
//! | 13 | values of every type, hostile settings | `value_roundtrip`, `source::postgres::value`; the store keeps encoded rows (`store::model`) |
//! | 14 | idle beside a busy database | `stream::beside_a_busy_database…` |
//! | 15 | what a role may not do | `source::postgres::preflight`: the same with and without a store; one's own slot is no slot too few: `server::another_server…` |
//! | 16 | promotion, with the slot and without | `server::a_promoted_standby_with_the_slot…`, `server::a_promoted_standby_that_has_less…` |
//! | 17 | two programs on one slot | `restart::a_store_that_is_in_use…`, `server::another_server…` (a copied store) |
//! | 18 | hostile bytes | `source::postgres::garbage`, `store::crash`, `restart::a_store_that_is_in_use_or_damaged…` |
//! | 19 | names that need quotes | `server::another_server…` |
//! | 20 | clocks that step back | `clocks`; `source::postgres::garbage::a_clock_that_steps_back…` |

mod large;
mod meanwhile;
mod newcomers;
mod server;
mod stream;
mod under_way;

use crate::support::feed::{Feed, Rows, add, difference};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::proxy::Proxy;
use crate::support::server::Ending;
use std::time::{Duration, Instant};

/// Views of a database that are kept in files.
pub struct Life {
    pub set: ViewSet,
    pub database: Database,
    /// Where the program finds the database.
    pub url: String,
    views: Vec<(String, String)>,
    config: String,
}

/// How a start comes to what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It reads the slot on.
    On,
    /// It reads the tables again.
    Anew,
}

impl Life {
    /// Views, each a name and its query, over these tables.
    pub fn new(database: Database, tables: &[&str], views: &[(&str, &str)]) -> Life {
        let mut config = format!(
            "[sources.db]\ntype = \"postgres\"\nurl = {{ env = \"DATABASE_URL\" }}\ntables = {tables:?}\ncreate = true\n\n\
             [settings]\nstore = \"state\"\n"
        );
        let (mut sql, mut kept) = (String::new(), Vec::new());
        for (name, query) in views {
            config
                .push_str(&format!("\n[sinks.{name}]\ntype = \"jsonl\"\nview = \"{name}\"\npath = \"{name}.jsonl\"\n"));
            sql.push_str(&format!("CREATE VIEW {name} AS {query};\n"));
            kept.push((name.to_string(), query.to_string()));
        }
        let url = database.url.clone();
        Life { set: ViewSet::new(&config, &sql), database, url, views: kept, config }
    }

    /// Changes the configuration for the runs that follow: what stands there, and what is to stand there.
    pub fn configure(&self, from: &str, to: &str) {
        assert!(self.config.contains(from), "nothing to change in\n{}", self.config);
        self.set.write("tidegate.toml", &self.config.replace(from, to));
    }

    /// The database is reached through another connection: its server was restarted, or is another one.
    pub fn reconnect(&mut self, database: Database) {
        self.url = database.url.clone();
        self.database = database;
    }

    /// The server is stopped in order and started again, and something done in between.
    pub fn restart(&mut self, server: &Postgres, between: impl FnOnce()) {
        let name = self.database.name.clone();
        server.stop(Ending::Orderly);
        between();
        server.restart();
        self.reconnect(server.database(&name));
    }

    /// The program finds the database through a proxy.
    pub fn lead_through(&mut self, proxy: &Proxy) {
        let (before, database) = self.url.rsplit_once('/').expect("a url");
        let (host, _) = before.rsplit_once(':').expect("a port");
        self.url = format!("{host}:{}/{database}", proxy.port());
    }

    pub fn start(&self) -> Program {
        self.set.start(&["run"], &self.url)
    }

    /// A run until every view is what Postgres says, then an orderly end.
    pub fn run(&self) -> Begins {
        let told = self.told();
        let mut program = self.start();
        let begins = self.settle(&mut program);
        program.terminate();
        let mark = |told: &str| told.lines().next().map(str::to_string);
        for (now, told) in self.told().iter().zip(&told) {
            // Another definition of a table makes a file anew, whatever becomes of the tables.
            let goes_on = now.starts_with(told.as_str()) || mark(now) != mark(told);
            assert!(begins == Begins::Anew || goes_on, "what was told is told again:\n{told}\nis now\n{now}");
        }
        begins
    }

    /// What each file holds up to its last frontier.
    fn told(&self) -> Vec<String> {
        let told = |(name, _): &(String, String)| {
            let text = std::fs::read_to_string(self.set.path().join(format!("{name}.jsonl"))).unwrap_or_default();
            let end = text.rfind("{\"frontier\"").unwrap_or(0);
            text[..end].to_string()
        };
        self.views.iter().map(told).collect()
    }

    /// A run that must end by itself: with this code, saying all of this.
    pub fn refused(&self, code: i32, said: &[&str]) {
        let (exit, _, errors) = self.set.run(&["run"], &self.url);
        assert_eq!(exit, code, "{errors}");
        said.iter().for_each(|said| assert!(errors.contains(said), "not said: {said}\n{errors}"));
    }

    /// Waits until every view is what Postgres says; how the program has come to it.
    pub fn settle(&self, program: &mut Program) -> Begins {
        let deadline = Instant::now() + Duration::from_secs(90);
        let wait = |program: &mut Program, what: &str| {
            program.must_run();
            assert!(Instant::now() < deadline, "{what}\n{}", program.errors());
            std::thread::sleep(Duration::from_millis(30));
        };
        let begins = loop {
            // The line that was said last: a run may have to begin again.
            let said = program.errors();
            match (said.rfind("is read on from"), said.rfind("was created: the tables are read")) {
                (None, None) => wait(program, "it does not begin"),
                (on, anew) => break if on > anew { Begins::On } else { Begins::Anew },
            }
        };
        let expected: Vec<Rows> = self.views.iter().map(|(_, query)| self.expected(query)).collect();
        loop {
            let differences = self.views.iter().zip(&expected).filter_map(|((name, _), expected)| {
                let feed = Feed::read(&self.set.path().join(format!("{name}.jsonl")));
                difference(expected, &feed.at(feed.frontier())).map(|difference| format!("{name}: {difference}"))
            });
            let differences: Vec<String> = differences.collect();
            if differences.is_empty() {
                break;
            }
            wait(program, &differences.join("\n"));
        }
        if program.errors().contains("was created: the tables are read") { Begins::Anew } else { begins }
    }

    /// The slot that the store has.
    pub fn slot(&self) -> String {
        self.database.value("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
    }

    /// The same view set in another directory, with a copy of the store.
    pub fn copy(&self) -> ViewSet {
        let (copy, store) = (ViewSet::copy(self.set.path()), self.set.path().join("state"));
        std::fs::create_dir(copy.path().join("state")).expect("our own directory");
        for file in std::fs::read_dir(store).expect("a store").flatten() {
            std::fs::copy(file.path(), copy.path().join("state").join(file.file_name())).expect("our own file");
        }
        copy
    }

    /// How many bytes the store has.
    pub fn stored(&self) -> u64 {
        let files = std::fs::read_dir(self.set.path().join("state")).expect("a store").flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    fn expected(&self, query: &str) -> Rows {
        let mut rows = Rows::new();
        for row in self.database.query_text(&format!("SELECT to_jsonb(r)::text FROM ({query}) AS r")) {
            add(&mut rows, row[0].as_deref().expect("a row is not null"), 1);
        }
        rows
    }
}
