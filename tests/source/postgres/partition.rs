//! Partitioned tables: the rows of the root, wherever they lie.

use super::ingest::{Case, Kept};
use crate::support::feed::difference;
use crate::support::postgres::Postgres;
use std::time::{Duration, Instant};

#[test]
fn a_partitioned_table_is_one_table() {
    Case {
        tables: &[("events", "*"), ("deep", "*")],
        before: "
            CREATE TABLE events (id int, day int, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
            CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
            -- The same columns in another order, with one dropped.
            CREATE TABLE events_2 (gone int, note text, day int NOT NULL, id int NOT NULL);
            ALTER TABLE events_2 DROP gone; ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (10) TO (20);
            INSERT INTO events SELECT i, i % 20, 'n' || i FROM generate_series(1, 100) i;
            CREATE TABLE deep (a int, b int, c text) PARTITION BY LIST (a);
            CREATE TABLE deep_1 PARTITION OF deep FOR VALUES IN (1) PARTITION BY LIST (b);
            CREATE TABLE deep_1_1 PARTITION OF deep_1 FOR VALUES IN (1);
            CREATE TABLE deep_rest PARTITION OF deep DEFAULT;
            ALTER TABLE deep REPLICA IDENTITY FULL; ALTER TABLE deep_1_1 REPLICA IDENTITY FULL;
            ALTER TABLE deep_rest REPLICA IDENTITY FULL;
            INSERT INTO deep VALUES (1, 1, 'x'), (2, 2, 'y'), (2, 2, 'y')",
        steps: &[
            "INSERT INTO events VALUES (1000, 3, 'new'); UPDATE events SET note = 'changed' WHERE id % 3 = 0",
            // Rows move from one partition to the other.
            "UPDATE events SET day = 19 - day; DELETE FROM events WHERE day = 4",
            "INSERT INTO events_2 VALUES ('direct', 11, 2000)",
            "UPDATE deep SET a = 1, b = 1 WHERE c = 'y'; UPDATE deep SET a = 7, c = 'z' WHERE c = 'x'",
            "BEGIN; TRUNCATE deep; INSERT INTO deep VALUES (1, 1, 'only'); COMMIT",
            "TRUNCATE events; INSERT INTO events VALUES (1, 1, 'after')",
        ],
    }
    .holds();
}

/// What no change feed tells: each statement is followed until the file tells what the table holds.
#[test]
fn partitions_that_come_and_go_are_noticed() {
    for server in Postgres::installed_and_newest() {
        let database = server.create_database();
        database.execute(
            "CREATE TABLE events (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
             CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
             CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
             CREATE TABLE events_3 (id int, day int, PRIMARY KEY (id, day)); INSERT INTO events_3 SELECT i, 25 FROM generate_series(1, 50) i;
             INSERT INTO events SELECT i, i % 20 FROM generate_series(1, 100) i",
        );
        let mut kept = Kept::start(&database, &[("events", "*")]);
        kept.wait_for(kept.moment().clock);
        for statement in [
            "TRUNCATE events_1",
            "ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM (20) TO (30)",
            "ALTER TABLE events DETACH PARTITION events_2",
            "DROP TABLE events_3",
        ] {
            database.execute(statement);
            let expected = &kept.moment().tables[0];
            let deadline = Instant::now() + Duration::from_secs(60);
            while let Some(shown) = difference(expected, &kept.feeds()[0].at(None)) {
                assert!(Instant::now() < deadline, "after {statement}:\n{shown}\n{}", kept.errors());
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        kept.stop();
    }
}
