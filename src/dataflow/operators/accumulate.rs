//! Aggregates that are sums: a group's whole state is one difference, so that nothing of its rows is kept.
//!
//! Counts and sums of integers lie side by side in a fixed number of 128-bit slots; everything else that can be added and taken
//! back exactly (`expr::Accumulator`) goes into a vector.

use crate::expr::{Accumulator, AggregateFunction, EvalError};
use crate::value::{Datum, RowBuilder, encoding};
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{IsZero, Semigroup};
use serde::{Deserialize, Serialize};

/// A group's state: how many rows, and its sums.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sums<S> {
    rows: i64,
    slots: S,
}

/// A 128-bit integer aligned to words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wide {
    high: i64,
    low: u64,
}

impl From<i128> for Wide {
    #[inline]
    fn from(value: i128) -> Wide {
        Wide { high: (value >> 64) as i64, low: value as u64 }
    }
}

impl From<Wide> for i128 {
    #[inline]
    fn from(value: Wide) -> i128 {
        (i128::from(value.high) << 64) | i128::from(value.low)
    }
}

/// What can hold an accumulation's sums.
pub trait Slots: ExchangeData {
    /// The sums of one row, given its encoded arguments.
    fn of_row(plan: &Accumulation, arguments: &[u8]) -> Self;
    /// No sums.
    fn empty(plan: &Accumulation) -> Self;
    /// Adds.
    fn add(&mut self, other: &Self);
    /// As if it had been added that many times.
    fn scale(&mut self, factor: i64);
    /// Whether nothing is left.
    fn is_zero(&self) -> bool;
    /// The result of the aggregate at that position.
    fn result(&self, plan: &Accumulation, position: usize, rows: i64) -> Result<Datum, EvalError>;
}

/// How many slots an accumulation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// At most one integer.
    One,
    /// At most four.
    Four,
    /// Not all sums are integers, or too many.
    Any,
}

/// Aggregates to be accumulated together.
#[derive(Clone, Debug)]
pub struct Accumulation {
    summands: Vec<Summand>,
    used: usize,
}

#[derive(Clone, Debug)]
struct Summand {
    function: AggregateFunction,
    source: Source,
    /// The accumulator of nothing.
    empty: Accumulator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// `count(*)`: the number of rows; has no argument.
    Rows,
    /// The number of values that are not null.
    Count { slot: usize },
    /// Integers; without a slot for their number if none is null.
    Integer { count: Option<usize>, sum: usize },
    /// Something else, of so many arguments.
    Other { arguments: usize },
}

impl Accumulation {
    /// For these aggregates, each with its arguments' nullability. `None` if one does not accumulate.
    pub fn new(aggregates: &[(AggregateFunction, Vec<bool>)]) -> Option<Accumulation> {
        let mut used = 0;
        let mut slot = || {
            used += 1;
            used - 1
        };
        let mut summands = Vec::new();
        for (function, nullable) in aggregates {
            let empty = function.accumulable()?;
            let source = match (&empty, nullable.as_slice()) {
                (_, []) => Source::Rows,
                (Accumulator::Count(_), [_]) => Source::Count { slot: slot() },
                (Accumulator::Integer { .. }, [nullable]) => {
                    Source::Integer { count: nullable.then(&mut slot), sum: slot() }
                }
                (_, arguments) => Source::Other { arguments: arguments.len() },
            };
            summands.push(Summand { function: function.clone(), source, empty });
        }
        Some(Accumulation { summands, used })
    }

    /// Only the number of rows.
    pub fn rows_only() -> Accumulation {
        Accumulation { summands: Vec::new(), used: 0 }
    }

    /// How many slots are needed.
    pub fn width(&self) -> Width {
        if self.summands.iter().any(|summand| matches!(summand.source, Source::Other { .. })) {
            return Width::Any;
        }
        match self.used {
            0 | 1 => Width::One,
            2..=4 => Width::Four,
            _ => Width::Any,
        }
    }

    /// Appends the results, in the order of the aggregates.
    pub fn finish<S: Slots>(&self, sums: &Sums<S>, rows: i64, out: &mut RowBuilder) -> Result<(), EvalError> {
        (0..self.summands.len()).try_for_each(|position| {
            out.push(&sums.slots.result(self, position, rows)?);
            Ok(())
        })
    }

    /// The sums of a row that occurs `diff` times.
    #[inline]
    pub fn contribution<S: Slots>(&self, arguments: &[u8], diff: i64) -> Sums<S> {
        let mut sums = Sums { rows: diff, slots: S::of_row(self, arguments) };
        if diff != 1 {
            sums.slots.scale(diff);
        }
        sums
    }

    /// The sums of a row without arguments that count.
    pub fn empty_row<S: Slots>(&self) -> Sums<S> {
        Sums { rows: 1, slots: S::empty(self) }
    }
}

impl<S> Sums<S> {
    /// How many rows the group has.
    pub fn rows(&self) -> i64 {
        self.rows
    }
}

impl<S: Slots> IsZero for Sums<S> {
    #[inline]
    fn is_zero(&self) -> bool {
        self.rows == 0 && self.slots.is_zero()
    }
}

impl<S: Slots> Semigroup for Sums<S> {
    #[inline]
    fn plus_equals(&mut self, other: &Self) {
        self.rows += other.rows;
        self.slots.add(&other.slots);
    }
}

/// An encoded integer of any width; `None` for null.
#[inline]
fn integer(column: &[u8]) -> Option<i64> {
    let payload = &column[1..];
    match payload.len() {
        8 => payload.try_into().ok().map(|bytes| (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64),
        4 => payload.try_into().ok().map(|bytes| i64::from((u32::from_be_bytes(bytes) ^ (1 << 31)) as i32)),
        2 => payload.try_into().ok().map(|bytes| i64::from((u16::from_be_bytes(bytes) ^ (1 << 15)) as i16)),
        _ => None,
    }
}

impl<const N: usize> Slots for [Wide; N]
where
    [Wide; N]: Serialize + for<'a> Deserialize<'a>,
{
    #[inline]
    fn of_row(plan: &Accumulation, mut arguments: &[u8]) -> Self {
        let mut slots = [Wide::default(); N];
        for summand in &plan.summands {
            if summand.source == Source::Rows {
                continue;
            }
            let (column, rest) = arguments.split_at(encoding::skip(arguments));
            arguments = rest;
            match summand.source {
                Source::Count { slot } => slots[slot] = Wide::from(i128::from(column[0] != encoding::NULL)),
                Source::Integer { count, sum } => {
                    if let Some(value) = integer(column) {
                        slots[sum] = Wide::from(i128::from(value));
                        if let Some(count) = count {
                            slots[count] = Wide::from(1);
                        }
                    }
                }
                Source::Rows | Source::Other { .. } => {}
            }
        }
        slots
    }

    fn empty(_plan: &Accumulation) -> Self {
        [Wide::default(); N]
    }

    #[inline]
    fn add(&mut self, other: &Self) {
        for (sum, other) in self.iter_mut().zip(other) {
            *sum = Wide::from(i128::from(*sum).wrapping_add(i128::from(*other)));
        }
    }

    #[inline]
    fn scale(&mut self, factor: i64) {
        self.iter_mut().for_each(|sum| *sum = Wide::from(i128::from(*sum).wrapping_mul(i128::from(factor))));
    }

    #[inline]
    fn is_zero(&self) -> bool {
        self.iter().all(|sum| *sum == Wide::default())
    }

    fn result(&self, plan: &Accumulation, position: usize, rows: i64) -> Result<Datum, EvalError> {
        let summand = &plan.summands[position];
        let count = |slot: usize| i128::from(self[slot]) as i64;
        match summand.source {
            Source::Count { slot } => Ok(Datum::Int8(count(slot))),
            Source::Integer { count: slot, sum } => {
                let count = slot.map_or(rows, count);
                summand.function.finish(&Accumulator::Integer { count, sum: i128::from(self[sum]) })
            }
            Source::Rows | Source::Other { .. } => Ok(Datum::Int8(rows)),
        }
    }
}

impl Slots for Vec<Accumulator> {
    fn of_row(plan: &Accumulation, mut arguments: &[u8]) -> Self {
        let mut slots = Vec::with_capacity(plan.summands.len());
        for summand in &plan.summands {
            let mut slot = summand.empty.clone();
            let mut next = || {
                let (value, length) = encoding::decode(arguments);
                arguments = &arguments[length..];
                value
            };
            match summand.source {
                Source::Rows => {}
                Source::Count { .. } | Source::Integer { .. } => slot.add(&[next()], 1),
                Source::Other { arguments: 1 } => slot.add(&[next()], 1),
                Source::Other { arguments } => slot.add(&(0..arguments).map(|_| next()).collect::<Vec<_>>(), 1),
            }
            slots.push(slot);
        }
        slots
    }

    fn empty(plan: &Accumulation) -> Self {
        plan.summands.iter().map(|summand| summand.empty.clone()).collect()
    }

    fn add(&mut self, other: &Self) {
        self.iter_mut().zip(other).for_each(|(sum, other)| sum.merge(other));
    }

    fn scale(&mut self, factor: i64) {
        self.iter_mut().for_each(|sum| sum.multiply(factor));
    }

    fn is_zero(&self) -> bool {
        self.iter().all(Accumulator::is_zero)
    }

    fn result(&self, plan: &Accumulation, position: usize, rows: i64) -> Result<Datum, EvalError> {
        let summand = &plan.summands[position];
        match summand.source {
            Source::Rows => Ok(Datum::Int8(rows)),
            _ => summand.function.finish(&self[position]),
        }
    }
}
