//! Between `Datum` and the Rust types that function bodies speak.

use crate::expr::EvalError;
use crate::value::json::Json;
use crate::value::numeric::Numeric;
use crate::value::{Array, Datum, Interval};
use std::sync::Arc;

/// Days since 2000-01-01, as in `Datum::Date`.
#[derive(Clone, Copy)]
pub(super) struct Date(pub(super) i32);

/// Microseconds since midnight, as in `Datum::Time`.
#[derive(Clone, Copy)]
pub(super) struct TimeOfDay(pub(super) i64);

/// Microseconds since 2000-01-01, as in `Datum::Timestamp`.
#[derive(Clone, Copy)]
pub(super) struct Timestamp(pub(super) i64);

/// Microseconds since 2000-01-01 UTC, as in `Datum::Timestamptz`.
#[derive(Clone, Copy)]
pub(super) struct Timestamptz(pub(super) i64);

/// A not-null argument, taken out of its datum.
pub(in crate::expr) trait Argument<'a>: Sized {
    /// The value, or an error for a datum of another type.
    fn of(value: &'a Datum) -> Result<Self, EvalError>;
}

/// A result, put into a datum.
pub(in crate::expr) trait IntoDatum {
    /// The datum.
    fn into_datum(self) -> Datum;
}

macro_rules! argument {
    ($($ty:ty: $($pattern:pat => $value:expr),+;)*) => {
        $(impl<'a> Argument<'a> for $ty {
            #[inline]
            fn of(value: &'a Datum) -> Result<Self, EvalError> {
                match value {
                    $($pattern => Ok($value),)+
                    _ => Err(EvalError::mistyped()),
                }
            }
        })*
    };
}

argument! {
    bool: Datum::Bool(x) => *x;
    i16: Datum::Int2(x) => *x;
    i32: Datum::Int4(x) => *x;
    i64: Datum::Int8(x) => *x;
    f32: Datum::Float4(x) => *x;
    f64: Datum::Float8(x) => *x;
    &'a Numeric: Datum::Numeric(x) => x;
    &'a str: Datum::Text(x) => x, Datum::Char(x) => x, Datum::Json(x) => x;
    &'a [u8]: Datum::Bytea(x) => x;
    Date: Datum::Date(x) => Date(*x);
    TimeOfDay: Datum::Time(x) => TimeOfDay(*x);
    Timestamp: Datum::Timestamp(x) => Timestamp(*x);
    Timestamptz: Datum::Timestamptz(x) => Timestamptz(*x);
    Interval: Datum::Interval(x) => *x;
    &'a Json: Datum::Jsonb(x) => x;
    &'a Array: Datum::Array(x) => x;
}

impl<'a> Argument<'a> for &'a Datum {
    fn of(value: &'a Datum) -> Result<Self, EvalError> {
        Ok(value)
    }
}

macro_rules! into_datum {
    ($($ty:ty: |$value:ident| $datum:expr;)*) => {
        $(impl IntoDatum for $ty {
            #[inline]
            fn into_datum(self) -> Datum {
                let $value = self;
                $datum
            }
        })*
    };
}

into_datum! {
    Datum: |x| x;
    bool: |x| Datum::Bool(x);
    i16: |x| Datum::Int2(x);
    i32: |x| Datum::Int4(x);
    i64: |x| Datum::Int8(x);
    f32: |x| Datum::Float4(x);
    f64: |x| Datum::Float8(x);
    Numeric: |x| Datum::Numeric(x);
    String: |x| Datum::text(x);
    &str: |x| Datum::text(x);
    Vec<u8>: |x| Datum::Bytea(x.into());
    Date: |x| Datum::Date(x.0);
    TimeOfDay: |x| Datum::Time(x.0);
    Timestamp: |x| Datum::Timestamp(x.0);
    Timestamptz: |x| Datum::Timestamptz(x.0);
    Interval: |x| Datum::Interval(x);
    Json: |x| Datum::Jsonb(Arc::new(x));
    Array: |x| Datum::Array(Arc::new(x));
}

impl<X: IntoDatum> IntoDatum for Option<X> {
    fn into_datum(self) -> Datum {
        self.map_or(Datum::Null, X::into_datum)
    }
}
