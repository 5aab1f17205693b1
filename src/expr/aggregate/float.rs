//! The exact sum of floating-point values.
//!
//! Every finite float is an integer times a power of two, so their sum is too: it is kept exactly and rounded once, when it is
//! shown. Postgres adds one by one and rounds each time, so its last digits depend on the order of its scan; these do not.

use super::binary::{Binary, decompose, overflow};
use super::integer::Wide;
use crate::expr::EvalError;
use crate::value::Datum;
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

    /// Adds the product of two finite values, exactly; only `exact` tells of it.
    pub(super) fn add_product(&mut self, a: f64, b: f64, times: i64) {
        let ((a, a_exponent), (b, b_exponent)) = (decompose(a), decompose(b));
        let mut product = Wide::Small(a * b);
        product.multiply(times);
        if product != Wide::ZERO {
            self.add_scaled(&product, a_exponent + b_exponent);
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
    pub(super) fn rounded(&self) -> Result<f64, EvalError> {
        match (self.nans, self.positive_infinities, self.negative_infinities) {
            (0, 0, 0) => {}
            (0, 0, _) => return Ok(f64::NEG_INFINITY),
            (0, _, 0) => return Ok(f64::INFINITY),
            _ => return Ok(f64::NAN),
        }
        if self.mantissa == Wide::ZERO {
            return Ok(if self.negative_zeros == self.count { -0.0 } else { 0.0 });
        }
        self.exact().rounded()
    }

    /// The sum of the finite values.
    pub(super) fn exact(&self) -> Binary {
        Binary { mantissa: self.mantissa.to_big(), exponent: i64::from(self.exponent) }
    }

    /// Whether all values are finite.
    pub(super) fn is_finite(&self) -> bool {
        self.nans == 0 && self.positive_infinities == 0 && self.negative_infinities == 0
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
