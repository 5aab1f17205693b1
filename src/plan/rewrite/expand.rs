//! Filters and projections through functions that return rows.

use super::filter::push;
use super::prune::{Columns, rank};
use crate::expr::Scalar;
use crate::plan::derive::required;
use crate::plan::equality::reads_only;
use crate::plan::{Expansion, JoinKind, Rel};

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
    for scalar in expansion.arguments().chain(expansion.over_both()) {
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
    let number = width + expansion.returned() - 1;
    let reads = |scalar: &Scalar| !reads_only(scalar, |column| column != number);
    let is_shown = expansion.fold.is_none() && needed.contains(&number);
    if expansion.ordinality && !is_shown && !expansion.over_both().any(reads) {
        expansion.ordinality = false;
    }
    expansion.scalars_mut().for_each(|scalar| scalar.map_columns(&mut |column| place(column)));
    (expansion, place)
}

/// Expands one side of a join that pairs everything rather than the pairs, wherever that side is all that is read: what the functions
/// return may then be the join's key. Whether there was one.
pub(super) fn sink(rel: &mut Rel) -> bool {
    let mut any = false;
    rel.inputs_mut().into_iter().for_each(|input| any |= sink(input));
    if let Some(sunk) = sunk(rel) {
        *rel = sunk;
        any = true;
    }
    any
}

fn sunk(rel: &Rel) -> Option<Rel> {
    let Rel::Expand { input, expansion } = rel else { return None };
    let Rel::Join { kind: JoinKind::Inner, left, right, on, residual } = input.as_ref() else { return None };
    // Of a row without a partner nothing may fail.
    if !on.is_empty() || expansion.outer.is_some() || expansion.fold.is_some() || expansion.is_fallible() {
        return None;
    }
    let (left_width, right_width, added) = (left.width(), right.width(), expansion.width());
    let reads = |holds: &dyn Fn(usize) -> bool| expansion.arguments().all(|argument| reads_only(argument, holds));
    let is_left = |column: usize| column < left_width;
    let (of_left, of_right) = (reads(&is_left), reads(&|column| !is_left(column)));
    let (kind, on, mut residual) = (JoinKind::Inner, Vec::new(), residual.clone());
    match (of_left, of_right) {
        (true, false) => {
            let left = Box::new(Rel::Expand { input: left.clone(), expansion: expansion.clone() });
            let moved = |column: usize| if is_left(column) { column } else { column + added };
            residual.iter_mut().for_each(|scalar| scalar.map_columns(&mut { moved }));
            let joined = Rel::Join { kind, left, right: right.clone(), on, residual };
            let right = left_width + added..left_width + added + right_width;
            Some(
                joined.project(&(0..left_width).chain(right).chain(left_width..left_width + added).collect::<Vec<_>>()),
            )
        }
        (false, true) => {
            let mut expansion = expansion.clone();
            expansion.scalars_mut().for_each(|scalar| scalar.map_columns(&mut |column| column - left_width));
            let right = Box::new(Rel::Expand { input: right.clone(), expansion });
            Some(Rel::Join { kind, left: left.clone(), right, on, residual })
        }
        _ => None,
    }
}
