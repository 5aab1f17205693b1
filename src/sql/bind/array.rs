//! `ARRAY(SELECT …)`: the aggregate `array_agg` over the query's rows, in their order, and `{}` of none.

use super::expression::Binder;
use super::name::fold;
use super::operand::Operand;
use crate::expr::{Scalar, is_aggregate, is_table_function, is_window};
use crate::sql::error::{Bound, Fault};
use crate::sql::parse::parse_query;
use crate::value::{Array, Datum, Type};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    GroupByExpr, Ident, ObjectName, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value,
    Visit, Visitor,
};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a query's rows are collected from, if not where they are made.
const AROUND: &str = "SELECT 1 FROM (SELECT 1) AS q(v)";

impl Binder<'_> {
    pub(super) fn array_of_query(&mut self, query: &Query) -> Bound<Operand> {
        let one = match query.body.as_ref() {
            SetExpr::Select(select) => is_one(&select.projection),
            _ => None,
        };
        let one = match one {
            Some(one) => one,
            None => self.lowered(query)?.columns.len() == 1,
        };
        if !one {
            return Err(Fault::syntax("subquery must return only one column").within(query));
        }
        let Operand::Typed(array, _) = self.scalar_subquery(&collected(query)?)? else {
            return Err(Fault::new("XX000", "an array without a type"));
        };
        let ty = array.ty();
        let Type::Array(element) = &ty else { return Err(Fault::new("XX000", "no array")) };
        let none = Array { element: element.as_ref().clone(), dimensions: Vec::new(), items: Vec::new() };
        let none = Scalar::Literal(Datum::Array(Arc::new(none)), ty.clone());
        Ok(Operand::new(Scalar::Coalesce(vec![array, none], ty)))
    }
}

/// Whether the list has one item; not known if a star stands in it.
fn is_one(projection: &[SelectItem]) -> Option<bool> {
    let is_plain = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    projection.iter().all(is_plain).then_some(projection.len() == 1)
}

/// The query of the one array.
fn collected(query: &Query) -> Bound<Query> {
    let keys = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.as_slice(),
        _ => &[],
    };
    let mut collecting = query.clone();
    if query.limit_clause.is_none()
        && query.fetch.is_none()
        && let SetExpr::Select(select) = collecting.body.as_mut()
        && let Some((item, alias)) = plain_item(select)
    {
        let keys = keys.iter().map(|key| of_item(key, &item, alias.as_ref())).collect();
        select.projection = vec![SelectItem::UnnamedExpr(array_agg(item, keys))];
        collecting.order_by = None;
        return Ok(collecting);
    }
    let around = parse_query(AROUND)?;
    let mut ordered = Vec::new();
    if let SetExpr::Select(select) = collecting.body.as_mut() {
        let first = select.projection.first().cloned();
        for (number, key) in keys.iter().enumerate() {
            let name = Ident::with_quote('"', format!("key {number}"));
            let is_output = match (&first, &key.expr) {
                (_, Expr::Value(_)) => true,
                (Some(SelectItem::ExprWithAlias { alias, .. }), Expr::Identifier(ident)) => fold(alias) == fold(ident),
                (Some(SelectItem::UnnamedExpr(expr)), written) => expr == written,
                _ => false,
            };
            let column = match is_output || select.distinct.is_some() {
                true => Ident::new("v"),
                false => {
                    let (expr, alias) = (key.expr.clone(), name.clone());
                    select.projection.push(SelectItem::ExprWithAlias { expr, alias });
                    name
                }
            };
            ordered.push(OrderByExpr { expr: Expr::Identifier(column), ..key.clone() });
        }
    } else {
        ordered.extend(keys.iter().map(|key| OrderByExpr { expr: Expr::Identifier(Ident::new("v")), ..key.clone() }));
    }
    around_with(around, collecting, array_agg(Expr::Identifier(Ident::new("v")), ordered))
}

fn around_with(mut around: Query, inner: Query, value: Expr) -> Bound<Query> {
    let SetExpr::Select(select) = around.body.as_mut() else { return Err(Fault::new("XX000", "no select")) };
    select.projection = vec![SelectItem::UnnamedExpr(value)];
    for tables in &mut select.from {
        if let TableFactor::Derived { subquery, .. } = &mut tables.relation {
            **subquery = inner.clone();
        }
    }
    Ok(around)
}

/// The one item of a list without anything that would have to be computed before the rows are collected, and its name.
fn plain_item(select: &Select) -> Option<(Expr, Option<Ident>)> {
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(items, _) if items.is_empty());
    if grouped || select.having.is_some() || select.distinct.is_some() {
        return None;
    }
    let (expr, alias) = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr)] => (expr, None),
        [SelectItem::ExprWithAlias { expr, alias }] => (expr, Some(alias.clone())),
        _ => return None,
    };
    // A literal takes its type where it stands.
    let is_open = matches!(expr, Expr::Value(_) | Expr::Nested(_));
    (!is_open && expr.visit(&mut Calls).is_continue()).then(|| (expr.clone(), alias))
}

/// Stops at a call of more than one row.
struct Calls;

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let of_rows = |name: &str| is_aggregate(name) || is_table_function(name) || is_window(name);
        match expr {
            Expr::Function(function)
                if function.over.is_some() || of_rows(&function.name.to_string().to_lowercase()) =>
            {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A sort key that may name the item or its place.
fn of_item(key: &OrderByExpr, item: &Expr, alias: Option<&Ident>) -> OrderByExpr {
    let is_item = match &key.expr {
        Expr::Value(value) => matches!(&value.value, Value::Number(digits, _) if digits == "1"),
        Expr::Identifier(ident) => alias.is_some_and(|alias| fold(alias) == fold(ident)),
        _ => false,
    };
    if is_item { OrderByExpr { expr: item.clone(), ..key.clone() } } else { key.clone() }
}

fn array_agg(item: Expr, keys: Vec<OrderByExpr>) -> Expr {
    let clauses = if keys.is_empty() { Vec::new() } else { vec![FunctionArgumentClause::OrderBy(keys)] };
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(item))];
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("array_agg")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
