//! What joins index: rows, by which key, and which of their columns.
//!
//! The columns are decided over all views. Joins that index the same rows by the same key share one arrangement, which holds what
//! any of them reads: one row kept up to date costs less than two of part of it.

use super::linear::Linear;
use crate::expr::Scalar;
use crate::plan::{JoinKind, Rel};
use std::collections::BTreeSet;

/// One side of a join.
#[derive(Clone, Debug, PartialEq)]
pub struct Side<'r> {
    /// Whose rows.
    pub rel: &'r Rel,
    /// The key, over their columns.
    pub keys: Vec<KeyPart>,
    /// The columns that the join reads, in the order in which it does.
    pub reads: Vec<usize>,
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPart {
    /// What it is.
    pub expression: Scalar,
    /// Whether rows are held for which it is null.
    pub null_safe: bool,
}

impl<'r> Side<'r> {
    /// A side of which these columns are read. A projection is not a pass of its own: the side is what lies below it, unless
    /// that is a join, which projects as it pairs rows.
    fn new(rel: &'r Rel, keys: &[KeyPart], reads: &[usize]) -> Side<'r> {
        let (below, columns) = below_projections(rel);
        if let Rel::Join { .. } = linear_steps(below).0 {
            return Side { rel, keys: keys.to_vec(), reads: reads.to_vec() };
        }
        let mut keys = keys.to_vec();
        keys.iter_mut().for_each(|key| key.expression.map_columns(&mut |column| columns[column]));
        Side { rel: below, keys, reads: reads.iter().map(|column| columns[*column]).collect() }
    }

    /// A side that is read whole.
    fn whole(rel: &'r Rel, keys: &[KeyPart]) -> Side<'r> {
        Side { rel, keys: keys.to_vec(), reads: (0..rel.width()).collect() }
    }
}

/// The filters and maps on top of a plan, innermost first, and what is below them.
pub fn linear_steps(mut rel: &Rel) -> (&Rel, Vec<&Rel>) {
    let mut steps = Vec::new();
    while let Rel::Filter { input, .. } | Rel::Map { input, .. } = rel {
        steps.push(rel);
        rel = input;
    }
    steps.reverse();
    (rel, steps)
}

/// Adds filters and maps to a program.
pub fn add_steps(program: &mut Linear, steps: &[&Rel]) {
    for step in steps {
        match step {
            Rel::Filter { predicates, .. } => program.filter(predicates),
            Rel::Map { expressions, .. } => program.map(expressions),
            Rel::Get { .. }
            | Rel::Constant { .. }
            | Rel::Join { .. }
            | Rel::Reduce { .. }
            | Rel::Distinct { .. }
            | Rel::Union { .. }
            | Rel::SetOp { .. }
            | Rel::TopK { .. }
            | Rel::Window { .. }
            | Rel::Expand { .. }
            | Rel::Temporal { .. }
            | Rel::Sessions { .. }
            | Rel::AsOf { .. }
            | Rel::Settle { .. }
            | Rel::Recursive { .. } => {}
        }
    }
}

/// What lies below the projections on top of a plan, and for each of the plan's columns the column there.
fn below_projections(rel: &Rel) -> (&Rel, Vec<usize>) {
    let column = |expression: &Scalar| match expression {
        Scalar::Column(column, _) => Some(*column),
        _ => None,
    };
    if let Rel::Map { input, expressions } = rel
        && let Some(positions) = expressions.iter().map(column).collect::<Option<Vec<usize>>>()
    {
        let (base, below) = below_projections(input);
        return (base, positions.into_iter().map(|position| below[position]).collect());
    }
    (rel, (0..rel.width()).collect())
}

/// A join with what it indexes.
pub struct Join<'r> {
    /// How rows without a partner are treated.
    pub kind: JoinKind,
    /// The left side.
    pub left: Side<'r>,
    /// The right side.
    pub right: Side<'r>,
    /// What pairs must satisfy besides.
    pub residual: &'r [Scalar],
    /// What the join makes of a pair, if nothing of it can fail: it then reports no errors, and needs only some columns of its sides.
    /// Of an inner join this includes the steps on top of it; of a semijoin or antijoin it is the left row.
    pub infallible: Option<Linear>,
}

impl<'r> Join<'r> {
    /// The join with these steps on top of it; `None` if this is no join.
    pub fn of(rel: &'r Rel, steps: &[&Rel]) -> Option<Join<'r>> {
        let Rel::Join { kind, left, right, on, residual } = rel else { return None };
        let part = |expression: &Scalar, null_safe| KeyPart { expression: expression.clone(), null_safe };
        let left_keys: Vec<KeyPart> = on.iter().map(|key| part(&key.left, key.null_safe)).collect();
        let right_keys: Vec<KeyPart> = on.iter().map(|key| part(&key.right, key.null_safe)).collect();
        let mut program = Linear::pair(left.width(), right.width());
        program.filter(residual);
        match kind {
            JoinKind::Inner => add_steps(&mut program, steps),
            JoinKind::Semi | JoinKind::Anti => program.truncate(left.width()),
            JoinKind::Left | JoinKind::Full => {}
        }
        let keys_may_fail = left_keys.iter().chain(&right_keys).any(|key| key.expression.is_fallible());
        let in_part = !matches!(kind, JoinKind::Left | JoinKind::Full);
        let infallible = (in_part && !keys_may_fail && !program.is_fallible()).then_some(program);
        let (left, right) = match (&infallible, kind) {
            (Some(program), JoinKind::Inner) => {
                let (left_reads, right_reads) = program.reads();
                (Side::new(left, &left_keys, &left_reads), Side::new(right, &right_keys, &right_reads))
            }
            (Some(program), _) => (Side::whole(left, &left_keys), Side::new(right, &right_keys, &program.reads().1)),
            (None, _) => (Side::whole(left, &left_keys), Side::whole(right, &right_keys)),
        };
        Some(Join { kind: *kind, left, right, residual, infallible })
    }
}

/// What all joins of all views read.
#[derive(Default)]
pub struct Demand(Vec<(Rel, Vec<KeyPart>, BTreeSet<usize>)>);

impl Demand {
    /// Adds what the joins in a plan read.
    pub fn add(&mut self, rel: &Rel) {
        let (base, steps) = linear_steps(rel);
        if let Rel::Settle { input, .. } = base {
            // A join of rows that settle indexes nothing here.
            return input.inputs().into_iter().for_each(|input| self.add(input));
        }
        match Join::of(base, &steps) {
            Some(join) => [join.left, join.right].iter().for_each(|side| {
                self.add_side(side);
                self.add(side.rel);
            }),
            None => base.inputs().into_iter().for_each(|input| self.add(input)),
        }
    }

    fn add_side(&mut self, side: &Side<'_>) {
        match self.0.iter_mut().find(|(rel, keys, _)| rel == side.rel && *keys == side.keys) {
            Some((.., columns)) => columns.extend(&side.reads),
            None => self.0.push((side.rel.clone(), side.keys.clone(), side.reads.iter().copied().collect())),
        }
    }

    /// The columns that are to be held of a side's rows, ascending.
    pub fn held(&self, side: &Side<'_>) -> Vec<usize> {
        let known = self.0.iter().find(|(rel, keys, _)| rel == side.rel && *keys == side.keys);
        known.map_or_else(|| side.reads.clone(), |(.., columns)| columns.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Equality;
    use crate::value::{RelationName, Type};

    fn column(position: usize) -> Scalar {
        Scalar::Column(position, Type::Int8)
    }

    fn get(name: &str) -> Rel {
        Rel::Get { relation: RelationName::public(name), columns: vec![Type::Int8; 4] }
    }

    /// `left` and `right` joined on their first columns, and of the pair these columns.
    fn join(kind: JoinKind, left: Rel, right: Rel, columns: &[usize]) -> Rel {
        let (left, right) = (Box::new(left), Box::new(right));
        Rel::Join { kind, left, right, on: vec![Equality::new(column(0), column(0))], residual: Vec::new() }
            .project(columns)
    }

    fn check(views: &[Rel], rel: Rel, key: usize, held: &[usize]) {
        let mut demand = Demand::default();
        views.iter().for_each(|view| demand.add(view));
        let part = KeyPart { expression: column(key), null_safe: false };
        let side = Side { rel: &rel, keys: vec![part], reads: Vec::new() };
        assert_eq!(demand.held(&side), held);
        assert!(demand.0.iter().any(|(known, ..)| *known == rel), "nobody reads it");
    }

    #[test]
    fn an_arrangement_holds_what_any_view_reads() {
        use JoinKind::*;
        let inner = |columns: &[usize]| join(Inner, get("a"), get("b"), columns);
        check(&[inner(&[1, 5])], get("a"), 0, &[1]);
        check(&[inner(&[1, 5]), inner(&[3, 1])], get("a"), 0, &[1, 3]);
        check(&[inner(&[1, 5]), inner(&[3, 1])], get("b"), 0, &[1]);
        check(&[inner(&[1]), join(Left, get("a"), get("c"), &[1])], get("a"), 0, &[0, 1, 2, 3]);
        // Below a projection; a join's own projection stays with it.
        check(&[join(Inner, get("a").project(&[2, 3]), get("b"), &[1])], get("a"), 2, &[3]);
        let joined = inner(&[1, 2]);
        check(&[join(Inner, joined.clone(), get("c"), &[1, 3])], joined, 0, &[1]);
        check(&[join(Inner, inner(&[1, 2]), get("c"), &[1, 3])], get("a"), 0, &[1, 2]);
    }
}
