//! Changes of a table's definition: harmless ones go on, others stop the program with a sentence that says what to do.

use super::ingest::{Case, Kept, clock};
use crate::support::postgres::Postgres;

#[test]
fn harmless_changes_go_on() {
    Case {
        tables: &[("t", "id, a, price"), ("bag", "a")],
        before: "
            CREATE TABLE t (id int PRIMARY KEY, a varchar(10), price numeric(8, 2), unread int, doomed text, made int DEFAULT 1);
            CREATE INDEX by_a ON t (a); CREATE TABLE bag (a int, b text); ALTER TABLE bag REPLICA IDENTITY FULL;
            INSERT INTO t VALUES (1, 'a', 1.5, 0, 'x'); INSERT INTO bag VALUES (1, 'x'), (1, 'y')",
        steps: &[
            "ALTER TABLE t ADD later int DEFAULT 7; INSERT INTO t VALUES (2, 'b', 2); UPDATE t SET later = 8",
            "ALTER TABLE t DROP doomed; UPDATE t SET a = 'c' WHERE id = 1",
            "ALTER TABLE t RENAME unread TO never_read; ALTER TABLE t ALTER never_read TYPE text; UPDATE t SET price = 3",
            "ALTER TABLE t ALTER a TYPE varchar(20); ALTER TABLE t ALTER price TYPE numeric(12, 2);
             UPDATE t SET a = 'a longer text now', price = 9999999.25",
            "ALTER INDEX by_a RENAME TO by_b; CREATE INDEX ON t (price); ANALYZE t",
            "VACUUM FULL t",
            "UPDATE t SET price = 5; ALTER TABLE bag DROP b; INSERT INTO bag VALUES (2)",
            "ALTER TABLE bag ADD c int; INSERT INTO bag VALUES (2, 9); DELETE FROM bag WHERE c IS NULL",
            "BEGIN; ALTER TABLE t ADD column gone int; UPDATE t SET gone = 1, price = 6; ALTER TABLE t DROP gone;
             UPDATE t SET price = 7 WHERE id = 2; COMMIT",
            "COMMENT ON TABLE t IS 'x'; ALTER TABLE t SET (fillfactor = 50); GRANT SELECT ON t TO PUBLIC; UPDATE t SET price = 8",
        ],
    }
    .holds();
}

/// What is done to table `t (id, a, n)`, of which all is read, and what the program must say.
const HARMFUL: &[(&str, &[&str])] = &[
    ("ALTER TABLE t DROP a; UPDATE t SET n = 2", &["t.a was dropped or renamed", "restart"]),
    ("ALTER TABLE t RENAME a TO b; UPDATE t SET n = 2", &["t.a was dropped or renamed", "restart"]),
    ("ALTER TABLE t ALTER n TYPE bigint; UPDATE t SET n = 2", &["the type of t.n was changed", "restart"]),
    ("ALTER TABLE t ALTER a TYPE varchar(3); UPDATE t SET n = 2", &["the type of t.a was changed", "restart"]),
    (
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n); UPDATE t SET n = 2 WHERE id = 1",
        &["key", "t", "was changed", "restart"],
    ),
    ("ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t REPLICA IDENTITY NOTHING", &["t", "key", "restart"]),
    ("DROP TABLE t", &["t", "restart"]),
    (
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a varchar(10), n int)",
        &["t", "dropped and created again", "restart"],
    ),
    (
        "ALTER PUBLICATION tidegate_db DROP TABLE t",
        &["publication tidegate_db no longer carries t", "tidegate setup", "restart"],
    ),
    ("DROP PUBLICATION tidegate_db; UPDATE t SET n = 2", &["publication", "tidegate_db"]),
    (
        "ALTER PUBLICATION tidegate_db SET (publish = 'insert')",
        &["publication tidegate_db leaves out UPDATE", "ALTER PUBLICATION"],
    ),
    (
        "CREATE TABLE root (id int PRIMARY KEY, a varchar(10), n int) PARTITION BY LIST (id);
         ALTER PUBLICATION tidegate_db ADD TABLE root; ALTER TABLE root ATTACH PARTITION t DEFAULT; UPDATE t SET n = 2",
        &["publication tidegate_db no longer carries t", "restart"],
    ),
];

#[test]
fn harmful_changes_stop_and_say_what_to_do() {
    for server in Postgres::installed_and_newest() {
        let runs: Vec<_> = HARMFUL
            .iter()
            .map(|(change, says)| {
                let database = server.create_database();
                database.execute(
                    "CREATE TABLE t (id int PRIMARY KEY, a varchar(10), n int); INSERT INTO t VALUES (1, 'a', 1), (3, 'c', 3);
                     CREATE TABLE other (id int PRIMARY KEY)",
                );
                let mut kept = Kept::start(&database, &[("t", "*"), ("other", "*")]);
                kept.wait_for(clock(&database));
                database.execute(change);
                (kept, change, says)
            })
            .collect();
        for (kept, change, says) in runs {
            let (code, errors) = kept.ended();
            assert_eq!(code, Some(80), "{change}\n{errors}");
            for words in *says {
                assert!(errors.contains(words), "{change}: not a word of \"{words}\" in\n{errors}");
            }
        }
    }
}
