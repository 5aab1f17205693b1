//! Arithmetic. Integers fail rather than wrap; floats fail rather than overflow, underflow or divide by zero, as in Postgres.

use super::Kind::*;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::Datum;
use crate::value::numeric::Numeric as Decimal;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("+", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| a.checked_add(b).ok_or_else(int2_range))),
    partial("-", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| a.checked_sub(b).ok_or_else(int2_range))),
    partial("*", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| a.checked_mul(b).ok_or_else(int2_range))),
    partial("/", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| a.checked_div(nonzero(b)?).ok_or_else(int2_range))),
    partial("%", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("mod", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("-", &[Int2], Int2, lift!(|a: i16| a.checked_neg().ok_or_else(int2_range))),
    total("+", &[Int2], Int2, lift!(|a: i16| Ok(a))),
    partial("abs", &[Int2], Int2, lift!(|a: i16| a.checked_abs().ok_or_else(int2_range))),
    partial("@", &[Int2], Int2, lift!(|a: i16| a.checked_abs().ok_or_else(int2_range))),
    partial("+", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| a.checked_add(b).ok_or_else(int4_range))),
    partial("-", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| a.checked_sub(b).ok_or_else(int4_range))),
    partial("*", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| a.checked_mul(b).ok_or_else(int4_range))),
    partial("/", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| a.checked_div(nonzero(b)?).ok_or_else(int4_range))),
    partial("%", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("mod", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("-", &[Int4], Int4, lift!(|a: i32| a.checked_neg().ok_or_else(int4_range))),
    total("+", &[Int4], Int4, lift!(|a: i32| Ok(a))),
    partial("abs", &[Int4], Int4, lift!(|a: i32| a.checked_abs().ok_or_else(int4_range))),
    partial("@", &[Int4], Int4, lift!(|a: i32| a.checked_abs().ok_or_else(int4_range))),
    partial(
        "gcd",
        &[Int4, Int4],
        Int4,
        lift!(|a: i32, b: i32| i32::try_from(gcd(a.into(), b.into())).map_err(|_| int4_range())),
    ),
    partial(
        "lcm",
        &[Int4, Int4],
        Int4,
        lift!(|a: i32, b: i32| i32::try_from(lcm(a.into(), b.into())).map_err(|_| int4_range())),
    ),
    partial("+", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| a.checked_add(b).ok_or_else(int8_range))),
    partial("-", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| a.checked_sub(b).ok_or_else(int8_range))),
    partial("*", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| a.checked_mul(b).ok_or_else(int8_range))),
    partial("/", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| a.checked_div(nonzero(b)?).ok_or_else(int8_range))),
    partial("%", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("mod", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| nonzero(b).map(|b| a.wrapping_rem(b)))),
    partial("-", &[Int8], Int8, lift!(|a: i64| a.checked_neg().ok_or_else(int8_range))),
    total("+", &[Int8], Int8, lift!(|a: i64| Ok(a))),
    partial("abs", &[Int8], Int8, lift!(|a: i64| a.checked_abs().ok_or_else(int8_range))),
    partial("@", &[Int8], Int8, lift!(|a: i64| a.checked_abs().ok_or_else(int8_range))),
    partial(
        "gcd",
        &[Int8, Int8],
        Int8,
        lift!(|a: i64, b: i64| i64::try_from(gcd(a.into(), b.into())).map_err(|_| int8_range())),
    ),
    partial(
        "lcm",
        &[Int8, Int8],
        Int8,
        lift!(|a: i64, b: i64| i64::try_from(lcm(a.into(), b.into())).map_err(|_| int8_range())),
    ),
    total("&", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| Ok(a & b))),
    total("|", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| Ok(a | b))),
    total("#", &[Int2, Int2], Int2, lift!(|a: i16, b: i16| Ok(a ^ b))),
    total("~", &[Int2], Int2, lift!(|a: i16| Ok(!a))),
    total("<<", &[Int2, Int4], Int2, lift!(|a: i16, b: i32| Ok(i32::from(a).wrapping_shl(b as u32) as i16))),
    total(">>", &[Int2, Int4], Int2, lift!(|a: i16, b: i32| Ok(i32::from(a).wrapping_shr(b as u32) as i16))),
    total("&", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| Ok(a & b))),
    total("|", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| Ok(a | b))),
    total("#", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| Ok(a ^ b))),
    total("~", &[Int4], Int4, lift!(|a: i32| Ok(!a))),
    total("<<", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| Ok(a.wrapping_shl(b as u32)))),
    total(">>", &[Int4, Int4], Int4, lift!(|a: i32, b: i32| Ok(a.wrapping_shr(b as u32)))),
    total("&", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| Ok(a & b))),
    total("|", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| Ok(a | b))),
    total("#", &[Int8, Int8], Int8, lift!(|a: i64, b: i64| Ok(a ^ b))),
    total("~", &[Int8], Int8, lift!(|a: i64| Ok(!a))),
    total("<<", &[Int8, Int4], Int8, lift!(|a: i64, b: i32| Ok(a.wrapping_shl(b as u32)))),
    total(">>", &[Int8, Int4], Int8, lift!(|a: i64, b: i32| Ok(a.wrapping_shr(b as u32)))),
    partial(
        "+",
        &[Float4, Float4],
        Float4,
        lift!(|a: f32, b: f32| in_range4(a + b, a.is_infinite() || b.is_infinite(), true)),
    ),
    partial(
        "-",
        &[Float4, Float4],
        Float4,
        lift!(|a: f32, b: f32| in_range4(a - b, a.is_infinite() || b.is_infinite(), true)),
    ),
    partial(
        "*",
        &[Float4, Float4],
        Float4,
        lift!(|a: f32, b: f32| in_range4(a * b, a.is_infinite() || b.is_infinite(), a == 0.0 || b == 0.0)),
    ),
    partial("/", &[Float4, Float4], Float4, lift!(|a: f32, b: f32| divide4(a, b))),
    total("-", &[Float4], Float4, lift!(|a: f32| Ok(-a))),
    total("+", &[Float4], Float4, lift!(|a: f32| Ok(a))),
    total("abs", &[Float4], Float4, lift!(|a: f32| Ok(a.abs()))),
    total("@", &[Float4], Float4, lift!(|a: f32| Ok(a.abs()))),
    partial("+", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| add(a, b))),
    partial("-", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| add(a, -b))),
    partial("*", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| multiply(a, b))),
    partial("/", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| divide(a, b))),
    partial("+", &[Float4, Float8], Float8, lift!(|a: f32, b: f64| add(a.into(), b))),
    partial("-", &[Float4, Float8], Float8, lift!(|a: f32, b: f64| add(a.into(), -b))),
    partial("*", &[Float4, Float8], Float8, lift!(|a: f32, b: f64| multiply(a.into(), b))),
    partial("/", &[Float4, Float8], Float8, lift!(|a: f32, b: f64| divide(a.into(), b))),
    partial("+", &[Float8, Float4], Float8, lift!(|a: f64, b: f32| add(a, b.into()))),
    partial("-", &[Float8, Float4], Float8, lift!(|a: f64, b: f32| add(a, -f64::from(b)))),
    partial("*", &[Float8, Float4], Float8, lift!(|a: f64, b: f32| multiply(a, b.into()))),
    partial("/", &[Float8, Float4], Float8, lift!(|a: f64, b: f32| divide(a, b.into()))),
    total("-", &[Float8], Float8, lift!(|a: f64| Ok(-a))),
    total("+", &[Float8], Float8, lift!(|a: f64| Ok(a))),
    total("abs", &[Float8], Float8, lift!(|a: f64| Ok(a.abs()))),
    total("@", &[Float8], Float8, lift!(|a: f64| Ok(a.abs()))),
    total("round", &[Float8], Float8, lift!(|a: f64| Ok(a.round_ties_even()))),
    total("ceil", &[Float8], Float8, lift!(|a: f64| Ok(a.ceil()))),
    total("ceiling", &[Float8], Float8, lift!(|a: f64| Ok(a.ceil()))),
    total("floor", &[Float8], Float8, lift!(|a: f64| Ok(a.floor()))),
    total("trunc", &[Float8], Float8, lift!(|a: f64| Ok(a.trunc()))),
    total("sign", &[Float8], Float8, lift!(|a: f64| Ok(sign(a)))),
    partial("sqrt", &[Float8], Float8, lift!(|a: f64| sqrt(a))),
    partial("|/", &[Float8], Float8, lift!(|a: f64| sqrt(a))),
    total("cbrt", &[Float8], Float8, lift!(|a: f64| Ok(a.cbrt()))),
    total("||/", &[Float8], Float8, lift!(|a: f64| Ok(a.cbrt()))),
    partial("power", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| power(a, b))),
    partial("pow", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| power(a, b))),
    partial("^", &[Float8, Float8], Float8, lift!(|a: f64, b: f64| power(a, b))),
    partial("exp", &[Float8], Float8, lift!(|a: f64| in_range(a.exp(), a.is_infinite(), a.is_infinite()))),
    partial("ln", &[Float8], Float8, lift!(|a: f64| loggable(a).map(f64::ln))),
    partial("log", &[Float8], Float8, lift!(|a: f64| loggable(a).map(f64::log10))),
    partial("log10", &[Float8], Float8, lift!(|a: f64| loggable(a).map(f64::log10))),
    total("pi", &[], Float8, |_, _| Ok(Datum::Float8(std::f64::consts::PI))),
    partial("+", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.add(b)?))),
    partial("-", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.sub(b)?))),
    partial("*", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.mul(b)?))),
    partial("/", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.div(b)?))),
    partial("%", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.rem(b)?))),
    partial("mod", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.rem(b)?))),
    partial("div", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.div_trunc(b)?))),
    partial("gcd", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| numeric_gcd(a, b))),
    partial("lcm", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| numeric_lcm(a, b))),
    total("-", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.neg()))),
    total("+", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.clone()))),
    total("abs", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.abs()))),
    total("@", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.abs()))),
    total(
        "sign",
        &[Numeric],
        Numeric,
        lift!(|a: &Decimal| Ok(if a.is_nan() { a.clone() } else { Decimal::from(i64::from(a.signum())) })),
    ),
    total("round", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.round(0)))),
    total("round", &[Numeric, Int4], Numeric, lift!(|a: &Decimal, digits: i32| Ok(a.round(digits)))),
    total("trunc", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.truncate(0)))),
    total("trunc", &[Numeric, Int4], Numeric, lift!(|a: &Decimal, digits: i32| Ok(a.truncate(digits)))),
    total("ceil", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.ceil()))),
    total("ceiling", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.ceil()))),
    total("floor", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.floor()))),
    total("scale", &[Numeric], Int4, lift!(|a: &Decimal| Ok(a.is_finite().then(|| i32::from(a.scale()))))),
    total("min_scale", &[Numeric], Int4, lift!(|a: &Decimal| Ok(a.is_finite().then(|| i32::from(a.min_scale()))))),
    total("trim_scale", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.trim_scale()))),
    partial("sqrt", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.sqrt()?))),
    partial("exp", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.exp()?))),
    partial("ln", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.ln()?))),
    partial("log", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.log(&Decimal::from(10i64))?))),
    partial("log10", &[Numeric], Numeric, lift!(|a: &Decimal| Ok(a.log(&Decimal::from(10i64))?))),
    partial("log", &[Numeric, Numeric], Numeric, lift!(|base: &Decimal, a: &Decimal| Ok(a.log(base)?))),
    partial("power", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.power(b)?))),
    partial("pow", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.power(b)?))),
    partial("^", &[Numeric, Numeric], Numeric, lift!(|a: &Decimal, b: &Decimal| Ok(a.power(b)?))),
    partial("factorial", &[Int8], Numeric, lift!(|a: i64| factorial(a))),
];

pub(super) fn division_by_zero() -> EvalError {
    EvalError::new("22012", "division by zero")
}

pub(super) fn int2_range() -> EvalError {
    EvalError::new("22003", "smallint out of range")
}

pub(super) fn int4_range() -> EvalError {
    EvalError::new("22003", "integer out of range")
}

pub(super) fn int8_range() -> EvalError {
    EvalError::new("22003", "bigint out of range")
}

fn overflow() -> EvalError {
    EvalError::new("22003", "value out of range: overflow")
}

fn underflow() -> EvalError {
    EvalError::new("22003", "value out of range: underflow")
}

fn nonzero<X: PartialEq + Default>(divisor: X) -> Result<X> {
    if divisor == X::default() { Err(division_by_zero()) } else { Ok(divisor) }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// With the digits behind the point of the longer of the two.
fn numeric_gcd(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Decimal::from_f64(f64::NAN));
    }
    let scale = i32::from(a.scale().max(b.scale()));
    let (mut a, mut b) = (a.abs(), b.abs());
    while !b.is_zero() {
        (a, b) = (b.clone(), a.rem(&b)?);
    }
    Ok(a.round(scale))
}

fn numeric_lcm(a: &Decimal, b: &Decimal) -> Result<Decimal> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Decimal::from_f64(f64::NAN));
    }
    let scale = i32::from(a.scale().max(b.scale()));
    if a.is_zero() || b.is_zero() {
        return Ok(Decimal::from(0i64).round(scale));
    }
    let parts = a.div_trunc(&numeric_gcd(a, b)?)?;
    Ok(parts.mul(b)?.abs().round(scale))
}

fn lcm(a: i128, b: i128) -> i128 {
    if a == 0 || b == 0 { 0 } else { (a / gcd(a, b) * b).abs() }
}

/// A result of finite operands must be finite, and of nonzero factors must not be zero.
fn in_range(result: f64, may_be_infinite: bool, may_be_zero: bool) -> Result<f64> {
    if result.is_infinite() && !may_be_infinite {
        return Err(overflow());
    }
    if result == 0.0 && !may_be_zero {
        return Err(underflow());
    }
    Ok(result)
}

fn in_range4(result: f32, may_be_infinite: bool, may_be_zero: bool) -> Result<f32> {
    in_range(f64::from(result), may_be_infinite, may_be_zero).map(|_| result)
}

fn add(a: f64, b: f64) -> Result<f64> {
    in_range(a + b, a.is_infinite() || b.is_infinite(), true)
}

pub(super) fn multiply(a: f64, b: f64) -> Result<f64> {
    in_range(a * b, a.is_infinite() || b.is_infinite(), a == 0.0 || b == 0.0)
}

pub(super) fn divide(a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    in_range(a / b, a.is_infinite(), a == 0.0 || b.is_infinite())
}

fn divide4(a: f32, b: f32) -> Result<f32> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    in_range4(a / b, a.is_infinite(), a == 0.0 || b.is_infinite())
}

fn sign(a: f64) -> f64 {
    if a > 0.0 {
        1.0
    } else if a < 0.0 {
        -1.0
    } else {
        0.0
    }
}

fn sqrt(a: f64) -> Result<f64> {
    if a < 0.0 { Err(EvalError::new("2201F", "cannot take square root of a negative number")) } else { Ok(a.sqrt()) }
}

fn loggable(a: f64) -> Result<f64> {
    match a {
        0.0 => Err(EvalError::new("2201E", "cannot take logarithm of zero")),
        a if a < 0.0 => Err(EvalError::new("2201E", "cannot take logarithm of a negative number")),
        a => Ok(a),
    }
}

fn power(a: f64, b: f64) -> Result<f64> {
    if a == 0.0 && b < 0.0 {
        return Err(EvalError::new("2201F", "zero raised to a negative power is undefined"));
    }
    if a < 0.0 && b.is_finite() && b != b.floor() {
        return Err(EvalError::new("2201F", "a negative number raised to a non-integer power yields a complex result"));
    }
    let infinite = a.is_infinite() || b.is_infinite();
    in_range(a.powf(b), infinite, infinite || a == 0.0)
}

fn factorial(n: i64) -> Result<Decimal> {
    if n < 0 {
        return Err(EvalError::new("22003", "factorial of a negative number is undefined"));
    }
    if n > 32177 {
        return Err(EvalError::new("22003", "value overflows numeric format"));
    }
    let product = (2..=n).fold(num_bigint::BigInt::from(1), |product, factor| product * factor);
    Ok(Decimal::from_big(product, 0))
}
