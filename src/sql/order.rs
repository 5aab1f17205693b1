//! Views over views, in any order across files: which to lower first, and which can never be.

use super::bind::name::{fold, relation};
use super::error::Fault;
use super::lower::as_of::Version;
use super::parse::Definition;
use crate::value::RelationName;
use sqlparser::ast::{Query, Spanned, TableFactor, Visit, Visitor};
use sqlparser::tokenizer::Span;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

/// The relations a definition names, each where it is first named.
pub(super) fn references(definition: &Definition) -> BTreeMap<RelationName, Span> {
    let mut names = Names::default();
    // Nothing breaks the walk off.
    let _ = definition.query.visit(&mut names);
    names.found
}

/// Finds names in FROM, at whatever depth of subqueries.
#[derive(Default)]
struct Names {
    found: BTreeMap<RelationName, Span>,
    /// Common table expressions, which hide relations of the same name.
    hidden: Vec<String>,
    /// The queries around the one being read.
    around: Vec<Around>,
}

/// A query under way.
struct Around {
    /// How many names were hidden before.
    hidden: usize,
    /// Its common table expressions that are still to come; each is known from its end on.
    to_come: VecDeque<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let to_come = ctes.map(|cte| fold(&cte.alias.name)).collect();
        self.around.push(Around { hidden: self.hidden.len(), to_come });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        if let Some(query) = self.around.pop() {
            self.hidden.truncate(query.hidden);
        }
        // The common table expressions of a query are read before all else of it.
        self.hidden.extend(self.around.last_mut().and_then(|around| around.to_come.pop_front()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let version = Version::of(factor).map(|version| version.table);
        let name = match factor {
            TableFactor::Table { name, args: None, .. } => Some(name),
            _ => version.as_ref(),
        };
        if let Some(name) = name
            && let Ok(found) = relation(name)
            && (name.0.len() > 1 || !self.hidden.contains(&found.name))
        {
            self.found.entry(found).or_insert_with(|| name.span());
        }
        ControlFlow::Continue(())
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
