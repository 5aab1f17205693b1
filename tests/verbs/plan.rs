//! `tidegate plan`: what it says is what the next start does, and it changes nothing.

use super::{ask, ask_json};
use crate::support::postgres::{Database, Postgres};
use crate::support::program::ViewSet;
use crate::support::redis::RedisServer;
use crate::support::search::{Product, SearchServer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tidegate::engine::{Difference, Outcome, ViewIs};
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

const SHOP: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["t"]
create = true
"#;

fn config(redis: &str, search: &str) -> String {
    format!(
        r#"{SHOP}
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

[sinks.found]
type = "opensearch"
view = "v"
url = "{search}"

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
fn shown(
    set: &ViewSet,
    database: &Database,
    redis: &RedisServer,
    found: &SearchServer,
) -> BTreeMap<&'static str, Rows> {
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
        ("found", visible(found)),
        ("lines", lines),
    ])
}

/// What a search finds in view `v`, by id.
fn visible(server: &SearchServer) -> Rows {
    let state = server.state();
    let index = state.cluster.one("v").expect("an index");
    index.visible.iter().map(|(id, (_, row))| (id.clone(), row.clone())).collect()
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
    let search = SearchServer::start(Product::OpenSearch);
    database.execute(TABLES);
    let url = &database.url;
    let set = ViewSet::new(&config(&redis.url(), &search.url()), BEFORE);
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
    let before = shown(&set, &database, &redis, &search);
    let second = plan();
    assert_eq!(shown(&set, &database, &redis, &search), before);
    let said = planned(&second);
    assert_eq!(said["still"].0, "unchanged");
    run();
    let after = shown(&set, &database, &redis, &search);
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
    set.write(
        "tidegate.toml",
        &config(&redis.url(), &search.url()).replace("\n[settings]", &format!("{more}\n[settings]")),
    );
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
    let (mut program, before) = (set.start(&["run"], url), shown(&set, &database, &redis, &search));
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
    assert_eq!(shown(&set, &database, &redis, &search), before);
    program.terminate();

    // A sink that is gone since the last run leaves its target as it is.
    set.write("tidegate.toml", &config(&redis.url(), &search.url()));
    set.write("views.sql", BEFORE);
    let (_, said) = ask(&set, url, &["plan"], &[]);
    assert!(said.contains("sink `more` (view few): gone, its target stays as it is"), "{said}");
    let gone = ask_json(&set, url, &["plan"]).expect("an answer")["gone"].clone();
    assert_eq!(gone, serde_json::json!([{"name": "more", "view": "few"}]));

    // A target out of reach hides no other; views that do not compile are told.
    drop(redis);
    let (code, said) = ask(&set, url, &["plan"], &[]);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("sink `cache`") && said.contains("cannot be looked at"), "{said}");
    assert!(said.contains("sink `table` (view v, unchanged): unchanged, goes on"), "{said}");
    set.write("views.sql", "CREATE VIEW v AS SELECT nothing FROM t;");
    assert_eq!(ask(&set, url, &["plan"], &[]).0, 78);
}

/// Without its database, with a stream beside a table, and with indexes that are swapped: what readers see is compared with what they
/// will see.
#[test]
fn streams_and_indexes_that_are_swapped_are_planned_offline() {
    const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";
    const VIEWS: &str = "
CREATE VIEW v AS SELECT t.id, t.n, c.clicks FROM t JOIN clicked c ON c.page = t.id;
CREATE VIEW clicked AS SELECT page, count(*) AS clicks FROM click GROUP BY page;
";
    let (search, database) = (SearchServer::start(Product::Elasticsearch), Postgres::shared().create_database());
    database.execute(TABLES);
    let config = format!(
        r#"{SHOP}
[sources.web]
type = "jsonl"
path = "clicks.jsonl"
follow = true
relation = "click"
schema = {{ page = "bigint not null" }}

[sinks.search]
type = "tantivy"
view = "v"
path = "index"
deploy = "swap"
commit_interval = "10ms"

[sinks.found]
type = "opensearch"
view = "v"
url = "{}"
deploy = "swap"
commit_interval = "10ms"

[settings]
store = "state"
"#,
        search.url()
    );
    let set = ViewSet::new(&config, VIEWS);
    let clicks: String = (0..150).map(|n| format!("{{\"page\": {}}}\n", n * n % 37)).collect();
    set.write("clicks.jsonl", &clicks);
    let shown = || -> [Rows; 2] {
        let searched = Search::open(&set.path().join("index")).ok().and_then(|search| search.content().ok());
        let is_there = search.state().cluster.one("v").is_some();
        let found = if is_there { visible(&search) } else { Rows::new() };
        [searched.map(|(rows, _)| rows.into_iter().collect()).unwrap_or_default(), found]
    };
    // A run until both show what is expected of the rows, then an orderly end.
    let run = |expected: &dyn Fn(&Rows) -> bool| {
        let mut program = set.start(&["run"], &database.url);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !shown().iter().all(expected) {
            program.must_run();
            assert!(Instant::now() < deadline, "{:?}\n{}", shown(), program.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
        program.terminate();
    };
    let pages = (0..150).map(|n| n * n % 37).collect::<std::collections::BTreeSet<u64>>().len();
    let count = |rows: &Rows| {
        let clicks = |row: &String| serde_json::from_str::<Value>(row).expect("JSON")["clicks"].as_u64();
        rows.values().filter_map(clicks).sum::<u64>()
    };
    run(&|rows| rows.len() == pages && count(rows) == 150);
    let (code, _, errors) = set.run(&["schema", "pull"], &database.url);
    assert_eq!(code, 0, "{errors}");
    let plan = || {
        let (code, said) = ask(&set, NOWHERE, &["plan", "--offline"], &["--format", "json"]);
        assert_eq!(code, 0, "{said}");
        serde_json::from_str::<Value>(&said).expect("JSON")
    };
    let before = shown();
    assert!(planned(&plan()).values().all(|(state, _)| state == "unchanged"), "{}", plan());

    set.write(
        "views.sql",
        &VIEWS
            .replace("t.n, c.clicks FROM", "t.n, c.clicks + t.n % 2 AS clicks FROM")
            .replace("= t.id;", "= t.id AND t.id <> 0;"),
    );
    let said = planned(&plan());
    assert_eq!(shown(), before);
    run(&|rows| rows.len() == pages - 1);
    for (sink, (before, after)) in ["search", "found"].iter().zip(before.iter().zip(shown())) {
        let counts = difference(before, &after);
        assert!(counts[1] > 0 && counts[2] == 1, "{counts:?}");
        assert_eq!(said[*sink], ("compared".to_owned(), counts), "{sink}");
    }
    assert!(planned(&plan()).values().all(|(state, _)| state == "unchanged"), "{}", plan());
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Doubled {
    id: i64,
    twice: i64,
}

/// A view in Rust is another when its version is.
#[test]
fn views_in_rust_are_planned() {
    let config = r#"
[sources.numbers]
type = "jsonl"
path = "numbers.jsonl"
schema = { id = "bigint not null" }

[sinks.lines]
type = "jsonl"
view = "doubled"
path = "lines.jsonl"

[settings]
store = "state"
"#;
    let set = ViewSet::new(config, "");
    set.write("numbers.jsonl", "{\"id\": 1}\n{\"id\": 2}\n{\"id\": 3}\n");
    let view_set = |version: u64, factor: i64| {
        let set = tidegate::ViewSet::from_dir(set.path()).expect("a view set");
        set.view::<Doubled>("doubled", version, &[], move |inputs| {
            let numbers: tidegate::Collection<'_, Number> = inputs.get("numbers");
            numbers.map(move |number| Doubled { id: number.id, twice: factor * (number.id - 1) })
        })
    };
    let plan = |version, factor| {
        let preview = view_set(version, factor).plan().expect("it compiles").preview().expect("a store that is whole");
        let sink = preview.sinks.into_iter().next().expect("a sink");
        match sink.outcome {
            Outcome::Compared(_, Difference { added, deleted, .. }) => {
                (sink.view_is, Some((added.count, deleted.count)))
            }
            Outcome::GoesOn => (sink.view_is, None),
            other => panic!("{other:?}"),
        }
    };
    view_set(1, 2).start_once().and_then(|running| running.wait()).expect("nothing fails");
    // All inputs have ended, which nothing follows: the target is compared, and is what it should be.
    assert_eq!(plan(1, 2), (Some(ViewIs::Unchanged), Some((0, 0))));
    assert_eq!(plan(2, 3), (Some(ViewIs::Changed), Some((2, 2))));
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Number {
    id: i64,
}
