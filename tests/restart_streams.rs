//! The whole program with a store and event streams, killed at random moments while events come.
//!
//! Events are written to a file that is followed, and to a Redis stream, out of order; prices change in Postgres meanwhile. What a
//! view of the events shows in the end is what a judge in this test says, each event once: nothing is lost, read twice, or judged
//! otherwise because of a restart.

use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::random::{Random, seed, setting};
use crate::support::redis::RedisServer;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

/// How far events are out of order, and how late they may be, in milliseconds.
const DISORDER: u64 = 400;
const LATENESS: u64 = 250;

const VIEWS: &str = "
CREATE VIEW click_kept AS SELECT id, item, at FROM click;
CREATE VIEW click_late_kept AS SELECT id FROM click_late;
CREATE VIEW sale_kept AS SELECT id, item, at FROM sale;
CREATE VIEW sale_late_kept AS SELECT id FROM sale_late;
CREATE VIEW click_seconds AS
    SELECT window_start, item, count(*) AS clicks FROM click, tumble(at, interval '1 second') GROUP BY window_start, item;
CREATE VIEW priced AS SELECT s.id, p.price FROM sale s JOIN price FOR SYSTEM_TIME AS OF s.at AS p ON p.item = s.item;
CREATE VIEW pairs AS SELECT c.id AS click, s.id AS sale FROM click c JOIN sale s ON c.item = s.item
    AND s.at BETWEEN c.at - interval '100 milliseconds' AND c.at + interval '100 milliseconds';
";

/// Every view as a file of lines, of which one is looked at by a reader that must never see it change what it told.
const SHOWN: [&str; 7] =
    ["click_kept", "click_late_kept", "sale_kept", "sale_late_kept", "click_seconds", "priced", "pairs"];

/// An event as it was written, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    id: u64,
    item: u64,
    /// Milliseconds.
    at: u64,
    is_late: bool,
}

/// One stream's events in their order.
#[derive(Default)]
struct Written {
    events: Vec<Event>,
    greatest: u64,
}

impl Written {
    /// The next event, judged as the design says.
    fn next(&mut self, random: &mut Random, at: u64) -> Event {
        let id = self.events.len() as u64;
        let is_late = at < self.greatest.saturating_sub(LATENESS);
        self.greatest = self.greatest.max(at);
        let event = Event { id, item: random.below(5), at, is_late };
        self.events.push(event);
        event
    }
}

struct Shop {
    set: ViewSet,
    redis: RedisServer,
    database: Database,
    clicks: (File, Written),
    sales: Written,
    /// What the files of lines told up to their last frontier, as they were seen last.
    seen: BTreeMap<&'static str, String>,
}

impl Shop {
    fn new() -> Shop {
        let (redis, database) = (RedisServer::start(), Postgres::shared().create_database());
        database.execute(
            "CREATE TABLE price (item bigint PRIMARY KEY, price bigint NOT NULL);
             INSERT INTO price SELECT n, 100 FROM generate_series(0, 4) n",
        );
        let schema = "schema = { id = 'bigint not null', item = 'bigint not null', at = 'timestamptz not null' }";
        let stream = format!(
            "{schema}\nevent_time = 'at'\nevent_time_unit = 'ms'\nlateness = '{LATENESS}ms'\nidle_after = 'never'\nmax_ahead = '1d'\n"
        );
        let mut config = format!(
            "
[sources.shop]
type = 'postgres'
url = {{ env = 'DATABASE_URL' }}
tables = ['price']
create = true

[sources.click]
type = 'jsonl'
path = 'clicks.jsonl'
follow = true
{stream}
[sources.sale]
type = 'redis'
url = '{}'
keys = ['sales']
{stream}
[settings]
store = 'state'
",
            redis.url()
        );
        for view in SHOWN {
            let _ = write!(config, "\n[sinks.{view}]\ntype = 'jsonl'\nview = '{view}'\npath = 'out/{view}.jsonl'\n");
        }
        let set = ViewSet::new(&config, VIEWS);
        let file = File::create(set.path().join("clicks.jsonl")).expect("our own directory");
        Shop {
            set,
            redis,
            database,
            clicks: (file, Written::default()),
            sales: Written::default(),
            seen: BTreeMap::new(),
        }
    }

    fn start(&self) -> Program {
        self.set.start(&["run"], &self.database.url)
    }

    /// A few events of both streams, about this moment, and now and then another price.
    fn write(&mut self, random: &mut Random) {
        if random.chance(30) {
            let item = random.below(5);
            self.database.execute(&format!("UPDATE price SET price = price + 1 WHERE item = {item}"));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as u64;
        for _ in 0..1 + random.below(4) {
            let at = now - random.below(DISORDER);
            self.click(random, at);
            let earlier = random.below(50);
            self.sale(random, at - earlier);
        }
    }

    fn click(&mut self, random: &mut Random, at: u64) {
        let Event { id, item, at, .. } = self.clicks.1.next(random, at);
        let line = format!("{{\"id\":{id},\"item\":{item},\"at\":{at}}}\n");
        // A line is not written at once.
        let (begin, end) = line.split_at(line.len() / 2);
        self.clicks
            .0
            .write_all(begin.as_bytes())
            .and_then(|()| self.clicks.0.write_all(end.as_bytes()))
            .expect("written");
    }

    fn sale(&mut self, random: &mut Random, at: u64) {
        let Event { id, item, at, .. } = self.sales.next(random, at);
        let mut connection = self.redis.connection();
        let mut add = redis::cmd("XADD");
        add.arg("sales").arg("*").arg("id").arg(id).arg("item").arg(item).arg("at").arg(at);
        add.query::<String>(&mut connection).expect("added");
    }

    /// What a file of lines shows at its last frontier; it only ever grows.
    fn look(&mut self, view: &'static str) -> BTreeMap<String, i64> {
        let text = std::fs::read_to_string(self.set.path().join(format!("out/{view}.jsonl"))).unwrap_or_default();
        let end =
            text.rfind("{\"frontier\":").map_or(0, |last| text[last..].find('\n').map_or(0, |end| last + end + 1));
        let whole = &text[..end];
        let seen = self.seen.entry(view).or_default();
        assert!(whole.starts_with(seen.as_str()), "{view}: what was told is told otherwise");
        *seen = whole.to_string();
        let mut rows = BTreeMap::new();
        for line in whole.lines().filter(|line| line.starts_with("{\"time\"")) {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            *rows.entry(line["row"].to_string()).or_default() += line["diff"].as_i64().expect("a difference");
        }
        rows.retain(|_, count| *count != 0);
        rows
    }

    fn column(&mut self, view: &'static str, column: &str) -> Vec<u64> {
        let rows = self.look(view);
        assert!(rows.values().all(|count| *count == 1), "{view} has a row twice: {rows:?}");
        let number = |row: &String| serde_json::from_str::<serde_json::Value>(row).ok()?[column].as_u64();
        let mut numbers: Vec<u64> = rows.keys().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn ids(events: &[Event], is_late: bool) -> Vec<u64> {
    events.iter().filter(|event| event.is_late == is_late).map(|event| event.id).collect()
}

fn accepted(written: &Written) -> impl Iterator<Item = &Event> {
    written.events.iter().filter(|event| !event.is_late)
}

/// A run that ended with a data error goes on when that is mended: in the database, or in the file, which is read again from there.
#[test]
fn what_was_mended_ends_no_run() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); INSERT INTO t VALUES (1, 1), (2, 2)");
    let sink = |view: &str| format!("[sinks.{view}]\ntype = 'jsonl'\nview = '{view}'\npath = '{view}.jsonl'\n");
    let config = format!(
        "[sources.db]\ntype = 'postgres'\nurl = {{ env = 'DATABASE_URL' }}\ntables = ['t']\ncreate = true\n\
         [sources.e]\ntype = 'jsonl'\npath = 'events'\nfollow = true\nschema = {{ id = 'int not null' }}\n{}{}\
         [settings]\nstore = 'state'\n",
        sink("quotient"),
        sink("event")
    );
    let views = "CREATE VIEW quotient AS SELECT id, 10 / n AS n FROM t; CREATE VIEW event AS SELECT id FROM e;";
    let set = ViewSet::new(&config, views);
    let run = || {
        let (code, _, errors) = set.run(&["run", "--once"], &database.url);
        (code, errors)
    };
    set.write("events", "{\"id\": 1}\n");
    assert_eq!(run().0, 0);
    database.execute("UPDATE t SET n = 0 WHERE id = 2");
    let (code, errors) = run();
    assert!(code == 65 && errors.contains("division by zero"), "{errors}");
    assert_eq!(run().0, 65, "it is still so");
    database.execute("UPDATE t SET n = 5 WHERE id = 2");
    let (code, errors) = run();
    assert_eq!(code, 0, "{errors}");

    set.write("events", "{\"id\": 1}\n{\"id\": \"two\"}\n{\"id\": 3}\n");
    let (code, errors) = run();
    assert!(code == 65 && errors.contains("events:2"), "{errors}");
    set.write("events", "{\"id\": 1}\n{\"id\": 2}\n{\"id\": 3}\n");
    let (code, errors) = run();
    assert_eq!(code, 0, "{errors}");
    let told = std::fs::read_to_string(set.path().join("event.jsonl")).expect("a file of lines");
    for id in 1..=3 {
        assert_eq!(told.matches(&format!("\"row\":{{\"id\": {id}}}")).count(), 1, "{told}");
    }
    let told = std::fs::read_to_string(set.path().join("quotient.jsonl")).expect("a file of lines");
    assert!(told.contains("\"diff\":1,\"row\":{\"n\": 2, \"id\": 2}"), "{told}");
}

#[test]
fn every_event_is_taken_once() {
    let mut random = Random::new(seed(13));
    let mut shop = Shop::new();
    for _ in 0..setting("TIDEGATE_TEST_KILLS", 12) {
        let mut program = shop.start();
        let begun = Instant::now();
        let (at_least, waits) = (Duration::from_millis(20 + random.below(600)), random.chance(60));
        let before = shop.look("sale_kept").len();
        while begun.elapsed() < at_least
            || (waits && shop.look("sale_kept").len() == before && begun.elapsed() < Duration::from_secs(10))
        {
            shop.write(&mut random);
            SHOWN.iter().for_each(|view| drop(shop.look(view)));
            std::thread::sleep(Duration::from_millis(15));
        }
        // A dropped program is killed.
        program.must_run();
    }
    // An event of each stream that lets time pass over all others.
    let end = shop.clicks.1.greatest.max(shop.sales.greatest) + 5_000;
    shop.click(&mut random, end);
    shop.sale(&mut random, end);
    let mut program = shop.start();
    let wanted = [
        ("click_kept", ids(&shop.clicks.1.events, false)),
        ("click_late_kept", ids(&shop.clicks.1.events, true)),
        ("sale_kept", ids(&shop.sales.events, false)),
        ("sale_late_kept", ids(&shop.sales.events, true)),
        ("priced", ids(&shop.sales.events, false)),
    ];
    let deadline = Instant::now() + Duration::from_secs(60);
    for (view, mut expected) in wanted {
        // The last event waits for the watermark itself.
        let written = if view.starts_with("click") { &shop.clicks.1 } else { &shop.sales };
        expected.retain(|id| *id + 1 < written.events.len() as u64);
        while shop.column(view, "id") != expected {
            program.must_run();
            assert!(Instant::now() < deadline, "{view}: {:?}\n{expected:?}", shop.column(view, "id"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let mut seconds: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for click in accepted(&shop.clicks.1).filter(|click| click.at < end) {
        *seconds.entry((click.at / 1000, click.item)).or_default() += 1;
    }
    let mut counts: Vec<u64> = seconds.into_values().collect();
    counts.sort_unstable();
    let mut pairs = Vec::new();
    for click in accepted(&shop.clicks.1).filter(|click| click.at < end) {
        let near = accepted(&shop.sales).filter(|sale| sale.at < end && sale.item == click.item);
        pairs.extend(near.filter(|sale| sale.at.abs_diff(click.at) <= 100).map(|_| click.id));
    }
    loop {
        let windows = shop.look("click_seconds");
        let number = |row: &String| serde_json::from_str::<serde_json::Value>(row).ok()?["clicks"].as_u64();
        let mut found: Vec<u64> = windows.keys().filter_map(number).collect();
        found.sort_unstable();
        if found == counts && shop.column("pairs", "click") == pairs {
            break;
        }
        program.must_run();
        assert!(Instant::now() < deadline, "{found:?}\n{counts:?}\n{:?}\n{pairs:?}", shop.column("pairs", "click"));
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
}
