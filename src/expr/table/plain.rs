//! A value as a row.

use super::{Definition, unnamed};
use crate::expr::function::Kind::Any;

/// What any other function is where rows are expected.
pub(super) static VALUE: Definition =
    Definition::new("value", &[Any], &const { unnamed(Any, true) }, false, |call, rows| {
        rows.bytes.extend_from_slice(call.encoded(0));
        rows.end_row()
    })
    .sees_nulls();
