//! Arrangements are tidied while there is nothing else to do.
//!
//! Differential merges an arrangement's batches as updates come in, a little with each. When updates stop in the middle of a merge,
//! as they do after a first load, it would hold the old batches and half of the new one, and be read through all of them, until more
//! come. A merge that was begun costs the same whenever it is done, so it is done at once, in small steps between others' work.

use differential_dataflow::trace::ExertionLogic;
use std::sync::Arc;
use timely::WorkerConfig;

/// Updates that are merged at a time: a fraction of a millisecond, so that a commit does not wait for it.
const STEP: usize = 1024;

/// How a worker runs.
pub fn config() -> WorkerConfig {
    let mut config = WorkerConfig::default();
    let logic: ExertionLogic = Arc::new(step);
    // The key under which `differential_dataflow::configure` puts its own logic, which would merge everything into one batch
    // after every update.
    config.set("differential/default_exert_logic".to_string(), logic);
    config
}

/// How much to merge. Layers are given with their level, whether two batches are being merged in them, and their updates, the
/// largest first. Small layers are merged into the largest when together they are half as large.
fn step(layers: &[(usize, usize, usize)]) -> Option<usize> {
    let merging = layers.iter().any(|(_, batches, _)| *batches > 1);
    let mut sizes = layers.iter().map(|(_, _, updates)| *updates).filter(|updates| *updates > 0);
    let largest = sizes.next().unwrap_or(0);
    let others: usize = sizes.sum();
    (merging || others > largest / 2).then_some(STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layers: &[(usize, usize)], goes_on: bool) {
        let layers: Vec<_> =
            layers.iter().enumerate().map(|(level, (batches, updates))| (level, *batches, *updates)).collect();
        assert_eq!(step(&layers).is_some(), goes_on, "{layers:?}");
    }

    #[test]
    fn merges_end_and_small_layers_are_left_alone() {
        check(&[], false);
        check(&[(0, 0), (1, 1000)], false);
        check(&[(1, 1000), (0, 0), (1, 300), (1, 200)], false);
        check(&[(1, 1000), (0, 0), (1, 300), (1, 201)], true);
        check(&[(1, 1000), (2, 3)], true);
        check(&[(2, 1000)], true);
    }
}
