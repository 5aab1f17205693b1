//! Joins of two streams whose times are bound to each other.

use super::check;
use super::content::{Content, add, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
use std::collections::BTreeMap;
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

/// Windows of pairs by the time of either side, also through a view and joined with a table that changes.
#[test]
fn windows_of_pairs() {
    let bound = "b.at BETWEEN a.at - interval '150 microseconds' AND a.at + interval '150 microseconds'";
    for by_left in [true, false] {
        let at = if by_left { "left_at" } else { "right_at" };
        let text = format!(
            "CREATE VIEW pair AS SELECT a.key, a.at AS left_at, b.at AS right_at FROM a JOIN b ON a.key = b.key AND {bound};
             CREATE VIEW v AS SELECT window_start, key, count(*) AS n FROM pair, tumble({at}, interval '50 microseconds')
             GROUP BY window_start, key"
        );
        check(Views::new(&text), |world, frontier| {
            let mut windows: BTreeMap<(Time, i64), i64> = BTreeMap::new();
            for a in world.before(0, frontier) {
                for b in world.before(1, frontier).filter(|b| a.key == b.key && b.at.abs_diff(a.at) <= 150) {
                    let at = if by_left { a.at } else { b.at };
                    *windows.entry((at / 50 * 50, a.key)).or_default() += 1;
                }
            }
            let row = |((start, key), n)| (shown(&[moment(start), Datum::Int8(key), Datum::Int8(n)]), 1);
            windows.into_iter().map(row).collect()
        });
    }
}
