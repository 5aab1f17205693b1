//! What is asked of the clock: `now()` compared with a time of the row.

use crate::expr::Scalar;

/// `now() ORDER at + after`. Of a null time it is never true.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockTest {
    /// How the clock is to stand to the time.
    pub order: ClockOrder,
    /// A `timestamptz` over the input's columns.
    pub at: Scalar,
    /// Microseconds.
    pub after: i64,
}

/// An order between the clock and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOrder {
    /// `now() < at`
    Before,
    /// `now() <= at`
    UpTo,
    /// `now() >= at`
    From,
    /// `now() > at`
    After,
}

impl ClockOrder {
    /// The comparison with this name, the clock on its left.
    pub fn of(name: &str) -> Option<ClockOrder> {
        match name {
            "<" => Some(ClockOrder::Before),
            "<=" => Some(ClockOrder::UpTo),
            ">=" => Some(ClockOrder::From),
            ">" => Some(ClockOrder::After),
            _ => None,
        }
    }

    /// The comparison's name.
    pub fn name(self) -> &'static str {
        match self {
            ClockOrder::Before => "<",
            ClockOrder::UpTo => "<=",
            ClockOrder::From => ">=",
            ClockOrder::After => ">",
        }
    }

    /// With the sides exchanged.
    pub fn reversed(self) -> ClockOrder {
        match self {
            ClockOrder::Before => ClockOrder::After,
            ClockOrder::UpTo => ClockOrder::From,
            ClockOrder::From => ClockOrder::UpTo,
            ClockOrder::After => ClockOrder::Before,
        }
    }

    /// Whether rows for which it is true will not be rows for ever.
    pub fn ends(self) -> bool {
        matches!(self, ClockOrder::Before | ClockOrder::UpTo)
    }
}
