//! `tidegate plan`: what it says is what the next start does, and it changes nothing.

use super::{ask, ask_json};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::ViewSet;
use crate::support::redis::RedisServer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;
use tidegate::sink::tantivy::Search;

const TABLES: &str = "
CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL, note text);
INSERT INTO t SELECT n, n % 10, 'note ' || n FROM generate_series(0, 99) n;
";

/// Of two rows with one key the least is shown by the sink that declares it.
const BEFORE: &str = "
CREATE VIEW v AS SELECT id, n FROM t WHERE id < 80;
CREATE VIEW few AS SELECT n, min(id) AS least FROM t GROUP BY n;
CREATE VIEW same AS SELECT id, n FROM t WHERE now() >= '2020-01-01';
";

fn config(redis: &str) -> String {
    format!(
        r#"
[sources.shop]
type = "postgres"
url = {{ env = "DATABASE_URL" }}
tables = ["t"]
create = true

[sinks.table]
type = "postgres"
view = "v"
url = {{ env = "DATABASE_URL" }}

[sinks.cache]
type = "redis"
view = "v"
url = "{redis}"
key = "v:{{id}}"

[sinks.hashes]
type = "redis"
view = "v"
url = "{redis}"
key = "h:{{n}}"
value = "hash"

[sinks.search]
type = "tantivy"
view = "v"
path = "index"

[sinks.lines]
type = "jsonl"
view = "v"
path = "lines.jsonl"

[sinks.still]
type = "redis"
view = "same"
url = "{redis}"
key = "same:{{id}}"

[settings]
store = "state"
on_error = "skip"
"#
    )
}

type Rows = BTreeMap<String, String>;

/// What every target of view `v` shows, by key.
fn shown(set: &ViewSet, database: &Database, redis: &RedisServer) -> BTreeMap<&'static str, Rows> {
    let by_id = |rows: Vec<String>| {
        let pair = |row: String| (serde_json::from_str::<Value>(&row).expect("JSON")["id"].to_string(), row);
        rows.into_iter().map(pair).collect::<Rows>()
    };
    let table = database.query_text("SELECT to_jsonb(v)::text FROM v").into_iter().flatten().flatten().collect();
    let mut connection = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("Redis");
    let mut keyed = |command: &str, sink: &str| -> Rows {
        let read = format!(
            "local rows = {{}} for _, key in ipairs(redis.call('SMEMBERS', 'tidegate:{sink}:keys')) do \
             rows[#rows + 1] = {{key, {command}}} end return rows"
        );
        let rows: Vec<(String, String)> =
            redis::cmd("EVAL").arg(read).arg(0).query(&mut connection).expect("Redis answers");
        rows.into_iter().collect()
    };
    let cache = keyed("redis.call('GET', key)", "cache");
    let hashes =
        keyed("(redis.call('HGET', key, 'id') or '') .. '/' .. (redis.call('HGET', key, 'n') or '')", "hashes");
    let (search, _) = Search::open(&set.path().join("index")).expect("an index").content().expect("readable");
    let mut lines: BTreeMap<String, i64> = BTreeMap::new();
    for line in std::fs::read_to_string(set.path().join("lines.jsonl")).expect("a file").lines() {
        if let Some((head, row)) = line.strip_suffix('}').and_then(|line| line.split_once(",\"row\":")) {
            let diff: i64 = head.rsplit(':').next().and_then(|diff| diff.parse().ok()).expect("a difference");
            *lines.entry(row.to_owned()).or_default() += diff;
        }
    }
    let lines = lines.into_iter().filter(|(_, count)| *count != 0).map(|(row, _)| (row.clone(), row)).collect();
    BTreeMap::from([
        ("table", by_id(table)),
        ("cache", cache),
        ("hashes", hashes),
        ("search", search.into_iter().collect()),
        ("lines", lines),
    ])
}

/// Rows added, changed and deleted.
fn difference(before: &Rows, after: &Rows) -> [u64; 3] {
    let added = after.keys().filter(|key| !before.contains_key(*key)).count();
    let changed = after.iter().filter(|(key, row)| before.get(*key).is_some_and(|before| before != *row)).count();
    let deleted = before.keys().filter(|key| !after.contains_key(*key)).count();
    [added, changed, deleted].map(|count| count as u64)
}

fn planned(plan: &Value) -> BTreeMap<String, (String, [u64; 3])> {
    let sink = |sink: &Value| {
        let count = |part: &str| sink[part]["count"].as_u64().unwrap_or(0);
        let text = |name: &str| sink[name].as_str().expect("a text").to_owned();
        (text("name"), (text("state"), [count("added"), count("changed"), count("deleted")]))
    };
    plan["sinks"].as_array().expect("sinks").iter().map(sink).collect()
}

/// The files of a directory with their times.
fn files(directory: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let file = |entry: std::fs::DirEntry| {
        let metadata = entry.metadata().expect("a file");
        (entry.file_name().to_string_lossy().into_owned(), (metadata.len(), metadata.modified().expect("a time")))
    };
    entries.map(file).collect()
}

#[test]
fn what_is_planned_is_what_the_next_start_does() {
    let (redis, database) = (RedisServer::start(), Postgres::shared().create_database());
    database.execute(TABLES);
    let url = &database.url;
    let set = ViewSet::new(&config(&redis.url()), BEFORE);
    let run = || {
        let (code, _, errors) = set.run(&["run", "--once"], url);
        assert_eq!(code, 0, "{errors}");
    };
    let plan = || {
        let (before, index) = (files(&set.path().join("state")), files(&set.path().join("index")));
        let plan = ask_json(&set, url, &["plan"]).expect("an answer");
        assert_eq!(files(&set.path().join("state")), before);
        let is_commit = |name: &String| name != ".tantivy-meta.lock";
        let now = files(&set.path().join("index"));
        assert!(now.iter().filter(|(name, _)| is_commit(name)).eq(index.iter().filter(|(name, _)| is_commit(name))));
        plan
    };
    // Before the first start there is nothing to compute from.
    let (code, said) = ask(&set, url, &["plan"], &[]);
    assert!(code == 0 && said.contains("is read anew: there is no store yet"), "{code}: {said}");
    assert!(!set.path().join("state").exists() && !set.path().join("lines.jsonl").exists());

    run();
    let first = plan();
    assert!(planned(&first).values().all(|(state, _)| state == "unchanged"), "{first}");

    // Another view, of the columns that are stored.
    set.write("views.sql", &BEFORE.replace("id, n FROM t WHERE id < 80", "id, n + id % 2 AS n FROM t WHERE id >= 20"));
    let before = shown(&set, &database, &redis);
    let second = plan();
    assert_eq!(shown(&set, &database, &redis), before);
    let said = planned(&second);
    assert_eq!(said["still"].0, "unchanged");
    run();
    let after = shown(&set, &database, &redis);
    for (sink, rows) in &before {
        let (state, counts) = &said[*sink];
        assert_eq!(state, "compared", "{sink}: {second}");
        assert_eq!(*counts, difference(rows, &after[sink]), "{sink}: {second}");
    }
    assert_eq!(said["table"].1, [20, 30, 20]);
    let table = second["sinks"].as_array().expect("sinks").iter().find(|sink| sink["name"] == "table").expect("it");
    assert_eq!(table["changed"]["samples"].as_array().map(Vec::len), Some(5));
    assert_eq!(table["changed"]["samples"][0]["before"]["id"], table["changed"]["samples"][0]["after"]["id"]);

    // A sink more: its target is not there yet. A column more: the table is read, and nothing is guessed.
    let more = "\n[sinks.more]\ntype = \"jsonl\"\nview = \"few\"\npath = \"more.jsonl\"\n";
    set.write("tidegate.toml", &config(&redis.url()).replace("\n[settings]", &format!("{more}\n[settings]")));
    assert_eq!(planned(&plan())["more"], ("new".to_owned(), [10, 0, 0]));
    set.write("views.sql", &BEFORE.replace("id, n FROM t WHERE id < 80", "id, n, note FROM t"));
    let third = plan();
    // The table would not take the view, and is the only one of which that is known.
    let said = planned(&third);
    let expected = |sink: &str| if sink == "table" { "failed" } else { "unknown" };
    assert!(said.iter().all(|(sink, (state, _))| state == expected(sink)), "{third}");
    assert!(third["sources"][0]["reads"][0].as_str().is_some_and(|why| why.contains("note")), "{third}");

    // Beside a run of the views as they were, of which the targets show what they showed; and a view of no source.
    set.write("views.sql", BEFORE);
    run();
    let (mut program, before) = (set.start(&["run"], url), shown(&set, &database, &redis));
    let changed = BEFORE.replace("id, n FROM t WHERE id < 80", "id, n FROM t WHERE id < 70");
    let beside = loop {
        program.must_run();
        let plan = ask_json(&set, url, &["plan"]).expect("an answer");
        if plan["running"].is_string() {
            break plan;
        }
    };
    assert!(planned(&beside).values().all(|(state, _)| state == "unchanged"), "{beside}");
    set.write("views.sql", &changed.replace("SELECT n, min(id) AS least FROM t GROUP BY n", "SELECT 1 AS n"));
    let beside = planned(&ask_json(&set, url, &["plan"]).expect("an answer"));
    assert_eq!(beside["table"], ("compared".to_owned(), [0, 0, 10]));
    assert_eq!(beside["more"], ("compared".to_owned(), [1, 0, 10]));
    assert_eq!(shown(&set, &database, &redis), before);
    program.terminate();

    // A target out of reach hides no other; views that do not compile are told.
    set.write("views.sql", BEFORE);
    drop(redis);
    let (code, said) = ask(&set, url, &["plan"], &[]);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("sink `cache`") && said.contains("cannot be looked at"), "{said}");
    assert!(said.contains("sink `table` (view v, unchanged): unchanged, goes on"), "{said}");
    set.write("views.sql", "CREATE VIEW v AS SELECT nothing FROM t;");
    assert_eq!(ask(&set, url, &["plan"], &[]).0, 78);
}
