//! Rows that a target refuses, on the stub of a search server: they are known whatever is killed when, until they are taken.

use super::contract::Running;
use super::model::{Model, row, shown};
use super::target::{SearchTarget, Target};
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed};
use crate::support::search::{Product, SearchServer};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tidegate::sink::runner::Settings;
use tidegate::sink::{Beginning, Owner, rejected};
use tidegate::value::Time;

/// Takes only names that are numbers.
const MAPPING: &str = "mapping = { properties = { name = { type = 'long' } } }\nsettings = { gc_deletes = '1s' }";

fn lines(path: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    let take = &mut |line: &str| {
        lines.push(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        Ok(())
    };
    rejected::read(path, take).expect("a whole file");
    lines
}

fn keys(path: &Path) -> Vec<i64> {
    lines(path).iter().map(|line| line["key"]["id"].as_i64().expect("a number")).collect()
}

/// A sink that goes on at its mark is told nothing of what it lacks, and knows it; where the file is gone it compares.
#[test]
fn a_target_that_is_gone_on_with_is_known_by_what_it_lacks() {
    let (target, directory) = (SearchTarget::new(), tempfile::tempdir().expect("a directory"));
    let path: PathBuf = rejected::path(directory.path(), "search");
    let start = |told_again: Time| {
        let settings = Settings {
            owner: Owner::Store("s".into()),
            beginning: Arc::new(Beginning::between(0, told_again)),
            rejected: Some(path.clone()),
            ..Settings::default()
        };
        Running::start(target.sink_with(MAPPING), settings)
    };
    let mut model = Model::new();
    let running = start(0);
    running.send(model.step(&[(1, Some("10")), (2, Some("ten")), (3, Some("30"))]));
    let since = model.frontier();
    running.wait(since);
    running.send(model.step(&[(3, Some("thirty"))]));
    running.wait(model.frontier());
    running.end().expect("nothing fails");
    let before = lines(&path);
    assert_eq!(keys(&path), [2, 3]);
    assert_eq!(
        before[1]["row"].to_string(),
        serde_json::from_str::<Value>(&shown(&row(3, "thirty"))).expect("JSON").to_string()
    );
    assert!(
        before[1]["code"] == "mapper_parsing_exception"
            && before[1]["message"].as_str().is_some_and(|m| m.contains("name"))
    );

    let again = |model: &mut Model, writes: &[(i64, Option<&str>)]| {
        let running = start(model.frontier());
        model.replayed(since).into_iter().for_each(|step| running.send(step));
        running.send(model.step(writes));
        running.wait(model.frontier());
        let count = running.progress.rejected.load(Ordering::Relaxed);
        running.end().expect("nothing fails");
        count
    };
    let written = target.written();
    assert_eq!((again(&mut model, &[(4, Some("40"))]), target.written() - written), (2, 1));
    assert_eq!(lines(&path), before);
    assert_eq!((again(&mut model, &[(2, Some("20")), (3, None), (5, Some("five"))]), keys(&path)), (1, vec![5]));
    // Without the file the mark is worth nothing.
    std::fs::remove_file(&path).expect("our own file");
    assert_eq!((again(&mut model, &[]), keys(&path)), (1, vec![5]));
    // Compared with the whole content it is taken, if it can be.
    std::fs::remove_file(&path).expect("our own file");
    target.server.state().cluster.indices.get_mut("product").expect("an index").mapping["properties"]["name"] =
        serde_json::json!({"type": "keyword"});
    let lines = MAPPING.replace("long", "keyword");
    let running =
        Running::start(target.sink_with(&lines), Settings { rejected: Some(path.clone()), ..Settings::default() });
    running.send(model.whole());
    running.wait(model.frontier());
    running.end().expect("nothing fails");
    assert_eq!(target.found(), model.content());
    assert!(!path.exists());
}

/// Killed amid deliveries, of which some rows are refused, it knows at the end which the index lacks, and nothing else.
#[test]
fn killed_at_any_moment_it_knows_what_is_refused() {
    const MOMENTS: &[&str] =
        &["opensearch.begun", "opensearch.written", "rejected.noted", "opensearch.refreshed", "opensearch.marked"];
    let mut random = Random::new(seed(41));
    let (server, database) = (SearchServer::start(Product::OpenSearch), Postgres::shared().create_database());
    database.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)");
    let config = format!(
        "[sources.items]\ntype = 'postgres'\nurl = {{ env = 'DATABASE_URL' }}\ntables = ['item']\ncreate = true\n\
         [sinks.search]\ntype = 'opensearch'\nview = 'named'\nurl = '{}'\ncommit_interval = '5ms'\n{MAPPING}\n\
         [settings]\nstore = 'state'\n",
        server.url()
    );
    let set = ViewSet::new(&config, "CREATE VIEW named AS SELECT id, name FROM item;");
    let change = |random: &mut Random| {
        let (id, number) = (random.below(30), random.below(1_000));
        let name = if random.chance(40) { format!("n{number}") } else { number.to_string() };
        let sql = match random.below(4) {
            0 => format!("DELETE FROM item WHERE id = {id}"),
            _ => {
                format!("INSERT INTO item VALUES ({id}, '{name}') ON CONFLICT (id) DO UPDATE SET name = excluded.name")
            }
        };
        database.execute(&sql);
    };
    for round in 0..2 * MOMENTS.len() as u64 {
        let moment = format!(
            "{}:{}",
            MOMENTS[round as usize % MOMENTS.len()],
            1 + round / MOMENTS.len() as u64 * random.below(8)
        );
        let mut program = set.start_until(&["run"], &database.url, &moment);
        let deadline = Instant::now() + Duration::from_secs(60);
        while program.ended().is_none() {
            change(&mut random);
            assert!(Instant::now() < deadline, "{moment} does not come\n{}", program.errors());
        }
    }
    let mut program = set.start(&["run"], &database.url);
    let expected = |refused: bool| {
        let sql = format!("SELECT to_jsonb(item)::text FROM item WHERE (name !~ '^[0-9]') = {refused} ORDER BY id");
        database.query_text(&sql).into_iter().flatten().flatten().collect::<Vec<String>>()
    };
    let (taken, refused) = (expected(false), expected(true));
    assert!(!taken.is_empty() && !refused.is_empty());
    let found = || {
        let state = server.state();
        let index = state.cluster.one("named")?;
        let mut rows: Vec<(i64, String)> =
            index.visible.iter().map(|(id, (_, row))| (id.parse().expect("a number"), row.clone())).collect();
        rows.sort();
        Some(rows.into_iter().map(|(_, row)| row).collect::<Vec<String>>())
    };
    let kept = || {
        let mut lines = lines(&rejected::path(&set.path().join("state"), "search"));
        lines.sort_by_key(|line| line["key"]["id"].as_i64());
        lines.iter().map(|line| line["row"].clone()).collect::<Vec<Value>>()
    };
    let refused: Vec<Value> = refused.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while found().as_ref() != Some(&taken) || kept() != refused {
        program.must_run();
        assert!(Instant::now() < deadline, "{:?}\n{taken:?}\n{:?}\n{refused:?}\n{}", found(), kept(), program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    let ask = |verb: &[&str]| {
        let asked = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .arg(verb[0])
            .arg(set.path())
            .args(&verb[1..])
            .env("DATABASE_URL", &database.url)
            .output()
            .expect("the program");
        (asked.status.code(), String::from_utf8_lossy(&asked.stdout).into_owned())
    };
    let (_, status) = ask(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["sinks"][0]["rejected"], refused.len(), "{status}");
    let (code, said) = ask(&["rejected", "search"]);
    assert_eq!((code, said.lines().count()), (Some(0), refused.len()), "{said}");
    assert_eq!(ask(&["rejected", "find"]).0, Some(78));
    program.terminate();
    // Those of a sink that was removed are there as well.
    set.write("tidegate.toml", &config.replace("[sinks.search]", "[sinks.other]"));
    assert_eq!((ask(&["rejected"]), ask(&["rejected", "search"])), ((Some(0), said.clone()), (Some(0), said)));
    set.write("tidegate.toml", &config);
    // What it knows it knows at the next start, before anything is told.
    let program = set.start(&["run"], &database.url);
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused_rows = format!("{} rows refused", refused.len());
    while !ask(&["status"]).1.contains(&refused_rows) {
        assert!(Instant::now() < deadline, "{}", program.errors());
    }
    program.terminate();
    // A plan does not promise them, unless they are tried again.
    let plan = || {
        let planned: Value = serde_json::from_str(&ask(&["plan", "--format", "json"]).1).expect("JSON");
        let sink = &planned["sinks"][0];
        let counts = [&sink["refused"], &sink["added"]["count"]].map(|count| count.as_u64().unwrap_or(0));
        (sink["state"].as_str().map(str::to_owned), counts)
    };
    let many = refused.len() as u64;
    assert_eq!(plan(), (Some("unchanged".to_owned()), [many, 0]));
    std::fs::remove_dir_all(set.path().join("state/rejected")).expect("our own directory");
    assert_eq!(plan(), (Some("compared".to_owned()), [0, many]));
}
