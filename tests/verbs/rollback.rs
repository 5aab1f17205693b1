//! `tidegate rollback`: an index is swapped for a changed view, and readers sent back and forth.

use super::{CONFIG, TABLES, ask};
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use std::collections::BTreeSet;
use tidegate::sink::tantivy::Search;

const SEARCH: &str = "
[sinks.search]
type = \"tantivy\"
view = \"v\"
path = \"index\"
deploy = \"swap\"
";

const ONE: &str = "CREATE VIEW v AS SELECT id, n FROM t;";
const TWO: &str = "CREATE VIEW v AS SELECT id, n * 100 AS hundreds FROM t WHERE id > 5;";

#[test]
fn sends_readers_back_and_forth() {
    let database = Postgres::shared().create_database();
    database.execute(TABLES);
    let set = ViewSet::new(&CONFIG.replace("[settings]", &format!("{SEARCH}\n[settings]")), ONE);
    let url = database.url.as_str();
    let run = |views: &str| {
        set.write("views.sql", views);
        ask(&set, url, &["run", "--once"], &[])
    };
    let rollback = |arguments: &[&str]| ask(&set, url, &["rollback"], arguments);
    let rows = || -> BTreeSet<String> {
        let search = Search::open(&set.path().join("index")).expect("an index");
        search.content().expect("it can be read").0.into_iter().map(|(_, row)| row).collect()
    };
    let one = |ids: std::ops::Range<i64>| ids.map(|id| format!("{{\"n\": {id}, \"id\": {id}}}")).collect();
    let two =
        |ids: std::ops::Range<i64>| ids.map(|id| format!("{{\"id\": {id}, \"hundreds\": {}}}", id * 100)).collect();
    let expect = |(code, said): (i32, String), expected: i32, words: &str| {
        assert!(code == expected && said.contains(words), "{code}: {said}");
    };

    expect(rollback(&["search"]), 80, "no run has made any");
    expect(run(ONE), 0, "");
    assert_eq!(rows(), one(0..10));
    expect(rollback(&["search"]), 80, "no generation before");
    expect(run(TWO), 0, "");
    assert_eq!(rows(), two(6..10));

    expect(rollback(&["search"]), 0, "it does not move on until the definition it was built by is put back");
    assert_eq!(rows(), one(0..10));
    expect(ask(&set, url, &["doctor"], &[]), 0, "warning sink `search`: readers were sent back from");
    expect(run(TWO), 80, "tidegate rollback --undo");
    assert_eq!(rows(), one(0..10));

    database.execute("INSERT INTO t VALUES (10, 10)");
    expect(run(ONE), 0, "");
    assert_eq!(rows(), one(0..11));
    expect(rollback(&["--undo", "search"]), 0, "it moves on with the next start");
    assert_eq!(rows(), two(6..10));
    expect(run(TWO), 0, "");
    assert_eq!(rows(), two(6..11));
    expect(rollback(&["--undo", "search"]), 80, "nothing to undo");

    expect(rollback(&["lines"]), 78, "only tantivy and opensearch");
    expect(rollback(&["serch"]), 78, "there is no sink `serch`; there are");
}
