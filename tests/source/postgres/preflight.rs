//! What is refused before anything is read: the exit code, and a message that names the thing and its remedy.

use super::ingest::{Kept, clock, config, views};
use crate::support::feed::difference;
use crate::support::postgres::{Database, Options, Postgres};
use crate::support::program::ViewSet;

/// A refusal.
struct Refusal<'a> {
    /// What is run in the database, as the superuser; `$role` is a role of its own that may replicate and nothing more.
    before: &'a str,
    /// Whether the program comes as that role.
    as_role: bool,
    /// What is changed in `tidegate.toml`.
    config: &'a [(&'a str, &'a str)],
    code: i32,
    says: &'a [&'a str],
}

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int);";

/// Runs the program against a new database of this server.
fn run(server: &Postgres, refusal: &Refusal<'_>) -> (Database, i32, String) {
    let database = server.create_database();
    let role = format!("role_{}", database.name);
    database.execute(&format!("CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'x'"));
    database.execute(&refusal.before.replace("$role", &role));
    let mut text = config(&[("t", "*")]);
    for (from, to) in refusal.config {
        assert!(text.contains(from), "nothing to change in\n{text}");
        text = text.replace(from, to);
    }
    let set = ViewSet::new(&text, &views(&[("t", "*")]));
    let as_role = format!("postgres://{role}:x@127.0.0.1:{}/{}", server.port(), database.name);
    let (code, _, errors) = set.run(&["run", "--once"], if refusal.as_role { &as_role } else { &database.url });
    (database, code, errors)
}

fn assert_refused(server: &Postgres, refusals: &[Refusal<'_>]) {
    for refusal in refusals {
        let (database, code, errors) = run(server, refusal);
        let what = format!("{} {:?}\n{errors}", refusal.before, refusal.config);
        assert_eq!(code, refusal.code, "{what}");
        for words in refusal.says {
            let words = words.replace("$role", &format!("role_{}", database.name));
            assert!(errors.contains(&words), "not a word of \"{words}\" after {what}");
        }
        let slots = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()";
        assert_eq!(database.value(slots), "0", "a slot was left after {what}");
    }
}

#[test]
fn what_a_role_may_not_do_is_refused() {
    let grants = "GRANT USAGE ON SCHEMA public TO $role; GRANT SELECT ON ALL TABLES IN SCHEMA public TO $role";
    let refusals = [
        ("ALTER ROLE $role NOREPLICATION;", &["role $role may not replicate", "ALTER ROLE", "REPLICATION"][..]),
        ("REVOKE SELECT ON t FROM $role;", &["no permission to read t", "GRANT SELECT ON \"public\".\"t\""]),
        (
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM $role;",
            &["no permission to use schema public", "GRANT USAGE ON SCHEMA"],
        ),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY;", &["row-level security on t", "BYPASSRLS"]),
        // It may read and replicate, but the publication is the owner's business.
        ("", &["cannot set the publication up", "owner", "CREATE PUBLICATION \"tidegate_db\" FOR TABLE"]),
    ];
    let before: Vec<String> = refusals.iter().map(|(before, _)| format!("{TABLE} {grants}; {before}")).collect();
    let refusals: Vec<Refusal<'_>> = refusals
        .iter()
        .zip(&before)
        .map(|((_, says), before)| Refusal { before, as_role: true, config: &[], code: 80, says })
        .collect();
    for server in Postgres::installed_and_newest() {
        assert_refused(server, &refusals);
    }
}

#[test]
fn tables_that_cannot_be_followed_are_refused() {
    let operator = |before, says| Refusal { before, as_role: false, config: &[], code: 80, says };
    let config = |before, says| Refusal { before, as_role: false, config: &[], code: 78, says };
    let refusals = [
        operator("CREATE TABLE t (id int)", &["t has no primary key", "REPLICA IDENTITY FULL"][..]),
        operator(
            "CREATE TABLE t (id int NOT NULL); CREATE UNIQUE INDEX i ON t (id);
             ALTER TABLE t REPLICA IDENTITY USING INDEX i; DROP INDEX i",
            &["the index that is t's replica identity is gone", "REPLICA IDENTITY DEFAULT"],
        ),
        // The key of a deferrable constraint identifies nothing.
        operator("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)", &["t has no primary key", "REPLICA IDENTITY FULL"]),
        operator(
            "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
            &["t.twice is a generated column", "compute it in the view"],
        ),
        operator(
            "CREATE TABLE t (id int, twice int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
            &["t.twice is a generated column", "REPLICA IDENTITY USING INDEX"],
        ),
        operator(
            "CREATE TABLE t (id int) PARTITION BY LIST (id); ALTER TABLE t REPLICA IDENTITY FULL;
             CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)",
            &["t_1, a partition of t, has no primary key", "ALTER TABLE t_1 REPLICA IDENTITY FULL"],
        ),
        config("CREATE TABLE \"T\" (id int PRIMARY KEY)", &["there is no table t", "did you mean \"T\"?"]),
        config("CREATE TABLE things (id int PRIMARY KEY)", &["there is no table t", "check the name and the database"]),
        config("CREATE VIEW t AS SELECT 1 AS id", &["t is a view", "name the tables under it"]),
        config(
            "CREATE MATERIALIZED VIEW t AS SELECT 1 AS id",
            &["t is a materialized view", "name the tables under it"],
        ),
        config("CREATE UNLOGGED TABLE t (id int PRIMARY KEY)", &["t is unlogged", "SET LOGGED"]),
        config("CREATE SEQUENCE t", &["t is a sequence"]),
        config(
            "CREATE TYPE pair AS (x int, y int); CREATE TABLE t (id int PRIMARY KEY, at pair)",
            &["type pair of column \"at\" is not supported", "Name the other columns instead of *"],
        ),
    ];
    for server in Postgres::installed_and_newest() {
        assert_refused(server, &refusals);
    }
}

#[test]
fn publications_that_do_not_carry_the_tables_whole_are_refused() {
    let no_create = &[("create = true", "create = false")][..];
    let refusal = |before, says| Refusal { before, as_role: false, config: no_create, code: 80, says };
    let refusals = [
        refusal(
            TABLE,
            &["there is no publication tidegate_db", "tidegate setup", "create = true", "CREATE PUBLICATION"][..],
        ),
        refusal(
            "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); CREATE PUBLICATION tidegate_db FOR TABLE u",
            &["publication tidegate_db lacks t", "tidegate setup", "ALTER PUBLICATION \"tidegate_db\" ADD TABLE"],
        ),
        refusal(
            "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION tidegate_db FOR TABLE t WITH (publish = 'insert, update')",
            &["publication tidegate_db leaves out DELETE, TRUNCATE", "ALTER PUBLICATION"],
        ),
        refusal(
            "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE PUBLICATION tidegate_db FOR TABLE t",
            &["t is partitioned", "publish_via_partition_root"],
        ),
        refusal(
            "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF root FOR VALUES IN (1);
             CREATE PUBLICATION tidegate_db FOR ALL TABLES WITH (publish_via_partition_root = true)",
            &["t is a partition of root", "tells its changes as root's", "read root instead", "another publication"],
        ),
    ];
    let from_15 = [
        refusal(
            "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE PUBLICATION tidegate_db FOR TABLE t WHERE (id > 3)",
            &["publication tidegate_db filters the rows of t", "publish it without WHERE and filter in the view"],
        ),
        refusal(
            "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE PUBLICATION tidegate_db FOR TABLE t (id)",
            &["publication tidegate_db leaves out columns of t: n", "publish it without a column list"],
        ),
    ];
    for server in Postgres::installed_and_newest() {
        assert_refused(server, &refusals);
        if server.version() >= 15 {
            assert_refused(server, &from_15);
        }
    }
}

#[test]
fn a_table_and_its_partition_are_not_read_at_once() {
    let both = [("\"t\"]", "\"t\", \"t_1\"]")];
    let before =
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)";
    let says = &["tables has both t and its partition t_1", "leave t_1 out"];
    for server in Postgres::installed_and_newest() {
        assert_refused(server, &[Refusal { before, as_role: false, config: &both, code: 78, says }]);
    }
}

/// Before Postgres 18 such tables can be updated, and their changes are complete.
#[test]
fn from_18_on_publishing_would_forbid_changes_to_tables_whose_identity_is_generated_in_part() {
    let says =
        &["t.twice is a generated column and part of the replica identity", "publish_generated_columns = stored"];
    let before = "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
                  ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1); UPDATE t SET id = 2";
    for server in Postgres::installed_and_newest().into_iter().filter(|server| server.version() >= 18) {
        let database = server.create_database();
        let run = |verb: &[&str]| {
            let text = config(&[("t", "id")]);
            ViewSet::new(&text, &views(&[("t", "id")])).run(verb, &database.url)
        };
        database.execute(before);
        for verb in [&["setup"][..], &["run", "--once"]] {
            let (code, _, errors) = run(verb);
            assert!(code == 80 && says.iter().all(|words| errors.contains(words)), "{verb:?}: {code}\n{errors}");
        }
        database.execute("CREATE PUBLICATION tidegate_db FOR TABLE t WITH (publish_generated_columns = stored)");
        let mut kept = Kept::start(&database, &[("t", "id")]);
        kept.wait_for(kept.moment().clock);
        database.another().execute("UPDATE t SET id = 3");
        let moment = kept.moment();
        kept.wait_for(moment.clock);
        assert_eq!(difference(&moment.tables[0], &kept.stop()[0].at(None)), None);
    }
}

#[test]
fn a_server_that_cannot_give_a_slot_is_refused() {
    for programs in Postgres::installed_and_newest_programs() {
        let with = |settings: &[&str]| {
            let settings = settings.iter().map(ToString::to_string).collect();
            Postgres::start_with(Options { programs: Some(programs.clone()), settings, ..Options::default() })
        };
        let refusal = |says| Refusal { before: TABLE, as_role: false, config: &[], code: 80, says };
        let replica = with(&["wal_level = replica"]);
        assert_refused(&replica, &[refusal(&["wal_level is replica", "ALTER SYSTEM SET wal_level = logical"])]);

        let narrow = with(&["max_wal_senders = 1", "max_replication_slots = 2"]);
        let database = narrow.create_database();
        database.execute(TABLE);
        let mut kept = Kept::start(&database, &[("t", "*")]);
        kept.wait_for(clock(&database));
        assert_refused(&narrow, &[refusal(&["no free walsender", "max_wal_senders"])]);
        kept.stop();
        database.execute("SELECT pg_create_physical_replication_slot('a'), pg_create_physical_replication_slot('b')");
        assert_refused(
            &narrow,
            &[refusal(&["no free replication slot", "max_replication_slots", "pg_replication_slots"])],
        );
    }
}

#[test]
fn setup_creates_what_run_may_not() {
    for server in Postgres::installed_and_newest() {
        let database = server.create_database();
        database.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
        let run = |tables: &[(&str, &str)], verb: &[&str]| {
            let text = config(tables).replace("create = true", "create = false");
            ViewSet::new(&text, &views(tables)).run(verb, &database.url)
        };
        assert_eq!(run(&[("t", "*")], &["run", "--once"]).0, 80);
        let (code, said, errors) = run(&[("t", "*")], &["setup"]);
        assert!(code == 0 && said.contains("created publication tidegate_db for 1 tables"), "{said}{errors}");
        assert_eq!(run(&[("t", "*")], &["run", "--once"]).0, 0);
        assert_eq!(run(&[("t", "*"), ("u", "*")], &["run", "--once"]).0, 80);
        let (code, said, errors) = run(&[("t", "*"), ("u", "*")], &["setup"]);
        assert!(code == 0 && said.contains("added u to publication tidegate_db"), "{said}{errors}");
        assert_eq!(run(&[("t", "*"), ("u", "*")], &["setup"]).1, "source `db`: nothing to do\n");
        assert_eq!(run(&[("t", "*"), ("u", "*")], &["run", "--once"]).0, 0);
    }
}
