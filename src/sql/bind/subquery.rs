//! Subqueries in expressions.
//!
//! A subquery is lowered where it stands; its value is one more column of the relation the expression is computed over. Which
//! column is known only when the expression is complete: until then it goes by a number beyond all columns.

use super::expression::{Binder, operator};
use super::operand::Operand;
use super::outer_aggregate::OuterAggregate;
use super::row::rows_of;
use super::scope::Scope;
use super::table::reads_returned;
use crate::expr::Scalar;
use crate::plan::unnest::substitute;
use crate::plan::{Rel, RelId};
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{BinaryOperator, Expr, Query, Spanned};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The first number of a subquery's value.
const FIRST: usize = usize::MAX / 2;

/// Lowers the queries of expressions.
pub(in crate::sql) trait Queries {
    /// A query inside an expression over that scope.
    fn subquery(&mut self, query: &Query, scope: &Scope) -> Bound<Subquery>;
}

/// A subquery, lowered.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Subquery {
    /// The columns it reads of the queries around it, and then its own.
    pub(in crate::sql) rel: Rel,
    /// The relation in `rel` that stands for the values of the columns it reads.
    pub(in crate::sql) leaf: RelId,
    /// The columns it reads, over the relation around it.
    pub(in crate::sql) reads: Vec<Scalar>,
    /// The names of its own columns.
    pub(in crate::sql) names: Vec<String>,
    /// Its own columns, over `rel`; literals whose type nothing has asked for are open.
    pub(in crate::sql) columns: Vec<Operand>,
    /// Aggregates inside it that belong to the query around it, whose values it has yet to be given.
    pub(in crate::sql) aggregates: Vec<OuterAggregate>,
}

/// A subquery whose value an expression reads.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Applied {
    pub(in crate::sql) subquery: Subquery,
    pub(in crate::sql) test: Test,
}

/// What of a subquery is the value.
#[derive(Clone, Debug)]
pub(in crate::sql) enum Test {
    /// Whether it has a row.
    Exists,
    /// The value of its only row; null without one.
    Value(Scalar),
    /// Whether some row equals values.
    In(Comparison),
    /// Whether a comparison holds for some row.
    Any(Comparison),
    /// Whether a comparison holds for all rows.
    All(Comparison),
}

/// Values compared with a subquery's columns.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Comparison {
    /// Over the relation around the subquery.
    pub(in crate::sql) left: Vec<Scalar>,
    /// Over the subquery's relation.
    pub(in crate::sql) right: Vec<Scalar>,
    /// Over the values on the left followed by those on the right.
    outcome: Scalar,
}

impl Comparison {
    /// The comparison, its sides as given.
    pub(in crate::sql) fn of(&self, left: &[Scalar], right: &[Scalar]) -> Scalar {
        substitute(&self.outcome, &[left, right].concat())
    }

    /// Each value with what it is compared with.
    pub(in crate::sql) fn pairs(&self) -> impl Iterator<Item = (&Scalar, &Scalar)> {
        self.left.iter().zip(&self.right)
    }
}

impl Applied {
    /// Every expression over the relation around the subquery.
    pub(in crate::sql) fn outside_mut(&mut self) -> Vec<&mut Scalar> {
        let compared = match &mut self.test {
            Test::In(comparison) | Test::Any(comparison) | Test::All(comparison) => comparison.left.as_mut_slice(),
            Test::Exists | Test::Value(_) => &mut [],
        };
        self.subquery.reads.iter_mut().chain(compared).collect()
    }

    /// As `outside_mut`.
    pub(in crate::sql) fn outside(&self) -> Vec<&Scalar> {
        let compared = match &self.test {
            Test::In(comparison) | Test::Any(comparison) | Test::All(comparison) => comparison.left.as_slice(),
            Test::Exists | Test::Value(_) => &[],
        };
        self.subquery.reads.iter().chain(compared).collect()
    }
}

/// Which subquery's value a column is, if it is one.
pub(in crate::sql) fn applied(column: usize) -> Option<usize> {
    column.checked_sub(FIRST)
}

/// The number a subquery's value goes by.
pub(in crate::sql) fn numbered(place: usize) -> usize {
    FIRST.saturating_add(place)
}

/// Whether the expression reads the value of a subquery.
pub(in crate::sql) fn reads_applied(scalar: &Scalar) -> bool {
    let mut any = false;
    scalar.columns(&mut |column| any |= applied(column).is_some());
    any
}

/// The columns that the values have become.
pub(in crate::sql) fn place_applied(scalar: &mut Scalar, place: &dyn Fn(usize) -> usize) {
    scalar.map_columns(&mut |column| applied(column).map_or(column, place));
}

/// The other columns at new places.
pub(in crate::sql) fn place_others(scalar: &mut Scalar, place: &dyn Fn(usize) -> usize) {
    scalar.map_columns(&mut |column| if applied(column).is_some() { column } else { place(column) });
}

impl Binder<'_> {
    pub(super) fn lowered(&mut self, query: &Query) -> Bound<Subquery> {
        let scope = self.scope;
        let Some(queries) = &mut self.queries else {
            return Err(Fault::unsupported("a subquery here is").within(query));
        };
        let mut subquery = queries.subquery(query, scope)?;
        let mut scope = Cow::Borrowed(scope);
        while !subquery.aggregates.is_empty() {
            scope = Cow::Owned(self.with_aggregates(&scope, std::mem::take(&mut subquery.aggregates))?);
            let Some(queries) = &mut self.queries else { break };
            subquery = queries.subquery(query, &scope)?;
        }
        for read in &subquery.reads {
            read.columns(&mut |column| self.aggregates.saw(column, query.span()));
        }
        Ok(subquery)
    }

    fn apply_query(&mut self, subquery: Subquery, test: Test, ty: Type, modifier: i32) -> Operand {
        self.applied.push(Applied { subquery, test });
        Operand::Typed(Scalar::Column(numbered(self.applied.len() - 1), ty), modifier)
    }

    pub(super) fn exists(&mut self, query: &Query, negated: bool) -> Bound<Operand> {
        let subquery = self.lowered(query)?;
        let exists = self.apply_query(subquery, Test::Exists, Type::Bool, -1);
        if negated { operator("not", vec![exists]) } else { Ok(exists) }
    }

    pub(super) fn scalar_subquery(&mut self, query: &Query) -> Bound<Operand> {
        let subquery = self.lowered(query)?;
        let [column] = subquery.columns.as_slice() else {
            return Err(Fault::syntax("subquery must return only one column").within(query));
        };
        let (value, modifier) = column.clone().settled()?;
        let ty = value.ty();
        Ok(self.apply_query(subquery, Test::Value(value), ty, modifier))
    }

    pub(super) fn in_subquery(&mut self, expr: &Expr, query: &Query, negated: bool) -> Bound<Operand> {
        let found = self.quantified_subquery(expr, "=", query, Test::In)?;
        if negated { operator("not", vec![found]) } else { Ok(found) }
    }

    /// `left op ANY (query)`, or `ALL`.
    pub(super) fn quantified_query(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        quantifier: &str,
        query: &Query,
    ) -> Bound<Operand> {
        match (op, quantifier) {
            (BinaryOperator::Eq, "any") => self.in_subquery(left, query, false),
            (BinaryOperator::NotEq, "all") => self.in_subquery(left, query, true),
            (op, "any") => self.quantified_subquery(left, &op.to_string(), query, Test::Any),
            (op, _) => self.quantified_subquery(left, &op.to_string(), query, Test::All),
        }
    }

    fn quantified_subquery(
        &mut self,
        left: &Expr,
        op: &str,
        query: &Query,
        test: impl Fn(Comparison) -> Test,
    ) -> Bound<Operand> {
        let exprs = rows_of(left).unwrap_or_else(|| vec![left]);
        let operands = self.bind_all(exprs.iter().copied())?;
        let subquery = self.lowered(query)?;
        refuse_unequal(operands.len(), &subquery, query)?;
        let comparison = comparison(op, operands, subquery.columns.clone()).map_err(|fault| fault.within(left))?;
        Ok(self.apply_query(subquery, test(comparison), Type::Bool, -1))
    }

    /// `(a, b) op (query)`: the row is compared with the query's only one.
    pub(super) fn row_with_query(&mut self, left: &[&Expr], op: &BinaryOperator, query: &Query) -> Bound<Operand> {
        let left = self.bind_all(left.iter().copied())?;
        let subquery = self.lowered(query)?;
        refuse_unequal(left.len(), &subquery, query)?;
        let mut pairs = Vec::with_capacity(left.len());
        for (left, column) in left.into_iter().zip(subquery.columns.clone()) {
            let (value, modifier) = column.settled()?;
            let ty = value.ty();
            pairs.push((left, self.apply_query(subquery.clone(), Test::Value(value), ty, modifier)));
        }
        compared(&pairs, &op.to_string()).map(Operand::new)
    }

    /// `(a, b) = (c, d)`, element by element.
    pub(super) fn row_comparison(&mut self, left: &[&Expr], op: &BinaryOperator, right: &[&Expr]) -> Bound<Operand> {
        if left.len() != right.len() {
            return Err(Fault::syntax("unequal number of entries in row expressions"));
        }
        let (left, right) = (self.bind_all(left.iter().copied())?, self.bind_all(right.iter().copied())?);
        let pairs: Vec<(Operand, Operand)> = left.into_iter().zip(right).collect();
        compared(&pairs, &op.to_string()).map(Operand::new)
    }
}

/// The query that an expression consists of.
pub(super) fn query_of(expr: &Expr) -> Option<&Query> {
    match expr {
        Expr::Subquery(query) => Some(query),
        Expr::Nested(inner) => query_of(inner),
        _ => None,
    }
}

fn refuse_unequal(values: usize, subquery: &Subquery, query: &Query) -> Bound<()> {
    let many = match values.cmp(&subquery.columns.len()) {
        Ordering::Equal => return Ok(()),
        Ordering::Less => "many",
        Ordering::Greater => "few",
    };
    Err(Fault::syntax(format!("subquery has too {many} columns")).within(query))
}

/// A row compared with another. Postgres: "Row Constructor Comparison".
fn compared(pairs: &[(Operand, Operand)], op: &str) -> Bound<Scalar> {
    let compare = |op: &str, (left, right): &(Operand, Operand)| pair(op, left.clone(), right.clone());
    let all = |op: &str| pairs.iter().map(|pair| compare(op, pair)).collect::<Bound<Vec<Scalar>>>();
    match op {
        "=" => all("=").map(Scalar::And),
        "<>" => all("<>").map(Scalar::Or),
        "<" | "<=" | ">" | ">=" => {
            let Some((last, before)) = pairs.split_last() else { return Err(Fault::syntax("an empty row")) };
            let mut whole = compare(op, last)?;
            for pair in before.iter().rev() {
                let equal_so_far = Scalar::And(vec![compare("=", pair)?, whole]);
                whole = Scalar::Or(vec![compare(&op[..1], pair)?, equal_so_far]);
            }
            Ok(whole)
        }
        op => Err(Fault::unsupported(format!("the operator {op} between rows is"))),
    }
}

/// One element of a row compared with another's.
fn pair(op: &str, left: Operand, right: Operand) -> Bound<Scalar> {
    let condition = operator(op, vec![left, right])?.condition("a row comparison")?;
    match reads_returned(&condition) {
        true => Err(Fault::new("42804", "row comparison operator must not return a set")),
        false => Ok(condition),
    }
}

/// Values compared with a subquery's columns, each pair in the types in which they are.
fn comparison(op: &str, values: Vec<Operand>, columns: Vec<Operand>) -> Bound<Comparison> {
    let count = values.len();
    let (mut left, mut right, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (value, column)) in values.into_iter().zip(columns).enumerate() {
        let op = if count == 1 { op } else { "=" };
        let Scalar::Call { function, arguments, ty } = pair(op, value, column)? else { return Err(unknown(op)) };
        let Ok([value, column]) = <[Scalar; 2]>::try_from(arguments) else { return Err(unknown(op)) };
        let sides = [Scalar::Column(at, value.ty()), Scalar::Column(count + at, column.ty())];
        left.push(value);
        right.push(column);
        if count == 1 {
            return Ok(Comparison { left, right, outcome: Scalar::Call { function, arguments: sides.to_vec(), ty } });
        }
        let [value, column] = sides.map(Operand::new);
        pairs.push((value, column));
    }
    Ok(Comparison { left, right, outcome: compared(&pairs, op)? })
}

fn unknown(op: &str) -> Fault {
    Fault::unsupported(format!("the operator {op} with a subquery is"))
}
