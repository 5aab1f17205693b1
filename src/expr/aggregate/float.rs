//! The exact sum of floating-point values.
//!
//! Every finite float is an integer times a power of two, so their sum is too: it is kept exactly and rounded once, when it is
//! shown. Postgres adds one by one and rounds each time, so its last digits depend on the order of its scan; these do not.

use super::integer::Wide;
use crate::expr::EvalError;
use crate::value::Datum;
use num_bigint::Sign;
use serde::{Deserialize, Serialize};

/// `mantissa · 2^exponent`, the mantissa odd (or both zero), and how many values are no finite numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FloatSum {
    mantissa: Wide,
    exponent: i32,
    pub(super) count: i64,
    nans: i64,
    positive_infinities: i64,
    negative_infinities: i64,
    /// The sum of nothing but negative zeros is one.
    negative_zeros: i64,
}

/// Bits of an `f64`'s fraction.
const FRACTION: u32 = 52;
/// The exponent of the least positive `f64`.
const LEAST_EXPONENT: i32 = -1074;

impl FloatSum {
    pub(super) fn add(&mut self, value: f64, times: i64) {
        self.count += times;
        if value.is_nan() {
            self.nans += times;
        } else if value == f64::INFINITY {
            self.positive_infinities += times;
        } else if value == f64::NEG_INFINITY {
            self.negative_infinities += times;
        } else if value == 0.0 {
            self.negative_zeros += if value.is_sign_negative() { times } else { 0 };
        } else {
            let (mantissa, exponent) = decompose(value);
            let mut mantissa = Wide::Small(mantissa);
            mantissa.multiply(times);
            self.add_scaled(&mantissa, exponent);
        }
    }

    fn add_scaled(&mut self, mantissa: &Wide, exponent: i32) {
        let least = if self.mantissa == Wide::ZERO { exponent } else { self.exponent.min(exponent) };
        let mut sum = self.mantissa.shift_left((self.exponent - least).max(0) as u32);
        sum.add(&mantissa.shift_left((exponent - least).max(0) as u32));
        let (odd, zeros) = sum.odd_part();
        self.exponent = if odd == Wide::ZERO { 0 } else { least + zeros as i32 };
        self.mantissa = odd;
    }

    pub(super) fn merge(&mut self, other: &FloatSum) {
        if other.mantissa != Wide::ZERO {
            self.add_scaled(&other.mantissa, other.exponent);
        }
        self.count += other.count;
        self.nans += other.nans;
        self.positive_infinities += other.positive_infinities;
        self.negative_infinities += other.negative_infinities;
        self.negative_zeros += other.negative_zeros;
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        let mut mantissa = std::mem::take(&mut self.mantissa);
        let exponent = std::mem::take(&mut self.exponent);
        mantissa.multiply(factor);
        if mantissa != Wide::ZERO {
            self.add_scaled(&mantissa, exponent);
        }
        self.count *= factor;
        self.nans *= factor;
        self.positive_infinities *= factor;
        self.negative_infinities *= factor;
        self.negative_zeros *= factor;
    }

    /// The sum, rounded once to the nearest float, ties to even.
    fn rounded(&self) -> Result<f64, EvalError> {
        match (self.nans, self.positive_infinities, self.negative_infinities) {
            (0, 0, 0) => {}
            (0, 0, _) => return Ok(f64::NEG_INFINITY),
            (0, _, 0) => return Ok(f64::INFINITY),
            _ => return Ok(f64::NAN),
        }
        if self.mantissa == Wide::ZERO {
            return Ok(if self.negative_zeros == self.count { -0.0 } else { 0.0 });
        }
        let (sign, magnitude) = self.mantissa.to_big().into_parts();
        let excess = magnitude.bits().saturating_sub(u64::from(FRACTION) + 1);
        let mut digits = (&magnitude >> excess).iter_u64_digits().next().unwrap_or(0);
        if excess > 0 {
            let half = magnitude.bit(excess - 1);
            let beyond_half = magnitude.trailing_zeros().is_some_and(|zeros| zeros < excess - 1);
            digits += u64::from(half && (beyond_half || digits & 1 == 1));
        }
        let exponent = i64::from(self.exponent) + excess as i64;
        let value = digits as f64 * power_of_two(exponent).ok_or_else(overflow)?;
        if value.is_infinite() {
            return Err(overflow());
        }
        Ok(if sign == Sign::Minus { -value } else { value })
    }

    pub(super) fn sum_float8(&self) -> Result<Datum, EvalError> {
        self.rounded().map(Datum::Float8)
    }

    pub(super) fn sum_float4(&self) -> Result<Datum, EvalError> {
        let sum = self.rounded()?;
        let narrow = sum as f32;
        if narrow.is_infinite() && sum.is_finite() {
            return Err(overflow());
        }
        Ok(Datum::Float4(narrow))
    }

    pub(super) fn average(&self) -> Result<Datum, EvalError> {
        let sum = self.rounded()?;
        let sum = if sum == 0.0 { 0.0 } else { sum };
        Ok(Datum::Float8(sum / self.count as f64))
    }
}

fn overflow() -> EvalError {
    EvalError::new("22003", "value out of range: overflow")
}

/// A finite float as `mantissa · 2^exponent`.
fn decompose(value: f64) -> (i128, i32) {
    let bits = value.to_bits();
    let fraction = i128::from(bits & ((1 << FRACTION) - 1));
    let biased = ((bits >> FRACTION) & 0x7FF) as i32;
    let (magnitude, exponent) = match biased {
        0 => (fraction, LEAST_EXPONENT),
        _ => (fraction | 1 << FRACTION, LEAST_EXPONENT + biased - 1),
    };
    (if value.is_sign_negative() { -magnitude } else { magnitude }, exponent)
}

/// `2^exponent`, if an `f64` can hold it.
fn power_of_two(exponent: i64) -> Option<f64> {
    match exponent {
        -1074..=-1023 => Some(f64::from_bits(1 << (exponent + 1074))),
        -1022..=1023 => Some(f64::from_bits(((exponent + 1023) as u64) << FRACTION)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> Result<Datum, EvalError> {
        let mut sum = FloatSum::default();
        values.iter().for_each(|value| sum.add(*value, 1));
        sum.sum_float8()
    }

    #[test]
    fn sums_are_exact_until_shown() {
        assert_eq!(sum(&[1e16, 1.0, -1e16]), Ok(Datum::Float8(1.0)));
        assert_eq!(sum(&[1e308, 1e-300, -1e308]), Ok(Datum::Float8(1e-300)));
        assert_eq!(sum(&[0.1, 0.2]), Ok(Datum::Float8(0.1 + 0.2)));
        assert_eq!(sum(&[5e-324, 5e-324]), Ok(Datum::Float8(1e-323)));
        assert_eq!(sum(&[f64::MAX, f64::MAX]), Err(overflow()));
        assert_eq!(sum(&[f64::INFINITY, 1.0]), Ok(Datum::Float8(f64::INFINITY)));
        assert_eq!(sum(&[9007199254740992.0, 1.0]), Ok(Datum::Float8(9007199254740992.0)));
        assert_eq!(sum(&[9007199254740992.0, 1.0, 1e-9]), Ok(Datum::Float8(9007199254740994.0)));
    }

    #[test]
    fn retracting_leaves_nothing() {
        let values = [0.1, -7.25e200, 3e-310, f64::NAN, f64::INFINITY, -0.0, 12345.678, 0.1];
        let mut sum = FloatSum::default();
        values.iter().for_each(|value| sum.add(*value, 3));
        values.iter().rev().for_each(|value| sum.add(*value, -2));
        let mut once = FloatSum::default();
        values.iter().for_each(|value| once.add(*value, 1));
        assert_eq!(sum, once);
        once.multiply(-1);
        sum.merge(&once);
        assert_eq!(sum, FloatSum::default());
    }
}
