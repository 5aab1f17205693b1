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

/// Builds steps and remembers them, so that it can tell what they fold to at every frontier.
pub(super) struct Model {
    rows: BTreeMap<i64, Row>,
    frontier: Time,
    told: bool,
    /// What it began with.
    begun: BTreeMap<i64, Row>,
    /// What each step wrote, with the frontier it led to.
    written: Vec<(Time, Vec<(i64, Option<Row>)>)>,
}

impl Model {
    pub(super) fn new() -> Model {
        Model::of(BTreeMap::new(), 1_000_000)
    }

    /// A model that starts later, as a new run does.
    pub(super) fn restarted(&self) -> Model {
        Model::of(self.rows.clone(), self.frontier + 1)
    }

    fn of(rows: BTreeMap<i64, Row>, frontier: Time) -> Model {
        Model { begun: rows.clone(), rows, frontier, told: false, written: Vec::new() }
    }

    /// The step in which these keys get these names; `None` deletes.
    pub(super) fn step(&mut self, writes: &[(i64, Option<&str>)]) -> Step {
        let at = self.frontier;
        self.frontier += 10_000;
        let (mut changes, mut written): (Vec<(Row, Time, Diff)>, _) = (Vec::new(), Vec::new());
        for (id, name) in writes {
            let new = name.map(|name| row(*id, name));
            let old = match &new {
                Some(new) => self.rows.insert(*id, new.clone()),
                None => self.rows.remove(id),
            };
            written.push((*id, new.clone()));
            changes.extend(old.map(|old| (old, at, -1)));
            changes.extend(new.map(|new| (new, at, 1)));
        }
        let first = !std::mem::replace(&mut self.told, true);
        if first {
            changes = self.rows.values().map(|row| (row.clone(), at, 1)).collect();
        }
        self.written.push((self.frontier, written));
        Step { changes, frontier: Some(self.frontier), first }
    }

    /// The whole content as a step: what the engine reads when a target lost it.
    pub(super) fn whole(&self) -> Step {
        let changes = self.rows.values().map(|row| (row.clone(), self.frontier - 1, 1)).collect();
        Step { changes, frontier: Some(self.frontier), first: true }
    }

    /// What a store tells again after a restart: the content at a frontier that was told, and the steps after it.
    pub(super) fn replayed(&self, from: Time) -> Vec<Step> {
        let mut rows = self.begun.clone();
        let mut steps = Vec::new();
        for (frontier, written) in &self.written {
            let mut changes = Vec::new();
            for (id, new) in written {
                let old = match new {
                    Some(new) => rows.insert(*id, new.clone()),
                    None => rows.remove(id),
                };
                changes.extend(old.map(|old| (old, frontier - 10_000, -1)));
                changes.extend(new.clone().map(|new| (new, frontier - 10_000, 1)));
            }
            if *frontier == from {
                changes = rows.values().map(|row| (row.clone(), frontier - 1, 1)).collect();
            }
            if *frontier >= from {
                steps.push(Step { changes, frontier: Some(*frontier), first: *frontier == from });
            }
        }
        steps
    }

    pub(super) fn content(&self) -> Content {
        content(&self.rows)
    }

    pub(super) fn frontier(&self) -> Time {
        self.frontier
    }

    /// The content at a frontier that was told.
    pub(super) fn at(&self, frontier: Time) -> Option<Content> {
        let last = self.written.iter().position(|(at, _)| *at == frontier)?;
        let mut rows = self.begun.clone();
        for (id, row) in self.written[..=last].iter().flat_map(|(_, written)| written) {
            match row {
                Some(row) => rows.insert(*id, row.clone()),
                None => rows.remove(id),
            };
        }
        Some(content(&rows))
    }
}

fn content(rows: &BTreeMap<i64, Row>) -> Content {
    rows.iter().map(|(id, row)| (*id, shown(row))).collect()
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
