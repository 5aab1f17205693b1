//! The queries of TPC-H as views: what Postgres says after the load and after every round of changes.

use super::script::Script;
use crate::support::random::setting;
use std::path::Path;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("views/tpch").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `TIDEGATE_TEST_TPCH_ROUNDS` sets how many rounds of changes there are, `TIDEGATE_TEST_TPCH_SCALE` how many rows. The plans are
/// rewritten: without that they are products of all tables, which would not end.
#[test]
fn the_queries_of_tpch_are_what_postgres_says() {
    let rounds = setting("TIDEGATE_TEST_TPCH_ROUNDS", 10) as usize;
    let scale: f64 = setting("TIDEGATE_TEST_TPCH_SCALE", 0.01);
    let (schema, load) = (text("database/schema.sql"), text("database/load.sql"));
    let given = format!("{schema}\nSET tpch.scale = '{scale}';\n{load}\nANALYZE;");
    let script = Script::new("tpch", given, text("queries.sql"), vec![text("database/refresh.sql"); rounds]);
    let differences = script.differences_under(&[(2, true)]);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
