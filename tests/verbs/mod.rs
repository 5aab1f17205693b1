//! The verbs that look after a view set, asked through the program itself.

mod compact;
mod doctor;
mod plan;
mod rollback;
mod slots;
mod status;

use crate::support::program::ViewSet;
use serde_json::Value;
use std::process::Command;

/// A database with two tables, each read by a source of its own, and a store.
pub const TABLES: &str = "
CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE u (id bigint PRIMARY KEY);
INSERT INTO t SELECT n, n FROM generate_series(0, 9) n;
INSERT INTO u VALUES (1);
";

/// A view set over table `t`, with a store.
pub const CONFIG: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["t"]
create = true

[sinks.lines]
type = "jsonl"
view = "v"
path = "lines.jsonl"

[settings]
store = "state"
"#;

/// Its view.
pub const VIEWS: &str = "CREATE VIEW v AS SELECT id, n FROM t;";

/// Runs `tidegate VERB DIR ARGUMENTS` to its end, beside a run that may be under way: its exit code, and what it says.
pub fn ask(set: &ViewSet, url: &str, verb: &[&str], arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = command.args(verb).arg(set.path()).args(arguments).env("DATABASE_URL", url).output();
    let output = output.expect("the program");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.code().unwrap_or(-1), said)
}

/// The same with `--format json`; nothing if the answer is none.
pub fn ask_json(set: &ViewSet, url: &str, verb: &[&str]) -> Option<Value> {
    let (code, said) = ask(set, url, verb, &["--format", "json"]);
    let first = said.lines().next().filter(|_| matches!(code, 0 | 80))?;
    Some(serde_json::from_str(first).unwrap_or_else(|error| panic!("{error}: {said}")))
}
