//! Numerics from and to the machine's numbers.

use super::Numeric;
use crate::value::ValueError;

/// `22003`, as casts to an integer type word it.
fn out_of_range(type_name: &str) -> ValueError {
    ValueError::new("22003", format!("{type_name} out of range"))
}

impl Numeric {
    /// Rounded half away from zero to an integer of this type (`smallint`, `integer` or `bigint`, named for the error).
    pub fn to_integer<N: TryFrom<i128>>(&self, type_name: &str) -> Result<N, ValueError> {
        let cannot = |what: &str| ValueError::new("0A000", format!("cannot convert {what} to {type_name}"));
        match self {
            Numeric::NaN => return Err(cannot("NaN")),
            Numeric::PositiveInfinity | Numeric::NegativeInfinity => return Err(cannot("infinity")),
            Numeric::Small(..) | Numeric::Big(..) => (),
        }
        match self.round(0) {
            Numeric::Small(c, _) => N::try_from(c).map_err(|_| out_of_range(type_name)),
            _ => Err(out_of_range(type_name)),
        }
    }

    /// The nearest double; an error if there is none.
    pub fn to_f64(&self) -> Result<f64, ValueError> {
        let value = self.to_f64_lossy();
        self.check_float(value, "double precision")?;
        Ok(value)
    }

    /// The nearest double, infinite or zero where the number is beyond.
    pub fn to_f64_lossy(&self) -> f64 {
        match self {
            Numeric::NaN => f64::NAN,
            Numeric::PositiveInfinity => f64::INFINITY,
            Numeric::NegativeInfinity => f64::NEG_INFINITY,
            Numeric::Small(c, 0) if c.unsigned_abs() < 1 << 53 => *c as f64,
            Numeric::Small(..) | Numeric::Big(..) => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The nearest float; an error if there is none.
    pub fn to_f32(&self) -> Result<f32, ValueError> {
        let value: f32 = match self.is_finite() {
            true => self.to_string().parse().unwrap_or(f32::NAN),
            false => self.to_f64_lossy() as f32,
        };
        self.check_float(f64::from(value), "real")?;
        Ok(value)
    }

    /// Refuses a float that lost this number to an infinity or to zero.
    fn check_float(&self, value: f64, type_name: &str) -> Result<(), ValueError> {
        match self.is_finite() && (value.is_infinite() || (value == 0.0 && !self.is_zero())) {
            true => Err(ValueError::new("22003", format!("\"{self}\" is out of range for type {type_name}"))),
            false => Ok(()),
        }
    }

    /// A double's fifteen significant digits, as the cast from `double precision` keeps them.
    pub fn from_f64(value: f64) -> Numeric {
        from_float(value, 15)
    }

    /// A float's six significant digits, as the cast from `real` keeps them.
    pub fn from_f32(value: f32) -> Numeric {
        from_float(f64::from(value), 6)
    }
}

fn from_float(value: f64, significant: usize) -> Numeric {
    if value.is_nan() {
        return Numeric::NaN;
    }
    if value.is_infinite() {
        return if value > 0.0 { Numeric::PositiveInfinity } else { Numeric::NegativeInfinity };
    }
    // Digits and exponent as C's `%.*g` shows them: without trailing zeros.
    let shown = format!("{value:.*e}", significant - 1);
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    Numeric::parse(&format!("{mantissa}e{exponent}")).unwrap_or(Numeric::ZERO)
}
