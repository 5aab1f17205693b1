//! Windows: results when they have ended, tables that change below them, and how long they stay.

use super::content::{Content, add, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
use super::{AT_END, check, check_worlds};
use std::collections::BTreeMap;
use tidegate::plan::Emit;
use tidegate::value::{Datum, Time};

const SIZE: Time = 100;

const COUNTS: &str = "CREATE VIEW v AS SELECT window_end, key, count(*) AS n, sum(value)::bigint AS s
    FROM a, tumble(at, interval '100 microseconds') GROUP BY window_end, key";

fn end(event: &Event) -> Time {
    (event.at / SIZE + 1) * SIZE
}

/// Every window's count and sum per key, of the events before a time.
fn counts(world: &World, before: Time, is_shown: impl Fn(Time) -> bool) -> Content {
    let mut groups: BTreeMap<(Time, i64), (i64, i64)> = BTreeMap::new();
    for event in world.before(0, before).filter(|event| is_shown(end(event))) {
        let (count, sum) = groups.entry((end(event), event.key)).or_default();
        (*count, *sum) = (*count + 1, *sum + event.value);
    }
    let row = |((end, key), (count, sum)): ((Time, i64), (i64, i64))| {
        (shown(&[moment(end), Datum::Int8(key), Datum::Int8(count), Datum::Int8(sum)]), 1)
    };
    groups.into_iter().map(row).collect()
}

#[test]
fn windows_change_as_events_come() {
    check(Views::new(COUNTS), |world, frontier| counts(world, frontier, |_| true));
}

#[test]
fn final_windows_are_told_when_they_have_ended() {
    let views = Views { emit: Emit::Final, ..Views::new(COUNTS) };
    check(views, |world, frontier| counts(world, frontier, |end| world.takes_effect(end - 1) < frontier));
}

/// What is made of windows below is told when both have ended, and is the same as if those had been told as they changed.
#[test]
fn final_windows_over_windows() {
    let views = Views {
        emit: Emit::Final,
        ..Views::new(
            "CREATE VIEW v AS SELECT window_end, value, count(*) AS n FROM (
                 SELECT w.window_end, key, max(n) AS value FROM (
                     SELECT window_start, key, count(*) AS n FROM a, tumble(at, interval '50 microseconds') GROUP BY 1, 2
                 ) s, tumble(s.window_start, interval '100 microseconds') AS w GROUP BY 1, 2
             ) s GROUP BY window_end, value",
        )
    };
    check(views, |world, frontier| {
        let mut halves: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        let shown_yet = |event: &&Event| world.takes_effect(end(event) - 1) < frontier;
        for event in world.before(0, frontier).filter(shown_yet) {
            *halves.entry((event.at / 50 * 50, event.key)).or_default() += 1;
        }
        let mut most: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        for ((start, key), n) in halves {
            let of_window = most.entry((start / SIZE * SIZE + SIZE, key)).or_default();
            *of_window = n.max(*of_window);
        }
        let mut content = Content::new();
        let mut counts: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        most.into_iter().for_each(|((end, _), most)| *counts.entry((end, most)).or_default() += 1);
        for ((end, most), n) in counts {
            add(&mut content, shown(&[moment(end), Datum::Int8(most), Datum::Int8(n)]), 1);
        }
        content
    });
}

/// Of streams that accept nothing late each window is told once, and never taken back.
#[test]
fn a_final_window_is_told_once() {
    use super::content::contents;
    use crate::support::random::{Random, seed};
    let mut random = Random::new(seed(5));
    let views = Views { emit: Emit::Final, ..Views::new(COUNTS) };
    let mut windows = 0;
    for _ in 0..60 {
        let world = World::random(&mut random, 60);
        if world.disorder.accept_for > 0 || world.grid > 0 {
            continue;
        }
        let steps = world.run(2, &views);
        let changes: Vec<_> = steps["v"].iter().flat_map(|step| &step.changes).collect();
        assert!(changes.iter().all(|(_, _, diff)| *diff == 1), "something was taken back");
        windows += contents(&steps["v"]).last().map_or(0, |(_, content)| content.len());
        for (row, time, _) in changes {
            let Datum::Timestamptz(end) = row.column(0) else { panic!("a window's end") };
            let end = end + tidegate::value::calendar::EPOCH_MICROS;
            assert_eq!(*time as i64, end - 1, "it is told at another time");
        }
    }
    assert!(windows > 100, "{windows} windows are too few");
}

/// A table's changes count until the window settles.
#[test]
fn a_table_counts_until_the_window_settles() {
    let views = Views::new(
        "CREATE VIEW v AS SELECT window_end, name, count(*) AS n
         FROM a JOIN t USING (key), tumble(a.at, interval '100 microseconds') GROUP BY window_end, name",
    );
    check(views, |world, frontier| {
        let mut content = Content::new();
        let mut groups: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        for (event, _) in &world.streams[0] {
            let until = frontier.min(world.settles(end(event) - 1));
            if !world.before(0, until).any(|other| other == event) {
                continue;
            }
            for (name, count) in world.names(event.key, until) {
                *groups.entry((end(event), name)).or_default() += count;
            }
        }
        for ((end, name), count) in groups.into_iter().filter(|(_, count)| *count != 0) {
            add(&mut content, shown(&[moment(end), Datum::Int8(name), Datum::Int8(count)]), 1);
        }
        content
    });
}

/// Windows over a view of these.
#[test]
fn windows_over_what_a_table_is_joined_with() {
    let views = Views::new(
        "CREATE VIEW named AS SELECT window_start, name, count(*) AS n
             FROM a JOIN t USING (key), tumble(a.at, interval '100 microseconds') GROUP BY window_start, name;
         CREATE VIEW v AS SELECT w.window_end, max(n) AS most, count(*) AS names
             FROM named, tumble(window_start, interval '200 microseconds') AS w GROUP BY w.window_end",
    );
    check(views, |world, frontier| {
        let mut named: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        for (event, _) in &world.streams[0] {
            let until = frontier.min(world.settles(end(event) - 1));
            if world.before(0, until).any(|other| other == event) {
                let names = world.names(event.key, until).into_iter();
                names.for_each(|(name, count)| *named.entry((end(event), name)).or_default() += count);
            }
        }
        let mut groups: BTreeMap<Time, (i64, i64)> = BTreeMap::new();
        for ((end, _), n) in named.into_iter().filter(|(_, n)| *n != 0) {
            let (most, names) = groups.entry((end - 100) / 200 * 200 + 200).or_default();
            (*most, *names) = (n.max(*most), *names + 1);
        }
        let row = |(end, (most, names))| (shown(&[moment(end), Datum::Int8(most), Datum::Int8(names)]), 1);
        groups.into_iter().map(row).collect()
    });
}

/// Two tables below one window, the events of which go from both joins when it settles.
#[test]
fn two_tables_count_until_the_window_settles() {
    let views = Views::new(
        "CREATE VIEW v AS SELECT window_end, t.name, u.name AS other, count(*) AS n
         FROM a JOIN t ON t.key = a.key JOIN t AS u ON u.key = a.value / 2, tumble(a.at, interval '100 microseconds')
         GROUP BY window_end, t.name, u.name",
    );
    check(views, |world, frontier| {
        let mut groups: BTreeMap<(Time, i64, i64), i64> = BTreeMap::new();
        for (event, _) in &world.streams[0] {
            let until = frontier.min(world.settles(end(event) - 1));
            if !world.before(0, until).any(|other| other == event) {
                continue;
            }
            for (name, count) in world.names(event.key, until) {
                for (other, others) in world.names(event.value / 2, until) {
                    *groups.entry((end(event), name, other)).or_default() += count * others;
                }
            }
        }
        let row = |((end, name, other), count)| {
            (shown(&[moment(end), Datum::Int8(name), Datum::Int8(other), Datum::Int8(count)]), 1)
        };
        groups.into_iter().filter(|(_, count)| *count != 0).map(row).collect()
    });
}

#[test]
fn rows_that_are_retained_go_when_their_time_is_over() {
    const RETAIN: Time = 300;
    let views = Views { retain: Some(RETAIN as i64), ..Views::new(COUNTS) };
    check_worlds(
        views,
        |_| true,
        |world, frontier| {
            // The last frontier before the end is not part of the data, and the clock stops there.
            let kept = |end: Time| end + world.disorder.accept_for + world.grid.max(1) - 1 + RETAIN > frontier - 1;
            (frontier < AT_END).then(|| counts(world, frontier, kept))
        },
    );
}

/// Unaligned windows on a coarse grid, where the end of one lies within a cell.
#[test]
fn windows_narrower_than_the_grid() {
    let views = Views::new(
        "CREATE VIEW v AS SELECT window_end, count(*) AS n FROM a, tumble(at, interval '50 microseconds') GROUP BY window_end",
    );
    check_worlds(
        views,
        |world| world.grid == 128,
        |world, frontier| {
            let mut groups: BTreeMap<Time, i64> = BTreeMap::new();
            world.before(0, frontier).for_each(|event| *groups.entry((event.at / 50 + 1) * 50).or_default() += 1);
            Some(groups.into_iter().map(|(end, n)| (shown(&[moment(end), Datum::Int8(n)]), 1)).collect())
        },
    );
}
