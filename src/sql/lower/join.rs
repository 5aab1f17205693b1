//! FROM: tables, views, subqueries and their joins.

use super::query::names;
use super::select::Input;
use super::{Lowered, Lowerer};
use crate::expr::{Argument, CastContext, Scalar, cast, common_type};
use crate::plan::{JoinKind, Rel, join_key};
use crate::sql::bind::expression::{Binder, Clause};
use crate::sql::bind::name::{fold, parts, relation};
use crate::sql::bind::operand::Operand;
use crate::sql::bind::scope::{Scope, ScopeColumn, ScopeTable};
use crate::sql::error::{Bound, Fault};
use crate::value::{RelationName, Schema};
use sqlparser::ast::{Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins};
use std::sync::Arc;

/// How the sides of a join combine, as written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inner,
    Left,
    Right,
    Full,
}

impl Lowerer<'_> {
    /// The whole FROM list; `None` if there is none.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Bound<Option<Input>> {
        let mut whole: Option<Input> = None;
        for tables in from {
            let right = self.tables(tables)?;
            whole = Some(match whole {
                None => right,
                Some(left) => crossed(left, right).map_err(|fault| fault.within(tables))?,
            });
        }
        Ok(whole)
    }

    fn tables(&mut self, tables: &TableWithJoins) -> Bound<Input> {
        let mut left = self.factor(&tables.relation)?;
        for join in &tables.joins {
            left = self.join(left, join)?;
        }
        Ok(left)
    }

    fn join(&mut self, left: Input, join: &Join) -> Bound<Input> {
        let (side, constraint) = operator(&join.join_operator).map_err(|fault| fault.within(&join.relation))?;
        let right = self.factor(&join.relation)?;
        let joined = match constraint {
            JoinConstraint::None => crossed(left, right),
            JoinConstraint::On(condition) => {
                let width = left.rel.width();
                let scope = left.scope.join(right.scope, width).map_err(|fault| fault.within(&join.relation))?;
                let mut binder = Binder::new(self.catalog, &scope, Clause::On, 0);
                let condition = binder.condition(condition, "JOIN/ON")?;
                Ok(Input { rel: combined(side, left.rel, right.rel, condition), scope })
            }
            JoinConstraint::Using(columns) => {
                let idents: Vec<Ident> = columns.iter().map(using_column).collect::<Bound<_>>()?;
                using(side, left, right, &idents)
            }
            JoinConstraint::Natural => {
                let shared = |c: &&ScopeColumn| !c.merged && right.scope.star(None).any(|r| r.name == c.name);
                let idents: Vec<Ident> =
                    left.scope.star(None).filter(shared).map(|c| Ident::with_quote('"', &c.name)).collect();
                if idents.is_empty() { crossed(left, right) } else { using(side, left, right, &idents) }
            }
        };
        joined.map_err(|fault| fault.within(&join.relation))
    }

    fn factor(&mut self, factor: &TableFactor) -> Bound<Input> {
        self.count(1).map_err(|fault| fault.within(factor))?;
        match factor {
            TableFactor::Table { name, alias, args, version, with_ordinality, sample, .. } => {
                let refused = [
                    (args.is_some() || *with_ordinality, "a table function is"),
                    (version.is_some(), "FOR SYSTEM_TIME AS OF is"),
                    (sample.is_some(), "TABLESAMPLE is"),
                ];
                match refused.into_iter().find(|(present, _)| *present) {
                    Some((_, what)) => Err(Fault::unsupported(what).within(name)),
                    None => self.table(name, alias.as_ref()),
                }
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let lowered = self.query(subquery)?;
                settled(lowered, alias.as_ref())
            }
            TableFactor::Derived { lateral: true, .. } => Err(Fault::unsupported("LATERAL is").within(factor)),
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.tables(table_with_joins),
            TableFactor::NestedJoin { alias: Some(alias), .. } => {
                Err(Fault::unsupported("an alias of a parenthesised join is").at(alias.name.span))
            }
            TableFactor::Function { name, .. } => Err(Fault::unsupported("a table function is").within(name)),
            TableFactor::UNNEST { .. } => Err(Fault::unsupported("unnest in FROM is").within(factor)),
            other => Err(Fault::unsupported("this form of a table in FROM is").within(other)),
        }
    }

    fn table(&mut self, written: &ObjectName, alias: Option<&TableAlias>) -> Bound<Input> {
        if let [ident] = parts(written)?.as_slice()
            && let Some(lowered) = self.cte(&fold(ident)).cloned()
        {
            self.count(relations(&lowered.rel)).map_err(|fault| fault.within(written))?;
            let name = fold(ident);
            return named(lowered, Some(&name), alias).map_err(|fault| fault.within(written));
        }
        let name = relation(written)?;
        let Some(schema) = self.schema(&name) else { return Err(self.unknown(&name).within(written)) };
        let key = match self.views.contains_key(&name) {
            // Only a table's primary key lets ungrouped columns through, as in Postgres.
            true => None,
            false => schema.key.clone(),
        };
        let types = schema.columns.iter().map(|column| column.ty.clone()).collect();
        let rel = Rel::Get { relation: name.clone(), columns: types };
        let table = ScopeTable { name: name.name.clone(), schema: Some(name.schema.clone()), key };
        let mut input = Input { rel, scope: scope_of(&schema, table) };
        if let Some(alias) = alias {
            rename(&mut input.scope, alias)?;
        }
        Ok(input)
    }

    fn unknown(&self, name: &RelationName) -> Fault {
        let known: Vec<String> = self.catalog.names().chain(self.views.keys()).map(RelationName::to_string).collect();
        let written = name.to_string();
        let fault = Fault::new("42P01", format!("relation \"{written}\" does not exist"));
        let elsewhere = self.catalog.names().find(|known| known.name == name.name);
        match elsewhere {
            Some(known) => fault.hint(format!("There is \"{known}\".")),
            None => fault.suggest(&written, known.iter().map(String::as_str)),
        }
    }
}

fn operator(operator: &JoinOperator) -> Bound<(Side, &JoinConstraint)> {
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => Ok((Side::Inner, constraint)),
        JoinOperator::CrossJoin(constraint) => Ok((Side::Inner, constraint)),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => Ok((Side::Left, constraint)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => Ok((Side::Right, constraint)),
        JoinOperator::FullOuter(constraint) => Ok((Side::Full, constraint)),
        _ => Err(Fault::unsupported("this form of a join is")),
    }
}

fn relations(rel: &Rel) -> usize {
    1 + rel.inputs().into_iter().map(relations).sum::<usize>()
}

fn using_column(name: &ObjectName) -> Bound<Ident> {
    match parts(name)?.as_slice() {
        [ident] => Ok((*ident).clone()),
        _ => Err(Fault::syntax("USING takes plain column names").within(name)),
    }
}

fn scope_of(schema: &Arc<Schema>, table: ScopeTable) -> Scope {
    let columns = schema.columns.iter().enumerate().map(|(position, column)| ScopeColumn {
        table: Some(0),
        name: column.name.clone(),
        ty: column.ty.clone(),
        modifier: column.modifier,
        position,
        merged: false,
    });
    Scope { columns: columns.collect(), tables: vec![table] }
}

/// A subquery in FROM: open literals become text there.
fn settled(lowered: Lowered, alias: Option<&TableAlias>) -> Bound<Input> {
    named(lowered, None, alias)
}

fn named(lowered: Lowered, own: Option<&str>, alias: Option<&TableAlias>) -> Bound<Input> {
    let columns = lowered.columns.into_iter().enumerate().map(|(position, column)| ScopeColumn {
        table: Some(0),
        name: column.name,
        ty: column.ty,
        modifier: column.modifier,
        position,
        merged: false,
    });
    // An unnamed subquery has a name nobody can write.
    let table = ScopeTable { name: own.unwrap_or("").to_string(), schema: None, key: None };
    let mut scope = Scope { columns: columns.collect(), tables: vec![table] };
    if let Some(alias) = alias {
        rename(&mut scope, alias)?;
    }
    Ok(Input { rel: lowered.rel, scope })
}

/// Gives a one-table scope its alias.
fn rename(scope: &mut Scope, alias: &TableAlias) -> Bound<()> {
    let columns = names(&alias.columns)?;
    let name = fold(&alias.name);
    if let Some(extra) = columns.get(scope.columns.len()) {
        let (available, written) = (scope.columns.len(), columns.len());
        let message = format!("table \"{name}\" has {available} columns available but {written} columns specified");
        return Err(Fault::new("42P10", message).at(extra.span));
    }
    for (column, ident) in scope.columns.iter_mut().zip(&columns) {
        column.name = fold(ident);
    }
    for table in &mut scope.tables {
        (table.name, table.schema) = (name.clone(), None);
    }
    Ok(())
}

fn crossed(left: Input, right: Input) -> Bound<Input> {
    let width = left.rel.width();
    let rel = Rel::Join {
        kind: JoinKind::Inner,
        left: Box::new(left.rel),
        right: Box::new(right.rel),
        on: Vec::new(),
        residual: Vec::new(),
    };
    Ok(Input { rel, scope: left.scope.join(right.scope, width)? })
}

/// The join on a condition over left columns followed by right ones. Its equalities between the sides become keys.
fn combined(side: Side, left: Rel, right: Rel, condition: Scalar) -> Rel {
    let (left_width, right_width) = (left.width(), right.width());
    let mut conjuncts = match condition {
        Scalar::And(operands) => operands,
        condition => vec![condition],
    };
    let (kind, left, right, width) = match side {
        Side::Inner => (JoinKind::Inner, left, right, left_width),
        Side::Left => (JoinKind::Left, left, right, left_width),
        Side::Full => (JoinKind::Full, left, right, left_width),
        Side::Right => {
            let swap = |column: usize| if column < left_width { column + right_width } else { column - left_width };
            conjuncts.iter_mut().for_each(|conjunct| conjunct.map_columns(&mut { swap }));
            (JoinKind::Left, right, left, right_width)
        }
    };
    let (mut on, mut residual) = (Vec::new(), Vec::new());
    for conjunct in conjuncts {
        match join_key(conjunct, width) {
            Ok(pair) => on.push(pair),
            Err(conjunct) => residual.push(conjunct),
        }
    }
    let join = Rel::Join { kind, left: Box::new(left), right: Box::new(right), on, residual };
    match side {
        Side::Inner | Side::Left | Side::Full => join,
        Side::Right => {
            let order: Vec<usize> = (right_width..right_width + left_width).chain(0..right_width).collect();
            join.project(&order)
        }
    }
}

/// A join on equally named columns, which become one.
fn using(side: Side, left: Input, right: Input, idents: &[Ident]) -> Bound<Input> {
    let width = left.rel.width();
    let (mut conditions, mut merged) = (Vec::new(), Vec::new());
    for ident in idents {
        let from = |scope: &Scope, which: &str| {
            scope.column(ident).cloned().map_err(|fault| match fault.code {
                "42703" => Fault {
                    message: format!(
                        "column \"{}\" specified in USING clause does not exist in {which} table",
                        fold(ident)
                    ),
                    ..fault
                },
                _ => fault,
            })
        };
        let l = from(&left.scope, "left")?;
        let mut r = from(&right.scope, "right")?;
        r.position += width;
        let operand = |c: &ScopeColumn| Operand::Typed(Scalar::Column(c.position, c.ty.clone()), c.modifier);
        let equal = crate::sql::bind::expression::operator("=", vec![operand(&l), operand(&r)]);
        conditions.push(equal.and_then(|equal| equal.condition("JOIN/USING")).map_err(|fault| fault.at(ident.span))?);
        merged.push((l, r));
    }
    let mut scope = left.scope.join(right.scope, width)?;
    let rel = combined(side, left.rel, right.rel, Scalar::And(conditions));
    let mut columns = Vec::with_capacity(scope.columns.len() + merged.len());
    let mut expressions: Vec<Scalar> =
        rel.columns().into_iter().enumerate().map(|(at, ty)| Scalar::Column(at, ty)).collect();
    for ((l, r), ident) in merged.iter().zip(idents) {
        columns.push(one_of_two(side, l, r, &mut expressions).map_err(|fault| fault.at(ident.span))?);
    }
    let is_merged = |column: &ScopeColumn| {
        merged.iter().any(|(l, r)| !column.merged && (column.position == l.position || column.position == r.position))
    };
    for mut column in scope.columns.drain(..) {
        // A column that an earlier USING made is replaced by the new one.
        if is_merged(&column) {
            if column.table.is_none() {
                continue;
            }
            column.merged = true;
        }
        columns.push(column);
    }
    scope.columns = columns;
    Ok(Input { rel: rel.map(expressions), scope })
}

/// The column that two become: of the type both meet in, and the side's that keeps all its rows; of a full join the one that is not
/// null. Postgres: `buildMergedJoinVar`.
fn one_of_two(side: Side, l: &ScopeColumn, r: &ScopeColumn, expressions: &mut Vec<Scalar>) -> Bound<ScopeColumn> {
    let (kept, other) = if side == Side::Right { (r, l) } else { (l, r) };
    let ty = common_type(&[Argument::Known(l.ty.clone()), Argument::Known(r.ty.clone())])?;
    let modifier = if (&l.ty, l.modifier) == (&r.ty, r.modifier) { l.modifier } else { -1 };
    let of_type = |c: &ScopeColumn| cast(Scalar::Column(c.position, c.ty.clone()), &ty, -1, CastContext::Implicit);
    let position = if side == Side::Full {
        expressions.push(Scalar::Coalesce(vec![of_type(l)?, of_type(r)?], ty.clone()));
        expressions.len() - 1
    } else if kept.ty == ty {
        kept.position
    } else if side == Side::Inner && other.ty == ty {
        other.position
    } else {
        expressions.push(of_type(kept)?);
        expressions.len() - 1
    };
    Ok(ScopeColumn { table: None, position, ty, modifier, ..kept.clone() })
}
