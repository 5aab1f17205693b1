//! What a store is told in a test, and what it adds up to.

use crate::support::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::store::{Disk, Opened, Relation, Source, Store, StoreError};
use tidegate::timeline::{Batch, Partial, RelationId, Rereads, Resume, SourceId, Tick, Upsert, UpsertKind};
use tidegate::value::{Datum, Diff, RelationName, Row, Time};

const KEYED: RelationId = RelationId(4);
const PLAIN: RelationId = RelationId(9);
/// Frontiers begin here; snapshots lie below.
const BEGIN: Time = 1_000_000;

/// One source, of a table with a key and one without.
pub(super) fn sources(definition: &str) -> Vec<Source> {
    let relation = |id, name: &str, key| Relation {
        id,
        name: RelationName::public(name),
        key,
        columns: vec![definition.to_string(), "id".to_string()],
        made_of: Vec::new(),
        history: 0,
        expiry: None,
    };
    let relations = vec![relation(KEYED, "keyed", Some(vec![1])), relation(PLAIN, "plain", None)];
    vec![Source { id: SourceId(0), name: "shop".into(), keeps_times: false, rereads: Rereads::Whole, relations }]
}

/// What the two tables hold, the frontier and the position that go with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    keyed: BTreeMap<Row, Row>,
    plain: BTreeMap<Row, Diff>,
    /// The same without what no frontier has passed: within a transaction in pieces.
    passed: Option<(BTreeMap<Row, Row>, BTreeMap<Row, Diff>)>,
    pub(super) frontier: Time,
    position: Option<String>,
}

impl PartialEq for Content {
    fn eq(&self, other: &Content) -> bool {
        let all = |content: &Content| (content.frontier, content.position.clone());
        (&self.keyed, &self.plain) == (&other.keyed, &other.plain)
            && self.passed() == other.passed()
            && all(self) == all(other)
    }
}

impl Content {
    /// What frontiers have passed.
    fn passed(&self) -> (&BTreeMap<Row, Row>, &BTreeMap<Row, Diff>) {
        self.passed.as_ref().map_or((&self.keyed, &self.plain), |(keyed, plain)| (keyed, plain))
    }

    /// Takes a tick in, as a dataflow does.
    pub(super) fn take(&mut self, tick: Tick) {
        self.passed = match (tick.piece, self.passed.take()) {
            (true, None) => Some((self.keyed.clone(), self.plain.clone())),
            (true, passed) => passed,
            (false, _) => None,
        };
        for (relation, batch) in tick.batches {
            match batch {
                Batch::Upserts(writes) => {
                    assert_eq!(relation, KEYED);
                    writes.into_iter().for_each(|write| self.write(write));
                }
                Batch::Rows(rows) => {
                    assert_eq!(relation, PLAIN);
                    for (row, _, diff) in rows {
                        *self.plain.entry(row).or_default() += diff;
                    }
                    self.plain.retain(|_, count| *count != 0);
                }
            }
        }
        if let Some(frontier) = tick.frontier.filter(|_| !tick.snapshot) {
            assert!(frontier >= self.frontier, "frontiers do not go back");
            self.frontier = frontier;
        }
        self.position = tick.positions.into_iter().next_back().map(|(_, position)| position).or(self.position.take());
    }

    fn write(&mut self, Upsert { key, kind, .. }: Upsert) {
        match kind {
            UpsertKind::Put(row) => drop(self.keyed.insert(key, row)),
            UpsertKind::Delete => drop(self.keyed.remove(&key)),
            UpsertKind::Truncate => self.keyed.clear(),
            UpsertKind::PutPartial(partial) => {
                let old = self.keyed[partial.old_key.as_ref().unwrap_or(&key)].clone();
                self.keyed.insert(key, partial.complete(&old));
            }
        }
    }
}

fn key(id: i64) -> Row {
    Row::pack(&[Datum::Int8(id)])
}

/// The key is the second column.
fn row(id: i64, name: &Datum, note: &Datum) -> Row {
    Row::pack(&[name.clone(), Datum::Int8(id), note.clone()])
}

/// Draws ticks that fit what came before.
pub(super) struct Writer {
    pub(super) content: Content,
    sequence: u64,
    ticks: u64,
}

impl Writer {
    pub(super) fn new(content: Content) -> Writer {
        Writer { content, sequence: 0, ticks: 0 }
    }

    /// The snapshot's ticks, of which the last is the first real one.
    pub(super) fn snapshot(&mut self, random: &mut Random) -> Vec<Tick> {
        let mut ticks = Vec::new();
        for time in 0..2 {
            let puts = (0..20).map(|id| (id + 20 * time as i64, random.below(9))).collect::<Vec<_>>();
            let puts = puts.into_iter().map(|(id, name)| self.put(time, id, name as i64)).collect();
            let tick = Tick::new(SourceId(0), vec![(KEYED, Batch::Upserts(puts))], Some(time + 1));
            ticks.push(Tick { snapshot: true, ..tick });
        }
        let mut tick = Tick::new(SourceId(0), Vec::new(), Some(BEGIN));
        tick.positions.push(("wal".into(), "begin".into()));
        ticks.push(tick);
        ticks
    }

    fn put(&mut self, time: Time, id: i64, name: i64) -> Upsert {
        let row = row(id, &Datum::Int8(name), &Datum::text("x".repeat(name as usize * 9)));
        self.upsert(time, id, UpsertKind::Put(row))
    }

    fn upsert(&mut self, time: Time, id: i64, kind: UpsertKind) -> Upsert {
        self.sequence += 1;
        Upsert { key: key(id), time, sequence: self.sequence, kind }
    }

    /// A tick of some changes.
    pub(super) fn tick(&mut self, random: &mut Random) -> Tick {
        self.ticks += 1;
        let before = self.content.frontier.max(BEGIN);
        let is_open = self.content.passed.is_some();
        let piece = random.chance(if is_open { 60 } else { 15 });
        let from = if piece && !is_open { before + random.below(100) } else { before };
        let frontier = match (piece, is_open) {
            (true, _) => from,
            (false, true) => from + 1,
            (false, false) => from + 1 + random.below(100),
        };
        let mut after = self.content.clone();
        let (mut writes, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..random.below(6) {
            let time = writes.last().map_or(from, |write: &Upsert| write.time);
            for write in self.write(random, time, &after) {
                after.write(write.clone());
                writes.push(write);
            }
        }
        for _ in 0..random.below(3) {
            let row = key(random.below(4) as i64);
            let held = after.plain.get(&row).copied().unwrap_or(0);
            let diff = if held > 0 && random.chance(50) { -1 } else { 1 };
            *after.plain.entry(row.clone()).or_default() += diff;
            rows.push((row, from, diff));
        }
        let mut batches = Vec::new();
        batches.extend((!writes.is_empty()).then_some((KEYED, Batch::Upserts(writes))));
        batches.extend((!rows.is_empty()).then_some((PLAIN, Batch::Rows(rows))));
        let mut tick = Tick { piece, ..Tick::new(SourceId(0), batches, Some(frontier)) };
        tick.positions.push(("wal".into(), format!("{frontier}")));
        tick
    }

    /// One change of the keyed table; a row that moves is two writes.
    fn write(&mut self, random: &mut Random, time: Time, content: &Content) -> Vec<Upsert> {
        let id = random.below(50) as i64;
        let there = content.keyed.contains_key(&key(id));
        let partial = |id, old_key| {
            let row = row(id, &Datum::Int8(77), &Datum::Null);
            UpsertKind::PutPartial(Box::new(Partial { row, absent: [2].into(), old_key }))
        };
        match random.below(20) {
            0 if random.chance(20) => {
                vec![self.upsert(time, 0, UpsertKind::Truncate)].into_iter().map(no_key).collect()
            }
            1..=4 if there => vec![self.upsert(time, id, UpsertKind::Delete)],
            5..=8 if there => vec![self.upsert(time, id, partial(id, None))],
            9..=12 if there => {
                let to = 50 + random.below(10) as i64;
                vec![self.upsert(time, to, partial(to, Some(key(id)))), self.upsert(time, id, UpsertKind::Delete)]
            }
            _ => vec![self.put(time, id, random.below(9) as i64)],
        }
    }
}

fn no_key(write: Upsert) -> Upsert {
    Upsert { key: Row::default(), ..write }
}

/// Opens a store, and reads what it holds; nothing of it if the source must begin anew.
pub(super) fn open(disk: Arc<dyn Disk>, definition: &str) -> Result<(Store, Option<Content>), StoreError> {
    let Opened { store, resumes, .. } = Store::open_on(disk, &sources(definition))?;
    let Some(Resume { frontier, positions }) = resumes.get(&SourceId(0)) else { return Ok((store, None)) };
    // Told as it was appended, or as content up to the middle or the end: the same comes of it.
    let mut told = Vec::new();
    for below in [0, frontier.midpoint(BEGIN), *frontier] {
        let mut content = Content::default();
        store.replay(&[(SourceId(0), below)].into(), &mut |tick| {
            content.take(tick);
            Ok(())
        })?;
        told.push(content);
    }
    assert!(told.iter().all(|content| *content == told[0]), "{told:?}");
    let mut content = told.swap_remove(0);
    assert_eq!(content.frontier, *frontier);
    content.position = positions.get("wal").cloned();
    Ok((store, Some(content)))
}
