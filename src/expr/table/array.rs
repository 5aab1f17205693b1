//! Elements of arrays.

use super::{Call, Cells, Definition, Result, unnamed};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::value::{Datum, encoding};

pub(super) static FUNCTIONS: &[Definition] = &[
    Definition::new("unnest", &[Array], &const { unnamed(Element, true) }, false, unnest),
    Definition::new("generate_subscripts", &[Array, Int4], &const { unnamed(Int4, false) }, false, subscripts)
        .keyed_by(0),
    Definition::new("generate_subscripts", &[Array, Int4, Bool], &const { unnamed(Int4, false) }, false, subscripts)
        .keyed_by(0),
];

fn unnest(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    encoding::elements(call.encoded(0)).try_for_each(|element| {
        rows.bytes.extend_from_slice(element);
        rows.end_row()
    })
}

/// The subscripts of a dimension, from the last one down if asked for.
fn subscripts(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let (list, dimension, reverse) = match call.values().as_slice() {
        [Datum::Array(list), Datum::Int4(dimension)] => (list.clone(), *dimension, false),
        [Datum::Array(list), Datum::Int4(dimension), Datum::Bool(reverse)] => (list.clone(), *dimension, *reverse),
        _ => return Err(EvalError::mistyped()),
    };
    let place = usize::try_from(dimension).ok().and_then(|dimension| dimension.checked_sub(1));
    let Some((length, lower)) = place.and_then(|place| list.dimensions.get(place)) else { return Ok(()) };
    (0..*length).try_for_each(|step| {
        let step = if reverse { length - 1 - step } else { step };
        rows.push_row(&Datum::Int4(lower.saturating_add(step as i32)))
    })
}
