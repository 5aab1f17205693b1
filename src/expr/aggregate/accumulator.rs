//! The state of an aggregate that accumulates.

use super::bits::BitCounts;
use super::decimal::DecimalSum;
use super::float::FloatSum;
use super::pairs::{Moments, PairSums};
use super::spread::DecimalSpread;
use crate::value::Datum;
use crate::value::numeric::Numeric;
use serde::{Deserialize, Serialize};

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
    /// Of integers' bits.
    Bits(Box<BitCounts>),
    /// Of integers and `numeric`, with their squares.
    Spread(Box<DecimalSpread>),
    /// Of floats, with their squares.
    Moments(Box<Moments>),
    /// Of pairs of floats.
    Pairs(Box<PairSums>),
}

impl Accumulator {
    /// Adds a row's arguments `times` times; a negative number takes them back. Rows with a null, and values of another type,
    /// contribute nothing.
    pub fn add(&mut self, values: &[Datum], times: i64) {
        if values.iter().any(Datum::is_null) {
            return;
        }
        match (self, values) {
            (Accumulator::Count(count), _) => *count += times,
            (Accumulator::Integer { count, sum }, [value]) => {
                let Some(value) = integer(value) else { return };
                *count += times;
                *sum += i128::from(value) * i128::from(times);
            }
            (Accumulator::Decimal(state), [Datum::Numeric(value)]) => state.add(value, times),
            (Accumulator::Float(state), [Datum::Float4(value)]) => state.add(f64::from(*value), times),
            (Accumulator::Float(state), [Datum::Float8(value)]) => state.add(*value, times),
            (Accumulator::Interval { count, months, days, micros }, [Datum::Interval(value)]) => {
                *count += times;
                *months += i64::from(value.months) * times;
                *days += i64::from(value.days) * times;
                *micros += i128::from(value.micros) * i128::from(times);
            }
            (Accumulator::Bool { trues, .. }, [Datum::Bool(true)]) => *trues += times,
            (Accumulator::Bool { falses, .. }, [Datum::Bool(false)]) => *falses += times,
            (Accumulator::Bits(state), [value]) => integer(value).into_iter().for_each(|value| state.add(value, times)),
            (Accumulator::Spread(state), [Datum::Numeric(value)]) => state.add(value, times),
            (Accumulator::Spread(state), [value]) => {
                integer(value).into_iter().for_each(|value| state.add(&Numeric::from(value), times));
            }
            (Accumulator::Moments(state), [Datum::Float4(value)]) => state.add(f64::from(*value), times),
            (Accumulator::Moments(state), [Datum::Float8(value)]) => state.add(*value, times),
            (Accumulator::Pairs(state), [Datum::Float8(y), Datum::Float8(x)]) => state.add(*y, *x, times),
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
            (Accumulator::Bits(a), Accumulator::Bits(b)) => a.merge(b),
            (Accumulator::Spread(a), Accumulator::Spread(b)) => a.merge(b),
            (Accumulator::Moments(a), Accumulator::Moments(b)) => a.merge(b),
            (Accumulator::Pairs(a), Accumulator::Pairs(b)) => a.merge(b),
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
            Accumulator::Bits(state) => state.multiply(factor),
            Accumulator::Spread(state) => state.multiply(factor),
            Accumulator::Moments(state) => state.multiply(factor),
            Accumulator::Pairs(state) => state.multiply(factor),
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
            Accumulator::Bits(state) => state.is_zero(),
            Accumulator::Spread(state) => state.is_zero(),
            Accumulator::Moments(state) => state.is_zero(),
            Accumulator::Pairs(state) => state.is_zero(),
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
            Accumulator::Bits(state) => state.count,
            Accumulator::Spread(state) => state.count(),
            Accumulator::Moments(state) => state.count(),
            Accumulator::Pairs(state) => state.count(),
        }
    }
}

fn integer(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int2(value) => Some(i64::from(*value)),
        Datum::Int4(value) => Some(i64::from(*value)),
        Datum::Int8(value) => Some(*value),
        _ => None,
    }
}
