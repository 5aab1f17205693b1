//! What stays up to date under a bound: rows of a stream while the clock has not passed them, joined with tables that change and with
//! each other, grouped, and the first of each group; also the first of each window.

use super::content::{Content, add, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
use super::{check, check_worlds};
use std::collections::BTreeMap;
use tidegate::value::{Datum, Time};

const SPAN: Time = 100;

/// The events of a stream that the clock has not passed at a frontier. It stops when the stream ends.
fn recent(world: &World, stream: usize, frontier: Time, span: Time) -> Vec<&Event> {
    let clock = frontier.min(world.last(stream)) - 1;
    world.before(stream, frontier).filter(|event| clock < event.at + span).collect()
}

fn names(world: &World, kind: &str, event: &Event, frontier: Time) -> Vec<(Datum, i64)> {
    let names = world.names(event.key, frontier).into_iter().map(|(name, count)| (Datum::Int8(name), count));
    let names: Vec<(Datum, i64)> = names.collect();
    if names.is_empty() && kind == "LEFT" { vec![(Datum::Null, 1)] } else { names }
}

#[test]
fn a_table_changes_what_is_joined_until_the_row_goes() {
    for kind in ["", "LEFT"] {
        // Beginning with the bound itself, or behind it.
        for (order, span) in [(">", SPAN), (">=", SPAN + 1)] {
            let text = format!(
                "CREATE VIEW v AS SELECT a.id, t.name FROM a {kind} JOIN t ON t.key = a.key
                 WHERE a.at {order} now() - interval '100 microseconds'"
            );
            check(Views::new(&text), |world, frontier| {
                let mut content = Content::new();
                for event in recent(world, 0, frontier, span) {
                    for (name, count) in names(world, kind, event, frontier) {
                        add(&mut content, shown(&[Datum::Int8(event.id), name]), count);
                    }
                }
                content
            });
        }
    }
}

#[test]
fn groups_of_what_is_joined() {
    let text = "CREATE VIEW v AS SELECT t.name, count(*) AS n, max(a.value) AS most FROM a LEFT JOIN t USING (key)
        WHERE a.at > now() - interval '100 microseconds' GROUP BY t.name";
    check(Views::new(text), |world, frontier| {
        let mut groups: BTreeMap<Vec<String>, (i64, i64)> = BTreeMap::new();
        for event in recent(world, 0, frontier, SPAN) {
            for (name, count) in names(world, "LEFT", event, frontier) {
                let (all, most) = groups.entry(shown(&[name])).or_default();
                (*all, *most) = (*all + count, event.value.max(*most));
            }
        }
        let row = |(name, (n, most)): (Vec<String>, (i64, i64))| {
            ([name, shown(&[Datum::Int8(n), Datum::Int8(most)])].concat(), 1)
        };
        groups.into_iter().map(row).collect()
    });
}

#[test]
fn two_streams_while_both_are_recent() {
    let text = "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a JOIN b USING (key)
        WHERE a.at > now() - interval '100 microseconds' AND b.at > now() - interval '40 microseconds'";
    check(Views::new(text), |world, frontier| {
        let mut content = Content::new();
        for a in recent(world, 0, frontier, SPAN) {
            for b in recent(world, 1, frontier, 40).into_iter().filter(|b| b.key == a.key) {
                add(&mut content, shown(&[Datum::Int8(a.id), Datum::Int8(b.id)]), 1);
            }
        }
        content
    });
}

/// Of each key the greatest value: the first that came, if several are.
#[test]
fn the_first_of_each_key_while_it_is_recent() {
    let text = "CREATE VIEW v AS SELECT DISTINCT ON (key) key, id, value FROM a
        WHERE at > now() - interval '100 microseconds' ORDER BY key, value DESC, at, id";
    check(Views::new(text), |world, frontier| {
        let mut first: BTreeMap<i64, &Event> = BTreeMap::new();
        for event in recent(world, 0, frontier, SPAN) {
            let order = |event: &Event| (-event.value, event.at, event.id);
            let known = first.entry(event.key).or_insert(event);
            if order(event) < order(known) {
                *known = event;
            }
        }
        let row = |event: &Event| (shown(&[event.key, event.id, event.value].map(Datum::Int8)), 1);
        first.into_values().map(row).collect()
    });
}

/// The two most frequent values of each window, as they change and when it has ended.
#[test]
fn the_first_two_of_each_window() {
    use tidegate::plan::Emit;
    let text = "CREATE VIEW v AS SELECT window_end, value, n, place FROM (
            SELECT window_end, value, count(*) AS n,
                   row_number() OVER (PARTITION BY window_end ORDER BY count(*) DESC, value) AS place
            FROM a, tumble(at, interval '100 microseconds') GROUP BY window_end, value) s WHERE place <= 2";
    for emit in [Emit::Changes, Emit::Final] {
        let views = Views { emit, ..Views::new(text) };
        check_worlds(
            views,
            |_| true,
            |world, frontier| {
                let mut windows: BTreeMap<Time, BTreeMap<i64, i64>> = BTreeMap::new();
                for event in world.before(0, frontier) {
                    let end = (event.at / 100 + 1) * 100;
                    if emit == Emit::Changes || world.takes_effect(end - 1) < frontier {
                        *windows.entry(end).or_default().entry(event.value).or_default() += 1;
                    }
                }
                let first_two = |(end, counts): (Time, BTreeMap<i64, i64>)| {
                    let mut counts: Vec<(i64, i64)> = counts.into_iter().map(|(value, n)| (-n, value)).collect();
                    counts.sort_unstable();
                    let row = move |(place, (n, value)): (usize, (i64, i64))| {
                        let numbers = [value, -n, place as i64 + 1].map(Datum::Int8);
                        (shown(&[&[moment(end)], &numbers[..]].concat()), 1)
                    };
                    counts.into_iter().take(2).enumerate().map(row)
                };
                Some(windows.into_iter().flat_map(first_two).collect())
            },
        );
    }
}
