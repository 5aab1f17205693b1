//! Subqueries in expressions, as joins with the relation around them.

use super::recursive::Place;
use super::{Lowered, Lowerer};
use crate::expr::{CastContext, Scalar, cast};
use crate::plan::unnest::{below_maps, columns, conjuncts, join, pairs, reads_leaf, replace, substitute, without_leaf};
use crate::plan::{Equality, JoinKind, Rel, RelId, derive, is_nullable, moved};
use crate::sql::bind::operand::Operand;
use crate::sql::bind::outer_aggregate::OuterAggregate;
use crate::sql::bind::scope::{Outer, Scope};
use crate::sql::bind::subquery::{Applied, Queries, Subquery, Test, applied, numbered, place_applied, reads_applied};
use crate::sql::error::{Bound, Fault};
use crate::value::{Column, RelationName, Row, Schema, Type};
use sqlparser::ast::Query;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Queries inside queries; each level is lowered twice, once to find out what it reads.
const MAX_NESTING: usize = 8;

/// What a query inside another is lowered over.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// What it may name of the other query.
    pub(super) outer: Rc<Outer>,
    /// The relation of the values of the columns it reads, each combination once.
    pub(super) leaf: Rel,
}

/// A query lowered inside another.
#[derive(Clone, Debug)]
pub(super) struct Within {
    pub(super) lowered: Lowered,
    /// The relation in its plan that stands for the values of the columns it reads.
    pub(super) leaf: RelId,
    /// The columns it reads, over the relation around it.
    pub(super) reads: Vec<Scalar>,
    /// Aggregates inside it that belong to the query around it.
    pub(super) aggregates: Vec<OuterAggregate>,
}

impl Within {
    pub(super) fn into_subquery(self) -> Subquery {
        let Within { lowered: Lowered { rel, columns }, leaf, reads, aggregates } = self;
        let width = rel.width() - columns.len();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let own = columns.into_iter().enumerate().map(|(place, column)| match column.open {
            Some(open) => open,
            None => Operand::Typed(Scalar::Column(width + place, column.ty), column.modifier),
        });
        Subquery { columns: own.collect(), rel, leaf, reads, names, aggregates }
    }
}

impl Queries for Lowerer<'_> {
    fn subquery(&mut self, query: &Query, scope: &Scope) -> Bound<Subquery> {
        self.at_place(Place::Subquery, |this| this.query_within(query, scope))
    }
}

impl Lowerer<'_> {
    /// A query that may read the columns of a scope.
    pub(super) fn query_within(&mut self, query: &Query, scope: &Scope) -> Bound<Subquery> {
        let within = self.within(scope, &mut |this| this.query(query));
        within.map(Within::into_subquery).map_err(|fault| fault.within(query))
    }

    /// What is lowered so that it may read the columns of a scope.
    pub(super) fn within(
        &mut self,
        scope: &Scope,
        lower: &mut dyn FnMut(&mut Self) -> Bound<Lowered>,
    ) -> Bound<Within> {
        if self.nesting == MAX_NESTING {
            return Err(Fault::new("54001", format!("queries nest deeper than {MAX_NESTING} levels")));
        }
        let visible = scope.visible();
        let counted = self.relations;
        let around = self.around(scope, &visible);
        self.lowered_within(around.clone(), lower)?;
        let places: Vec<usize> = visible.keys().copied().collect();
        let aggregates = around.outer.aggregates(scope.outer.as_deref(), &|place| places[place]);
        let read: Vec<(usize, bool)> =
            around.outer.read().into_iter().map(|(place, by_name)| (places[place], by_name)).collect();
        self.relations = counted;

        let reads: BTreeMap<usize, Type> = read.iter().map(|(place, _)| (*place, visible[place].clone())).collect();
        let around = self.around(scope, &reads);
        let lowered = self.lowered_within(around.clone(), lower)?;
        if let Some(outer) = &scope.outer {
            let of_outer = read.iter().filter(|(place, _)| *place < outer.width());
            of_outer.for_each(|(place, by_name)| outer.touch(*place, *by_name));
        }
        let Rel::Get { relation: leaf, .. } = around.leaf else { return Err(Fault::new("XX000", "no leaf")) };
        let reads = reads.into_iter().map(|(place, ty)| Scalar::Column(place, ty));
        Ok(Within { lowered, leaf, reads: with_forms(reads.collect())?, aggregates })
    }

    fn around(&mut self, scope: &Scope, columns: &BTreeMap<usize, Type>) -> Around {
        let name = RelationName { schema: String::new(), name: format!("outer {}", self.leaves.len()) };
        let forms = columns.values().filter(|ty| !ty.is_canonical()).map(|_| Type::Text);
        let types: Vec<Type> = columns.values().cloned().chain(forms).collect();
        let schema = types.iter().map(|ty| Column::new("", ty.clone(), true)).collect();
        self.leaves.insert(name.clone(), Arc::new(Schema::table(schema, Some((0..types.len()).collect()))));
        let leaf = Rel::Get { relation: name, columns: types.clone() };
        Around { outer: Rc::new(scope.around(columns, types)), leaf }
    }

    fn lowered_within(&mut self, around: Around, lower: &mut dyn FnMut(&mut Self) -> Bound<Lowered>) -> Bound<Lowered> {
        let before = self.around.replace(around);
        self.nesting += 1;
        let lowered = lower(self);
        self.nesting -= 1;
        self.around = before;
        lowered
    }

    /// How many columns of outer queries the relations of the query being lowered begin with.
    pub(super) fn outer_width(&self) -> usize {
        self.around.as_ref().map_or(0, |around| around.outer.width())
    }

    /// What is in scope besides a query's own tables.
    pub(super) fn outer(&self) -> Option<Rc<Outer>> {
        self.around.as_ref().map(|around| around.outer.clone())
    }

    /// A row without columns of its own, for every combination of the outer query's.
    pub(super) fn unit(&self) -> Rel {
        match &self.around {
            Some(around) if around.outer.width() > 0 => around.leaf.clone(),
            _ => Rel::Constant { rows: vec![Row::default()], columns: Vec::new() },
        }
    }

    /// The relation with the values of subqueries behind its own columns.
    pub(super) fn with_values(&mut self, rel: Rel, mut subqueries: Vec<Applied>) -> Bound<Rel> {
        let width = rel.width();
        let base = rel.clone();
        let mut rel = rel;
        for subquery in &mut subqueries {
            subquery.outside_mut().into_iter().for_each(|scalar| place_applied(scalar, &|place| width + place));
            rel = self.with_value(rel, &base, subquery)?;
        }
        Ok(rel)
    }

    /// The rows for which a condition holds. Where a subquery is all of a conjunct, rows with or without a partner are what it asks for.
    pub(super) fn restricted(&mut self, rel: Rel, condition: Scalar, subqueries: Vec<Applied>) -> Bound<Rel> {
        let width = rel.width();
        let (plain, queried): (Vec<Scalar>, Vec<Scalar>) =
            conjuncts(condition).into_iter().partition(|conjunct| !reads_applied(conjunct));
        let mut rel = rel.filter(plain);
        let (mut rest, mut alone) = (Vec::new(), Vec::new());
        for conjunct in queried {
            match whole(&conjunct) {
                Some((place, negated)) if self.is_join(&rel, &subqueries[place], negated) => {
                    alone.push((place, negated))
                }
                _ => rest.push(conjunct),
            }
        }
        for (place, negated) in &alone {
            rel = self.partnered(rel, &subqueries[*place], *negated)?;
        }
        if rest.is_empty() {
            return Ok(rel);
        }
        // What stands alone is decided; its value is not needed.
        let needed: Vec<usize> =
            (0..subqueries.len()).filter(|place| !alone.iter().any(|(other, _)| other == place)).collect();
        let position = |place: usize| needed.iter().position(|needed| *needed == place).unwrap_or(usize::MAX);
        let mut kept: Vec<Applied> = needed.iter().map(|place| subqueries[*place].clone()).collect();
        for subquery in &mut kept {
            subquery.outside_mut().into_iter().for_each(|scalar| renumber_applied(scalar, &position));
        }
        rest.iter_mut().for_each(|scalar| place_applied(scalar, &|place| width + position(place)));
        let all: Vec<usize> = (0..width).collect();
        Ok(self.with_values(rel, kept)?.filter(rest).project(&all))
    }

    /// Whether having a partner, or having none, is all that is asked.
    fn is_join(&self, rel: &Rel, subquery: &Applied, negated: bool) -> bool {
        if subquery.outside().into_iter().any(reads_applied) {
            return false;
        }
        match &subquery.test {
            Test::Exists => true,
            Test::In(_) if !negated => true,
            Test::In(comparison) => {
                let (left, right) = (self.nullable(rel), self.nullable(&subquery.subquery.rel));
                !comparison.pairs().any(|(l, r)| is_nullable(l, &left) || is_nullable(r, &right))
            }
            Test::Any(_) => !negated,
            Test::All(_) | Test::Value(_) => false,
        }
    }

    pub(super) fn nullable(&self, rel: &Rel) -> Vec<bool> {
        derive(rel, &|name| self.schema(name)).nullable
    }

    /// The rows that have a partner among the subquery's, or those that have none.
    fn partnered(&mut self, rel: Rel, Applied { subquery, test }: &Applied, negated: bool) -> Bound<Rel> {
        let kind = if negated { JoinKind::Anti } else { JoinKind::Semi };
        let comparison = match test {
            Test::In(comparison) | Test::Any(comparison) => Some(comparison),
            Test::Exists | Test::Value(_) | Test::All(_) => None,
        };
        // The comparison where the subquery's own columns are made of others.
        let over = |place: &dyn Fn(&Scalar) -> Scalar| {
            comparison.map(|c| c.of(&c.left, &c.right.iter().map(place).collect::<Vec<Scalar>>()))
        };
        let width = rel.width();
        let (base, values) = below_maps(&subquery.rel);
        let (other, conditions, first) = match pairs(base, &subquery.leaf) {
            Some((other, conditions)) => (other.clone(), conditions, subquery.reads.len()),
            None if !reads_leaf(base, &subquery.leaf) => (base.clone(), Vec::new(), 0),
            None => {
                let (right, keys) = self.detached(&rel, subquery);
                let compared = over(&|right| moved(right.clone(), width));
                return Ok(join(kind, rel, right, keys, compared.into_iter().collect()));
            }
        };
        // The pairs of outer rows and the subquery's are those of the leaf's rows and the subquery's.
        let mut sides = if first == 0 { Vec::new() } else { subquery.reads.clone() };
        sides.extend(columns(&other.columns(), width));
        let values: Vec<Scalar> = values.iter().map(|value| substitute(value, &sides)).collect();
        let compared = over(&|right| substitute(right, &values));
        let conditions = conditions.iter().map(|condition| substitute(condition, &sides)).chain(compared);
        Ok(join(kind, rel, other, Vec::new(), conditions.collect()))
    }

    /// The subquery without its leaf, and the keys on which it is to be joined with the relation around it.
    pub(super) fn detached(&self, rel: &Rel, subquery: &Subquery) -> (Rel, Vec<Equality>) {
        match without_leaf(&subquery.rel, &subquery.leaf, subquery.reads.len()) {
            Some(right) => (right, read_keys(subquery, false)),
            None => self.detached_exactly(rel, subquery),
        }
    }

    /// As `detached`, with rows for the values that the relation around it has, and for no others.
    pub(super) fn detached_exactly(&self, rel: &Rel, subquery: &Subquery) -> (Rel, Vec<Equality>) {
        let mut right = subquery.rel.clone();
        let values = self.values_of(rel, &subquery.reads);
        match subquery.reads.is_empty() {
            true => right = join(JoinKind::Inner, values, right, Vec::new(), Vec::new()),
            false => replace(&mut right, &subquery.leaf, &values),
        }
        (right, read_keys(subquery, true))
    }

    /// The combinations of values that expressions have, each once.
    pub(super) fn values_of(&self, rel: &Rel, expressions: &[Scalar]) -> Rel {
        let values = rel.clone().map(expressions.to_vec());
        match derive(&values, &|name| self.schema(name)).keys.is_empty() {
            true => Rel::Distinct { input: Box::new(values) },
            false => values,
        }
    }
}

/// The columns, and of those whose equal values may differ in form (1.0 and 1.00) the forms, as text: which of them it is may make a
/// difference to what is computed.
pub(super) fn with_forms(mut columns: Vec<Scalar>) -> Bound<Vec<Scalar>> {
    let forms = columns.iter().filter(|column| !column.ty().is_canonical());
    let forms = forms.map(|column| cast(column.clone(), &Type::Text, -1, CastContext::Explicit));
    let forms = forms.collect::<Result<Vec<Scalar>, _>>()?;
    columns.extend(forms);
    Ok(columns)
}

/// The keys on which a subquery's rows belong to those of the relation around it.
fn read_keys(subquery: &Subquery, null_safe: bool) -> Vec<Equality> {
    let key = |(at, read): (usize, &Scalar)| {
        let right = Scalar::Column(at, read.ty());
        Equality { left: read.clone(), right, null_safe }
    };
    subquery.reads.iter().enumerate().map(key).collect()
}

fn renumber_applied(scalar: &mut Scalar, position: &dyn Fn(usize) -> usize) {
    place_applied(scalar, &|place| numbered(position(place)));
}

/// The subquery whose value, or whose value's opposite, is the whole expression.
fn whole(scalar: &Scalar) -> Option<(usize, bool)> {
    match scalar {
        Scalar::Column(column, _) => applied(*column).map(|place| (place, false)),
        Scalar::Call { function, arguments, .. } if function.name() == "not" => match arguments.as_slice() {
            [Scalar::Column(column, _)] => applied(*column).map(|place| (place, true)),
            _ => None,
        },
        _ => None,
    }
}
