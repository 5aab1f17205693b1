//! A small view to sink: rows by id, steps that change them, and the fold of the steps as the judge.

use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::sink::{SinkView, Step};
use tidegate::value::{Column, Datum, Diff, RelationName, Row, Schema, Time, Type, json};

/// What a target should show: each key's row as JSON.
pub(super) type Content = BTreeMap<i64, String>;

/// The view: `product(id bigint, name text, stock integer)` with its key proven or not.
pub(super) fn view(key_proven: bool) -> SinkView {
    let columns = vec![
        Column::new("id", Type::Int8, false),
        Column::new("name", Type::Text, true),
        Column::new("stock", Type::Int4, true),
    ];
    let schema = Schema::table(columns, key_proven.then(|| vec![0]));
    SinkView { name: RelationName::public("product"), schema: Arc::new(schema) }
}

/// One of the view's rows. An empty name is null.
pub(super) fn row(id: i64, name: &str) -> Row {
    let name = if name.is_empty() { Datum::Null } else { Datum::text(name) };
    Row::pack(&[Datum::Int8(id), name, Datum::Int4(id as i32 % 7)])
}

/// The row as JSON.
pub(super) fn shown(row: &Row) -> String {
    let mut out = String::new();
    json::write_row(&view(true).schema.columns, row, &mut out);
    out
}

/// Builds steps and remembers what they fold to at every frontier.
pub(super) struct Model {
    rows: BTreeMap<i64, Row>,
    frontier: Time,
    told: bool,
    folds: BTreeMap<Time, Content>,
}

impl Model {
    pub(super) fn new() -> Model {
        Model { rows: BTreeMap::new(), frontier: 1_000_000, told: false, folds: BTreeMap::new() }
    }

    /// A model that starts later, as a new run does.
    pub(super) fn restarted(&self) -> Model {
        Model { rows: self.rows.clone(), frontier: self.frontier + 1, told: false, folds: BTreeMap::new() }
    }

    /// The step in which these keys get these names; `None` deletes.
    pub(super) fn step(&mut self, writes: &[(i64, Option<&str>)]) -> Step {
        let at = self.frontier;
        self.frontier += 10_000;
        let mut changes: Vec<(Row, Time, Diff)> = Vec::new();
        for (id, name) in writes {
            let new = name.map(|name| row(*id, name));
            let old = match &new {
                Some(new) => self.rows.insert(*id, new.clone()),
                None => self.rows.remove(id),
            };
            changes.extend(old.map(|old| (old, at, -1)));
            changes.extend(new.map(|new| (new, at, 1)));
        }
        let first = !std::mem::replace(&mut self.told, true);
        if first {
            changes = self.rows.values().map(|row| (row.clone(), at, 1)).collect();
        }
        self.folds.insert(self.frontier, self.content());
        Step { changes, frontier: Some(self.frontier), first }
    }

    /// The whole content as a step: what the engine reads when a target lost it.
    pub(super) fn whole(&self) -> Step {
        let changes = self.rows.values().map(|row| (row.clone(), self.frontier - 1, 1)).collect();
        Step { changes, frontier: Some(self.frontier), first: true }
    }

    pub(super) fn content(&self) -> Content {
        self.rows.iter().map(|(id, row)| (*id, shown(row))).collect()
    }

    pub(super) fn frontier(&self) -> Time {
        self.frontier
    }

    /// The content at a frontier that was told.
    pub(super) fn at(&self, frontier: Time) -> Option<&Content> {
        self.folds.get(&frontier)
    }
}

/// A small generator of random numbers; the seed is printed by whoever makes it.
pub(super) struct Random(u64);

impl Random {
    /// Seeded by `TIDEGATE_SEED` or else by `default`.
    pub(super) fn seeded(default: u64) -> Random {
        let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
        println!("TIDEGATE_SEED={seed}");
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }
}
