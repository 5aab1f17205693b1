//! Lookups: a table as it was at the time of an event.

use super::check;
use super::content::{Content, add, moment, shown};
use super::run::Views;
use super::step::Event;
use super::world::World;
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

/// What looks up others takes effect at its own time, whatever the grid.
fn exactly_before(world: &World, frontier: Time) -> impl Iterator<Item = &Event> {
    world.streams[0].iter().filter(move |(_, time)| *time < frontier).map(|(event, _)| event)
}

fn looked_up(world: &World, frontier: Time, alone: bool) -> Content {
    let mut content = Content::new();
    for event in exactly_before(world, frontier) {
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
        check(Views::new(&text(kind)), |world, frontier| looked_up(world, frontier, alone));
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
    check(views, |world, frontier| {
        let mut groups: BTreeMap<(Time, i64), i64> = BTreeMap::new();
        for event in exactly_before(world, frontier) {
            for (name, count) in names(world, event) {
                *groups.entry(((event.at / 100 + 1) * 100, name)).or_default() += count;
            }
        }
        let row = |((end, name), n)| (shown(&[moment(end), Datum::Int8(name), Datum::Int8(n)]), 1);
        groups.into_iter().map(row).collect()
    });
}
