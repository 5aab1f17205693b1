//! How pairs of floats hang together: covariance, correlation and the least-squares line.
//!
//! Postgres adds one pair at a time and rounds each time; here the sums of the values and of their products are exact, and
//! each is rounded once. So the last digits may differ from Postgres's, which depend on the order of its scan.

use super::binary::Binary;
use super::float::FloatSum;
use crate::expr::EvalError;
use crate::value::Datum;
use serde::{Deserialize, Serialize};

/// A statistic of pairs `(y, x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairStatistic {
    /// `regr_count`
    Count,
    /// `regr_sxx`
    Sxx,
    /// `regr_syy`
    Syy,
    /// `regr_sxy`
    Sxy,
    /// `regr_avgx`
    AverageX,
    /// `regr_avgy`
    AverageY,
    /// `regr_r2`
    Determination,
    /// `regr_slope`
    Slope,
    /// `regr_intercept`
    Intercept,
    /// `covar_pop`
    CovariancePopulation,
    /// `covar_samp`
    CovarianceSample,
    /// `corr`
    Correlation,
}

use PairStatistic::*;

/// By name.
const NAMES: [(&str, PairStatistic); 12] = [
    ("regr_count", Count),
    ("regr_sxx", Sxx),
    ("regr_syy", Syy),
    ("regr_sxy", Sxy),
    ("regr_avgx", AverageX),
    ("regr_avgy", AverageY),
    ("regr_r2", Determination),
    ("regr_slope", Slope),
    ("regr_intercept", Intercept),
    ("covar_pop", CovariancePopulation),
    ("covar_samp", CovarianceSample),
    ("corr", Correlation),
];

/// The sum of values and that of their squares.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moments {
    sum: FloatSum,
    squares: FloatSum,
}

/// Of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PairSums {
    y: Moments,
    x: Moments,
    products: FloatSum,
}

impl PairStatistic {
    /// The aggregate of that name.
    pub(super) fn parse(name: &str) -> Option<PairStatistic> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, statistic)| *statistic)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, statistic)| *statistic == self).map_or("", |(name, _)| name)
    }
}

/// `Σab − Σa·Σb/N`, rounded once.
fn central(products: &FloatSum, a: &FloatSum, b: &FloatSum) -> Result<f64, EvalError> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(f64::NAN);
    }
    let product: Binary = a.exact().times(&b.exact());
    products.exact().times_integer(a.count).minus(&product).over_integer(a.count).rounded()
}

impl Moments {
    pub(super) fn add(&mut self, value: f64, times: i64) {
        self.sum.add(value, times);
        if value.is_finite() {
            self.squares.add_product(value, value, times);
        }
    }

    pub(super) fn merge(&mut self, other: &Moments) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        self.sum.multiply(factor);
        self.squares.multiply(factor);
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Moments::default()
    }

    pub(super) fn count(&self) -> i64 {
        self.sum.count
    }

    /// The sum of the squared distances from the mean; there is a value.
    pub(super) fn squares(&self) -> Result<f64, EvalError> {
        central(&self.squares, &self.sum, &self.sum)
    }
}

impl PairSums {
    pub(super) fn add(&mut self, y: f64, x: f64, times: i64) {
        self.y.add(y, times);
        self.x.add(x, times);
        if y.is_finite() && x.is_finite() {
            self.products.add_product(y, x, times);
        }
    }

    pub(super) fn merge(&mut self, other: &PairSums) {
        self.y.merge(&other.y);
        self.x.merge(&other.x);
        self.products.merge(&other.products);
    }

    pub(super) fn multiply(&mut self, factor: i64) {
        self.y.multiply(factor);
        self.x.multiply(factor);
        self.products.multiply(factor);
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == PairSums::default()
    }

    pub(super) fn count(&self) -> i64 {
        self.x.count()
    }

    pub(super) fn finish(&self, statistic: PairStatistic) -> Result<Datum, EvalError> {
        let count = self.count();
        let value = match (statistic, count) {
            (Count, _) => return Ok(Datum::Int8(count)),
            (_, 0) | (CovarianceSample, 1) => None,
            (Sxx, _) => Some(self.x.squares()?),
            (Syy, _) => Some(self.y.squares()?),
            (Sxy, _) => Some(self.sxy()?),
            (AverageX, _) => Some(self.x.sum.rounded()? / count as f64),
            (AverageY, _) => Some(self.y.sum.rounded()? / count as f64),
            (CovariancePopulation, _) => Some(self.sxy()? / count as f64),
            (CovarianceSample, _) => Some(self.sxy()? / (count - 1) as f64),
            (Determination | Slope | Intercept | Correlation, _) => self.line(statistic)?,
        };
        Ok(value.map_or(Datum::Null, Datum::Float8))
    }

    fn sxy(&self) -> Result<f64, EvalError> {
        central(&self.products, &self.y.sum, &self.x.sum)
    }

    /// What needs values of x that are not all the same.
    fn line(&self, statistic: PairStatistic) -> Result<Option<f64>, EvalError> {
        let (sxx, syy, sxy) = (self.x.squares()?, self.y.squares()?, self.sxy()?);
        if sxx == 0.0 || (statistic == Correlation && syy == 0.0) {
            return Ok(None);
        }
        Ok(Some(match statistic {
            Determination if syy == 0.0 => 1.0,
            Determination => (sxy * sxy) / (sxx * syy),
            Slope => sxy / sxx,
            Intercept => (self.y.sum.rounded()? - self.x.sum.rounded()? * sxy / sxx) / self.count() as f64,
            _ => sxy / (sxx * syy).sqrt(),
        }))
    }
}
