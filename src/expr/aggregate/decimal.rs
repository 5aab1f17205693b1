//! The exact sum of `numeric` values.
//!
//! A sum shows as many digits as the longest scale among the values present. So that retracting the only value of that scale
//! takes its digits away again, each scale keeps its own count and sum. Nearly always there is one scale and the sum fits a
//! word, which then takes no allocation: a sum is made for every change of a row.

use super::integer::Wide;
use crate::expr::EvalError;
use crate::value::Datum;
use crate::value::numeric::Numeric;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// Counts and sums per scale. Equal sums are equal values: what fits `One` is `One`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DecimalSum {
    /// Of values of one scale; all zero for no values.
    One {
        /// The digits after the point.
        scale: u16,
        /// How many values.
        count: i64,
        /// The sum in units of the last digit.
        coefficient: i64,
    },
    /// Of any values.
    Many(Box<Scales>),
}

/// Counts and sums per scale; what is all zero is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scales {
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

impl Default for DecimalSum {
    fn default() -> DecimalSum {
        DecimalSum::One { scale: 0, count: 0, coefficient: 0 }
    }
}

impl DecimalSum {
    pub(super) fn add(&mut self, value: &Numeric, times: i64) {
        self.merge(&DecimalSum::of(value, times));
    }

    /// The sum of a value that occurs so many times.
    fn of(value: &Numeric, times: i64) -> DecimalSum {
        let mut scales = Scales::default();
        match value {
            Numeric::NaN => scales.nans = times,
            Numeric::PositiveInfinity => scales.positive_infinities = times,
            Numeric::NegativeInfinity => scales.negative_infinities = times,
            Numeric::Small(coefficient, scale) => {
                let product = i64::try_from(*coefficient).ok().and_then(|coefficient| coefficient.checked_mul(times));
                if let Some(coefficient) = product {
                    return DecimalSum::one(*scale, times, coefficient);
                }
                scales.merge_scale(&OneScale::of(*scale, Wide::Small(*coefficient), times));
            }
            Numeric::Big(coefficient, scale) => {
                let coefficient = Wide::from_big(coefficient.as_ref().clone());
                scales.merge_scale(&OneScale::of(*scale, coefficient, times));
            }
        }
        scales.into_sum()
    }

    fn one(scale: u16, count: i64, coefficient: i64) -> DecimalSum {
        match (count, coefficient) {
            (0, 0) => DecimalSum::default(),
            _ => DecimalSum::One { scale, count, coefficient },
        }
    }

    #[inline]
    pub(super) fn merge(&mut self, other: &DecimalSum) {
        if other.is_zero() {
            return;
        }
        if let (
            DecimalSum::One { scale, count, coefficient },
            DecimalSum::One { scale: other_scale, count: more, coefficient: added },
        ) = (&*self, other)
            && (scale == other_scale || self.is_zero())
            && let Some(sum) = coefficient.checked_add(*added)
        {
            *self = DecimalSum::one(*other_scale, count + more, sum);
            return;
        }
        let mut scales = std::mem::take(self).into_scales();
        scales.merge(&other.clone().into_scales());
        *self = scales.into_sum();
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        if let DecimalSum::One { scale, count, coefficient } = self
            && let Some(product) = coefficient.checked_mul(factor)
        {
            *self = DecimalSum::one(*scale, *count * factor, product);
            return;
        }
        let mut scales = std::mem::take(self).into_scales();
        scales.multiply(factor);
        *self = scales.into_sum();
    }

    #[inline]
    pub(super) fn is_zero(&self) -> bool {
        matches!(self, DecimalSum::One { count: 0, coefficient: 0, .. })
    }

    fn into_scales(self) -> Scales {
        match self {
            DecimalSum::Many(scales) => *scales,
            DecimalSum::One { scale, count, coefficient } => {
                let mut scales = Scales::default();
                scales.merge_scale(&OneScale { scale, count, coefficients: Wide::Small(i128::from(coefficient)) });
                scales
            }
        }
    }

    pub(super) fn count(&self) -> i64 {
        match self {
            DecimalSum::One { count, .. } => *count,
            DecimalSum::Many(scales) => scales.count(),
        }
    }

    pub(super) fn sum(&self) -> Numeric {
        match self {
            DecimalSum::One { scale, coefficient, .. } => Numeric::Small(i128::from(*coefficient), *scale),
            DecimalSum::Many(scales) => scales.sum(),
        }
    }

    pub(super) fn average(&self) -> Result<Datum, EvalError> {
        Ok(Datum::Numeric(self.sum().div(&Numeric::from(self.count()))?))
    }
}

impl Scales {
    fn merge_scale(&mut self, one: &OneScale) {
        match self.scales.binary_search_by_key(&one.scale, |known| known.scale) {
            Ok(position) => {
                let known = &mut self.scales[position];
                known.count += one.count;
                known.coefficients.add(&one.coefficients);
                if known.is_zero() {
                    self.scales.remove(position);
                }
            }
            Err(_) if one.is_zero() => {}
            Err(position) => self.scales.insert(position, one.clone()),
        }
    }

    fn merge(&mut self, other: &Scales) {
        for one in &other.scales {
            self.merge_scale(one);
        }
        self.nans += other.nans;
        self.positive_infinities += other.positive_infinities;
        self.negative_infinities += other.negative_infinities;
    }

    fn multiply(&mut self, factor: i64) {
        self.scales.iter_mut().for_each(|one| {
            one.count *= factor;
            one.coefficients.multiply(factor);
        });
        self.scales.retain(|one| !one.is_zero());
        self.nans *= factor;
        self.positive_infinities *= factor;
        self.negative_infinities *= factor;
    }

    /// In the one form that equal sums have.
    fn into_sum(self) -> DecimalSum {
        let (nans, infinities) = (self.nans, (self.positive_infinities, self.negative_infinities));
        match (nans, infinities, self.scales.as_slice()) {
            (0, (0, 0), []) => DecimalSum::default(),
            (0, (0, 0), [OneScale { scale, count, coefficients: Wide::Small(coefficient) }]) => {
                match i64::try_from(*coefficient) {
                    Ok(coefficient) => DecimalSum::one(*scale, *count, coefficient),
                    Err(_) => DecimalSum::Many(Box::new(self)),
                }
            }
            _ => DecimalSum::Many(Box::new(self)),
        }
    }

    fn count(&self) -> i64 {
        let finite: i64 = self.scales.iter().map(|one| one.count).sum();
        finite + self.nans + self.positive_infinities + self.negative_infinities
    }

    fn sum(&self) -> Numeric {
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
}

impl OneScale {
    /// Of a value that occurs so many times.
    fn of(scale: u16, mut coefficients: Wide, times: i64) -> OneScale {
        coefficients.multiply(times);
        OneScale { scale, count: times, coefficients }
    }

    fn is_zero(&self) -> bool {
        self.count == 0 && self.coefficients == Wide::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: [&str; 11] = [
        "0",
        "0.00",
        "1.5",
        "-1.5",
        "2.50",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999.9",
        "1e60",
        "NaN",
        "-Infinity",
    ];

    proptest! {
        /// However values came and went, what is left is the same value as if only they had come.
        #[test]
        fn the_way_leaves_no_trace(steps in prop::collection::vec((0..VALUES.len(), -3i64..4), 0..40)) {
            let values = VALUES.map(|text| Numeric::parse(text).expect("a numeric"));
            let mut left = [0; VALUES.len()];
            let mut sum = DecimalSum::default();
            for (value, times) in steps {
                sum.add(&values[value], times);
                left[value] += times;
            }
            let mut afresh = DecimalSum::default();
            let mut negated = DecimalSum::default();
            for (value, times) in left.into_iter().enumerate() {
                afresh.add(&values[value], times);
                negated.add(&values[value], -times);
            }
            prop_assert_eq!(&sum, &afresh);
            negated.multiply(-1);
            prop_assert_eq!(&negated, &afresh);
            afresh.multiply(-1);
            sum.merge(&afresh);
            prop_assert!(sum.is_zero());
            prop_assert_eq!(sum, DecimalSum::default());
        }
    }
}
