//! The judge: a scratch database that is brought to the base tables of a frontier and asked for the views.

use super::definitions::{KEYS, TABLES, VIEWS, identity, sunk};
use crate::support::feed::{Feed, Rows, add, difference};
use crate::support::postgres::{Database, Postgres};
use std::collections::BTreeMap;
use std::path::Path;

/// The feeds of a run, by view.
pub struct Feeds(pub BTreeMap<String, Feed>);

impl Feeds {
    /// Reads what every sink wrote below this directory.
    pub fn read(directory: &Path) -> Feeds {
        Feeds(sunk().map(|view| (view.clone(), Feed::read(&directory.join(format!("{view}.jsonl"))))).collect())
    }

    /// The base tables at a frontier.
    pub fn tables(&self, frontier: u64) -> Vec<Rows> {
        KEYS.iter().map(|(table, _)| self.0[&identity(table)].at(Some(frontier))).collect()
    }

    /// Whether every sink was told a frontier beyond this time.
    pub fn are_past(&self, time: u64) -> bool {
        self.0.values().all(|feed| feed.is_past(time))
    }

    /// All frontiers told by any sink that every sink has reached, in order.
    pub fn frontiers(&self) -> Vec<u64> {
        let reached = self.0.values().filter_map(Feed::frontier).min().unwrap_or(u64::MAX);
        let told = self.0.values().flat_map(|feed| feed.frontiers.iter().flatten().copied());
        let mut frontiers: Vec<u64> = told.filter(|frontier| *frontier <= reached).collect();
        frontiers.sort_unstable();
        frontiers.dedup();
        frontiers
    }
}

/// A database whose tables are set to one frontier after the other.
pub struct Judge {
    database: Database,
    tables: Vec<Rows>,
}

impl Judge {
    /// An empty one.
    pub fn new() -> Judge {
        let database = Postgres::shared().create_database();
        database.execute(TABLES);
        for (name, sql) in VIEWS {
            database.execute(&format!("CREATE VIEW {name} AS {sql}"));
        }
        database.execute("CREATE TEMPORARY TABLE change (row text)");
        Judge { database, tables: vec![Rows::new(); KEYS.len()] }
    }

    /// Compares every view at this frontier; what differs, readable.
    pub fn verdict(&mut self, feeds: &Feeds, frontier: u64) -> Result<(), String> {
        self.load(feeds.tables(frontier));
        for (name, _) in VIEWS {
            let expected = content(&self.database, name);
            if let Some(shown) = difference(&expected, &feeds.0[*name].at(Some(frontier))) {
                return Err(format!(
                    "view {name} at frontier {frontier} is not what Postgres makes of its tables:\n{shown}"
                ));
            }
        }
        Ok(())
    }

    /// Applies the difference to the tables of the frontier before.
    fn load(&mut self, tables: Vec<Rows>) {
        for (((table, key), old), new) in KEYS.iter().zip(&self.tables).zip(&tables) {
            for (row, count) in new {
                assert_eq!(*count, 1, "a row of {table} occurs {count} times: {row}");
            }
            let gone = old.keys().filter(|row| !new.contains_key(*row));
            let come = new.keys().filter(|row| !old.contains_key(*row));
            let rows = format!("SELECT (jsonb_populate_record(NULL::{table}, row::jsonb)).* FROM change");
            self.stage(gone);
            self.database
                .execute(&format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM ({rows}) AS gone)"));
            self.stage(come);
            self.database.execute(&format!("INSERT INTO {table} {rows}"));
        }
        self.database.execute("ANALYZE");
        self.tables = tables;
    }

    fn stage<'a>(&self, rows: impl Iterator<Item = &'a String>) {
        self.database.execute("TRUNCATE change");
        let lines: String = rows.flat_map(|row| [row.replace('\\', "\\\\"), "\n".to_owned()]).collect();
        self.database.copy_in("change", &lines);
    }
}

/// A relation's rows as Postgres shows them.
pub fn content(database: &Database, relation: &str) -> Rows {
    let mut rows = Rows::new();
    for row in database.query_text(&format!("SELECT to_jsonb(r)::text FROM {relation} AS r")) {
        add(&mut rows, row[0].as_deref().expect("a row is not null"), 1);
    }
    rows
}
