//! Functions in FROM that fail for a row: a data error with Postgres's code and words, gone when the row is.

use super::directory;
use super::script::Script;
use crate::support::postgres::{Database, Postgres};
use std::collections::BTreeSet;

const GIVEN: &str =
    "CREATE TABLE t (id int PRIMARY KEY, zero int, num numeric, at timestamp, s text, nums int[], doc jsonb, raw json);
INSERT INTO t VALUES (1, 0, 1, '2024-01-01', 'a,b', '{5,0,2}',
  '{\"a\": 1, \"s\": \"xy\", \"list\": [1], \"uneven\": [[1], [2, 3]]}', '{\"a\": 1, \"list\": [1]}');";

/// What Postgres says of the query.
fn refused(database: &Database, query: &str) -> (String, String) {
    let error = database.try_execute(query).expect_err(query);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{query}: {error}"));
    (error.code().code().to_owned(), error.message().to_owned())
}

#[test]
fn failing_rows_are_errors_with_postgres_words() {
    let text = std::fs::read_to_string(directory().join("row_errors.txt")).expect("the calls");
    let database = Postgres::fifteen().create_unicode_database();
    database.execute(GIVEN);
    let (mut views, mut expected) = (String::new(), Vec::new());
    for (number, call) in text.lines().enumerate() {
        let query = format!("SELECT t.id FROM t, {call}");
        expected.push((query.clone(), refused(&database, &query)));
        views.push_str(&format!("CREATE VIEW v{number} AS {query};\n"));
    }
    assert!(expected.len() > 40, "only {} calls", expected.len());
    let changes = vec!["DELETE FROM t".to_owned()];
    let script = Script::new("row errors", GIVEN.to_owned(), views, changes);
    for rewritten in [true, false] {
        let moments = script.errors(rewritten);
        for ((query, expected), got) in expected.iter().zip(&moments[0]) {
            assert_eq!(*got, BTreeSet::from([expected.clone()]), "{query}");
        }
        assert!(moments[1].iter().all(BTreeSet::is_empty), "{:?}", moments[1]);
    }
}
