//! WITH RECURSIVE.
//!
//! The recursive term is lowered as if it were a query inside another that offers it one column nobody can name: the round. Its
//! reference to itself stands for the rows of that round.

use super::query::refuse_clauses;
use super::set_op::{common_modifier, common_types};
use super::subquery::Around;
use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::Scalar;
use crate::plan::unnest::join;
use crate::plan::{Equality, JoinKind, Rel, working_schema};
use crate::sql::bind::name::fold;
use crate::sql::bind::operand::groupable;
use crate::sql::bind::scope::{Scope, ScopeColumn};
use crate::sql::error::{Bound, Fault};
use crate::value::{Column, Datum, RelationName, Row, Type};
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
        let (outside, around) = (self.recursion.replace(recursion), self.around.take());
        // Until the columns are known, whatever refers to it is refused.
        let unknown = Lowered { rel: Rel::Get { relation: working, columns: vec![Type::Int8] }, columns: Vec::new() };
        self.ctes.push([(fold(name), unknown)].into());
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
        (self.recursion, self.around) = (outside, around);
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
        let step = Box::new(step.converted(&types)?.rel);
        let rel = Rel::Recursive { working, base: Box::new(base.rel), step, all: union.all };
        Ok(Some(Lowered { rel, columns: base.columns }))
    }

    /// The recursive term, beginning with the round whose rows it reads.
    fn step(&mut self, base: &Lowered, step: &SetExpr) -> Bound<Lowered> {
        let Some(Recursion { working, .. }) = &self.recursion else { return Err(Fault::new("XX000", "no recursion")) };
        let working = working.clone();
        let types: Vec<Type> = [Type::Int8].into_iter().chain(base.rel.columns()).collect();
        let columns = base.rel.columns().into_iter().map(|ty| Column::new("", ty, true));
        self.leaves.insert(working.clone(), working_schema(columns));
        let rows = Rel::Get { relation: working.clone(), columns: types };
        let reference = Lowered { rel: rows.clone(), columns: base.columns.clone() };
        self.ctes.push([(working.name.clone(), reference)].into());
        let round = ScopeColumn {
            table: None,
            name: working.to_string(),
            ty: Type::Int8,
            modifier: -1,
            position: 0,
            merged: true,
        };
        let scope = Scope { columns: vec![round], ..Scope::default() };
        let outer = scope.around(&BTreeMap::from([(0, Type::Int8)]), vec![Type::Int8]);
        // The term is computed for round 0 even if that has no rows.
        let first = Rel::Constant { rows: vec![Row::pack([&Datum::Int8(0)])], columns: vec![Type::Int8] };
        let leaf = Rel::Distinct { input: Box::new(Rel::Union { inputs: vec![first, rows.project(&[0])] }) };
        self.around = Some(Around { outer: Rc::new(outer), leaf });
        let lowered = self.at_place(Place::Step, |this| this.body(step));
        self.around = None;
        self.ctes.pop();
        lowered
    }

    /// What a query's reference to itself stands for. `lowered` is its rows, behind their round.
    pub(super) fn reference(&mut self, lowered: Lowered, written: Span) -> Bound<(Lowered, usize)> {
        let Rel::Get { relation: working, .. } = &lowered.rel else { return Err(Fault::new("XX000", "no reference")) };
        let name = &working.name;
        let misplaced = |place: &str| {
            let message = format!("recursive reference to query \"{name}\" must not appear {place}");
            Err(Fault::new("42P19", message).at(written))
        };
        let outer = self.outer();
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
        let round = outer.as_ref().and_then(|outer| outer.hidden(&working.to_string()));
        let (Some(outer), Some(round)) = (outer, round) else { return misplaced("within a subquery") };
        outer.touch(round);
        let width = outer.width();
        if width == 1 {
            return Ok((lowered, width));
        }
        let unit = self.unit();
        let key = |position| Scalar::Column(position, Type::Int8);
        let mut rel = join(JoinKind::Inner, unit, lowered.rel, Vec::new());
        if let Rel::Join { on, .. } = &mut rel {
            on.push(Equality::new(key(round), key(0)));
        }
        let kept: Vec<usize> = (0..width).chain(width + 1..rel.width()).collect();
        Ok((Lowered { rel: rel.project(&kept), columns: lowered.columns }, width))
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
