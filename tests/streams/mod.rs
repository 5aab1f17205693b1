//! Streams in time: windows, sessions, joins of streams and lookups, against recomputation from scratch at every frontier told and at
//! random others.

mod bounded;
mod chance;
mod content;
mod determinism;
mod equal;
mod freed;
mod going_on;
mod lookups;
mod pairs;
mod postgres;
mod refused;
mod run;
mod script;
mod sessions;
mod shrink;
mod step;
mod updating;
mod windows;
mod world;

use crate::support::random::{Random, seed, setting};
use content::{Content, compare, content_before, contents};
use run::Views;
use world::{BEGIN, World};

/// What a view is to show at a frontier: all there is at the end, which comes after everything.
const AT_END: u64 = 1 << 40;

/// Runs views over random worlds, and compares the one called `v` with what it is to show.
fn check(views: Views<'_>, expected: impl Fn(&World, u64) -> Content) {
    check_worlds(views, |_| true, |world, frontier| Some(expected(world, frontier)));
}

/// As `check`, over those worlds that are suitable; nothing is said of a frontier for which nothing is expected.
fn check_worlds(views: Views<'_>, suits: impl Fn(&World) -> bool, expected: impl Fn(&World, u64) -> Option<Content>) {
    let seed = seed(1);
    let mut random = Random::new(seed);
    let compare_at = |world: &World, frontier: Option<u64>, got: &Content| {
        let Some(expected) = expected(world, frontier.unwrap_or(AT_END)) else { return Ok(()) };
        compare(&expected, got).map_err(|difference| format!("at {frontier:?}\n{difference}"))
    };
    for run in 0..setting("TIDEGATE_TEST_WORLDS", 30) {
        let world = World::random(&mut random, 60);
        if !suits(&world) {
            continue;
        }
        shrink::must_hold(&format!("seed {seed}, world {run}"), world, &views, |world| {
            for workers in [1, 2] {
                let steps = &world.run(workers, &views)["v"];
                let told = contents(steps);
                for (frontier, got) in &told {
                    compare_at(world, *frontier, got).map_err(|wrong| format!("{workers} workers, {wrong}"))?;
                }
                let last = told.iter().filter_map(|(frontier, _)| *frontier).fold(BEGIN, u64::max);
                let mut random = Random::new(seed);
                for _ in 0..10 {
                    let frontier = Some(BEGIN + random.below(last - BEGIN + 1));
                    compare_at(world, frontier, &content_before(steps, frontier))?;
                }
                going_on::goes_on(world, workers, &views, &mut random)?;
            }
            Ok(())
        });
    }
}
