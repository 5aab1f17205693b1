//! `tidegate status`: what it shows of a view set in which most things go wrong.

use super::{CONFIG, TABLES, VIEWS, ask, ask_json};
use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A source whose table goes, and a target that is not there.
const MORE: &str = r#"
[sources.other]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["u"]
create = true

[sinks.standing]
type = "jsonl"
view = "w"
path = "standing.jsonl"

[sinks.cache]
type = "redis"
view = "v"
url = "redis://127.0.0.1:1"
"#;

/// Asks until what is said is so.
fn wait(set: &ViewSet, program: &mut Program, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = ask_json(set, "", &["status"]);
        if let Some(status) = status.clone().filter(&is_so) {
            return status;
        }
        program.must_run();
        assert!(Instant::now() < deadline, "{status:#?}\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn everything_that_stands_still_says_why() {
    let database = Postgres::shared().create_database();
    database.execute(TABLES);
    let views = VIEWS.replace("SELECT id, n", "SELECT id, 10 / n AS n");
    let set = ViewSet::new(
        &format!("{MORE}{CONFIG}"),
        &format!("{views} CREATE VIEW w AS SELECT id, count(*) AS n FROM u GROUP BY id;"),
    );
    let (code, said) = ask(&set, "", &["status"], &[]);
    assert!(code == 69 && said.contains("is not running"), "{code}: {said}");

    let mut program = set.start(&["run"], &database.url);
    let holds_bytes = |status: &Value| {
        let mut held = status["operators"].as_array().into_iter().flatten();
        held.any(|held| held["relation"] == "w" && held["bytes"].as_i64() > Some(0))
    };
    let status = wait(&set, &mut program, |status| {
        let [other, shop] = [&status["sources"][0], &status["sources"][1]];
        let (sinks, is_followed) = (&status["sinks"], |source: &Value| source["slot"]["held_back_bytes"].is_u64());
        is_followed(other)
            && is_followed(shop)
            && sinks[1]["pending_rows"] == 9
            && sinks[0]["lag_us"].is_u64()
            && holds_bytes(status)
    });
    let [other, shop] = [&status["sources"][0], &status["sources"][1]];
    assert!(shop["name"] == "shop" && shop["phase"] == "following" && shop["snapshot_rows"] == 10, "{status:#}");
    assert!(other["held_by"].as_str().is_some_and(|held| held.starts_with("slot `tidegate_other_")), "{status:#}");
    let (view, incarnation) = (&status["views"][0], status["store"]["incarnation"].as_str().expect("a store"));
    assert!(view["state"] == "running" && view["rows"] == 9 && view["errors"] == 1, "{status:#}");
    assert!(view["degraded"] == true && status["views"][1]["degraded"] == false, "{status:#}");
    assert_eq!(shop["slot"]["name"], format!("tidegate_shop_{}", &incarnation[..12]));
    let cache = &status["sinks"][1];
    assert!(cache["connected"] == false && cache["retries"].as_u64() > Some(0), "{status:#}");
    assert!(cache["error"].as_str().is_some_and(|error| error.contains("Redis")), "{status:#}");
    assert!(cache["pending_bytes"].as_u64() > Some(100), "{status:#}");
    assert!(status["store"]["log_bytes"].as_u64() > Some(0) && status["store"]["merged_bytes"] == 0, "{status:#}");

    database.execute("DROP TABLE u");
    let status = wait(&set, &mut program, |status| status["views"][1]["state"] == "stopped");
    for stopped in [&status["views"][1], &status["sources"][0]] {
        assert!(stopped["error"].as_str().is_some_and(|error| error.contains("there is no table u")), "{status:#}");
    }
    assert_eq!(status["views"][0]["state"], "running");
    let (code, said) = ask(&set, "", &["status"], &[]);
    assert_eq!(code, 0, "{said}");
    let words =
        ["other                   stopped", "there is no table u", "of WAL for it", "degraded: 1 rows of v_errors"];
    for words in words.into_iter().chain(["cache                   away", "calls tried again", "in its log"]) {
        assert!(said.contains(words), "not \"{words}\" in\n{said}");
    }
    drop(program);
    assert_eq!(ask(&set, "", &["status"], &[]).0, 69);
}
