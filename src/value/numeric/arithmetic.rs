//! Sum, difference, product, quotient and remainder.
//!
//! Scales follow Postgres: a sum shows the longer fraction of the two, a product both together, a quotient at least
//! sixteen significant digits, counted in the base 10,000 that Postgres computes in.

use super::{MAX_SCALE, Numeric, power_of_ten};
use crate::value::ValueError;
use num_bigint::BigInt;

/// Most digits after the point that a computed scale reaches.
pub(super) const MAX_COMPUTED_SCALE: i32 = 1000;
/// Digits a computed result has at least.
pub(super) const MIN_SIGNIFICANT_DIGITS: i32 = 16;
/// Decimal digits in one of Postgres's digits.
pub(super) const DIGIT_WIDTH: i32 = 4;

/// The leading digits in base 10,000 and their place, as Postgres's `NumericVar` has them; zeros for zero.
pub(super) struct Leading {
    /// The power of 10,000 of the first digit.
    pub(super) weight: i32,
    /// The first digit.
    pub(super) first: i32,
    /// The digit after it.
    pub(super) second: i32,
}

fn division_by_zero() -> ValueError {
    ValueError::new("22012", "division by zero")
}

impl Numeric {
    /// `self + other`
    pub fn add(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        if let (Numeric::Small(a, s), Numeric::Small(b, t)) = (self, other)
            && s == t
            && let Some(sum) = a.checked_add(*b)
        {
            return Ok(Numeric::Small(sum, *s));
        }
        if !self.is_finite() || !other.is_finite() {
            return Ok(self.add_special(other));
        }
        let scale = self.scale().max(other.scale());
        let (a, b) = (self.scaled_up(scale), other.scaled_up(scale));
        if let (Numeric::Small(a, _), Numeric::Small(b, _)) = (&a, &b)
            && let Some(sum) = a.checked_add(*b)
        {
            return Ok(Numeric::Small(sum, scale));
        }
        Numeric::from_big(a.coefficient().as_ref() + b.coefficient().as_ref(), scale).storable()
    }

    fn add_special(&self, other: &Numeric) -> Numeric {
        match (self, other) {
            (Numeric::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
            (Numeric::PositiveInfinity, Numeric::NegativeInfinity) => Numeric::NaN,
            (Numeric::NegativeInfinity, Numeric::PositiveInfinity) => Numeric::NaN,
            (Numeric::Small(..) | Numeric::Big(..), infinity) | (infinity, _) => infinity.clone(),
        }
    }

    /// `self - other`
    pub fn sub(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        self.add(&other.neg())
    }

    /// `-self`
    pub fn neg(&self) -> Numeric {
        match self {
            Numeric::Small(c, scale) => match c.checked_neg() {
                Some(c) => Numeric::Small(c, *scale),
                None => Numeric::from_big(-BigInt::from(*c), *scale),
            },
            Numeric::Big(c, scale) => Numeric::from_big(-c.as_ref(), *scale),
            Numeric::NaN => Numeric::NaN,
            Numeric::PositiveInfinity => Numeric::NegativeInfinity,
            Numeric::NegativeInfinity => Numeric::PositiveInfinity,
        }
    }

    /// `abs(self)`
    pub fn abs(&self) -> Numeric {
        if self.signum() < 0 { self.neg() } else { self.clone() }
    }

    /// `self * other`
    pub fn mul(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        if !self.is_finite() || !other.is_finite() {
            return Ok(self.signed_infinity(other));
        }
        let scale = i32::from(self.scale()) + i32::from(other.scale());
        if let (Numeric::Small(a, _), Numeric::Small(b, _)) = (self, other)
            && scale <= MAX_SCALE
            && let Some(product) = a.checked_mul(*b)
        {
            return Ok(Numeric::Small(product, scale as u16));
        }
        let product = self.coefficient().as_ref() * other.coefficient().as_ref();
        let excess = (scale - MAX_SCALE).max(0);
        let product = divide_rounded(&product, &power_of_ten(excess as u32));
        Numeric::from_big(product, (scale - excess) as u16).storable()
    }

    /// An infinity of both signs' product, or NaN where one is NaN or zero.
    fn signed_infinity(&self, other: &Numeric) -> Numeric {
        if self.is_nan() || other.is_nan() {
            return Numeric::NaN;
        }
        match self.signum() * other.signum() {
            0 => Numeric::NaN,
            1 => Numeric::PositiveInfinity,
            _ => Numeric::NegativeInfinity,
        }
    }

    /// What a division gives if a side is not finite; `None` if both are.
    fn divide_special(&self, other: &Numeric) -> Option<Result<Numeric, ValueError>> {
        if self.is_nan() || other.is_nan() {
            return Some(Ok(Numeric::NaN));
        }
        match (self.is_finite(), other.is_finite()) {
            (true, true) => None,
            (true, false) => Some(Ok(Numeric::ZERO)),
            (false, false) => Some(Ok(Numeric::NaN)),
            (false, true) if other.is_zero() => Some(Err(division_by_zero())),
            (false, true) => Some(Ok(self.signed_infinity(other))),
        }
    }

    /// `self / other`
    pub fn div(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        if let Some(special) = self.divide_special(other) {
            return special;
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        self.divide(other, self.division_scale(other)).storable()
    }

    /// The finite quotient, rounded half away from zero at this scale.
    pub(super) fn divide(&self, other: &Numeric, scale: i32) -> Numeric {
        let shift = scale + i32::from(other.scale()) - i32::from(self.scale());
        if let (Numeric::Small(a, _), Numeric::Small(b, _)) = (self, other)
            && let Some(a) =
                u32::try_from(shift).ok().and_then(super::small_power_of_ten).and_then(|p| p.checked_mul(*a))
            && *b != i128::MIN
        {
            let (quotient, rest) = (a / b, a % b);
            let up = rest.unsigned_abs() >= b.unsigned_abs() - rest.unsigned_abs();
            let away = if up { a.signum() * b.signum() } else { 0 };
            return Numeric::Small(quotient + away, scale as u16);
        }
        let (mut a, mut b) = (self.coefficient().into_owned(), other.coefficient().into_owned());
        match shift {
            0.. => a *= power_of_ten(shift as u32),
            _ => b *= power_of_ten(-shift as u32),
        }
        Numeric::from_big(divide_rounded(&a, &b), scale as u16)
    }

    /// The scale of a quotient: Postgres's `select_div_scale`.
    fn division_scale(&self, other: &Numeric) -> i32 {
        let (a, b) = (self.leading(), other.leading());
        let weight = a.weight - b.weight - i32::from(a.first <= b.first);
        (MIN_SIGNIFICANT_DIGITS - weight * DIGIT_WIDTH)
            .max(i32::from(self.scale()))
            .max(i32::from(other.scale()))
            .clamp(0, MAX_COMPUTED_SCALE)
    }

    /// The leading digits in Postgres's base.
    pub(super) fn leading(&self) -> Leading {
        let mut buffer = [0; 40];
        let (_, digits) = self.digits(&mut buffer);
        if digits.is_empty() {
            return Leading { weight: 0, first: 0, second: 0 };
        }
        let whole = digits.len() as i32 - i32::from(self.scale());
        let weight = (whole - 1).div_euclid(DIGIT_WIDTH);
        let length = (whole - weight * DIGIT_WIDTH) as usize;
        let decimal = |i: usize| digits.get(i).map_or(0, |d| i32::from(d - b'0'));
        let digit = |decimals: std::ops::Range<usize>| decimals.fold(0, |value, i| value * 10 + decimal(i));
        Leading { weight, first: digit(0..length), second: digit(length..length + DIGIT_WIDTH as usize) }
    }

    /// The quotient cut off at the point: `div(self, other)`.
    pub fn div_trunc(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        if let Some(special) = self.divide_special(other) {
            return special;
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let scale = self.scale().max(other.scale());
        let (a, b) = (self.scaled_up(scale), other.scaled_up(scale));
        match (&a, &b) {
            (Numeric::Small(a, _), Numeric::Small(b, _)) if *b != -1 => Ok(Numeric::Small(a / b, 0)),
            _ => Numeric::from_big(a.coefficient().as_ref() / b.coefficient().as_ref(), 0).storable(),
        }
    }

    /// The remainder of that division, with the sign of `self`: `self % other`.
    pub fn rem(&self, other: &Numeric) -> Result<Numeric, ValueError> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NaN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        if !self.is_finite() {
            return Ok(Numeric::NaN);
        }
        if !other.is_finite() {
            return Ok(self.clone());
        }
        let scale = self.scale().max(other.scale());
        let (a, b) = (self.scaled_up(scale), other.scaled_up(scale));
        match (&a, &b) {
            (Numeric::Small(a, _), Numeric::Small(b, _)) if *b != -1 => Ok(Numeric::Small(a % b, scale)),
            _ => Ok(Numeric::from_big(a.coefficient().as_ref() % b.coefficient().as_ref(), scale)),
        }
    }

    /// The least whole number not below.
    pub fn ceil(&self) -> Numeric {
        self.whole(1)
    }

    /// The greatest whole number not above.
    pub fn floor(&self) -> Numeric {
        self.whole(-1)
    }

    /// Truncated, and one further in this direction if something was cut off on that side.
    fn whole(&self, direction: i128) -> Numeric {
        let truncated = self.truncate(0);
        let further = truncated.cmp(self) as i128 == -direction;
        match truncated {
            _ if !self.is_finite() || !further => truncated,
            Numeric::Small(c, _) if c.checked_add(direction).is_some() => Numeric::Small(c + direction, 0),
            _ => Numeric::from_big(truncated.coefficient().as_ref() + direction, 0),
        }
    }

    /// Without trailing zeros after the point.
    pub fn trim_scale(&self) -> Numeric {
        self.truncate(i32::from(self.min_scale()))
    }

    /// Digits after the point that are needed to show the number exactly.
    pub fn min_scale(&self) -> u16 {
        let mut buffer = [0; 40];
        let (_, digits) = self.digits(&mut buffer);
        match digits.iter().rev().position(|d| *d != b'0') {
            Some(zeros) => self.scale().saturating_sub(zeros.min(usize::from(u16::MAX)) as u16),
            None => 0,
        }
    }
}

/// The quotient of two integers, rounded half away from zero.
pub(super) fn divide_rounded(a: &BigInt, b: &BigInt) -> BigInt {
    let (quotient, rest) = (a / b, a % b);
    let twice = rest.magnitude() * 2u8;
    if twice < *b.magnitude() {
        return quotient;
    }
    if a.sign() == b.sign() { quotient + 1 } else { quotient - 1 }
}
