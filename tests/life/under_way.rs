//! What is done while the program runs, followed by a kill: the run noticed it, and the next one knows.

use super::Life;
use crate::support::postgres::Postgres;
use std::time::Duration;

const TABLES: &str = "
CREATE TABLE t (id int PRIMARY KEY, x bigint, note text, unread int DEFAULT 1);
CREATE TABLE p (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
INSERT INTO t SELECT i, i, 'note ' || i FROM generate_series(1, 300) i; INSERT INTO p SELECT i, i % 20 FROM generate_series(1, 100) i;
";

/// What is done, and what the run says that it ends for, if it does.
const CASES: &[(&str, Option<&str>)] = &[
    ("ALTER TABLE t ADD y int DEFAULT 7; UPDATE t SET y = 8, x = 2 WHERE id = 2", None),
    ("ALTER TABLE t DROP unread; UPDATE t SET x = 3 WHERE id = 3", None),
    ("VACUUM FULL t; UPDATE t SET x = 4 WHERE id = 4", None),
    ("TRUNCATE p_1", None),
    // The session that looks at the catalog is lost, while the stream lives.
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND backend_type = 'client backend'; TRUNCATE p_2",
        None,
    ),
    ("ALTER TABLE t ALTER x TYPE bigint USING x + 1000", None),
    (
        "ALTER PUBLICATION tidegate_db DROP TABLE t; UPDATE t SET x = 5 WHERE id = 5; ALTER PUBLICATION tidegate_db ADD TABLE t",
        None,
    ),
    (
        "ALTER TABLE t ALTER note TYPE varchar(40); UPDATE t SET x = 6 WHERE id = 6",
        Some("the type of t.note was changed"),
    ),
    (
        "DROP TABLE p; CREATE TABLE p (id int, day int, PRIMARY KEY (id, day)); INSERT INTO p VALUES (1, 1)",
        Some("restart"),
    ),
    ("DROP PUBLICATION tidegate_db; UPDATE t SET x = 7 WHERE id = 7", Some("tidegate_db")),
];

#[test]
fn what_is_done_while_it_runs_is_right_after_a_kill() {
    std::thread::scope(|scope| {
        for server in Postgres::installed_and_newest() {
            scope.spawn(|| all_cases(server));
        }
    });
}

fn all_cases(server: &Postgres) {
    let life = Life::new(
        server.create_database(),
        &["t", "p"],
        &[("rows_of_t", "SELECT id, x, note FROM t"), ("days", "SELECT day, count(*) AS n FROM p GROUP BY day")],
    );
    life.database.execute(TABLES);
    let mut program = life.start();
    life.settle(&mut program);
    for (done, ends) in CASES {
        for statement in done.split(';') {
            life.database.execute(statement);
        }
        match ends {
            None => drop(life.settle(&mut program)),
            Some(said) => {
                let code = program.wait(Duration::from_secs(60)).code();
                assert_eq!(code, Some(80), "{done}\n{}", program.errors());
                assert!(program.errors().contains(said), "{done}: not said: {said}\n{}", program.errors());
            }
        }
        // It is killed.
        drop(program);
        program = life.start();
        life.settle(&mut program);
    }
    program.terminate();
}
