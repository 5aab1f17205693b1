//! Tables that a sink does not take, and what it says to do about them: having run that, it takes them.

use super::super::model::{Model, view};
use super::super::target::{postgres_sink, read_product};
use super::{product, sink};
use crate::sink::contract::Running;
use crate::support::postgres::{Database, Options, PASSWORD, Postgres, USER};
use tidegate::sink::postgres::{Config, Postgres as PostgresSink};
use tidegate::sink::runner::Settings;
use tidegate::sink::{Sink, SinkError};

/// What is there, what is configured, and what is said.
const UNFIT: &[(&str, &str, &[&str])] = &[
    ("", "table = 'sales.product'", &["no schema \"sales\""]),
    ("", "create = false", &["\"public\".\"product\" and tidegate_marks are missing"]),
    ("CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int)", "create = false", &["a table is missing"]),
    ("CREATE TABLE product (id int8 PRIMARY KEY)", "", &["column \"name\" is missing", "column \"stock\" is missing"]),
    (
        "CREATE TABLE product (id int8 PRIMARY KEY, name text, stock numeric(5,1))",
        "",
        &["column \"stock\" is of type numeric(5,1), which would not hold integer as it is"],
    ),
    (
        "CREATE TABLE product (id int8 PRIMARY KEY, name json, stock real)",
        "",
        &["column \"name\" is of type json", "column \"stock\" is of type real"],
    ),
    (
        "CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int GENERATED ALWAYS AS (7) STORED)",
        "",
        &["column \"stock\" is computed by the table"],
    ),
    (
        "CREATE TABLE product (id int8 GENERATED ALWAYS AS IDENTITY, name text, stock int)",
        "",
        &["column \"id\" is computed by the table"],
    ),
    (
        "CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int, shelf text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
        "",
        &["column \"shelf\" is none of the view's, and has to have a value"],
    ),
    ("CREATE TABLE product (id int8, name text, stock int)", "", &["no unique index on exactly the key (\"id\")"]),
    ("CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int)", "key = ['name']", &["key (\"name\")"]),
    (
        "CREATE TABLE product (id int8, name text NOT NULL, stock int, PRIMARY KEY (id, name), UNIQUE (name));
         CREATE UNIQUE INDEX ON product (id) WHERE id > 0; CREATE UNIQUE INDEX ON product ((id + 1))",
        "",
        &["no unique index on exactly the key (\"id\")"],
    ),
    (
        "CREATE TABLE product (id int8 UNIQUE DEFERRABLE, name text, stock int)",
        "",
        &["no unique index on exactly the key (\"id\")"],
    ),
];

/// Runs what is said to be run.
fn obey(database: &Database, error: &str) {
    let (_, statements) = error.split_once("run: ").unwrap_or_else(|| panic!("nothing to run is said: {error}"));
    database.try_execute(statements).unwrap_or_else(|failed| panic!("{failed:?}\n{error}"));
}

fn operator(error: SinkError) -> String {
    match error {
        SinkError::Operator(text) => text,
        other => panic!("not for an operator: {other:?}"),
    }
}

#[test]
fn what_to_run_is_said_and_helps() {
    for server in Postgres::installed_and_newest() {
        for (there, config, says) in UNFIT {
            let database = server.create_database();
            database.execute(there);
            let mut sink = postgres_sink(&database.url, config);
            let mut error = operator(sink.open().expect_err(there));
            for said in *says {
                assert!(error.contains(said), "{there}: not a word of {said} in\n{error}");
            }
            for _ in 0..3 {
                obey(&database, &error);
                match sink.open() {
                    Ok(_) => break,
                    Err(again) => error = operator(again),
                }
            }
            let result = sink.apply(&product(&[(1, Some("a"))], 10, true));
            result.unwrap_or_else(|failed| panic!("{there}: {failed}; it was said: {error}"));
            let rows = database.query_text(&format!("SELECT id, name, stock FROM {}", table(config)));
            assert_eq!(rows, [[Some("1".into()), Some("a".into()), Some("1".into())]], "{there}");
        }
    }
}

fn table(config: &str) -> &str {
    if config.contains("sales") { "sales.product" } else { "product" }
}

#[test]
fn what_is_no_table_is_refused() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE VIEW product AS SELECT 1::int8 AS id, ''::text AS name, 1 AS stock");
    let error = operator(postgres_sink(&database.url, "").open().expect_err("a view"));
    assert!(error.contains("\"public\".\"product\" is there, but is no table"), "{error}");
}

/// Rows of somebody else are not touched unless that is asked for.
#[test]
fn tables_of_others_are_left_alone() {
    const THEIRS: &str =
        "CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int); INSERT INTO product VALUES (7, 'theirs', 7)";
    let of_sink = "CREATE TABLE tidegate_marks (relation text PRIMARY KEY, sink text NOT NULL, mark text NOT NULL);
        INSERT INTO tidegate_marks VALUES ('product', 'other', '{}')";
    for (more, said) in [("", "has rows that no sink has written"), (of_sink, "is kept by sink other")] {
        let database = Postgres::shared().create_database();
        database.execute(&format!("{THEIRS}; {more}"));
        let error = operator(postgres_sink(&database.url, "").open().expect_err("theirs"));
        assert!(error.contains(said) && error.contains("adopt = true"), "{error}");
        assert_eq!(database.value("SELECT string_agg(name, ',') FROM product"), "theirs");
        // It is taken over, and from then on it is the sink's.
        let mut model = Model::new();
        for config in ["adopt = true", ""] {
            let running = Running::start(Box::new(postgres_sink(&database.url, config)), Settings::default());
            running.send(model.step(&[(1, Some("a"))]));
            running.end().expect("nothing fails");
            assert_eq!(read_product(&database), Some((Some(model.frontier()), model.content())));
            model = model.restarted();
        }
    }
    // An empty table is nobody's.
    let database = Postgres::shared().create_database();
    database.execute(&format!("{THEIRS}; DELETE FROM product"));
    postgres_sink(&database.url, "").open().expect("an empty table");
}

/// A role that may not do what is needed is told which rights it lacks; a password is checked, and never shown.
#[test]
fn roles_without_rights_are_refused() {
    let server = Postgres::start_with(Options { authentication: "scram-sha-256", ..Options::default() });
    let database = server.create_database();
    database.execute("CREATE ROLE clerk LOGIN PASSWORD 'sesame'; REVOKE ALL ON SCHEMA public FROM PUBLIC");
    database.execute(&format!(
        "GRANT USAGE ON SCHEMA public TO clerk; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
        database.name
    ));
    let url = database.url.replace(&format!("{USER}:{PASSWORD}"), "clerk:sesame");
    let error = operator(postgres_sink(&url, "").open().expect_err("it may create nothing"));
    assert!(error.contains("permission denied for schema public") && error.contains("CREATE TABLE"), "{error}");
    let (_, statements) = error.split_once("somebody who may: ").expect("what to run is said");
    database.execute(statements);
    let error = operator(postgres_sink(&url, "").open().expect_err("it may write nothing"));
    for said in ["GRANT SELECT, INSERT, UPDATE, DELETE ON", "GRANT TEMPORARY ON DATABASE", "TO clerk"] {
        assert!(error.contains(said), "{error}");
    }
    obey(&database, &error);
    let mut sink = postgres_sink(&url, "");
    sink.open().expect("it may now");
    for (rows, first) in [(10, true), (10, true), (3_000, false)] {
        let writes: Vec<(i64, Option<&str>)> = (0..rows).map(|id| (id, Some("a"))).collect();
        sink.apply(&product(&writes, 10, first)).expect("it may now");
    }
    for (wrong, said) in [("clerk:sesam", "password authentication failed"), ("clerk", "asks for a password")] {
        let url = url.replace("clerk:sesame", wrong);
        let error = postgres_sink(&url, "").open().expect_err("the password is wrong");
        assert!(matches!(&error, SinkError::Config(text) if text.contains(said) && !text.contains("sesam")), "{error}");
    }
    let error = postgres_sink(&url.replace(&database.name, "nowhere"), "").open().expect_err("no such database");
    assert!(matches!(&error, SinkError::Config(text) if text.contains("\"nowhere\" does not exist")), "{error}");
    // What worked before is waited for.
    database.execute("ALTER ROLE clerk PASSWORD 'another'");
    assert!(matches!(sink.open(), Err(SinkError::Transient(_))));
    let nobody = url.replace(&format!(":{}/", server.port()), ":1/");
    assert!(matches!(postgres_sink(&nobody, "").open(), Err(SinkError::Transient(_))));
}

#[test]
fn what_is_configured_wrong_is_said() {
    let cases = [
        ("url = 'postgres://h/d'\nkey = ['ident']", "has no column ident"),
        ("url = 'postgres://h/d'\nkey = []", "names no column"),
        ("url = 'postgres://h/d'\nkeys = ['id']", "unknown field"),
        ("url = 'postgres://h/d'\ntable = 'public.tidegate_marks'", "where the sinks keep their marks"),
        ("url = 'postgres://h/d'\ntable = 'public.'", "no name in Postgres"),
        ("url = 'postgres://u@h/d?sslmode=always'", "none of disable"),
        ("url = { env = 'TIDEGATE_NO_SUCH' }", "TIDEGATE_NO_SUCH"),
        ("table = 't'", "missing field `url`"),
    ];
    for (config, expected) in cases {
        let error = match toml::from_str::<Config>(&format!("view = 'product'\n{config}")) {
            Err(error) => error.to_string(),
            Ok(config) => {
                let opened = PostgresSink::new("table", config, view(true)).and_then(|mut sink| sink.open());
                let error = opened.expect_err("the configuration is wrong");
                assert!(matches!(error, SinkError::Config(_)), "{error:?}");
                error.to_string()
            }
        };
        assert!(error.contains(expected), "{config}\ngives: {error}");
    }
}

/// Sinks that start at once make one table of marks.
#[test]
fn may_all_start_at_once() {
    let database = Postgres::shared().create_database();
    std::thread::scope(|scope| {
        let open = |table: usize| sink(&database, view(true), &format!("table = 'product_{table}'")).open();
        let opened: Vec<_> = (0..8).map(|table| scope.spawn(move || open(table))).collect();
        for opened in opened {
            assert_eq!(opened.join().expect("no panic").expect("its table can be made"), None);
        }
    });
}
