//! Pushes filters towards the inputs, and turns equalities between a join's sides into its keys.
//!
//! An infallible predicate may run as early as its columns exist. A fallible one may only move where it meets the same rows, after
//! the predicates that stood before it: through a map or a union, not into a join's side.

use crate::expr::Scalar;
use crate::plan::derive::required;
use crate::plan::equality::{join_key, reads_only, rebased};
use crate::plan::{Aggregate, Equality, JoinKind, Rel, SortKey, WindowCall};
use crate::value::Type;
use std::collections::BTreeSet;

/// An expression larger than this is not computed twice to filter earlier.
const CHEAP: usize = 8;

/// `rel` filtered by `predicates`, the filters as deep as they may stand.
pub(super) fn push(rel: Rel, predicates: Vec<Scalar>) -> Rel {
    match rel {
        rel @ (Rel::Get { .. } | Rel::Constant { .. }) => rel.filter(predicates),
        Rel::Filter { input, predicates: mut first } => {
            first.extend(predicates);
            push(*input, first.into_iter().flat_map(conjuncts).collect())
        }
        Rel::Map { input, expressions } => through_map(*input, expressions, predicates),
        Rel::Join { kind, left, right, on, residual } => {
            Join { kind, left: *left, right: *right, on, residual }.filtered(predicates)
        }
        Rel::Reduce { input, group, aggregates } => through_reduce(*input, group, aggregates, predicates),
        Rel::Distinct { input } => through_distinct(*input, predicates),
        Rel::Union { inputs } => {
            Rel::Union { inputs: inputs.into_iter().map(|input| push(input, predicates.clone())).collect() }
        }
        Rel::SetOp { kind, all, left, right } => {
            let types = left.columns();
            let (below, above): (Vec<Scalar>, Vec<Scalar>) =
                predicates.into_iter().partition(|predicate| sees_one_form(predicate, &types));
            let (left, right) = (Box::new(push(*left, below.clone())), Box::new(push(*right, below)));
            Rel::SetOp { kind, all, left, right }.filter(above)
        }
        Rel::TopK { input, group, order, offset, limit, ties } => {
            let (below, above) = of_whole_groups(&input, &group, predicates);
            Rel::TopK { input: Box::new(push(*input, below)), group, order, offset, limit, ties }.filter(above)
        }
        Rel::Window { input, partition, order, calls } => {
            let (below, above) = of_whole_groups(&input, &partition, predicates);
            let input = Box::new(push(*input, below));
            super::number::filtered(Window { input, partition, order, calls }, above)
        }
        Rel::Recursive { working, base, step, all } => {
            let (base, step) = (Box::new(push(*base, Vec::new())), Box::new(push(*step, Vec::new())));
            Rel::Recursive { working, base, step, all }.filter(predicates)
        }
        Rel::Sessions { input, group, at, gap, aggregates } => {
            let input = Box::new(push(*input, Vec::new()));
            Rel::Sessions { input, group, at, gap, aggregates }.filter(predicates)
        }
        Rel::AsOf { kind, left, right, on, residual, at, keep } => {
            let width = left.width();
            let of_left =
                |predicate: &Scalar| !predicate.is_fallible() && reads_only(predicate, |column| column < width);
            let (below, above): (Vec<Scalar>, Vec<Scalar>) = predicates.into_iter().partition(of_left);
            let (left, right) = (Box::new(push(*left, below)), Box::new(push(*right, Vec::new())));
            Rel::AsOf { kind, left, right, on, residual, at, keep }.filter(above)
        }
        // Stands only in plans that are not rewritten any more.
        rel @ Rel::Settle { .. } => rel.filter(predicates),
        Rel::Temporal { input, tests } => super::temporal::filtered(*input, tests, predicates),
        Rel::Expand { input, expansion } => super::expand::filtered(*input, expansion, predicates),
    }
}

/// The operands of an `AND`, or the predicate itself.
pub fn conjuncts(predicate: Scalar) -> Vec<Scalar> {
    match predicate {
        Scalar::And(operands) => operands.into_iter().flat_map(conjuncts).collect(),
        predicate => vec![predicate],
    }
}

fn size(scalar: &Scalar) -> usize {
    let mut total = 1;
    scalar.for_each_operand(&mut |operand| total += size(operand));
    total
}

/// The expression with every column replaced by what computes it.
pub fn substitute(scalar: &Scalar, columns: &[Scalar]) -> Scalar {
    match scalar {
        // A column may be read under another type of the same representation.
        Scalar::Column(column, ty) => match columns[*column].clone() {
            Scalar::Column(below, _) => Scalar::Column(below, ty.clone()),
            expression => expression,
        },
        scalar => {
            let mut scalar = scalar.clone();
            scalar.for_each_operand_mut(&mut |operand| *operand = substitute(operand, columns));
            scalar
        }
    }
}

fn through_map(input: Rel, expressions: Vec<Scalar>, predicates: Vec<Scalar>) -> Rel {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for predicate in predicates {
        let cheap = reads_only(&predicate, |column| size(&expressions[column]) <= CHEAP);
        let moved = substitute(&predicate, &expressions);
        match cheap && (!moved.is_fallible() || above.is_empty()) {
            true => below.push(moved),
            false => above.push(predicate),
        }
    }
    push(input, below).map(expressions).filter(above)
}

/// A group's or a distinct row's column shows one form for all equal ones: only where there is one form does a predicate see the same
/// value on every row.
fn sees_one_form(predicate: &Scalar, types: &[Type]) -> bool {
    !predicate.is_fallible() && reads_only(predicate, |column| types.get(column).is_some_and(Type::is_canonical))
}

fn through_reduce(input: Rel, group: Vec<Scalar>, aggregates: Vec<Aggregate>, predicates: Vec<Scalar>) -> Rel {
    let types: Vec<Type> = group.iter().map(Scalar::ty).collect();
    let movable = |predicate: &Scalar| {
        !group.is_empty() && sees_one_form(predicate, &types) && !substitute(predicate, &group).is_fallible()
    };
    let (below, above): (Vec<Scalar>, Vec<Scalar>) = predicates.into_iter().partition(movable);
    let below = below.iter().map(|predicate| substitute(predicate, &group)).collect();
    Rel::Reduce { input: Box::new(push(input, below)), group, aggregates }.filter(above)
}

fn through_distinct(input: Rel, predicates: Vec<Scalar>) -> Rel {
    let types = input.columns();
    let (below, above): (Vec<Scalar>, Vec<Scalar>) =
        predicates.into_iter().partition(|predicate| sees_one_form(predicate, &types));
    Rel::Distinct { input: Box::new(push(input, below)) }.filter(above)
}

/// A `Rel::Window`.
pub(super) struct Window {
    pub(super) input: Box<Rel>,
    pub(super) partition: Vec<Scalar>,
    pub(super) order: Vec<SortKey>,
    pub(super) calls: Vec<WindowCall>,
}

/// Parts the predicates that hold for all rows of a group or for none from the others.
fn of_whole_groups(input: &Rel, group: &[Scalar], predicates: Vec<Scalar>) -> (Vec<Scalar>, Vec<Scalar>) {
    let types = input.columns();
    let grouped = |column: usize| group.iter().any(|scalar| matches!(scalar, Scalar::Column(c, _) if *c == column));
    predicates.into_iter().partition(|predicate| sees_one_form(predicate, &types) && reads_only(predicate, grouped))
}

struct Join {
    kind: JoinKind,
    left: Rel,
    right: Rel,
    on: Vec<Equality>,
    residual: Vec<Scalar>,
}

impl Join {
    fn filtered(mut self, predicates: Vec<Scalar>) -> Rel {
        let width = self.left.width();
        // No row passes that the join would fill with nulls on a side of which a column must not be null.
        let not_null: BTreeSet<usize> = predicates.iter().flat_map(required).collect();
        let left = not_null.range(..width).next().is_some();
        let right = not_null.range(width..).next().is_some();
        self.kind = match self.kind {
            JoinKind::Left if right => JoinKind::Inner,
            JoinKind::Full if left && right => JoinKind::Inner,
            JoinKind::Full if left => JoinKind::Left,
            kind => kind,
        };
        match self.kind {
            JoinKind::Inner => self.inner(predicates, width),
            JoinKind::Left | JoinKind::Semi | JoinKind::Anti => self.left(predicates, width),
            JoinKind::Full => self.full(width).filter(predicates),
        }
    }

    fn inner(mut self, predicates: Vec<Scalar>, width: usize) -> Rel {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut kept = Vec::new();
        for predicate in self.residual.drain(..).chain(predicates).flat_map(conjuncts) {
            if predicate.is_fallible() {
                kept.push(predicate);
            } else if reads_only(&predicate, |column| column < width) {
                left.push(predicate);
            } else if reads_only(&predicate, |column| column >= width) {
                right.push(rebased(predicate, width));
            } else {
                match join_key(predicate, width) {
                    Ok(pair) => self.on.push(pair),
                    Err(predicate) => kept.push(predicate),
                }
            }
        }
        self.built(left, right, kept)
    }

    /// The conditions of the join itself stop no row of either side.
    fn full(mut self, width: usize) -> Rel {
        let mut kept = Vec::new();
        for predicate in self.residual.drain(..).flat_map(conjuncts) {
            if predicate.is_fallible() {
                kept.push(predicate);
                continue;
            }
            match join_key(predicate, width) {
                Ok(key) => self.on.push(key),
                Err(predicate) => kept.push(predicate),
            }
        }
        self.built(Vec::new(), Vec::new(), kept)
    }

    /// Rows of the left side are stopped by what stands above the join, those of the right side by its own conditions.
    fn left(mut self, predicates: Vec<Scalar>, width: usize) -> Rel {
        let mut left = Vec::new();
        let mut above = Vec::new();
        for predicate in predicates {
            match !predicate.is_fallible() && reads_only(&predicate, |column| column < width) {
                true => left.push(predicate),
                false => above.push(predicate),
            }
        }
        let (mut right, mut kept) = (Vec::new(), Vec::new());
        for predicate in self.residual.drain(..).flat_map(conjuncts) {
            if predicate.is_fallible() {
                kept.push(predicate);
            } else if reads_only(&predicate, |column| column >= width) {
                right.push(rebased(predicate, width));
            } else {
                match join_key(predicate, width) {
                    Ok(pair) => self.on.push(pair),
                    Err(predicate) => kept.push(predicate),
                }
            }
        }
        self.built(left, right, kept).filter(above)
    }

    fn built(self, left: Vec<Scalar>, right: Vec<Scalar>, residual: Vec<Scalar>) -> Rel {
        Rel::Join {
            kind: self.kind,
            left: Box::new(push(self.left, left)),
            right: Box::new(push(self.right, right)),
            on: self.on,
            residual,
        }
    }
}
