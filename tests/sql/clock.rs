//! Rows that come and go because time passes, in the running program on a real server.

use crate::support::feed::Feed;
use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use crate::support::random::{Random, setting};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::dataflow::{InputRelation, Program as Views, Settings, evaluate};
use tidegate::plan::rewrite;
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Column, Datum, Diff, RelationName, Row, Schema, Time, Type};

const CONFIG: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["events"]
create = true

[sinks.recent]
type = "jsonl"
view = "recent"
path = "recent.jsonl"
"#;

/// Every row is told when it comes and when it goes, at exactly these times, though nobody touches the table.
#[test]
fn a_row_goes_when_its_time_has_come() {
    let database = Postgres::shared().create_database();
    database.execute(
        "CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz NOT NULL);
         INSERT INTO events VALUES (1, now() - interval '1 day'), (2, now()), (3, 'infinity')",
    );
    let views = "CREATE VIEW recent AS SELECT id, at FROM events WHERE at > now() - interval '2 seconds'";
    let set = ViewSet::new(CONFIG, views);
    let mut program = set.start(&["run"], &database.url);
    let path = set.path().join("recent.jsonl");
    wait(&mut program, &path, |feed| !feed.frontiers.is_empty());
    database.execute("INSERT INTO events VALUES (4, clock_timestamp())");
    let goes = |feed: &Feed| feed.changes.iter().any(|(_, row, diff)| *diff < 0 && row.ends_with("\"id\": 4}"));
    let feed = wait(&mut program, &path, goes);
    program.terminate();

    let ends = "SELECT id::text, (extract(epoch FROM at) * 1000000)::bigint + 2000000 FROM events WHERE isfinite(at)";
    for row in database.query_text(ends) {
        let [Some(id), Some(end)] = row.as_slice() else { panic!("two values") };
        let end: u64 = end.parse().expect("a number");
        let of_row = |row: &str| row.ends_with(&format!("\"id\": {id}}}"));
        let changes: Vec<_> = feed.changes.iter().filter(|(_, row, _)| of_row(row)).collect();
        match id.as_str() {
            "1" => assert!(changes.is_empty(), "its time was over: {changes:?}"),
            // It may have gone before anything was told.
            "2" if changes.is_empty() => {}
            _ => {
                let told: Vec<i64> = changes.iter().map(|(.., diff)| *diff).collect();
                assert_eq!(told, [1, -1], "row {id}: {changes:?}");
                assert_eq!(changes[1].0, end, "row {id} went at another time");
            }
        }
    }
    let left: Vec<String> = feed.at(None).into_keys().collect();
    assert!(left.len() == 1 && left[0].contains("infinity"), "{left:?}");
}

/// What the sink wrote, once it has written enough.
fn wait(program: &mut Program, path: &Path, enough: impl Fn(&Feed) -> bool) -> Feed {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        program.must_run();
        let feed = Feed::read(path);
        if enough(&feed) {
            return feed;
        }
        assert!(Instant::now() < deadline, "nothing came: {feed:?}\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A row: its number, when it comes and when it goes by the clock, and the times at which it is put in and taken out.
#[derive(Clone, Copy, Debug)]
struct Life {
    id: i64,
    from: Time,
    until: Time,
    put: Time,
    taken: Option<Time>,
}

/// At every frontier told, and when the inputs have ended, the rows are those of the definition: however the changes came, and with
/// any number of workers.
#[test]
fn what_is_there_follows_from_the_data_and_its_times() {
    let seed = setting("TIDEGATE_TEST_SEED", 1);
    println!("TIDEGATE_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    for run in 0..40 {
        let lives = (0..30).map(|id| {
            let put = 1 + random.below(100);
            let (from, until) = (random.below(130), random.below(160));
            let taken = (random.below(3) == 0).then(|| put + random.below(60));
            Life { id, from, until, put, taken }
        });
        let lives: Vec<Life> = lives.collect();
        for workers in [1, 2] {
            // The last frontier is part of the data; those before it are not.
            let mut frontiers: Vec<Time> = (0..random.below(8)).map(|_| 1 + random.below(120)).chain([120]).collect();
            frontiers.sort_unstable();
            frontiers.dedup();
            check(&lives, &frontiers, workers, &format!("run {run}, {workers} workers"));
        }
    }
}

fn check(lives: &[Life], frontiers: &[Time], workers: usize, case: &str) {
    let columns = ["id", "since", "ends"].into_iter().zip([Type::Int8, Type::Timestamptz, Type::Timestamptz]);
    let columns = columns.map(|(name, ty)| Column::new(name, ty, false)).collect();
    let schema = Arc::new(Schema::table(columns, None));
    let mut catalog = Catalog::new();
    catalog.insert(RelationName::public("t"), schema.clone());
    let text = "CREATE VIEW v AS SELECT id FROM t WHERE now() >= since AND ends > now()";
    let mut views = compile(&[SqlFile { path: "v.sql".into(), text: text.into() }], &catalog).expect("our own SQL");
    rewrite::optimize(&mut views);
    let (source, id) = (SourceId(0), RelationId(0));
    let input = InputRelation { id, source, name: RelationName::public("t"), schema, upserts: false };
    let program = Views { sources: vec![source], inputs: vec![input], views, ..Views::default() };

    let row = |life: &Life| {
        let instant = |time: Time| Datum::Timestamptz(time as i64 - EPOCH_MICROS);
        Row::pack(&[Datum::Int8(life.id), instant(life.from), instant(life.until)])
    };
    let put = lives.iter().map(|life| (row(life), life.put, 1));
    let taken = lives.iter().filter_map(|life| Some((row(life), life.taken?, -1)));
    let mut left: Vec<(Row, Time, Diff)> = put.chain(taken).collect();
    let ends = frontiers.iter().map(|frontier| Some(*frontier)).chain([None]);
    let ticks = ends.map(|frontier| {
        let (rows, later) = left.drain(..).partition(|(_, time, _)| frontier.is_none_or(|frontier| *time < frontier));
        left = later;
        Tick::new(source, vec![(id, Batch::Rows(rows))], frontier)
    });
    let ticks: Vec<Tick> = ticks.collect();

    let view = RelationName::public("v");
    let settings = Settings { workers, refresh_us: 0, ..Settings::default() };
    let steps = evaluate(settings, program, std::slice::from_ref(&view), ticks).expect("our own program");
    let mut shown: BTreeMap<i64, Diff> = BTreeMap::new();
    for step in &steps[&view] {
        for (row, _, diff) in &step.changes {
            let Datum::Int8(id) = row.column(0) else { panic!("a number") };
            *shown.entry(id).or_default() += diff;
        }
        shown.retain(|_, count| *count != 0);
        let expected: Vec<i64> =
            lives.iter().filter(|life| is_there(life, step.frontier)).map(|life| life.id).collect();
        let ids: Vec<i64> = shown.keys().copied().collect();
        assert!(shown.values().all(|count| *count == 1), "{case}: {shown:?}");
        assert_eq!(ids, expected, "{case}, at {:?} of {frontiers:?}", step.frontier);
    }
}

/// Whether a row is shown at a frontier. At the end the clock stands just before the last one, 120, but every change has been made.
fn is_there(life: &Life, frontier: Option<Time>) -> bool {
    let made = |time: Time| frontier.is_none_or(|frontier| time < frontier);
    let clock = frontier.unwrap_or(120) - 1;
    made(life.put) && !life.taken.is_some_and(made) && life.from <= clock && clock < life.until
}
