//! Scalar functions, operators and casts.

/// A scalar function, operator or cast.
#[derive(Clone, Debug, PartialEq)]
pub struct Function;
