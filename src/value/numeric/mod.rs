//! Arbitrary-precision decimals with Postgres's scales, limits, rounding and text.
//!
//! A finite number is `coefficient / 10^scale`; the scale is the number of digits shown after the point. The coefficient is
//! an `i128` wherever it fits and a `BigInt` only where it does not, so that equal forms are equal values of this type.

mod arithmetic;
mod convert;
mod parse;
mod power;

use super::ValueError;
use num_bigint::{BigInt, Sign};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A `numeric` value. `==` compares forms (1.0 ≠ 1.00), `cmp` compares numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Numeric {
    /// Coefficient and scale.
    Small(i128, u16),
    /// A coefficient too long for an `i128`, and its scale.
    Big(Arc<BigInt>, u16),
    /// Not a number: equal to itself and greater than all others.
    NaN,
    /// Greater than every number.
    PositiveInfinity,
    /// Less than every number.
    NegativeInfinity,
}

/// Most digits after the point that Postgres can store.
pub const MAX_SCALE: i32 = 16383;
/// Most digits before the point that Postgres can store.
pub const MAX_WHOLE_DIGITS: i32 = 131_072;

/// `10^exponent`, if it fits.
fn small_power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// `10^exponent`.
fn power_of_ten(exponent: u32) -> BigInt {
    match small_power_of_ten(exponent) {
        Some(power) => BigInt::from(power),
        None => BigInt::from(10).pow(exponent),
    }
}

impl Numeric {
    /// Zero with no digits after the point.
    pub const ZERO: Numeric = Numeric::Small(0, 0);

    /// `coefficient / 10^scale`, in the smaller form where that fits.
    pub fn from_big(coefficient: BigInt, scale: u16) -> Numeric {
        match i128::try_from(&coefficient) {
            Ok(small) => Numeric::Small(small, scale),
            Err(_) => Numeric::Big(Arc::new(coefficient), scale),
        }
    }

    /// Whether this is a number proper: neither NaN nor an infinity.
    pub fn is_finite(&self) -> bool {
        matches!(self, Numeric::Small(..) | Numeric::Big(..))
    }

    /// Whether this is NaN.
    pub fn is_nan(&self) -> bool {
        matches!(self, Numeric::NaN)
    }

    /// Whether this is zero, of any scale.
    pub fn is_zero(&self) -> bool {
        matches!(self, Numeric::Small(0, _))
    }

    /// -1, 0 or 1; NaN counts as positive.
    pub fn signum(&self) -> i32 {
        match self {
            Numeric::Small(c, _) => c.signum() as i32,
            Numeric::Big(c, _) if c.sign() == Sign::Minus => -1,
            Numeric::NegativeInfinity => -1,
            Numeric::Big(..) | Numeric::NaN | Numeric::PositiveInfinity => 1,
        }
    }

    /// The digits after the point; 0 for what has none.
    pub fn scale(&self) -> u16 {
        match self {
            Numeric::Small(_, scale) | Numeric::Big(_, scale) => *scale,
            Numeric::NaN | Numeric::PositiveInfinity | Numeric::NegativeInfinity => 0,
        }
    }

    /// The coefficient of a finite number, 0 for others.
    pub fn coefficient(&self) -> Cow<'_, BigInt> {
        match self {
            Numeric::Small(c, _) => Cow::Owned(BigInt::from(*c)),
            Numeric::Big(c, _) => Cow::Borrowed(c),
            Numeric::NaN | Numeric::PositiveInfinity | Numeric::NegativeInfinity => Cow::Owned(BigInt::ZERO),
        }
    }

    /// The sign and the coefficient's decimal digits without leading zeros (none for zero).
    pub(super) fn digits<'a>(&self, buffer: &'a mut [u8; 40]) -> (bool, Cow<'a, [u8]>) {
        match self {
            Numeric::Small(c, _) => {
                let mut start = buffer.len();
                let mut rest = c.unsigned_abs();
                while rest >= 1 << 64 {
                    start -= 1;
                    buffer[start] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
                let mut rest = rest as u64;
                while rest > 0 {
                    start -= 1;
                    buffer[start] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
                (*c < 0, Cow::Borrowed(&buffer[start..]))
            }
            Numeric::Big(c, _) => (c.sign() == Sign::Minus, Cow::Owned(c.magnitude().to_str_radix(10).into_bytes())),
            Numeric::NaN | Numeric::PositiveInfinity | Numeric::NegativeInfinity => (false, Cow::Borrowed(&[])),
        }
    }

    /// The place among NaN, infinities and numbers.
    fn class(&self) -> u8 {
        match self {
            Numeric::NegativeInfinity => 0,
            Numeric::Small(..) | Numeric::Big(..) => 1,
            Numeric::PositiveInfinity => 2,
            Numeric::NaN => 3,
        }
    }

    /// SQL's order.
    #[expect(clippy::should_implement_trait, reason = "`Ord` must agree with `==`, which compares forms")]
    pub fn cmp(&self, other: &Numeric) -> Ordering {
        if let (Numeric::Small(a, s), Numeric::Small(b, t)) = (self, other) {
            if s == t {
                return a.cmp(b);
            }
            let up = |c: &i128, by: u16| small_power_of_ten(u32::from(by)).and_then(|power| c.checked_mul(power));
            if let (Some(a), Some(b)) = (up(a, t.saturating_sub(*s)), up(b, s.saturating_sub(*t))) {
                return a.cmp(&b);
            }
        }
        if !self.is_finite() || !other.is_finite() {
            return self.class().cmp(&other.class());
        }
        let (s, t) = (self.scale(), other.scale());
        let a = self.coefficient().as_ref() * power_of_ten(u32::from(t.saturating_sub(s)));
        let b = other.coefficient().as_ref() * power_of_ten(u32::from(s.saturating_sub(t)));
        a.cmp(&b)
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Numeric {
        Numeric::Small(i128::from(value), 0)
    }
}

impl From<i128> for Numeric {
    fn from(value: i128) -> Numeric {
        Numeric::Small(value, 0)
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = match self {
            Numeric::NaN => return f.write_str("NaN"),
            Numeric::PositiveInfinity => return f.write_str("Infinity"),
            Numeric::NegativeInfinity => return f.write_str("-Infinity"),
            Numeric::Small(_, scale) | Numeric::Big(_, scale) => usize::from(*scale),
        };
        let mut buffer = [0; 40];
        let (negative, digits) = self.digits(&mut buffer);
        let digits = std::str::from_utf8(&digits).map_err(|_| fmt::Error)?;
        let sign = if negative { "-" } else { "" };
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
        let whole = if whole.is_empty() { "0" } else { whole };
        match scale {
            0 => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{fraction:0>scale$}"),
        }
    }
}

/// `22003`, as Postgres words it when a number has too many digits to store.
fn overflow() -> ValueError {
    ValueError::new("22003", "value overflows numeric format")
}
