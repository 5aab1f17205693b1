//! FROM: tables, views, subqueries, and what they read of each other.

use super::as_of::Version;
use super::join::{Side, operator};
use super::query::names;
use super::select::Input;
use super::table::Functions;
use super::with::Common;
use super::{Lowered, Lowerer, OutputColumn};
use crate::plan::{Equality, Rel, unnest};
use crate::sql::bind::name::{self, fold, parts, relation};
use crate::sql::bind::outer_aggregate::OuterAggregate;
use crate::sql::bind::scope::{Scope, ScopeColumn, ScopeTable};
use crate::sql::bind::subquery::Subquery;
use crate::sql::error::{Bound, Fault};
use crate::value::{RelationName, Schema};
use sqlparser::ast::{Ident, Join, JoinConstraint, ObjectName, Query, TableAlias, TableFactor, TableWithJoins};
use std::sync::Arc;

impl Lowerer<'_> {
    /// The whole FROM list; `None` if there is none.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Bound<Option<Input>> {
        let mut whole: Option<Input> = None;
        for tables in from {
            whole = Some(match whole {
                None => self.tables(tables)?,
                Some(left) if is_lateral(&tables.relation) => self.lateral_tables(left, tables)?,
                Some(left) => match self.tables(tables) {
                    Ok(right) => self.crossed(left, right).map_err(|fault| fault.within(tables))?,
                    Err(fault) if may_read_beside(&fault, tables) => self.lateral_tables(left, tables)?,
                    Err(fault) => return Err(fault),
                },
            });
        }
        Ok(whole)
    }

    fn tables(&mut self, tables: &TableWithJoins) -> Bound<Input> {
        let left = self.factor(&tables.relation)?;
        tables.joins.iter().try_fold(left, |left, join| self.join(left, join))
    }

    /// `left, LATERAL (…) JOIN …`: what follows joins with `left` and the subquery's rows together.
    fn lateral_tables(&mut self, left: Input, tables: &TableWithJoins) -> Bound<Input> {
        let absent_left = |join: &Join| matches!(operator(&join.join_operator), Ok((Side::Right | Side::Full, _)));
        if tables.joins.iter().any(absent_left) {
            return self.lateral_join(left, tables);
        }
        let beside = left.scope.tables.len();
        let mut joined = self.beside(left, &tables.relation).map_err(|fault| fault.within(&tables.relation))?;
        joined.scope.beside = beside;
        let mut joined = tables.joins.iter().try_fold(joined, |left, join| self.join(left, join))?;
        joined.scope.beside = 0;
        Ok(joined)
    }

    /// `left, LATERAL (…) RIGHT JOIN …`: rows that stand alone do so for each row of `left`, as in a lateral subquery.
    fn lateral_join(&mut self, left: Input, tables: &TableWithJoins) -> Bound<Input> {
        let left = self.with_outer(left);
        let around = Scope { outer: self.outer(), ..left.scope.clone() };
        let mut scope = Scope::default();
        let joined = self.within(&around, &mut |this| {
            let joined = this.tables(tables)?;
            let joined = this.with_outer(joined);
            scope = joined.scope;
            let own = joined.rel.columns().into_iter().skip(this.outer_width());
            let columns = own.map(|ty| OutputColumn { name: String::new(), ty, modifier: -1, open: None });
            Ok(Lowered { columns: columns.collect(), rel: joined.rel })
        })?;
        refuse_aggregates(&joined.aggregates)?;
        let (rel, keys) = self.detached(&left.rel, &joined.into_subquery());
        self.combined(Side::Inner, left, Input { rel, scope, outer: false }, keys, None)
    }

    /// The left side, and a table that may read it.
    fn beside(&mut self, left: Input, factor: &TableFactor) -> Bound<Input> {
        let left = match Functions::of(factor)? {
            Some(functions) => match self.joined_functions(left, &functions, Side::Inner, &JoinConstraint::None)? {
                Ok(joined) => return Ok(joined),
                Err(left) => left,
            },
            None => left,
        };
        let (left, right, keys) = self.right_factor(left, factor)?;
        self.combined(Side::Inner, left, right, keys, None)
    }

    /// A join's right side, and the keys on which the rows of a lateral one belong to rows of the left.
    pub(super) fn right_factor(&mut self, left: Input, factor: &TableFactor) -> Bound<(Input, Input, Vec<Equality>)> {
        match factor {
            TableFactor::Derived { lateral: true, subquery, alias, sample: None } => {
                self.count(1).map_err(|fault| fault.within(factor))?;
                let left = self.with_outer(left);
                let scope = Scope { outer: self.outer(), ..left.scope.clone() };
                let subquery = self.query_within(subquery, &scope)?;
                refuse_aggregates(&subquery.aggregates)?;
                let (rel, keys) = self.detached(&left.rel, &subquery);
                let right = derived(rel, subquery, None, alias.as_ref())?;
                Ok((left, right, keys))
            }
            factor => {
                let right = self.factor(factor)?;
                let (left, keys) = self.with_outer_of(left, &right);
                Ok((left, right, keys))
            }
        }
    }

    fn factor(&mut self, factor: &TableFactor) -> Bound<Input> {
        self.count(1).map_err(|fault| fault.within(factor))?;
        if Version::of(factor).is_some() {
            let fault = Fault::unsupported("FOR SYSTEM_TIME AS OF without a JOIN is");
            return Err(fault.hint("Write FROM s JOIN t FOR SYSTEM_TIME AS OF s.at ON ….").within(factor));
        }
        if let Some(functions) = Functions::of(factor)? {
            return self.functions(&functions).map_err(|fault| fault.within(factor));
        }
        match factor {
            TableFactor::Table { name, alias, version, with_ordinality, sample, .. } => {
                let refused = [
                    (*with_ordinality, "WITH ORDINALITY of a table is"),
                    (version.is_some(), "a version of a table is"),
                    (sample.is_some(), "TABLESAMPLE is"),
                ];
                match refused.into_iter().find(|(present, _)| *present) {
                    Some((_, what)) => Err(Fault::unsupported(what).within(name)),
                    None => self.table(name, alias.as_ref()),
                }
            }
            // A lateral one without a left side has nothing to read.
            TableFactor::Derived { subquery, alias, sample: None, .. } => self.derived(subquery, alias.as_ref()),
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.tables(table_with_joins),
            TableFactor::NestedJoin { table_with_joins, alias: Some(alias) } => {
                let joined = self.tables(table_with_joins)?;
                let columns = joined.scope.star(None).map(|column| ScopeColumn { table: Some(0), ..column.clone() });
                let mut scope = one_table(columns.collect(), "");
                rename(&mut scope, alias)?;
                Ok(Input { scope, ..joined })
            }
            other => Err(Fault::unsupported("this form of a table in FROM is").within(other)),
        }
    }

    /// A subquery in FROM. It reads no table beside it, but may read those of outer queries.
    fn derived(&mut self, query: &Query, alias: Option<&TableAlias>) -> Bound<Input> {
        if self.outer_width() == 0 {
            let lowered = self.query(query)?;
            return named(lowered, None, alias);
        }
        let subquery = self.query_within(query, &Scope::within(self.outer()))?;
        self.beginning_with_outer(subquery, None, alias)
    }

    /// The rows of a subquery that reads outer queries only, beginning with the outer columns if it does read some.
    fn beginning_with_outer(&self, subquery: Subquery, own: Option<&str>, alias: Option<&TableAlias>) -> Bound<Input> {
        if subquery.reads.is_empty() {
            return derived(subquery.rel.clone(), subquery, own, alias);
        }
        let leaf = self.unit();
        if subquery.reads == unnest::columns(&leaf.columns(), 0) {
            let mut rel = subquery.rel.clone();
            unnest::replace(&mut rel, &subquery.leaf, &leaf);
            return Ok(Input { outer: true, ..derived(rel, subquery, own, alias)? });
        }
        let (rel, keys) = self.detached(&leaf, &subquery);
        let mut right = derived(rel, subquery, own, alias)?;
        right.scope.shift(leaf.width());
        Ok(Input { rel: Side::Inner.of(leaf, right.rel, keys, None), scope: right.scope, outer: true })
    }

    pub(super) fn table(&mut self, written: &ObjectName, alias: Option<&TableAlias>) -> Bound<Input> {
        if let [ident] = parts(written)?.as_slice()
            && let Some(common) = self.cte(&fold(ident)).cloned()
        {
            return self.common_rows(common, ident, alias).map_err(|fault| fault.within(written));
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
        let table = ScopeTable {
            name: name.name.clone(),
            schema: Some(name.schema.clone()),
            key,
            absent: false,
            scalar: false,
        };
        let mut input = Input { rel, scope: scope_of(&schema, table), outer: false };
        if let Some(alias) = alias {
            rename(&mut input.scope, alias)?;
        }
        Ok(input)
    }

    /// The rows that a query in WITH stands for.
    fn common_rows(&mut self, common: Common, ident: &Ident, alias: Option<&TableAlias>) -> Bound<Input> {
        let own = fold(ident);
        let (correlated, by_name) = match common {
            Common::Rows(lowered) => {
                self.count(relations(&lowered.rel))?;
                return named(lowered, Some(&own), alias);
            }
            Common::Correlated(correlated) => (correlated, true),
            Common::Recursive(working, rows) => (self.reference(&working, rows, ident.span)?, false),
        };
        self.count(relations(&correlated.rows.lowered.rel))?;
        let subquery = self.correlated(correlated, by_name)?;
        self.beginning_with_outer(subquery, Some(&own), alias)
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

/// Whether a table of the FROM list may read those before it.
pub(super) fn is_lateral(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { lateral, .. } => *lateral,
        TableFactor::Table { args, .. } => args.is_some() && Version::of(factor).is_none(),
        TableFactor::Function { .. } | TableFactor::UNNEST { .. } => true,
        _ => false,
    }
}

/// Whether a name was not found that a later table of the join might find to the left of it.
fn may_read_beside(fault: &Fault, tables: &TableWithJoins) -> bool {
    matches!(fault.code, "42703" | "42P01") && tables.joins.iter().any(|join| is_lateral(&join.relation))
}

fn refuse_aggregates(aggregates: &[OuterAggregate]) -> Bound<()> {
    let message = "aggregate functions are not allowed in FROM clause of their own query level";
    aggregates.first().map_or(Ok(()), |aggregate| Err(aggregate.refused(message)))
}

fn relations(rel: &Rel) -> usize {
    1 + rel.inputs().into_iter().map(relations).sum::<usize>()
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
    Scope { columns: columns.collect(), tables: vec![table], ..Scope::default() }
}

/// A subquery in FROM whose own columns follow those it reads.
fn derived(rel: Rel, subquery: Subquery, own: Option<&str>, alias: Option<&TableAlias>) -> Bound<Input> {
    let Subquery { names, columns, reads, .. } = subquery;
    let mut expressions = unnest::columns(&rel.columns()[..reads.len()], 0);
    let mut output = Vec::with_capacity(columns.len());
    for (name, column) in names.into_iter().zip(columns) {
        let (scalar, modifier) = column.settled()?;
        output.push(OutputColumn { name, ty: scalar.ty(), modifier, open: None });
        expressions.push(scalar);
    }
    let mut input = named(Lowered { rel: rel.map(expressions), columns: output }, own, alias)?;
    input.scope.shift(reads.len());
    Ok(input)
}

/// The scope of one table that is none of the database's.
fn one_table(columns: Vec<ScopeColumn>, name: &str) -> Scope {
    let table = ScopeTable { name: name.to_string(), schema: None, key: None, absent: false, scalar: false };
    Scope { columns, tables: vec![table], ..Scope::default() }
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
    let mut scope = one_table(columns.collect(), own.unwrap_or(""));
    if let Some(alias) = alias {
        rename(&mut scope, alias)?;
    }
    Ok(Input { rel: lowered.rel, scope, outer: false })
}

/// Gives a one-table scope its alias.
fn rename(scope: &mut Scope, alias: &TableAlias) -> Bound<()> {
    let columns = names(&alias.columns)?;
    let name = name::alias(&alias.name)?;
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
