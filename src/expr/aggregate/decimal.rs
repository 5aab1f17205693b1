//! The exact sum of `numeric` values.
//!
//! A sum shows as many digits as the longest scale among the values present. So that retracting the only value of that scale
//! takes its digits away again, each scale keeps its own count and sum.

use super::integer::Wide;
use crate::expr::EvalError;
use crate::value::Datum;
use crate::value::numeric::Numeric;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// Counts and sums per scale; what is all zero is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DecimalSum {
    /// By ascending scale.
    scales: Vec<OneScale>,
    nans: i64,
    positive_infinities: i64,
    negative_infinities: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct OneScale {
    scale: u16,
    count: i64,
    coefficients: Wide,
}

impl DecimalSum {
    pub(super) fn add(&mut self, value: &Numeric, times: i64) {
        let coefficient = match value {
            Numeric::NaN => return self.nans += times,
            Numeric::PositiveInfinity => return self.positive_infinities += times,
            Numeric::NegativeInfinity => return self.negative_infinities += times,
            Numeric::Small(coefficient, _) => Wide::Small(*coefficient),
            Numeric::Big(coefficient, _) => Wide::from_big(coefficient.as_ref().clone()),
        };
        let mut one = OneScale { scale: value.scale(), count: 1, coefficients: coefficient };
        one.multiply(times);
        self.merge_scale(&one);
    }

    fn merge_scale(&mut self, one: &OneScale) {
        match self.scales.binary_search_by_key(&one.scale, |known| known.scale) {
            Ok(position) => {
                let known = &mut self.scales[position];
                known.count += one.count;
                known.coefficients.add(&one.coefficients);
                if known.count == 0 && known.coefficients == Wide::ZERO {
                    self.scales.remove(position);
                }
            }
            Err(position) => self.scales.insert(position, one.clone()),
        }
    }

    pub(super) fn merge(&mut self, other: &DecimalSum) {
        for one in &other.scales {
            self.merge_scale(one);
        }
        self.nans += other.nans;
        self.positive_infinities += other.positive_infinities;
        self.negative_infinities += other.negative_infinities;
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        if factor == 0 {
            return *self = DecimalSum::default();
        }
        self.scales.iter_mut().for_each(|one| one.multiply(factor));
        self.nans *= factor;
        self.positive_infinities *= factor;
        self.negative_infinities *= factor;
    }

    pub(super) fn count(&self) -> i64 {
        let finite: i64 = self.scales.iter().map(|one| one.count).sum();
        finite + self.nans + self.positive_infinities + self.negative_infinities
    }

    pub(super) fn sum(&self) -> Numeric {
        match (self.nans, self.positive_infinities, self.negative_infinities) {
            (0, 0, 0) => {}
            (0, 0, _) => return Numeric::NegativeInfinity,
            (0, _, 0) => return Numeric::PositiveInfinity,
            _ => return Numeric::NaN,
        }
        let Some(last) = self.scales.last() else { return Numeric::ZERO };
        let sum = self.scales.iter().fold(BigInt::ZERO, |sum, one| {
            sum + one.coefficients.to_big() * BigInt::from(10).pow(u32::from(last.scale - one.scale))
        });
        Numeric::from_big(sum, last.scale)
    }

    pub(super) fn average(&self) -> Result<Datum, EvalError> {
        Ok(Datum::Numeric(self.sum().div(&Numeric::from(self.count()))?))
    }
}

impl OneScale {
    fn multiply(&mut self, factor: i64) {
        self.count *= factor;
        self.coefficients.multiply(factor);
    }
}
