//! View sets without their database: `schema pull` writes down what it offers, `check --offline` and `explain --offline` read that, and
//! `check` says where the two differ.

use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;

/// Where no server listens.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

const CONFIG: &str = r#"
[sources.shop]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["orders", "sales.lines"]

[sources.clicks]
type = "jsonl"
path = "clicks.jsonl"
schema = { id = "bigint not null" }

[sinks.out]
type = "jsonl"
view = "v"
path = "out.jsonl"
"#;

const TABLES: &str = "CREATE SCHEMA sales;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN money_like AS numeric(10,2) CHECK (VALUE >= 0);
CREATE TABLE orders (id bigint PRIMARY KEY, mood mood NOT NULL, total money_like, tags varchar(8)[], ip inet, at timestamptz(3));
CREATE TABLE sales.lines (order_id bigint, n int, PRIMARY KEY (order_id, n));";

const VIEWS: &str = "CREATE VIEW v AS SELECT o.id, o.mood, o.total, t.tag, l.n FROM orders o
    JOIN sales.lines l ON l.order_id = o.id, unnest(o.tags) AS t(tag);";

const FILE: &str = r#"-- What the database offers. `tidegate schema pull` writes this file; `--offline` reads it instead of the database.

CREATE TYPE mood AS ENUM ('sad', 'ok');

CREATE TYPE "inet" (LIKE = json);

CREATE TABLE orders (
    id bigint NOT NULL,
    mood mood NOT NULL,
    total numeric(10,2),
    tags varchar(8)[],
    ip "inet",
    at timestamp(3) with time zone,
    PRIMARY KEY (id)
);

CREATE TABLE sales.lines (
    order_id bigint NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (order_id, n)
);
"#;

fn view_set() -> ViewSet {
    let set = ViewSet::new(CONFIG, VIEWS);
    set.write("clicks.jsonl", "{\"id\": 1}\n");
    set
}

/// Expects an exit code, and words of standard output or standard error.
fn assert_says(set: &ViewSet, verb: &[&str], url: &str, code: i32, says: &[&str]) -> String {
    let (status, output, errors) = set.run(verb, url);
    assert_eq!(status, code, "{verb:?}: {output}{errors}");
    let said = format!("{output}{errors}");
    says.iter().for_each(|words| assert!(said.contains(words), "not a word of \"{words}\" in {verb:?}: {said}"));
    output
}

#[test]
fn what_was_written_down_stands_for_the_database() {
    let server = Postgres::shared();
    let database = server.create_database();
    database.execute(TABLES);
    let url = database.url.clone();
    let set = view_set();
    let path = set.path().join("schema/shop.sql");

    let missing = ["source `shop`: there is no", "schema/shop.sql", "`tidegate schema pull", "writes it"];
    assert_says(&set, &["check", "--offline"], NOWHERE, 78, &missing);
    assert_says(&set, &["schema", "pull"], NOWHERE, 69, &["source `shop`", "out of reach"]);
    assert_says(&set, &["schema", "pull"], &url, 0, &["2 tables, written", "source `clicks`: nothing to do"]);
    assert_eq!(std::fs::read_to_string(&path).expect("what was pulled"), FILE);
    assert_says(&set, &["schema", "pull"], &url, 0, &["2 tables, as before"]);

    for verb in [&["check"][..], &["check", "--format", "json"], &["explain"], &["explain", "--format", "json"]] {
        let live = assert_says(&set, verb, &url, 0, &[]);
        let offline = assert_says(&set, &[verb, &["--offline"]].concat(), NOWHERE, 0, &[]);
        assert_eq!(offline, live);
        assert!(!live.contains("schema/shop.sql"), "{live}");
    }
    // Nothing can be done without the database but this.
    assert_says(&set, &["check"], NOWHERE, 69, &["out of reach"]);

    database.execute("ALTER TABLE orders ALTER total TYPE numeric(12,2), ADD extra date");
    let differs = [
        "warning: ",
        "schema/shop.sql:10:5: column \"total\" is numeric(12,2) in the database, not numeric(10,2) (42804)",
        "    total numeric(10,2),",
        "schema/shop.sql:7:14: column \"extra\" (date) of orders is missing here (42703)",
    ];
    assert_says(&set, &["check"], &url, 0, &differs);
    assert_says(&set, &["check", "--offline"], NOWHERE, 0, &["total numeric", "ok: 1 views"]);
}

#[test]
fn what_is_wrong_with_the_file_is_said_where_it_stands() {
    let set = view_set();
    std::fs::create_dir(set.path().join("schema")).expect("our own directory");
    let check = |text: &str, says: &[&str]| {
        set.write("schema/shop.sql", text);
        assert_says(&set, &["check", "--offline"], NOWHERE, 78, says);
        assert_says(&set, &["explain", "--offline"], NOWHERE, 78, says);
    };
    check("CREATE TABLE orders (id bigint", &["schema/shop.sql:1:", "(42601)", "^"]);
    check(
        &FILE.replace("tags varchar(8)[]", "tags nothing"),
        &["schema/shop.sql:11:5: type \"nothing\" does not exist", "^^^^"],
    );
    let only = FILE.split("CREATE TABLE sales").next().expect("the beginning");
    check(only, &["has no table sales.lines", "`tidegate schema pull"]);
    check(&FILE.replace("total", "sum"), &["views.sql:1:", "o.total does not exist"]);
}
