//! GROUP BY, aggregates and HAVING.

use super::Lowerer;
use super::grouping;
use super::select::{Input, Item, ItemValue};
use crate::expr::Scalar;
use crate::plan::{Aggregate, Equality, JoinKind, Rel, TableCall, unnest};
use crate::sql::bind::aggregate::Aggregates;
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::Binder;
use crate::sql::bind::grouping::{Group, Grouping};
use crate::sql::bind::name::fold;
use crate::sql::bind::operand::{Operand, groupable};
use crate::sql::bind::scope::Scope;
use crate::sql::bind::subquery::{Applied, applied, numbered, place_applied, reads_applied};
use crate::sql::bind::table::calls_read;
use crate::sql::bind::window::{Windows, reads_windowed};
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{Expr, Select, Value};
use std::collections::BTreeSet;

impl Lowerer<'_> {
    /// The select list's values, and the relation they are computed over: the input, or its groups.
    pub(super) fn projected(
        &mut self,
        input: Input,
        items: &[Item<'_>],
        group_by: &[Expr],
        select: &Select,
    ) -> Bound<(Rel, Vec<Operand>)> {
        let Input { rel, scope, .. } = input;
        let width = rel.width();
        let mut binder = Binder::new(self.catalog, &scope, Clause::Select, width).with_queries(self);
        binder.define_windows(&select.named_window)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(item.value.bind(&mut binder)?);
        }
        let mut subqueries = std::mem::take(&mut binder.applied);
        binder.clause = Clause::Having;
        let mut having = select.having.as_ref().map(|having| binder.condition(having, "HAVING")).transpose()?;
        let mut of_having = std::mem::take(&mut binder.applied);
        let mut aggregates = std::mem::replace(&mut binder.aggregates, Aggregates::new(width));
        let mut windows = std::mem::take(&mut binder.windows);
        let mut calls = std::mem::take(&mut binder.calls);
        if group_by.is_empty() && having.is_none() && aggregates.is_empty() {
            let calls = calls.into_iter().enumerate().collect();
            return self.computed(rel, values, subqueries, windows, calls).map_err(|fault| fault.within(select));
        }

        if !aggregates.is_empty() {
            self.refuse_aggregates(&rel).map_err(|fault| fault.within(select))?;
        }
        let mut below = std::mem::take(&mut aggregates.applied);
        let group = self.group(group_by, items, &scope, width, &mut below, &mut calls)?;
        let grouped_by = calls_read(&group.expressions, &calls, &|_| false);
        let list = values.iter().filter_map(Operand::typed);
        let above = calls_read(list, &calls, &|scalar| group.place(scalar).is_some());
        let chosen = |numbers: BTreeSet<usize>| -> Vec<(usize, TableCall)> {
            numbers.into_iter().map(|number| (number, calls[number].clone())).collect()
        };
        let (grouped_by, mut above) = (chosen(grouped_by), chosen(above));
        let (rel, group) = self.with_arguments(rel, below, group, &mut aggregates)?;
        let mut over = Grouping { scope: &scope, group, aggregates };
        over.check_calls()?;
        over.check_direct()?;
        let arguments = above.iter().flat_map(|(_, call)| &call.arguments);
        let list = values.iter().filter_map(Operand::typed).chain(arguments);
        for scalar in list.chain(&having).chain(windows.scalars()) {
            over.admit(scalar)?;
        }
        for scalar in subqueries.iter().chain(&of_having).flat_map(Applied::outside) {
            over.admit_outside(scalar)?;
        }
        let arguments = above.iter_mut().flat_map(|(_, call)| &mut call.arguments);
        let list = values.iter_mut().filter_map(typed_mut).chain(arguments);
        for scalar in list.chain(&mut having).chain(windows.scalars_mut()) {
            over.over_groups(scalar);
        }
        for scalar in subqueries.iter_mut().chain(&mut of_having).flat_map(Applied::outside_mut) {
            over.over_groups(scalar);
        }
        let (mut group, calls) = over.into_parts();
        let rel = self.with_calls(rel, &mut group.expressions.iter_mut().collect::<Vec<_>>(), grouped_by);
        let sets = grouping::grouping_sets(group_by)?;
        let mut parts = group.sets.iter().zip(&sets).map(|(set, written)| {
            let reduce = |group, aggregates| self.reduced(rel.clone(), group, aggregates, written.is_empty());
            grouping::groups(&group, set, &calls, reduce)
        });
        let mut rel = match (parts.next(), parts.len()) {
            (Some(only), 0) => only,
            (first, _) => Rel::Union { inputs: first.into_iter().chain(parts).collect() },
        };
        if let Some(having) = having {
            rel = self.restricted(rel, having, of_having)?;
        }
        self.computed(rel, values, subqueries, windows, above).map_err(|fault| fault.within(select))
    }

    /// The select list's values, those of subqueries and window functions among them.
    fn computed(
        &mut self,
        rel: Rel,
        mut values: Vec<Operand>,
        subqueries: Vec<Applied>,
        mut windows: Windows,
        mut calls: Vec<(usize, TableCall)>,
    ) -> Bound<(Rel, Vec<Operand>)> {
        let width = rel.width();
        let Staged { early, mut late, places } = staged(subqueries, width);
        let place = |number: usize| match places[number] {
            Ok(early) => width + early,
            Err(late) => numbered(late),
        };
        let arguments = calls.iter_mut().flat_map(|(_, call)| &mut call.arguments).chain(windows.scalars_mut());
        for argument in arguments {
            place_applied(argument, &place);
            if reads_applied(argument) {
                let what = "what is compared with a subquery, inside an argument of a function over rows, is";
                return Err(Fault::unsupported(what));
            }
        }
        values.iter_mut().filter_map(typed_mut).for_each(|value| place_applied(value, &place));
        let rel = self.with_values(rel, early)?;
        let arguments = calls.iter_mut().flat_map(|(_, call)| &mut call.arguments);
        let all = values.iter_mut().filter_map(typed_mut).chain(arguments);
        let all = all.chain(late.iter_mut().flat_map(Applied::outside_mut)).collect();
        let rel = self.with_windows(rel, all, windows);
        let rel = self.with_calls(rel, &mut values.iter_mut().filter_map(typed_mut).collect::<Vec<_>>(), calls);
        let width = rel.width();
        values.iter_mut().filter_map(typed_mut).for_each(|value| place_applied(value, &|place| width + place));
        let rel = self.with_values(rel, late)?;
        Ok((rel, values))
    }

    /// The input with the values of the subqueries that arguments and group expressions read.
    fn with_arguments(
        &mut self,
        rel: Rel,
        subqueries: Vec<Applied>,
        mut group: Group,
        aggregates: &mut Aggregates,
    ) -> Bound<(Rel, Group)> {
        let width = rel.width();
        for scalar in group.expressions.iter_mut().chain(aggregates.scalars_mut()) {
            place_applied(scalar, &|place| width + place);
        }
        Ok((self.with_values(rel, subqueries)?, group))
    }

    /// The groups. Without GROUP BY there is exactly one, or one for every combination of the outer query's columns that are read.
    fn reduced(&self, rel: Rel, group: Vec<Scalar>, aggregates: Vec<Aggregate>, one: bool) -> Rel {
        let outer = self.outer_width();
        let groups = group.len();
        let reduced = Rel::Reduce { input: Box::new(rel), group, aggregates: aggregates.clone() };
        let Some(around) = self.around.as_ref().filter(|_| one && outer > 0) else { return reduced };
        // What an outer row without rows here gets: the aggregates of no rows.
        let columns = reduced.columns();
        let key = |(at, ty): (usize, &Type)| {
            let column = Scalar::Column(at, ty.clone());
            Equality { left: column.clone(), right: column, null_safe: true }
        };
        let on = columns[..outer].iter().enumerate().map(key).collect();
        let (left, right) = (Box::new(around.leaf.clone()), Box::new(reduced));
        let complete = Rel::Join { kind: JoinKind::Left, left, right, on, residual: Vec::new() };
        let mut expressions = unnest::columns(&columns[..outer], 0);
        expressions.extend(unnest::columns(&columns[outer..groups], 2 * outer));
        for (at, aggregate) in aggregates.iter().enumerate() {
            let ty = columns[groups + at].clone();
            let value = Scalar::Column(outer + groups + at, ty.clone());
            expressions.push(match aggregate.function.fold(&mut std::iter::empty()) {
                Ok(Datum::Null) | Err(_) => value,
                Ok(of_nothing) => Scalar::Coalesce(vec![value, Scalar::Literal(of_nothing, ty.clone())], ty),
            });
        }
        complete.map(expressions)
    }

    /// The group expressions over the input's columns, and the sets of them.
    fn group(
        &mut self,
        group_by: &[Expr],
        items: &[Item<'_>],
        scope: &Scope,
        width: usize,
        subqueries: &mut Vec<Applied>,
        calls: &mut Vec<TableCall>,
    ) -> Bound<Group> {
        let outer = self.outer().map_or_else(Vec::new, |outer| outer.types.clone());
        let mut group = Group { expressions: unnest::columns(&outer, 0), sets: Vec::new() };
        // An item that stands in several sets is bound once.
        let mut bound: Vec<(&Expr, usize)> = Vec::new();
        for exprs in grouping::grouping_sets(group_by)? {
            let mut set: Vec<usize> = (0..outer.len()).collect();
            for expr in exprs {
                let place = match bound.iter().find(|(known, _)| std::ptr::eq(*known, expr)) {
                    Some((_, place)) => *place,
                    None => {
                        let scalar = self.group_item(expr, items, scope, width, subqueries, calls)?;
                        let known = group.expressions.iter().position(|known| *known == scalar);
                        known.unwrap_or_else(|| {
                            group.expressions.push(scalar);
                            group.expressions.len() - 1
                        })
                    }
                };
                bound.push((expr, place));
                if !set.contains(&place) {
                    set.push(place);
                }
            }
            group.sets.push(set);
        }
        Ok(group)
    }

    /// One item: an input column by name, else an output column by name or number, else an expression.
    fn group_item(
        &mut self,
        expr: &Expr,
        items: &[Item<'_>],
        scope: &Scope,
        width: usize,
        subqueries: &mut Vec<Applied>,
        calls: &mut Vec<TableCall>,
    ) -> Bound<Scalar> {
        let mut binder = Binder::new(self.catalog, scope, Clause::GroupBy, width).with_queries(self);
        binder.applied = std::mem::take(subqueries);
        binder.calls = std::mem::take(calls);
        let value = match expr {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => {
                    let item = digits.parse::<usize>().ok().and_then(|number| items.get(number.checked_sub(1)?));
                    let Some(item) = item.filter(|item| !item.hidden) else {
                        let message = format!("GROUP BY position {digits} is not in select list");
                        return Err(Fault::new("42P10", message).within(expr));
                    };
                    item.value.bind(&mut binder)
                }
                _ => Err(Fault::syntax("non-integer constant in GROUP BY")),
            },
            Expr::Identifier(ident) => match (scope.own_column(ident), output_named(&fold(ident), items)?) {
                (Err(fault), Some(item)) if fault.code == "42703" => item.bind(&mut binder),
                _ => binder.bind(expr),
            },
            expr => binder.bind(expr),
        };
        (*subqueries, *calls) = (binder.applied, binder.calls);
        let settled = value.and_then(Operand::settled).and_then(|(scalar, _)| groupable(&scalar.ty()).map(|()| scalar));
        let settled = settled.map_err(|fault| fault.within(expr))?;
        let called = calls_read([&settled], calls, &|_| false);
        match called.iter().flat_map(|call| &calls[*call].arguments).any(reads_applied) {
            true => Err(Fault::unsupported("a function of a subquery's rows in GROUP BY is").within(expr)),
            false => Ok(settled),
        }
    }
}

/// The subqueries of a select list, by when their values can be known.
struct Staged {
    early: Vec<Applied>,
    /// Those that read what window functions give.
    late: Vec<Applied>,
    /// Where among the early ones each is, or among the late ones.
    places: Vec<Result<usize, usize>>,
}

/// The subqueries of a list over a relation of that width.
fn staged(subqueries: Vec<Applied>, width: usize) -> Staged {
    let mut staged = Staged { early: Vec::new(), late: Vec::new(), places: Vec::new() };
    for mut subquery in subqueries {
        let mut waits = subquery.outside().into_iter().any(reads_windowed);
        let is_late = |column| applied(column).is_some_and(|number| staged.places[number].is_err());
        subquery.outside().into_iter().for_each(|scalar| scalar.columns(&mut |column| waits |= is_late(column)));
        let place = |number: usize| match staged.places[number] {
            Ok(early) if waits => width + early,
            Ok(place) | Err(place) => numbered(place),
        };
        subquery.outside_mut().into_iter().for_each(|scalar| place_applied(scalar, &place));
        let (stage, place): (_, fn(usize) -> Result<usize, usize>) =
            if waits { (&mut staged.late, Err) } else { (&mut staged.early, Ok) };
        staged.places.push(place(stage.len()));
        stage.push(subquery);
    }
    staged
}

fn typed_mut(operand: &mut Operand) -> Option<&mut Scalar> {
    match operand {
        Operand::Typed(scalar, _) => Some(scalar),
        Operand::Unknown(_) => None,
    }
}

/// The item of the select list with that name, if there is exactly one.
fn output_named<'i, 'e>(name: &str, items: &'i [Item<'e>]) -> Bound<Option<&'i ItemValue<'e>>> {
    let mut found = items.iter().filter(|item| !item.hidden && item.name == name);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Ok(None),
        (found, _) => Ok(found.map(|item| &item.value)),
    }
}
