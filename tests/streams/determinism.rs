//! What is told depends on the events and their times: neither on how they come in pieces, nor on workers; and of final results not
//! even on the order in which they come, as long as none comes late.

use super::content::shown;
use super::run::Views;
use super::shrink::{must_hold, script};
use super::world::World;
use crate::support::random::{Random, seed, setting};
use std::cell::Cell;
use tidegate::plan::Emit;
use tidegate::timeline::Step;
use tidegate::value::Time;

const VIEWS: &[&str] = &[
    "CREATE VIEW v AS SELECT window_end, key, count(*) AS n, max(value), string_agg(id::text, ',' ORDER BY id) AS ids
     FROM a, hop(at, interval '40 microseconds', interval '100 microseconds') GROUP BY window_end, key",
    "CREATE VIEW v AS SELECT key, window_start, window_end, count(*) AS n, min(value) FROM a, session(at, interval '40 microseconds')
     GROUP BY key, window_start, window_end",
    "CREATE VIEW v AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b
     ON a.key = b.key AND b.at BETWEEN a.at - interval '30 microseconds' AND a.at + interval '80 microseconds'",
    "CREATE VIEW v AS SELECT window_end, name, count(*) AS n FROM a JOIN t USING (key), tumble(a.at, interval '100 microseconds')
     GROUP BY window_end, name",
];

type Told = (Time, Vec<String>, i64);

/// All changes that readers are told, in order.
fn changes(steps: &[Step]) -> Vec<Told> {
    let changes = steps.iter().flat_map(|step| &step.changes);
    let mut changes: Vec<_> = changes.map(|(row, time, diff)| (*time, shown(&row.unpack()), *diff)).collect();
    changes.sort();
    changes
}

/// How many changes are told of a world; the same of `others` with so many workers, or what differs.
fn same(world: &World, others: impl Iterator<Item = (usize, World)>, views: &Views<'_>) -> Result<usize, String> {
    let first = changes(&world.run(1, views)["v"]);
    for (workers, other) in others {
        let told = changes(&other.run(workers, views)["v"]);
        if told != first {
            let only = |these: &[Told], those: &[Told]| {
                let only = these.iter().filter(|change| !those.contains(change));
                only.map(|change| format!("  {change:?}\n")).collect::<String>()
            };
            let (missing, extra) = (only(&first, &told), only(&told, &first));
            let other = script(&other, views);
            return Err(format!(
                "is told otherwise with {workers} workers by\n\n{other}\nonly here\n{missing}only there\n{extra}"
            ));
        }
    }
    Ok(first.len())
}

#[test]
fn pieces_and_workers_change_nothing() {
    let seed = seed(1);
    let mut random = Random::new(seed);
    let told_of = Cell::new(0);
    for text in VIEWS {
        for emit in [Emit::Changes, Emit::Final] {
            let views = Views { emit, ..Views::new(text) };
            for run in 0..setting("TIDEGATE_TEST_WORLDS", 6) {
                let world = World::random(&mut random, 60);
                let pieces = Random::new(random.next());
                must_hold(&format!("seed {seed}, world {run}"), world, &views, |world| {
                    let mut pieces = pieces.clone();
                    let others = [1, 2, 4].map(|workers| (workers, world.in_other_pieces(&mut pieces)));
                    same(world, others.into_iter(), &views).map(|told| told_of.set(told_of.get() + told))
                });
            }
        }
    }
    assert!(told_of.get() > 1000, "only {} changes", told_of.get());
}

/// Streams alone: what a table's changes meet depends on when an event comes.
#[test]
fn the_order_of_arrival_changes_no_final_result() {
    const LATENESS: Time = 60;
    let seed = seed(1);
    let mut random = Random::new(seed);
    for text in &VIEWS[..3] {
        let views = Views { emit: Emit::Final, ..Views::new(text) };
        for run in 0..setting("TIDEGATE_TEST_WORLDS", 10) {
            let world = World::random(&mut random, 60);
            let delays = random.next();
            must_hold(&format!("seed {seed}, world {run}"), world, &views, |world| {
                let mut pieces = Random::new(delays);
                let ordered = world.delayed(&mut pieces, LATENESS, |_| 0);
                let others = [1, 2].map(|workers| {
                    // Each event's own, whatever else happens.
                    let delay =
                        |id: i64| Random::new(delays.wrapping_add(2 * id as u64 + workers as u64)).below(LATENESS + 1);
                    (workers, world.delayed(&mut pieces, LATENESS, |event| delay(event.id)))
                });
                let taken = |world: &World| world.streams.each_ref().map(Vec::len);
                assert!(others.iter().all(|(_, other)| taken(other) == taken(&ordered)), "an event came late");
                same(&ordered, others.into_iter(), &views).map(|_| ())
            });
        }
    }
}
