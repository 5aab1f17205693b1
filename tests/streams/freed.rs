//! State is given up at the proven moment: an operator holds what it needs up to one frontier, and nothing at the next.

use super::run::Views;
use super::step::Step;
use super::world::World;
use std::time::{Duration, Instant};
use tidegate::dataflow::{Dataflow, Settings};
use tidegate::timeline::Disorder;

/// Late events are accepted for so long.
const ACCEPT_FOR: u64 = 40;

/// An operator's updates and bytes when all sources have told this frontier.
fn held(
    views: &Views<'_>,
    grid: u64,
    steps: &str,
    operator: &str,
    frontier: u64,
    enough: impl Fn((i64, i64)) -> bool,
) -> (i64, i64) {
    let disorder = Disorder { lateness: 0, accept_for: ACCEPT_FOR, max_ahead: u64::MAX };
    let steps = steps.lines().map(|line| Step::parse(line).expect("a step"));
    let steps = steps.chain([Step::Until(None, Some(frontier))]).collect();
    let world = World::of(disorder, grid, steps);
    let settings = Settings { refresh_us: grid, ..Settings::default() };
    let dataflow = Dataflow::start(settings, world.program(views)).expect("our own program");
    for tick in world.ticks().into_iter().filter(|tick| tick.frontier.is_some()) {
        dataflow.sender(tick.source).send(tick).expect("the dataflow runs");
    }
    let reached = || dataflow.stats().iter().all(|stats| stats.frontier.is_none_or(|reached| reached >= frontier));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let of_operator = dataflow.held().into_iter().filter(|stats| stats.operator == operator);
        let held = of_operator.fold((0, 0), |sum, stats| (sum.0 + stats.updates, sum.1 + stats.bytes));
        if reached() && enough(held) || Instant::now() > deadline {
            assert!(reached(), "{frontier} is not reached: {:?}", dataflow.failed());
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
    check("Temporal", sql, 0, "a 1 7 100 0\nt 100 + 7 1", 241);
    check("Settle", sql, 0, "a 1 7 100 0\nt 100 + 7 1", 240);
}

/// What an arrangement takes grows with its rows and their length, and shrinks when they go.
#[test]
fn rows_of_an_arrangement() {
    const ROWS: i64 = 4000;
    let sql = "CREATE VIEW v AS SELECT key, count(*) AS n FROM t GROUP BY key";
    let views = Views { settled: false, ..Views::new(sql) };
    let come: String = (0..ROWS).map(|key| format!("t 150 + {key} 1\n")).collect();
    let half_go: String = (0..ROWS / 2).map(|key| format!("t 160 - {key} 1\n")).collect();
    let all_go: String = (ROWS / 2..ROWS).map(|key| format!("t 170 - {key} 1\n")).collect();
    let steps = [come, half_go, all_go].concat();
    let steps = steps.trim_end();
    let held = |frontier, most: i64| held(&views, 0, steps, "Arrange", frontier, |(updates, _)| updates <= most);
    // Merging is lazy, and leaves at most half as much again.
    let [none, all, half, gone] =
        [(140, 0), (155, ROWS), (165, ROWS * 3 / 4), (175, ROWS / 4)].map(|(frontier, most)| held(frontier, most));
    assert_eq!(none, (0, 0));
    // A key of eight bytes, a time and a count.
    assert!(all.0 == ROWS && all.1 >= 24 * ROWS && all.1 < 100 * ROWS, "{all:?}");
    assert!(half.1 < all.1 * 3 / 4 && gone.1 < all.1 / 4, "{all:?}, {half:?}, {gone:?}");
}
