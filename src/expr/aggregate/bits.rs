//! `bit_and`, `bit_or` and `bit_xor`: how often each bit is set tells all three, and can be taken back.

use crate::expr::EvalError;
use crate::value::{Datum, Type};
use serde::{Deserialize, Serialize};

/// How the bits of all values become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bits {
    /// Set in all.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number of them.
    Xor,
}

/// How many values there are, and in how many of them each bit is set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BitCounts {
    pub(super) count: i64,
    set: Vec<i64>,
}

impl Bits {
    pub(super) fn name(self) -> &'static str {
        match self {
            Bits::And => "bit_and",
            Bits::Or => "bit_or",
            Bits::Xor => "bit_xor",
        }
    }
}

impl BitCounts {
    /// Of no values of that type.
    pub(super) fn of(ty: &Type) -> BitCounts {
        let width = match ty {
            Type::Int2 => 16,
            Type::Int4 => 32,
            _ => 64,
        };
        BitCounts { count: 0, set: vec![0; width] }
    }

    pub(super) fn add(&mut self, value: i64, times: i64) {
        self.count += times;
        for (bit, set) in self.set.iter_mut().enumerate() {
            *set += (value >> bit & 1) * times;
        }
    }

    pub(super) fn merge(&mut self, other: &BitCounts) {
        self.count += other.count;
        self.set.iter_mut().zip(&other.set).for_each(|(set, other)| *set += other);
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        self.count *= factor;
        self.set.iter_mut().for_each(|set| *set *= factor);
    }

    pub(super) fn is_zero(&self) -> bool {
        self.count == 0 && self.set.iter().all(|set| *set == 0)
    }

    pub(super) fn finish(&self, how: Bits, ty: &Type) -> Result<Datum, EvalError> {
        let is_set = |set: i64| match how {
            Bits::And => set == self.count,
            Bits::Or => set != 0,
            Bits::Xor => set & 1 == 1,
        };
        let value = self.set.iter().enumerate().fold(0i64, |value, (bit, set)| value | i64::from(is_set(*set)) << bit);
        match ty {
            Type::Int2 => Ok(Datum::Int2(value as i16)),
            Type::Int4 => Ok(Datum::Int4(value as i32)),
            Type::Int8 => Ok(Datum::Int8(value)),
            _ => Err(EvalError::mistyped()),
        }
    }
}
