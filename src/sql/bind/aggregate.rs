//! Aggregate calls. An expression of a grouped query is bound over the input's columns followed by one column per call.

use super::clause::Clause;
use super::expression::Binder;
use super::operand::{Operand, arguments, groupable};
use super::row::{is_row, values_of};
use super::scope::ScopeColumn;
use super::sort::sort_keys;
use super::subquery::{Applied, reads_applied};
use crate::expr::{AggregateFunction, Collect, ResolvedAggregate, Scalar, is_within_group, resolve_aggregate};
use crate::plan::{Aggregate, SortKey};
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderByExpr,
    Spanned,
};
use sqlparser::tokenizer::Span;
use std::collections::HashMap;

/// What has one value per group.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sql) enum Call {
    Aggregate(Aggregate),
    /// `grouping(…)`: which of these group expressions a row is not grouped by.
    Grouping(Vec<Scalar>),
}

impl Call {
    /// The arguments of `grouping(…)`.
    pub(super) fn grouping(&self) -> Option<&Vec<Scalar>> {
        match self {
            Call::Grouping(arguments) => Some(arguments),
            Call::Aggregate(_) => None,
        }
    }

    fn scalars_mut(&mut self) -> Vec<&mut Scalar> {
        match self {
            Call::Aggregate(aggregate) => aggregate.scalars_mut().collect(),
            Call::Grouping(arguments) => arguments.iter_mut().collect(),
        }
    }
}

/// The aggregate calls of a query, and where its columns were first named.
#[derive(Default)]
pub(in crate::sql) struct Aggregates {
    pub(super) width: usize,
    pub(super) calls: Vec<Call>,
    pub(super) seen: HashMap<usize, Span>,
    /// What the calls are given once for a group.
    pub(super) direct: Vec<Scalar>,
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
        self.calls.iter_mut().flat_map(Call::scalars_mut)
    }

    pub(in crate::sql) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Remembers where a column was named.
    pub(super) fn saw(&mut self, column: usize, span: Span) {
        self.seen.entry(column).or_insert(span);
    }

    /// The column of an aggregate of that type.
    pub(super) fn add_call(&mut self, call: Aggregate, result: Type) -> Operand {
        self.add(Call::Aggregate(call), result)
    }

    /// The column of a call.
    pub(super) fn add(&mut self, call: Call, result: Type) -> Operand {
        let place = self.calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        Operand::new(Scalar::Column(self.width + place, result))
    }
}

impl Binder<'_> {
    /// An aggregate, of this query or of one around it.
    pub(super) fn aggregate(&mut self, name: &str, function: &Function) -> Bound<Operand> {
        let span = function.name.span();
        if let Some(value) = self.value_of_outer(span) {
            return Ok(value);
        }
        let refused = |clause: Clause| match clause.no_aggregates() {
            Some(message) => Err(Fault::new("42803", message).at(span)),
            None => Ok(()),
        };
        if self.scope.outer.is_none() {
            refused(self.clause)?;
        }
        let subqueries = self.aggregates.applied.len();
        let mut inner = self.inner();
        let (mut call, ty) = call(name, function, &mut inner)?;
        let seen = inner.aggregates.seen;
        self.aggregates.applied = inner.applied;
        // What has no place in the text is not written as an aggregate: it collects the rows of its own query.
        let level = if span == Span::empty() { 0 } else { self.level_of(&call) };
        if level > 0 && self.aggregates.applied.len() > subqueries {
            let what = "an aggregate of an outer query's columns that contains a subquery is";
            return Err(Fault::unsupported(what).at(span));
        }
        if level > 0 {
            return Ok(self.leave(span, level, call, ty));
        }
        refused(self.clause)?;
        if call.function.is_ordered() && call.order.is_empty() && !call.distinct {
            call.order = self.scope.in_turn().into_iter().map(ascending).collect();
        }
        if is_within_group(name) {
            let direct = &call.arguments[function.within_group.len()..];
            let mut saw = |column| seen.get(&column).into_iter().for_each(|span| self.aggregates.saw(column, *span));
            direct.iter().for_each(|argument| argument.columns(&mut saw));
            self.aggregates.direct.extend_from_slice(direct);
        }
        Ok(self.aggregates.add_call(call, ty))
    }
}

/// Binds a call; its arguments are bound by `inner`.
fn call(name: &str, function: &Function, inner: &mut Binder<'_>) -> Bound<(Aggregate, Type)> {
    let FunctionArguments::List(list) = &function.args else {
        return Err(Fault::syntax(format!("{name} needs arguments")).within(&function.name));
    };
    let ordering = ordering(&list.clauses).map_err(|fault| fault.within(&function.name))?;
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    refuse_unlike(name, function, distinct || !ordering.is_empty()).map_err(|fault| fault.within(&function.name))?;
    let operands = operands(name, function, inner)?;
    let (operands, order) = match is_within_group(name) {
        true => within_group(inner, function, operands)?,
        false => (operands, sort_keys(inner, ordering)?),
    };
    let ResolvedAggregate { function: mut aggregate, arguments: types, result } =
        resolve_aggregate(name, &arguments(&operands))?;
    let rows = operands.iter().filter_map(Operand::typed).any(is_row);
    if let (AggregateFunction::Collect(Collect::JsonArray { structured }), true) = (&mut aggregate, rows) {
        *structured = true;
    }
    let order = match operands.as_slice() {
        [Operand::Typed(row, _)] if distinct && rows => row_order(row).map_err(|fault| fault.within(&function.name))?,
        _ if distinct && rows => return Err(Fault::unsupported("DISTINCT over whole rows is").within(&function.name)),
        _ => order,
    };
    let written: Vec<Scalar> = operands.iter().filter_map(Operand::typed).cloned().collect();
    let arguments = operands.into_iter().zip(&types).map(|(operand, ty)| operand.implicit(ty));
    let arguments = arguments.collect::<Bound<Vec<Scalar>>>()?;
    inner.clause = Clause::Filter;
    let filter = function.filter.as_deref().map(|filter| inner.condition(filter, "FILTER")).transpose()?;
    if distinct {
        let groupable = arguments.iter().try_for_each(|argument| groupable(&argument.ty()));
        let among = groupable.and_then(|()| if rows { Ok(()) } else { among(&order, &written) });
        among.map_err(|fault| fault.within(&function.name))?;
    }
    let distinct = distinct && !aggregate.ignores_duplicates();
    let order = if aggregate.is_ordered() { order } else { Vec::new() };
    Ok((Aggregate { function: aggregate, arguments, distinct, filter, order }, result))
}

/// What an aggregate or a window function is called with; nothing stands for `*`.
pub(super) fn operands(name: &str, function: &Function, inner: &mut Binder<'_>) -> Bound<Vec<Operand>> {
    let FunctionArguments::List(list) = &function.args else {
        return Err(Fault::syntax(format!("{name} needs arguments")).within(&function.name));
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if name == "count" && list.duplicate_treatment.is_none() => {
            Ok(Vec::new())
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => {
            Err(Fault::new("42883", format!("function {name}(*) does not exist")).within(&function.name))
        }
        [] if name == "count" => {
            let message = "count(*) must be used to call a parameterless aggregate function";
            Err(Fault::new("42809", message).within(&function.name))
        }
        args => inner.arguments(name, args),
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
pub(super) fn refuse_unlike(name: &str, function: &Function, arranged: bool) -> Bound<()> {
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
    if direct.iter().filter_map(Operand::typed).any(reads_applied) {
        return Err(Fault::unsupported("a direct argument with a subquery is").within(&function.name));
    }
    let mut operands = Vec::new();
    for item in &function.within_group {
        operands.push(inner.bind(&item.expr)?);
    }
    let order = sort_keys(inner, &function.within_group)?;
    operands.extend(direct);
    Ok((operands, order))
}

fn ascending(column: &ScopeColumn) -> SortKey {
    let expression = Scalar::Column(column.position, column.ty.clone());
    SortKey { expression, descending: false, nulls_first: false }
}

/// The order of whole rows: that of their columns, one after the other.
fn row_order(row: &Scalar) -> Bound<Vec<SortKey>> {
    let key = |value: &Scalar| {
        groupable(&value.ty())?;
        Ok(SortKey { expression: value.clone(), descending: false, nulls_first: false })
    };
    values_of(row).into_iter().map(key).collect()
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
