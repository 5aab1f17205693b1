//! `tidegate doctor`: each thing that goes wrong has its line, and nothing is changed by looking.

use super::{CONFIG, TABLES, VIEWS, ask, ask_json};
use crate::support::postgres::{Options, Postgres, USER};
use crate::support::program::{Program, ViewSet};
use crate::support::redis::RedisServer;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What is found, `level about: sentence`, and whether all is well.
fn examine(set: &ViewSet, url: &str) -> (i32, Vec<String>) {
    let (code, _) = ask(set, url, &["doctor"], &[]);
    let found = ask_json(set, url, &["doctor"]).expect("findings");
    assert_eq!(found["ok"] == true, code == 0, "{found:#}");
    let text = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
    let line = |f: &Value| format!("{} {}: {}", text(f, "level"), text(f, "about"), text(f, "sentence"));
    (code, found["findings"].as_array().expect("a list").iter().map(line).collect())
}

/// Each of these begins and goes on like a line.
fn assert_found(found: &[String], expected: &[(&str, &str)]) {
    for (begin, words) in expected {
        let mut lines = found.iter().filter(|line| line.starts_with(begin));
        assert!(lines.any(|line| line.contains(words)), "no \"{begin} … {words}\" in\n{}", found.join("\n"));
    }
}

fn errors(found: &[String]) -> Vec<&String> {
    found.iter().filter(|line| line.starts_with("error")).collect()
}

/// Runs it until its sink has got something.
fn run_once(set: &ViewSet, url: &str) {
    let mut program: Program = set.start(&["run"], url);
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask_json(set, url, &["status"]).is_none_or(|status| status["sinks"][0]["acknowledged_us"].is_null()) {
        program.must_run();
        assert!(Instant::now() < deadline, "{}", program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
}

fn slot_is_idle(database: &crate::support::postgres::Database) {
    let active = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND active";
    let deadline = Instant::now() + Duration::from_secs(60);
    while database.value(active) != "0" {
        assert!(Instant::now() < deadline, "the slot is still read");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_well_and_what_becomes_of_the_slot() {
    let (database, redis) = (Postgres::shared().create_database(), RedisServer::start());
    database.execute(TABLES);
    let more = format!(
        "
[sinks.cache]
type = \"redis\"
view = \"v\"
url = \"{}\"

[sinks.table]
type = \"postgres\"
view = \"v\"
url = {{ env = \"DATABASE_URL\" }}
table = \"copy\"

[sinks.search]
type = \"tantivy\"
view = \"v\"
path = \"index\"
",
        redis.url()
    );
    let set = ViewSet::new(&format!("{more}{CONFIG}"), VIEWS);
    let (code, found) = examine(&set, &database.url);
    assert_eq!(code, 0, "{}", found.join("\n"));
    assert_found(
        &found,
        &[
            ("ok configuration", "1 sources, 4 sinks"),
            ("ok source `shop`", "answers"),
            ("ok source `shop`", "wal_level is logical"),
            ("ok source `shop`", "table t can be read and followed"),
            ("ok source `shop`", "publication tidegate_shop is not complete yet"),
            ("ok source `shop`", "clock and this machine's agree"),
            ("ok source `shop`", "wal_sender_timeout is 1min"),
            ("warning source `shop`", "max_slot_wal_keep_size is not set"),
            ("ok source `shop`", "a connection for replication is let in"),
            ("ok source `shop`", "slot is made at the first start"),
            ("ok views", "1 views compile"),
            ("ok sink `cache`", "keeps no mark"),
            ("ok sink `table`", "keeps no mark"),
            ("ok sink `search`", "keeps no mark"),
            ("ok sink `lines`", "keeps no mark"),
            ("ok store", "can be written to"),
            ("ok store", "it is made at the first start"),
        ],
    );
    // Nothing was made by looking.
    let made = "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_class WHERE relname IN ('copy', 'tidegate_marks'))
        + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())";
    assert_eq!(database.value(made), "0");
    assert!(["state", "index", "lines.jsonl"].iter().all(|name| !set.path().join(name).exists()));

    let mut program = set.start(&["run"], &database.url);
    let deadline = Instant::now() + Duration::from_secs(60);
    let marks = |found: &[String]| found.iter().filter(|line| line.contains("keeps this store's mark")).count();
    loop {
        let (code, found) = examine(&set, &database.url);
        assert_eq!(code, 0, "{}", found.join("\n"));
        // The whole goes on undisturbed by all these looks.
        if marks(&found) == 4 {
            let held = format!("process {} has it open", program.id());
            assert_found(&found, &[("ok source", "it is being read"), ("ok store", &held), ("ok store", "are whole")]);
            break;
        }
        program.must_run();
        assert!(Instant::now() < deadline, "{}", found.join("\n"));
    }
    assert!(!program.errors().contains("WARN"), "{}", program.errors());
    program.terminate();
    slot_is_idle(&database);
    let (code, found) = examine(&set, &database.url);
    assert_eq!((code, marks(&found)), (0, 4), "{}", found.join("\n"));
    assert_found(&found, &[("ok source", "goes on where the store ends"), ("ok store", "no process has it open")]);

    database.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    );
    let (code, found) = examine(&set, &database.url);
    assert_eq!((code, errors(&found).len()), (80, 1), "{}", found.join("\n"));
    assert_found(&found, &[("error source `shop`", "is gone")]);
    let lost = format!("{more}{}", CONFIG.replace("create = true", "create = true\nslot_lost = \"snapshot\""));
    set.write("tidegate.toml", &lost);
    let (code, found) = examine(&set, &database.url);
    assert_eq!(code, 0, "{}", found.join("\n"));
    assert_found(&found, &[("warning source `shop`", "is gone")]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let database = Postgres::shared().create_database();
    database.execute(TABLES);
    database.execute(
        "CREATE TABLE keyless (id int); CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
         CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
         CREATE PUBLICATION narrow FOR TABLE t WITH (publish = 'insert');
         CREATE TABLE copy (id text);
         CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain; REVOKE SELECT ON u FROM plain",
    );
    let config = CONFIG.replace("create = true", "publication = \"narrow\"");
    let targets = "
[sinks.away]
type = \"redis\"
view = \"v\"
url = \"redis://127.0.0.1:1\"

[sinks.table]
type = \"postgres\"
view = \"v\"
url = { env = \"DATABASE_URL\" }
table = \"copy\"

[sinks.standing]
type = \"jsonl\"
view = \"w\"
path = \"views.sql/w.jsonl\"
";
    // Tables that compile, and would not run.
    let set = ViewSet::new(
        &format!("{targets}{}", config.replace("[\"t\"]", "[\"t\", \"made\"]")),
        &format!("{VIEWS} CREATE VIEW w AS SELECT twice FROM made;"),
    );
    let (code, found) = examine(&set, &database.url);
    assert_eq!(code, 80, "{}", found.join("\n"));
    assert_found(
        &found,
        &[
            ("error source `shop`", "made.twice is a generated column"),
            ("error source `shop`", "publication narrow leaves out UPDATE, DELETE, TRUNCATE"),
            ("error source `shop`", "publication narrow lacks made"),
            ("error source `shop`", "say `create = true`"),
            ("error sink `away`", "cannot connect"),
            ("error sink `table`", "does not fit the view"),
            ("error sink `standing`", "views.sql/w.jsonl: not a directory"),
            ("ok sink `lines`", ""),
        ],
    );

    // Tables that do not even compile.
    let tables = "[\"t\", \"u\", \"keyless\", \"hidden\", \"absent\"]";
    let set = ViewSet::new(&config.replace("[\"t\"]", tables), VIEWS);
    let url = database.url.replacen(USER, "plain", 1);
    let (code, found) = examine(&set, &url);
    assert_eq!(code, 80, "{}", found.join("\n"));
    assert_found(
        &found,
        &[
            ("error source `shop`", "role plain may not replicate"),
            ("error source `shop`", "there is no table absent"),
            ("error source `shop`", "no permission to read u"),
            ("error source `shop`", "keyless has no primary key"),
            ("error source `shop`", "row-level security on hidden"),
            ("error source `shop`", "leaves out UPDATE"),
            ("error views", "there is no table absent"),
        ],
    );

    // A configuration that makes no sense, and a server that is not there.
    set.write("tidegate.toml", &CONFIG.replace("tables", "tabels"));
    let (code, found) = examine(&set, &url);
    assert!(code == 80 && found.len() == errors(&found).len(), "{}", found.join("\n"));
    assert_found(&found, &[("error configuration", "unknown key `tabels`")]);
    set.write("tidegate.toml", CONFIG);
    let (code, found) = examine(&set, "postgres://nobody@127.0.0.1:1/nothing");
    assert!(code == 80 && errors(&found).len() == 1, "{}", found.join("\n"));
    assert_found(
        &found,
        &[("error source `shop`", "127.0.0.1:1/nothing is out of reach"), ("warning views", "not compiled")],
    );
    database.execute("DROP OWNED BY plain; DROP ROLE plain");
}

/// What servers are set to, and a store that is damaged.
#[test]
fn servers_and_stores_are_looked_at() {
    for programs in Postgres::installed_and_newest_programs() {
        let idle = "idle_replication_slot_timeout = '1h'";
        let is_new = !programs.starts_with("/usr/lib/postgresql/15");
        let settings =
            ["max_replication_slots = 1", "max_slot_wal_keep_size = '1GB'", "wal_sender_timeout = '2s'", idle];
        let settings = settings.map(str::to_owned).into_iter().filter(|setting| is_new || setting != idle).collect();
        let server = Postgres::start_with(Options { programs: Some(programs), settings, ..Options::default() });
        let is_new = server.version() >= 18;
        let database = server.create_database();
        database.execute(TABLES);
        let set = ViewSet::new(CONFIG, VIEWS);
        run_once(&set, &database.url);
        slot_is_idle(&database);
        // Its own slot is the only one there may be.
        run_once(&set, &database.url);
        slot_is_idle(&database);
        let (code, found) = examine(&set, &database.url);
        assert_eq!(code, 0, "{}", found.join("\n"));
        assert_found(
            &found,
            &[
                ("warning source `shop`", "wal_sender_timeout is 2s"),
                ("ok source `shop`", "the slot may hold back 1GB of WAL (max_slot_wal_keep_size); now it is"),
                ("ok source `shop`", "goes on where the store ends"),
            ],
        );
        assert_eq!(found.iter().any(|line| line.contains("idle_replication_slot_timeout is 1h")), is_new);

        let store = set.path().join("state");
        let logs = std::fs::read_dir(&store).expect("a directory").flatten().map(|file| file.path());
        let log = logs.filter(|path| path.to_string_lossy().contains("log-")).min().expect("a segment");
        let mut bytes = std::fs::read(&log).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&log, bytes).expect("writable");
        let (code, found) = examine(&set, &database.url);
        assert_eq!(code, 80, "{}", found.join("\n"));
        assert_found(&found, &[("error store", "the store is damaged: log-")]);

        // Another's slot is in the way of the first start.
        std::fs::remove_dir_all(&store).expect("our own directory");
        let (code, found) = examine(&set, &database.url);
        assert_eq!(code, 80, "{}", found.join("\n"));
        assert_found(&found, &[("error source `shop`", "no free replication slot")]);
    }
}
