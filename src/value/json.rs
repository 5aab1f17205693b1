//! JSON values, and rows as JSON.

/// A `jsonb` value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {}
