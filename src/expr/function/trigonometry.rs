//! Angles, in radians and in degrees. In degrees the values that are exact come out exact, by Postgres's own steps.

use super::Kind::*;
use super::math::{divide, multiply};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use std::sync::LazyLock;

type Result = std::result::Result<f64, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("degrees", &[Float8], Float8, lift!(|a: f64| divide(a, RADIANS_PER_DEGREE))),
    partial("radians", &[Float8], Float8, lift!(|a: f64| multiply(a, RADIANS_PER_DEGREE))),
    partial("sin", &[Float8], Float8, lift!(|a: f64| finite(a).map(f64::sin))),
    partial("cos", &[Float8], Float8, lift!(|a: f64| finite(a).map(f64::cos))),
    partial("tan", &[Float8], Float8, lift!(|a: f64| finite(a).map(f64::tan))),
    partial("cot", &[Float8], Float8, lift!(|a: f64| finite(a).map(|a| 1.0 / a.tan()))),
    partial("asin", &[Float8], Float8, lift!(|a: f64| unit(a).map(f64::asin))),
    partial("acos", &[Float8], Float8, lift!(|a: f64| unit(a).map(f64::acos))),
    total("atan", &[Float8], Float8, lift!(|a: f64| Ok(a.atan()))),
    total("atan2", &[Float8, Float8], Float8, lift!(|y: f64, x: f64| Ok(y.atan2(x)))),
    total("sinh", &[Float8], Float8, lift!(|a: f64| Ok(a.sinh()))),
    total("cosh", &[Float8], Float8, lift!(|a: f64| Ok(a.cosh()))),
    total("tanh", &[Float8], Float8, lift!(|a: f64| Ok(a.tanh()))),
    total("asinh", &[Float8], Float8, lift!(|a: f64| Ok(asinh(a)))),
    partial("acosh", &[Float8], Float8, lift!(|a: f64| if a < 1.0 { Err(out_of_range()) } else { Ok(acosh(a)) })),
    partial("atanh", &[Float8], Float8, lift!(|a: f64| atanh(a))),
    partial("sind", &[Float8], Float8, lift!(|a: f64| finite(a).map(sind))),
    partial("cosd", &[Float8], Float8, lift!(|a: f64| finite(a).map(cosd))),
    partial("tand", &[Float8], Float8, lift!(|a: f64| finite(a).map(|a| tand(a, false)))),
    partial("cotd", &[Float8], Float8, lift!(|a: f64| finite(a).map(|a| tand(a, true)))),
    partial("asind", &[Float8], Float8, lift!(|a: f64| unit(a).map(asind))),
    partial("acosd", &[Float8], Float8, lift!(|a: f64| unit(a).map(acosd))),
    total("atand", &[Float8], Float8, lift!(|a: f64| Ok(a.atan() / EXACT.atan_1 * 45.0))),
    total("atan2d", &[Float8, Float8], Float8, lift!(|y: f64, x: f64| Ok(y.atan2(x) / EXACT.atan_1 * 45.0))),
];

const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;

/// What exact values are scaled by.
struct Exact {
    sin_30: f64,
    one_minus_cos_60: f64,
    asin_half: f64,
    acos_half: f64,
    atan_1: f64,
    tan_45: f64,
    cot_45: f64,
}

static EXACT: LazyLock<Exact> = LazyLock::new(|| {
    let mut exact = Exact {
        sin_30: (30.0 * RADIANS_PER_DEGREE).sin(),
        one_minus_cos_60: 1.0 - (60.0 * RADIANS_PER_DEGREE).cos(),
        asin_half: 0.5f64.asin(),
        acos_half: 0.5f64.acos(),
        atan_1: 1f64.atan(),
        tan_45: 0.0,
        cot_45: 0.0,
    };
    let (sine, cosine) = (sin_quadrant(&exact, 45.0), cos_quadrant(&exact, 45.0));
    (exact.tan_45, exact.cot_45) = (sine / cosine, cosine / sine);
    exact
});

fn out_of_range() -> EvalError {
    EvalError::new("22003", "input is out of range")
}

fn finite(a: f64) -> Result {
    if a.is_infinite() { Err(out_of_range()) } else { Ok(a) }
}

/// An argument within -1 to 1.
fn unit(a: f64) -> Result {
    if a.abs() > 1.0 { Err(out_of_range()) } else { Ok(a) }
}

fn asinh(a: f64) -> f64 {
    a.asinh()
}

fn acosh(a: f64) -> f64 {
    a.acosh()
}

fn atanh(a: f64) -> Result {
    match a {
        1.0 => Ok(f64::INFINITY),
        -1.0 => Ok(f64::NEG_INFINITY),
        a => unit(a).map(f64::atanh),
    }
}

/// From 0 to 30 degrees, exact at both ends.
fn sin_first(exact: &Exact, a: f64) -> f64 {
    (a * RADIANS_PER_DEGREE).sin() / exact.sin_30 / 2.0
}

/// From 0 to 60 degrees, exact at both ends.
fn cos_first(exact: &Exact, a: f64) -> f64 {
    1.0 - (1.0 - (a * RADIANS_PER_DEGREE).cos()) / exact.one_minus_cos_60 / 2.0
}

/// From 0 to 90 degrees.
fn sin_quadrant(exact: &Exact, a: f64) -> f64 {
    if a <= 30.0 { sin_first(exact, a) } else { cos_first(exact, 90.0 - a) }
}

/// From 0 to 90 degrees.
fn cos_quadrant(exact: &Exact, a: f64) -> f64 {
    if a <= 60.0 { cos_first(exact, a) } else { sin_first(exact, 90.0 - a) }
}

/// An angle folded into the first quadrant, and the signs that its sine and its cosine then have.
fn folded(a: f64) -> (f64, f64, f64) {
    let (mut a, mut sine, mut cosine) = (a % 360.0, 1.0, 1.0);
    if a < 0.0 {
        (a, sine) = (-a, -sine);
    }
    if a > 180.0 {
        (a, sine) = (360.0 - a, -sine);
    }
    if a > 90.0 {
        (a, cosine) = (180.0 - a, -cosine);
    }
    (a, sine, cosine)
}

fn sind(a: f64) -> f64 {
    let (a, sign, _) = folded(a);
    sign * sin_quadrant(&EXACT, a)
}

fn cosd(a: f64) -> f64 {
    let (a, _, sign) = folded(a);
    sign * cos_quadrant(&EXACT, a)
}

/// The tangent, or the cotangent.
fn tand(a: f64, cotangent: bool) -> f64 {
    let (a, sine_sign, cosine_sign) = folded(a);
    let (sine, cosine) = (sin_quadrant(&EXACT, a), cos_quadrant(&EXACT, a));
    let ratio = if cotangent { cosine / sine / EXACT.cot_45 } else { sine / cosine / EXACT.tan_45 };
    let result = sine_sign * cosine_sign * ratio;
    // No minus zero.
    if result == 0.0 { 0.0 } else { result }
}

/// Of 0 to 1, exact at 0, 0.5 and 1.
fn asin_quadrant(a: f64) -> f64 {
    if a <= 0.5 { a.asin() / EXACT.asin_half * 30.0 } else { 90.0 - a.acos() / EXACT.acos_half * 60.0 }
}

fn asind(a: f64) -> f64 {
    if a >= 0.0 { asin_quadrant(a) } else { -asin_quadrant(-a) }
}

/// Of 0 to 1, exact at 0, 0.5 and 1.
fn acos_quadrant(a: f64) -> f64 {
    if a <= 0.5 { 90.0 - a.asin() / EXACT.asin_half * 30.0 } else { a.acos() / EXACT.acos_half * 60.0 }
}

fn acosd(a: f64) -> f64 {
    if a >= 0.0 { acos_quadrant(a) } else { 90.0 + asin_quadrant(-a) }
}
