//! The whole program with event streams of hours, of which the store merges what is long past between runs that end or are killed.
//!
//! What the views show in the end is what a run without a store makes of the same files; what was told is never told otherwise; and
//! of events that nobody needs any more nothing is left in the store.

use crate::support::postgres::{Database, Postgres};
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed, setting};
use crate::verbs::ask;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tidegate::store::inspect;

/// In milliseconds.
const MINUTE: u64 = 60_000;
const LATENESS: u64 = 2_000;
/// How long the events of a round last, and how many each stream has.
const ROUND: u64 = 25 * MINUTE;
const EVENTS: u64 = 150;

const VIEWS: &str = "
CREATE VIEW clicked AS SELECT item, count(*) AS clicks, max(id) AS last FROM click GROUP BY item;
CREATE VIEW named AS SELECT window_start, n.name, count(*) AS clicks
    FROM click c JOIN name n ON n.item = c.item, tumble(c.at, interval '5 minutes') GROUP BY window_start, n.name;
CREATE VIEW busy AS SELECT tumble.window_start AS hour, max(clicks) AS most FROM named, tumble(named.window_start, interval '1 hour')
    GROUP BY tumble.window_start;
CREATE VIEW visit AS SELECT item, window_start, window_end, count(*) AS sales FROM sale, session(at, interval '1 minute')
    GROUP BY item, window_start, window_end;
CREATE VIEW latest AS SELECT item, sum(sales) AS sales FROM visit GROUP BY item;
CREATE VIEW called AS SELECT v.id, v.at, n.name FROM view v JOIN name FOR SYSTEM_TIME AS OF v.at AS n ON n.item = v.item;
CREATE VIEW pairs AS SELECT v.id AS view, c.id AS click FROM view v LEFT JOIN click c ON c.item = v.item
    AND c.at BETWEEN v.at AND v.at + interval '20 seconds';
CREATE VIEW recent AS SELECT id, item FROM view WHERE at > now() - interval '10 minutes';
";
const SHOWN: [&str; 8] = ["clicked", "named", "busy", "visit", "latest", "called", "pairs", "recent"];
const STREAMS: [&str; 3] = ["click", "sale", "view"];

fn config(store: bool) -> String {
    let mut config =
        "[sources.shop]\ntype = 'postgres'\nurl = { env = 'DATABASE_URL' }\ntables = ['name']\ncreate = true\n"
            .to_owned();
    for stream in STREAMS {
        let _ = write!(
            config,
            "[sources.{stream}]\ntype = 'jsonl'\npath = '{stream}.events'\nfollow = true\nevent_time = 'at'\nevent_time_unit = 'ms'\n\
             schema = {{ id = 'bigint not null', item = 'bigint not null', at = 'timestamptz not null' }}\n\
             lateness = '{LATENESS}ms'\nidle_after = 'never'\nmax_ahead = '1d'\n"
        );
    }
    for view in SHOWN {
        let _ = write!(config, "[sinks.{view}]\ntype = 'jsonl'\nview = '{view}'\npath = 'out/{view}.lines'\n");
    }
    if store { config + "[settings]\nstore = 'state'\n" } else { config }
}

/// What files of lines show at their last frontiers.
fn shown(directory: &Path, view: &str) -> (u64, BTreeMap<String, i64>, String) {
    let mut told = std::fs::read_to_string(directory.join(format!("out/{view}.lines"))).unwrap_or_default();
    let end = told.rfind("{\"frontier\":").map_or(0, |last| told[last..].find('\n').map_or(0, |end| last + end + 1));
    told.truncate(end);
    let (mut rows, mut frontier) = (BTreeMap::new(), 0);
    for line in told.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        match line["frontier"].as_u64() {
            Some(told) => frontier = told,
            None => *rows.entry(line["row"].to_string()).or_default() += line["diff"].as_i64().expect("a difference"),
        }
    }
    rows.retain(|_, count| *count != 0);
    (frontier, rows, told)
}

struct World {
    set: ViewSet,
    database: Database,
    /// The next id and the clock of the events.
    next: u64,
    clock: u64,
    told: BTreeMap<&'static str, String>,
}

impl World {
    /// Some events of each stream, a little out of order; and names of nothing come, long after all events.
    fn write(&mut self, random: &mut Random) {
        self.database.execute(&format!("INSERT INTO name VALUES ({}, 'new')", 1000 + self.next));
        for stream in STREAMS {
            let mut lines = String::new();
            for event in 0..EVENTS {
                let at = self.clock + event * ROUND / EVENTS - random.below(LATENESS);
                self.next += 1;
                let _ = writeln!(lines, "{{\"id\": {}, \"item\": {}, \"at\": {at}}}", self.next, random.below(4));
            }
            self.append(stream, &lines);
        }
        self.clock += ROUND;
        self.pass(self.clock);
    }

    /// An event of each stream by which it becomes so late.
    fn pass(&mut self, at: u64) {
        for stream in STREAMS {
            self.next += 1;
            self.append(stream, &format!("{{\"id\": {}, \"item\": 0, \"at\": {at}}}\n", self.next));
        }
    }

    fn append(&self, stream: &str, lines: &str) {
        let path = self.set.path().join(format!("{stream}.events"));
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("our own file");
        file.write_all(lines.as_bytes()).expect("written");
    }

    /// Runs until every view was told all that has been written, or so many of them were.
    fn run(&mut self, set: &ViewSet, at: u64, views: usize, terminate: bool) {
        let mut program = set.start(&["run"], &self.database.url);
        let deadline = Instant::now() + Duration::from_secs(60);
        // Frontiers lie on the refresh grid.
        let reached = (at - LATENESS) / 10 * 10_000;
        for view in &SHOWN[..views] {
            while shown(set.path(), view).0 < reached {
                program.must_run();
                assert!(Instant::now() < deadline, "{view} was told {:?} of {reached}", shown(set.path(), view).0);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // A dropped program is killed.
        if terminate {
            program.terminate();
        }
    }

    /// What was told stays.
    fn look(&mut self) {
        for view in SHOWN {
            let (.., told) = shown(self.set.path(), view);
            let before = self.told.entry(view).or_default();
            assert!(told.starts_with(before.as_str()), "{view}: what was told is told otherwise");
            *before = told;
        }
    }
}

#[test]
fn hours_of_streams_are_merged_and_nothing_is_told_otherwise() {
    let mut random = Random::new(seed(21));
    let database = Postgres::shared().create_database();
    database.execute(
        "CREATE TABLE name (item bigint PRIMARY KEY, name text NOT NULL);
         INSERT INTO name SELECT n, 'name ' || n FROM generate_series(0, 3) n",
    );
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    // All that was told is looked at again after each: more rounds than that take hours.
    let rounds = setting("TIDEGATE_TEST_KILLS", 6).min(60);
    let set = ViewSet::new(&config(true), VIEWS);
    let clock = now() - (rounds as u64 + 1) * ROUND;
    let mut world = World { set, database, next: 0, clock, told: BTreeMap::new() };
    let mut merged = BTreeMap::new();
    for round in 0..rounds {
        world.write(&mut random);
        // What views have made is kept when a run ends in order: the last two do, so that much can be merged.
        let (views, ends) = (random.below(SHOWN.len() as u64 + 1) as usize, random.chance(60));
        // A run killed at once may have made no store yet.
        let views = views.max(usize::from(round == 0));
        let terminate = ends || round + 2 >= rounds;
        let set = std::mem::replace(&mut world.set, ViewSet::new("", ""));
        world.run(&set, world.clock, if terminate { SHOWN.len() } else { views }, terminate);
        world.set = set;
        world.look();
        let (code, _, errors) = world.set.run(&["store", "compact"], "");
        assert_eq!(code, 0, "{errors}");
        let summary = inspect(&world.set.path().join("state"), true).expect("a store");
        merged = summary.merged.into_iter().map(|(_, relation, rows, _)| (relation, rows)).collect();
    }
    let end = now() + 5_000;
    world.pass(end);
    let set = std::mem::replace(&mut world.set, ViewSet::new("", ""));
    world.run(&set, end, SHOWN.len(), true);
    world.set = set;
    world.look();

    // Of views only what recent ones are paired with, of sales those of sessions that may grow, of clicks all: some are counted for ever.
    println!("merged: {merged:?}");
    let all = EVENTS * (rounds as u64 - 2);
    assert!(merged["click"] > all && merged["sale"] < EVENTS && merged["view"] < EVENTS, "{merged:?}");
    let kept = merged.keys().filter(|name| name.contains("kept")).count();
    assert_eq!(kept, 5, "{merged:?}");

    let judge = ViewSet::new(&config(false), VIEWS);
    for stream in STREAMS {
        let name = format!("{stream}.events");
        std::fs::copy(world.set.path().join(&name), judge.path().join(&name)).expect("our own file");
    }
    world.run(&judge, end, SHOWN.len(), true);
    for view in SHOWN {
        let (expected, found) = (shown(judge.path(), view), shown(world.set.path(), view));
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{view}");
    }
}

/// What a view has made of events that are gone is not let go because the view was changed: somebody has to say so.
#[test]
fn what_cannot_be_made_again_goes_only_when_asked() {
    let stream = "[sources.e]\ntype = 'jsonl'\npath = 'events'\nfollow = true\nevent_time = 'at'\nevent_time_unit = 'ms'\n\
                  schema = { id = 'bigint', at = 'timestamptz not null' }\nidle_after = 'never'\n\
                  [sinks.minutes]\ntype = 'jsonl'\nview = 'minutes'\npath = 'minutes.lines'\n[settings]\nstore = 'state'\n";
    let views = |what: &str| {
        format!(
            "CREATE VIEW minutes AS SELECT window_start, {what} AS n FROM e, tumble(at, interval '1 minute') GROUP BY window_start;"
        )
    };
    let set = ViewSet::new(stream, &views("count(*)"));
    let mut next = 0;
    // Some more events, and what was told when they had come; or how the program ended.
    let mut run = || {
        let events: String = (next..next + 40)
            .map(|id| format!("{{\"id\": {id}, \"at\": {}}}\n", 1_700_000_000_000 + id * MINUTE))
            .collect();
        next += 40;
        let path = set.path().join("events");
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("our own file");
        file.write_all(events.as_bytes()).expect("written");
        let last = (1_700_000_000_000 + (next - 2) * MINUTE) * 1000;
        let told = || std::fs::read_to_string(set.path().join("minutes.lines")).unwrap_or_default();
        let has_come = |told: &str| {
            let frontiers =
                told.lines().filter_map(|line| line.strip_prefix("{\"frontier\":")?.strip_suffix('}')?.parse().ok());
            frontiers.max() > Some(last)
        };
        let mut program = set.start(&["run"], "");
        let deadline = Instant::now() + Duration::from_secs(60);
        while program.ended().is_none() && !has_come(&told()) {
            assert!(Instant::now() < deadline, "{}", program.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
        match program.ended() {
            Some(status) => (status.code(), program.errors()),
            None => {
                program.terminate();
                (None, told())
            }
        }
    };
    for _ in 0..2 {
        assert_eq!(run().0, None);
    }
    assert_eq!(set.run(&["store", "compact"], "").0, 0);
    set.write("views.sql", &views("max(id)"));
    let (code, said) = run();
    assert!(code == Some(80) && said.contains("view `minutes`") && said.contains("tidegate store forget"), "{said}");
    // As it was it goes on, and a view that is not there any more is not asked for.
    set.write("views.sql", &views("count(*)"));
    assert_eq!(run().0, None);
    set.write("views.sql", &views("max(id)"));
    let (code, said) = ask(&set, "", &["store", "forget"], &["minutes"]);
    assert!(code == 0 && said.contains("rows of view `minutes` are forgotten"), "{said}");
    std::fs::remove_file(set.path().join("minutes.lines")).expect("our own file");
    let (code, told) = run();
    let first = told.lines().find(|line| line.contains("\"diff\":1")).unwrap_or_default();
    assert!(code.is_none() && !first.is_empty() && !first.contains("2023-11-14T22:13"), "{told}");
}
