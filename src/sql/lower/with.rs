//! Common table expressions: what a name in WITH stands for.

use super::recursive::Place;
use super::subquery::Within;
use super::{Lowered, Lowerer};
use crate::sql::bind::name::{fold, parts};
use crate::sql::bind::scope::{Outer, Scope};
use crate::sql::bind::subquery::Subquery;
use crate::sql::error::{Bound, Fault};
use crate::value::RelationName;
use sqlparser::ast::{Cte, Ident, ObjectName, Query, Visit, Visitor, With};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;

/// What the name of a query in WITH stands for.
#[derive(Clone, Debug)]
pub(super) enum Common {
    /// The same rows wherever it is named.
    Rows(Lowered),
    /// Rows for the values of the columns it reads of outer queries.
    Correlated(Correlated),
    /// The query being lowered, whose rows are those of the round before; until its columns are known, nothing.
    Recursive(RelationName, Option<Correlated>),
}

/// Rows for the values of columns of outer queries, which are where the query was written.
#[derive(Clone, Debug)]
pub(super) struct Correlated {
    pub(super) rows: Within,
    pub(super) outer: Rc<Outer>,
}

impl Lowerer<'_> {
    pub(super) fn with(&mut self, with: &With) -> Bound<()> {
        let mut known: HashMap<String, &Ident> = HashMap::new();
        for Cte { alias, .. } in &with.cte_tables {
            if known.insert(fold(&alias.name), &alias.name).is_some() {
                let message = format!("WITH query name \"{}\" specified more than once", fold(&alias.name));
                return Err(Fault::new("42712", message).at(alias.name.span));
            }
        }
        let queries =
            if with.recursive { dependants_last(&with.cte_tables)? } else { with.cte_tables.iter().collect() };
        for Cte { alias, query, .. } in queries {
            let common = self.common(&alias.name, &super::query::names(&alias.columns)?, query, with.recursive)?;
            let Some(scope) = self.ctes.last_mut() else { continue };
            scope.insert(fold(&alias.name), common);
        }
        Ok(())
    }

    fn common(&mut self, name: &Ident, columns: &[Ident], query: &Query, recursive: bool) -> Bound<Common> {
        let mut lower = |this: &mut Self| match recursive {
            true => this.recursive(name, columns, query),
            false => this.at_place(Place::Subquery, |this| this.query(query))?.named_columns(&fold(name), columns),
        };
        let Some(outer) = self.outer().filter(|outer| outer.width() > 0) else {
            return lower(self).map(Common::Rows);
        };
        let rows = self.within(&Scope::within(Some(outer.clone())), &mut lower)?;
        Ok(match rows.reads.is_empty() {
            true => Common::Rows(rows.lowered),
            false => Common::Correlated(Correlated { rows, outer }),
        })
    }

    /// The common table expression of that name.
    pub(super) fn cte(&self, name: &str) -> Option<&Common> {
        self.ctes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// The query as one that stands here. What it reads is read by name, or only to tell rows apart.
    pub(super) fn correlated(&self, Correlated { rows, outer }: Correlated, by_name: bool) -> Bound<Subquery> {
        let mut subquery = rows.into_subquery();
        let here = self.outer().filter(|here| here.depth() >= outer.depth());
        let Some(here) = here else { return Err(Fault::new("XX000", "a query outside of those it reads")) };
        for read in &mut subquery.reads {
            read.map_columns(&mut |column| outer.seen_from(&here, column).unwrap_or(usize::MAX));
            read.columns(&mut |column| here.touch(column, by_name));
        }
        Ok(subquery)
    }
}

/// The queries, each behind those it names. Postgres: `TopologicalSort`.
fn dependants_last(queries: &[Cte]) -> Bound<Vec<&Cte>> {
    let names: Vec<String> = queries.iter().map(|query| fold(&query.alias.name)).collect();
    let named: Vec<BTreeSet<String>> = queries.iter().map(|query| named(&query.query)).collect();
    let mut left: Vec<usize> = (0..queries.len()).collect();
    let mut sorted = Vec::with_capacity(queries.len());
    while let Some(first) = left.first() {
        let is_free =
            |query: &&usize| !left.iter().any(|other| other != *query && named[**query].contains(&names[*other]));
        let Some(next) = left.iter().find(is_free).copied() else {
            let fault = Fault::new("0A000", "mutual recursion between WITH items is not implemented");
            return Err(fault.at(queries[*first].alias.name.span));
        };
        left.retain(|query| *query != next);
        sorted.push(&queries[next]);
    }
    Ok(sorted)
}

/// The unqualified names of relations that a query reads, but for those it defines itself.
fn named(query: &Query) -> BTreeSet<String> {
    let mut names = Names::default();
    // Nothing breaks off.
    let _ = query.visit(&mut names);
    names.found
}

#[derive(Default)]
struct Names {
    found: BTreeSet<String>,
    /// What the queries define that are being visited.
    defined: Vec<BTreeSet<String>>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let defined = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| fold(&cte.alias.name));
        self.defined.push(defined.collect());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.defined.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if let Ok([ident]) = parts(name).as_deref()
            && let name = fold(ident)
            && !self.defined.iter().any(|defined| defined.contains(&name))
        {
            self.found.insert(name);
        }
        ControlFlow::Continue(())
    }
}
