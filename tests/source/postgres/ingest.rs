//! The one door of the ingest suite: tables, statements, and after each of them the rows that Postgres has.
//!
//! The program keeps an identity view of each table in a file. After each step the server's clock is read. What the file tells
//! below that clock must be exactly what the table held then: a commit that had returned is included, and one that had not
//! begun is not.

use crate::support::feed::{Feed, Rows, add, difference};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::random::setting;
use std::time::{Duration, Instant};

/// Tables, how they begin, and what happens to them.
pub struct Case<'a> {
    /// Each table as its name is written in SQL, and the columns that are read.
    pub tables: &'a [(&'a str, &'a str)],
    /// What is run before the program starts.
    pub before: &'a str,
    /// What is run while it runs; each step may be a transaction or several.
    pub steps: &'a [&'a str],
}

impl Case<'_> {
    /// Runs it on every server.
    pub fn holds(&self) {
        self.holds_from(0);
    }

    /// Runs it on every server of this version or a later one.
    pub fn holds_from(&self, version: u32) {
        for server in Postgres::installed_and_newest().into_iter().filter(|server| server.version() >= version) {
            self.holds_on(server);
        }
    }

    fn holds_on(&self, server: &Postgres) {
        let database = server.create_database();
        database.execute(self.before);
        let mut kept = Kept::start(&database, self.tables);
        kept.wait_for(clock(&database));
        let mut moments = vec![kept.moment()];
        for step in self.steps {
            database.execute(step);
            moments.push(kept.moment());
        }
        kept.wait_for(moments.last().expect("at least the first").clock);
        let feeds = kept.stop();
        for (number, moment) in moments.iter().enumerate() {
            let after = number.checked_sub(1).map_or("the snapshot", |step| self.steps[step]);
            for (((table, _), feed), expected) in self.tables.iter().zip(&feeds).zip(&moment.tables) {
                if let Some(shown) = difference(expected, &feed.at(Some(moment.clock + 1))) {
                    panic!("Postgres {}: {table} after {after}\n{shown}", version(&database));
                }
            }
        }
    }
}

/// What the tables held at a time.
pub struct Moment {
    /// The server's clock, after everything in `tables` was committed.
    pub clock: u64,
    /// The tables' rows.
    pub tables: Vec<Rows>,
}

/// The program, keeping identity views of tables in files.
pub struct Kept {
    database: Database,
    set: ViewSet,
    program: Program,
    tables: Vec<(String, String)>,
}

impl Kept {
    /// Starts it.
    pub fn start(database: &Database, tables: &[(&str, &str)]) -> Kept {
        let set = ViewSet::new(&config(tables), &views(tables));
        let program = set.start(&["run"], &database.url);
        let tables = tables.iter().map(|(table, columns)| (table.to_string(), columns.to_string())).collect();
        Kept { database: database.another(), set, program, tables }
    }

    /// Looks at the tables through another connection from here on: the server was restarted.
    pub fn reconnect(&mut self, database: &Database) {
        self.database = database.another();
    }

    /// What is there now.
    pub fn moment(&self) -> Moment {
        let tables = self.tables.iter().map(|(table, columns)| content(&self.database, table, columns)).collect();
        Moment { clock: clock(&self.database), tables }
    }

    /// What the files tell now.
    pub fn feeds(&self) -> Vec<Feed> {
        read(&self.set, self.tables.len())
    }

    /// Waits until every file has been told everything up to this time.
    pub fn wait_for(&mut self, time: u64) {
        let deadline = Instant::now() + Duration::from_secs(setting("TIDEGATE_TEST_PATIENCE", 90));
        while !self.feeds().iter().all(|feed| feed.is_past(time)) {
            self.program.must_run();
            assert!(Instant::now() < deadline, "no frontier beyond {time}:\n{}", self.program.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the program says.
    pub fn errors(&self) -> String {
        self.program.errors()
    }

    /// Waits until the program ends by itself; its exit code and what it said.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let code = self.program.wait(Duration::from_secs(90)).code();
        (code, self.program.errors())
    }

    /// Stops the program; everything it told.
    pub fn stop(self) -> Vec<Feed> {
        let Kept { set, program, tables, .. } = self;
        program.terminate();
        read(&set, tables.len())
    }
}

fn read(set: &ViewSet, tables: usize) -> Vec<Feed> {
    (0..tables).map(|i| Feed::read(&set.path().join(format!("kept_{i}.jsonl")))).collect()
}

/// `tidegate.toml` for identity views of these tables.
pub fn config(tables: &[(&str, &str)]) -> String {
    let names = tables.iter().map(|(table, _)| format!("{:?}", table.replace('"', "")));
    let mut config = format!(
        "[sources.db]\ntype = \"postgres\"\nurl = {{ env = \"DATABASE_URL\" }}\ntables = [{}]\ncreate = true\n\n[settings]\n\
         refresh = \"0\"\n",
        names.collect::<Vec<_>>().join(", ")
    );
    for i in 0..tables.len() {
        config.push_str(&format!(
            "\n[sinks.kept_{i}]\ntype = \"jsonl\"\nview = \"kept_{i}\"\npath = \"kept_{i}.jsonl\"\n"
        ));
    }
    config
}

/// Identity views of these tables.
pub fn views(tables: &[(&str, &str)]) -> String {
    let view = |(i, (table, columns)): (usize, &(&str, &str))| {
        format!("CREATE VIEW kept_{i} AS SELECT {columns} FROM {table};\n")
    };
    tables.iter().enumerate().map(view).collect()
}

/// The rows of these columns as Postgres shows them.
pub fn content(database: &Database, table: &str, columns: &str) -> Rows {
    let mut rows = Rows::new();
    for row in database.query_text(&format!("SELECT to_jsonb(r)::text FROM (SELECT {columns} FROM {table}) AS r")) {
        add(&mut rows, row[0].as_deref().expect("a row is not null"), 1);
    }
    rows
}

/// The server's clock as a time.
pub fn clock(database: &Database) -> u64 {
    database.value("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").parse().expect("a number")
}

/// The server's version.
pub fn version(database: &Database) -> String {
    database.value("SHOW server_version")
}
