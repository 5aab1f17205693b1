//! The judge: a scratch database that is brought to the base tables of a frontier and asked for the views.

use super::definitions::{KEYS, TABLES, VIEWS, identity, sunk};
use crate::support::feed::{Feed, Replay, Rows, add, difference};
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

    /// Whether every sink was told a frontier beyond this time.
    pub fn are_past(&self, time: u64) -> bool {
        self.0.values().all(|feed| feed.is_past(time))
    }

    /// The frontiers told by any sink that every sink has reached, in order, from the first that every sink was told of, and
    /// without those at which nothing has changed since the one before.
    pub fn frontiers(&self) -> Vec<u64> {
        let reached = self.0.values().filter_map(Feed::frontier).min().unwrap_or(u64::MAX);
        let begun = self.0.values().filter_map(|feed| *feed.frontiers.first()?).max().unwrap_or(0);
        let told = self.0.values().flat_map(|feed| feed.frontiers.iter().flatten().copied());
        let mut frontiers: Vec<u64> = told.filter(|frontier| (begun..=reached).contains(frontier)).collect();
        frontiers.sort_unstable();
        let mut times: Vec<u64> =
            self.0.values().flat_map(|feed| feed.changes.iter().map(|(time, ..)| *time)).collect();
        times.sort_unstable();
        frontiers.dedup_by_key(|frontier| times.partition_point(|time| time < frontier));
        frontiers
    }
}

/// A database whose tables are set to one frontier after the other.
pub struct Judge<'a> {
    database: Database,
    /// As they are in the database.
    tables: Vec<Rows>,
    replays: BTreeMap<&'a str, Replay<'a>>,
    /// How many frontiers were right.
    judged: usize,
}

impl<'a> Judge<'a> {
    /// One with empty tables.
    pub fn new(feeds: &'a Feeds) -> Judge<'a> {
        let database = Postgres::shared().create_database();
        database.execute(TABLES);
        for (name, sql) in VIEWS {
            database.execute(&format!("CREATE VIEW {name} AS {sql}"));
        }
        database.execute("CREATE TEMPORARY TABLE change (row text)");
        let replays = feeds.0.iter().map(|(view, feed)| (view.as_str(), Replay::new(feed))).collect();
        Judge { database, tables: vec![Rows::new(); KEYS.len()], replays, judged: 0 }
    }

    /// Compares every view at this frontier, which is not below the one before; what differs, readable.
    pub fn verdict(&mut self, frontier: u64) -> Result<(), String> {
        let tables = KEYS.iter().map(|(table, _)| self.at(&identity(table), frontier).clone()).collect();
        self.load(tables);
        for (name, _) in VIEWS {
            let expected = content(&self.database, name);
            if let Some(shown) = difference(&expected, self.at(name, frontier)) {
                let (rows, judged) = (expected.len(), self.judged);
                return Err(format!(
                    "view {name} at frontier {frontier}, after {judged} right ones, is not what Postgres makes of its tables, \
                     {rows} rows:\n{shown}"
                ));
            }
        }
        self.judged += 1;
        Ok(())
    }

    fn at(&mut self, view: &str, frontier: u64) -> &Rows {
        self.replays.get_mut(view).expect("every view has a sink").advance(frontier)
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

    fn stage<'r>(&self, rows: impl Iterator<Item = &'r String>) {
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
