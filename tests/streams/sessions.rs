//! Sessions: runs of events per key.

use super::check;
use super::content::{Content, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
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
