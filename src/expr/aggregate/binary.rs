//! Exact binary numbers, and how they become floats.

use crate::expr::EvalError;
use num_bigint::{BigInt, Sign};

/// `mantissa · 2^exponent`.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) mantissa: BigInt,
    pub(super) exponent: i64,
}

/// Bits of an `f64`'s fraction.
const FRACTION: u32 = 52;
/// The exponent of the least positive `f64`.
const LEAST_EXPONENT: i64 = -1074;
/// The exponent that no `f64` reaches.
const END_EXPONENT: i64 = 1024;
/// How many bits of a quotient are computed: more than decide how it is rounded.
const QUOTIENT: u64 = 128;

impl Binary {
    pub(super) fn times(&self, other: &Binary) -> Binary {
        Binary { mantissa: &self.mantissa * &other.mantissa, exponent: self.exponent + other.exponent }
    }

    pub(super) fn times_integer(&self, factor: i64) -> Binary {
        Binary { mantissa: &self.mantissa * factor, exponent: self.exponent }
    }

    pub(super) fn minus(&self, other: &Binary) -> Binary {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |x: &Binary| &x.mantissa << (x.exponent - exponent);
        Binary { mantissa: scaled(self) - scaled(other), exponent }
    }

    /// A quotient that rounds to the same float as the exact one.
    pub(super) fn over_integer(&self, divisor: i64) -> Binary {
        let (sign, magnitude) = (self.mantissa.sign(), self.mantissa.magnitude());
        let shift = QUOTIENT.saturating_sub(magnitude.bits());
        let (dividend, divisor) = (magnitude << shift, divisor.unsigned_abs());
        let (quotient, rest) = (&dividend / divisor, &dividend % divisor);
        // What is left lies below the last bit, and says only that there is something.
        let sticky = (quotient << 1u32) + u32::from(rest.bits() > 0);
        Binary { mantissa: BigInt::from_biguint(sign, sticky), exponent: self.exponent - shift as i64 - 1 }
    }

    /// The nearest float, ties to even.
    pub(super) fn rounded(&self) -> Result<f64, EvalError> {
        let (sign, magnitude) = (self.mantissa.sign(), self.mantissa.magnitude());
        if sign == Sign::NoSign {
            return Ok(0.0);
        }
        let bits = magnitude.bits();
        let end = bits as i64 + self.exponent;
        if end > END_EXPONENT {
            return Err(overflow());
        }
        let exponent = (end - i64::from(FRACTION) - 1).max(LEAST_EXPONENT);
        let excess = (exponent - self.exponent).max(0) as u64;
        let mut digits = (magnitude >> excess).iter_u64_digits().next().unwrap_or(0);
        if excess > 0 {
            let half = magnitude.bit(excess - 1);
            let beyond_half = magnitude.trailing_zeros().is_some_and(|zeros| zeros < excess - 1);
            digits += u64::from(half && (beyond_half || digits & 1 == 1));
        }
        let value = digits as f64 * power_of_two(exponent.max(self.exponent)).ok_or_else(overflow)?;
        if value.is_infinite() {
            return Err(overflow());
        }
        Ok(if sign == Sign::Minus { -value } else { value })
    }
}

pub(super) fn overflow() -> EvalError {
    EvalError::new("22003", "value out of range: overflow")
}

/// A finite float as `mantissa · 2^exponent`.
pub(super) fn decompose(value: f64) -> (i128, i32) {
    let bits = value.to_bits();
    let fraction = i128::from(bits & ((1 << FRACTION) - 1));
    let biased = ((bits >> FRACTION) & 0x7FF) as i32;
    let (magnitude, exponent) = match biased {
        0 => (fraction, LEAST_EXPONENT as i32),
        _ => (fraction | 1 << FRACTION, LEAST_EXPONENT as i32 + biased - 1),
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
    use proptest::prelude::*;

    fn of(value: f64) -> Binary {
        let (mantissa, exponent) = decompose(value);
        Binary { mantissa: BigInt::from(mantissa), exponent: i64::from(exponent) }
    }

    proptest! {
        /// One operation on floats is the exact one, rounded.
        #[test]
        fn rounded_as_floats_are(a in any::<f64>(), b in any::<f64>(), n in 1i64..1 << 53) {
            prop_assume!(a.is_finite() && b.is_finite());
            let (exact_a, exact_b) = (of(a), of(b));
            for (exact, float) in [
                (exact_a.clone(), a),
                (exact_a.times(&exact_b), a * b),
                (exact_a.minus(&exact_b), a - b),
                (exact_a.over_integer(n), a / n as f64),
                (exact_a.times_integer(n), a * n as f64),
            ] {
                match exact.rounded() {
                    Ok(rounded) => prop_assert_eq!(rounded, float),
                    Err(_) => prop_assert!(float.is_infinite()),
                }
            }
        }
    }
}
