//! Square root, exponential, logarithms and powers, with the scales Postgres chooses for them.
//!
//! The digits are computed in binary fixed point with enough guard bits to round correctly; only how many of them are shown
//! follows Postgres, which estimates the result's magnitude first.

use super::arithmetic::{DIGIT_WIDTH, MAX_COMPUTED_SCALE, MIN_SIGNIFICANT_DIGITS, divide_rounded};
use super::{Numeric, overflow, power_of_ten};
use crate::value::ValueError;
use num_bigint::BigInt;
use std::f64::consts::{LN_10, LOG10_E};

/// Decimal digits beyond which a result surely overflows or vanishes.
const MAX_RESULT_SCALE: f64 = 2000.0;
/// Binary digits beyond the ones asked for.
const GUARD_BITS: u64 = 64;

const ONE: Numeric = Numeric::Small(1, 0);

/// `2201E`: no such logarithm.
fn no_logarithm(of: &str) -> ValueError {
    ValueError::new("2201E", format!("cannot take logarithm of {of}"))
}

/// `2201F`: no such power.
fn no_power(message: &str) -> ValueError {
    ValueError::new("2201F", message)
}

/// The scale of a result of about `10^weight`, at least those of the arguments.
fn result_scale(weight: i32, arguments: &[&Numeric]) -> i32 {
    let shown = arguments.iter().map(|a| i32::from(a.scale())).max().unwrap_or(0);
    (MIN_SIGNIFICANT_DIGITS - weight).max(shown).clamp(0, MAX_COMPUTED_SCALE)
}

impl Numeric {
    /// `sqrt(self)`
    pub fn sqrt(&self) -> Result<Numeric, ValueError> {
        match self {
            Numeric::NaN | Numeric::PositiveInfinity => return Ok(self.clone()),
            _ if self.signum() < 0 => return Err(no_power("cannot take square root of a negative number")),
            _ => (),
        }
        self.sqrt_at(result_scale((self.leading().weight + 1) * DIGIT_WIDTH / 2 - 1, &[self]))
    }

    /// The root of a number that is not negative, with so many digits after the point.
    pub fn sqrt_at(&self, scale: i32) -> Result<Numeric, ValueError> {
        // One digit more than shown decides the rounding: a root is never exactly between two decimals unless it ends there.
        let shift = 2 * (scale + 1) - i32::from(self.scale());
        let square = match shift {
            0.. => self.coefficient().as_ref() * power_of_ten(shift as u32),
            _ => self.coefficient().as_ref() / power_of_ten(-shift as u32),
        };
        Ok(Numeric::from_big(divide_rounded(&square.sqrt(), &BigInt::from(10)), scale as u16))
    }

    /// `exp(self)`
    pub fn exp(&self) -> Result<Numeric, ValueError> {
        match self {
            Numeric::NaN | Numeric::PositiveInfinity => return Ok(self.clone()),
            Numeric::NegativeInfinity => return Ok(Numeric::ZERO),
            Numeric::Small(..) | Numeric::Big(..) => (),
        }
        let weight = (self.to_f64_lossy() * LOG10_E).clamp(-MAX_RESULT_SCALE, MAX_RESULT_SCALE) as i32;
        exp_at(self, result_scale(weight, &[self]))
    }

    /// `ln(self)`
    pub fn ln(&self) -> Result<Numeric, ValueError> {
        if let Some(special) = self.logarithm_special()? {
            return Ok(special);
        }
        Ok(ln_at(self, result_scale(self.ln_weight(), &[self])))
    }

    /// `log(base, self)`
    pub fn log(&self, base: &Numeric) -> Result<Numeric, ValueError> {
        if self.is_nan() || base.is_nan() {
            return Ok(Numeric::NaN);
        }
        let all_finite = self.is_finite() && base.is_finite();
        if !all_finite && (self.signum() < 0 || base.signum() < 0) {
            return Err(no_logarithm("a negative number"));
        }
        let (infinite_base, infinite) = (base.logarithm_special()?.is_some(), self.logarithm_special()?.is_some());
        match (infinite, infinite_base) {
            (true, true) => return Ok(Numeric::NaN),
            (true, false) => return Ok(Numeric::PositiveInfinity),
            (false, true) => return Ok(Numeric::ZERO),
            (false, false) => (),
        }
        let (weight, base_weight) = (self.ln_weight(), base.ln_weight());
        let scale = result_scale(weight - base_weight, &[self, base]);
        let ln = ln_at(self, (scale - base_weight + 8).max(0));
        let ln_base = ln_at(base, (scale + weight - 2 * base_weight + 8).max(0));
        if ln_base.is_zero() {
            return Err(ValueError::new("22012", "division by zero"));
        }
        Ok(ln.divide(&ln_base, scale))
    }

    /// What a logarithm is of NaN and infinity; an error where there is none.
    fn logarithm_special(&self) -> Result<Option<Numeric>, ValueError> {
        match self {
            Numeric::NaN | Numeric::PositiveInfinity => Ok(Some(self.clone())),
            _ if self.signum() < 0 => Err(no_logarithm("a negative number")),
            _ if self.is_zero() => Err(no_logarithm("zero")),
            _ => Ok(None),
        }
    }

    /// The decimal weight of this number's logarithm, as Postgres estimates it.
    fn ln_weight(&self) -> i32 {
        let distance = self.sub(&ONE).unwrap_or(Numeric::ZERO);
        let near = Numeric::Small(1, 1);
        if distance.abs().cmp(&near).is_le() {
            let leading = distance.leading();
            return match leading.first {
                0 => 0,
                first => leading.weight * DIGIT_WIDTH + f64::from(first).log10() as i32,
            };
        }
        // The first two digits in base 10,000 are enough.
        let leading = self.leading();
        let digits = f64::from(leading.first) * 1e4 + f64::from(leading.second);
        let unit = (leading.weight - 1) * DIGIT_WIDTH;
        (digits.ln() + f64::from(unit) * LN_10).abs().log10() as i32
    }

    /// `self ^ exponent`
    pub fn power(&self, exponent: &Numeric) -> Result<Numeric, ValueError> {
        if self.is_nan() {
            return Ok(if exponent.is_zero() { ONE } else { Numeric::NaN });
        }
        if exponent.is_nan() {
            return Ok(if self.cmp(&ONE).is_eq() { ONE } else { Numeric::NaN });
        }
        if self.is_zero() && exponent.signum() < 0 {
            return Err(no_power("zero raised to a negative power is undefined"));
        }
        if self.signum() < 0 && exponent.min_scale() > 0 {
            return Err(no_power("a negative number raised to a non-integer power yields a complex result"));
        }
        if !self.is_finite() || !exponent.is_finite() {
            return Ok(self.power_special(exponent));
        }
        match exponent.to_integer::<i32>("integer") {
            Ok(whole) if exponent.min_scale() == 0 => power_whole(self, whole),
            _ if self.is_zero() => Ok(Numeric::Small(0, MIN_SIGNIFICANT_DIGITS as u16)),
            _ => power_fraction(self, exponent),
        }
    }

    /// Powers with an infinity, by POSIX's rules for `pow`.
    fn power_special(&self, exponent: &Numeric) -> Numeric {
        if self.cmp(&ONE).is_eq() || exponent.is_zero() {
            return ONE;
        }
        let up = exponent.signum() > 0;
        if self.is_zero() && up {
            return Numeric::ZERO;
        }
        if !exponent.is_finite() {
            return match self.abs().cmp(&ONE) {
                std::cmp::Ordering::Equal => ONE,
                size if size.is_gt() == up => Numeric::PositiveInfinity,
                _ => Numeric::ZERO,
            };
        }
        match (up, self.signum() < 0 && is_odd(exponent)) {
            (false, _) => Numeric::ZERO,
            (true, true) => Numeric::NegativeInfinity,
            (true, false) => Numeric::PositiveInfinity,
        }
    }
}

fn is_odd(whole: &Numeric) -> bool {
    whole.truncate(0).coefficient().bit(0)
}

/// A whole power by squaring, with as many digits as the result needs.
fn power_whole(base: &Numeric, exponent: i32) -> Result<Numeric, ValueError> {
    let scale = result_scale(0, &[base]);
    match exponent {
        0 => return Ok(ONE.scaled_up(scale as u16)),
        1 => return Ok(base.round(scale)),
        -1 => return ONE.divide(base, scale).storable(),
        _ if base.is_zero() => return Ok(Numeric::Small(0, scale as u16)),
        _ => (),
    }
    let mut buffer = [0; 40];
    let digits = base.digits(&mut buffer).1.len() as i32 - i32::from(base.scale());
    let leading = base.abs().mantissa().log10() + f64::from(digits);
    let magnitude = f64::from(exponent) * leading;
    if magnitude > f64::from(3 * i16::MAX as i32 * DIGIT_WIDTH) {
        return Err(overflow());
    }
    if magnitude + 1.0 < f64::from(-scale) {
        return Ok(Numeric::Small(0, scale as u16));
    }
    let significant = 1 + scale + magnitude as i32 + f64::from(exponent).abs().ln() as i32 + 8;
    let product = Float::of(base).power(exponent.unsigned_abs(), significant.max(1) as usize + 8);
    match exponent {
        0.. => product.at_scale(scale).storable(),
        _ => product.inverse_at_scale(scale).storable(),
    }
}

impl Numeric {
    /// The number scaled by a power of ten into 0.1 to 1.
    fn mantissa(&self) -> f64 {
        let mut buffer = [0; 40];
        let (_, digits) = self.digits(&mut buffer);
        let first = digits.iter().take(17).map(|d| f64::from(d - b'0'));
        first.fold((0.0, 0.1), |(sum, unit), digit| (sum + digit * unit, unit / 10.0)).0
    }
}

/// A decimal `coefficient * 10^exponent` kept to a number of digits.
struct Float {
    coefficient: BigInt,
    exponent: i32,
}

impl Float {
    fn of(value: &Numeric) -> Float {
        Float { coefficient: value.coefficient().into_owned(), exponent: -i32::from(value.scale()) }
    }

    fn times(&self, other: &Float, digits: usize) -> Float {
        let product = &self.coefficient * &other.coefficient;
        let exponent = self.exponent + other.exponent;
        // Binary digits over log2(10) bound the decimal ones from above.
        let length = (product.bits() as f64 / std::f64::consts::LOG2_10) as usize + 1;
        match length.checked_sub(digits) {
            Some(excess @ 1..) => Float {
                coefficient: divide_rounded(&product, &power_of_ten(excess as u32)),
                exponent: exponent + excess as i32,
            },
            _ => Float { coefficient: product, exponent },
        }
    }

    fn power(self, mut exponent: u32, digits: usize) -> Float {
        let mut product = Float { coefficient: BigInt::from(1), exponent: 0 };
        let mut square = self;
        loop {
            if exponent & 1 == 1 {
                product = product.times(&square, digits);
            }
            exponent >>= 1;
            if exponent == 0 {
                return product;
            }
            square = square.times(&square, digits);
        }
    }

    fn at_scale(&self, scale: i32) -> Numeric {
        let shift = scale + self.exponent;
        let coefficient = match shift {
            0.. => &self.coefficient * power_of_ten(shift as u32),
            _ => divide_rounded(&self.coefficient, &power_of_ten(-shift as u32)),
        };
        Numeric::from_big(coefficient, scale as u16)
    }

    fn inverse_at_scale(&self, scale: i32) -> Numeric {
        let shift = scale - self.exponent;
        match shift {
            0.. => Numeric::from_big(divide_rounded(&power_of_ten(shift as u32), &self.coefficient), scale as u16),
            _ => Numeric::Small(0, scale as u16),
        }
    }
}

/// `base ^ exponent` as `exp(exponent * ln(base))`.
fn power_fraction(base: &Numeric, exponent: &Numeric) -> Result<Numeric, ValueError> {
    let negative = base.signum() < 0 && is_odd(exponent);
    let base = base.abs();
    let ln_weight = base.ln_weight();
    let rough = ln_at(&base, (8 - ln_weight).max(0)).mul(exponent)?.to_f64_lossy();
    if rough.abs() > MAX_RESULT_SCALE * 3.01 {
        return match rough > 0.0 {
            true => Err(overflow()),
            false => Ok(Numeric::Small(0, MAX_COMPUTED_SCALE as u16)),
        };
    }
    let weight = (rough * LOG10_E) as i32;
    let scale = result_scale(weight, &[&base, exponent]);
    let working = ((scale + weight).max(0) - ln_weight + 8).max(0);
    let product = ln_at(&base, working).mul(exponent)?.round(working);
    let result = exp_at(&product, scale)?;
    Ok(if negative { result.neg() } else { result })
}

/// Binary fixed point: integers that count units of `2^-bits`.
struct Fixed {
    bits: u64,
}

impl Fixed {
    /// Precise to so many decimal digits after the point and some more.
    fn digits(digits: i32, extra_bits: u64) -> Fixed {
        let bits = (f64::from(digits.max(0)) * std::f64::consts::LOG2_10) as u64;
        Fixed { bits: bits + extra_bits + GUARD_BITS }
    }

    fn one(&self) -> BigInt {
        BigInt::from(1) << self.bits
    }

    fn of(&self, value: &Numeric) -> BigInt {
        (value.coefficient().as_ref() << self.bits) / power_of_ten(u32::from(value.scale()))
    }

    fn mul(&self, a: &BigInt, b: &BigInt) -> BigInt {
        (a * b) >> self.bits
    }

    fn numeric(&self, value: &BigInt, scale: i32) -> Numeric {
        let scaled = value * power_of_ten(scale as u32);
        Numeric::from_big(divide_rounded(&scaled, &self.one()), scale as u16)
    }

    /// `2 * atanh(z)`, the logarithm of `(1 + z) / (1 - z)`.
    fn twice_atanh(&self, z: &BigInt) -> BigInt {
        let square = self.mul(z, z);
        let (mut sum, mut power, mut odd) = (z.clone(), z.clone(), 1u32);
        loop {
            power = self.mul(&power, &square);
            odd += 2;
            let term = &power / odd;
            if term == BigInt::ZERO || term == BigInt::from(-1) {
                return sum << 1;
            }
            sum += term;
        }
    }

    fn ln_2(&self) -> BigInt {
        self.twice_atanh(&(self.one() / 3))
    }

    fn ln(&self, value: &BigInt) -> BigInt {
        // value = mantissa * 2^shift with 1 <= mantissa < 2, then three roots bring the mantissa near 1.
        let shift = value.bits() as i64 - 1 - self.bits as i64;
        let mut mantissa = if shift >= 0 { value >> shift } else { value << -shift };
        for _ in 0..3 {
            mantissa = (mantissa << self.bits).sqrt();
        }
        let one = self.one();
        let z = ((&mantissa - &one) << self.bits) / (&mantissa + &one);
        (self.twice_atanh(&z) << 3) + self.ln_2() * shift
    }

    fn exp(&self, value: &BigInt) -> BigInt {
        // value = shift * ln 2 + rest; the rest's power of 2^-8 converges fast and is squared back.
        let ln_2 = self.ln_2();
        let shift = value / &ln_2;
        let rest = (value - &shift * ln_2) >> 8;
        let (mut sum, mut term, mut count) = (self.one(), self.one(), 0u32);
        loop {
            count += 1;
            term = self.mul(&term, &rest) / count;
            if term == BigInt::ZERO || term == BigInt::from(-1) {
                break;
            }
            sum += &term;
        }
        for _ in 0..8 {
            sum = self.mul(&sum, &sum);
        }
        match i64::try_from(&shift) {
            Ok(shift @ 0..) => sum << shift,
            Ok(shift) => sum >> -shift,
            Err(_) => BigInt::ZERO,
        }
    }
}

/// `exp(x)` rounded at this scale.
fn exp_at(x: &Numeric, scale: i32) -> Result<Numeric, ValueError> {
    let rough = x.to_f64_lossy();
    if rough.abs() >= MAX_RESULT_SCALE * 3.0 {
        return match rough > 0.0 {
            true => Err(overflow()),
            false => Ok(Numeric::Small(0, scale as u16)),
        };
    }
    let whole_bits = (rough.max(0.0) / std::f64::consts::LN_2) as u64;
    let fixed = Fixed::digits(scale, whole_bits * 2);
    Ok(fixed.numeric(&fixed.exp(&fixed.of(x)), scale))
}

/// `ln(x)` of a positive finite number, rounded at this scale.
fn ln_at(x: &Numeric, scale: i32) -> Numeric {
    // A small argument needs its own digits to be seen at all.
    let hidden = (f64::from(-x.whole_digits().min(0)) * std::f64::consts::LOG2_10) as u64;
    let fixed = Fixed::digits(scale, hidden);
    fixed.numeric(&fixed.ln(&fixed.of(x)), scale)
}
