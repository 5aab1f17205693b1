//! Aggregates inside a subquery that belong to a query around it: the innermost one whose columns they read.
//!
//! Whoever lowers the subquery is told of them, and lowers it again over a scope that has the value of each as a column, under a
//! name that nobody could write: where the call stands in the text.

use super::expression::Binder;
use super::operand::Operand;
use super::scope::{Outer, Scope, ScopeColumn};
use super::subquery::applied;
use crate::expr::Scalar;
use crate::plan::Aggregate;
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::tokenizer::Span;

/// An aggregate found inside a subquery.
#[derive(Clone, Debug)]
pub(in crate::sql) struct OuterAggregate {
    span: Span,
    /// How many levels out the query is that it belongs to.
    level: usize,
    /// Over the columns the subquery's relation begins with.
    call: Aggregate,
    ty: Type,
}

impl OuterAggregate {
    /// What is said of it where no aggregate may stand.
    pub(in crate::sql) fn refused(&self, message: &str) -> Fault {
        Fault::new("42803", message).at(self.span)
    }
}

fn name(span: Span) -> String {
    format!("\0aggregate {}:{}", span.start.line, span.start.column)
}

impl Outer {
    /// The aggregates found that belong to the query right around the subquery, its columns at their places there. Those of queries
    /// further out are left to the query around that one.
    pub(in crate::sql) fn aggregates(
        &self,
        around: Option<&Outer>,
        place: &dyn Fn(usize) -> usize,
    ) -> Vec<OuterAggregate> {
        let mut own = Vec::new();
        for mut aggregate in self.found.take() {
            aggregate.call.scalars_mut().for_each(|scalar| scalar.map_columns(&mut { place }));
            aggregate.level -= 1;
            match around {
                Some(around) if aggregate.level > 0 => around.found.borrow_mut().push(aggregate),
                _ => own.push(aggregate),
            }
        }
        own
    }
}

impl Scope {
    /// The column that a call of an outer query's has become.
    fn of_call(&self, span: Span) -> Option<&ScopeColumn> {
        let outside = self.outer.as_ref().and_then(|outer| outer.scope().of_call(span));
        outside.or_else(|| self.columns.iter().find(|column| column.table.is_none() && column.name == name(span)))
    }

    /// How many levels out a column is.
    fn level_of(&self, position: usize) -> usize {
        let Some(outer) = &self.outer else { return 0 };
        let here = |scope: &Scope| scope.columns.iter().any(|column| column.position == position);
        match outer.scope().level_of(position) {
            0 if !here(outer.scope()) => 0,
            level => level + 1,
        }
    }
}

impl Binder<'_> {
    /// The value of an outer query's aggregate, where it is known.
    pub(super) fn value_of_outer(&self, span: Span) -> Option<Operand> {
        let outer = self.scope.outer.as_ref()?;
        let column = outer.scope().of_call(span)?;
        outer.touch(column.position, true);
        Some(Operand::new(Scalar::Column(column.position, column.ty.clone())))
    }

    /// How many levels out the query is that an aggregate belongs to.
    pub(super) fn level_of(&self, call: &Aggregate) -> usize {
        let mut level = None;
        let mut saw = |column: usize| {
            let of_column = if column < self.scope.outer_width() { self.scope.level_of(column) } else { 0 };
            level = Some(level.map_or(of_column, |level: usize| level.min(of_column)));
        };
        for scalar in call.scalars() {
            scalar.columns(&mut |column| match applied(column).and_then(|place| self.aggregates.applied.get(place)) {
                Some(subquery) => subquery.outside().into_iter().for_each(|scalar| scalar.columns(&mut saw)),
                None => saw(column),
            });
        }
        level.unwrap_or(0)
    }

    /// Leaves an aggregate to the query it belongs to. Until that knows of it, it is null.
    pub(super) fn leave(&self, span: Span, level: usize, call: Aggregate, ty: Type) -> Operand {
        if let Some(outer) = &self.scope.outer {
            outer.found.borrow_mut().push(OuterAggregate { span, level, call, ty: ty.clone() });
        }
        Operand::literal(Datum::Null, ty)
    }

    /// The scope with the values of aggregates of this query that a subquery contains.
    pub(super) fn with_aggregates(&mut self, scope: &Scope, found: Vec<OuterAggregate>) -> Bound<Scope> {
        let mut scope = scope.clone();
        for aggregate in found {
            let nests = |scalar: &Scalar| {
                let mut nests = false;
                scalar.columns(&mut |column| nests |= column >= self.aggregates.width);
                nests
            };
            if let Some(message) = self.clause.no_aggregates() {
                return Err(aggregate.refused(message));
            }
            if aggregate.call.scalars().any(nests) {
                return Err(aggregate.refused("aggregate function calls cannot be nested"));
            }
            let OuterAggregate { span, call, ty, .. } = aggregate;
            let Operand::Typed(Scalar::Column(position, ty), modifier) = self.aggregates.add_call(call, ty) else {
                return Err(Fault::new("XX000", "an aggregate without a column"));
            };
            let column = ScopeColumn { table: None, name: name(span), ty, modifier, position, merged: true };
            if !scope.columns.contains(&column) {
                scope.columns.push(column);
            }
        }
        Ok(scope)
    }
}
