//! A query: its common table expressions and its body.

use super::order::Order;
use super::recursive::Place;
use super::{Lowered, Lowerer};
use crate::sql::bind::name::fold;
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Cte, Ident, Query, SetExpr, Spanned, TableAliasColumnDef, With};
use std::collections::HashMap;

impl Lowerer<'_> {
    /// Lowers a query.
    pub(super) fn query(&mut self, query: &Query) -> Bound<Lowered> {
        refuse_clauses(query)?;
        let Some(with) = &query.with else { return self.ordered(query) };
        self.ctes.push(HashMap::new());
        let lowered = self.with(with).and_then(|()| self.ordered(query));
        self.ctes.pop();
        lowered
    }

    pub(super) fn with(&mut self, with: &With) -> Bound<()> {
        for Cte { alias, query, .. } in &with.cte_tables {
            let (name, columns) = (fold(&alias.name), names(&alias.columns)?);
            let lowered = match with.recursive {
                true => self.recursive(&alias.name, &columns, query)?,
                false => self.common(query)?.named_columns(&name, &columns)?,
            };
            let Some(scope) = self.ctes.last_mut() else { continue };
            if scope.insert(name.clone(), lowered).is_some() {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(Fault::new("42712", message).at(alias.name.span));
            }
        }
        Ok(())
    }

    /// The query of a common table expression, which is computed once and so reads nothing of the queries around it.
    fn common(&mut self, query: &Query) -> Bound<Lowered> {
        let around = self.around.take();
        let lowered = self.at_place(Place::Subquery, |this| this.query(query));
        self.around = around;
        match lowered {
            Err(fault) if self.around.is_some() && matches!(fault.code, "42703" | "42P01") => {
                Err(fault.hint("A WITH query inside a subquery cannot read the columns of the query around it yet."))
            }
            lowered => lowered,
        }
    }

    /// The common table expression of that name.
    pub(super) fn cte(&self, name: &str) -> Option<&Lowered> {
        self.ctes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// Lowers a query's body.
    pub(super) fn body(&mut self, body: &SetExpr) -> Bound<Lowered> {
        self.count(1).map_err(|fault| fault.within(body))?;
        match body {
            SetExpr::Select(select) => self.select(select, &Order::default()),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { .. } => self.set_operation(body),
            SetExpr::Values(values) => self.values(values),
            SetExpr::Table(_) => Err(Fault::unsupported("TABLE name is").hint("Write SELECT * FROM name.")),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Fault::syntax("a view cannot change data").within(body))
            }
        }
    }
}

/// An alias's column names.
pub(super) fn names(columns: &[TableAliasColumnDef]) -> Bound<Vec<Ident>> {
    let name = |column: &TableAliasColumnDef| match column.data_type {
        None => Ok(column.name.clone()),
        Some(_) => Err(Fault::unsupported("a column type in an alias is").at(column.span())),
    };
    columns.iter().map(name).collect()
}

pub(super) fn refuse_clauses(query: &Query) -> Bound<()> {
    let refused = [
        (!query.locks.is_empty() || query.for_clause.is_some(), "FOR UPDATE is"),
        (query.settings.is_some() || query.format_clause.is_some(), "SETTINGS is"),
        (!query.pipe_operators.is_empty(), "a pipe operator is"),
    ];
    match refused.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Fault::unsupported(what).within(query)),
        None => Ok(()),
    }
}
