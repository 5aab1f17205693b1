//! Filters and projections through functions that return rows.

use super::filter::push;
use super::prune::{Columns, rank};
use crate::expr::Scalar;
use crate::plan::derive::required;
use crate::plan::equality::reads_only;
use crate::plan::{Expansion, Rel};

/// An expansion's rows that satisfy the predicates. What reads only the input stops rows before they are expanded.
pub(super) fn filtered(input: Rel, mut expansion: Expansion, mut predicates: Vec<Scalar>) -> Rel {
    let width = input.width();
    // No row passes that is padded with nulls where a column must not be null.
    if predicates.iter().flat_map(required).any(|column| column >= width) {
        predicates.splice(0..0, expansion.outer.take().unwrap_or_default());
    }
    let (below, above): (Vec<Scalar>, Vec<Scalar>) = predicates
        .into_iter()
        .partition(|predicate| !predicate.is_fallible() && reads_only(predicate, |column| column < width));
    Rel::Expand { input: Box::new(push(input, below)), expansion }.filter(above)
}

/// What the input must give. Every call stays: together they decide how many rows there are.
pub(super) fn needed_below(input: &Rel, expansion: &Expansion, needed: &Columns) -> Columns {
    let width = input.width();
    let mut below: Columns = needed.range(..width).copied().collect();
    for scalar in expansion.arguments().chain(expansion.outer.iter().flatten()) {
        scalar.columns(&mut |column| {
            below.extend((column < width).then_some(column));
        });
    }
    below
}

/// The expansion over an input of `width` columns of which those `kept` are left, and where its columns then are. It numbers rows
/// only where that is needed.
pub(super) fn narrowed<'k>(
    mut expansion: Expansion,
    width: usize,
    kept: &'k Columns,
    needed: &Columns,
) -> (Expansion, impl Fn(usize) -> usize + use<'k>) {
    let place = move |column: usize| match column.checked_sub(width) {
        None => rank(kept, column),
        Some(added) => kept.len() + added,
    };
    let number = width + expansion.width() - 1;
    let reads = |scalar: &Scalar| !reads_only(scalar, |column| column != number);
    if expansion.ordinality && !needed.contains(&number) && !expansion.outer.iter().flatten().any(reads) {
        expansion.ordinality = false;
    }
    expansion.scalars_mut().for_each(|scalar| scalar.map_columns(&mut |column| place(column)));
    (expansion, place)
}
