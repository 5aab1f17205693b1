//! The contract of the command line: how each kind of end is told to whoever started the program, by exit code and by words that
//! name the thing and what to do about it.

use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tidegate::{Collection, Exit};

/// A view set of a stream, and how a command about it ends.
struct Case<'a> {
    verb: &'a [&'a str],
    /// `tidegate.toml`.
    config: &'a str,
    views: &'a str,
    code: i32,
    /// Words that standard output or standard error must have.
    says: &'a [&'a str],
}

/// Where no server listens: the port is reserved and needs privileges.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

const LINES: &str = "{\"id\": 1, \"n\": 2}\n{\"id\": 2, \"n\": 0}\n";

const STREAM: &str = r#"
[sources.events]
type = "jsonl"
path = "events.jsonl"
schema = { id = "bigint not null", n = "bigint" }

[sinks.out]
type = "jsonl"
view = "v"
path = "out.jsonl"
"#;

const TABLE: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["t"]
create = true

[sinks.out]
type = "jsonl"
view = "v"
path = "out.jsonl"
"#;

const VIEW: &str = "CREATE VIEW v AS SELECT id, n FROM events;";

/// Starts them all, then expects their ends.
fn assert_ends(cases: &[Case<'_>], database_url: &str) {
    let started: Vec<_> = cases
        .iter()
        .map(|case| {
            let set = ViewSet::new(case.config, case.views);
            set.write("events.jsonl", LINES);
            let program = set.start(case.verb, database_url);
            (case, set, program)
        })
        .collect();
    for (case, set, mut program) in started {
        let status = program.wait(Duration::from_secs(120));
        let output = std::fs::read_to_string(set.path().join("stdout")).expect("our own file");
        let said = format!("{output}{}", program.errors());
        let what = format!("`tidegate {}` says:\n{said}\nof\n{}\n{}", case.verb.join(" "), case.config, case.views);
        assert_eq!(status.code(), Some(case.code), "{what}");
        for words in case.says {
            assert!(said.contains(words), "not a word of \"{words}\": {what}");
        }
    }
}

#[test]
fn every_end_has_its_exit_code_and_its_words() {
    let case = |verb, code, says| Case { verb, config: STREAM, views: VIEW, code, says };
    let unset = TABLE.replace("DATABASE_URL", "TIDEGATE_TEST_THAT_NOBODY_SETS");
    let misspelt = STREAM.replace("path = \"events", "paht = \"events");
    let missing = STREAM.replace("events.jsonl", "absent.jsonl");
    let stop = format!("{STREAM}\n[settings]\non_error = \"stop\"\n");
    let narrow = stop.replace("n = \"bigint\"", "n = \"date\"");
    let division = "CREATE VIEW v AS SELECT id, 1 / n AS share FROM events;";
    let cases = [
        case(&["run", "--once"], 0, &[][..]),
        case(&["check"], 0, &["v(id bigint not null, n bigint)", "ok: 1 views"]),
        case(&["check", "--format", "json"], 0, &["\"ok\":true"]),
        case(&["explain"], 0, &["id bigint not null"]),
        case(&["--help"], 0, &["Usage: tidegate", "Exit codes"]),
        case(&["--version"], 0, &[concat!("tidegate ", env!("CARGO_PKG_VERSION"))]),
        case(&["chek"], 64, &["unrecognized subcommand 'chek'", "'check'"]),
        case(&["run", "--workers", "many"], 64, &["invalid value 'many'", "--workers", "--help"]),
        case(&["run", "--onec"], 64, &["unexpected argument '--onec'", "'--once'"]),
        case(&["run", "another"], 64, &["unexpected argument", "Usage: tidegate run"]),
        Case {
            verb: &["run"],
            config: &narrow,
            views: VIEW,
            code: 65,
            says: &["events.jsonl:", "column \"n\"", "on_error", "`events_errors`"],
        },
        Case {
            verb: &["run"],
            config: &stop,
            views: division,
            code: 65,
            says: &["`v`", "division by zero", "22012", "on_error", "`v_errors`"],
        },
        Case {
            verb: &["run"],
            config: &stop,
            views: "CREATE VIEW v AS SELECT id, nth_value(id, n::int) OVER (PARTITION BY id) AS nth FROM events;",
            code: 65,
            says: &["`v`", "argument of nth_value must be greater than zero", "22016"],
        },
        Case {
            verb: &["explain"],
            config: STREAM,
            views:
                "CREATE VIEW v AS SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY n ORDER BY id DESC) AS place
                    FROM events) AS x WHERE place <= 3;
                    CREATE VIEW w AS SELECT id, sum(n) OVER (ORDER BY id ROWS 2 PRECEDING) AS s FROM events;
                    CREATE VIEW x AS SELECT DISTINCT ON (n) n, id FROM events ORDER BY n, id DESC NULLS LAST LIMIT 5;",
            code: 0,
            says: &[
                "TopK by [n] order [id desc] limit [3]",
                "Window by [n] order [id desc] give [row_number()]",
                "Window order [id] give [sum(n) rows 2 preceding to current row]",
                "TopK by [n] order [n, id desc nulls last] limit [1]",
                "TopK order [n, id desc nulls last] limit [5]",
            ],
        },
        Case {
            verb: &["explain"],
            config: STREAM,
            views: "CREATE VIEW v AS SELECT a.id, b.n FROM events a JOIN events b ON b.id = a.n;
                    CREATE VIEW w AS SELECT a.id, max(b.n) AS n FROM events a LEFT JOIN events b ON b.id = a.n GROUP BY a.id;
                    CREATE VIEW x AS WITH RECURSIVE r AS (SELECT id FROM v UNION SELECT e.n FROM r JOIN events e ON e.id = r.id)
                    SELECT id FROM r;
                    CREATE VIEW y AS SELECT id, max(n) AS n FROM events GROUP BY id;
                    CREATE VIEW z AS SELECT id FROM events ORDER BY n LIMIT 3;",
            code: 0,
            says: &[
                "rows of events by [id]; shared with w",
                "keys that occur of events by [id]",
                "sums, values in stages of Map of events by [id]",
                "\n    least or greatest value of events by [id]",
                "first rows of events",
                "rows of events by [id]; inside the loop",
                "rounds of Recursive of events, v by [id]",
            ],
        },
        // Without a word about it a run to the end stops too.
        Case {
            verb: &["run", "--once"],
            config: STREAM,
            views: division,
            code: 65,
            says: &["`v`", "division by zero"],
        },
        Case {
            verb: &["check"],
            config: STREAM,
            views: "CREATE VIEW v AS SELECT a.id, b.id AS other FROM events a JOIN events b ON a.id < b.id;",
            code: 0,
            says: &["warning: view v has a join without an equality", "ok: 1 views"],
        },
        Case {
            verb: &["check"],
            config: TABLE,
            views: "CREATE VIEW v AS SELECT 1 AS one FROM t;",
            code: 69,
            says: &["source `shop`", "127.0.0.1:1", "out of reach", "see that it runs"],
        },
        Case {
            verb: &["setup"],
            config: TABLE,
            views: VIEW,
            code: 69,
            says: &["127.0.0.1:1", "out of reach", "see that it runs"],
        },
        Case {
            verb: &["check"],
            config: &misspelt,
            views: VIEW,
            code: 78,
            says: &["tidegate.toml:4:1: unknown key `paht`", "did you mean `path`?"],
        },
        Case { verb: &["check"], config: &missing, views: VIEW, code: 78, says: &["source `events`", "absent.jsonl"] },
        Case {
            verb: &["check"],
            config: &unset,
            views: VIEW,
            code: 78,
            says: &["source `shop`: url:", "TIDEGATE_TEST_THAT_NOBODY_SETS"],
        },
        Case {
            verb: &["run"],
            config: STREAM,
            views: "CREATE VIEW v AS SELECT idd FROM events;",
            code: 78,
            says: &["views.sql:1:25", "idd", "\"id\""],
        },
        Case {
            verb: &["check", "--format", "json"],
            config: STREAM,
            views: "CREATE VIEW v AS SELECT",
            code: 78,
            says: &["\"ok\":false", "views.sql:1:"],
        },
        Case {
            verb: &["check"],
            config: STREAM,
            views: "CREATE VIEW w AS SELECT id FROM events;",
            code: 78,
            says: &["sink `out`", "`v`"],
        },
    ];
    assert_ends(&cases, NOWHERE);
}

#[test]
fn what_an_operator_must_do_ends_with_80() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TABLE t (id int)");
    let views = "CREATE VIEW v AS SELECT id FROM t;";
    let case =
        |verb| Case { verb, config: TABLE, views, code: 80, says: &["t has no primary key", "REPLICA IDENTITY FULL"] };
    assert_ends(&[case(&["check"][..]), case(&["run"]), case(&["setup"])], &database.url);
}

#[test]
fn a_sink_of_a_table_with_a_column_that_cannot_be_shown_is_refused() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TYPE pair AS (x int, y int); CREATE TABLE t (id int PRIMARY KEY, at pair)");
    let says = &["sink `out`: column at of `t` is of type pair, which is not supported", "show a view without it"];
    let config = &TABLE.replace("view = \"v\"", "view = \"t\"");
    let case = |verb| Case { verb, config, views: "CREATE VIEW v AS SELECT id FROM t;", code: 78, says };
    assert_ends(&[case(&["check"][..]), case(&["run"])], &database.url);
}

#[test]
fn a_directory_without_a_view_set_is_named() {
    let set = ViewSet::new("", "");
    std::fs::remove_file(set.path().join("tidegate.toml")).expect("our own file");
    let (code, _, errors) = set.run(&["run"], NOWHERE);
    assert_eq!(code, 78, "{errors}");
    assert!(
        errors.contains("tidegate.toml: cannot be read") && errors.contains("a view set is a directory"),
        "{errors}"
    );
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Event {
    id: i64,
    n: Option<i64>,
}

/// A view in Rust that panics is a fault of the program it is built into.
#[test]
fn a_view_that_panics_ends_with_70() {
    let set = ViewSet::new(STREAM, "");
    set.write("events.jsonl", LINES);
    let failure = tidegate::ViewSet::from_dir(set.path())
        .expect("a view set")
        .view::<Event>("v", 1, &[], |inputs| {
            let events: Collection<'_, Event> = inputs.get("events");
            events.map(|event| if event.id == 2 { panic!("event 2 is too much") } else { event })
        })
        .run()
        .expect_err("it panics");
    assert_eq!((failure.exit, failure.exit.code()), (Exit::Internal, 70), "{failure}");
    assert!(failure.to_string().contains("event 2 is too much"), "{failure}");
}
