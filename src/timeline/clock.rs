//! The wall clock, as a time.

use crate::value::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// This moment; a clock that stands before 1970 shows the epoch.
pub fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Time)
}
