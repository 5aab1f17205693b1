//! Declared keys: two rows with one key, or none, are errors for as long as they are there.

use crate::support::program::ViewSet;
use crate::support::redis::RedisServer;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

const VIEWS: &str = "CREATE VIEW seat AS SELECT person, max(seat) AS seat FROM booking GROUP BY person;";

fn config(redis: &RedisServer) -> String {
    let url = redis.url();
    format!(
        r#"
[settings]
workers = 2

[sources.booking]
type = "jsonl"
path = "booking.jsonl"
follow = true
schema = {{ person = "text not null", seat = "bigint" }}

[sinks.seats]
type = "redis"
view = "seat"
url = "{url}"
key = "seat:{{seat}}"

[sinks.errors]
type = "jsonl"
view = "seat_errors"
path = "errors.jsonl"

[sinks.people]
type = "redis"
view = "booking"
url = "{url}"
key = "person:{{person}}"

[sinks.booking_errors]
type = "jsonl"
view = "booking_errors"
path = "booking_errors.jsonl"
"#
    )
}

/// What the sinks show.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    /// Keys with their rows.
    seats: BTreeSet<String>,
    /// Codes and inputs of the errors of the view.
    errors: BTreeSet<String>,
    people: BTreeSet<String>,
    booking_errors: BTreeSet<String>,
}

fn shown(set: &ViewSet, redis: &RedisServer) -> Shown {
    let keys = |prefix: &str| {
        let mut connection = redis.connection();
        let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}:*")).query(&mut connection).expect("keys");
        let row = |key: &String| redis::cmd("GET").arg(key).query::<Option<String>>(&mut redis.connection());
        let shown = |key: String| row(&key).expect("a row").map(|row| format!("{key} {row}"));
        keys.into_iter().filter_map(shown).collect()
    };
    Shown {
        seats: keys("seat"),
        people: keys("person"),
        errors: errors(set, "errors.jsonl").into_iter().map(|(error, _)| error).collect(),
        booking_errors: errors(set, "booking_errors.jsonl").into_iter().map(|(error, _)| error).collect(),
    }
}

/// The errors there are: code and input, and the message.
fn errors(set: &ViewSet, file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(set.path().join(file)).unwrap_or_default();
    let mut counts = std::collections::BTreeMap::<(String, String), i64>::new();
    for line in text.lines().filter(|line| line.starts_with("{\"time\"") && line.ends_with('}')) {
        let line: serde_json::Value = serde_json::from_str(line).expect("a change");
        let field = |name: &str| line["row"][name].as_str().expect("text").to_string();
        let error = (format!("{} {}", field("code"), field("input")), field("message"));
        *counts.entry(error).or_default() += line["diff"].as_i64().expect("a difference");
    }
    counts.into_iter().filter(|(_, count)| *count != 0).map(|(error, _)| error).collect()
}

fn set<const N: usize>(rows: [&str; N]) -> BTreeSet<String> {
    rows.map(String::from).into()
}

#[test]
fn conflicts_are_errors_as_long_as_they_last() {
    let redis = RedisServer::start();
    let set_up = ViewSet::new(&config(&redis), VIEWS);
    let path = set_up.write("booking.jsonl", "");
    let mut bookings = OpenOptions::new().append(true).open(path).expect("our own file");
    let mut program = set_up.start(&["run"], "");
    let mut check = |lines: &str, expected: Shown| {
        bookings.write_all(lines.as_bytes()).expect("our own file");
        let deadline = Instant::now() + Duration::from_secs(30);
        while shown(&set_up, &redis) != expected {
            program.must_run();
            let now = shown(&set_up, &redis);
            assert!(Instant::now() < deadline, "{now:#?}\nis not\n{expected:#?}\n{}", program.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    check(
        "{\"person\":\"a\",\"seat\":1}\n{\"person\":\"b\",\"seat\":1}\n",
        Shown {
            seats: set([r#"seat:1 {"seat": 1, "person": "a"}"#]),
            errors: set([r#"23505 {"seat": 1, "person": "b"}"#]),
            people: set([r#"person:a {"seat": 1, "person": "a"}"#, r#"person:b {"seat": 1, "person": "b"}"#]),
            ..Shown::default()
        },
    );
    let (_, message) = errors(&set_up, "errors.jsonl").remove(0);
    let expected =
        r#"sink seats has one row for the key (seat) = (1) and shows {"seat": 1, "person": "a"}, not this one"#;
    assert_eq!(message, expected);
    // The one that was shown moves away: the other takes its place.
    check(
        "{\"person\":\"a\",\"seat\":2}\n",
        Shown {
            seats: set([r#"seat:1 {"seat": 1, "person": "b"}"#, r#"seat:2 {"seat": 2, "person": "a"}"#]),
            people: set([r#"person:a {"seat": 1, "person": "a"}"#, r#"person:b {"seat": 1, "person": "b"}"#]),
            booking_errors: set([r#"23505 {"seat": 2, "person": "a"}"#]),
            ..Shown::default()
        },
    );
    // A null key is no key; what was held back from the stream itself stays so.
    check(
        "{\"person\":\"c\",\"seat\":null}\n",
        Shown {
            seats: set([r#"seat:1 {"seat": 1, "person": "b"}"#, r#"seat:2 {"seat": 2, "person": "a"}"#]),
            errors: set([r#"23502 {"seat": null, "person": "c"}"#]),
            people: set([
                r#"person:a {"seat": 1, "person": "a"}"#,
                r#"person:b {"seat": 1, "person": "b"}"#,
                r#"person:c {"seat": null, "person": "c"}"#,
            ]),
            booking_errors: set([r#"23505 {"seat": 2, "person": "a"}"#]),
        },
    );
    program.terminate();
}

/// Under `--once` a conflict is what every data error is: the end, with nothing shown.
#[test]
fn a_conflict_ends_a_run_to_the_end() {
    let redis = RedisServer::start();
    let config = config(&redis).replace("follow = true", "follow = false");
    let set = ViewSet::new(&config, VIEWS);
    set.write("booking.jsonl", "{\"person\":\"a\",\"seat\":1}\n{\"person\":\"b\",\"seat\":1}\n");
    let (code, _, errors) = set.run(&["run", "--once"], "");
    assert_eq!(code, 65, "{errors}");
    assert!(errors.contains("the key (seat) = (1)"), "{errors}");
    let keys: Vec<String> = redis::cmd("KEYS").arg("seat:*").query(&mut redis.connection()).expect("keys");
    assert!(keys.is_empty(), "{keys:?}");
}

#[test]
fn error_relations_have_no_keys() {
    let redis = RedisServer::start();
    let wrong = "[sinks.wrong]\ntype = \"tantivy\"\nview = \"seat_errors\"\npath = \"index\"\nkey = [\"code\"]\n";
    let set = ViewSet::new(&format!("{}\n{wrong}", config(&redis)), VIEWS);
    set.write("booking.jsonl", "");
    let (code, _, errors) = set.run(&["check"], "");
    assert_eq!(code, 78, "{errors}");
    assert!(errors.contains("sink `wrong`: two rows of `seat_errors` may have one key"), "{errors}");
}
