//! Computes what is constant.
//!
//! A constant call is replaced by its value only if it has one: `1/0` stays, and fails on the rows that reach it.

use crate::expr::Scalar;
use crate::plan::Rel;
use crate::value::{Datum, Type};

/// Folds every expression of the plan, and the filters that are decided.
pub(super) fn fold(rel: &mut Rel) {
    rel.inputs_mut().into_iter().for_each(fold);
    rel.scalars_mut().into_iter().for_each(fold_scalar);
    match rel {
        Rel::Filter { input, predicates } => {
            if decided(predicates) == Some(false) {
                *rel = Rel::Constant { rows: Vec::new(), columns: input.columns() };
            } else if predicates.is_empty() {
                let input = input.take();
                *rel = input;
            }
        }
        Rel::Join { residual, .. } | Rel::AsOf { residual, .. } => {
            decided(residual);
        }
        Rel::Get { .. } | Rel::Constant { .. } | Rel::Map { .. } => {}
        Rel::Reduce { .. } | Rel::Distinct { .. } | Rel::Union { .. } => {}
        Rel::TopK { input, limit: Some(0), .. } => {
            *rel = Rel::Constant { rows: Vec::new(), columns: input.columns() };
        }
        Rel::Expand { expansion, .. } => {
            expansion.outer.as_mut().map(decided);
        }
        Rel::Sessions { .. } | Rel::Settle { .. } => {}
        Rel::SetOp { .. } | Rel::TopK { .. } | Rel::Window { .. } | Rel::Recursive { .. } | Rel::Temporal { .. } => {}
    }
}

/// Drops predicates that are always true; `Some(false)` if one is never true and nothing before it may fail.
fn decided(predicates: &mut Vec<Scalar>) -> Option<bool> {
    predicates.retain(|predicate| !is(predicate, true));
    match predicates.iter().position(|predicate| is(predicate, false) || is_null(predicate)) {
        Some(end) if !predicates[..end].iter().any(Scalar::is_fallible) => Some(false),
        Some(_) => None,
        None => predicates.is_empty().then_some(true),
    }
}

fn is(scalar: &Scalar, truth: bool) -> bool {
    matches!(scalar, Scalar::Literal(Datum::Bool(value), _) if *value == truth)
}

fn is_null(scalar: &Scalar) -> bool {
    matches!(scalar, Scalar::Literal(Datum::Null, _))
}

fn boolean(truth: bool) -> Scalar {
    Scalar::Literal(Datum::Bool(truth), Type::Bool)
}

/// Folds one expression, innermost first.
pub(super) fn fold_scalar(scalar: &mut Scalar) {
    scalar.for_each_operand_mut(&mut fold_scalar);
    let folded = match scalar {
        Scalar::Column(..) | Scalar::Literal(..) => None,
        Scalar::Call { function, arguments, ty } => {
            if arguments.iter().all(|argument| matches!(argument, Scalar::Literal(..))) {
                let ty = ty.clone();
                scalar.eval(&[]).ok().map(|value| Scalar::Literal(value, ty))
            } else if function.is_strict()
                && arguments.iter().any(is_null)
                && !arguments.iter().any(Scalar::is_fallible)
            {
                Some(Scalar::Literal(Datum::Null, ty.clone()))
            } else {
                None
            }
        }
        Scalar::And(operands) => connective(operands, false),
        Scalar::Or(operands) => connective(operands, true).or_else(|| factored(operands)),
        Scalar::Case { branches, otherwise, .. } => case(branches, otherwise),
        Scalar::Coalesce(operands, _) => coalesce(operands),
    };
    if let Some(folded) = folded {
        *scalar = folded;
    }
}

/// `AND` and `OR`: nested ones are merged, neutral operands dropped, and nothing follows the operand that decides.
fn connective(operands: &mut Vec<Scalar>, decides: bool) -> Option<Scalar> {
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands.drain(..) {
        match operand {
            Scalar::And(inner) if !decides => flat.extend(inner),
            Scalar::Or(inner) if decides => flat.extend(inner),
            operand => flat.push(operand),
        }
    }
    flat.retain(|operand| !is(operand, !decides));
    if let Some(end) = flat.iter().position(|operand| is(operand, decides)) {
        flat.truncate(end + 1);
        if !flat.iter().any(Scalar::is_fallible) {
            return Some(boolean(decides));
        }
    }
    *operands = flat;
    match operands.len() {
        0 => Some(boolean(!decides)),
        1 => operands.pop(),
        _ => None,
    }
}

/// `(a AND b) OR (a AND c)` as `a AND (b OR c)`: what all alternatives ask for may be a join's key.
fn factored(alternatives: &[Scalar]) -> Option<Scalar> {
    let parts: Vec<&[Scalar]> = alternatives.iter().map(parts).collect();
    let shared = |part: &&Scalar| !part.is_fallible() && parts.iter().all(|others| others.contains(part));
    let common: Vec<Scalar> = parts.first()?.iter().filter(shared).cloned().collect();
    if common.is_empty() {
        return None;
    }
    let rest = |part: &&[Scalar]| {
        let rest: Vec<Scalar> = part.iter().filter(|part| !common.contains(part)).cloned().collect();
        Scalar::And(rest)
    };
    let mut either = Scalar::Or(parts.iter().map(rest).collect());
    fold_scalar(&mut either);
    let mut whole = Scalar::And(common.iter().cloned().chain([either]).collect());
    fold_scalar(&mut whole);
    Some(whole)
}

fn parts(scalar: &Scalar) -> &[Scalar] {
    match scalar {
        Scalar::And(operands) => operands,
        scalar => std::slice::from_ref(scalar),
    }
}

fn case(branches: &mut Vec<(Scalar, Scalar)>, otherwise: &mut Box<Scalar>) -> Option<Scalar> {
    branches.retain(|(condition, _)| !is(condition, false) && !is_null(condition));
    if let Some(end) = branches.iter().position(|(condition, _)| is(condition, true)) {
        let (_, result) = branches.swap_remove(end);
        branches.truncate(end);
        **otherwise = result;
    }
    branches.is_empty().then(|| std::mem::replace(&mut **otherwise, boolean(false)))
}

fn coalesce(operands: &mut Vec<Scalar>) -> Option<Scalar> {
    if operands.iter().all(is_null) {
        return operands.pop();
    }
    operands.retain(|operand| !is_null(operand));
    if let Some(end) = operands.iter().position(|operand| matches!(operand, Scalar::Literal(..))) {
        operands.truncate(end + 1);
    }
    if operands.len() == 1 { operands.pop() } else { None }
}
