//! What is told depends on the events and their times: neither on how they come in pieces, nor on workers; and of final results not
//! even on the order in which they come, as long as none comes late.

use super::world::{Event, Views, World, shown};
use crate::support::random::{Random, seed, setting};
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

/// All changes that readers are told, in order.
fn changes(steps: &[Step]) -> Vec<(Time, Vec<String>, i64)> {
    let changes = steps.iter().flat_map(|step| &step.changes);
    let mut changes: Vec<_> = changes.map(|(row, time, diff)| (*time, shown(&row.unpack()), *diff)).collect();
    changes.sort();
    changes
}

#[test]
fn pieces_and_workers_change_nothing() {
    let mut random = Random::new(seed(1));
    let mut told_of = 0;
    for text in VIEWS {
        for emit in [Emit::Changes, Emit::Final] {
            let views = Views { emit, ..Views::new(text) };
            for _ in 0..setting("TIDEGATE_TEST_WORLDS", 6) {
                let world = World::random(&mut random, 60);
                let first = changes(&world.run(&mut random, 1, &views)["v"]);
                told_of += first.len();
                for workers in [1, 2, 4] {
                    let again = world.in_other_pieces(&mut random);
                    let told = changes(&again.run(&mut random, workers, &views)["v"]);
                    assert!(told == first, "{workers} workers, {emit:?}\n{text}\n{world:?}\n{first:?}\n{told:?}");
                }
            }
        }
    }
    assert!(told_of > 1000, "only {told_of} changes");
}

/// Streams alone: what a table's changes meet depends on when an event comes.
#[test]
fn the_order_of_arrival_changes_no_final_result() {
    let mut random = Random::new(seed(1));
    for text in &VIEWS[..3] {
        let views = Views { emit: Emit::Final, ..Views::new(text) };
        for _ in 0..setting("TIDEGATE_TEST_WORLDS", 10) {
            let world = World::random(&mut random, 60);
            let lateness = 60;
            let ordered = world.with_arrivals(&mut random, lateness, |_, events| events.sort_by_key(|event| event.at));
            let expected = changes(&ordered.run(&mut random, 1, &views)["v"]);
            for workers in [1, 2] {
                let shuffled = world.with_arrivals(&mut random, lateness, |random, events: &mut Vec<Event>| {
                    // An event comes before all that are later than it by more than the lateness.
                    events.sort_by_key(|event| event.at);
                    let delayed: Vec<(Time, Event)> =
                        events.iter().map(|event| (event.at + random.below(lateness + 1), *event)).collect();
                    let mut delayed = delayed;
                    delayed.sort_by_key(|(at, _)| *at);
                    *events = delayed.into_iter().map(|(_, event)| event).collect();
                });
                assert_eq!(shuffled.streams.each_ref().map(Vec::len), ordered.streams.each_ref().map(Vec::len));
                let told = changes(&shuffled.run(&mut random, workers, &views)["v"]);
                assert!(told == expected, "{workers} workers\n{text}\n{shuffled:?}\n{expected:?}\n{told:?}");
            }
        }
    }
}
