//! Results over integers; and the integers of any size that the exact sums of other types are made of.

use crate::expr::EvalError;
use crate::value::Datum;
use crate::value::numeric::Numeric;
use num_bigint::BigInt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `sum` of `smallint` and `integer`.
pub(super) fn sum(sum: i128) -> Result<Datum, EvalError> {
    i64::try_from(sum).map(Datum::Int8).map_err(|_| EvalError::new("22003", "bigint out of range"))
}

/// `avg` of integers.
pub(super) fn average(sum: i128, count: i64) -> Result<Datum, EvalError> {
    Ok(Datum::Numeric(Numeric::from(sum).div(&Numeric::from(count))?))
}

/// An integer of any size: an `i128` whenever it fits, so that equal numbers are equal values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wide {
    Small(i128),
    Big(BigInt),
}

impl Wide {
    pub(super) const ZERO: Wide = Wide::Small(0);

    pub(super) fn from_big(value: BigInt) -> Wide {
        i128::try_from(&value).map_or(Wide::Big(value), Wide::Small)
    }

    pub(super) fn to_big(&self) -> BigInt {
        match self {
            Wide::Small(value) => BigInt::from(*value),
            Wide::Big(value) => value.clone(),
        }
    }

    pub(super) fn add(&mut self, other: &Wide) {
        *self = match (&*self, other) {
            (Wide::Small(a), Wide::Small(b)) => match a.checked_add(*b) {
                Some(sum) => Wide::Small(sum),
                None => Wide::from_big(BigInt::from(*a) + *b),
            },
            (a, b) => Wide::from_big(a.to_big() + b.to_big()),
        };
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        *self = match &*self {
            Wide::Small(a) => match a.checked_mul(i128::from(factor)) {
                Some(product) => Wide::Small(product),
                None => Wide::from_big(BigInt::from(*a) * factor),
            },
            Wide::Big(a) => Wide::from_big(a * factor),
        };
    }

    /// `self · 2^bits`.
    pub(super) fn shift_left(&self, bits: u32) -> Wide {
        match self {
            Wide::Small(0) => Wide::ZERO,
            Wide::Small(a) if bits < a.unsigned_abs().leading_zeros() => Wide::Small(a << bits),
            a => Wide::from_big(a.to_big() << bits),
        }
    }

    /// Without its factors of two, and how many there were; of zero none.
    pub(super) fn odd_part(self) -> (Wide, u32) {
        match self {
            Wide::Small(0) => (Wide::ZERO, 0),
            Wide::Small(a) => (Wide::Small(a >> a.trailing_zeros()), a.trailing_zeros()),
            Wide::Big(a) => {
                let zeros = a.trailing_zeros().unwrap_or(0);
                (Wide::from_big(a >> zeros), zeros as u32)
            }
        }
    }
}

impl Default for Wide {
    fn default() -> Wide {
        Wide::ZERO
    }
}

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_big().to_signed_bytes_le().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wide, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| Wide::from_big(BigInt::from_signed_bytes_le(&bytes)))
    }
}
