//! Lookups: a table as it was at the time of an event.

use super::check_worlds;
use super::world::{Content, Event, Views, World, add, moment, shown};
use std::collections::BTreeMap;
use tidegate::value::{Datum, Time};

fn text(kind: &str) -> String {
    format!("CREATE VIEW v AS SELECT a.id, t.name FROM a {kind} JOIN t FOR SYSTEM_TIME AS OF a.at ON t.key = a.key")
}

/// The names of a key at an instant, whose own changes are seen.
fn names(world: &World, event: &Event) -> BTreeMap<i64, i64> {
    let mut names = BTreeMap::new();
    for change in world.table.iter().filter(|change| change.key == event.key && change.time <= event.at) {
        *names.entry(change.name).or_default() += change.diff;
    }
    names.retain(|_, count| *count != 0);
    names
}

fn looked_up(world: &World, frontier: Time, alone: bool) -> Content {
    let mut content = Content::new();
    for event in world.before(0, frontier) {
        let names = names(world, event);
        for (name, count) in &names {
            add(&mut content, shown(&[Datum::Int8(event.id), Datum::Int8(*name)]), *count);
        }
        if names.is_empty() && alone {
            add(&mut content, shown(&[Datum::Int8(event.id), Datum::Null]), 1);
        }
    }
    content
}

#[test]
fn a_table_as_it_was_at_the_event() {
    for (kind, alone) in [("", false), ("LEFT", true)] {
        let exact = |world: &World| world.grid == 0;
        check_worlds(Views::new(&text(kind)), exact, |world, frontier| looked_up(world, frontier, alone));
    }
}

/// Windows over what was looked up: nothing of the table that comes later counts.
#[test]
fn windows_of_what_was_looked_up() {
    let views = Views::new(
        "CREATE VIEW v AS SELECT w.window_end, t.name, count(*) AS n
         FROM a JOIN t FOR SYSTEM_TIME AS OF a.at ON t.key = a.key, tumble(a.at, interval '100 microseconds') AS w
         GROUP BY w.window_end, t.name",
    );
    let exact = |world: &World| world.grid == 0;
    check_worlds(views, exact, |world, frontier| {
        let mut groups: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        for event in world.before(0, frontier) {
            for (name, count) in names(world, event) {
                *groups.entry(((event.at / 100 + 1) * 100, name)).or_default() += count;
            }
        }
        let row = |((end, name), n)| (shown(&[moment(end), Datum::Int8(name), Datum::Int8(n)]), 1);
        groups.into_iter().map(row).collect()
    });
}
