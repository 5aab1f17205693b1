//! Correlated subqueries as joins.
//!
//! A subquery that reads columns of the query around it is lowered over a *leaf*: a relation of the distinct values of those columns,
//! with which every relation of the subquery begins. Joined back on these columns it gives each outer row what the subquery gives for
//! it. (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015.) The leaf is taken out again where equalities determine its
//! columns, or where the join it stands in may as well be the outer one: then nothing is held twice.

use super::equality::{join_key, reads_only};
pub use super::rewrite::{conjuncts, substitute};
use super::{Aggregate, Equality, Expansion, Folded, JoinKind, Rel, RelId, WindowCall};
use crate::expr::Scalar;
use crate::value::Type;

/// Whether the leaf occurs.
pub fn reads_leaf(rel: &Rel, leaf: &RelId) -> bool {
    rel.relations().contains(leaf)
}

/// The relation with something else in the place of the leaf.
pub fn replace(rel: &mut Rel, leaf: &RelId, with: &Rel) {
    match rel {
        Rel::Get { relation, .. } if relation == leaf => *rel = with.clone(),
        rel => rel.inputs_mut().into_iter().for_each(|input| replace(input, leaf, with)),
    }
}

/// The join of two relations on keys and a condition over left columns followed by right ones: its equalities between the sides
/// become keys.
pub fn join(kind: JoinKind, left: Rel, right: Rel, mut on: Vec<Equality>, predicates: Vec<Scalar>) -> Rel {
    let width = left.width();
    let mut residual = Vec::new();
    for predicate in predicates.into_iter().flat_map(conjuncts) {
        match join_key(predicate, width) {
            Ok(key) => on.push(key),
            Err(predicate) => residual.push(predicate),
        }
    }
    Rel::Join { kind, left: Box::new(left), right: Box::new(right), on, residual }
}

/// Columns as expressions, from a position on.
pub fn columns(types: &[Type], from: usize) -> Vec<Scalar> {
    types.iter().enumerate().map(|(place, ty)| Scalar::Column(from + place, ty.clone())).collect()
}

/// What a subquery's rows are made of before its projections, and the expressions that then give its columns.
pub fn below_maps(rel: &Rel) -> (&Rel, Vec<Scalar>) {
    match rel {
        Rel::Map { input, expressions } => {
            let (base, below) = below_maps(input);
            (base, expressions.iter().map(|expression| substitute(expression, &below)).collect())
        }
        rel => (rel, columns(&rel.columns(), 0)),
    }
}

/// The pairs of a leaf's row and a row of something else that a relation consists of: that other relation, and the conditions over the
/// leaf's columns followed by its.
pub fn pairs<'r>(rel: &'r Rel, leaf: &RelId) -> Option<(&'r Rel, Vec<Scalar>)> {
    match rel {
        Rel::Filter { input, predicates } => {
            let (other, mut conditions) = pairs(input, leaf)?;
            conditions.extend(predicates.iter().cloned().flat_map(conjuncts));
            Some((other, conditions))
        }
        Rel::Join { kind: JoinKind::Inner, left, right, on, residual } if on.is_empty() && residual.is_empty() => {
            let is_leaf = matches!(&**left, Rel::Get { relation, .. } if relation == leaf);
            (is_leaf && !reads_leaf(right, leaf)).then_some((right, Vec::new()))
        }
        _ => None,
    }
}

/// The leaf's rows, each with the matching rows of something else, or with nulls: that other relation, which begins with the leaf's
/// columns.
pub fn completed<'r>(rel: &'r Rel, leaf: &RelId) -> Option<&'r Rel> {
    match rel {
        Rel::Join { kind: JoinKind::Left, left, right, on, residual } if residual.is_empty() => {
            let is_leaf = matches!(&**left, Rel::Get { relation, .. } if relation == leaf);
            let is_column = |scalar: &Scalar, at: usize| matches!(scalar, Scalar::Column(column, _) if *column == at);
            let is_key = |(at, key): (usize, &Equality)| is_column(&key.left, at) && is_column(&key.right, at);
            (is_leaf && on.len() == left.width() && on.iter().enumerate().all(is_key)).then_some(right)
        }
        _ => None,
    }
}

/// The aggregates of rows that functions return for the leaf's rows, as an expansion of these, if that is what the relation consists
/// of.
pub fn folded(groups: &Rel, leaf: &RelId) -> Option<Expansion> {
    let Rel::Reduce { input, group, aggregates } = groups else { return None };
    let Returned { expansion, predicates, columns } = returned(input, leaf)?;
    let is_leafs =
        |(at, scalar): (usize, &Scalar)| matches!(substitute(scalar, &columns), Scalar::Column(c, _) if c == at);
    let leafs = columns.len() >= group.len() && group.iter().enumerate().all(is_leafs);
    let mut aggregates = aggregates.clone();
    let scalars = aggregates.iter_mut().flat_map(Aggregate::scalars_mut);
    scalars.for_each(|scalar| *scalar = substitute(scalar, &columns));
    leafs.then_some(Expansion { fold: Some(Folded { predicates, aggregates }), ..expansion })
}

/// Rows that functions return for those of a leaf.
struct Returned {
    expansion: Expansion,
    predicates: Vec<Scalar>,
    /// Over the leaf's columns followed by the functions'.
    columns: Vec<Scalar>,
}

fn returned(rel: &Rel, leaf: &RelId) -> Option<Returned> {
    match rel {
        Rel::Expand { input, expansion } if expansion.outer.is_none() && expansion.fold.is_none() => {
            let is_leaf = matches!(&**input, Rel::Get { relation, .. } if relation == leaf);
            let columns = columns(&rel.columns(), 0);
            is_leaf.then(|| Returned { expansion: expansion.clone(), predicates: Vec::new(), columns })
        }
        Rel::Filter { input, predicates } => {
            let mut below = returned(input, leaf)?;
            below.predicates.extend(predicates.iter().map(|predicate| substitute(predicate, &below.columns)));
            Some(below)
        }
        Rel::Map { input, expressions } => {
            let below = returned(input, leaf)?;
            let columns = expressions.iter().map(|expression| substitute(expression, &below.columns)).collect();
            Some(Returned { columns, ..below })
        }
        _ => None,
    }
}

/// The relation without its leaf, of whose columns there are `width`, all determined by equalities: it gives more rows then, also for
/// values that the leaf would not hold, and none for null. `None` if that is not possible, or if it might fail on such rows.
pub fn without_leaf(rel: &Rel, leaf: &RelId, width: usize) -> Option<Rel> {
    if let Some((other, conditions)) = pairs(rel, leaf) {
        return determined(other, conditions, width);
    }
    let fails = |scalars: &[Scalar]| scalars.iter().any(Scalar::is_fallible);
    let begins = |scalars: &[Scalar]| {
        scalars.len() >= width
            && scalars[..width].iter().enumerate().all(|(at, s)| matches!(s, Scalar::Column(c, _) if *c == at))
    };
    match rel {
        Rel::Filter { input, predicates } if !fails(predicates) => {
            Some(without_leaf(input, leaf, width)?.filter(predicates.clone()))
        }
        Rel::Map { input, expressions } if begins(expressions) && !fails(expressions) => {
            Some(without_leaf(input, leaf, width)?.map(expressions.clone()))
        }
        Rel::Distinct { input } => Some(Rel::Distinct { input: Box::new(without_leaf(input, leaf, width)?) }),
        Rel::Reduce { input, group, aggregates } => {
            let fails = fails(group) || aggregates.iter().any(Aggregate::may_fail);
            if fails || !begins(group) {
                return None;
            }
            let input = Box::new(without_leaf(input, leaf, width)?);
            Some(Rel::Reduce { input, group: group.clone(), aggregates: aggregates.clone() })
        }
        Rel::TopK { input, group, order, offset, limit, ties } => {
            if fails(group) || order.iter().any(|key| key.expression.is_fallible()) || !begins(group) {
                return None;
            }
            let input = Box::new(without_leaf(input, leaf, width)?);
            let (group, order) = (group.clone(), order.clone());
            Some(Rel::TopK { input, group, order, offset: *offset, limit: *limit, ties: *ties })
        }
        Rel::Window { input, partition, order, calls } => {
            let keys = fails(partition) || order.iter().any(|key| key.expression.is_fallible());
            if keys || calls.iter().any(WindowCall::is_fallible) || !begins(partition) {
                return None;
            }
            let input = Box::new(without_leaf(input, leaf, width)?);
            Some(Rel::Window { input, partition: partition.clone(), order: order.clone(), calls: calls.clone() })
        }
        Rel::Temporal { input, tests } if tests.iter().all(|test| !test.at.is_fallible()) => {
            let input = Box::new(without_leaf(input, leaf, width)?);
            Some(Rel::Temporal { input, tests: tests.clone() })
        }
        Rel::Expand { input, expansion } if !expansion.is_fallible() => {
            let input = Box::new(without_leaf(input, leaf, width)?);
            Some(Rel::Expand { input, expansion: expansion.clone() })
        }
        Rel::SetOp { kind, all, left, right } => {
            let left = Box::new(without_leaf(left, leaf, width)?);
            let right = Box::new(without_leaf(right, leaf, width)?);
            Some(Rel::SetOp { kind: *kind, all: *all, left, right })
        }
        Rel::Join { kind, left, right, on, residual } if *kind != JoinKind::Full && !reads_leaf(right, leaf) => {
            if fails(residual) || on.iter().any(|key| key.left.is_fallible()) {
                return None;
            }
            let left = Box::new(without_leaf(left, leaf, width)?);
            let (right, on, residual) = (right.clone(), on.clone(), residual.clone());
            Some(Rel::Join { kind: *kind, left, right, on, residual })
        }
        _ => None,
    }
}

/// `other` with what determines the leaf's columns in front of its own, if the conditions do.
fn determined(other: &Rel, conditions: Vec<Scalar>, width: usize) -> Option<Rel> {
    if conditions.iter().any(Scalar::is_fallible) {
        return None;
    }
    let mut determined: Vec<Option<Scalar>> = vec![None; width];
    let mut rest = Vec::new();
    for condition in conditions {
        match join_key(condition.clone(), width) {
            Ok(Equality { left: Scalar::Column(column, ty), right, null_safe: false })
                if determined[column].is_none() && ty == right.ty() && ty.is_canonical() =>
            {
                determined[column] = Some(right);
            }
            _ => rest.push(condition),
        }
    }
    let front = determined.into_iter().collect::<Option<Vec<Scalar>>>()?;
    let own = columns(&other.columns(), 0);
    let all: Vec<Scalar> = front.into_iter().chain(own).collect();
    let rest = rest.iter().map(|condition| substitute(condition, &all)).collect();
    Some(other.clone().filter(rest).map(all))
}

/// Whether an expression reads no column before a position.
pub fn reads_from(scalar: &Scalar, start: usize) -> bool {
    reads_only(scalar, |column| column >= start)
}

/// Whether an expression reads only columns before a position.
pub fn reads_before(scalar: &Scalar, end: usize) -> bool {
    reads_only(scalar, |column| column < end)
}

/// Null-safe keys as plain ones wherever one side is never null: the key may then be kept in fewer bytes.
pub fn tighten(rel: &mut Rel, nullable: &dyn Fn(&Rel) -> Vec<bool>) {
    rel.inputs_mut().into_iter().for_each(|input| tighten(input, nullable));
    if let Rel::Join { left, right, on, .. } = rel
        && on.iter().any(|key| key.null_safe)
    {
        let (left, right) = (nullable(left), nullable(right));
        for key in on {
            key.null_safe &= super::is_nullable(&key.left, &left) && super::is_nullable(&key.right, &right);
        }
    }
}
