//! Recursion over random graphs, against Postgres after every change; and recursion without an end.

use super::script::Script;
use crate::support::feed::Feed;
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed};

/// Of each graph.
const NODES: u64 = 12;
const CHANGES: usize = 30;

const TABLES: &str = "CREATE TABLE edges (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE starts (a int PRIMARY KEY);\n";

const VIEWS: &str = "CREATE VIEW reachable AS
WITH RECURSIVE r(a) AS (SELECT a FROM starts UNION SELECT e.b FROM r JOIN edges e ON e.a = r.a) SELECT a FROM r;
CREATE VIEW closure AS
WITH RECURSIVE c(a, b) AS (SELECT a, b FROM edges UNION SELECT c.a, e.b FROM c JOIN edges e ON e.a = c.b) SELECT a, b FROM c;
CREATE VIEW walks AS
WITH RECURSIVE w(a, steps) AS (SELECT a, 0 FROM starts UNION ALL
  SELECT e.b, w.steps + 1 FROM w JOIN edges e ON e.a = w.a WHERE w.steps < 5)
SELECT a, steps, count(*) AS walks FROM w GROUP BY a, steps;
CREATE VIEW distance AS
WITH RECURSIVE d(a, steps) AS (SELECT a, 0 FROM starts UNION SELECT e.b, d.steps + 1 FROM d JOIN edges e ON e.a = d.a WHERE d.steps < 12)
SELECT a, min(steps) AS steps FROM d GROUP BY a;\n";

/// Edges come and go, so that cycles are made and cut off from where they could be reached.
#[test]
fn random_graphs_are_what_postgres_says() {
    let mut random = Random::new(seed(7));
    let edge = |random: &mut Random| (random.below(NODES), random.below(NODES));
    let mut given = TABLES.to_owned();
    for _ in 0..NODES {
        let (a, b) = edge(&mut random);
        given.push_str(&format!("INSERT INTO edges VALUES ({a}, {b}) ON CONFLICT DO NOTHING;\n"));
    }
    let mut change = || {
        let mut change = String::new();
        for _ in 0..=random.below(3) {
            let (a, b) = edge(&mut random);
            change.push_str(&match random.below(6) {
                0 => format!("INSERT INTO starts VALUES ({a}) ON CONFLICT DO NOTHING;\n"),
                1 => format!("DELETE FROM starts WHERE a = {a};\n"),
                2 | 3 => format!("INSERT INTO edges VALUES ({a}, {b}) ON CONFLICT DO NOTHING;\n"),
                _ => format!("DELETE FROM edges WHERE a = {a} AND (b + {b}) % 2 = 0;\n"),
            });
        }
        change
    };
    let changes = (0..CHANGES).map(|_| change()).collect();
    let differences = Script::new("graphs", given, VIEWS.to_owned(), changes).differences();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

const ENDLESS: &str = r#"
[settings]
on_error = "skip"

[sources.db]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["starts"]
create = true

[sinks.rows]
type = "jsonl"
view = "counted"
path = "rows.jsonl"

[sinks.errors]
type = "jsonl"
view = "counted_errors"
path = "errors.jsonl"
"#;

/// Postgres would go on until its disk is full; here the row that goes on is an error.
#[test]
fn recursion_without_an_end_is_an_error_of_its_rows() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TABLE starts (a int PRIMARY KEY); INSERT INTO starts VALUES (5)");
    let views = "CREATE VIEW counted AS WITH RECURSIVE n(n) AS (SELECT a FROM starts UNION ALL SELECT n + 1 FROM n) \
                 SELECT count(*) AS rows, max(n) AS last FROM n;";
    let set = ViewSet::new(ENDLESS, views);
    let (code, _, said) = set.run(&["run", "--once"], &database.url);
    assert_eq!(code, 0, "{said}");
    let content = |name: &str| Feed::read(&set.path().join(name)).at(None).into_keys().collect::<Vec<String>>();
    assert_eq!(content("rows.jsonl"), [r#"{"last": 4005, "rows": 4001}"#]);
    let errors = content("errors.jsonl");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(r#"recursive query \"n\" goes on after 4000 rounds"#), "{errors:?}");
}
