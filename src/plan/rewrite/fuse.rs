//! Merges neighbouring maps, filters and unions.

use super::filter::substitute;
use crate::expr::Scalar;
use crate::plan::Rel;

/// Merges from the inputs up.
pub(super) fn fuse(mut rel: Rel) -> Rel {
    for input in rel.inputs_mut() {
        let taken = input.take();
        *input = fuse(taken);
    }
    match rel {
        Rel::Map { input, expressions } => match *input {
            Rel::Map { input, expressions: below } if may_merge(&expressions, &below) => {
                input.map(expressions.iter().map(|expression| substitute(expression, &below)).collect())
            }
            input => input.map(expressions),
        },
        Rel::Filter { input, predicates } => input.filter(predicates),
        Rel::Union { inputs } => union(inputs),
        rel => rel,
    }
}

/// Whether no computation below would be done twice.
fn may_merge(above: &[Scalar], below: &[Scalar]) -> bool {
    let mut uses = vec![0usize; below.len()];
    for expression in above {
        expression.columns(&mut |column| uses[column] += 1);
    }
    below
        .iter()
        .zip(uses)
        .all(|(expression, uses)| uses <= 1 || matches!(expression, Scalar::Column(..) | Scalar::Literal(..)))
}

/// Unions inside a union become part of it.
fn union(inputs: Vec<Rel>) -> Rel {
    let mut flat = Vec::with_capacity(inputs.len());
    for input in inputs {
        match input {
            Rel::Union { inputs } => flat.extend(inputs),
            input => flat.push(input),
        }
    }
    match flat.len() {
        1 => flat.remove(0),
        _ => Rel::Union { inputs: flat },
    }
}
