//! Which conditions between two inputs are equalities that a join can look up.

use super::Equality;
use crate::expr::{Argument, Scalar, common_type, comparable};

/// Whether `holds` for every column that is read.
pub(super) fn reads_only(scalar: &Scalar, holds: impl Fn(usize) -> bool) -> bool {
    let mut all = true;
    scalar.columns(&mut |column| all &= holds(column));
    all
}

fn reads_any(scalar: &Scalar) -> bool {
    let mut any = false;
    scalar.columns(&mut |_| any = true);
    any
}

/// The expression over columns that follow `by` others.
pub fn moved(mut scalar: Scalar, by: usize) -> Scalar {
    scalar.map_columns(&mut |column| column + by);
    scalar
}

/// The expression over the right input alone, whose columns followed `width` left ones.
pub(super) fn rebased(mut scalar: Scalar, width: usize) -> Scalar {
    scalar.map_columns(&mut |column| column - width);
    scalar
}

/// An equality between the first `width` columns and the rest as a key, its sides of one type over the left and the right input; or
/// the predicate back.
pub fn join_key(predicate: Scalar, width: usize) -> Result<Equality, Scalar> {
    let Scalar::Call { function, arguments, .. } = &predicate else { return Err(predicate) };
    let (a, b, null_safe) = match (function.name(), arguments.as_slice()) {
        ("=", [a, b]) => (a, b, false),
        ("is not distinct from", [a, b]) => (a, b, true),
        _ => return Err(predicate),
    };
    // Neither side may be a constant: that is a filter.
    let is_left = |scalar: &Scalar| reads_any(scalar) && reads_only(scalar, |column| column < width);
    let is_right = |scalar: &Scalar| reads_any(scalar) && reads_only(scalar, |column| column >= width);
    let (left, right) = match (is_left(a) && is_right(b), is_right(a) && is_left(b)) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return Err(predicate),
    };
    match one_type(left, right) {
        Some((left, right)) => Ok(Equality { left, right: rebased(right, width), null_safe }),
        None => Err(predicate),
    }
}

/// Both sides as their common type, if getting there cannot fail.
fn one_type(left: &Scalar, right: &Scalar) -> Option<(Scalar, Scalar)> {
    if left.ty() == right.ty() {
        return Some((left.clone(), right.clone()));
    }
    let common = common_type(&[Argument::Known(left.ty()), Argument::Known(right.ty())]).ok()?;
    Some((comparable(left, &common)?, comparable(right, &common)?))
}
