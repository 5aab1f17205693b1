//! Numerics from text, and the modifier of `numeric(p,s)`.

use super::{MAX_SCALE, MAX_WHOLE_DIGITS, Numeric, overflow, power_of_ten, small_power_of_ten};
use crate::value::ValueError;
use num_bigint::BigInt;

/// The whitespace of C's `isspace`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0B' | '\x0C')
}

impl Numeric {
    /// Postgres's `numeric` input, without a modifier.
    pub fn parse(input: &str) -> Result<Numeric, ValueError> {
        let text = input.trim_matches(is_space);
        let (negative, magnitude) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        if let Some(special) = parse_special(text, negative, magnitude) {
            return Ok(special);
        }
        let decimal = Decimal::parse(magnitude).ok_or_else(|| ValueError::syntax("numeric", input))?;
        decimal.value(negative)
    }

    /// Rounded and checked as a column of `numeric(p,s)` does; -1 changes nothing.
    pub fn with_modifier(self, modifier: i32) -> Result<Numeric, ValueError> {
        if modifier < 4 {
            return Ok(self);
        }
        let precision = ((modifier - 4) >> 16) & 0xFFFF;
        let scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
        if !self.is_finite() {
            return match self {
                Numeric::NaN => Ok(self),
                _ => Err(ValueError::new("22003", "numeric field overflow")),
            };
        }
        let rounded = self.round(scale);
        let limit = precision - scale;
        if rounded.whole_digits() > limit {
            return Err(ValueError::new("22003", "numeric field overflow"));
        }
        Ok(rounded)
    }

    /// Digits before the point; negative counts the zeros that follow it. Zero has as few as can be.
    pub(super) fn whole_digits(&self) -> i32 {
        let mut buffer = [0; 40];
        let length = self.digits(&mut buffer).1.len() as i32;
        if self.is_zero() { i32::MIN } else { length - i32::from(self.scale()) }
    }

    /// Rounded half away from zero to so many digits after the point; negative rounds tens, hundreds and so on.
    pub fn round(&self, digits: i32) -> Numeric {
        let digits = digits.clamp(-MAX_WHOLE_DIGITS, MAX_SCALE);
        self.rescale(digits, true)
    }

    /// Cut off after so many digits after the point.
    pub fn truncate(&self, digits: i32) -> Numeric {
        let digits = digits.clamp(-MAX_WHOLE_DIGITS, MAX_SCALE);
        self.rescale(digits, false)
    }

    fn rescale(&self, digits: i32, round: bool) -> Numeric {
        if !self.is_finite() {
            return self.clone();
        }
        let shown = digits.max(0);
        let drop = i32::from(self.scale()) - digits;
        if drop <= 0 {
            return self.scaled_up(shown as u16);
        }
        if let (Numeric::Small(c, _), Some(unit)) = (self, small_power_of_ten(drop as u32)) {
            let (quotient, rest) = (c / unit, (c % unit).unsigned_abs());
            let up = round && rest >= unit.unsigned_abs().div_ceil(2);
            let quotient = if up { quotient + c.signum() } else { quotient };
            return match digits {
                0.. => Numeric::Small(quotient, shown as u16),
                _ => Numeric::from_big(BigInt::from(quotient) * power_of_ten(-digits as u32), 0),
            };
        }
        let unit = power_of_ten(drop as u32);
        let c = self.coefficient();
        let half: BigInt = &unit / 2;
        let shifted = match (round, self.signum()) {
            (false, _) => c.into_owned(),
            (true, -1) => c.as_ref() - half,
            (true, _) => c.as_ref() + half,
        };
        let kept = shifted / unit * power_of_ten((-digits).max(0) as u32);
        Numeric::from_big(kept, shown as u16)
    }

    /// The same number with at least as many digits after the point.
    pub(super) fn scaled_up(&self, scale: u16) -> Numeric {
        let by = u32::from(scale - self.scale());
        if let Numeric::Small(c, _) = self
            && let Some(c) = small_power_of_ten(by).and_then(|power| c.checked_mul(power))
        {
            return Numeric::Small(c, scale);
        }
        Numeric::from_big(self.coefficient().as_ref() * power_of_ten(by), scale)
    }

    /// This number, or an error if it has more digits than Postgres can store.
    pub(super) fn storable(self) -> Result<Numeric, ValueError> {
        match &self {
            Numeric::Big(..) if self.whole_digits() > MAX_WHOLE_DIGITS => Err(overflow()),
            _ => Ok(self),
        }
    }
}

/// `NaN` and the infinities, in any case.
fn parse_special(text: &str, negative: bool, magnitude: &str) -> Option<Numeric> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(Numeric::NaN);
    }
    let infinite = magnitude.eq_ignore_ascii_case("infinity") || magnitude.eq_ignore_ascii_case("inf");
    infinite.then_some(if negative { Numeric::NegativeInfinity } else { Numeric::PositiveInfinity })
}

/// Exponents from here on are refused, even of zero.
const EXPONENT_LIMIT: i64 = i32::MAX as i64 / 2;

/// A decimal as written: digits, how many of them follow the point, and the power of ten.
struct Decimal<'a> {
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl Decimal<'_> {
    fn parse(text: &str) -> Option<Decimal<'_>> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        let any = !whole.is_empty() || !fraction.is_empty();
        (all_digits && any).then_some(Decimal { whole, fraction, exponent })
    }

    fn value(&self, negative: bool) -> Result<Numeric, ValueError> {
        let scale = self.fraction.len() as i64 - self.exponent;
        if scale > i64::from(MAX_SCALE) || self.exponent == EXPONENT_LIMIT {
            return Err(overflow());
        }
        let shown = scale.max(0) as u16;
        let digits = self.whole.len() + self.fraction.len();
        if digits <= 38 {
            let digits = self.whole.bytes().chain(self.fraction.bytes());
            let magnitude = digits.fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            let coefficient = if negative { -magnitude } else { magnitude };
            return match scale {
                _ if magnitude == 0 => Ok(Numeric::Small(0, shown)),
                0.. => Ok(Numeric::Small(coefficient, shown)),
                _ if -scale > i64::from(MAX_WHOLE_DIGITS) => Err(overflow()),
                _ => Numeric::from_big(BigInt::from(coefficient) * power_of_ten(-scale as u32), 0).storable(),
            };
        }
        let digits = [self.whole, self.fraction].concat();
        let magnitude = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or_else(overflow)?;
        let zero = magnitude == BigInt::ZERO;
        let coefficient = if negative { -magnitude } else { magnitude };
        match scale {
            0.. => Numeric::from_big(coefficient, shown).storable(),
            _ if zero => Ok(Numeric::ZERO),
            _ if -scale > i64::from(MAX_WHOLE_DIGITS) => Err(overflow()),
            _ => Numeric::from_big(coefficient * power_of_ten(-scale as u32), 0).storable(),
        }
    }
}

/// A signed integer; one beyond all limits stays beyond them.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let beyond = if text.starts_with('-') { -EXPONENT_LIMIT } else { EXPONENT_LIMIT };
    Some(text.parse().unwrap_or(beyond).clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT))
}
