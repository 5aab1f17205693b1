//! Rows that come and go because time passes, in the running program on a real server.

use crate::support::feed::Feed;
use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use std::path::Path;
use std::time::{Duration, Instant};

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
