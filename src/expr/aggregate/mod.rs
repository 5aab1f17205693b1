//! Aggregates.
//!
//! An aggregate runs in one of two ways. *Accumulable* ones keep an exact [`Accumulator`], an abelian group: what a row contributed is
//! taken back without residue, in any order. The others fold over the group's values in key order.

mod decimal;
mod float;
mod integer;

use super::coercion::{Argument, ResolveError};
use super::function::divide_interval;
use super::resolve::not_found;
use super::{EvalError, coercion};
use crate::value::numeric::Numeric;
use crate::value::{Datum, Interval, Type};
use decimal::DecimalSum;
use float::FloatSum;
use serde::{Deserialize, Serialize};

/// An aggregate function with its argument's type. Nulls are not seen by any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// How many. `count(*)` counts a not-null constant.
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
}

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

/// What a multiset of values comes to, exactly: adding and subtracting contributions in any order leaves no residue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Accumulator {
    /// How many not-null values.
    Count(i64),
    /// Of integers.
    Integer {
        /// How many not-null values.
        count: i64,
        /// Their sum.
        sum: i128,
    },
    /// Of `numeric`.
    Decimal(DecimalSum),
    /// Of `real` and `double precision`.
    Float(Box<FloatSum>),
    /// Of `interval`.
    Interval {
        /// How many not-null values.
        count: i64,
        /// The parts' sums.
        months: i64,
        /// The parts' sums.
        days: i64,
        /// The parts' sums.
        micros: i128,
    },
    /// Of `boolean`.
    Bool {
        /// How many are true.
        trues: i64,
        /// How many are false.
        falses: i64,
    },
}

/// Finds an aggregate by name; no arguments stand for `count(*)`.
pub fn resolve_aggregate(name: &str, arguments: &[Argument]) -> Result<ResolvedAggregate, ResolveError> {
    let not_found = || not_found("function", name, arguments);
    let (function, arguments) = match (name, arguments) {
        ("count", []) => (AggregateFunction::Count, Vec::new()),
        ("count", [Argument::Known(ty)]) => (AggregateFunction::Count, vec![ty.clone()]),
        ("count", [Argument::Unknown]) => (AggregateFunction::Count, vec![Type::Text]),
        ("sum" | "avg", [argument]) => {
            let ty = summed(argument).ok_or_else(not_found)?;
            let function = if name == "sum" { AggregateFunction::Sum } else { AggregateFunction::Avg };
            (function(ty.clone()), vec![ty])
        }
        ("min" | "max", [argument]) => {
            let ty = ordered(argument).ok_or_else(not_found)?;
            let function = if name == "min" { AggregateFunction::Min } else { AggregateFunction::Max };
            (function(ty.clone()), vec![ty])
        }
        ("bool_and" | "every", [argument]) if is_bool(argument) => (AggregateFunction::BoolAnd, vec![Type::Bool]),
        ("bool_or", [argument]) if is_bool(argument) => (AggregateFunction::BoolOr, vec![Type::Bool]),
        _ => return Err(not_found()),
    };
    let result = function.result_type();
    Ok(ResolvedAggregate { function, arguments, result })
}

/// Whether an aggregate of that name exists.
pub fn is_aggregate(name: &str) -> bool {
    matches!(name, "count" | "sum" | "avg" | "min" | "max" | "bool_and" | "bool_or" | "every")
}

fn is_bool(argument: &Argument) -> bool {
    matches!(argument, Argument::Known(Type::Bool) | Argument::Unknown)
}

/// The type `sum` and `avg` take the argument as: an unknown one as `double precision`, the preferred number.
fn summed(argument: &Argument) -> Option<Type> {
    match argument {
        Argument::Known(ty) if coercion::category(ty) == coercion::Category::Numeric => Some(ty.clone()),
        Argument::Known(Type::Interval | Type::Time) => Some(Type::Interval),
        Argument::Unknown => Some(Type::Float8),
        Argument::Known(_) => None,
    }
}

/// The type `min` and `max` take the argument as.
fn ordered(argument: &Argument) -> Option<Type> {
    match argument {
        Argument::Known(Type::Varchar) | Argument::Unknown => Some(Type::Text),
        Argument::Known(Type::Bool | Type::Bytea | Type::Uuid | Type::Json | Type::Jsonb | Type::Opaque(_)) => None,
        Argument::Known(ty) => Some(ty.clone()),
    }
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
            AggregateFunction::Min(_) | AggregateFunction::Max(_) => None,
        }
    }

    /// The result over a group's values, given in key order with how often each occurs; the way for what does not accumulate.
    /// Of SQL-equal values the first is shown.
    pub fn fold(&self, values: &mut dyn Iterator<Item = (Datum, i64)>) -> Result<Datum, EvalError> {
        if let Some(mut accumulator) = self.accumulable() {
            for (value, count) in values {
                accumulator.add(&value, count);
            }
            return self.finish(&accumulator);
        }
        let mut present = values.filter(|(value, _)| !value.is_null()).map(|(value, _)| value);
        let Some(mut best) = present.next() else { return Ok(Datum::Null) };
        if let AggregateFunction::Min(_) = self {
            return Ok(best);
        }
        for value in present {
            if value.sql_cmp(&best).is_gt() {
                best = value;
            }
        }
        Ok(best)
    }

    /// The result an accumulator stands for.
    pub fn finish(&self, accumulator: &Accumulator) -> Result<Datum, EvalError> {
        let average = matches!(self, AggregateFunction::Avg(_));
        match (accumulator, self) {
            (Accumulator::Count(count), _) => Ok(Datum::Int8(*count)),
            (_, _) if accumulator.count() == 0 => Ok(Datum::Null),
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

fn interval(months: i64, days: i64, micros: i128) -> Result<Interval, EvalError> {
    match (i32::try_from(months), i32::try_from(days), i64::try_from(micros)) {
        (Ok(months), Ok(days), Ok(micros)) => Ok(Interval { months, days, micros }),
        _ => Err(EvalError::new("22008", "interval out of range")),
    }
}

impl Accumulator {
    /// Adds a value `times` times; a negative number takes it back. Nulls, and values of another type, contribute nothing.
    pub fn add(&mut self, value: &Datum, times: i64) {
        match (self, value) {
            (_, Datum::Null) => {}
            (Accumulator::Count(count), _) => *count += times,
            (Accumulator::Integer { count, sum }, value) => {
                let value = match value {
                    Datum::Int2(value) => i128::from(*value),
                    Datum::Int4(value) => i128::from(*value),
                    Datum::Int8(value) => i128::from(*value),
                    _ => return,
                };
                *count += times;
                *sum += value * i128::from(times);
            }
            (Accumulator::Decimal(state), Datum::Numeric(value)) => state.add(value, times),
            (Accumulator::Float(state), Datum::Float4(value)) => state.add(f64::from(*value), times),
            (Accumulator::Float(state), Datum::Float8(value)) => state.add(*value, times),
            (Accumulator::Interval { count, months, days, micros }, Datum::Interval(value)) => {
                *count += times;
                *months += i64::from(value.months) * times;
                *days += i64::from(value.days) * times;
                *micros += i128::from(value.micros) * i128::from(times);
            }
            (Accumulator::Bool { trues, .. }, Datum::Bool(true)) => *trues += times,
            (Accumulator::Bool { falses, .. }, Datum::Bool(false)) => *falses += times,
            _ => {}
        }
    }

    /// Adds what another accumulator of the same aggregate holds.
    pub fn merge(&mut self, other: &Accumulator) {
        match (self, other) {
            (Accumulator::Count(a), Accumulator::Count(b)) => *a += b,
            (Accumulator::Integer { count: a, sum: x }, Accumulator::Integer { count: b, sum: y }) => {
                *a += b;
                *x += y;
            }
            (Accumulator::Decimal(a), Accumulator::Decimal(b)) => a.merge(b),
            (Accumulator::Float(a), Accumulator::Float(b)) => a.merge(b),
            (
                Accumulator::Interval { count, months, days, micros },
                Accumulator::Interval { count: n, months: m, days: d, micros: u },
            ) => {
                *count += n;
                *months += m;
                *days += d;
                *micros += u;
            }
            (Accumulator::Bool { trues: a, falses: x }, Accumulator::Bool { trues: b, falses: y }) => {
                *a += b;
                *x += y;
            }
            _ => debug_assert!(false, "accumulators of different aggregates"),
        }
    }

    /// Multiplies: as if every value had been added that many times.
    pub fn multiply(&mut self, factor: i64) {
        match self {
            Accumulator::Count(count) => *count *= factor,
            Accumulator::Integer { count, sum } => {
                *count *= factor;
                *sum *= i128::from(factor);
            }
            Accumulator::Decimal(state) => state.multiply(factor),
            Accumulator::Float(state) => state.multiply(factor),
            Accumulator::Interval { count, months, days, micros } => {
                *count *= factor;
                *months *= factor;
                *days *= factor;
                *micros *= i128::from(factor);
            }
            Accumulator::Bool { trues, falses } => {
                *trues *= factor;
                *falses *= factor;
            }
        }
    }

    /// Whether nothing is left: this is the accumulator of no values.
    pub fn is_zero(&self) -> bool {
        match self {
            Accumulator::Count(count) => *count == 0,
            Accumulator::Integer { count, sum } => *count == 0 && *sum == 0,
            Accumulator::Decimal(state) => state.is_zero(),
            Accumulator::Float(state) => **state == FloatSum::default(),
            Accumulator::Interval { count, months, days, micros } => {
                *count == 0 && *months == 0 && *days == 0 && *micros == 0
            }
            Accumulator::Bool { trues, falses } => *trues == 0 && *falses == 0,
        }
    }

    /// How many not-null values.
    pub fn count(&self) -> i64 {
        match self {
            Accumulator::Count(count) | Accumulator::Integer { count, .. } | Accumulator::Interval { count, .. } => {
                *count
            }
            Accumulator::Decimal(state) => state.count(),
            Accumulator::Float(state) => state.count,
            Accumulator::Bool { trues, falses } => trues + falses,
        }
    }
}
