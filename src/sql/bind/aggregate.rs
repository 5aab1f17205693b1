//! Aggregate calls, and what an expression over groups may contain.
//!
//! An expression of a grouped query is bound over the input's columns followed by one column per aggregate call. `Grouping::over_groups`
//! then rewrites it to the columns a `Reduce` gives: the group expressions, then the aggregates.

use super::expression::{Binder, Clause, plain_argument};
use super::operand::{Operand, arguments, groupable};
use super::scope::Scope;
use super::sort::sort_keys;
use super::subquery::{Applied, applied};
use crate::expr::{ResolvedAggregate, Scalar, is_within_group, resolve_aggregate};
use crate::plan::{Aggregate, SortKey};
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderByExpr,
};
use sqlparser::tokenizer::Span;
use std::collections::HashMap;

/// The aggregate calls of a query, and where its columns were first named.
#[derive(Default)]
pub(in crate::sql) struct Aggregates {
    width: usize,
    calls: Vec<Aggregate>,
    seen: HashMap<usize, Span>,
    /// The subqueries that arguments read.
    pub(in crate::sql) applied: Vec<Applied>,
}

impl Aggregates {
    /// None yet, over an input of that many columns.
    pub(in crate::sql) fn new(width: usize) -> Aggregates {
        Aggregates { width, ..Aggregates::default() }
    }

    /// Every expression over the input.
    pub(in crate::sql) fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        self.calls.iter_mut().flat_map(Aggregate::scalars_mut)
    }

    pub(in crate::sql) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Remembers where a column was named.
    pub(super) fn saw(&mut self, column: usize, span: Span) {
        self.seen.entry(column).or_insert(span);
    }

    /// Binds a call; its arguments are bound by `inner`.
    pub(super) fn bind(&mut self, name: &str, function: &Function, inner: &mut Binder<'_>) -> Bound<Operand> {
        let FunctionArguments::List(list) = &function.args else {
            return Err(Fault::syntax(format!("{name} needs arguments")).within(&function.name));
        };
        let ordering = ordering(&list.clauses).map_err(|fault| fault.within(&function.name))?;
        let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
        refuse_unlike(name, function, distinct || !ordering.is_empty())
            .map_err(|fault| fault.within(&function.name))?;
        let operands = match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if name == "count" && !distinct => Vec::new(),
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => {
                return Err(Fault::new("42883", format!("function {name}(*) does not exist")).within(&function.name));
            }
            [] if name == "count" => {
                let message = "count(*) must be used to call a parameterless aggregate function";
                return Err(Fault::new("42809", message).within(&function.name));
            }
            args => {
                let exprs = args.iter().map(plain_argument).collect::<Bound<Vec<_>>>()?;
                inner.bind_all(exprs)?
            }
        };
        let (operands, order) = match is_within_group(name) {
            true => within_group(inner, function, operands)?,
            false => (operands, sort_keys(inner, ordering)?),
        };
        let ResolvedAggregate { function: aggregate, arguments: types, result } =
            resolve_aggregate(name, &arguments(&operands))?;
        let written: Vec<Scalar> = operands.iter().filter_map(Operand::typed).cloned().collect();
        let arguments = operands.into_iter().zip(&types).map(|(operand, ty)| operand.implicit(ty));
        let arguments = arguments.collect::<Bound<Vec<Scalar>>>()?;
        inner.clause = Clause::Filter;
        let filter = function.filter.as_deref().map(|filter| inner.condition(filter, "FILTER")).transpose()?;
        if distinct {
            let groupable = arguments.iter().try_for_each(|argument| groupable(&argument.ty()));
            groupable.and_then(|()| among(&order, &written)).map_err(|fault| fault.within(&function.name))?;
        }
        let distinct = distinct && !aggregate.ignores_duplicates();
        let order = if aggregate.is_ordered() { order } else { Vec::new() };
        let place = self.add(Aggregate { function: aggregate, arguments, distinct, filter, order });
        Ok(Operand::new(Scalar::Column(self.width + place, result)))
    }

    fn add(&mut self, aggregate: Aggregate) -> usize {
        self.calls.iter().position(|known| *known == aggregate).unwrap_or_else(|| {
            self.calls.push(aggregate);
            self.calls.len() - 1
        })
    }
}

/// The ORDER BY between an aggregate's parentheses.
fn ordering(clauses: &[FunctionArgumentClause]) -> Bound<&[OrderByExpr]> {
    match clauses {
        [] => Ok(&[]),
        [FunctionArgumentClause::OrderBy(keys)] => Ok(keys),
        _ => Err(Fault::syntax("Postgres has no such clause inside an aggregate")),
    }
}

/// What belongs to aggregates `WITHIN GROUP`, and what does not.
fn refuse_unlike(name: &str, function: &Function, arranged: bool) -> Bound<()> {
    let message = match (is_within_group(name), function.within_group.is_empty()) {
        (false, false) => format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"),
        (true, true) => format!("WITHIN GROUP is required for ordered-set aggregate {name}"),
        (true, false) if arranged => return Err(Fault::syntax("cannot use DISTINCT or ORDER BY with WITHIN GROUP")),
        _ => return Ok(()),
    };
    Err(Fault::new("42809", message))
}

/// The operands of an aggregate `WITHIN GROUP`: what is sorted by, then the direct arguments, the same for all rows; and how it
/// is sorted.
fn within_group(
    inner: &mut Binder<'_>,
    function: &Function,
    direct: Vec<Operand>,
) -> Bound<(Vec<Operand>, Vec<SortKey>)> {
    let mut reads = false;
    direct.iter().filter_map(Operand::typed).for_each(|scalar| scalar.columns(&mut |_| reads = true));
    if reads {
        let fault = Fault::unsupported("a direct argument that reads columns is");
        return Err(fault.within(&function.name));
    }
    let mut operands = Vec::new();
    for item in &function.within_group {
        operands.push(inner.bind(&item.expr)?);
    }
    let order = sort_keys(inner, &function.within_group)?;
    operands.extend(direct);
    Ok((operands, order))
}

/// With DISTINCT, what rows are sorted by must tell no equal rows apart.
fn among(order: &[SortKey], arguments: &[Scalar]) -> Bound<()> {
    match order.iter().all(|key| arguments.contains(&key.expression)) {
        true => Ok(()),
        false => {
            Err(Fault::new("42P10", "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"))
        }
    }
}

/// How a query groups its input.
pub(in crate::sql) struct Grouping<'a> {
    pub(in crate::sql) scope: &'a Scope,
    /// Over the input's columns. Columns that depend on a grouped primary key are added as they are met.
    pub(in crate::sql) group: Vec<Scalar>,
    pub(in crate::sql) aggregates: Aggregates,
}

impl Grouping<'_> {
    /// What the reduction is given.
    pub(in crate::sql) fn into_parts(self) -> (Vec<Scalar>, Vec<Aggregate>) {
        (self.group, self.aggregates.calls)
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
        let grouped: Vec<usize> =
            self.group.iter().filter_map(|g| if let Scalar::Column(c, _) = g { Some(*c) } else { None }).collect();
        if self.scope.depends_on(column, &grouped) {
            self.group.push(scalar.clone());
            return Ok(());
        }
        let name = self.scope.shown(column);
        let span = self.aggregates.seen.get(&column).copied().unwrap_or(Span::empty());
        Err(Fault::new("42803", message(&name)).at(span))
    }

    /// The group expression that this is; a column may be read under another type of the same representation.
    fn place(&self, scalar: &Scalar) -> Option<usize> {
        self.group.iter().position(|group| match (group, scalar) {
            (Scalar::Column(group, _), Scalar::Column(column, _)) => group == column,
            (group, scalar) => group == scalar,
        })
    }

    /// The expression over the columns the reduction gives.
    pub(in crate::sql) fn over_groups(&self, scalar: &mut Scalar) {
        if let Some(place) = self.place(scalar) {
            *scalar = Scalar::Column(place, scalar.ty());
            return;
        }
        if let Scalar::Column(column, _) = scalar {
            if applied(*column).is_none() {
                *column = self.group.len() + (*column - self.aggregates.width);
            }
            return;
        }
        scalar.for_each_operand_mut(&mut |operand| self.over_groups(operand));
    }
}
