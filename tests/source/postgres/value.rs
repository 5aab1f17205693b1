//! Every type passes through unharmed, by COPY and by the change feed, as a value and as a key.

use super::ingest::Case;

/// A type, and values of it: the extremes and what is written strangely.
const VALUES: &[(&str, &[&str])] = &[
    ("bool", &["t", "f"]),
    ("int2", &["-32768", "0", "32767"]),
    ("int4", &["-2147483648", "0", "2147483647"]),
    ("int8", &["-9223372036854775808", "9223372036854775807"]),
    ("float4", &["-3.4028235e38", "1e-45", "NaN", "Infinity", "-Infinity", "-0", "0.1", "16777216"]),
    (
        "float8",
        &[
            "1.7976931348623157e308",
            "5e-324",
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "0.1",
            "0.30000000000000004",
            "1e15",
            "1e16",
        ],
    ),
    (
        "numeric",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "0.000",
            "1.50",
            "-1e-30",
            "1e400",
            "100000000000000000000000000000000000000",
            "0.00000000000000000000000000000000000000000000000001",
        ],
    ),
    ("numeric(10,3)", &["1234567.891", "-0.001", "NaN", "5"]),
    (
        "text",
        &[
            "",
            " ",
            "\t\n\r\\x \\N \\.",
            "\\N",
            "\"'`;--",
            "日本語 🌊 é e\u{301}",
            "NULL",
            "{}",
            "\u{1}\u{8}\u{b}\u{c}\u{7f}\u{85}\u{2028}",
        ],
    ),
    ("varchar(4)", &["", "ab", "日本語x"]),
    ("varchar", &["", "any length"]),
    ("char(5)", &["", "a", "ab  ", "日本"]),
    ("bytea", &["", "\\x00", "\\xdeadbeef", "\\x5c78", "\\x0a0d09"]),
    ("date", &["4713-01-01 BC", "0001-01-01 BC", "0001-01-01", "1999-12-31", "5874897-12-31", "infinity", "-infinity"]),
    ("time", &["00:00:00", "24:00:00", "23:59:59.999999", "12:00:00.5"]),
    ("time(2)", &["23:59:59.99"]),
    (
        "timestamp",
        &[
            "4713-01-01 00:00:00 BC",
            "0044-03-15 12:00:00.000001 BC",
            "294276-12-31 23:59:59.999999",
            "infinity",
            "-infinity",
            "2000-01-01",
        ],
    ),
    (
        "timestamptz",
        &[
            "4713-01-01 00:00:00+00 BC",
            "294276-12-31 23:59:59.999999+00",
            "infinity",
            "-infinity",
            "2024-03-31 02:30:00 Europe/Berlin",
            "1900-01-01 00:00:00 Europe/Amsterdam",
            "1999-12-31 23:59:60",
        ],
    ),
    ("timestamptz(0)", &["2024-02-29 12:00:00.7+00"]),
    (
        "interval",
        &[
            "0",
            "1 year 2 mons -3 days 04:05:06.789",
            "-1 day -00:00:00.000001",
            "178000000 years",
            "-178000000 years",
            "2147483647 days",
            "-00:00:01",
            "1000000:00:00",
            "-1 mons +1 day",
        ],
    ),
    ("interval day to second(3)", &["3 days 04:05:06.789"]),
    (
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ],
    ),
    (
        "json",
        &["null", "\"x\"", "{\"b\": 1,  \"a\": [1.50, null], \"b\": 2}", "[]", "1e400", " \"\\u00e9\\ud83d\\ude00\" "],
    ),
    (
        "jsonb",
        &[
            "null",
            "\"x\"",
            "{\"b\": 1, \"a\": [1.50, null], \"b\": 2}",
            "{}",
            "[[[]]]",
            "-0",
            "1e400",
            "\"\\u00e9\\n\\\\\"",
        ],
    ),
    ("mood", &["sad", "ok", "very \"happy\", {really}", ""]),
    ("positive", &["1", "99.50"]),
    ("short", &["", "abc"]),
    ("int4[]", &["{}", "{1,NULL,-3}", "{{1,2},{3,4}}", "[0:1]={1,2}", "[-2:-1][5:5]={{7},{NULL}}"]),
    ("text[]", &["{}", "{\"\",NULL,\"NULL\",\"a,b\",\"{}\",\"\\\\\\\"\",\" x \"}"]),
    ("numeric[]", &["{1.50,NaN,-0.0}"]),
    ("timestamptz[]", &["{\"2024-02-29 12:00:00.7+00\",infinity,NULL}"]),
    ("interval[]", &["{\"1 year 2 mons\",\"-1 days\"}"]),
    ("bool[]", &["{t,f,NULL}"]),
    ("bytea[]", &["{\"\\\\x00\",\"\\\\xff\"}"]),
    ("uuid[]", &["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"]),
    ("jsonb[]", &["{\"{\\\"a\\\": 1}\",null}"]),
    ("mood[]", &["{sad,NULL,\"very \\\"happy\\\", {really}\"}"]),
    ("positive[]", &["{1,2.50}"]),
    ("date[]", &["{2024-02-29,\"0044-03-15 BC\",infinity}"]),
    // Opaque here: what Postgres shows passes through.
    ("inet", &["10.0.0.1", "10.0.0.1/8", "::1"]),
    ("cidr", &["10.0.0.0/8"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("address", &["192.168.0.1"]),
    ("point", &["(1.5,-0)", "(NaN,1e300)"]),
    ("box", &["((1,2),(3,4))"]),
    ("tsvector", &["", "'a':1A 'it''s':2,3 'x\\\\y'"]),
    ("tsquery", &["'fat' & ( 'rat':* | !'cat' )"]),
    ("int4range", &["empty", "[1,5)", "(,)"]),
    ("tstzrange", &["[\"2024-02-29 12:00:00.7+05:30\",infinity)"]),
    ("int4multirange", &["{}", "{[1,3),[5,)}"]),
    ("bit(4)", &["0101"]),
    ("varbit", &["", "1"]),
    ("timetz", &["12:00:00.5+05:30"]),
    ("money", &["-1234.56"]),
    ("oid", &["4294967295"]),
    ("name", &["a name"]),
    ("\"char\"", &["", "a"]),
    ("pg_lsn", &["16/B374D848"]),
];

const TYPES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'very \"happy\", {really}', '');
    CREATE DOMAIN positive AS numeric CHECK (VALUE > 0); CREATE DOMAIN short AS varchar(3) NOT NULL;
    CREATE DOMAIN address AS inet;";

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[test]
fn every_type_passes_through_unharmed() {
    let columns: Vec<String> = VALUES.iter().enumerate().map(|(i, (ty, _))| format!("c{i} {ty}")).collect();
    let columns = columns.join(", ");
    // One row a value; all other columns are null, but for the domain that may not be.
    let mut inserts = vec!["INSERT INTO t DEFAULT VALUES".to_owned()];
    let short = VALUES.iter().position(|(ty, _)| *ty == "short").expect("it is there");
    for (i, (ty, values)) in VALUES.iter().enumerate() {
        inserts.extend(values.iter().map(|value| format!("INSERT INTO t (c{i}) VALUES ({}::{ty})", literal(value))));
    }
    let before = format!(
        "{TYPES} SET timezone = 'Asia/Kolkata'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard';
         CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, {columns}); ALTER TABLE t ALTER c{short} SET DEFAULT '';
         {}; CREATE TABLE bag AS SELECT * FROM t; ALTER TABLE bag REPLICA IDENTITY FULL;
         RESET timezone; RESET datestyle; RESET intervalstyle",
        inserts.join(";")
    );
    Case {
        tables: &[("t", "*"), ("bag", "*")],
        before: &before,
        steps: &[
            &inserts.join(";"),
            "UPDATE t SET id = id + 10000 WHERE id > 50; UPDATE bag SET id = -id; INSERT INTO bag SELECT * FROM t",
            "DELETE FROM bag WHERE id % 2 = 0; DELETE FROM t WHERE id % 3 = 0",
        ],
    }
    .holds();
}

#[test]
fn every_type_is_a_key() {
    let orderless = ["json", "short", "point", "box"];
    let used: Vec<_> = VALUES.iter().filter(|(ty, _)| !orderless.contains(ty)).collect();
    let names: Vec<String> = (0..used.len()).map(|i| format!("k{i}")).collect();
    let tables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "*")).collect();
    let (mut before, mut insert, mut change, mut remove) =
        (TYPES.to_owned(), String::new(), String::new(), String::new());
    for (name, (ty, values)) in names.iter().zip(used) {
        before.push_str(&format!("CREATE TABLE {name} (k {ty} PRIMARY KEY, n int);"));
        for (i, value) in values.iter().enumerate() {
            // Values equal to one that is there (-0 and 0.000) find its row.
            let put = format!(
                "INSERT INTO {name} VALUES ({}::{ty}, {i}) ON CONFLICT (k) DO UPDATE SET k = excluded.k, n = excluded.n;",
                literal(value)
            );
            if i % 2 == 0 { before.push_str(&put) } else { insert.push_str(&put) }
        }
        change.push_str(&format!("UPDATE {name} SET n = n + 100;"));
        remove.push_str(&format!("DELETE FROM {name} WHERE n % 3 = 0;"));
    }
    Case { tables: &tables, before: &before, steps: &[&insert, &change, &remove] }.holds();
}

#[test]
fn opaque_values_are_passed_on_and_cast_to_text() {
    Case {
        tables: &[(
            "t",
            "id, a IS NULL AS nothing, COALESCE(b, a) AS either, CASE WHEN id > 1 THEN a END AS some,
             r::text AS shown, 'from ' || r AS said, upper(r::varchar) AS capital, concat(a, b) AS pair",
        )],
        before: "
            CREATE TABLE t (id int PRIMARY KEY, a inet, b inet, r int4range);
            INSERT INTO t VALUES (1, '10.0.0.1/8', NULL, '[1,5]'), (2, NULL, '::1', 'empty')",
        steps: &["UPDATE t SET a = b, b = a, r = NULL; INSERT INTO t VALUES (3, '10.0.0.1', '10.0.0.1/32', '(,)')"],
    }
    .holds();
}

#[test]
fn columns_that_cannot_be_read_stand_beside_those_that_can() {
    Case {
        tables: &[("t", "id, b"), ("bag", "id, b")],
        before: "
            CREATE TYPE pair AS (x int, y text);
            CREATE TABLE t (id int PRIMARY KEY, a pair, b text, c inet[], d pair[] NOT NULL DEFAULT '{}');
            INSERT INTO t VALUES (1, ROW(1, 'one'), 'x', '{10.0.0.1}'), (2, NULL, NULL, NULL);
            CREATE TABLE bag AS SELECT * FROM t; ALTER TABLE bag REPLICA IDENTITY FULL",
        steps: &[
            "UPDATE t SET a = ROW(2, repeat('y', 100000)), id = id + 10; INSERT INTO bag SELECT * FROM t",
            "UPDATE t SET b = b || '!'; UPDATE bag SET b = 'z'; DELETE FROM t WHERE id = 12",
        ],
    }
    .holds();
}

#[test]
fn negative_and_large_scales_pass() {
    Case {
        tables: &[("t", "*")],
        before: "CREATE TABLE t (a numeric(5,-2) PRIMARY KEY, b numeric(2,4)); INSERT INTO t VALUES (1234567, 0.00123), (-99, NULL)",
        steps: &["UPDATE t SET b = -0.0099; INSERT INTO t VALUES (9999949, 0)"],
    }
    .holds_from(15);
}

#[test]
fn generated_columns_that_nobody_reads_do_not_matter() {
    Case {
        tables: &[("t", "id, b")],
        before: "
            CREATE TABLE t (id int PRIMARY KEY, a int GENERATED ALWAYS AS (id * 2) STORED, b text);
            INSERT INTO t (id, b) VALUES (1, 'x')",
        steps: &[
            "INSERT INTO t (id, b) VALUES (2, 'y'); UPDATE t SET b = b || '!', id = id + 10",
            "DELETE FROM t WHERE a = 22",
        ],
    }
    .holds();
}

#[test]
fn long_values_and_wide_rows_pass() {
    let wide: Vec<String> = (0..1500).map(|i| format!("c{i} int DEFAULT {i}")).collect();
    let before = format!(
        "CREATE TABLE long (id int PRIMARY KEY, body text, bytes bytea); CREATE TABLE wide (id int PRIMARY KEY, {});
         INSERT INTO long VALUES (1, repeat('långt ', 1000000), decode(repeat('00ff', 500000), 'hex')); INSERT INTO wide VALUES (1)",
        wide.join(", ")
    );
    Case {
        tables: &[("long", "*"), ("wide", "*")],
        before: &before,
        steps: &[
            "INSERT INTO long SELECT 2, body, bytes FROM long; INSERT INTO wide VALUES (2); UPDATE wide SET c7 = NULL",
            "UPDATE long SET id = id + 10; UPDATE wide SET id = id + 10",
        ],
    }
    .holds();
}
