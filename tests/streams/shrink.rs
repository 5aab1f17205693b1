//! Makes a world that fails smaller, as long as it fails: leaves out what happens, by halves, quarters and single steps, and makes the
//! rest simpler. (Delta debugging, after Zeller.)

use super::run::Views;
use super::step::{Event, Step};
use super::world::World;
use crate::support::random::setting;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tidegate::timeline::Disorder;

/// How many smaller worlds are tried at most; `TIDEGATE_TEST_TRIES` says otherwise.
const TRIES: usize = 400;

/// Fails with the smallest world found of which `judge` says that something is wrong, as a script.
pub fn must_hold(case: &str, world: World, views: &Views<'_>, judge: impl Fn(&World) -> Result<(), String>) {
    let judge =
        |world: &World| catch_unwind(AssertUnwindSafe(|| judge(world))).unwrap_or_else(|_| Err("a panic".into()));
    let Err(first) = judge(&world) else { return };
    let steps = world.steps.len();
    let world = smallest(world, setting("TIDEGATE_TEST_TRIES", TRIES), |world| judge(world).is_err());
    // What fails by chance may not fail again.
    let wrong = judge(&world).err().unwrap_or(first);
    panic!("{case}: of {steps} steps these fail\n\n{}\n{wrong}", script(&world, views));
}

/// A world as a script.
pub fn script(world: &World, views: &Views<'_>) -> String {
    let Disorder { lateness, accept_for, .. } = world.disorder;
    let settings = format!("lateness={lateness} accept_for={accept_for} grid={}{}", world.grid, views.settings());
    let steps: String = world.steps.iter().map(|step| format!("{step}\n")).collect();
    format!("=== {settings}\n{}\n---\n{steps}", views.text)
}

/// The smallest world found with so many tries that still fails.
fn smallest(world: World, tries: usize, mut fails: impl FnMut(&World) -> bool) -> World {
    let mut left = tries;
    let mut fails = |world: &World| {
        let tried = left > 0;
        left = left.saturating_sub(1);
        tried && fails(world)
    };
    let mut smallest = world;
    loop {
        let before = (smallest.steps.clone(), smallest.disorder, smallest.grid);
        smallest = fewer(smallest, &mut fails);
        smallest = simpler(smallest, &mut fails);
        if before == (smallest.steps.clone(), smallest.disorder, smallest.grid) {
            return smallest;
        }
    }
}

/// Leaves out steps, many together first.
fn fewer(mut world: World, fails: &mut impl FnMut(&World) -> bool) -> World {
    let mut width = world.steps.len();
    while width > 0 {
        let mut from = 0;
        while from < world.steps.len() {
            let mut steps = world.steps.clone();
            steps.drain(from..(from + width).min(steps.len()));
            let without = World::of(world.disorder, world.grid, steps);
            match fails(&without) {
                true => world = without,
                false => from += width,
            }
        }
        width /= 2;
    }
    world
}

/// Does away with disorder, the grid, and values.
fn simpler(mut world: World, fails: &mut impl FnMut(&World) -> bool) -> World {
    let mut attempt = |world: &mut World, disorder: Disorder, grid, steps: Vec<Step>| {
        if (disorder, grid, &steps) != (world.disorder, world.grid, &world.steps) {
            let simpler = World::of(disorder, grid, steps);
            if fails(&simpler) {
                *world = simpler;
            }
        }
    };
    for keeps in [|_| 0, |number: u64| number / 2] {
        let Disorder { lateness, accept_for, .. } = world.disorder;
        let steps = world.steps.clone();
        let (grid, disorder) = (world.grid, Disorder { lateness: keeps(lateness), ..world.disorder });
        attempt(&mut world, disorder, grid, steps.clone());
        let disorder = Disorder { accept_for: keeps(accept_for), ..world.disorder };
        attempt(&mut world, disorder, grid, steps.clone());
        let disorder = world.disorder;
        attempt(&mut world, disorder, keeps(grid), steps);
    }
    for place in 0..world.steps.len() {
        let mut steps = world.steps.clone();
        if let Step::Event(_, Event { value, .. }) = &mut steps[place] {
            *value = 0;
            let (disorder, grid) = (world.disorder, world.grid);
            attempt(&mut world, disorder, grid, steps);
        }
    }
    world
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::random::{Random, seed};

    /// It fails if an event of key 1 arrives before one of `b` with the same value, and a late one is taken.
    #[test]
    fn what_matters_is_left() {
        let mut random = Random::new(seed(1));
        let fails = |world: &World| {
            let events: Vec<(usize, Event)> = world.steps.iter().filter_map(event).collect();
            let pairs = events.iter().enumerate().filter(|(place, (stream, a))| {
                *stream == 0
                    && a.key == 1
                    && events[*place..].iter().any(|(stream, b)| *stream == 1 && b.value == a.value)
            });
            pairs.count() > 0 && world.streams[0].iter().any(|(event, time)| event.at < *time)
        };
        let mut found = 0;
        for _ in 0..40 {
            let world = World::random(&mut random, 60);
            if !fails(&world) {
                continue;
            }
            let mut tries = 0;
            let small = smallest(world, 2000, |world| {
                tries += 1;
                fails(world)
            });
            assert!(fails(&small) && tries <= 2000);
            // An event, one that is later, the late one, and one of `b`; one may be two of the first three.
            assert!(small.steps.len() <= 4, "{} steps\n{}", small.steps.len(), script(&small, &Views::new("")));
            assert_eq!(small.grid, 0);
            found += 1;
        }
        assert!(found > 5, "only {found} worlds fail");
    }

    fn event(step: &Step) -> Option<(usize, Event)> {
        if let Step::Event(of, event) = step { Some((of.stream, *event)) } else { None }
    }

    #[test]
    fn no_more_is_tried_than_is_allowed() {
        let world = World::random(&mut Random::new(seed(1)), 60);
        let mut tries = 0;
        let small = smallest(world, 10, |world| {
            tries += 1;
            world.steps.len() >= 100
        });
        assert!(tries == 10 && small.steps.len() >= 100, "{tries} tries");
    }

    /// What is printed is a script of the same world.
    #[test]
    fn a_world_can_be_read_again() {
        let world = World::random(&mut Random::new(seed(1)), 60);
        let text = script(&world, &Views::new("SELECT"));
        let (_, steps) = text.split_once("---\n").expect("steps");
        let read: Vec<Step> = steps.lines().map(|line| Step::parse(line).expect("a step")).collect();
        assert_eq!(read, world.steps);
    }
}
