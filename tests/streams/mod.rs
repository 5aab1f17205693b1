//! Streams in time: windows, sessions, joins of streams and lookups, against recomputation from scratch at every frontier told.

mod bounded;
mod determinism;
mod equal;
mod lookups;
mod pairs;
mod refused;
mod script;
mod sessions;
mod windows;
mod world;

use crate::support::random::{Random, seed, setting};
use world::{Content, Views, World, contents};

/// What a view is to show at a frontier: all there is at the end, which comes after everything.
const AT_END: u64 = 1 << 40;

/// Runs views over random worlds, and compares the one called `v` with what it is to show.
fn check(views: Views<'_>, expected: impl Fn(&World, u64) -> Content) {
    check_worlds(views, |_| true, expected);
}

/// As `check`, over those worlds that are suitable.
fn check_worlds(views: Views<'_>, suits: impl Fn(&World) -> bool, expected: impl Fn(&World, u64) -> Content) {
    let seed = seed(1);
    let mut random = Random::new(seed);
    let runs = setting("TIDEGATE_TEST_WORLDS", 30);
    for run in 0..runs {
        let world = World::random(&mut random, 60);
        if !suits(&world) {
            continue;
        }
        for workers in [1, 2] {
            let steps = world.run(&mut random, workers, &views);
            for (frontier, got) in contents(&steps["v"]) {
                let expected = expected(&world, frontier.unwrap_or(AT_END));
                let case = format!("seed {seed}, world {run}, {workers} workers, at {frontier:?}\n{}", views.text);
                assert!(got == expected, "{case}\n{}\n{world:?}", difference(&expected, &got));
            }
        }
    }
}

fn difference(expected: &Content, got: &Content) -> String {
    let missing = expected.iter().filter(|(row, count)| got.get(*row) != Some(count));
    let extra = got.iter().filter(|(row, count)| expected.get(*row) != Some(count));
    let missing: Vec<String> = missing.map(|(row, count)| format!("  expected {count} {row:?}")).collect();
    let extra: Vec<String> = extra.map(|(row, count)| format!("  got {count} {row:?}")).collect();
    [missing, extra].concat().join("\n")
}
