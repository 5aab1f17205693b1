//! Subqueries in expressions.
//!
//! A subquery is lowered where it stands; its value is one more column of the relation the expression is computed over. Which
//! column is known only when the expression is complete: until then it goes by a number beyond all columns.

use super::expression::{Binder, operator};
use super::operand::Operand;
use super::row::rows_of;
use super::scope::Scope;
use crate::expr::{Function, Scalar};
use crate::plan::{Rel, RelId};
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{BinaryOperator, Expr, Query, Spanned};

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
    /// Whether some row equals a value.
    In(Vec<Comparison>),
    /// Whether a comparison holds for some row.
    Any(Vec<Comparison>),
    /// Whether a comparison holds for all rows.
    All(Vec<Comparison>),
}

/// A value compared with a subquery's column.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Comparison {
    function: Function,
    /// Over the relation around the subquery.
    pub(in crate::sql) left: Scalar,
    /// Over the subquery's relation.
    pub(in crate::sql) right: Scalar,
}

impl Comparison {
    /// The comparison, its sides as given.
    pub(in crate::sql) fn of(&self, left: Scalar, right: Scalar) -> Scalar {
        Scalar::Call { function: self.function, arguments: vec![left, right], ty: Type::Bool }
    }
}

impl Applied {
    /// Every expression over the relation around the subquery.
    pub(in crate::sql) fn outside_mut(&mut self) -> Vec<&mut Scalar> {
        let comparisons = match &mut self.test {
            Test::In(comparisons) | Test::Any(comparisons) | Test::All(comparisons) => comparisons.as_mut_slice(),
            Test::Exists | Test::Value(_) => &mut [],
        };
        self.subquery.reads.iter_mut().chain(comparisons.iter_mut().map(|comparison| &mut comparison.left)).collect()
    }

    /// As `outside_mut`.
    pub(in crate::sql) fn outside(&self) -> Vec<&Scalar> {
        let comparisons = match &self.test {
            Test::In(comparisons) | Test::Any(comparisons) | Test::All(comparisons) => comparisons.as_slice(),
            Test::Exists | Test::Value(_) => &[],
        };
        self.subquery.reads.iter().chain(comparisons.iter().map(|comparison| &comparison.left)).collect()
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

impl Binder<'_> {
    pub(super) fn lowered(&mut self, query: &Query) -> Bound<Subquery> {
        let scope = self.scope;
        let Some(queries) = &mut self.queries else {
            return Err(Fault::unsupported("a subquery here is").within(query));
        };
        let subquery = queries.subquery(query, scope)?;
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
        test: impl Fn(Vec<Comparison>) -> Test,
    ) -> Bound<Operand> {
        let exprs = rows_of(left).unwrap_or_else(|| vec![left]);
        let operands = self.bind_all(exprs.iter().copied())?;
        let subquery = self.lowered(query)?;
        if operands.len() != subquery.columns.len() {
            let many = if operands.len() < subquery.columns.len() { "many" } else { "few" };
            return Err(Fault::syntax(format!("subquery has too {many} columns")).within(query));
        }
        if operands.len() > 1 && op != "=" {
            return Err(Fault::unsupported("a row compared with a subquery by anything but = is").within(left));
        }
        let pairs = operands.into_iter().zip(subquery.columns.clone());
        let comparisons =
            pairs.map(|(value, column)| comparison(op, value, column).map_err(|fault| fault.within(left)));
        let test = test(comparisons.collect::<Bound<_>>()?);
        Ok(self.apply_query(subquery, test, Type::Bool, -1))
    }

    /// `(a, b) = (c, d)`, element by element. Postgres: "Row Constructor Comparison".
    pub(super) fn row_comparison(&mut self, left: &[&Expr], op: &BinaryOperator, right: &[&Expr]) -> Bound<Operand> {
        if left.len() != right.len() {
            return Err(Fault::syntax("unequal number of entries in row expressions"));
        }
        let (left, right) = (self.bind_all(left.iter().copied())?, self.bind_all(right.iter().copied())?);
        let pairs: Vec<(Operand, Operand)> = left.into_iter().zip(right).collect();
        let compare = |op: &str, (left, right): &(Operand, Operand)| {
            operator(op, vec![left.clone(), right.clone()])?.condition("a row comparison")
        };
        let all = |op: &str| pairs.iter().map(|pair| compare(op, pair)).collect::<Bound<Vec<Scalar>>>();
        match op {
            BinaryOperator::Eq => Ok(Operand::new(Scalar::And(all("=")?))),
            BinaryOperator::NotEq => Ok(Operand::new(Scalar::Or(all("<>")?))),
            BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                let strict = if matches!(op, BinaryOperator::Lt | BinaryOperator::LtEq) { "<" } else { ">" };
                let Some((last, before)) = pairs.split_last() else { return Err(Fault::syntax("an empty row")) };
                let mut whole = compare(&op.to_string(), last)?;
                for pair in before.iter().rev() {
                    let equal_so_far = Scalar::And(vec![compare("=", pair)?, whole]);
                    whole = Scalar::Or(vec![compare(strict, pair)?, equal_so_far]);
                }
                Ok(Operand::new(whole))
            }
            op => Err(Fault::unsupported(format!("the operator {op} between rows is"))),
        }
    }
}

fn comparison(op: &str, value: Operand, column: Operand) -> Bound<Comparison> {
    match operator(op, vec![value, column])?.condition("a comparison with a subquery")? {
        Scalar::Call { function, arguments, .. } => match <[Scalar; 2]>::try_from(arguments) {
            Ok([left, right]) => Ok(Comparison { function, left, right }),
            Err(_) => Err(Fault::unsupported(format!("the operator {op} with a subquery is"))),
        },
        _ => Err(Fault::unsupported(format!("the operator {op} with a subquery is"))),
    }
}
