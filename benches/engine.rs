//! The engine's dataflow for one view in SQL, compiled and optimised, fed through a source's door.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use tidegate::dataflow::{Dataflow, Export, InputRelation, Program, Sender, Settings};
use tidegate::plan::rewrite;
use tidegate::sql::{self, Catalog, SqlFile};
use tidegate::timeline::{Batch, RelationId, SourceId, Step, Tick};
use tidegate::value::{Column, Diff, RelationKind, RelationName, Row, Schema, Time, Type};

/// A table: its name, its columns, and which of them are its key.
pub struct Table {
    pub name: &'static str,
    pub columns: Vec<(&'static str, Type)>,
    pub key: Vec<usize>,
    /// Whether rows are only added.
    pub append_only: bool,
}

/// The running dataflow.
pub struct Engine {
    sender: Sender,
    steps: Receiver<Step>,
    /// Of the next changes.
    time: Time,
    /// Kept running.
    _dataflow: Dataflow,
}

/// The source of all tables; the tables are numbered in their order.
pub const SOURCE: SourceId = SourceId(0);

impl Engine {
    /// Starts the view `shown`, which one of these statements defines, fed with complete rows, with one worker.
    pub fn start(tables: Vec<Table>, views: &str) -> Engine {
        Engine::start_with(tables, views, false, 1)
    }

    /// As `start`, fed with writes by key if `upserts`.
    pub fn start_with(tables: Vec<Table>, views: &str, upserts: bool, workers: usize) -> Engine {
        let mut catalog = Catalog::new();
        let mut inputs = Vec::new();
        for (id, Table { name, columns, key, append_only }) in tables.into_iter().enumerate() {
            let columns = columns.into_iter().map(|(name, ty)| Column::new(name, ty, false)).collect();
            let kind = match append_only {
                true => RelationKind::Stream { event_time: None, accept_for: 0, ends: false },
                false => RelationKind::Table,
            };
            let (name, schema) = (RelationName::public(name), Arc::new(Schema { kind, columns, key: Some(key) }));
            catalog.insert(name.clone(), schema.clone());
            inputs.push(InputRelation { id: RelationId(id), source: SOURCE, name, schema, upserts });
        }
        let file = SqlFile { path: "bench.sql".into(), text: views.into() };
        let mut views = sql::compile(&[file], &catalog).expect("our own SQL");
        rewrite::optimize(&mut views);
        let (tell, steps) = channel();
        // Nobody listens any more when the benchmark is over.
        let tell = Box::new(move |step| drop(tell.send(step)));
        let exports = vec![Export { relation: RelationName::public("shown"), tell }];
        let program = Program { sources: vec![SOURCE], inputs, views, exports, ..Program::default() };
        let settings = Settings { workers, refresh_us: 0, ..Settings::default() };
        let dataflow = Dataflow::start(settings, program).expect("our own program");
        Engine { sender: dataflow.sender(SOURCE), steps, time: 0, _dataflow: dataflow }
    }

    /// Gives one tick's changes of each table; what changes in the view.
    pub fn put(&mut self, changes: Vec<Vec<(Row, Diff)>>) -> Vec<(Row, Time, Diff)> {
        self.send(changes, false);
        self.catch_up()
    }

    /// Gives one tick's changes, as part of the first load or not.
    pub fn send(&mut self, changes: Vec<Vec<(Row, Diff)>>, snapshot: bool) {
        let time = self.time;
        self.time += 1;
        let batch = |(id, rows): (usize, Vec<(Row, Diff)>)| {
            (RelationId(id), Batch::Rows(rows.into_iter().map(|(row, diff)| (row, time, diff)).collect()))
        };
        let batches = changes.into_iter().enumerate().map(batch).collect();
        self.give(Tick { snapshot, ..Tick::new(SOURCE, batches, Some(self.time)) });
    }

    /// Gives a tick as it is.
    pub fn give(&mut self, tick: Tick) {
        self.sender.send(tick).expect("the dataflow runs");
    }

    /// Waits until the view shows everything sent; what changed.
    pub fn catch_up(&mut self) -> Vec<(Row, Time, Diff)> {
        let mut changes = Vec::new();
        self.catch_up_to(self.time, |row, time, diff| changes.push((row.clone(), time, diff)));
        changes
    }

    /// Waits until the view has reached the frontier, and tells what changes.
    pub fn catch_up_to(&mut self, frontier: Time, mut told: impl FnMut(&Row, Time, Diff)) {
        loop {
            let step = self.steps.recv().expect("the dataflow runs");
            step.changes.iter().for_each(|(row, time, diff)| told(row, *time, *diff));
            if step.frontier.is_none_or(|reached| reached >= frontier) {
                return;
            }
        }
    }
}
