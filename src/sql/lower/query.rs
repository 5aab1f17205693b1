//! A query: its common table expressions and its body.

use super::order::Order;
use super::{Lowered, Lowerer};
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Ident, Query, SetExpr, Spanned, TableAliasColumnDef};
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
