//! Who is let in, and whom the program trusts: passwords and TLS, for the queries as for the change feed.

use super::ingest::{config, content, views};
use crate::support::certificates::Certificates;
use crate::support::feed::{Feed, difference};
use crate::support::postgres::{Database, Options, PASSWORD, Postgres, USER};
use crate::support::program::ViewSet;
use std::path::Path;

const TABLES: &[(&str, &str)] = &[("t", "*")];

/// Runs `run --once` with this URL; when it must succeed, the table must have come through.
fn assert_run(database: &Database, url: &str, code: i32, says: &[&str]) {
    let set = ViewSet::new(&config(TABLES), &views(TABLES));
    let (got, _, errors) = set.run(&["run", "--once"], url);
    assert_eq!(got, code, "{url}\n{errors}");
    for words in says {
        assert!(errors.contains(words), "{url}: not a word of \"{words}\" in\n{errors}");
    }
    assert!(!errors.contains(PASSWORD), "the password is shown: {errors}");
    if code == 0 {
        let feed = Feed::read(&set.path().join("kept_0.jsonl"));
        assert_eq!(difference(&content(database, "t", "*"), &feed.at(None)), None);
    }
}

fn database(server: &Postgres) -> Database {
    let database = server.create_database();
    database.execute("CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'a'), (2, NULL)");
    database
}

#[test]
fn passwords_are_given_and_checked() {
    for programs in Postgres::installed_and_newest_programs() {
        for (authentication, settings) in
            [("scram-sha-256", vec![]), ("md5", vec!["password_encryption = md5".to_owned()]), ("password", vec![])]
        {
            let server = Postgres::start_with(Options {
                authentication,
                settings,
                programs: Some(programs.clone()),
                ..Options::default()
            });
            let database = database(&server);
            // The role's password was stored before the settings were read.
            database.execute(&format!("ALTER ROLE {USER} PASSWORD '{PASSWORD}'"));
            assert_run(&database, &database.url, 0, &[]);
            let wrong = database.url.replace(PASSWORD, "wrong");
            assert_run(&database, &wrong, 78, &["password authentication failed", USER]);
            let none = database.url.replace(&format!(":{PASSWORD}"), "");
            assert_run(&database, &none, 78, &["password"]);
        }
    }
}

#[test]
fn tls_trusts_whom_it_was_told_to() {
    let ours = Certificates::new("DNS:localhost");
    let strangers = Certificates::new("DNS:localhost");
    for programs in Postgres::installed_and_newest_programs() {
        let server = Postgres::start_with(Options {
            authentication: "scram-sha-256",
            tls_only: true,
            settings: vec!["ssl = on".into()],
            files: vec![ours.server_file("server.crt"), ours.server_file("server.key")],
            programs: Some(programs),
        });
        let database = database(&server);
        let url = |host: &str, mode: &str, authority: Option<&Path>| {
            let authority = authority.map(|path| format!("&sslrootcert={}", path.display())).unwrap_or_default();
            format!("postgres://{USER}:{PASSWORD}@{host}:{}/{}?sslmode={mode}{authority}", server.port(), database.name)
        };
        let (known, unknown, missing) = (ours.path("ca.crt"), strangers.path("ca.crt"), ours.path("none.crt"));
        let ours = Some(known.as_path());
        assert_run(&database, &url("localhost", "verify-full", ours), 0, &[]);
        assert_run(&database, &url("127.0.0.1", "verify-ca", ours), 0, &[]);
        assert_run(&database, &url("127.0.0.1", "require", None), 0, &[]);
        assert_run(&database, &url("127.0.0.1", "prefer", None), 0, &[]);
        let wrong = url("127.0.0.1", "verify-full", ours);
        assert_run(&database, &wrong, 78, &["certificate", "127.0.0.1"]);
        assert_run(&database, &url("localhost", "verify-full", Some(&unknown)), 78, &["certificate"]);
        assert_run(&database, &url("127.0.0.1", "verify-ca", Some(&unknown)), 78, &["certificate"]);
        // As in libpq: with an authority given, `require` checks it.
        assert_run(&database, &url("127.0.0.1", "require", Some(&unknown)), 78, &["certificate"]);
        assert_run(&database, &url("localhost", "verify-full", Some(&missing)), 78, &["root certificate", "none.crt"]);
        assert_run(&database, &url("127.0.0.1", "disable", None), 78, &["no encryption"]);
    }
}

#[test]
fn tls_that_the_server_has_not_is_refused() {
    let database = database(Postgres::shared());
    assert_run(&database, &format!("{}?sslmode=require", database.url), 78, &["TLS", "ssl = on"]);
    assert_run(&database, &format!("{}?sslmode=prefer", database.url), 0, &[]);
}
