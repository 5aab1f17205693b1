//! A store of streams: events that come before their time, what a view made of them, and events of which nobody has any use any more.
//!
//! A source tells events above its frontier; a view counts them and is kept whenever a frontier was told. However the store merges and
//! is opened again, every event that somebody may need is told once, at its own time or among the content below a frontier, and what
//! the view is said to have made fits the time up to which it is said.

use super::disk::Memory;
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::store::{Expiry, Opened, Relation, Source, Store};
use tidegate::timeline::{Batch, RelationId, Rereads, SourceId, Tick};
use tidegate::value::{Datum, RelationName, Row, Time};

const EVENTS: (SourceId, RelationId) = (SourceId(0), RelationId(0));
const COUNTS: (SourceId, RelationId) = (SourceId(1), RelationId(1));
/// Timestamps count from 2000.
const EPOCH: i64 = 946_684_800_000_000;
const BEGIN: Time = EPOCH as Time + 1_000_000;
/// Nobody needs an event so long after its time.
const AFTER: Time = 500;

/// Whether the view needs the times of events, whether events expire, and how long the store tells again what is merged.
#[derive(Clone, Copy, Debug)]
struct Kind {
    keeps_times: bool,
    expires: bool,
    history: Time,
}

fn sources(kind: Kind) -> Vec<Source> {
    let relation = |(_, id), name: &str, made_of| Relation {
        id,
        name: RelationName::public(name),
        key: None,
        columns: vec!["d".to_string()],
        made_of,
        history: 0,
        expiry: None,
    };
    let expiry = kind.expires.then(|| vec![Expiry { column: 1, after: AFTER as i64, session: None }]);
    let events = Relation { expiry, history: kind.history, ..relation(EVENTS, "events", Vec::new()) };
    let counts = relation(COUNTS, "counts", vec![EVENTS.1]);
    let source = |(id, _): (SourceId, _), name: &str, keeps_times, relation| Source {
        id,
        name: name.into(),
        keeps_times,
        rereads: Rereads::Whole,
        relations: vec![relation],
    };
    vec![source(EVENTS, "events", kind.keeps_times, events), source(COUNTS, "counts", false, counts)]
}

fn event(id: i64, time: Time) -> Row {
    Row::pack(&[Datum::Int8(id), Datum::Timestamptz(time as i64 - EPOCH)])
}

fn count(events: usize) -> Row {
    Row::pack(&[Datum::Int8(events as i64)])
}

/// Everything that was appended.
#[derive(Default)]
struct Written {
    events: Vec<Time>,
    frontier: Time,
    counted: Time,
}

impl Written {
    fn before(&self, time: Time) -> usize {
        self.events.iter().filter(|at| **at < time).count()
    }

    /// Some events, of which some come early, and a later frontier.
    fn events(&mut self, random: &mut Random) -> Tick {
        let from = self.frontier.max(BEGIN);
        self.frontier = from + random.below(60);
        let mut rows = Vec::new();
        for _ in 0..random.below(6) {
            let time = from + random.below(200);
            rows.push((event(self.events.len() as i64, time), time, 1));
            self.events.push(time);
        }
        Tick::new(EVENTS.0, vec![(EVENTS.1, Batch::Rows(rows))], Some(self.frontier))
    }

    /// What the view has made since it was kept last.
    fn counts(&mut self) -> Tick {
        let (was, is) = (self.before(self.counted), self.before(self.frontier));
        let mut rows = vec![(count(is), self.frontier - 1, 1)];
        rows.extend((self.counted > 0).then(|| (count(was), self.frontier - 1, -1)));
        self.counted = self.frontier;
        Tick::new(COUNTS.0, vec![(COUNTS.1, Batch::Rows(rows))], Some(self.frontier))
    }

    /// What the store tells must be what was written.
    fn check(&self, kind: Kind, disk: &Memory) {
        let Opened { store, resumes, .. } = Store::open_on(Arc::new(disk.clone()), &sources(kind)).expect("it opens");
        let reached = |source| resumes.get(&source).map_or(0, |resume| resume.frontier);
        assert_eq!((reached(EVENTS.0), reached(COUNTS.0)), (self.frontier, self.counted));
        let merged = store.merged();
        let cut = |source| merged.get(&source).copied().unwrap_or(0);
        let cut = (cut(EVENTS.0), cut(COUNTS.0));
        assert_eq!(cut.0, cut.1, "a view and its inputs are merged up to one time");
        for below in [0, self.frontier.midpoint(BEGIN), self.frontier] {
            let mut found = Found::default();
            let replayed = store.replay(&[EVENTS.0, COUNTS.0].map(|id| (id, below)).into(), &mut |tick| {
                found.take(tick);
                Ok(())
            });
            replayed.expect("it can be read");
            assert_eq!(found.frontier, self.frontier);
            assert!(found.ended, "what views made ends");
            let counted = found.counts.iter().filter(|(_, count)| **count != 0).map(|(row, _)| row.clone());
            let expected: Vec<Row> = (cut.1 > 0).then(|| count(self.before(cut.1))).into_iter().collect();
            assert_eq!(counted.collect::<Vec<_>>(), expected, "made up to {}", cut.1);
            for (id, time) in self.events.iter().enumerate() {
                let told = found.events.get(&event(id as i64, *time)).map(Vec::as_slice).unwrap_or_default();
                let merged = cut.0.saturating_sub(kind.history);
                let content = if kind.keeps_times { merged } else { below.max(merged) };
                match told {
                    [] => assert!(kind.expires && *time + AFTER <= cut.0, "event {id} at {time} is not told"),
                    [None] => assert!(*time < content, "event {id} at {time} is content below {content}"),
                    [Some(at)] => assert!(at == time && *time >= merged, "event {id} at {time} is told at {at}"),
                    told => panic!("event {id} is told more than once: {told:?}"),
                }
            }
        }
        store.close().expect("closed");
    }
}

/// What a store has told.
#[derive(Default)]
struct Found {
    /// Each with its times, or none if it is content.
    events: BTreeMap<Row, Vec<Option<Time>>>,
    counts: BTreeMap<Row, i64>,
    frontier: Time,
    ended: bool,
}

impl Found {
    fn take(&mut self, tick: Tick) {
        let snapshot = tick.snapshot;
        for (relation, batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("rows come as such") };
            for (row, time, diff) in rows {
                assert!(snapshot || time >= self.frontier, "{time} lies below {}", self.frontier);
                match relation == EVENTS.1 {
                    true => self.events.entry(row).or_default().push((!snapshot).then_some(time)),
                    false => *self.counts.entry(row).or_default() += diff,
                }
            }
        }
        match tick.frontier {
            Some(frontier) if tick.source == EVENTS.0 && !snapshot => self.frontier = frontier,
            None => self.ended = tick.source == COUNTS.0,
            Some(_) => {}
        }
    }
}

#[test]
fn every_event_is_told_once_and_what_was_made_fits() {
    let seed = seed(3);
    for world in 0..setting("TIDEGATE_TEST_WORLDS", 3) * 20 {
        let mut random = Random::new(seed + world);
        let (keeps_times, expires) = (random.chance(50), random.chance(50));
        let kind = Kind { keeps_times, expires, history: if keeps_times { random.below(3) * 40 } else { 0 } };
        let (disk, mut written) = (Memory::default(), Written::default());
        let mut merged = false;
        for _ in 0..6 {
            let Opened { store, .. } = Store::open_on(Arc::new(disk.clone()), &sources(kind)).expect("it opens");
            for _ in 0..random.below(40) {
                store.append(&written.events(&mut random)).expect("appended");
                if random.chance(30) && written.frontier > written.counted {
                    store.append(&written.counts()).expect("appended");
                }
                if random.chance(10) {
                    let below = written.frontier.saturating_sub(random.below(300));
                    while store.compact(below, 1 + random.below(500)).expect("merged") {}
                    merged |= !store.merged().is_empty();
                }
            }
            if random.chance(50) {
                store.close().expect("closed");
            }
            if written.counted > 0 {
                written.check(kind, &disk);
            }
        }
        assert!(merged, "nothing was merged in world {world}: {kind:?}");
    }
}
