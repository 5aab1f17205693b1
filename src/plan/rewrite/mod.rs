//! Rewrites of a plan that keep its meaning.
//!
//! What must hold: the rows are the same, and no rewrite evaluates a fallible expression on a row for which the original would not.
//! A rewrite may evaluate fewer, so that an error vanishes together with the row that nobody reads.

mod expand;
mod filter;
mod fold;
mod fuse;
mod number;
mod order;
mod prune;
mod temporal;

#[cfg(test)]
mod tests;

use super::{Rel, View};

pub use filter::{conjuncts, substitute};
pub use prune::reads;

/// Rewrites every view by itself.
pub fn optimize(views: &mut [View]) {
    for view in views {
        let rel = view.rel.take();
        view.rel = rewrite(rel);
    }
}

/// Rewrites one relation: constants are computed, inner joins ordered, filters pushed down, columns nobody reads dropped, neighbours merged.
pub fn rewrite(mut rel: Rel) -> Rel {
    fold::fold(&mut rel);
    let mut rel = filter::push(order::order(rel), Vec::new());
    if expand::sink(&mut rel) {
        rel = filter::push(order::order(rel), Vec::new());
    }
    rel = fuse::fuse(prune::prune_all(rel));
    // Substitution may have brought constants together, and a map next to a filter it blocked.
    fold::fold(&mut rel);
    fuse::fuse(rel)
}
