//! Arbitrary-precision decimals with Postgres's scales.

/// A `numeric` value.
#[derive(Clone, Debug, PartialEq)]
pub struct Numeric;
