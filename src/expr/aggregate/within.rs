//! Aggregates `WITHIN GROUP (ORDER BY …)`: what stands at a place of the sorted values.
//!
//! The value that is sorted by is the first argument, and a fraction, the same for all rows of a group, the second.

use super::Values;
use crate::expr::EvalError;
use crate::value::{Array, Datum, Type};
use std::sync::Arc;

/// What is taken of the sorted values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    /// `mode`: the most frequent value, of several the first.
    Mode(Type),
    /// `percentile_disc`: the first value at or behind a fraction of all.
    PercentileDisc {
        /// The values' type.
        ty: Type,
        /// Whether an array of fractions is given.
        many: bool,
    },
    /// `percentile_cont`: what lies at a fraction of the way from the first value to the last.
    PercentileCont {
        /// The values' type: `double precision` or `interval`.
        ty: Type,
        /// Whether an array of fractions is given.
        many: bool,
    },
}

impl Within {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Within::Mode(_) => "mode",
            Within::PercentileDisc { .. } => "percentile_disc",
            Within::PercentileCont { .. } => "percentile_cont",
        }
    }

    pub(super) fn result_type(&self) -> Type {
        match self {
            Within::Mode(ty) => ty.clone(),
            Within::PercentileDisc { ty, many } | Within::PercentileCont { ty, many } => match many {
                true => ty.clone().array_of(),
                false => ty.clone(),
            },
        }
    }

    /// Of sorted rows without nulls.
    pub(super) fn fold(&self, rows: Values<'_>) -> Result<Datum, EvalError> {
        let mut fraction = Datum::Null;
        let mut sorted = Sorted::default();
        for (values, count) in rows {
            let mut values = values.into_iter();
            sorted.push(values.next().unwrap_or(Datum::Null), count);
            fraction = values.next().unwrap_or(Datum::Null);
        }
        if sorted.values.is_empty() {
            return Ok(Datum::Null);
        }
        let at = |fraction: &Datum| match (self, fraction) {
            (_, Datum::Null) => Ok(Datum::Null),
            (Within::PercentileDisc { .. }, Datum::Float8(fraction)) => Ok(sorted.at_or_behind(within_one(*fraction)?)),
            (Within::PercentileCont { .. }, Datum::Float8(fraction)) => sorted.between(within_one(*fraction)?),
            _ => Err(EvalError::mistyped()),
        };
        match (self, &fraction) {
            (Within::Mode(_), _) => Ok(sorted.most_frequent()),
            (_, Datum::Array(fractions)) => {
                let items = fractions.items.iter().map(at).collect::<Result<_, _>>()?;
                let dimensions = fractions.dimensions.clone();
                let (Within::PercentileDisc { ty, .. } | Within::PercentileCont { ty, .. } | Within::Mode(ty)) = self;
                Ok(Datum::Array(Arc::new(Array { element: ty.clone(), dimensions, items })))
            }
            (_, fraction) => at(fraction),
        }
    }
}

fn within_one(fraction: f64) -> Result<f64, EvalError> {
    match (0.0..=1.0).contains(&fraction) {
        true => Ok(fraction),
        false => Err(EvalError::new("22003", format!("percentile value {fraction} is not between 0 and 1"))),
    }
}

/// Values in order, each with how many there are up to and with it.
#[derive(Default)]
struct Sorted {
    values: Vec<(Datum, i64)>,
}

impl Sorted {
    fn push(&mut self, value: Datum, count: i64) {
        let before = self.count();
        self.values.push((value, before + count));
    }

    fn count(&self) -> i64 {
        self.values.last().map_or(0, |(_, through)| *through)
    }

    /// The value with so many before it.
    fn nth(&self, place: i64) -> &Datum {
        let found = self.values.partition_point(|(_, through)| *through <= place);
        self.values.get(found).map_or(&Datum::Null, |(value, _)| value)
    }

    fn at_or_behind(&self, fraction: f64) -> Datum {
        let place = (fraction * self.count() as f64).ceil() as i64;
        self.nth((place - 1).max(0)).clone()
    }

    fn between(&self, fraction: f64) -> Result<Datum, EvalError> {
        let place = fraction * (self.count() - 1) as f64;
        let (first, second) = (place.floor(), place.ceil());
        let (low, high) = (self.nth(first as i64), self.nth(second as i64));
        if first == second {
            return Ok(low.clone());
        }
        let part = place - first;
        match (low, high) {
            (Datum::Float8(low), Datum::Float8(high)) => Ok(Datum::Float8(low + part * (high - low))),
            (Datum::Interval(low), Datum::Interval(high)) => Ok(Datum::Interval(high.sub(*low)?.mul(part)?.add(*low)?)),
            _ => Err(EvalError::mistyped()),
        }
    }

    /// Equal values lie together; the first form is shown.
    fn most_frequent(&self) -> Datum {
        let mut best = (&Datum::Null, 0);
        let mut before = 0;
        for equal in self.values.chunk_by(|(a, _), (b, _)| a.sql_cmp(b).is_eq()) {
            let through = equal.last().map_or(before, |(_, through)| *through);
            if through - before > best.1 {
                best = (&equal[0].0, through - before);
            }
            before = through;
        }
        best.0.clone()
    }
}
