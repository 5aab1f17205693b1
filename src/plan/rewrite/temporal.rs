//! Filters by the clock move towards the inputs, so that what is over is held nowhere.

use super::filter::{push, substitute};
use crate::expr::Scalar;
use crate::plan::equality::{reads_only, rebased};
use crate::plan::{ClockTest, JoinKind, Rel};

/// Rows that satisfy the tests and then the predicates, either as deep as they may stand.
pub(super) fn filtered(input: Rel, tests: Vec<ClockTest>, predicates: Vec<Scalar>) -> Rel {
    // What may fail does so only for rows that are there at the time.
    let (below, above): (Vec<Scalar>, Vec<Scalar>) =
        predicates.into_iter().partition(|predicate| !predicate.is_fallible());
    sink(push(input, below), tests).filter(above)
}

/// The rows that satisfy the tests. A row that fails earlier than it would is an error the original does not have: nothing moves below
/// what may fail.
fn sink(rel: Rel, tests: Vec<ClockTest>) -> Rel {
    if tests.is_empty() {
        return rel;
    }
    let movable = tests.iter().all(|test| !test.at.is_fallible());
    match rel {
        Rel::Map { input, expressions } if movable && !expressions.iter().any(Scalar::is_fallible) => {
            let moved = |test: ClockTest| ClockTest { at: substitute(&test.at, &expressions), ..test };
            let tests = tests.into_iter().map(moved).collect();
            sink(*input, tests).map(expressions)
        }
        Rel::Filter { input, predicates } if movable && !predicates.iter().any(Scalar::is_fallible) => {
            sink(*input, tests).filter(predicates)
        }
        Rel::Union { inputs } => {
            Rel::Union { inputs: inputs.into_iter().map(|input| sink(input, tests.clone())).collect() }
        }
        Rel::Expand { input, expansion } if movable && !expansion.is_fallible() => {
            let width = input.width();
            let (below, above) = split(tests, |column| column < width);
            temporal(Rel::Expand { input: Box::new(sink(*input, below)), expansion }, above)
        }
        Rel::Join { kind, left, right, on, residual } if movable => {
            let fails =
                residual.iter().chain(on.iter().flat_map(|key| [&key.left, &key.right])).any(Scalar::is_fallible);
            if fails || kind == JoinKind::Full {
                return temporal(Rel::Join { kind, left, right, on, residual }, tests);
            }
            let width = left.width();
            let (of_left, others) = split(tests, |column| column < width);
            let (of_right, above) = match kind {
                JoinKind::Inner => split(others, |column| column >= width),
                JoinKind::Left | JoinKind::Full | JoinKind::Semi | JoinKind::Anti => (Vec::new(), others),
            };
            let of_right = of_right.into_iter().map(|test| ClockTest { at: rebased(test.at, width), ..test }).collect();
            let (left, right) = (Box::new(sink(*left, of_left)), Box::new(sink(*right, of_right)));
            temporal(Rel::Join { kind, left, right, on, residual }, above)
        }
        rel => temporal(rel, tests),
    }
}

/// The tests that read only such columns, and the others.
fn split(tests: Vec<ClockTest>, holds: impl Fn(usize) -> bool) -> (Vec<ClockTest>, Vec<ClockTest>) {
    tests.into_iter().partition(|test| reads_only(&test.at, &holds))
}

fn temporal(rel: Rel, tests: Vec<ClockTest>) -> Rel {
    match (rel, tests) {
        (rel, tests) if tests.is_empty() => rel,
        (Rel::Temporal { input, tests: mut first }, mut tests) => {
            first.append(&mut tests);
            Rel::Temporal { input, tests: first }
        }
        (rel, tests) => Rel::Temporal { input: Box::new(rel), tests },
    }
}
