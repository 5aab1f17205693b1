//! WITH RECURSIVE.
//!
//! The recursive term is lowered as if it were a query inside another that offers it one column nobody can name: the round. Its
//! reference to itself stands for the rows of that round.

use super::query::refuse_clauses;
use super::set_op::{common_modifier, common_types};
use super::subquery::{Around, Within};
use super::with::{Common, Correlated};
use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::Scalar;
use crate::plan::{Rel, unnest, working_schema};
use crate::sql::bind::name::fold;
use crate::sql::bind::operand::groupable;
use crate::sql::bind::scope::{Outer, Scope, ScopeColumn};
use crate::sql::error::{Bound, Fault};
use crate::value::{Column, Datum, RelationName, Type};
use sqlparser::ast::{Ident, LimitClause, Query, SetExpr, SetOperator, SetQuantifier};
use sqlparser::tokenizer::Span;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A query that may refer to itself, being lowered.
pub(super) struct Recursion {
    /// Its rows so far.
    working: RelationName,
    place: Place,
    /// Where it refers to itself.
    reference: Option<Span>,
}

/// Which part of it is being lowered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A query without the form of a recursive one.
    Whole,
    /// The term that must not refer to the query.
    Base,
    /// The term that may.
    Step,
    /// A part of that where it may not.
    Subquery,
}

impl Lowerer<'_> {
    /// A query of a `WITH RECURSIVE`, which need not be recursive.
    pub(super) fn recursive(&mut self, name: &Ident, names: &[Ident], query: &Query) -> Bound<Lowered> {
        let working = RelationName { schema: format!("recursive {}", self.leaves.len()), name: fold(name) };
        let recursion = Recursion { working: working.clone(), place: Place::Whole, reference: None };
        let outside = self.recursion.replace(recursion);
        // Until the columns are known, whatever refers to it is refused.
        self.ctes.push([(fold(name), Common::Recursive(working, None))].into());
        let counted = self.relations;
        let lowered = match union_of(&query.body) {
            Some(union) => self.recursive_union(names, query, union),
            None => Ok(None),
        };
        let lowered = match lowered {
            Ok(Some(lowered)) => Ok(lowered),
            Ok(None) => {
                self.relations = counted;
                self.at_place(Place::Whole, |this| this.query(query)).and_then(|l| l.named_columns(&fold(name), names))
            }
            Err(fault) => Err(fault),
        };
        self.ctes.pop();
        self.recursion = outside;
        lowered
    }

    /// A query that is recursive; `None` if it does not refer to itself.
    fn recursive_union(&mut self, names: &[Ident], query: &Query, union: Union<'_>) -> Bound<Option<Lowered>> {
        refuse_clauses(query)?;
        if let Some(with) = &query.with {
            self.ctes.push(Default::default());
            let defined = self.at_place(Place::Subquery, |this| this.with(with));
            let lowered = defined.and_then(|()| self.union_step(names, query, union));
            self.ctes.pop();
            return lowered;
        }
        self.union_step(names, query, union)
    }

    fn union_step(&mut self, names: &[Ident], query: &Query, union: Union<'_>) -> Bound<Option<Lowered>> {
        let base = self.at_place(Place::Base, |this| this.body(union.base))?;
        let types: Vec<Type> = base.columns.iter().map(|column| column.ty.clone()).collect();
        let open: Vec<OutputColumn> = base.columns.clone();
        let name = self.recursion.as_ref().map(|recursion| recursion.working.name.clone()).unwrap_or_default();
        let base = base.converted(&types)?.named_columns(&name, names)?;
        let step = self.step(&base, union.step)?;
        let Some(recursion) = self.recursion.as_ref().filter(|recursion| recursion.reference.is_some()) else {
            return Ok(None);
        };
        let working = recursion.working.clone();
        refuse_order(query)?;
        fits(&working.name, &open, &step.columns).map_err(|fault| fault.within(union.step))?;
        if !union.all {
            let groupable = base.columns.iter().try_for_each(|column| groupable(&column.ty));
            groupable.map_err(|fault| fault.within(&*query.body))?;
        }
        if asks_clock(&step.rel, &working) {
            let hint = "Filter by now() in a view of its own, or in a query of the list that is not recursive.";
            return Err(Fault::unsupported("now() in a recursive query is").hint(hint).within(union.step));
        }
        let step = step.converted(&types)?.rel;
        let outer = self.outer_width();
        let round_first: Vec<usize> = (outer..=outer).chain(0..outer).chain(outer + 1..step.width()).collect();
        let step = Box::new(step.project(&round_first));
        let rel = Rel::Recursive { working, base: Box::new(base.rel), step, all: union.all };
        Ok(Some(Lowered { rel, columns: base.columns }))
    }

    /// The recursive term. Its relation begins with the outer columns, as the base's does, and the round whose rows it reads.
    fn step(&mut self, base: &Lowered, step: &SetExpr) -> Bound<Lowered> {
        let Some(Recursion { working, .. }) = &self.recursion else { return Err(Fault::new("XX000", "no recursion")) };
        let working = working.clone();
        let types: Vec<Type> = [Type::Int8].into_iter().chain(base.rel.columns()).collect();
        let columns = base.rel.columns().into_iter().map(|ty| Column::new("", ty, true));
        self.leaves.insert(working.clone(), working_schema(columns));
        let rows = Rel::Get { relation: working.clone(), columns: types };

        let width = self.outer_width();
        let round_behind: Vec<usize> = (1..=width).chain([0]).chain(width + 1..rows.width()).collect();
        let rows = rows.project(&round_behind);
        let outer = Rc::new(self.around_step());
        // The term is computed for round 0 even if that has no rows.
        let mut first = unnest::columns(&self.unit().columns(), 0);
        first.push(Scalar::Literal(Datum::Int8(0), Type::Int8));
        let first = self.unit().map(first);
        let rounds: Vec<usize> = (0..=width).collect();
        let leaf = Rel::Distinct { input: Box::new(Rel::Union { inputs: vec![first, rows.clone().project(&rounds)] }) };

        let reads = unnest::columns(&outer.types, 0);
        // Each row tells by itself which it belongs to.
        let nothing = RelationName { schema: working.schema.clone(), name: String::new() };
        let lowered = Lowered { rel: rows, columns: base.columns.clone() };
        let rows =
            Correlated { rows: Within { lowered, leaf: nothing, reads, aggregates: Vec::new() }, outer: outer.clone() };
        self.ctes.push([(working.name.clone(), Common::Recursive(working, Some(rows)))].into());
        let before = self.around.replace(Around { outer: outer.clone(), leaf });
        let lowered = self.at_place(Place::Step, |this| this.body(step));
        self.around = before;
        self.ctes.pop();
        if let Some(around) = self.outer() {
            let named = outer.read().into_iter().filter(|(column, by_name)| *by_name && *column < width);
            named.for_each(|(column, _)| around.touch(column, true));
            // Nothing belongs to the term's own surroundings: they have no column with a name.
            outer.aggregates(Some(&around), &|place| place);
        }
        lowered
    }

    /// What is around the recursive term: what is around the query, and behind its columns the round.
    fn around_step(&self) -> Outer {
        let hidden = |(position, ty): (usize, &Type)| ScopeColumn {
            table: None,
            name: String::new(),
            ty: ty.clone(),
            modifier: -1,
            position,
            merged: true,
        };
        let outer = self.outer();
        let mut types = outer.as_ref().map_or_else(Vec::new, |outer| outer.types.clone());
        types.push(Type::Int8);
        // Queries inside the term find all of them here, and the forms of values among them too.
        let columns = types.iter().enumerate().map(hidden).collect();
        let all: BTreeMap<usize, Type> = types.iter().cloned().enumerate().collect();
        Scope { columns, outer, ..Scope::default() }.around(&all, types)
    }

    /// What a query's reference to itself stands for.
    pub(super) fn reference(
        &mut self,
        working: &RelationName,
        rows: Option<Correlated>,
        written: Span,
    ) -> Bound<Correlated> {
        let name = &working.name;
        let misplaced = |place: &str| {
            let message = format!("recursive reference to query \"{name}\" must not appear {place}");
            Err(Fault::new("42P19", message).at(written))
        };
        let recursion = self.recursion.as_mut().filter(|recursion| recursion.working == *working);
        let Some(recursion) = recursion else { return misplaced("within a subquery") };
        match recursion.place {
            Place::Step => {}
            Place::Base => return misplaced("within its non-recursive term"),
            Place::Subquery => return misplaced("within a subquery"),
            Place::Whole => {
                let form = "does not have the form non-recursive-term UNION [ALL] recursive-term";
                return Err(Fault::new("42P19", format!("recursive query \"{name}\" {form}")).at(written));
            }
        }
        if recursion.reference.replace(written).is_some_and(|earlier| earlier != written) {
            return misplaced("more than once");
        }
        rows.ok_or_else(|| Fault::new("XX000", "a reference to rows of no round"))
    }

    /// Whether the query that may refer to itself was found to do so.
    pub(super) fn refers(&self) -> bool {
        self.recursion.as_ref().is_some_and(|recursion| recursion.reference.is_some())
    }

    /// A fault if the query's reference to itself is in a part where it may not be.
    pub(super) fn refuse_reference(&self, inside: bool, part: &str) -> Bound<()> {
        match &self.recursion {
            Some(Recursion { working, reference: Some(reference), .. }) if inside => {
                let message =
                    format!("recursive reference to query \"{}\" must not appear within {part}", working.name);
                Err(Fault::new("42P19", message).at(*reference))
            }
            _ => Ok(()),
        }
    }

    /// A fault if the relation reads the rows of the round before.
    pub(super) fn refuse_aggregates(&self, rel: &Rel) -> Bound<()> {
        match &self.recursion {
            Some(recursion) if rel.relations().contains(&recursion.working) => {
                let message = "aggregate functions are not allowed in a recursive query's recursive term";
                Err(Fault::new("42P19", message))
            }
            _ => Ok(()),
        }
    }

    /// Lowers a part of the query that may refer to itself.
    pub(super) fn at_place<X>(&mut self, place: Place, lower: impl FnOnce(&mut Self) -> X) -> X {
        let set = |this: &mut Self, place| {
            this.recursion.as_mut().map(|recursion| std::mem::replace(&mut recursion.place, place))
        };
        let before = set(self, place);
        let lowered = lower(self);
        before.and_then(|before| set(self, before));
        lowered
    }
}

/// Whether rows of a recursion are filtered by the clock.
fn asks_clock(rel: &Rel, working: &RelationName) -> bool {
    let here = matches!(rel, Rel::Temporal { .. }) && rel.relations().contains(working);
    here || rel.inputs().into_iter().any(|input| asks_clock(input, working))
}

/// The terms of a recursive query.
#[derive(Clone, Copy)]
struct Union<'q> {
    base: &'q SetExpr,
    step: &'q SetExpr,
    all: bool,
}

fn union_of(body: &SetExpr) -> Option<Union<'_>> {
    let SetExpr::SetOperation { left: base, op: SetOperator::Union, set_quantifier, right: step } = body else {
        return None;
    };
    Some(Union { base, step, all: *set_quantifier == SetQuantifier::All })
}

fn refuse_order(query: &Query) -> Bound<()> {
    let has_limit = |limit: &LimitClause| match limit {
        LimitClause::LimitOffset { limit, .. } => limit.is_some(),
        LimitClause::OffsetCommaLimit { .. } => true,
    };
    let limited = query.limit_clause.as_ref().is_some_and(has_limit) || query.fetch.is_some();
    let refused =
        [(query.order_by.is_some(), "ORDER BY"), (limited, "LIMIT"), (query.limit_clause.is_some(), "OFFSET")];
    match refused.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => {
            Err(Fault::new("0A000", format!("{what} in a recursive query is not implemented")).within(query))
        }
        None => Ok(()),
    }
}

/// The columns keep the types of the non-recursive term.
fn fits(name: &str, base: &[OutputColumn], step: &[OutputColumn]) -> Bound<()> {
    let types = common_types("UNION", base, step)?;
    for (at, ((base, step), overall)) in base.iter().zip(step).zip(types).enumerate() {
        let place = format!("recursive query \"{name}\" column {}", at + 1);
        let fault = match base.ty == overall {
            true if base.modifier == common_modifier((base, step)) => continue,
            true => format!("{place} has type {} with a modifier in non-recursive term but without overall", base.ty),
            false => format!("{place} has type {} in non-recursive term but type {overall} overall", base.ty),
        };
        let hint = "Cast the output of the non-recursive term to the correct type.";
        return Err(Fault::new("42804", fault).hint(hint));
    }
    Ok(())
}
