//! ORDER BY, LIMIT, OFFSET, FETCH FIRST and DISTINCT ON.
//!
//! A relation has no order. ORDER BY is checked as Postgres checks it, and decides which rows LIMIT, OFFSET and DISTINCT ON keep.

use super::query::refuse_clauses;
use super::select::{Item, ItemValue, distinct};
use super::{Lowered, Lowerer};
use crate::expr::{CastContext, Scalar};
use crate::plan::{Rel, SortKey};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::Binder;
use crate::sql::bind::name::fold;
use crate::sql::bind::operand::{Operand, groupable};
use crate::sql::bind::scope::Scope;
use crate::sql::bind::sort::{direction, sortable};
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{Distinct, Expr, LimitClause, OrderByExpr, OrderByKind, Query, Select, SetExpr, Value};

/// What stands behind a query's body.
#[derive(Default)]
pub(super) struct Order<'q> {
    items: &'q [OrderByExpr],
    slice: Option<Slice>,
}

/// Which of the sorted rows are kept.
#[derive(Clone, Copy, Default)]
struct Slice {
    offset: u64,
    limit: Option<u64>,
    ties: bool,
}

/// An output column that rows are sorted by.
struct Key {
    position: usize,
    descending: bool,
    nulls_first: bool,
}

impl Lowerer<'_> {
    /// Lowers a query's body with what stands behind it.
    pub(super) fn ordered(&mut self, query: &Query) -> Bound<Lowered> {
        let mut order = self.order(query)?;
        let mut body = &*query.body;
        while let (SetExpr::Query(inner), false) = (body, order.is_empty()) {
            if inner.with.is_some() {
                break;
            }
            // In Postgres parentheses alone do not keep apart what they enclose from what stands behind them.
            refuse_clauses(inner)?;
            order = order.merged(self.order(inner)?).map_err(|fault| fault.within(query))?;
            body = &inner.body;
        }
        match body {
            body if order.is_empty() => self.body(body),
            SetExpr::Select(select) => {
                self.count(1).map_err(|fault| fault.within(body))?;
                self.select(select, &order)
            }
            body => {
                let lowered = self.body(body)?;
                let keys = order.items.iter().map(|item| output_key(&lowered, item)).collect::<Bound<Vec<Key>>>()?;
                Ok(sliced(lowered, &keys, order.slice))
            }
        }
    }

    fn order<'q>(&self, query: &'q Query) -> Bound<Order<'q>> {
        let items = match &query.order_by {
            None => &[][..],
            Some(order_by) => match &order_by.kind {
                OrderByKind::Expressions(items) if order_by.interpolate.is_none() => items,
                _ => return Err(Fault::syntax("Postgres has no ORDER BY ALL and no INTERPOLATE").within(order_by)),
            },
        };
        let slice = self.slice(query)?;
        match slice {
            Some(Slice { ties: true, .. }) if items.is_empty() => {
                Err(Fault::syntax("WITH TIES cannot be specified without ORDER BY clause").within(query))
            }
            slice => Ok(Order { items, slice }),
        }
    }

    fn slice(&self, query: &Query) -> Bound<Option<Slice>> {
        let mut slice = Slice::default();
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if let Some(by) = limit_by.first() {
                    return Err(Fault::syntax("Postgres has no LIMIT BY").within(by));
                }
                if let (Some(limit), Some(_)) = (limit, &query.fetch) {
                    return Err(Fault::syntax("multiple LIMIT clauses not allowed").within(limit));
                }
                slice.limit = limit.as_ref().map_or(Ok(None), |limit| self.rows(limit, Clause::Limit))?;
                let offset = offset.as_ref().map_or(Ok(None), |offset| self.rows(&offset.value, Clause::Offset))?;
                slice.offset = offset.unwrap_or(0);
            }
            Some(LimitClause::OffsetCommaLimit { offset, .. }) => {
                return Err(Fault::syntax("LIMIT #,# syntax is not supported")
                    .hint("Use separate LIMIT and OFFSET clauses.")
                    .within(offset));
            }
        }
        if let Some(fetch) = &query.fetch {
            if fetch.percent {
                return Err(Fault::syntax("Postgres has no PERCENT in FETCH FIRST").within(query));
            }
            slice.limit = fetch.quantity.as_ref().map_or(Ok(Some(1)), |quantity| self.rows(quantity, Clause::Limit))?;
            slice.ties = fetch.with_ties;
        }
        Ok((slice.limit.is_some() || slice.offset > 0).then_some(slice))
    }

    /// A constant number of rows; null stands for none given.
    fn rows(&self, expr: &Expr, clause: Clause) -> Bound<Option<u64>> {
        let (name, negative) = if clause == Clause::Limit { ("LIMIT", "2201W") } else { ("OFFSET", "2201X") };
        let scope = Scope::default();
        let value = Binder::new(self.catalog, &scope, clause, 0).bind(expr).map_err(|fault| match fault.code {
            "42703" | "42P01" => {
                let message = format!("argument of {name} must not contain variables");
                Fault::new("42P10", message).hint("It has to be a constant.").at(fault.span)
            }
            _ => fault,
        })?;
        let written = value.clone().settled()?.0.ty();
        let number = value.cast(&Type::Int8, -1, CastContext::Assignment).and_then(Operand::settled);
        let number = number.map_err(|fault| match fault.code {
            "42846" | "42804" => {
                let message = format!("argument of {name} must be type bigint, not type {written}");
                Fault::new("42804", message).within(expr)
            }
            _ => fault.within(expr),
        })?;
        match number.0.eval(&[]).map_err(|error| Fault::new(error.code, error.message).within(expr))? {
            Datum::Int8(number) => u64::try_from(number)
                .map(Some)
                .map_err(|_| Fault::new(negative, format!("{name} must not be negative")).within(expr)),
            _ => Ok(None),
        }
    }
}

impl<'q> Order<'q> {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.slice.is_none()
    }

    /// This and what stands inside the parentheses before it.
    fn merged(self, inner: Order<'q>) -> Bound<Order<'q>> {
        if !self.items.is_empty() && !inner.items.is_empty() {
            return Err(Fault::syntax("multiple ORDER BY clauses not allowed"));
        }
        if self.slice.is_some() && inner.slice.is_some() {
            return Err(Fault::syntax("multiple LIMIT clauses not allowed"));
        }
        let items = if self.items.is_empty() { inner.items } else { self.items };
        Ok(Order { items, slice: self.slice.or(inner.slice) })
    }
}

/// How a SELECT's rows are sorted: by items of its list, some of which are there for that only.
pub(super) struct Sorting {
    keys: Vec<Key>,
    /// The items of DISTINCT ON.
    on: Vec<usize>,
    /// How many items are output.
    visible: usize,
}

impl Sorting {
    /// Finds the items, and adds those that are missing.
    pub(super) fn new<'s>(items: &mut Vec<Item<'s>>, select: &'s Select, order: &Order<'s>) -> Bound<Sorting> {
        let visible = items.len();
        let on = match &select.distinct {
            Some(Distinct::On(exprs)) => exprs.as_slice(),
            Some(Distinct::All | Distinct::Distinct) | None => &[],
        };
        let on = on.iter().map(|expr| place(items, expr, "DISTINCT ON")).collect::<Bound<Vec<usize>>>()?;
        let key = |item: &'s OrderByExpr| {
            let (descending, nulls_first) = direction(item)?;
            Ok(Key { position: place(items, &item.expr, "ORDER BY")?, descending, nulls_first })
        };
        let keys = order.items.iter().map(key).collect::<Bound<Vec<Key>>>()?;
        Ok(Sorting { keys, on, visible })
    }

    /// Checks the items by their values, and drops those that are not needed.
    pub(super) fn settle(
        &mut self,
        items: &mut Vec<Item<'_>>,
        values: &mut Vec<Operand>,
        select: &Select,
        order: &Order<'_>,
    ) -> Bound<()> {
        let mut places: Vec<usize> = (0..self.visible).collect();
        for value in values.split_off(self.visible) {
            let known = values.iter().position(|known| is_same(known, &value));
            places.push(known.unwrap_or(values.len()));
            values.extend(known.is_none().then_some(value));
        }
        self.keys.iter_mut().for_each(|key| key.position = places[key.position]);
        self.on.iter_mut().for_each(|position| *position = places[*position]);

        for (key, item) in self.keys.iter().zip(order.items) {
            sortable(&ty(&values[key.position])).map_err(|fault| fault.within(&item.expr))?;
            if matches!(select.distinct, Some(Distinct::Distinct)) && key.position >= self.visible {
                let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                return Err(Fault::new("42P10", message).within(&item.expr));
            }
        }
        if let Some(Distinct::On(exprs)) = &select.distinct {
            for (position, expr) in self.on.iter().zip(exprs) {
                groupable(&ty(&values[*position])).map_err(|fault| fault.within(expr))?;
                if !self.begins_with(*position) {
                    let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
                    return Err(Fault::new("42P10", message).within(expr));
                }
            }
        } else if order.slice.is_none() {
            values.truncate(self.visible);
        }
        items.truncate(values.len());
        Ok(())
    }

    /// Whether the item of DISTINCT ON is among the first keys, or all keys are such items.
    fn begins_with(&self, position: usize) -> bool {
        let leading = self.keys.iter().take_while(|key| self.on.contains(&key.position)).count();
        match self.keys.iter().position(|key| key.position == position) {
            Some(place) => place < leading,
            None => leading == self.keys.len(),
        }
    }

    /// The rows that are kept, without the items that are not output.
    pub(super) fn apply(self, mut lowered: Lowered, select: &Select, order: &Order<'_>) -> Bound<Lowered> {
        match &select.distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => lowered = distinct(lowered).map_err(|fault| fault.within(select))?,
            Some(Distinct::On(_)) => {
                let first = Slice { offset: 0, limit: Some(1), ties: false };
                lowered = top_k(lowered, &self.on, &self.keys, first);
            }
        }
        let Lowered { rel, mut columns } = sliced(lowered, &self.keys, order.slice);
        let outer = rel.width() - columns.len();
        columns.truncate(self.visible);
        let output: Vec<usize> = (0..outer + self.visible).collect();
        Ok(Lowered { rel: rel.project(&output), columns })
    }
}

/// The item's place: an output column by name or number, else an expression that is added to the items.
fn place<'s>(items: &mut Vec<Item<'s>>, expr: &'s Expr, clause: &str) -> Bound<usize> {
    let visible = || items.iter().take_while(|item| !item.hidden).enumerate();
    match expr {
        Expr::Nested(inner) => return place(items, inner, clause),
        Expr::Value(value) => return numbered(&value.value, visible().count(), clause).map_err(|f| f.within(expr)),
        Expr::Identifier(ident) => {
            let name = fold(ident);
            let mut named = visible().filter(|(_, item)| item.name == name);
            if let Some((first, item)) = named.next() {
                return match named.all(|(_, other)| other.value == item.value) {
                    true => Ok(first),
                    false => Err(Fault::new("42702", format!("{clause} \"{name}\" is ambiguous")).within(expr)),
                };
            }
        }
        _ => {}
    }
    items.push(Item { name: String::new(), value: ItemValue::Expr(expr), hidden: true });
    Ok(items.len() - 1)
}

/// The place that a constant stands for.
fn numbered(value: &Value, visible: usize, clause: &str) -> Bound<usize> {
    let Value::Number(digits, _) = value else {
        return Err(Fault::syntax(format!("non-integer constant in {clause}")));
    };
    match digits.parse::<usize>() {
        Ok(number) if (1..=visible).contains(&number) => Ok(number - 1),
        Err(_) if digits.contains(['.', 'e', 'E']) => Err(Fault::syntax(format!("non-integer constant in {clause}"))),
        _ => Err(Fault::new("42P10", format!("{clause} position {digits} is not in select list"))),
    }
}

fn is_same(a: &Operand, b: &Operand) -> bool {
    a.typed().is_some() && a.typed() == b.typed()
}

fn ty(operand: &Operand) -> Type {
    operand.typed().map_or(Type::Text, Scalar::ty)
}

/// A key of a set operation: one of its columns, by name or number.
fn output_key(lowered: &Lowered, item: &OrderByExpr) -> Bound<Key> {
    let (descending, nulls_first) = direction(item)?;
    let position = match &item.expr {
        Expr::Value(value) => numbered(&value.value, lowered.columns.len(), "ORDER BY"),
        Expr::Identifier(ident) => {
            let name = fold(ident);
            let mut named = lowered.columns.iter().enumerate().filter(|(_, column)| column.name == name);
            match (named.next(), named.next()) {
                (Some((position, _)), None) => Ok(position),
                (Some(_), Some(_)) => Err(Fault::new("42702", format!("ORDER BY \"{name}\" is ambiguous"))),
                (None, _) => {
                    let fault = Fault::new("42703", format!("column \"{name}\" does not exist"));
                    Err(fault.suggest(&name, lowered.columns.iter().map(|column| column.name.as_str())))
                }
            }
        }
        _ => Err(Fault::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
            .hint("Only result column names can be used, not expressions or functions.")),
    };
    let position = position.map_err(|fault| fault.within(&item.expr))?;
    sortable(&lowered.columns[position].ty).map_err(|fault| fault.within(&item.expr))?;
    Ok(Key { position, descending, nulls_first })
}

fn sliced(lowered: Lowered, keys: &[Key], slice: Option<Slice>) -> Lowered {
    match slice {
        Some(slice) => top_k(lowered, &[], keys, slice),
        None => lowered,
    }
}

/// The slice of the rows that agree on some columns, and on what they are computed for.
fn top_k(mut lowered: Lowered, group: &[usize], keys: &[Key], slice: Slice) -> Lowered {
    lowered.columns.iter_mut().for_each(|column| column.open = None);
    let types = lowered.rel.columns();
    let outer = types.len() - lowered.columns.len();
    let column = |position: usize| Scalar::Column(position, types[position].clone());
    let group = (0..outer).chain(group.iter().map(|position| outer + position)).map(column).collect();
    let key = |key: &Key| SortKey {
        expression: column(outer + key.position),
        descending: key.descending,
        nulls_first: key.nulls_first,
    };
    let order = keys.iter().map(key).collect();
    let Slice { offset, limit, ties } = slice;
    let rel = Rel::TopK { input: Box::new(lowered.rel), group, order, offset, limit, ties };
    Lowered { rel, columns: lowered.columns }
}
