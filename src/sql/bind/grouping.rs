//! What an expression over groups may contain.
//!
//! An expression of a grouped query is bound over the input's columns followed by one column per aggregate call. `Grouping::over_groups`
//! then rewrites it to the columns that the groups have: the group expressions, then the calls.

use super::aggregate::{Aggregates, Call};
use super::clause::Clause;
use super::expression::{Binder, plain_argument};
use super::operand::Operand;
use super::scope::Scope;
use super::subquery::applied;
use super::table::returned;
use super::window::windowed;
use crate::expr::Scalar;
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{Function, FunctionArguments};
use sqlparser::tokenizer::Span;

/// Most arguments of `grouping`: one bit each.
const MAX_GROUPING: usize = 31;

/// What a query groups its input by.
pub(in crate::sql) struct Group {
    /// Over the input's columns.
    pub(in crate::sql) expressions: Vec<Scalar>,
    /// The grouping sets: places among the expressions. Without GROUPING SETS and the like there is one, of all of them.
    pub(in crate::sql) sets: Vec<Vec<usize>>,
}

impl Group {
    /// The group expression that this is; a column may be read under another type of the same representation.
    pub(in crate::sql) fn place(&self, scalar: &Scalar) -> Option<usize> {
        self.expressions.iter().position(|group| match (group, scalar) {
            (Scalar::Column(group, _), Scalar::Column(column, _)) => group == column,
            (group, scalar) => group == scalar,
        })
    }

    /// Adds an expression that is determined by every set.
    fn add(&mut self, expression: Scalar) {
        let place = self.expressions.len();
        self.expressions.push(expression);
        self.sets.iter_mut().for_each(|set| set.push(place));
    }

    /// The columns by which every set groups.
    fn columns(&self) -> Vec<usize> {
        let in_all = |place: &usize| self.sets.iter().all(|set| set.contains(place));
        let places = (0..self.expressions.len()).filter(in_all);
        let column = |place: usize| if let Scalar::Column(c, _) = self.expressions[place] { Some(c) } else { None };
        places.filter_map(column).collect()
    }
}

/// How a query groups its input.
pub(in crate::sql) struct Grouping<'a> {
    pub(in crate::sql) scope: &'a Scope,
    /// Columns that depend on a grouped primary key are added as they are met.
    pub(in crate::sql) group: Group,
    pub(in crate::sql) aggregates: Aggregates,
}

impl Grouping<'_> {
    /// What the reduction is given.
    pub(in crate::sql) fn into_parts(self) -> (Group, Vec<Call>) {
        (self.group, self.aggregates.calls)
    }

    /// A fault unless `grouping(…)` is asked of group expressions only.
    pub(in crate::sql) fn check_calls(&self) -> Bound<()> {
        let mut arguments = self.aggregates.calls.iter().filter_map(Call::grouping).flatten();
        let Some(argument) = arguments.find(|argument| self.place(argument).is_none()) else { return Ok(()) };
        let mut span = Span::empty();
        argument.columns(&mut |column| span = self.aggregates.seen.get(&column).copied().unwrap_or(span));
        let message = "arguments to GROUPING must be grouping expressions of the associated query level";
        Err(Fault::new("42803", message).at(span))
    }

    /// A fault unless what aggregates are given once for a group is the same for all of it.
    pub(in crate::sql) fn check_direct(&mut self) -> Bound<()> {
        for argument in self.aggregates.direct.clone() {
            let mut read = None;
            argument.columns(&mut |column| read = self.aggregates.seen.get(&column).copied());
            if let Some(span) = read.filter(|_| self.group.sets.len() > 1) {
                let what = "a direct argument that reads columns, with several grouping sets, is";
                return Err(Fault::unsupported(what).at(span));
            }
            let hint = "Direct arguments of an ordered-set aggregate must use only grouped columns.";
            self.admit(&argument).map_err(|fault| fault.hint(hint))?;
        }
        Ok(())
    }

    /// Adds the columns an expression needs beyond the group's, which must be determined by it. This comes before `over_groups`.
    pub(in crate::sql) fn admit(&mut self, scalar: &Scalar) -> Bound<()> {
        self.admit_or(scalar, &|name| {
            format!("column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function")
        })
    }

    /// As `admit`, for what a subquery reads.
    pub(in crate::sql) fn admit_outside(&mut self, scalar: &Scalar) -> Bound<()> {
        self.admit_or(scalar, &|name| format!("subquery uses ungrouped column \"{name}\" from outer query"))
    }

    fn admit_or(&mut self, scalar: &Scalar, message: &dyn Fn(&str) -> String) -> Bound<()> {
        if self.place(scalar).is_some() {
            return Ok(());
        }
        if let Scalar::Column(column, _) = scalar {
            return match *column < self.aggregates.width {
                true => self.admit_column(scalar, *column, message),
                false => Ok(()),
            };
        }
        let mut operands = Vec::new();
        scalar.for_each_operand(&mut |operand| operands.push(operand));
        operands.into_iter().try_for_each(|operand| self.admit_or(operand, message))
    }

    fn admit_column(&mut self, scalar: &Scalar, column: usize, message: &dyn Fn(&str) -> String) -> Bound<()> {
        if self.scope.depends_on(column, &self.group.columns()) {
            self.group.add(scalar.clone());
            return Ok(());
        }
        let name = self.scope.shown(column);
        let span = self.aggregates.seen.get(&column).copied().unwrap_or(Span::empty());
        Err(Fault::new("42803", message(&name)).at(span))
    }

    fn place(&self, scalar: &Scalar) -> Option<usize> {
        self.group.place(scalar)
    }

    /// The expression over the columns the reduction gives.
    pub(in crate::sql) fn over_groups(&self, scalar: &mut Scalar) {
        if let Some(place) = self.place(scalar) {
            *scalar = Scalar::Column(place, scalar.ty());
            return;
        }
        if let Scalar::Column(column, _) = scalar {
            if applied(*column).or(windowed(*column)).or(returned(*column)).is_none() {
                *column = self.group.expressions.len() + (*column - self.aggregates.width);
            }
            return;
        }
        scalar.for_each_operand_mut(&mut |operand| self.over_groups(operand));
    }
}

impl Binder<'_> {
    /// `grouping(…)`: a bit for each argument, the last one lowest, set where the row is not grouped by it.
    pub(super) fn grouping(&mut self, function: &Function) -> Bound<Operand> {
        if let Some(message) = self.clause.no_aggregates() {
            return Err(Fault::new("42803", message.replace("aggregate functions", "grouping operations")));
        }
        let FunctionArguments::List(list) = &function.args else {
            return Err(Fault::syntax("GROUPING needs arguments"));
        };
        if list.args.len() > MAX_GROUPING {
            return Err(Fault::new("54023", "GROUPING must have fewer than 32 arguments"));
        }
        let mut inner = Binder::new(self.catalog, self.scope, Clause::GroupBy, 0);
        let exprs = list.args.iter().map(plain_argument).collect::<Bound<Vec<_>>>()?;
        let scalars = inner.bind_all(exprs)?.into_iter().map(|operand| Ok(operand.settled()?.0));
        if !inner.calls.is_empty() {
            let message = "aggregate function calls cannot contain set-returning function calls";
            return Err(Fault::new("0A000", message).within(&function.name));
        }
        inner.aggregates.seen.into_iter().for_each(|(column, span)| self.aggregates.saw(column, span));
        Ok(self.aggregates.add(Call::Grouping(scalars.collect::<Bound<_>>()?), Type::Int4))
    }
}
