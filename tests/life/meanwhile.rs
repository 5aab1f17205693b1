//! What is done to the tables and the publication while nothing runs. The feed tells some of it at the next start; what it does not
//! tell costs the tables a second reading; what forbids reading stops the run.

use super::Begins::{Anew, On};
use super::{Begins, Life};
use crate::support::postgres::Postgres;

const TABLES: &str = "
CREATE TABLE t (id int PRIMARY KEY, x bigint, note text, unread int DEFAULT 1);
CREATE TABLE bag (x bigint, note text); ALTER TABLE bag REPLICA IDENTITY FULL;
CREATE TABLE p (id int, day int, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE TABLE p_3 (id int, day int, note text, PRIMARY KEY (id, day));
INSERT INTO t SELECT i, i, 'note ' || i FROM generate_series(1, 300) i; INSERT INTO bag SELECT i % 50, 'b' FROM generate_series(1, 200) i;
INSERT INTO p SELECT i, i % 20, 'p' FROM generate_series(1, 100) i; INSERT INTO p_3 SELECT i, 25, 'q' FROM generate_series(1, 50) i;
CREATE TABLE stranger (id int PRIMARY KEY);
";

const VIEWS: &[(&str, &str)] = &[
    ("rows_of_t", "SELECT id, x, note FROM t"),
    ("sums", "SELECT x, count(*) AS n, min(note) AS least FROM bag GROUP BY x"),
    ("days", "SELECT day, count(*) AS n FROM p GROUP BY day"),
];

/// What is done, how the next run begins, and from which version of Postgres on it can be done.
const CASES: &[(&str, Begins, u32)] = &[
    // What the feed tells, and what changes no row.
    ("", On, 0),
    ("UPDATE t SET x = x + 1 WHERE id < 10; TRUNCATE bag; INSERT INTO bag VALUES (1, 'after')", On, 0),
    ("VACUUM FULL t", On, 0),
    ("CLUSTER t USING t_pkey; UPDATE t SET note = 'clustered' WHERE id = 5", On, 0),
    ("ALTER TABLE t ALTER x SET STATISTICS 50, ALTER x TYPE bigint; UPDATE t SET x = 3 WHERE id = 3", On, 0),
    ("ALTER TABLE t ADD y int DEFAULT 7", On, 0),
    ("UPDATE t SET y = 8; ALTER TABLE t DROP unread; UPDATE t SET note = 'less' WHERE id = 4", On, 0),
    ("ALTER TABLE t ADD z float8 DEFAULT random(); ALTER TABLE t ALTER y TYPE text USING 'x' || y", On, 0),
    ("ALTER TABLE t DROP y; ALTER TABLE t ADD y bigint; INSERT INTO t VALUES (1000, 1, 'new', 1.5, 2)", On, 0),
    ("ALTER PUBLICATION tidegate_db ADD TABLE stranger; INSERT INTO stranger VALUES (1); UPDATE t SET x = 9 WHERE id = 9", On, 0),
    ("ALTER TABLE t RENAME TO other; UPDATE other SET x = 77 WHERE id = 7; ALTER TABLE other RENAME TO t", On, 0),
    // Rewritten with other values: the feed says nothing.
    ("ALTER TABLE t ALTER x TYPE bigint USING x + 1", Anew, 0),
    ("ALTER TABLE p ALTER note TYPE text USING note || '!'; UPDATE p SET note = 'r' WHERE id = 1", Anew, 0),
    // Another definition for a while, and then the same again.
    (
        "ALTER TABLE t ALTER note TYPE varchar(50); UPDATE t SET note = 'short'; ALTER TABLE t ALTER note TYPE text",
        Anew,
        0,
    ),
    (
        "ALTER TABLE t ALTER x DROP NOT NULL; ALTER TABLE t RENAME note TO text; UPDATE t SET text = 'renamed' WHERE id = 8;
         ALTER TABLE t RENAME text TO note",
        Anew,
        0,
    ),
    (
        "CREATE UNIQUE INDEX other_key ON bag (x) WHERE false; DROP INDEX other_key; ALTER TABLE bag REPLICA IDENTITY NOTHING;
         INSERT INTO bag VALUES (77, 'n'); ALTER TABLE bag REPLICA IDENTITY FULL; DELETE FROM bag WHERE x = 77",
        On,
        0,
    ),
    (
        "ALTER TABLE bag ADD k int NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE;
         ALTER TABLE bag REPLICA IDENTITY USING INDEX bag_k_key; UPDATE bag SET x = x + 1; ALTER TABLE bag REPLICA IDENTITY FULL",
        Anew,
        0,
    ),
    ("ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET id = -id WHERE id < 20; ALTER TABLE t REPLICA IDENTITY DEFAULT", On, 0),
    // The publication tells less for a while: what was changed then is never told.
    (
        "ALTER PUBLICATION tidegate_db DROP TABLE t; UPDATE t SET note = 'untold'; ALTER PUBLICATION tidegate_db ADD TABLE t",
        Anew,
        0,
    ),
    // `create = true` puts it back.
    ("ALTER PUBLICATION tidegate_db DROP TABLE bag; DELETE FROM bag WHERE x = 3", Anew, 0),
    ("DROP PUBLICATION tidegate_db; UPDATE t SET note = 'untold again'; DELETE FROM t WHERE id = 13", Anew, 0),
    (
        "DROP PUBLICATION tidegate_db; UPDATE t SET x = 1; CREATE PUBLICATION tidegate_db FOR TABLE t, bag, p
         WITH (publish_via_partition_root = true)",
        Anew,
        0,
    ),
    (
        "ALTER PUBLICATION tidegate_db SET (publish = 'insert'); UPDATE t SET x = 2; DELETE FROM bag;
         ALTER PUBLICATION tidegate_db SET (publish = 'insert, update, delete, truncate')",
        Anew,
        0,
    ),
    (
        "ALTER PUBLICATION tidegate_db SET TABLE t WHERE (id > 100), bag, p; UPDATE t SET note = 'x' WHERE id < 100;
         ALTER PUBLICATION tidegate_db SET TABLE t, bag, p",
        Anew,
        15,
    ),
    (
        "ALTER PUBLICATION tidegate_db SET TABLE t (id, note), bag, p; UPDATE t SET x = 55;
         ALTER PUBLICATION tidegate_db SET TABLE t, bag, p",
        Anew,
        15,
    ),
    // Partitions: their coming, going and emptying is not told.
    ("ALTER TABLE p ATTACH PARTITION p_3 FOR VALUES FROM (20) TO (30)", Anew, 0),
    ("TRUNCATE p_1", Anew, 0),
    ("ALTER TABLE p DETACH PARTITION p_2; INSERT INTO p_2 VALUES (5000, 11, 'not in p')", Anew, 0),
    ("DROP TABLE p_3; INSERT INTO p VALUES (6000, 1, 'p')", Anew, 0),
    // Names that change places.
    (
        "CREATE TABLE s (LIKE t INCLUDING ALL); INSERT INTO s (id, x) SELECT i, i FROM generate_series(1, 5) i;
         ALTER TABLE t RENAME TO u; ALTER TABLE s RENAME TO t",
        Anew,
        0,
    ),
];

/// What stops the next run, what it says, and what mends it.
const REFUSED: &[(&str, &[&str], &str, u32)] = &[
    (
        "ALTER PUBLICATION tidegate_db SET (publish = 'insert'); UPDATE t SET x = 1001",
        &["publication tidegate_db leaves out UPDATE", "ALTER PUBLICATION \"tidegate_db\" SET (publish"],
        "ALTER PUBLICATION tidegate_db SET (publish = 'insert, update, delete, truncate')",
        0,
    ),
    (
        "ALTER PUBLICATION tidegate_db SET TABLE t WHERE (id > 100), bag, p; UPDATE t SET x = 2002",
        &["publication tidegate_db filters the rows of t", "without WHERE"],
        "ALTER PUBLICATION tidegate_db SET TABLE t, bag, p",
        15,
    ),
    (
        "ALTER PUBLICATION tidegate_db SET TABLE t (id, note), bag, p; UPDATE t SET x = 3003",
        &["publication tidegate_db leaves out columns of t: x", "without a column list"],
        "ALTER PUBLICATION tidegate_db SET TABLE t, bag, p",
        15,
    ),
    (
        "ALTER TABLE bag REPLICA IDENTITY DEFAULT; INSERT INTO bag VALUES (104, 'x')",
        &["bag has no primary key", "REPLICA IDENTITY FULL"],
        "ALTER TABLE bag REPLICA IDENTITY FULL",
        0,
    ),
];

#[test]
fn what_is_done_to_tables_and_publications_while_nothing_runs() {
    std::thread::scope(|scope| {
        for server in Postgres::installed_and_newest() {
            scope.spawn(|| all_cases(server));
        }
    });
}

fn all_cases(server: &Postgres) {
    let life = Life::new(server.create_database(), &["t", "bag", "p"], VIEWS);
    life.database.execute(TABLES);
    assert_eq!(life.run(), Anew);
    for (done, begins, version) in CASES.iter().filter(|(.., version)| server.version() >= *version) {
        for statement in done.split(';').filter(|statement| !statement.trim().is_empty()) {
            life.database.execute(statement);
        }
        assert_eq!(life.run(), *begins, "Postgres {}, {version}: {done}", server.version());
    }
    for (done, said, mend, version) in REFUSED.iter().filter(|(.., version)| server.version() >= *version) {
        life.database.execute(done);
        life.refused(80, said);
        life.database.execute(mend);
        life.run();
        life.database.execute("UPDATE t SET x = x + 1");
        assert_eq!(life.run(), On, "Postgres {}, {version}: {done}", server.version());
    }
}
