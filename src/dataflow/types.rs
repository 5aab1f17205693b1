//! The generics of timely and differential, fixed once: what a collection and an arrangement are here.

use crate::timeline::DataError;
use crate::value::{Diff, Row, Time};
pub use differential_dataflow::VecCollection;

/// Where collections live.
pub type Scope<'s> = timely::dataflow::Scope<'s, Time>;

/// A collection of rows.
pub type Rows<'s> = VecCollection<'s, Time, Row, Diff>;

/// A collection of data errors.
pub type Errors<'s> = VecCollection<'s, Time, DataError, Diff>;
