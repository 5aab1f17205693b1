//! Joins of two streams whose times are bound to each other.

use super::check;
use super::content::{Content, add, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::plan::Emit;
use tidegate::value::{Datum, Time};

const BEFORE: Time = 30;
const AFTER: Time = 80;

fn is_pair(a: &Event, b: &Event) -> bool {
    a.key == b.key && b.at + BEFORE >= a.at && b.at <= a.at + AFTER
}

fn text(kind: &str) -> String {
    format!(
        "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a {kind} JOIN b ON a.key = b.key
         AND b.at BETWEEN a.at - interval '30 microseconds' AND a.at + interval '80 microseconds'"
    )
}

fn id(event: Option<&Event>) -> Datum {
    event.map_or(Datum::Null, |event| Datum::Int8(event.id))
}

/// Pairs, and rows alone: those of `a` from when `alone` says so, and likewise those of `b`.
fn pairs(world: &World, frontier: Time, alone: [&dyn Fn(&Event) -> bool; 2]) -> Content {
    let mut content = Content::new();
    let (left, right): (Vec<&Event>, Vec<&Event>) =
        (world.before(0, frontier).collect(), world.before(1, frontier).collect());
    for a in &left {
        let partners: Vec<&&Event> = right.iter().filter(|b| is_pair(a, b)).collect();
        partners.iter().for_each(|b| add(&mut content, shown(&[id(Some(a)), id(Some(b))]), 1));
        if partners.is_empty() && alone[0](a) {
            add(&mut content, shown(&[id(Some(a)), id(None)]), 1);
        }
    }
    for b in right.iter().filter(|b| !left.iter().any(|a| is_pair(a, b)) && alone[1](b)) {
        add(&mut content, shown(&[id(None), id(Some(b))]), 1);
    }
    content
}

#[test]
fn pairs_and_rows_alone() {
    let (no, yes) = (&|_: &Event| false, &|_: &Event| true);
    for (kind, alone) in [("", [no as &dyn Fn(&Event) -> bool, no]), ("LEFT", [yes, no]), ("FULL", [yes, yes])] {
        check(Views::new(&text(kind)), |world, frontier| pairs(world, frontier, alone));
    }
}

/// With `emit = "final"` a row is told to be alone when its last partner could have come.
#[test]
fn rows_alone_at_the_end_of_their_time() {
    let text = text("LEFT");
    let views = Views { emit: Emit::Final, ..Views::new(&text) };
    check(views, |world, frontier| {
        let last = |a: &Event| world.settles(a.at + AFTER) - 1;
        pairs(world, frontier, [&|a: &Event| last(a) < frontier, &|_| false])
    });
}

const APART: Time = 150;

/// A view of pairs, and windows of them by the time of either side, which read the other side's too.
fn windows(by_left: bool, columns: &str, joined: &str) -> String {
    let at = if by_left { "left_at" } else { "right_at" };
    format!(
        "CREATE VIEW pair AS SELECT a.key, a.at AS left_at, b.at AS right_at FROM a JOIN b ON a.key = b.key
             AND b.at BETWEEN a.at - interval '150 microseconds' AND a.at + interval '150 microseconds';
         CREATE VIEW v AS SELECT window_start, {columns}, count(*) FILTER (WHERE left_at < right_at + interval '1 day') AS n FROM pair {joined}, tumble({at}, interval '50 microseconds')
         GROUP BY window_start, {columns}"
    )
}

/// The pairs before a time, each with its key and where its window begins.
fn begun(world: &World, by_left: bool, before: Time) -> Vec<(Time, i64)> {
    let right: Vec<&Event> = world.before(1, before).collect();
    let of_left = |a: &Event| {
        let partners = right.iter().filter(|b| b.key == a.key && b.at.abs_diff(a.at) <= APART);
        let at = partners.map(|b| if by_left { a.at } else { b.at });
        at.map(|at| (at / 50 * 50, a.key)).collect::<Vec<_>>()
    };
    world.before(0, before).flat_map(of_left).collect()
}

#[test]
fn windows_of_pairs() {
    for by_left in [true, false] {
        check(Views::new(&windows(by_left, "key", "")), |world, frontier| {
            let mut windows: BTreeMap<(Time, i64), i64> = BTreeMap::new();
            begun(world, by_left, frontier).into_iter().for_each(|window| *windows.entry(window).or_default() += 1);
            let row = |((start, key), n)| (shown(&[moment(start), Datum::Int8(key), Datum::Int8(n)]), 1);
            windows.into_iter().map(row).collect()
        });
    }
}

/// The table counts until the last pair of a window may have come.
#[test]
fn windows_of_pairs_joined_with_a_table() {
    for by_left in [true, false] {
        check(Views::new(&windows(by_left, "name", "JOIN t USING (key)")), |world, frontier| {
            let mut groups: BTreeMap<(Time, i64), i64> = BTreeMap::new();
            let starts: BTreeSet<Time> = begun(world, by_left, frontier).into_iter().map(|(start, _)| start).collect();
            for start in starts {
                let until = frontier.min(world.settles(start + 49 + APART));
                for (_, key) in begun(world, by_left, until).into_iter().filter(|(begun, _)| *begun == start) {
                    let names = world.names(key, until);
                    names.into_iter().for_each(|(name, count)| *groups.entry((start, name)).or_default() += count);
                }
            }
            let row = |((start, name), n)| (shown(&[moment(start), Datum::Int8(name), Datum::Int8(n)]), 1);
            groups.into_iter().filter(|(_, n)| *n != 0).map(row).collect()
        });
    }
}
