//! `to_char` of numbers.

use super::picture::Picture;
use super::writer::show;
use crate::expr::EvalError;
use crate::value::numeric::Numeric;

type Result<X> = std::result::Result<X, EvalError>;

/// Digits a `real` has for certain.
const FLOAT4_DIGITS: usize = 6;
/// Digits a `double precision` has for certain.
const FLOAT8_DIGITS: usize = 15;

/// The parts of a number as its template wants them: a sign, and the digits with their point.
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) digits: String,
}

impl Number {
    fn of(shown: &str) -> Number {
        match shown.strip_prefix('-') {
            Some(digits) => Number { negative: true, digits: digits.to_owned() },
            None => Number { negative: false, digits: shown.to_owned() },
        }
    }
}

pub(super) fn of_integer(value: i64, template: &str) -> Result<String> {
    let mut picture = Picture::parse(template)?;
    if picture.roman {
        return Ok(show(&picture, roman(i32::try_from(value).ok()), 0));
    }
    if picture.exponent {
        return Ok(scientific(&Numeric::from(value), &picture));
    }
    let mut value = value;
    if picture.shifted {
        let factor = u32::try_from(picture.shift).ok().and_then(|shift| 10i64.checked_pow(shift));
        value = factor.and_then(|factor| value.checked_mul(factor)).ok_or_else(super::super::math::int8_range)?;
        picture.whole += picture.shift;
    }
    let mut number = Number::of(&value.to_string());
    if picture.fraction > 0 {
        number.digits = format!("{}.{}", number.digits, "0".repeat(picture.fraction));
    }
    Ok(fitted(&picture, number))
}

pub(super) fn of_numeric(value: &Numeric, template: &str) -> Result<String> {
    let mut picture = Picture::parse(template)?;
    if picture.roman {
        return Ok(show(&picture, roman(value.to_integer("integer").ok()), 0));
    }
    if picture.exponent {
        return Ok(scientific(value, &picture));
    }
    let mut value = value.clone();
    if picture.shifted {
        value = value.mul(&Numeric::from(10i64).power(&Numeric::from(picture.shift as i64))?)?;
        picture.whole += picture.shift;
    }
    let rounded = value.round(picture.fraction as i32);
    Ok(fitted(&picture, Number::of(&super::shown_numeric(&rounded))))
}

pub(super) fn of_float4(value: f32, template: &str) -> Result<String> {
    of_float(value.into(), template, FLOAT4_DIGITS, |value, factor| f64::from(value as f32 * factor as f32))
}

pub(super) fn of_float8(value: f64, template: &str) -> Result<String> {
    of_float(value, template, FLOAT8_DIGITS, |value, factor| value * factor)
}

fn of_float(value: f64, template: &str, certain: usize, multiply: fn(f64, f64) -> f64) -> Result<String> {
    let mut picture = Picture::parse(template)?;
    if picture.roman {
        let rounded = value.round_ties_even();
        let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&rounded);
        return Ok(show(&picture, roman(fits.then_some(rounded as i32)), 0));
    }
    if picture.exponent {
        return Ok(if value.is_finite() { exponent_of(value, &picture) } else { too_wide_for_exponent(&picture) });
    }
    let mut value = value;
    if picture.shifted {
        value = multiply(value, 10f64.powi(picture.shift as i32));
        picture.whole += picture.shift;
    }
    let whole = printed(value.abs(), 0).len();
    picture.fraction = picture.fraction.min(certain.saturating_sub(whole));
    Ok(fitted(&picture, Number::of(&printed(value, picture.fraction))))
}

fn printed(value: f64, digits: usize) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => (if value > 0.0 { "Infinity" } else { "-Infinity" }).to_owned(),
        value => format!("{value:.digits$}"),
    }
}

/// Digits and a power of ten, as C prints them.
fn exponent_of(value: f64, picture: &Picture) -> String {
    let shown = format!("{value:.*e}", picture.fraction);
    let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let blank = if digits.starts_with('-') { "" } else { " " };
    format!("{blank}{digits}e{exponent:+03}")
}

fn too_wide_for_exponent(picture: &Picture) -> String {
    let mut out = vec!['#'; picture.whole + picture.fraction + 6];
    (out[0], out[picture.whole + 1]) = (' ', '.');
    out.into_iter().collect()
}

/// One digit, those behind the point, and a power of ten.
fn scientific(value: &Numeric, picture: &Picture) -> String {
    if !value.is_finite() {
        return too_wide_for_exponent(picture);
    }
    let digits = value.coefficient().magnitude().to_string();
    let exponent = if value.is_zero() { 0 } else { digits.len() as i32 - 1 - i32::from(value.scale()) };
    // The same digits with the point behind the first, rounded.
    let significand = Numeric::from_big(value.coefficient().into_owned(), (digits.len() - 1) as u16);
    let shown = super::shown_numeric(&significand.round(picture.fraction as i32));
    let blank = if shown.starts_with('-') { "" } else { " " };
    format!("{blank}{shown}e{exponent:+03}")
}

/// A number from 1 to 3999 in Roman digits.
fn roman(number: Option<i32>) -> Number {
    const DIGITS: [(i32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let Some(mut rest) = number.filter(|number| (1..4000).contains(number)) else {
        return Number { negative: false, digits: "#".repeat(15) };
    };
    let mut digits = String::new();
    for (value, digit) in DIGITS {
        while rest >= value {
            digits.push_str(digit);
            rest -= value;
        }
    }
    Number { negative: false, digits }
}

/// Shows a number with blanks before it, or `#` if it has more digits than the template.
fn fitted(picture: &Picture, number: Number) -> String {
    let whole = number.digits.find('.').unwrap_or(number.digits.len());
    match picture.whole.checked_sub(whole) {
        Some(blanks) => show(picture, number, blanks),
        None => {
            let mut digits = vec!['#'; picture.whole + picture.fraction + 1];
            digits[picture.whole] = '.';
            show(picture, Number { digits: digits.into_iter().collect(), ..number }, 0)
        }
    }
}
