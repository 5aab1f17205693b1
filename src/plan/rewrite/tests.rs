//! Rewrites keep what a plan means: what moves, and what must stay where it is.

use super::rewrite;
use crate::expr::{Argument, Scalar, resolve_operator};
use crate::plan::{Equality, JoinKind, Rel};
use crate::value::{Datum, RelationName, Type};

/// A table of three integers.
fn table(name: &str) -> Rel {
    Rel::Get { relation: RelationName::public(name), columns: vec![Type::Int8; 3] }
}

fn column(position: usize) -> Scalar {
    Scalar::Column(position, Type::Int8)
}

fn literal(value: i64) -> Scalar {
    Scalar::Literal(Datum::Int8(value), Type::Int8)
}

fn call(left: Scalar, operator: &str, right: Scalar) -> Scalar {
    let known = [Argument::Known(left.ty()), Argument::Known(right.ty())];
    let resolved = resolve_operator(operator, &known).expect("an operator of integers");
    Scalar::Call { function: resolved.function, arguments: vec![left, right], ty: resolved.result }
}

/// Fails where the column is zero.
fn fallible(position: usize) -> Scalar {
    call(call(literal(10), "/", column(position)), ">", literal(1))
}

fn join(kind: JoinKind, on: Vec<Equality>) -> Rel {
    Rel::Join { kind, left: Box::new(table("a")), right: Box::new(table("b")), on, residual: vec![] }
}

/// Only the first columns of a table, as pruning leaves it.
fn narrow(rel: Rel, positions: &[usize]) -> Rel {
    rel.project(positions)
}

#[test]
fn an_equality_between_the_sides_becomes_a_key() {
    let crossed = join(JoinKind::Inner, vec![]).filter(vec![call(column(1), "=", column(3))]);
    assert_eq!(rewrite(crossed), join(JoinKind::Inner, vec![Equality::new(column(1), column(0))]));
}

#[test]
fn a_filter_goes_to_the_side_it_reads() {
    let on = vec![Equality::new(column(0), column(0))];
    let (of_left, of_right) = (call(column(1), ">", literal(5)), call(column(5), ">", literal(7)));
    let both = vec![of_left.clone(), of_right.clone()];
    let Rel::Join { left, right, residual, .. } = rewrite(join(JoinKind::Inner, on.clone()).filter(both.clone()))
    else {
        panic!("a join stays a join");
    };
    assert_eq!(*left, table("a").filter(vec![of_left.clone()]));
    assert_eq!(*right, table("b").filter(vec![call(column(2), ">", literal(7))]));
    assert_eq!(residual, []);

    // Of a left join only the left side may be filtered by what stands above it, unless nulls do not pass either.
    let kept = rewrite(join(JoinKind::Left, on).filter(vec![of_left.clone()]));
    let Rel::Join { kind: JoinKind::Left, left, right, .. } = kept else { panic!("a left join stays one") };
    assert_eq!((*left, *right), (table("a").filter(vec![of_left]), table("b")));
}

#[test]
fn what_may_fail_meets_the_same_rows() {
    let on = vec![Equality::new(column(0), column(0))];
    let plan = join(JoinKind::Inner, on).filter(vec![fallible(1)]);
    let Rel::Join { left, residual, .. } = rewrite(plan.clone()) else {
        assert_eq!(rewrite(plan.clone()), plan);
        return;
    };
    assert_eq!((*left, residual), (table("a"), vec![fallible(1)]));
}

#[test]
fn columns_nobody_reads_are_dropped_below_a_join() {
    let plan = join(JoinKind::Inner, vec![Equality::new(column(0), column(0))]).map(vec![column(4)]);
    let expected = Rel::Join {
        kind: JoinKind::Inner,
        left: Box::new(narrow(table("a"), &[0])),
        right: Box::new(narrow(table("b"), &[0, 1])),
        on: vec![Equality::new(column(0), column(0))],
        residual: vec![],
    };
    assert_eq!(rewrite(plan), expected.map(vec![column(2)]));
}

#[test]
fn constants_are_computed_and_failures_are_left_to_the_rows() {
    let sum = call(literal(2), "+", literal(3));
    let failing = call(literal(1), "/", literal(0));
    assert_eq!(rewrite(table("a").map(vec![sum])), table("a").map(vec![literal(5)]));
    assert_eq!(rewrite(table("a").map(vec![failing.clone()])), table("a").map(vec![failing]));
}
