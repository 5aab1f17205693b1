//! Sessions: runs of events per key.

use super::check;
use super::content::{Content, moment, shown};
use super::going_on::goes_on;
use super::run::Views;
use super::shrink::must_hold;
use super::step::{Event, Step};
use super::world::World;
use crate::support::random::{Random, seed, setting};
use tidegate::plan::Emit;
use tidegate::value::{Datum, Time};

const GAP: Time = 40;

const SESSIONS: &str = "CREATE VIEW v AS SELECT key, window_start, window_end, count(*) AS n, sum(value)::bigint AS s,
        max(value) AS most, count(DISTINCT value) AS d, string_agg(value::text, '' ORDER BY value) AS all_of_them
    FROM a, session(at, interval '40 microseconds') GROUP BY key, window_start, window_end";

fn sessions(world: &World, before: Time, is_shown: impl Fn(Time) -> bool) -> Content {
    let mut content = Content::new();
    for key in 0..3 {
        let mut events: Vec<&Event> = world.before(0, before).filter(|event| event.key == key).collect();
        events.sort_by_key(|event| event.at);
        for run in events.chunk_by(|a, b| b.at - a.at <= GAP) {
            let (first, end) = (run[0].at, run[run.len() - 1].at + GAP);
            let mut values: Vec<i64> = run.iter().map(|event| event.value).collect();
            values.sort_unstable();
            let text = values.iter().map(i64::to_string).collect::<String>();
            let (count, sum, most) = (values.len() as i64, values.iter().sum(), values[values.len() - 1]);
            values.dedup();
            let numbers = [count, sum, most, values.len() as i64].map(Datum::Int8);
            let row = [vec![Datum::Int8(key), moment(first), moment(end)], numbers.to_vec(), vec![Datum::text(text)]];
            if is_shown(end) {
                content.insert(shown(&row.concat()), 1);
            }
        }
    }
    content
}

#[test]
fn sessions_grow_and_merge() {
    check(Views::new(SESSIONS), |world, frontier| sessions(world, frontier, |_| true));
}

/// A session is told when no event that is on time can join it; one that comes late nevertheless corrects it.
#[test]
fn final_sessions_are_told_when_they_have_ended() {
    let views = Views { emit: Emit::Final, ..Views::new(SESSIONS) };
    check(views, |world, frontier| sessions(world, frontier, |end| world.takes_effect(end) < frontier));
}

#[test]
fn sessions_without_a_key_and_windows_over_sessions() {
    let views = Views::new(
        "CREATE VIEW sessions AS SELECT window_end AS ended, key, count(*) AS n
             FROM a, session(at, interval '40 microseconds') GROUP BY window_end, key;
         CREATE VIEW v AS SELECT w.window_end, count(*) AS sessions, sum(n)::bigint AS events
             FROM sessions, tumble(sessions.ended, interval '200 microseconds') AS w GROUP BY w.window_end",
    );
    check(views, |world, frontier| {
        let mut windows: std::collections::BTreeMap<Time, (i64, i64)> = Default::default();
        for key in 0..3 {
            let mut events: Vec<&Event> = world.before(0, frontier).filter(|event| event.key == key).collect();
            events.sort_by_key(|event| event.at);
            for run in events.chunk_by(|a, b| b.at - a.at <= GAP) {
                let end = run[run.len() - 1].at + GAP;
                let (sessions, events) = windows.entry((end / 200 + 1) * 200).or_default();
                (*sessions, *events) = (*sessions + 1, *events + run.len() as i64);
            }
        }
        let row = |(end, (sessions, events))| (shown(&[moment(end), Datum::Int8(sessions), Datum::Int8(events)]), 1);
        windows.into_iter().map(row).collect()
    });
}

/// Views of which a store lets go of events when their sessions have ended: of one key, of none that can be told apart by its bytes, by
/// buckets of the time, behind a lookup, with several needs at once, of what comes later than it happened. (Of two streams together none goes.)
const LET_GO: &[&str] = &[
    SESSIONS,
    "CREATE VIEW v AS SELECT value * 1.0 AS form, key + 0 AS key, window_end, count(*) AS n
     FROM a, session(at, interval '40 microseconds') WHERE value < 5 GROUP BY 1, 2, window_end",
    "CREATE VIEW v AS SELECT key, window_start, window_end, count(*) AS n
     FROM (SELECT key, date_bin(interval '60 microseconds', at, timestamptz '1970-01-01') AS bin FROM a) s,
          session(bin, interval '60 microseconds') GROUP BY key, window_start, window_end",
    "CREATE VIEW named AS SELECT a.key, a.at, t.name FROM a LEFT JOIN t FOR SYSTEM_TIME AS OF a.at ON t.key = a.key;
     CREATE VIEW v AS SELECT name, key, window_start, window_end, count(*) AS n FROM named, session(at, interval '40 microseconds')
     GROUP BY name, key, window_start, window_end",
    "CREATE VIEW short AS SELECT key, window_end, count(*) AS n FROM a, session(at, interval '20 microseconds') GROUP BY 1, 2;
     CREATE VIEW long AS SELECT value, window_end, count(*) AS n FROM a, session(at, interval '80 microseconds') GROUP BY 1, 2;
     CREATE VIEW size AS SELECT key, window_end, count(*) AS n FROM a, tumble(at, interval '200 microseconds') GROUP BY 1, 2;
     CREATE VIEW v AS SELECT 0 AS view, * FROM short UNION ALL SELECT 1, * FROM long UNION ALL SELECT 2, * FROM size",
    "CREATE VIEW v AS SELECT key, window_start, window_end, count(*) AS n
     FROM (SELECT key, at FROM a UNION ALL SELECT key, at FROM b) s, session(at, interval '60 microseconds')
     GROUP BY key, window_start, window_end",
    "CREATE VIEW v AS SELECT key, window_start, window_end, count(*) AS n
     FROM (SELECT key, at FROM a WHERE at < now() - interval '100 microseconds') s, session(at, interval '40 microseconds')
     GROUP BY key, window_start, window_end",
];

/// Times that are multiples of a part of the gap, so that events lie exactly a gap apart, and many cuts.
#[test]
fn what_ended_sessions_were_made_of_is_let_go() {
    let seed = seed(1);
    for (number, text) in LET_GO.iter().enumerate() {
        let mut random = Random::new(seed.wrapping_add(1000 * number as u64));
        for run in 0..setting("TIDEGATE_TEST_WORLDS", 8) {
            // Of several views not all have windows.
            let is_one = text.matches("CREATE VIEW").count() == 1;
            let emit = if is_one && random.chance(50) { Emit::Final } else { Emit::Changes };
            let views = Views { emit, ..Views::new(text) };
            let mut world = World::random(&mut random, 60);
            let coarse = |step: &Step| match *step {
                Step::Event(of, event) => Step::Event(of, Event { at: event.at / 20 * 20, ..event }),
                step => step,
            };
            world = World::of(world.disorder, world.grid, world.steps.iter().map(coarse).collect());
            must_hold(&format!("seed {seed}, view {number}, world {run}"), world, &views, |world| {
                let mut cuts = Random::new(seed);
                (0..6).try_for_each(|_| goes_on(world, 1, &views, &mut cuts))
            });
        }
    }
}
