//! Variances and standard deviations: from the exact sums of the values and of their squares.

use super::decimal::DecimalSum;
use super::pairs::Moments;
use crate::expr::EvalError;
use crate::value::Datum;
use crate::value::numeric::Numeric;
use serde::{Deserialize, Serialize};

/// How far values lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spread {
    /// The variance's root.
    pub root: bool,
    /// The values are a sample of more.
    pub sample: bool,
}

/// Of integers and `numeric`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DecimalSpread {
    sum: DecimalSum,
    squares: DecimalSum,
}

impl Spread {
    /// The aggregate of that name.
    pub(super) fn parse(name: &str) -> Option<Spread> {
        let (root, sample) = match name {
            "stddev" | "stddev_samp" => (true, true),
            "stddev_pop" => (true, false),
            "variance" | "var_samp" => (false, true),
            "var_pop" => (false, false),
            _ => return None,
        };
        Some(Spread { root, sample })
    }

    pub(super) fn name(self) -> &'static str {
        match (self.root, self.sample) {
            (true, true) => "stddev_samp",
            (true, false) => "stddev_pop",
            (false, true) => "var_samp",
            (false, false) => "var_pop",
        }
    }

    /// Whether so many values have one.
    fn exists(self, count: i64) -> bool {
        count > i64::from(self.sample)
    }

    /// Of floats.
    pub(super) fn of_floats(self, moments: &Moments) -> Result<Datum, EvalError> {
        let count = moments.count();
        if !self.exists(count) {
            return Ok(Datum::Null);
        }
        let variance = moments.squares()? / (count - i64::from(self.sample)) as f64;
        Ok(Datum::Float8(if self.root { variance.sqrt() } else { variance }))
    }
}

impl DecimalSpread {
    pub(super) fn add(&mut self, value: &Numeric, times: i64) {
        self.sum.add(value, times);
        if value.is_finite() {
            let square = value.coefficient().as_ref() * value.coefficient().as_ref();
            self.squares.add(&Numeric::from_big(square, 2 * value.scale()), times);
        }
    }

    pub(super) fn merge(&mut self, other: &DecimalSpread) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        self.sum.multiply(factor);
        self.squares.multiply(factor);
    }

    pub(super) fn is_zero(&self) -> bool {
        self.sum.is_zero() && self.squares.is_zero()
    }

    pub(super) fn count(&self) -> i64 {
        self.sum.count()
    }

    /// `(N·Σx² − (Σx)²) / (N·N)`, or over `N·(N−1)`, with Postgres's digits: it divides once, and takes the root of what it shows.
    pub(super) fn finish(&self, spread: Spread) -> Result<Datum, EvalError> {
        let (count, sum) = (self.count(), self.sum.sum());
        if !spread.exists(count) {
            return Ok(Datum::Null);
        }
        if !sum.is_finite() {
            return Ok(Datum::Numeric(Numeric::NaN));
        }
        let n = Numeric::from(count);
        let numerator = n.mul(&self.squares.sum())?.sub(&sum.mul(&sum)?)?;
        if numerator.signum() <= 0 {
            return Ok(Datum::Numeric(Numeric::ZERO));
        }
        let variance = numerator.div(&n.mul(&Numeric::from(count - i64::from(spread.sample)))?)?;
        let scale = i32::from(variance.scale());
        Ok(Datum::Numeric(if spread.root { variance.sqrt_at(scale)? } else { variance }))
    }
}
