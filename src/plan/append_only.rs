//! Whether rows, once there, stay: what groups then hold need not survive a retraction.

use super::{JoinKind, Rel, RelId, Settling, View};
use std::collections::BTreeSet;

/// Whether no row of a plan is ever retracted, given which of the relations it reads are like that.
///
/// What stands in a recursion's loop is not: a row found in an earlier round replaces the one found later.
pub fn append_only(rel: &Rel, of: &dyn Fn(&RelId) -> bool) -> bool {
    let inputs = || rel.inputs().into_iter().all(|input| append_only(input, of));
    match rel {
        Rel::Get { relation, .. } => of(relation),
        Rel::Constant { .. } => true,
        Rel::Temporal { tests, .. } => !tests.iter().any(|test| test.order.ends()) && inputs(),
        Rel::Filter { .. } | Rel::Map { .. } | Rel::Expand { .. } | Rel::Union { .. } => inputs(),
        Rel::Join { kind: JoinKind::Inner | JoinKind::Semi, .. } => inputs(),
        Rel::AsOf { left, .. } => append_only(left, of),
        Rel::Settle { input, settling: Settling::Pair { .. } } => append_only(input, of),
        // Of equal rows that differ in form the least is shown, which may change.
        Rel::Distinct { input } => input.columns().iter().all(|ty| ty.is_canonical()) && inputs(),
        Rel::Join { kind: JoinKind::Left | JoinKind::Full | JoinKind::Anti, .. } => false,
        Rel::Settle { settling: Settling::Group { .. }, .. } | Rel::Sessions { .. } => false,
        Rel::Reduce { .. } | Rel::SetOp { .. } | Rel::TopK { .. } | Rel::Window { .. } | Rel::Recursive { .. } => false,
    }
}

/// The views of which no row is ever retracted, given which of the other relations are like that. Each view stands behind those it
/// reads.
pub fn append_only_views<'v>(views: &'v [View], of: &dyn Fn(&RelId) -> bool) -> BTreeSet<&'v RelId> {
    let mut found = BTreeSet::new();
    for view in views {
        if append_only(&view.rel, &|name| found.contains(name) || of(name)) {
            found.insert(&view.name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Scalar;
    use crate::plan::{Equality, SetOpKind};
    use crate::value::{RelationName, Type};

    fn get(name: &str, ty: Type) -> Box<Rel> {
        Box::new(Rel::Get { relation: RelationName::public(name), columns: vec![ty] })
    }

    fn check(rel: Rel, expected: bool) {
        assert_eq!(append_only(&rel, &|name| name.name == "events"), expected, "{rel:?}");
    }

    #[test]
    fn rows_stay_if_nothing_takes_them_back() {
        let events = || get("events", Type::Int8);
        let table = || get("table", Type::Int8);
        check(*events(), true);
        check(*table(), false);
        check(events().filter(vec![Scalar::Literal(crate::value::Datum::Bool(true), Type::Bool)]), true);
        check(Rel::Union { inputs: vec![*events(), *events()] }, true);
        check(Rel::Union { inputs: vec![*events(), *table()] }, false);
        check(Rel::Distinct { input: events() }, true);
        check(Rel::Distinct { input: get("events", Type::Numeric) }, false);
        let column = || Scalar::Column(0, Type::Int8);
        let join = |kind, right| {
            let on = vec![Equality::new(column(), column())];
            Rel::Join { kind, left: events(), right, on, residual: Vec::new() }
        };
        check(join(JoinKind::Inner, events()), true);
        check(join(JoinKind::Inner, table()), false);
        check(join(JoinKind::Semi, events()), true);
        check(join(JoinKind::Anti, events()), false);
        check(join(JoinKind::Left, events()), false);
        let (left, right) = (events(), events());
        check(Rel::SetOp { kind: SetOpKind::Intersect, all: false, left, right }, false);
        check(Rel::Reduce { input: events(), group: vec![column()], aggregates: Vec::new() }, false);
    }
}
