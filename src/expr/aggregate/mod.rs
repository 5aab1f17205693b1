//! Aggregates.
//!
//! An aggregate runs in one of two ways. *Accumulable* ones keep an exact [`Accumulator`], an abelian group: what a row contributed is
//! taken back without residue, in any order. The others fold over the group's rows, in the order of the call's ORDER BY and
//! else of the values.

mod accumulator;
mod binary;
mod bits;
mod collect;
mod decimal;
mod float;
mod integer;
mod pairs;
mod resolve;
mod spread;
mod within;

#[cfg(test)]
mod tests;

use super::EvalError;
use super::function::divide_interval;
use crate::value::numeric::Numeric;
use crate::value::{Datum, Interval, Type};
pub use accumulator::Accumulator;
use bits::BitCounts;
pub use bits::Bits;
pub use collect::Collect;
use decimal::DecimalSum;
pub use pairs::PairStatistic;
pub use resolve::{is_aggregate, is_within_group, resolve_aggregate};
pub use spread::Spread;
use std::cmp::Ordering;
pub use within::Within;

/// An aggregate function with its argument's type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// How many. `count(*)` has no argument.
    Count,
    /// The sum; null of nothing.
    Sum(Type),
    /// The mean; null of nothing.
    Avg(Type),
    /// The least.
    Min(Type),
    /// The greatest.
    Max(Type),
    /// Whether all are true (`every`).
    BoolAnd,
    /// Whether any is true.
    BoolOr,
    /// Any value: the least.
    AnyValue(Type),
    /// The bits of integers, combined.
    Bits(Bits, Type),
    /// Variance or standard deviation.
    Spread(Spread, Type),
    /// A statistic of pairs of `double precision`.
    Pairs(PairStatistic),
    /// All values in order, as one.
    Collect(Collect),
    /// What stands at a place of the sorted values.
    Within(Within),
    /// The value of the only row, null or not; an error if there are more. What a subquery gives that stands for a value.
    Only(Type),
}

/// A group's rows for a fold: the arguments' values, with how often they occur.
pub type Values<'a> = &'a mut dyn Iterator<Item = (Vec<Datum>, i64)>;

/// The aggregate a call means.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedAggregate {
    /// The aggregate.
    pub function: AggregateFunction,
    /// What each argument is to be cast to, implicitly; empty for `count(*)`.
    pub arguments: Vec<Type>,
    /// The result's type.
    pub result: Type,
}

impl AggregateFunction {
    /// The SQL name.
    pub fn name(&self) -> &'static str {
        match self {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum(_) => "sum",
            AggregateFunction::Avg(_) => "avg",
            AggregateFunction::Min(_) => "min",
            AggregateFunction::Max(_) => "max",
            AggregateFunction::BoolAnd => "bool_and",
            AggregateFunction::BoolOr => "bool_or",
            AggregateFunction::AnyValue(_) => "any_value",
            AggregateFunction::Bits(bits, _) => bits.name(),
            AggregateFunction::Spread(spread, _) => spread.name(),
            AggregateFunction::Pairs(statistic) => statistic.name(),
            AggregateFunction::Collect(collect) => collect.name(),
            AggregateFunction::Within(within) => within.name(),
            AggregateFunction::Only(_) => "only",
        }
    }

    /// The type of the result.
    pub fn result_type(&self) -> Type {
        match self {
            AggregateFunction::Count => Type::Int8,
            AggregateFunction::Sum(Type::Int2 | Type::Int4) => Type::Int8,
            AggregateFunction::Sum(Type::Int8) => Type::Numeric,
            AggregateFunction::Avg(Type::Int2 | Type::Int4 | Type::Int8) => Type::Numeric,
            AggregateFunction::Avg(Type::Float4) => Type::Float8,
            AggregateFunction::Sum(ty) | AggregateFunction::Avg(ty) => ty.clone(),
            AggregateFunction::Min(ty) | AggregateFunction::Max(ty) => ty.clone(),
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr => Type::Bool,
            AggregateFunction::AnyValue(ty) | AggregateFunction::Bits(_, ty) => ty.clone(),
            AggregateFunction::Spread(_, Type::Float4 | Type::Float8) => Type::Float8,
            AggregateFunction::Spread(..) => Type::Numeric,
            AggregateFunction::Pairs(PairStatistic::Count) => Type::Int8,
            AggregateFunction::Pairs(_) => Type::Float8,
            AggregateFunction::Collect(collect) => collect.result_type(),
            AggregateFunction::Within(within) => within.result_type(),
            AggregateFunction::Only(ty) => ty.clone(),
        }
    }

    /// Whether the order of the rows makes a difference.
    pub fn is_ordered(&self) -> bool {
        matches!(self, AggregateFunction::Collect(_) | AggregateFunction::Within(_))
    }

    /// Whether a row counts although its first argument is null.
    pub fn keeps_nulls(&self) -> bool {
        match self {
            AggregateFunction::Collect(collect) => collect.keeps_nulls(),
            AggregateFunction::Only(_) => true,
            _ => false,
        }
    }

    /// Whether the result is not null if at least one row counts.
    pub fn is_present(&self) -> bool {
        match self {
            AggregateFunction::Count | AggregateFunction::Sum(_) | AggregateFunction::Avg(_) => true,
            AggregateFunction::Min(_) | AggregateFunction::Max(_) | AggregateFunction::AnyValue(_) => true,
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr | AggregateFunction::Bits(..) => true,
            AggregateFunction::Collect(_) => true,
            AggregateFunction::Within(within) => matches!(within, Within::Mode(_)),
            AggregateFunction::Spread(..) | AggregateFunction::Pairs(_) | AggregateFunction::Only(_) => false,
        }
    }

    /// Whether it may fail on some values of these types.
    pub fn is_fallible(&self, arguments: &[Type]) -> bool {
        let is_exact = |ty: &Type| matches!(ty, Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric);
        match self {
            AggregateFunction::Count | AggregateFunction::Min(_) | AggregateFunction::Max(_) => false,
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr | AggregateFunction::Bits(..) => false,
            AggregateFunction::AnyValue(_) => false,
            AggregateFunction::Sum(ty) | AggregateFunction::Avg(ty) => !is_exact(ty),
            AggregateFunction::Spread(..) | AggregateFunction::Only(_) => true,
            AggregateFunction::Pairs(statistic) => *statistic != PairStatistic::Count,
            AggregateFunction::Collect(collect) => collect.is_fallible(arguments),
            AggregateFunction::Within(within) => !matches!(within, Within::Mode(_)),
        }
    }

    /// Whether DISTINCT makes no difference.
    pub fn ignores_duplicates(&self) -> bool {
        match self {
            AggregateFunction::Min(_) | AggregateFunction::Max(_) | AggregateFunction::AnyValue(_) => true,
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr => true,
            AggregateFunction::Bits(bits, _) => *bits != Bits::Xor,
            AggregateFunction::Count | AggregateFunction::Sum(_) | AggregateFunction::Avg(_) => false,
            AggregateFunction::Spread(..) | AggregateFunction::Pairs(_) => false,
            AggregateFunction::Collect(_) | AggregateFunction::Within(_) | AggregateFunction::Only(_) => false,
        }
    }

    /// The accumulator of no values, for an aggregate that accumulates; `None` for those that fold.
    pub fn accumulable(&self) -> Option<Accumulator> {
        match self {
            AggregateFunction::Count => Some(Accumulator::Count(0)),
            AggregateFunction::Sum(ty) | AggregateFunction::Avg(ty) => match ty {
                Type::Int2 | Type::Int4 | Type::Int8 => Some(Accumulator::Integer { count: 0, sum: 0 }),
                Type::Numeric => Some(Accumulator::Decimal(DecimalSum::default())),
                Type::Float4 | Type::Float8 => Some(Accumulator::Float(Box::default())),
                Type::Interval => Some(Accumulator::Interval { count: 0, months: 0, days: 0, micros: 0 }),
                _ => None,
            },
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr => Some(Accumulator::Bool { trues: 0, falses: 0 }),
            AggregateFunction::Bits(_, ty) => Some(Accumulator::Bits(Box::new(BitCounts::of(ty)))),
            AggregateFunction::Spread(_, Type::Float4 | Type::Float8) => Some(Accumulator::Moments(Box::default())),
            AggregateFunction::Spread(..) => Some(Accumulator::Spread(Box::default())),
            AggregateFunction::Pairs(_) => Some(Accumulator::Pairs(Box::default())),
            AggregateFunction::Min(_) | AggregateFunction::Max(_) | AggregateFunction::AnyValue(_) => None,
            AggregateFunction::Collect(_) | AggregateFunction::Within(_) | AggregateFunction::Only(_) => None,
        }
    }

    /// The result over a group's rows, in order; the way for what does not accumulate. Of SQL-equal values the first is shown.
    pub fn fold(&self, rows: Values<'_>) -> Result<Datum, EvalError> {
        match self {
            AggregateFunction::Collect(collect) => collect.fold(rows),
            AggregateFunction::Within(within) => within.fold(rows),
            AggregateFunction::Only(_) => only(rows),
            AggregateFunction::Min(_) | AggregateFunction::AnyValue(_) => Ok(best(rows, Ordering::Less)),
            AggregateFunction::Max(_) => Ok(best(rows, Ordering::Greater)),
            _ => {
                let Some(mut accumulator) = self.accumulable() else { return Ok(Datum::Null) };
                for (values, count) in rows {
                    accumulator.add(&values, count);
                }
                self.finish(&accumulator)
            }
        }
    }

    /// The result an accumulator stands for.
    pub fn finish(&self, accumulator: &Accumulator) -> Result<Datum, EvalError> {
        let average = matches!(self, AggregateFunction::Avg(_));
        match (accumulator, self) {
            (Accumulator::Count(count), _) => Ok(Datum::Int8(*count)),
            (Accumulator::Pairs(sums), AggregateFunction::Pairs(statistic)) => sums.finish(*statistic),
            (_, _) if accumulator.count() == 0 => Ok(Datum::Null),
            (Accumulator::Bits(counts), AggregateFunction::Bits(bits, ty)) => counts.finish(*bits, ty),
            (Accumulator::Spread(state), AggregateFunction::Spread(spread, _)) => state.finish(*spread),
            (Accumulator::Moments(moments), AggregateFunction::Spread(spread, _)) => spread.of_floats(moments),
            (Accumulator::Bits(_) | Accumulator::Spread(_) | Accumulator::Moments(_) | Accumulator::Pairs(_), _) => {
                Err(EvalError::mistyped())
            }
            (Accumulator::Bool { falses, .. }, AggregateFunction::BoolAnd) => Ok(Datum::Bool(*falses == 0)),
            (Accumulator::Bool { trues, .. }, _) => Ok(Datum::Bool(*trues != 0)),
            (Accumulator::Integer { count, sum }, _) if average => integer::average(*sum, *count),
            (Accumulator::Integer { sum, .. }, AggregateFunction::Sum(Type::Int8)) => {
                Ok(Datum::Numeric(Numeric::from(*sum)))
            }
            (Accumulator::Integer { sum, .. }, _) => integer::sum(*sum),
            (Accumulator::Decimal(state), _) if average => state.average(),
            (Accumulator::Decimal(state), _) => Ok(Datum::Numeric(state.sum())),
            (Accumulator::Float(state), _) if average => state.average(),
            (Accumulator::Float(state), AggregateFunction::Sum(Type::Float4)) => state.sum_float4(),
            (Accumulator::Float(state), _) => state.sum_float8(),
            (Accumulator::Interval { count, months, days, micros }, _) => {
                let sum = interval(*months, *days, *micros)?;
                let result = if average { divide_interval(sum, *count as f64)? } else { sum };
                Ok(Datum::Interval(result))
            }
        }
    }
}

fn only(rows: Values<'_>) -> Result<Datum, EvalError> {
    let (mut only, mut count) = (Datum::Null, 0);
    for (mut values, times) in rows {
        only = values.pop().unwrap_or(Datum::Null);
        count += times;
    }
    match count {
        0 | 1 => Ok(only),
        _ => Err(EvalError::new("21000", "more than one row returned by a subquery used as an expression")),
    }
}

/// The first value that no other comes before on that side.
fn best(rows: Values<'_>, side: Ordering) -> Datum {
    let mut present = rows.filter_map(|(mut values, _)| values.pop()).filter(|value| !value.is_null());
    let first = present.next().unwrap_or(Datum::Null);
    present.fold(first, |best, value| if value.sql_cmp(&best) == side { value } else { best })
}

fn interval(months: i64, days: i64, micros: i128) -> Result<Interval, EvalError> {
    match (i32::try_from(months), i32::try_from(days), i64::try_from(micros)) {
        (Ok(months), Ok(days), Ok(micros)) => Ok(Interval { months, days, micros }),
        _ => Err(EvalError::new("22008", "interval out of range")),
    }
}
