//! `tidegate why`: asked of the program while it runs, it names what a view waits for.

use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use std::process::Command;
use std::time::{Duration, Instant};

const STREAMS: &str = r#"
[sources.web]
type = "jsonl"
path = "clicks.jsonl"
follow = true
relation = "clicks"
schema = { id = "bigint not null", at = "timestamptz" }
event_time = "at"
idle_after = "never"

[sources.house]
type = "nexmark"
events = 100
paced = true
rate = 1000

[sinks.out]
type = "jsonl"
view = "v"
path = "out.jsonl"
"#;

const VIEWS: &str = "
CREATE VIEW hours AS SELECT date_bin('1 hour', at, '2000-01-01') AS hour, count(*) AS n FROM clicks GROUP BY 1;
CREATE VIEW v AS SELECT hour, n FROM hours UNION ALL SELECT date_time, auction FROM bid;
";

fn ask(set: &ViewSet, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).arg("why").arg(set.path()).args(arguments).output();
    let output = output.expect("the program");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.code().unwrap_or(-1), said)
}

/// Asks until all the words are said.
fn hear(set: &ViewSet, program: &mut Program, arguments: &[&str], words: &[&str]) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, said) = ask(set, arguments);
        if words.iter().all(|words| said.contains(words)) {
            return said;
        }
        program.must_run();
        assert!(Instant::now() < deadline, "not {words:?} but\n{said}\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_stream_that_is_silent_is_found() {
    let set = ViewSet::new(STREAMS, VIEWS);
    set.write(
        "clicks.jsonl",
        "{\"id\": 1, \"at\": \"2014-01-01T00:00:00Z\"}\n{\"id\": 2, \"at\": \"2014-01-01T00:00:01.5Z\"}\n",
    );
    let (code, said) = ask(&set, &["v"]);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("is not running"), "{said}");

    let mut program = set.start(&["run"], "");
    let said = hear(&set, &mut program, &["v"], &["clicks of source `web` has reached 2014-01-01 00:00:01.5+00"]);
    let lines: Vec<&str> = said.lines().map(str::trim_start).collect();
    let begins =
        ["v has reached", "through", "hours has reached", "through", "clicks of source", "its source has told"];
    assert!(lines.len() >= begins.len(), "{said}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{begin}: {said}");
    }
    assert!(said.contains("all there is has been read; a later event is awaited"), "{said}");
    assert!(lines[1].contains("Union") && lines[3].contains("Reduce"), "{said}");

    let said = hear(&set, &mut program, &["bid", "--format", "json"], &["\"reached\":\"end\""]);
    assert!(said.contains("nothing: it has ended"), "{said}");
    let (code, said) = ask(&set, &["w"]);
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("there is no relation `w`; there are") && said.contains("hours"), "{said}");
    program.terminate();
    assert_eq!(ask(&set, &["v"]).0, 69);
}

#[test]
fn what_is_held_is_counted() {
    let text = "{\"id\": 1, \"at\": \"2014-01-01T00:00:00Z\"}\n{\"id\": 2, \"at\": \"2014-01-01T00:00:01Z\"}\nno JSON\n\
                {\"id\": 3, \"at\": \"2014-01-01T01:00:00Z\"}\n{\"id\": 4, \"at\": \"2014-01-01T00:00:00Z\"}\n\
                {\"id\": 5, \"at\": \"2014-01-01T01:00:01Z\"}\n";
    let views = "CREATE VIEW recent AS SELECT id FROM clicks WHERE at > now() - interval '1 hour';
                 CREATE VIEW v AS SELECT id, count(*) AS n FROM clicks GROUP BY id;";
    let config = STREAMS.split("[sources.house]").next().expect("the first source");
    let set = ViewSet::new(config, views);
    set.write("clicks.jsonl", text);
    let handle = tidegate::ViewSet::from_dir(set.path()).expect("a view set").peekable("recent").peekable("v").start();
    let handle = handle.unwrap_or_else(|failure| panic!("{failure}"));
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = handle.status();
        let held = |relation: &str, operator: &str| {
            let stats = status.operators.iter().find(|stats| stats.relation == relation && stats.operator == operator);
            stats.map_or((0, 0), |stats| (stats.updates, stats.bytes))
        };
        let source = &status.sources[0];
        // The second and third event have still to go; the last one has still to come.
        let (waiting, bytes) = held("recent", "Temporal");
        let arranged = held("v", "Arrange").0;
        let told = (source.changes, source.late, source.rejected, waiting, arranged >= 3);
        if told == (4, 1, 1, 2, true) {
            assert!(bytes > 0);
            break;
        }
        assert!(Instant::now() < deadline, "{told:?}: {status:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    handle.shutdown().expect("an orderly end");
}

#[test]
fn an_open_transaction_is_found() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let config = "[sources.shop]\ntype = \"postgres\"\nurl = { env = \"DATABASE_URL\" }\ntables = [\"t\"]\ncreate = true\n\
                  [sinks.out]\ntype = \"jsonl\"\nview = \"v\"\npath = \"out.jsonl\"\n";
    let set = ViewSet::new(config, "CREATE VIEW v AS SELECT count(*) AS n FROM t;");
    // The publication, which waits for nobody.
    assert_eq!(set.run(&["setup"], &database.url).0, 0);
    let writer = database.another();
    writer.execute("BEGIN");
    writer.execute("INSERT INTO t VALUES (1) /* never ends */");
    let mut once = set.start(&["run", "--once"], &database.url);
    let words =
        ["t of source `shop` has reached nothing yet", "before it gives a slot: pid", "VALUES (1) /* never ends */"];
    hear(&set, &mut once, &["v"], &words);
    writer.execute("COMMIT");
    assert_eq!(once.wait(Duration::from_secs(60)).code(), Some(0), "{}", once.errors());

    let mut program = set.start(&["run"], &database.url);
    hear(&set, &mut program, &["v"], &["slot `tidegate_shop_", "has been received", "behind the clock"]);
    program.terminate();
}
