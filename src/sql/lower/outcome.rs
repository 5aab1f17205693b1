//! What a subquery comes to, as a column of the relation around it.

use super::Lowerer;
use crate::expr::{AggregateFunction, Scalar};
use crate::plan::unnest::{below_maps, columns, completed, folded, join, reads_before, substitute};
use crate::plan::{Aggregate, Equality, Expansion, JoinKind, Rel, derive, is_nullable, moved};
use crate::sql::bind::expression::operator;
use crate::sql::bind::operand::Operand;
use crate::sql::bind::subquery::{Applied, Comparison, Subquery, Test};
use crate::sql::error::Bound;
use crate::value::{Datum, Type};

impl Lowerer<'_> {
    /// The relation with the value of one subquery behind its columns. Which values the subquery is to be computed for is told by
    /// `base`, the relation before other subqueries were added, if it can tell.
    pub(super) fn with_value(&mut self, rel: Rel, base: &Rel, Applied { subquery, test }: &Applied) -> Bound<Rel> {
        let around = match subquery.reads.iter().all(|read| reads_before(read, base.width())) {
            true => base.clone(),
            false => rel.clone(),
        };
        match test {
            Test::Value(value) => self.with_only_value(rel, &around, subquery, value),
            Test::Exists => self.with_existence(rel, &around, subquery),
            Test::In(comparison) => match (comparison.left.as_slice(), comparison.right.as_slice()) {
                ([left], [right]) => self.with_membership(rel, &around, subquery, (comparison, left, right)),
                _ => self.with_counts(rel, subquery, comparison, true),
            },
            Test::Any(comparison) => self.with_counts(rel, subquery, comparison, true),
            Test::All(comparison) => self.with_counts(rel, subquery, comparison, false),
        }
    }

    fn with_only_value(&self, rel: Rel, around: &Rel, subquery: &Subquery, value: &Scalar) -> Bound<Rel> {
        let own = columns(&rel.columns(), 0);
        let width = rel.width();
        let (base, values) = below_maps(&subquery.rel);
        if let Some(groups) = completed(base, &subquery.leaf) {
            if let Some(expansion) = folded(groups, &subquery.leaf) {
                return Ok(with_folded(rel, subquery, expansion, &values, value));
            }
            // Every outer row has its one value, of its group or of no rows.
            let grouped = Subquery { rel: groups.clone(), ..subquery.clone() };
            let (right, on) = self.detached(around, &grouped);
            let sides: Vec<Scalar> = subquery.reads.iter().cloned().chain(columns(&right.columns(), width)).collect();
            let values: Vec<Scalar> = values.iter().map(|v| substitute(v, &sides)).collect();
            let value = substitute(value, &values);
            return Ok(left_join(rel, right, on).map(own.into_iter().chain([value]).collect()));
        }
        let (right, on) = self.detached(around, subquery);
        let reads = subquery.reads.len();
        let keys = derive(&right, &|name| self.schema(name)).keys;
        if !keys.iter().any(|key| key.iter().all(|column| *column < reads)) {
            // More than one row for one outer row is an error, once there are.
            let (right, on) = self.detached_exactly(around, subquery);
            let group = columns(&right.columns()[..reads], 0);
            let only = call_of(AggregateFunction::Only(value.ty()), Some(value.clone()));
            let right = Rel::Reduce { input: Box::new(right), group, aggregates: vec![only] };
            let value = Scalar::Column(width + reads, value.ty());
            return Ok(left_join(rel, right, on).map(own.into_iter().chain([value]).collect()));
        }
        let value = moved(value.clone(), width);
        Ok(left_join(rel, right, on).map(own.into_iter().chain([value]).collect()))
    }

    fn with_existence(&self, rel: Rel, around: &Rel, subquery: &Subquery) -> Bound<Rel> {
        let own = columns(&rel.columns(), 0);
        let (width, reads) = (rel.width(), subquery.reads.len());
        let (right, on) = self.detached(around, subquery);
        let keys: Vec<usize> = (0..reads).collect();
        let found = marked(Rel::Distinct { input: Box::new(right.project(&keys)) });
        let exists = call("is not null", vec![Scalar::Column(width + reads, Type::Bool)])?;
        Ok(left_join(rel, found, on).map(own.into_iter().chain([exists]).collect()))
    }

    /// Of one column: true if it is among the values, null if it is not but might be, for a null on either side.
    fn with_membership(
        &self,
        rel: Rel,
        around: &Rel,
        subquery: &Subquery,
        (comparison, left, right): (&Comparison, &Scalar, &Scalar),
    ) -> Bound<Rel> {
        let own = columns(&rel.columns(), 0);
        let (width, reads) = (rel.width(), subquery.reads.len());
        let (rows, on) = self.detached(around, subquery);
        let mut projected: Vec<Scalar> = columns(&rows.columns()[..reads], 0);
        projected.push(right.clone());
        let values = rows.map(projected);
        let (left_null, right_null) = (is_nullable(left, &self.nullable(&rel)), self.nullable(&values)[reads]);
        let found = marked(Rel::Distinct { input: Box::new(values.clone()) });
        let ty = right.ty();
        let found_value = Scalar::Column(width + reads, ty.clone());
        let equal = comparison.of(std::slice::from_ref(left), std::slice::from_ref(&found_value));
        let matched_column = Scalar::Column(width + reads + 1, Type::Bool);
        let with_match = join(JoinKind::Left, rel, found, on.clone(), vec![equal]);
        let matched = call("is not null", vec![matched_column])?;
        let with_match = with_match.map(own.iter().cloned().chain([matched]).collect());
        if !left_null && !right_null {
            return Ok(with_match);
        }
        // How many rows there are to be among, and how many of them are not null.
        let group = columns(&values.columns()[..reads], 0);
        let aggregates = vec![count(None), count(Some(Scalar::Column(reads, ty)))];
        let counts = Rel::Reduce { input: Box::new(values), group, aggregates };
        let with_counts = left_join(with_match, counts, on);
        let (matched, rows) = (Scalar::Column(width, Type::Bool), Scalar::Column(width + 1 + reads, Type::Int8));
        let not_null = Scalar::Column(width + 2 + reads, Type::Int8);
        let unknown = Scalar::Or(vec![call("is null", vec![left.clone()])?, call("<", vec![not_null, rows.clone()])?]);
        let none = call("=", vec![Scalar::Coalesce(vec![rows, zero()], Type::Int8), zero()])?;
        let value = case(vec![(matched, boolean(true)), (none, boolean(false)), (unknown, null())], boolean(false));
        Ok(with_counts.map(own.into_iter().chain([value]).collect()))
    }

    /// Any comparison with any number of columns: every value that is compared meets every row it is compared with, and the outcomes
    /// are counted.
    fn with_counts(&self, rel: Rel, subquery: &Subquery, comparison: &Comparison, any: bool) -> Bound<Rel> {
        let own = columns(&rel.columns(), 0);
        let (width, reads) = (rel.width(), subquery.reads.len());
        let keys: Vec<Scalar> = subquery.reads.iter().chain(&comparison.left).cloned().collect();
        let values = self.values_of(&rel, &keys);
        let value_columns = columns(&values.columns(), 0);
        let inner = Subquery { reads: value_columns[..reads].to_vec(), ..subquery.clone() };
        let (right, on) = self.detached(&values, &inner);
        let pairs = Rel::Join {
            kind: JoinKind::Inner,
            left: Box::new(values),
            right: Box::new(right),
            on,
            residual: Vec::new(),
        };
        let compared: Vec<Scalar> = comparison.right.iter().map(|right| moved(right.clone(), keys.len())).collect();
        let outcome = comparison.of(&value_columns[reads..], &compared);
        let pairs = pairs.map(value_columns.iter().cloned().chain([outcome]).collect());
        let outcome = Scalar::Column(keys.len(), Type::Bool);
        let (decides, unknown) = (if any { "is true" } else { "is false" }, call("is null", vec![outcome.clone()])?);
        let counted = |filter: Scalar| Aggregate { filter: Some(filter), ..count(None) };
        let aggregates = vec![counted(call(decides, vec![outcome])?), counted(unknown)];
        let counts = Rel::Reduce { input: Box::new(pairs), group: value_columns, aggregates };
        let key = |(at, left): (usize, Scalar)| {
            let right = Scalar::Column(at, left.ty());
            Equality { left, right, null_safe: true }
        };
        let on: Vec<Equality> = keys.iter().cloned().enumerate().map(key).collect();
        let positive = |at: usize| call(">", vec![Scalar::Column(width + keys.len() + at, Type::Int8), zero()]);
        let value = case(vec![(positive(0)?, boolean(any)), (positive(1)?, null())], boolean(!any));
        Ok(left_join(rel, counts, on).map(own.into_iter().chain([value]).collect()))
    }
}

/// The relation with a value made of aggregates of what functions return for a row: computed with the row, and never held.
fn with_folded(rel: Rel, subquery: &Subquery, mut expansion: Expansion, values: &[Scalar], value: &Scalar) -> Rel {
    let mut own = columns(&rel.columns(), 0);
    let types: Vec<Type> = expansion.columns().into_iter().map(|column| column.ty).collect();
    let returned = expansion.returned_columns().into_iter().map(|column| column.ty);
    let behind = |types: &[Type]| columns(types, rel.width());
    let inside: Vec<Scalar> = subquery.reads.iter().cloned().chain(behind(&returned.collect::<Vec<Type>>())).collect();
    expansion.scalars_mut().for_each(|scalar| *scalar = substitute(scalar, &inside));
    // The aggregates' columns follow the columns that are read, once as the outer row's and once as the group's.
    let reads = subquery.reads.iter().chain(&subquery.reads).cloned();
    let sides: Vec<Scalar> = reads.chain(behind(&types)).collect();
    let values: Vec<Scalar> = values.iter().map(|value| substitute(value, &sides)).collect();
    own.push(substitute(value, &values));
    Rel::Expand { input: Box::new(rel), expansion }.map(own)
}

fn left_join(left: Rel, right: Rel, on: Vec<Equality>) -> Rel {
    Rel::Join { kind: JoinKind::Left, left: Box::new(left), right: Box::new(right), on, residual: Vec::new() }
}

fn call(name: &str, arguments: Vec<Scalar>) -> Bound<Scalar> {
    operator(name, arguments.into_iter().map(Operand::new).collect())?.condition(name)
}

/// The rows with a column that is null only where an outer join finds none of them.
fn marked(rel: Rel) -> Rel {
    let mut all = columns(&rel.columns(), 0);
    all.push(boolean(true));
    rel.map(all)
}

fn boolean(truth: bool) -> Scalar {
    Scalar::Literal(Datum::Bool(truth), Type::Bool)
}

fn zero() -> Scalar {
    Scalar::Literal(Datum::Int8(0), Type::Int8)
}

fn null() -> Scalar {
    Scalar::Literal(Datum::Null, Type::Bool)
}

fn case(branches: Vec<(Scalar, Scalar)>, otherwise: Scalar) -> Scalar {
    Scalar::Case { branches, otherwise: Box::new(otherwise), ty: Type::Bool }
}

fn count(argument: Option<Scalar>) -> Aggregate {
    call_of(AggregateFunction::Count, argument)
}

fn call_of(function: AggregateFunction, argument: Option<Scalar>) -> Aggregate {
    let arguments = argument.into_iter().collect();
    Aggregate { function, arguments, distinct: false, filter: None, order: Vec::new() }
}
