//! GROUP BY, aggregates and HAVING.

use super::Lowerer;
use super::select::{Input, Item, ItemValue};
use crate::expr::Scalar;
use crate::plan::Rel;
use crate::sql::bind::aggregate::{Aggregates, Grouping};
use crate::sql::bind::expression::{Binder, Clause};
use crate::sql::bind::name::fold;
use crate::sql::bind::operand::{Operand, groupable};
use crate::sql::bind::scope::Scope;
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Expr, Value};

impl Lowerer<'_> {
    /// The select list's values, and the relation they are computed over: the input, or its groups.
    pub(super) fn projected(
        &mut self,
        input: Input,
        items: &[Item<'_>],
        group_by: &[Expr],
        having: Option<&Expr>,
    ) -> Bound<(Rel, Vec<Operand>)> {
        let Input { rel, scope } = input;
        let width = rel.width();
        let mut binder = Binder::new(self.catalog, &scope, Clause::Select, width);
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(item.value.bind(&mut binder)?);
        }
        binder.clause = Clause::Having;
        let mut having = having.map(|having| binder.condition(having, "HAVING")).transpose()?;
        let aggregates = std::mem::replace(&mut binder.aggregates, Aggregates::new(width));
        if group_by.is_empty() && having.is_none() && aggregates.is_empty() {
            return Ok((rel, values));
        }

        let group = self.group(group_by, items, &scope, width)?;
        let mut grouping = Grouping { scope: &scope, group, aggregates };
        for scalar in values.iter().filter_map(typed).chain(&having) {
            grouping.admit(scalar)?;
        }
        for value in &mut values {
            if let Operand::Typed(scalar, _) = value {
                grouping.over_groups(scalar);
            }
        }
        having.iter_mut().for_each(|predicate| grouping.over_groups(predicate));
        let (group, aggregates) = grouping.into_parts();
        let reduced = Rel::Reduce { input: Box::new(rel), group, aggregates };
        Ok((reduced.filter(having.into_iter().collect()), values))
    }

    /// The group expressions over the input's columns.
    fn group(&self, group_by: &[Expr], items: &[Item<'_>], scope: &Scope, width: usize) -> Bound<Vec<Scalar>> {
        let mut group: Vec<Scalar> = Vec::new();
        for expr in group_by {
            let scalar = self.group_item(expr, items, scope, width)?;
            if !group.contains(&scalar) {
                group.push(scalar);
            }
        }
        Ok(group)
    }

    /// One item: an input column by name, else an output column by name or number, else an expression.
    fn group_item(&self, expr: &Expr, items: &[Item<'_>], scope: &Scope, width: usize) -> Bound<Scalar> {
        let mut binder = Binder::new(self.catalog, scope, Clause::GroupBy, width);
        let value = match expr {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => {
                    let item = digits.parse::<usize>().ok().and_then(|number| items.get(number.checked_sub(1)?));
                    let Some(item) = item else {
                        let message = format!("GROUP BY position {digits} is not in select list");
                        return Err(Fault::new("42P10", message).within(expr));
                    };
                    item.value.bind(&mut binder)
                }
                _ => Err(Fault::syntax("non-integer constant in GROUP BY")),
            },
            Expr::Identifier(ident) => match (scope.column(ident), output_named(&fold(ident), items)?) {
                (Err(fault), Some(item)) if fault.code == "42703" => item.bind(&mut binder),
                _ => binder.bind(expr),
            },
            Expr::Tuple(exprs) if exprs.is_empty() => Err(Fault::unsupported("GROUP BY () is")),
            expr => binder.bind(expr),
        };
        let settled = value.and_then(Operand::settled).and_then(|(scalar, _)| groupable(&scalar.ty()).map(|()| scalar));
        settled.map_err(|fault| fault.within(expr))
    }
}

fn typed(operand: &Operand) -> Option<&Scalar> {
    match operand {
        Operand::Typed(scalar, _) => Some(scalar),
        Operand::Unknown(_) => None,
    }
}

/// The item of the select list with that name, if there is exactly one.
fn output_named<'i, 'e>(name: &str, items: &'i [Item<'e>]) -> Bound<Option<&'i ItemValue<'e>>> {
    let mut found = items.iter().filter(|item| item.name == name);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Ok(None),
        (found, _) => Ok(found.map(|item| &item.value)),
    }
}
