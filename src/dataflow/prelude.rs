//! What Rust views need of differential: `use tidegate::dataflow::prelude::*`.

pub use super::native::{Build, NativeInputs, NativeView};
pub use super::types::{Errors, Rows, Scope};
pub use crate::timeline::DataError;
pub use crate::value::{Datum, Diff, Row, RowBuilder, Time};
pub use differential_dataflow::operators::{CountTotal, ThresholdTotal};
pub use differential_dataflow::{AsCollection, Data, ExchangeData, VecCollection};
