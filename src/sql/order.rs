//! Views over views, in any order across files: which to lower first, and which can never be.

use super::bind::name::{fold, relation};
use super::error::Fault;
use super::parse::Definition;
use crate::value::RelationName;
use sqlparser::ast::{Query, SetExpr, Spanned, TableFactor, TableWithJoins};
use sqlparser::tokenizer::Span;
use std::collections::BTreeMap;

/// The relations a definition names, each where it is first named.
pub(super) fn references(definition: &Definition) -> BTreeMap<RelationName, Span> {
    let mut names = Names { found: BTreeMap::new(), hidden: Vec::new() };
    names.query(&definition.query);
    names.found
}

struct Names {
    found: BTreeMap<RelationName, Span>,
    /// Common table expressions, which hide relations of the same name.
    hidden: Vec<String>,
}

impl Names {
    fn query(&mut self, query: &Query) {
        let outside = self.hidden.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.query(&cte.query);
            self.hidden.push(fold(&cte.alias.name));
        }
        self.body(&query.body);
        self.hidden.truncate(outside);
    }

    fn body(&mut self, body: &SetExpr) {
        let mut body = body;
        while let SetExpr::SetOperation { left, right, .. } = body {
            self.body(right);
            body = left;
        }
        match body {
            SetExpr::Select(select) => select.from.iter().for_each(|tables| self.tables(tables)),
            SetExpr::Query(query) => self.query(query),
            _ => {}
        }
    }

    fn tables(&mut self, tables: &TableWithJoins) {
        self.factor(&tables.relation);
        tables.joins.iter().for_each(|join| self.factor(&join.relation));
    }

    fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table { name, args: None, .. } => {
                let Ok(found) = relation(name) else { return };
                if name.0.len() > 1 || !self.hidden.contains(&found.name) {
                    self.found.entry(found).or_insert_with(|| name.span());
                }
            }
            TableFactor::Derived { subquery, .. } => self.query(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => self.tables(table_with_joins),
            _ => {}
        }
    }
}

/// The views in an order in which each comes after those it names, and the cycles that have none.
pub(super) struct Order {
    pub(super) views: Vec<usize>,
    /// A view of a cycle, with the fault at its reference to the next.
    pub(super) cycles: Vec<(usize, Fault)>,
}

/// Orders views by their references. Those that depend on a cycle come in the order too, behind it.
pub(super) fn order(names: &[RelationName], references: &[BTreeMap<RelationName, Span>]) -> Order {
    let index: BTreeMap<&RelationName, usize> = names.iter().enumerate().map(|(i, name)| (name, i)).collect();
    let below: Vec<Vec<usize>> =
        references.iter().map(|r| r.keys().filter_map(|name| index.get(name).copied()).collect()).collect();
    let mut order = Order { views: Vec::with_capacity(names.len()), cycles: Vec::new() };
    let mut visited = vec![false; names.len()];
    for start in 0..names.len() {
        // A path of views, each with how many of its references have been followed.
        let mut path: Vec<(usize, usize)> = if visited[start] { Vec::new() } else { vec![(start, 0)] };
        visited[start] = true;
        while let Some((view, followed)) = path.last_mut() {
            let view = *view;
            let Some(&next) = below[view].get(*followed) else {
                order.views.push(view);
                path.pop();
                continue;
            };
            *followed += 1;
            if let Some(begin) = path.iter().position(|(on_path, _)| *on_path == next) {
                let shown: Vec<String> =
                    path[begin..].iter().map(|(i, _)| *i).chain([next]).map(|i| names[i].to_string()).collect();
                let message = format!("view \"{}\" depends on itself: {}", names[view], shown.join(" → "));
                let place = references[view].get(&names[next]).copied().unwrap_or(Span::empty());
                order.cycles.push((view, Fault::new("42P17", message).at(place)));
            } else if !visited[next] {
                visited[next] = true;
                path.push((next, 0));
            }
        }
    }
    order
}
