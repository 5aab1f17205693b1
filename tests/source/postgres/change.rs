//! Inserts, updates, deletes and truncates under every replica identity, with large values and moving keys.

use super::ingest::Case;

#[test]
fn the_snapshot_is_the_tables() {
    Case {
        tables: &[("orders", "*"), ("empty", "*"), ("bag", "*"), ("wide", "id")],
        before: "
            CREATE TABLE orders (id int PRIMARY KEY, note text);
            INSERT INTO orders SELECT i, nullif('note ' || i % 7, 'note 3') FROM generate_series(1, 30000) i;
            CREATE TABLE empty (id int PRIMARY KEY);
            CREATE TABLE bag (a int, b text); ALTER TABLE bag REPLICA IDENTITY FULL;
            INSERT INTO bag SELECT i % 3, 'twice' FROM generate_series(1, 10) i;
            -- One row a page, more pages than one COPY reads.
            CREATE TABLE wide (id int PRIMARY KEY, filling text); ALTER TABLE wide ALTER filling SET STORAGE PLAIN;
            INSERT INTO wide SELECT i, repeat('x', 4100) FROM generate_series(1, 17000) i",
        steps: &["INSERT INTO empty VALUES (1)", "DELETE FROM orders WHERE id % 2 = 0"],
    }
    .holds();
}

#[test]
fn changes_are_told_under_every_replica_identity() {
    let steps = |table: &str| {
        vec![
            format!("INSERT INTO {table} VALUES (1, 'a', 'one', 1.5), (2, 'b', 'two', 2.5), (3, 'c', NULL, NULL)"),
            format!("UPDATE {table} SET note = note || '!', price = price + 1"),
            format!("UPDATE {table} SET id = id + 10, code = code || code WHERE id >= 2"),
            format!("DELETE FROM {table} WHERE id = 1; INSERT INTO {table} VALUES (1, 'z', 'again', 0)"),
            format!("BEGIN; UPDATE {table} SET id = 99 WHERE id = 1; UPDATE {table} SET id = 1 WHERE id = 99; COMMIT"),
            format!("BEGIN; DELETE FROM {table}; INSERT INTO {table} VALUES (5, 'e', 'five', 5); COMMIT"),
            format!("BEGIN; TRUNCATE {table}; INSERT INTO {table} VALUES (6, 'f', 'six', 6); COMMIT"),
        ]
    };
    let tables = ["by_key", "by_index", "whole", "whole_keyed"];
    let steps: Vec<String> = tables.iter().flat_map(|table| steps(table)).collect();
    Case {
        tables: &tables.map(|table| (table, "*")),
        before: "
            CREATE TABLE by_key (id int, code text, note text, price numeric, PRIMARY KEY (code, id));
            CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL, note text, price numeric);
            CREATE UNIQUE INDEX by_code ON by_index (code); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_code;
            CREATE TABLE whole (id int, code text, note text, price numeric); ALTER TABLE whole REPLICA IDENTITY FULL;
            CREATE TABLE whole_keyed (id int PRIMARY KEY, code text, note text, price numeric);
            ALTER TABLE whole_keyed REPLICA IDENTITY FULL",
        steps: &steps.iter().map(String::as_str).collect::<Vec<_>>(),
    }
    .holds();
}

#[test]
fn a_table_without_identity_is_inserted_into_only() {
    Case {
        tables: &[("log", "*"), ("keyed_log", "*")],
        before: "
            CREATE TABLE log (line text); ALTER TABLE log REPLICA IDENTITY NOTHING;
            CREATE TABLE keyed_log (id int PRIMARY KEY, line text); ALTER TABLE keyed_log REPLICA IDENTITY NOTHING;
            INSERT INTO log VALUES ('a'), ('a'), (NULL); INSERT INTO keyed_log VALUES (1, 'a')",
        steps: &[
            "INSERT INTO log VALUES ('a'), ('b'); INSERT INTO keyed_log VALUES (2, 'a'), (3, NULL)",
            "BEGIN; INSERT INTO log VALUES ('c'); TRUNCATE log, keyed_log; INSERT INTO log VALUES ('d'), ('d'); COMMIT",
        ],
    }
    .holds();
}

/// A text that is stored out of line, and so not told again while it does not change.
const LARGE: &str = "(SELECT string_agg(md5(x::text || $), '') FROM generate_series(1, 400) x)";

#[test]
fn large_values_that_did_not_change_stay() {
    let large = |salt: &str| LARGE.replace('$', &format!("'{salt}'"));
    let (a, b, c) = (large("a"), large("b"), large("c"));
    let before: String = ["by_key", "by_index", "whole", "whole_keyed"]
        .iter()
        .map(|table| {
            format!(
                "CREATE TABLE {table} (id int NOT NULL, n int, body text, other text);
                 INSERT INTO {table} VALUES (1, 1, {a}, {b}), (2, 1, {b}, NULL);"
            )
        })
        .collect();
    let before = before
        + "ALTER TABLE by_key ADD PRIMARY KEY (id); ALTER TABLE whole_keyed ADD PRIMARY KEY (id);
           CREATE UNIQUE INDEX one ON by_index (id); ALTER TABLE by_index REPLICA IDENTITY USING INDEX one;
           ALTER TABLE whole REPLICA IDENTITY FULL; ALTER TABLE whole_keyed REPLICA IDENTITY FULL";
    let steps = |table: &str| {
        vec![
            format!("UPDATE {table} SET n = n + 1"),
            format!("UPDATE {table} SET body = 'short' WHERE id = 2; UPDATE {table} SET n = 7 WHERE id = 2"),
            format!("UPDATE {table} SET other = {c} WHERE id = 1; UPDATE {table} SET n = 9 WHERE id = 1"),
            // The row moves with its large values.
            format!("UPDATE {table} SET id = 3 WHERE id = 1"),
            format!(
                "BEGIN; UPDATE {table} SET id = 4, n = 4 WHERE id = 3; UPDATE {table} SET n = 5 WHERE id = 4; COMMIT"
            ),
            // A row that is made, changed in part, moved and changed again within one transaction.
            format!(
                "BEGIN; INSERT INTO {table} VALUES (10, 1, {a}, {a}); UPDATE {table} SET n = 2 WHERE id = 10;
                 UPDATE {table} SET id = 11 WHERE id = 10; UPDATE {table} SET n = 3, other = 'x' WHERE id = 11;
                 UPDATE {table} SET id = 10 WHERE id = 11; COMMIT"
            ),
            // Another row takes the place that was left, and the two change places.
            format!(
                "BEGIN; UPDATE {table} SET id = 20 WHERE id = 10; UPDATE {table} SET id = 10 WHERE id = 4;
                 UPDATE {table} SET id = 4 WHERE id = 20; UPDATE {table} SET n = n + 100; COMMIT"
            ),
            format!(
                "BEGIN; DELETE FROM {table} WHERE id = 4; INSERT INTO {table} VALUES (4, 0, {c}, {c});
                 UPDATE {table} SET n = 1 WHERE id = 4; COMMIT"
            ),
            format!(
                "BEGIN; TRUNCATE {table}; INSERT INTO {table} VALUES (1, 1, {a}, NULL); UPDATE {table} SET n = 2; COMMIT"
            ),
        ]
    };
    let tables = ["by_key", "by_index", "whole", "whole_keyed"];
    let steps: Vec<String> = tables.iter().flat_map(|table| steps(table)).collect();
    Case {
        tables: &tables.map(|table| (table, "*")),
        before: &before,
        steps: &steps.iter().map(String::as_str).collect::<Vec<_>>(),
    }
    .holds();
}

#[test]
fn large_values_that_nobody_reads_do_not_matter() {
    let before = format!(
        "CREATE TABLE t (id int PRIMARY KEY, n int, body text, unread text); INSERT INTO t VALUES (1, 1, {0}, {0})",
        LARGE.replace('$', "'a'")
    );
    Case {
        tables: &[("t", "id, n")],
        before: &before,
        steps: &["UPDATE t SET n = 2", "UPDATE t SET id = 2", "UPDATE t SET unread = NULL, id = 3"],
    }
    .holds();
}

#[test]
fn keys_that_are_equal_in_another_form_are_one_row() {
    Case {
        tables: &[("t", "*"), ("f", "*")],
        before: "
            CREATE TABLE t (k numeric PRIMARY KEY, n int); INSERT INTO t VALUES (1.0, 1), (2, 1);
            CREATE TABLE f (k float8, c char(5), i interval, n int, PRIMARY KEY (k, c, i));
            INSERT INTO f VALUES (0.0, 'a', '1 month', 1)",
        steps: &[
            "UPDATE t SET k = 1.00 WHERE k = 1",
            "UPDATE t SET n = 2 WHERE k = 1; DELETE FROM t WHERE k = 1.000; INSERT INTO t VALUES (1.0000, 3)",
            "UPDATE f SET k = -0.0; UPDATE f SET i = '30 days'; UPDATE f SET n = 2, c = 'a   '",
            "DELETE FROM f; INSERT INTO f VALUES ('-0', 'b', '720:00', 5)",
        ],
    }
    .holds();
}

#[test]
fn savepoints_and_rollbacks_leave_what_was_committed() {
    Case {
        tables: &[("t", "*"), ("bag", "*")],
        before: "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1);
                 CREATE TABLE bag (n int); ALTER TABLE bag REPLICA IDENTITY FULL",
        steps: &[
            "BEGIN; INSERT INTO t VALUES (2, 2); INSERT INTO bag VALUES (2); ROLLBACK",
            "BEGIN; INSERT INTO t VALUES (3, 3); SAVEPOINT a; UPDATE t SET n = 30; INSERT INTO bag VALUES (1);
             ROLLBACK TO a; INSERT INTO bag VALUES (4); SAVEPOINT b; DELETE FROM t WHERE id = 1; RELEASE b; COMMIT",
            "BEGIN; SAVEPOINT a; TRUNCATE t, bag; ROLLBACK TO a; INSERT INTO t VALUES (5, 5); COMMIT",
            "BEGIN; SAVEPOINT a; INSERT INTO t VALUES (6, 6); SAVEPOINT b; INSERT INTO t VALUES (7, 7); RELEASE b;
             ROLLBACK TO a; TRUNCATE t; INSERT INTO t VALUES (8, 8); COMMIT",
            "INSERT INTO t SELECT i, i FROM generate_series(100, 3000) i; INSERT INTO bag SELECT n FROM t",
        ],
    }
    .holds();
}

#[test]
fn tables_are_truncated_together() {
    Case {
        tables: &[("parent", "*"), ("child", "*"), ("bag", "*")],
        before: "CREATE TABLE parent (id int PRIMARY KEY);
                 CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
                 CREATE TABLE bag (n int); ALTER TABLE bag REPLICA IDENTITY FULL;
                 INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 1); INSERT INTO bag VALUES (1), (1)",
        steps: &[
            "TRUNCATE parent CASCADE",
            "INSERT INTO parent VALUES (3); INSERT INTO child VALUES (3, 3); TRUNCATE bag RESTART IDENTITY",
            "BEGIN; INSERT INTO bag VALUES (5); TRUNCATE child, bag; INSERT INTO bag VALUES (6); TRUNCATE bag; COMMIT",
        ],
    }
    .holds();
}
