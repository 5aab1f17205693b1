//! Joins ON a condition, which may contain subqueries.

use super::Lowerer;
use super::join::Side;
use super::select::Input;
use super::subquery::with_forms;
use crate::expr::Scalar;
use crate::plan::{Equality, JoinKind, Rel, derive, moved, unnest};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::Binder;
use crate::sql::bind::subquery::{Applied, place_applied, place_others};
use crate::sql::error::Bound;
use crate::value::Datum;
use sqlparser::ast::Expr;

impl Lowerer<'_> {
    /// The join ON a condition.
    pub(super) fn on(
        &mut self,
        side: Side,
        mut left: Input,
        mut right: Input,
        mut keys: Vec<Equality>,
        written: &Expr,
    ) -> Bound<Input> {
        let outer = self.outer_width();
        // Bound as if the outer columns came first, and moved back if they do not and need not.
        let ahead = if left.outer { 0 } else { outer };
        let mut scope = left.scope.clone().join(right.scope.clone(), left.rel.width())?.without_beside();
        scope.shift(ahead);
        scope.outer = self.outer();
        let mut binder = Binder::new(self.catalog, &scope, Clause::On, 0).with_queries(self);
        let mut condition = binder.condition(written, "JOIN/ON")?;
        let mut subqueries = binder.applied;
        let reads_outer = |scalar: &Scalar| !unnest::reads_from(scalar, outer);
        let reads = reads_outer(&condition) || subqueries.iter().flat_map(Applied::outside).any(reads_outer);
        let (mut from, mut added) = (0, 0);
        if ahead > 0 && reads {
            left = self.with_outer(left);
            from = left.rel.width();
            let of_right = right.rel.width();
            (right, keys) = self.right_with_outer(side, &left, right, keys);
            added = right.rel.width() - of_right;
        }
        let place = |at: usize| match ahead > 0 && !reads {
            true => at - ahead,
            false if at < from => at,
            false => at + added,
        };
        let scalars = subqueries.iter_mut().flat_map(Applied::outside_mut).chain([&mut condition]);
        scalars.for_each(|scalar| place_others(scalar, &place));
        self.on_bound(side, left, right, keys, condition, subqueries)
    }

    /// The join on keys and a condition over left columns followed by right ones, and the values of subqueries.
    fn on_bound(
        &mut self,
        side: Side,
        mut left: Input,
        mut right: Input,
        keys: Vec<Equality>,
        mut condition: Scalar,
        mut subqueries: Vec<Applied>,
    ) -> Bound<Input> {
        if subqueries.is_empty() {
            return self.combined(side, left, right, keys, Some(condition));
        }
        if side == Side::Inner {
            let mut joined = self.combined(side, left, right, keys, None)?;
            joined.rel = self.restricted(joined.rel, condition, subqueries)?;
            return Ok(joined);
        }
        // Over one side, their values become columns of it.
        let width = left.rel.width();
        let mut outside = subqueries.iter().flat_map(Applied::outside);
        if outside.clone().all(|scalar| unnest::reads_from(scalar, width)) {
            let end = width + right.rel.width();
            let scalars = subqueries.iter_mut().flat_map(Applied::outside_mut);
            scalars.for_each(|scalar| place_others(scalar, &|at| at - width));
            place_applied(&mut condition, &|place| end + place);
            right.rel = self.with_values(right.rel, subqueries)?;
            return self.combined(side, left, right, keys, Some(condition));
        }
        if outside.all(|scalar| unnest::reads_before(scalar, width)) {
            let added = subqueries.len();
            place_others(&mut condition, &|at| if at < width { at } else { at + added });
            place_applied(&mut condition, &|place| width + place);
            left.rel = self.with_values(left.rel, subqueries)?;
            return self.combined(side, left, right, keys, Some(condition));
        }
        let pairs = Side::Inner.of(left.rel.clone(), right.rel.clone(), keys, None);
        let pairs = self.restricted(pairs, condition, subqueries)?;
        let joined = self.with_unpaired(side, &left.rel, &right.rel, pairs)?;
        self.of_sides(side, width, (left.scope, right.scope), left.outer || right.outer, joined)
    }

    /// The pairs of an outer join, with nulls beside the rows of its sides that are in no pair.
    pub(super) fn with_unpaired(&self, side: Side, left: &Rel, right: &Rel, pairs: Rel) -> Bound<Rel> {
        let (absent_left, absent_right) = side.absent();
        let (width, own) = (left.width(), |rel: &Rel| unnest::columns(&rel.columns(), 0));
        let nulls = |rel: &Rel| rel.columns().into_iter().map(|ty| Scalar::Literal(Datum::Null, ty));
        let mut inputs = vec![pairs.clone()];
        if absent_right {
            let alone = self.without(left, &pairs, 0)?;
            inputs.push(alone.map(own(left).into_iter().chain(nulls(right)).collect()));
        }
        if absent_left {
            let alone = self.without(right, &pairs, width)?;
            inputs.push(alone.map(nulls(left).chain(own(right)).collect()));
        }
        Ok(Rel::Union { inputs })
    }

    /// The rows that are in no pair, whose columns they are from a position on.
    fn without(&self, rows: &Rel, pairs: &Rel, at: usize) -> Bound<Rel> {
        let types = rows.columns();
        let key = derive(rows, &|name| self.schema(name)).key();
        let tell = match key {
            Some(key) => key.into_iter().map(|column| Scalar::Column(column, types[column].clone())).collect(),
            None => with_forms(unnest::columns(&types, 0))?,
        };
        let on = tell.into_iter().map(|of_row| {
            let of_pair = moved(of_row.clone(), at);
            Equality { left: of_row, right: of_pair, null_safe: true }
        });
        Ok(unnest::join(JoinKind::Anti, rows.clone(), pairs.clone(), on.collect(), Vec::new()))
    }
}
