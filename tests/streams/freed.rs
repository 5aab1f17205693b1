//! State is given up at the proven moment: an operator holds what it needs up to one frontier, and nothing at the next.

use super::run::Views;
use super::step::{SOURCES, Step};
use super::world::World;
use std::ops::Range;
use std::time::{Duration, Instant};
use tidegate::dataflow::{Dataflow, Program, Settings};
use tidegate::timeline::{Disorder, SourceId};
use tidegate::value::{Datum, RelationName};

/// Late events are accepted for so long.
const ACCEPT_FOR: u64 = 40;

/// A dataflow that has been told these steps, one after the other, and that all sources have come to this frontier.
fn driven(views: &Views<'_>, grid: u64, steps: &str, frontier: u64) -> Dataflow {
    let disorder = Disorder { lateness: 0, accept_for: ACCEPT_FOR, max_ahead: u64::MAX };
    let steps = steps.lines().map(|line| Step::parse(line).expect("a step"));
    let steps = steps.chain([Step::Until(None, Some(frontier))]).collect();
    let world = World::of(disorder, grid, steps);
    let settings = Settings { refresh_us: grid, ..Settings::default() };
    let program = Program { peekable: vec![RelationName::public("v")], ..world.program(views) };
    let dataflow = Dataflow::start(settings, program).expect("our own program");
    let mut senders = [0, 1, 2].map(|source| dataflow.sender(SourceId(source)));
    for tick in world.ticks() {
        let (SourceId(source), Some(frontier)) = (tick.source, tick.frontier) else { continue };
        senders[source].send(tick).expect("the dataflow runs");
        let name = RelationName::public(SOURCES[source]);
        wait(&dataflow, || {
            dataflow.frontier(&name).is_none_or(|reached| reached >= frontier / grid.max(1) * grid.max(1))
        });
    }
    let reached = || dataflow.stats().iter().all(|stats| stats.frontier.is_none_or(|reached| reached >= frontier));
    wait(&dataflow, reached);
    dataflow
}

fn wait(dataflow: &Dataflow, until: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !until() {
        assert!(Instant::now() < deadline, "a frontier is not reached: {:?}", dataflow.failed());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// An operator's updates and bytes at a frontier, as soon as it is enough; as they are, if that takes long.
fn held(
    views: &Views<'_>,
    grid: u64,
    steps: &str,
    operator: &str,
    frontier: u64,
    enough: impl Fn((i64, i64)) -> bool,
) -> (i64, i64) {
    let dataflow = driven(views, grid, steps, frontier);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let of_operator = dataflow.held().into_iter().filter(|stats| stats.operator == operator);
        let held = of_operator.fold((0, 0), |sum, stats| (sum.0 + stats.updates, sum.1 + stats.bytes));
        if enough(held) || Instant::now() > deadline {
            return held;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Something is held up to the frontier before, and nothing at `given_up`.
fn check(operator: &str, sql: &str, grid: u64, steps: &str, given_up: u64) {
    let views = Views::new(sql);
    let before = held(&views, grid, steps, operator, given_up - grid.max(1), |_| true);
    assert!(before.0 > 0 && before.1 > 0, "{operator} has given up too early: {before:?}\n{sql}");
    let after = held(&views, grid, steps, operator, given_up, |held| held == (0, 0));
    assert_eq!(after, (0, 0), "{operator} still holds at {given_up}\n{sql}");
}

const COUNTS: &str = "CREATE VIEW v AS SELECT window_end, count(*) AS n
    FROM a, tumble(at, interval '100 microseconds') GROUP BY 1";

/// The last event that counts is that of 199, until 239.
#[test]
fn windows() {
    check("Settle", COUNTS, 0, "a 1 7 150 0", 240);
    check("Settle", COUNTS, 7, "a 1 7 150 0", 245);
}

/// An event of 200 still joins, until 240.
#[test]
fn sessions() {
    let sql = "CREATE VIEW v AS SELECT key, window_end, count(*) AS n FROM a, session(at, interval '50 microseconds') GROUP BY 1, 2";
    check("Sessions", sql, 0, "a 1 7 150 0", 241);
    check("Sessions", sql, 7, "a 1 7 150 0", 245);
    // The first of two sessions goes by itself.
    check("Sessions", sql, 0, "a 1 7 150 0\na 2 7 230 0", 321);
}

/// `a` waits for a partner of 230, until 270, `b` for one of 180, until 220.
#[test]
fn pairs() {
    let sql = "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.key = b.key
        AND b.at BETWEEN a.at - interval '30 microseconds' AND a.at + interval '80 microseconds'";
    check("Pair", sql, 0, "a 1 7 150 0", 271);
    check("Pair", sql, 7, "a 1 7 150 0", 273);
    check("Pair", sql, 0, "b 1 7 150 0", 221);
}

/// What the table was is asked by an event of 160, until 200.
#[test]
fn the_history_of_a_table() {
    let sql = "CREATE VIEW v AS SELECT a.id, t.name FROM a JOIN t FOR SYSTEM_TIME AS OF a.at ON t.key = a.key";
    check("AsOf", sql, 0, "t 150 + 7 1\nt 160 - 7 1", 201);
}

/// The clock passes the row at 250, which is told before the next frontier.
#[test]
fn rows_that_go_by_the_clock() {
    let sql = "CREATE VIEW v AS SELECT id FROM a WHERE at > now() - interval '100 microseconds'";
    check("Temporal", sql, 0, "a 1 7 150 0", 251);
}

/// Below a window an event is held in a join as long as one at the window's beginning would be needed.
#[test]
fn rows_that_are_joined_below_a_window() {
    let sql = "CREATE VIEW v AS SELECT window_end, name, count(*) AS n
        FROM a JOIN t USING (key), tumble(a.at, interval '100 microseconds') GROUP BY 1, 2";
    check("Temporal", sql, 0, "a 1 7 200 0\nt 200 + 7 1", 341);
    check("Settle", sql, 0, "a 1 7 200 0\nt 200 + 7 1", 340);
}

/// Windows over these windows settle like others: their last event is that of 399, until 439.
#[test]
fn windows_over_what_is_joined() {
    let sql = "CREATE VIEW named AS SELECT window_start, name, count(*) AS n
            FROM a JOIN t USING (key), tumble(a.at, interval '100 microseconds') GROUP BY 1, 2;
        CREATE VIEW v AS SELECT w.window_end, max(n) AS most FROM named, tumble(window_start, interval '200 microseconds') AS w
            GROUP BY 1";
    check("Settle", sql, 0, "a 1 7 200 0\nt 200 + 7 1", 440);
}

/// Events of which the clock lets the window know a hundred later, those of 199 at 300.
#[test]
fn windows_of_what_the_clock_lets_in() {
    let sql = "CREATE VIEW v AS SELECT window_end, count(*) AS n
        FROM (SELECT at FROM a WHERE at < now() - interval '100 microseconds') s, tumble(at, interval '100 microseconds')
        GROUP BY 1";
    check("Settle", sql, 0, "a 1 7 150 0", 301);
}

/// Events that come at the last moment, 40 after their time, see what was there then; older history has been put together.
#[test]
fn the_history_of_a_table_is_there_as_long_as_somebody_may_ask() {
    let sql = "CREATE VIEW v AS SELECT a.id, t.name FROM a JOIN t FOR SYSTEM_TIME AS OF a.at ON t.key = a.key";
    let table = "t 150 + 7 1\nt 160 - 7 1\nt 160 + 7 2\nt 162 - 7 2\nt 162 + 7 3\nuntil 163\n";
    let events = "until 199\na 1 7 159 0\nuntil 201\na 2 7 161 0\nuntil 202\na 3 7 162 0";
    let dataflow = driven(&Views::new(sql), 0, &[table, events].concat(), 300);
    let (_, rows) = dataflow.peek(&RelationName::public("v")).expect("a view that was told");
    let rows: Vec<_> = rows.iter().map(|(row, count)| (row.unpack(), *count)).collect();
    assert_eq!(rows, [1, 2, 3].map(|id| (vec![Datum::Int8(id), Datum::Int8(id)], 1)));
}

/// What an arrangement takes grows with its rows and their length, and shrinks when they go.
#[test]
fn rows_of_an_arrangement() {
    const ROWS: i64 = 4000;
    let sql = "CREATE VIEW v AS SELECT key, count(*) AS n FROM t GROUP BY key";
    let views = Views { settled: false, ..Views::new(sql) };
    let changes = |time: u64, sign: char, keys: Range<i64>| -> String {
        let changes: String = keys.map(|key| format!("t {time} {sign} {key} 1\n")).collect();
        format!("{changes}until {}\n", time + 5)
    };
    let (come, half_go) = (changes(150, '+', 0..ROWS), changes(160, '-', 0..ROWS / 2));
    let all_go = changes(170, '-', ROWS / 2..ROWS);
    let held = |steps: &[&str], frontier, enough: &dyn Fn((i64, i64)) -> bool| {
        let held = held(&views, 0, steps.concat().trim_end(), "Arrange", frontier, enough);
        assert!(enough(held), "at {frontier} {held:?}");
        held
    };
    held(&[], 140, &|held| held == (0, 0));
    // A key of eight bytes, a time and a count.
    let all = held(&[&come], 155, &|(updates, bytes)| updates == ROWS && (24 * ROWS..100 * ROWS).contains(&bytes));
    // Merging is lazy: what has gone goes with the next that comes.
    let steps = [come.as_str(), &half_go, &all_go];
    held(&steps, 175, &|(updates, bytes)| updates <= ROWS / 4 && bytes < all.1 / 4);
}
