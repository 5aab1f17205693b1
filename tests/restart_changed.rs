//! The whole program with a store of events that cannot be read again, between whose runs the view set is changed: what was made of
//! them, and they themselves, stay.

use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed};
use crate::support::redis::RedisServer;
use crate::verbs::{ask, ask_json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant, SystemTime};

/// In milliseconds.
const MINUTE: u64 = 60_000;
/// A noon in 2024.
const NOON_MS: u64 = 1_714_564_800_000;

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

/// What a file of lines shows, as rows without the times, and its last frontier.
fn shown(set: &ViewSet, view: &str) -> (BTreeMap<String, i64>, u64) {
    let told = std::fs::read_to_string(set.path().join(format!("{view}.lines"))).unwrap_or_default();
    let (mut rows, mut frontier) = (BTreeMap::new(), 0);
    for line in told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        match line["row"].is_object() {
            true => *rows.entry(line["row"].to_string()).or_default() += line["diff"].as_i64().unwrap_or(0),
            false => frontier = line["frontier"].as_u64().unwrap_or(frontier),
        }
    }
    rows.retain(|_, count| *count != 0);
    (rows, frontier)
}

fn sinks(views: &[&str]) -> String {
    let sink = |view: &&str| format!("[sinks.{view}]\ntype = 'jsonl'\nview = '{view}'\npath = '{view}.lines'\n");
    views.iter().map(sink).collect()
}

/// Runs until these views were told so much.
fn run(set: &ViewSet, url: &str, views: &[(&str, u64)]) -> String {
    let mut program = set.start(&["run"], url);
    let deadline = Instant::now() + Duration::from_secs(60);
    for (view, until) in views {
        while shown(set, view).1 < until * 1000 {
            program.must_run();
            assert!(
                Instant::now() < deadline,
                "{view} was told {:?} of {until}\n{}",
                shown(set, view).1,
                program.errors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let said = program.errors();
    program.terminate();
    said
}

/// Windows of events with the rows of two tables, of which other views come to read other columns: windows that have settled keep what
/// the tables were until they were read again.
#[test]
fn a_table_that_is_read_again_leaves_what_was_made_of_it() {
    let database = Postgres::shared().create_database();
    database.execute(
        "CREATE TABLE name (item bigint PRIMARY KEY, name text NOT NULL, note text);
         CREATE TABLE tag (item bigint, tag text, more int); ALTER TABLE tag REPLICA IDENTITY FULL;
         INSERT INTO name VALUES (2, 'd', 'n2');
         INSERT INTO name SELECT n, 'many', repeat('n', 1000) FROM generate_series(10, 20000) n;
         INSERT INTO name VALUES (0, 'a', 'n0'), (1, 'b', 'n1'); INSERT INTO tag VALUES (0, 'x', 7), (1, 'y', 8), (2, 'z', 9)",
    );
    let config = |views: &[&str]| {
        format!(
            "[sources.shop]\ntype = 'postgres'\nurl = {{ env = 'DATABASE_URL' }}\ntables = ['name', 'tag']\ncreate = true\n\
             [sources.e]\ntype = 'jsonl'\npath = 'events'\nfollow = true\nevent_time = 'at'\nevent_time_unit = 'ms'\nmax_ahead = '1d'\n\
             schema = {{ item = 'bigint not null', at = 'timestamptz not null' }}\nidle_after = 'never'\nlateness = '0s'\n\
             {}[settings]\nstore = 'state'\n",
            sinks(views)
        )
    };
    let named = "CREATE VIEW clean AS SELECT item, upper(name) AS name FROM name;
        CREATE VIEW named AS SELECT window_start, n.name, t.tag, count(*) AS n
            FROM e JOIN clean n ON n.item = e.item JOIN tag t ON t.item = e.item, tumble(e.at, interval '1 minute')
            GROUP BY window_start, n.name, t.tag;
        CREATE VIEW latest AS SELECT name, count(*) AS n FROM named GROUP BY name;
        CREATE VIEW called AS SELECT e.at, n.name FROM e JOIN name FOR SYSTEM_TIME AS OF e.at AS n ON n.item = e.item;";
    let more = [
        "",
        "CREATE VIEW noted AS SELECT n.item, n.note, t.more FROM name n JOIN tag t ON t.item = n.item;",
        "CREATE VIEW noted AS SELECT n.item, n.name, n.note, t.more FROM name n JOIN tag t ON t.item = n.item WHERE n.extra IS NULL;",
        "CREATE VIEW noted AS SELECT n.item, n.name, n.note, t.more, n.again FROM name n JOIN tag t ON t.item = n.item;",
    ];
    let old = ["named", "latest", "called"];
    let all = ["named", "latest", "called", "noted"];
    let set = ViewSet::new(&config(&old), &format!("{named}{}", more[0]));
    let begin = now() / MINUTE * MINUTE - 120 * MINUTE;
    let append = |events: &str| {
        let file = OpenOptions::new().create(true).append(true).open(set.path().join("events"));
        file.and_then(|mut file| file.write_all(events.as_bytes())).expect("our own file");
    };
    let write = |minutes: std::ops::Range<u64>| {
        let mut events = String::new();
        for at in minutes.clone().map(|minute| begin + minute * MINUTE) {
            let _ = write!(events, "{{\"item\": 0, \"at\": {at}}}\n{{\"item\": 1, \"at\": {}}}\n", at + 1000);
        }
        append(&events);
        begin + (minutes.end - 1) * MINUTE
    };
    let names = |view: &str| {
        let name = |row: &String| {
            serde_json::from_str::<serde_json::Value>(row).expect("a row")["name"].as_str().map(str::to_uppercase)
        };
        let rows = shown(&set, view).0;
        assert!(rows.values().all(|count| *count == 1), "{rows:?}");
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        rows.keys().filter_map(name).for_each(|name| *counts.entry(name).or_default() += 1);
        counts.into_iter().collect::<Vec<_>>()
    };
    // A window has one event of each item.
    let windows = || {
        assert_eq!(names("called"), names("named"));
        names("named")
    };
    let expected =
        |counts: &[(&str, usize)]| counts.iter().map(|(name, count)| (name.to_string(), *count)).collect::<Vec<_>>();

    // The table that is read again is complete when the view of it is told what is now.
    let run = |until: u64, noted: Option<u64>| {
        let noted = noted.map(|noted| ("noted", noted));
        let old = old.map(|view| (view, until));
        run(&set, &database.url, &old.into_iter().chain(noted).collect::<Vec<_>>())
    };
    run(write(0..40), None);
    let (code, _, errors) = set.run(&["store", "compact"], "");
    assert_eq!(code, 0, "{errors}");
    let (_, said) = ask(&set, "", &["store", "inspect"], &[]);
    assert!(said.contains("kept 1"), "what was made is not merged\n{said}");
    // Other columns of both tables, while the database goes on; and one that nobody reads comes.
    database.execute(
        "UPDATE name SET name = 'c' WHERE item = 1; UPDATE tag SET more = 9 WHERE item = 1; ALTER TABLE name ADD extra int",
    );
    set.write("tidegate.toml", &config(&all));
    set.write("views.sql", &format!("{named}{}", more[1]));
    let (code, said) = ask(&set, &database.url, &["plan"], &[]);
    let is_read = [
        "name is not stored with these columns as they are now: note",
        "sink `named` (view named, unchanged): unchanged",
    ];
    assert!(code == 0 && is_read.iter().all(|what| said.contains(what)), "{code}: {said}");
    let before = std::fs::read_to_string(set.path().join("named.lines")).expect("told");
    // Killed before it has all of them, it begins with them anew.
    for moment in ["side.begun", "side.part", "side.told"] {
        let mut program = set.start_until(&["run"], &database.url, moment);
        let status = program.wait(Duration::from_secs(60));
        assert_eq!(status.signal(), Some(9), "{moment}: {status}\n{}", program.errors());
    }
    run(write(40..60), Some(now()));
    let told = std::fs::read_to_string(set.path().join("named.lines")).expect("told");
    assert!(told.starts_with(&before[..before.rfind("{\"frontier\"").unwrap_or(0)]), "it is told again");
    // Events of before met what was before. The last of them waits for the watermark.
    assert_eq!(windows(), expected(&[("A", 60), ("B", 59)]));
    // From the store again, after another table has been read again, and after a merge.
    set.write("views.sql", &format!("{named}{}", more[2]));
    run(write(60..70), Some(now()));
    assert_eq!(windows(), expected(&[("A", 70), ("B", 69)]));
    assert_eq!(set.run(&["store", "compact"], "").0, 0);
    run(write(70..80), None);
    assert_eq!(windows(), expected(&[("A", 80), ("B", 79)]));
    // An event of now meets what is now; the next one lets time pass.
    let at = now() + 500;
    append(&format!("{{\"item\": 1, \"at\": {at}}}\n{{\"item\": 5, \"at\": {}}}\n", at + 100));
    run(at + 50, None);
    assert_eq!(windows(), expected(&[("A", 80), ("B", 80), ("C", 1)]));
    let latest = shown(&set, "latest").0.into_keys().collect::<Vec<_>>();
    assert_eq!(latest, ["{\"n\":1,\"name\":\"C\"}", "{\"n\":80,\"name\":\"A\"}", "{\"n\":80,\"name\":\"B\"}"]);

    // Connections are lost while the table is read once more, and events come: what was read until then shows at no time.
    database.execute("ALTER TABLE name ADD again int");
    set.write("views.sql", &format!("{named}{}", more[3]));
    append(&format!("{{\"item\": 2, \"at\": {}}}\n", now()));
    let mut random = Random::new(seed(54));
    let (mut program, begun, mut lost) = (set.start(&["run"], &database.url), now(), 0);
    while all.iter().any(|view| shown(&set, view).1 < (begun + 500) * 1000) {
        program.must_run();
        append(&format!("{{\"item\": 5, \"at\": {}}}\n", now()));
        let reading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'";
        if lost < 2 && database.value(reading) != "0" {
            // Until a part of it was told, as it happens.
            std::thread::sleep(Duration::from_millis(250 + random.below(400)));
            lost += 1;
            database.query_text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND application_name = 'tidegate' AND (backend_type = 'walsender' OR query LIKE 'COPY%')",
            );
        }
        std::thread::sleep(Duration::from_millis(5));
        assert!(now() < begun + 60_000, "{lost}: {}", program.errors());
    }
    program.terminate();
    assert_eq!(windows(), expected(&[("A", 80), ("B", 80), ("C", 1), ("D", 1)]));
    let told = std::fs::read_to_string(set.path().join("named.lines")).expect("told");
    assert!(!told.contains("\"n\": 2"), "an event was counted twice for a moment\n{told}");
}

/// Where events are written to.
enum Events {
    File(&'static str),
    Redis(RedisServer),
}

impl Events {
    fn source(&self) -> String {
        match self {
            Events::File(name) => format!("type = 'jsonl'\npath = '{name}'\nfollow = true\n"),
            Events::Redis(server) => {
                format!("type = 'redis'\nurl = '{}'\nkeys = ['events']\nfield = 'event'\n", server.url())
            }
        }
    }

    fn write(&self, set: &ViewSet, event: &str) {
        match self {
            Events::File(name) => {
                let file = OpenOptions::new().create(true).append(true).open(set.path().join(name));
                file.and_then(|mut file| writeln!(file, "{event}")).expect("our own file");
            }
            Events::Redis(server) => {
                let mut add = redis::cmd("XADD");
                add.arg("events").arg("*").arg("event").arg(event);
                add.query::<String>(&mut server.connection()).expect("added");
            }
        }
    }
}

/// A stream goes on as it is declared now, if what is stored can be that; otherwise nothing is done before somebody says so.
#[test]
fn a_stream_that_is_declared_otherwise_goes_on() {
    goes_on(&Events::File("events"));
    goes_on(&Events::Redis(RedisServer::start()));
}

fn goes_on(events: &Events) {
    let set = ViewSet::new("", "");
    let declare = |relation: &str, schema: &str, columns: &str| {
        let stream = format!(
            "relation = '{relation}'\nevent_time = 'at'\nidle_after = 'never'\nlateness = '0s'\nevent_time_unit = 'us'\n"
        );
        let sinks = sinks(&["v", "minutes"]);
        let settings = "[settings]\nstore = 'state'\n";
        set.write(
            "tidegate.toml",
            &format!("[sources.web]\n{}{stream}schema = {{ {schema} }}\n{sinks}{settings}", events.source()),
        );
        set.write(
            "views.sql",
            &format!(
                "CREATE VIEW v AS SELECT {columns} FROM {relation}; CREATE VIEW minutes AS
                 SELECT window_start, count(*) AS n FROM {relation}, tumble(at, interval '1 minute') GROUP BY window_start;"
            ),
        );
    };
    // An event of every minute; the last one waits for the watermark, and what was told is everything before it.
    let written = Cell::new(0);
    let write = |more: &str| {
        let (id, at) = (written.get() + 1, NOON_MS + (written.get() + 1) * MINUTE);
        written.set(id);
        let at = at * 1000;
        events.write(&set, &format!("{{\"id\": {id}, \"at\": {at}{more}}}"));
    };
    let go_on = || {
        let until = NOON_MS + written.get() * MINUTE;
        run(&set, "", &[("v", until), ("minutes", until)])
    };
    let rows = |what: &str| {
        let rows = shown(&set, "v").0;
        assert!(rows.values().all(|count| *count == 1) && rows.len() as u64 == written.get() - 1, "{rows:?}");
        assert_eq!(shown(&set, "minutes").0.len() as u64, written.get() - 1);
        rows.into_keys().filter(|row| row.contains(what)).count()
    };
    let refused = |why: &str| {
        let (code, said) = ask(&set, "", &["plan"], &[]);
        assert!(
            code == 80 && said.contains(why) && said.contains("the next start ends with exit code 80"),
            "{code}: {said}"
        );
        let (code, _, said) = set.run(&["run"], "");
        assert!(code == 80 && said.contains(why) && said.contains("tidegate store forget DIR web"), "{code}: {said}");
    };
    let narrow = "id = 'bigint not null', at = 'timestamptz not null', b = 'text'";
    let wide = "id = 'bigint not null', c = 'int', at = 'timestamptz not null', b = 'text'";

    declare("e", narrow, "id, b");
    for events in [30, 15] {
        (0..events).for_each(|_| write(", \"b\": \"old\", \"c\": 7"));
        go_on();
    }
    assert_eq!((rows("old"), set.run(&["store", "compact"], "").0), (44, 0));
    let (_, said) = ask(&set, "", &["store", "inspect"], &[]);
    assert!(said.contains("kept 1") && said.contains("merged web e:"), "{said}");

    // A column comes, in the middle: it is null in what was stored, and what was made of that goes on.
    declare("e", wide, "id, b, c");
    let new = "e has new columns, which are null in what was stored before: c";
    let (code, said) = ask(&set, "", &["plan"], &[]);
    assert!(code == 0 && said.contains(new) && said.contains("source `web`: goes on from"), "{code}: {said}");
    assert!(said.contains("sink `minutes` (view minutes, unchanged): unchanged"), "{said}");
    let plan = ask_json(&set, "", &["plan"]).expect("an answer");
    assert!(plan["sources"][0]["columns"][0].as_str() == Some(new), "{plan}");
    (0..15).for_each(|_| write(", \"b\": \"new\", \"c\": 8"));
    let said = go_on();
    assert!(said.contains(new), "{said}");
    assert_eq!((rows("\"b\":\"old\",\"c\":null"), rows("\"b\":\"new\",\"c\":8")), (45, 14));
    (0..15).for_each(|_| write(", \"b\": \"new\", \"c\": 8"));
    go_on();
    // Rows of both lengths are merged.
    assert_eq!(set.run(&["store", "compact"], "").0, 0);
    write("");
    assert!(!go_on().contains(new));
    assert_eq!((rows("\"b\":\"old\",\"c\":null"), rows("\"b\":\"new\",\"c\":8")), (45, 30));

    // What cannot be is refused, and nothing has happened then.
    declare("e", &wide.replace("c = 'int'", "c = 'text'"), "id, b, c");
    refused("e: its column c is stored as integer, and is text now");
    declare("e", &wide.replace("c = 'int'", "c = 'int not null'"), "id, b, c");
    refused("e: its column c may be null in what is stored, and may not any more");
    declare("e", &format!("{wide}, d = 'int not null'"), "id, b, c");
    refused("e: its column d is new");
    declare("f", wide, "id, b, c");
    refused("f: what is stored has another name");

    // A column goes, and comes back as another; one may be null now.
    declare("e", &wide.replace(", b = 'text'", "").replace("id = 'bigint not null'", "id = 'bigint'"), "id, c");
    write(", \"b\": \"gone\", \"c\": 9");
    go_on();
    assert_eq!((rows("\"c\":null"), rows("\"c\":8")), (46, 30));
    declare("e", &wide.replace("id = 'bigint not null'", "id = 'bigint'"), "id, b, c");
    write(", \"b\": \"back\"");
    write("");
    go_on();
    assert_eq!((rows("\"b\":null"), rows("\"b\":\"back\",\"c\":null")), (77, 1));

    // Let go, it begins anew; what was made of it is let go by itself.
    declare("f", wide, "id, b, c");
    let (code, said) = ask(&set, "", &["store", "forget"], &["web"]);
    assert!(code == 0 && said.contains("what was stored of source `web` is forgotten"), "{code}: {said}");
    let (code, _, said) = set.run(&["run"], "");
    assert!(code == 80 && said.contains("tidegate store forget DIR minutes"), "{code}: {said}");
    assert_eq!(ask(&set, "", &["store", "forget"], &["minutes"]).0, 0);
    write("");
    go_on();
    assert_eq!((rows("\"b\":\"old\",\"c\":7"), rows("\"b\":\"back\",\"c\":null")), (45, 1));
}

/// Writes an event for each of forty minutes behind those that were written; the time of the last one.
fn forty_minutes(set: &ViewSet, written: &Cell<u64>) -> u64 {
    let (begin, end) = (written.get(), written.get() + 40);
    let events: String = (begin..end).map(|minute| format!("{{\"at\": {}}}\n", NOON_MS + minute * MINUTE)).collect();
    let file = OpenOptions::new().create(true).append(true).open(set.path().join("events"));
    file.and_then(|mut file| file.write_all(events.as_bytes())).expect("our own file");
    written.set(end);
    NOON_MS + (end - 1) * MINUTE
}

/// A view that comes when events have been let go begins with what is left, and that is said at the start at which it comes.
#[test]
fn a_view_that_comes_late_is_said_to_lack_events() {
    let set = ViewSet::new("", "");
    let show = |views: &[(&str, u64)]| {
        let stream = "[sources.e]\ntype = 'jsonl'\npath = 'events'\nfollow = true\nevent_time = 'at'\nevent_time_unit = 'ms'\n\
                      lateness = '0s'\nidle_after = 'never'\nschema = { at = 'timestamptz not null' }\n[settings]\nstore = 'state'\n";
        set.write(
            "tidegate.toml",
            &format!("{stream}{}", sinks(&views.iter().map(|(name, _)| *name).collect::<Vec<_>>())),
        );
        let view = |(name, minutes): &(&str, u64)| {
            format!(
                "CREATE VIEW {name} AS SELECT window_start, count(*) AS n FROM e, tumble(at, interval '{minutes} minutes')
                 GROUP BY window_start;\n"
            )
        };
        set.write("views.sql", &views.iter().map(view).collect::<String>());
    };
    let written = Cell::new(0);
    let go_on = |views: &[(&str, u64)]| {
        let until = forty_minutes(&set, &written);
        run(&set, "", &views.iter().map(|(name, _)| (*name, until)).collect::<Vec<_>>())
    };
    let lacks = |view: &str| format!("view `{view}` is new or has changed, and events of e from before 2024-05-01");

    let ones = [("ones", 1)];
    let all = [("ones", 1), ("fives", 5), ("tens", 10)];
    show(&ones);
    go_on(&ones);
    // Nothing was let go yet.
    show(&all[..2]);
    let (_, said) = ask(&set, "", &["plan"], &[]);
    assert!(!said.contains("from before"), "{said}");
    for _ in 0..2 {
        let said = go_on(&all[..2]);
        assert!(!said.contains("from before"), "{said}");
    }
    assert_eq!(set.run(&["store", "compact"], "").0, 0);

    show(&all);
    let (code, said) = ask(&set, "", &["plan"], &[]);
    assert!(code == 0 && said.contains(&lacks("tens")) && !said.contains(&lacks("fives")), "{code}: {said}");
    let plan = ask_json(&set, "", &["plan"]).expect("an answer");
    assert_eq!(plan["sinks"][2]["partial"].as_array().map(Vec::len), Some(1), "{plan}");
    let mut program = set.start(&["run"], "");
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        let (code, status) = ask(&set, "", &["status"], &[]);
        // What it has made is kept when it was told something.
        if code == 0 && status.contains("tens") && shown(&set, "tens").1 > 0 {
            break status;
        }
        program.must_run();
        assert!(Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.contains(&lacks("tens")) && !status.contains(&lacks("fives")), "{status}");
    let said = program.errors();
    assert!(said.contains(&lacks("tens")) && !said.contains(&lacks("fives")), "{said}");
    program.terminate();
    // The next start has nothing to say of it.
    let said = go_on(&all);
    assert!(!said.contains("from before"), "{said}");
    // Neither is there all of what was forgotten.
    assert_eq!(ask(&set, "", &["store", "forget"], &["ones"]).0, 0);
    let said = go_on(&all);
    assert!(said.contains(&lacks("ones")) && !said.contains(&lacks("fives")), "{said}");
}

/// Of a table all rows are kept, also if those who read it so far need some of them no longer: a view that comes later reads them as well.
#[test]
fn a_table_is_kept_whole_although_the_clock_passes_its_rows() {
    let database = Postgres::shared().create_database();
    database.execute(
        "CREATE TABLE visit (note text, at timestamptz NOT NULL, until timestamptz); ALTER TABLE visit REPLICA IDENTITY FULL;
         INSERT INTO visit VALUES ('a', now() - interval '1 day', NULL), ('b', now(), now() - interval '1 day'), ('c', now(), NULL)",
    );
    let recent = "CREATE VIEW recent AS SELECT until FROM visit WHERE at > now() - interval '1 hour';";
    let every = "CREATE VIEW every AS SELECT at, until FROM visit;";
    let set = ViewSet::new("", "");
    let run = |views: &[&str], definitions: &str| {
        let source =
            "[sources.shop]\ntype = 'postgres'\nurl = { env = 'DATABASE_URL' }\ntables = ['visit']\ncreate = true\n";
        set.write("tidegate.toml", &format!("{source}{}[settings]\nstore = 'state'\n", sinks(views)));
        set.write("views.sql", definitions);
        let (code, _, said) = set.run(&["run", "--once"], &database.url);
        assert_eq!(code, 0, "{said}");
        said
    };
    run(&["recent"], recent);
    assert_eq!((shown(&set, "recent").0.len(), set.run(&["store", "compact"], "").0), (2, 0));
    let said = run(&["recent", "every"], &format!("{recent}{every}"));
    assert!(!said.contains("only that is read") && !said.contains("not in the store any more"), "{said}");
    assert_eq!((shown(&set, "recent").0.len(), shown(&set, "every").0.len()), (2, 3));
}

/// Rows that a view made of events that are gone, and that nobody needed: somebody who comes to need all of them begins with what is left.
#[test]
fn a_view_whose_rows_were_let_go_is_said_to_lack_them() {
    let set = ViewSet::new("", "");
    let show = |views: &[&str]| {
        let stream = "[sources.e]\ntype = 'jsonl'\npath = 'events'\nfollow = true\nevent_time = 'at'\nevent_time_unit = 'ms'\n\
                      lateness = '0s'\nidle_after = 'never'\nschema = { at = 'timestamptz not null' }\n[settings]\nstore = 'state'\n\
                      [views.short]\nretain = '10m'\n";
        set.write("tidegate.toml", &format!("{stream}{}", sinks(views)));
        let windows = "AS SELECT window_start, window_end, count(*) AS n FROM e, tumble(at, interval '1 minute')
            GROUP BY window_start, window_end;";
        let views = format!(
            "CREATE VIEW every {windows} CREATE VIEW short {windows} CREATE VIEW again AS SELECT window_start FROM short;
             CREATE VIEW recent AS SELECT window_start, n FROM every WHERE window_end > now() - interval '10 minutes';"
        );
        set.write("views.sql", &views);
    };
    let written = Cell::new(0);
    let go_on = |views: &[&str]| {
        let until = forty_minutes(&set, &written);
        run(&set, "", &views.iter().map(|view| (*view, until)).collect::<Vec<_>>())
    };
    let (few, all) = (["recent", "short"], ["recent", "short", "again", "every"]);
    show(&few);
    (0..2).for_each(|_| drop(go_on(&few)));
    assert_eq!(set.run(&["store", "compact"], "").0, 0);
    show(&all);
    let lacks = "view `every` is new or has changed, and rows of view `every` from before 2024-05-01";
    let is_told = |said: &str| said.contains(lacks) && said.matches("not in the store any more").count() == 1;
    let (code, said) = ask(&set, "", &["plan"], &[]);
    assert!(code == 0 && is_told(&said), "{code}: {said}");
    let said = go_on(&all);
    assert!(is_told(&said), "{said}");
    assert!(shown(&set, "every").0.len() < 100);
    // The next start has nothing to say of it.
    let said = go_on(&all);
    assert!(!said.contains("any more"), "{said}");
}
