//! Floats: correctly rounded from text, and the shortest text that reads back as the same float.
//!
//! Rust's shortest digits may lie exactly on the border between two floats, where ties-to-even still reads them back;
//! Postgres demands digits strictly inside. `Shortest::is_border` tells the two apart.

use super::is_space;
use crate::value::ValueError;

/// Postgres's `double precision` input.
pub(super) fn parse_f64(input: &str) -> Result<f64, ValueError> {
    let text = number(input);
    let value: f64 = text.parse().map_err(|_| ValueError::syntax("double precision", input))?;
    check_range(text, input, value, "double precision")?;
    Ok(value)
}

/// Postgres's `real` input.
pub(super) fn parse_f32(input: &str) -> Result<f32, ValueError> {
    let text = number(input);
    let value: f32 = text.parse().map_err(|_| ValueError::syntax("real", input))?;
    check_range(text, input, f64::from(value), "real")?;
    Ok(value)
}

fn number(input: &str) -> &str {
    input.trim_matches(is_space)
}

/// A number beyond the type's range is an error, not an infinity or zero.
fn check_range(text: &str, input: &str, value: f64, type_name: &str) -> Result<(), ValueError> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or("");
    let overflow = value.is_infinite() && mantissa.contains(|c: char| c.is_ascii_digit());
    let underflow = value == 0.0 && mantissa.contains(|c| matches!(c, '1'..='9'));
    match overflow || underflow {
        true => Err(ValueError::new(
            "22003",
            format!("\"{}\" is out of range for type {type_name}", input.trim_matches(is_space)),
        )),
        false => Ok(()),
    }
}

/// A `double precision` as Postgres shows it.
pub(super) fn write_f64(value: f64, out: &mut String) {
    if write_special(value, out) {
        return;
    }
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7FF) as i32;
    let shape = match exponent {
        0 => Shortest { significand: fraction, exponent: -1074 },
        _ => Shortest { significand: fraction | 1 << 52, exponent: exponent - 1075 },
    };
    let mut shown = format!("{value:e}");
    if is_odd(&shown) {
        // Of two equally near candidates Postgres takes the even one, which rounding to as many digits finds.
        let fraction_digits = significant_digits(&shown) - 1;
        let rounded = format!("{value:.fraction_digits$e}");
        if rounded.parse() == Ok(value) {
            shown = rounded;
        }
    }
    while shape.is_border(&shown) {
        let longer = significant_digits(&shown);
        shown = format!("{value:.longer$e}");
    }
    write_digits(&shown, 15, out);
}

/// A `real` as Postgres shows it.
pub(super) fn write_f32(value: f32, out: &mut String) {
    if write_special(f64::from(value), out) {
        return;
    }
    let bits = value.to_bits();
    let fraction = u64::from(bits & ((1 << 23) - 1));
    let exponent = ((bits >> 23) & 0xFF) as i32;
    let shape = match exponent {
        0 => Shortest { significand: fraction, exponent: -149 },
        _ => Shortest { significand: fraction | 1 << 23, exponent: exponent - 150 },
    };
    let mut shown = format!("{value:e}");
    if is_odd(&shown) {
        // Of two equally near candidates Postgres takes the even one, which rounding to as many digits finds.
        let fraction_digits = significant_digits(&shown) - 1;
        let rounded = format!("{value:.fraction_digits$e}");
        if rounded.parse() == Ok(value) {
            shown = rounded;
        }
    }
    while shape.is_border(&shown) {
        let longer = significant_digits(&shown);
        shown = format!("{value:.longer$e}");
    }
    write_digits(&shown, 6, out);
}

fn write_special(value: f64, out: &mut String) -> bool {
    let text = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ if value == 0.0 && value.is_sign_negative() => "-0",
        0.0 => "0",
        _ => return false,
    };
    out.push_str(text);
    true
}

fn significant_digits(shown: &str) -> usize {
    let mantissa = shown.split('e').next().unwrap_or("");
    mantissa.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether the last digit is odd.
fn is_odd(shown: &str) -> bool {
    let mantissa = shown.split('e').next().unwrap_or("");
    mantissa.as_bytes().last().is_some_and(|digit| digit & 1 == 1)
}

/// A float as `significand * 2^exponent`.
struct Shortest {
    significand: u64,
    exponent: i32,
}

impl Shortest {
    /// Whether these digits are exactly halfway to one of the neighbouring floats.
    fn is_border(&self, shown: &str) -> bool {
        let Some((mantissa, power)) = shown.split_once('e') else { return false };
        let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).fold(0u128, |n, d| n * 10 + u128::from(d - b'0'));
        let power = power.parse::<i32>().unwrap_or(0) - fraction as i32;
        let significand = u128::from(self.significand);
        let halves = [(2 * significand + 1, self.exponent - 1), (2 * significand - 1, self.exponent - 1)];
        halves.iter().any(|(odd, exponent)| equal(digits, power, *odd, *exponent))
            || equal(digits, power, 4 * significand - 1, self.exponent - 2) && self.significand.is_power_of_two()
    }
}

/// Whether `digits * 10^power == odd * 2^exponent`.
fn equal(mut digits: u128, power: i32, mut odd: u128, exponent: i32) -> bool {
    // Beyond these powers of five one side alone has more factors of five than the other can hold.
    let fives = power.unsigned_abs();
    if fives > 27 {
        return false;
    }
    let factor = 5u128.pow(fives);
    match power {
        0.. if !odd.is_multiple_of(factor) => return false,
        0.. => odd /= factor,
        _ if !digits.is_multiple_of(factor) => return false,
        _ => digits /= factor,
    }
    // What is left must agree in its odd part and in the powers of two.
    let twos = digits.trailing_zeros() as i32 + power;
    digits >> digits.trailing_zeros() == odd >> odd.trailing_zeros() && twos == odd.trailing_zeros() as i32 + exponent
}

/// Digits in C's `%g` manner: with an exponent below -4 or from `limit` on.
fn write_digits(shown: &str, limit: i32, out: &mut String) {
    let Some((mantissa, power)) = shown.split_once('e') else { return out.push_str(shown) };
    let power: i32 = power.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.push_str(sign);
    if power < -4 || power >= limit {
        out.push_str(mantissa);
        out.push_str(if power < 0 { "e-" } else { "e+" });
        if power.abs() < 10 {
            out.push('0');
        }
        return super::display(&power.abs(), out);
    }
    if power < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-power - 1) as usize));
        out.push_str(whole);
        return out.push_str(fraction);
    }
    let power = power as usize;
    out.push_str(whole);
    if fraction.len() <= power {
        out.push_str(fraction);
        out.extend(std::iter::repeat_n('0', power - fraction.len()));
    } else {
        out.push_str(&fraction[..power]);
        out.push('.');
        out.push_str(&fraction[power..]);
    }
}
