//! State stays where it was: a million events through windows, sessions, a join of streams and a filter by the clock, without the live
//! state growing once it has come to its level. `TIDEGATE_TEST_EVENTS` sets another number of events.

use super::content::moment;
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::dataflow::{Dataflow, InputRelation, Program, Settings};
use tidegate::plan::settle::{Given, settle};
use tidegate::plan::{Timing, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::{Column, Datum, RelationKind, RelationName, Row, Schema, Time, Type};

const VIEWS: &str = "
    CREATE VIEW minutes AS SELECT window_end, key, count(*) AS n, max(value) AS most, count(DISTINCT value) AS d
        FROM a, tumble(at, interval '1 minute') GROUP BY window_end, key;
    CREATE VIEW visits AS SELECT key, window_end, count(*) AS n FROM a, session(at, interval '5 seconds') GROUP BY key, window_end;
    CREATE VIEW pairs AS SELECT a.id, b.id AS b FROM a JOIN b
        ON a.key = b.key AND a.value = b.value AND b.at BETWEEN a.at AND a.at + interval '10 seconds';
    CREATE VIEW recent AS SELECT key, count(*) AS n FROM a WHERE at > now() - interval '30 seconds' GROUP BY key;";

/// One event of each stream every two milliseconds.
const EVERY: Time = 2_000;
const SECOND: Time = 1_000_000;
const BEGIN: Time = 60 * SECOND;

#[test]
fn live_state_stays_at_its_level() {
    let events: u64 = setting("TIDEGATE_TEST_EVENTS", 1_000_000);
    let mut random = Random::new(seed(1));
    let dataflow = started();
    let mut senders = [0, 1].map(|source| dataflow.sender(SourceId(source)));
    let per_tick = SECOND / EVERY;
    let ticks = events / 2 / per_tick;
    // The levels of the operators, each the greatest while they come to it and the greatest afterwards.
    let mut levels: BTreeMap<(String, &str), [(i64, i64); 2]> = BTreeMap::new();
    for tick in 0..ticks {
        let begin = BEGIN + tick * SECOND;
        for (source, sender) in senders.iter_mut().enumerate() {
            let rows = (0..per_tick).map(|number| event(&mut random, begin + number * EVERY));
            let batches = vec![(RelationId(source), Batch::Rows(rows.collect()))];
            let frontier = Some(begin + SECOND);
            let tick = Tick::new(SourceId(source), batches, frontier);
            sender.send(tick).expect("the dataflow runs");
        }
        reach(&dataflow, begin + SECOND);
        for stats in dataflow.held() {
            let level = &mut levels.entry((stats.relation.name, stats.operator)).or_default()[usize::from(tick >= 200)];
            *level = (level.0.max(stats.updates), level.1.max(stats.bytes));
        }
    }
    assert!(ticks >= 400, "too few events to tell");
    let mut kinds = 0;
    for ((view, operator), [before, after]) in &levels {
        println!("{view}, {operator}: {before:?} updates and bytes at most before, {after:?} after");
        let grown = |before: i64, after: i64| after > before + before / 10 + 64;
        assert!(!grown(before.0, after.0), "{operator} of {view} held {} updates at first, then {}", before.0, after.0);
        // Those of an arrangement are its vectors', of which little data has more or less to spare.
        assert!(
            before.1 == 0 || after.1 <= before.1 + before.1 / 10 + 65536,
            "{operator} of {view}: {} bytes at first, then {}",
            before.1,
            after.1
        );
        kinds += usize::from(before.0 > 0);
    }
    assert!(kinds >= 4, "not every operator was counted: {levels:?}");
}

/// Keys come in turns, so that each has pauses longer than a session's gap.
fn event(random: &mut Random, at: Time) -> (Row, Time, i64) {
    let turn = at / (20 * SECOND) % 10;
    let key = (turn * 100 + random.below(100)) as i64;
    let value = random.below(50) as i64;
    (Row::pack(&[Datum::Int8(random.next() as i64 >> 1), Datum::Int8(key), moment(at), Datum::Int8(value)]), at, 1)
}

fn started() -> Dataflow {
    let event = [("id", Type::Int8), ("key", Type::Int8), ("at", Type::Timestamptz), ("value", Type::Int8)];
    let columns = event.into_iter().map(|(name, ty)| Column::new(name, ty, false)).collect();
    let kind = RelationKind::Stream { event_time: Some(2), accept_for: 0, ends: false };
    let schema = Arc::new(Schema { columns, key: None, kind });
    let mut catalog = Catalog::new();
    ["a", "b"].into_iter().for_each(|name| catalog.insert(RelationName::public(name), schema.clone()));
    let file = SqlFile { path: "v.sql".into(), text: VIEWS.into() };
    let mut views = compile(&[file], &catalog).unwrap_or_else(|errors| panic!("{}", errors[0]));
    rewrite::optimize(&mut views);
    let settings = Settings { refresh_us: 10_000, ..Settings::default() };
    let given =
        Given { schema: &|name| catalog.get(name).cloned(), timing: &|_| Timing::default(), grid: settings.refresh_us };
    settle(&mut views, &given).unwrap_or_else(|refused| panic!("{}", refused[0]));
    let inputs = ["a", "b"].into_iter().enumerate().map(|(id, name)| InputRelation {
        id: RelationId(id),
        source: SourceId(id),
        name: RelationName::public(name),
        schema: schema.clone(),
        upserts: false,
    });
    let program =
        Program { sources: vec![SourceId(0), SourceId(1)], inputs: inputs.collect(), views, ..Program::default() };
    Dataflow::start(settings, program).expect("our own program")
}

/// Waits until every view has reached a frontier.
fn reach(dataflow: &Dataflow, frontier: Time) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while dataflow.stats().iter().any(|stats| stats.frontier.is_some_and(|reached| reached < frontier)) {
        assert!(Instant::now() < deadline, "{:?}", dataflow.failed());
        std::thread::sleep(Duration::from_micros(200));
    }
}
