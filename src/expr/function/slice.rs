//! Parts of arrays: elements by subscripts, slices, and what is where.

use super::Kind::*;
use super::array::{one_dimensional, same};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::{Array as List, Datum, Type};
use std::fmt::Write;
use std::sync::Arc;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("subscript", &[Array, Int4], Element, |values, _| subscript(values)).repeats_last(),
    // A lower and an upper bound for each dimension.
    total("slice", &[Array, Int4], Array, |values, _| slice(values)).repeats_last(),
    partial("trim_array", &[Array, Int4], Array, lift!(|list: &List, count: i32| trim(list, count))),
    total("array_reverse", &[Array], Array, lift!(|list: &List| Ok(rearranged(list, |parts| parts.reverse())))),
    partial("array_sort", &[Array], Array, lift!(|list: &List| sorted(list, false, false))),
    partial(
        "array_sort",
        &[Array, Bool],
        Array,
        lift!(|list: &List, descending: bool| sorted(list, descending, descending)),
    ),
    partial(
        "array_sort",
        &[Array, Bool, Bool],
        Array,
        lift!(|list: &List, descending: bool, nulls_first: bool| sorted(list, descending, nulls_first)),
    ),
    total("array_dims", &[Array], Text, lift!(|list: &List| Ok(dimensions(list)))),
    partial("array_position", &[CommonArray, Common], Int4, |values, _| position(values)).sees_nulls(),
    partial("array_position", &[CommonArray, Common, Int4], Int4, |values, _| position(values)).sees_nulls(),
    partial("array_positions", &[CommonArray, Common], Int4Array, |values, _| positions(values)).sees_nulls(),
    partial("array_fill", &[Element, Int4Array], Array, fill).sees_nulls(),
    partial("array_fill", &[Element, Int4Array, Int4Array], Array, fill).sees_nulls(),
];

fn numbers(values: &[Datum]) -> Result<Vec<i64>> {
    let number = |value: &Datum| match value {
        Datum::Int4(number) => Ok(i64::from(*number)),
        _ => Err(EvalError::mistyped()),
    };
    values.iter().map(number).collect()
}

fn split(values: &[Datum]) -> Result<(&List, Vec<i64>)> {
    match values {
        [Datum::Array(list), rest @ ..] => Ok((list, numbers(rest)?)),
        _ => Err(EvalError::mistyped()),
    }
}

/// `list[a][b]`: null outside, and with more or fewer subscripts than dimensions.
fn subscript(values: &[Datum]) -> Result<Datum> {
    let (list, subscripts) = split(values)?;
    if subscripts.len() != list.dimensions.len() {
        return Ok(Datum::Null);
    }
    let mut offset = 0;
    for (at, (length, lower)) in subscripts.iter().zip(&list.dimensions) {
        match usize::try_from(at - i64::from(*lower)).ok().filter(|place| place < length) {
            Some(place) => offset = offset * length + place,
            None => return Ok(Datum::Null),
        }
    }
    Ok(list.items.get(offset).cloned().unwrap_or(Datum::Null))
}

/// With its elements, or what it consists of in its first dimension, in another order.
fn rearranged(list: &List, rearrange: impl FnOnce(&mut Vec<&[Datum]>)) -> Datum {
    let length = list.dimensions.first().map_or(1, |(length, _)| *length);
    let mut parts: Vec<&[Datum]> = list.items.chunks((list.items.len() / length).max(1)).collect();
    rearrange(&mut parts);
    let items = parts.concat();
    Datum::Array(Arc::new(List { element: list.element.clone(), dimensions: list.dimensions.clone(), items }))
}

fn sorted(list: &List, descending: bool, nulls_first: bool) -> Result<Datum> {
    if list.element == Type::Json && list.items.len() > 1 {
        return Err(EvalError::new("0A000", "could not identify a comparison function for type json"));
    }
    // Arrays of arrays are ordered as arrays.
    let whole = |part: &[Datum]| one_dimensional(list.element.clone(), part.to_vec());
    let flat = list.dimensions.len() == 1;
    let compare = |left: &&[Datum], right: &&[Datum]| match (left, right) {
        ([left], [right]) if flat && (left.is_null() || right.is_null()) => {
            let order = left.is_null().cmp(&right.is_null());
            if nulls_first { order.reverse() } else { order }
        }
        (left, right) => {
            let order = match (left, right) {
                ([left], [right]) if flat => left.sql_cmp(right),
                _ => whole(left).sql_cmp(&whole(right)),
            };
            if descending { order.reverse() } else { order }
        }
    };
    Ok(rearranged(list, |parts| parts.sort_by(compare)))
}

fn empty(list: &List) -> Datum {
    one_dimensional(list.element.clone(), Vec::new())
}

/// `list[a:b][c:d]`: what of it there is, counted from 1.
fn slice(values: &[Datum]) -> Result<Datum> {
    let (list, bounds) = split(values)?;
    if list.dimensions.is_empty() || bounds.len() > 2 * list.dimensions.len() {
        return Ok(empty(list));
    }
    let mut ranges = Vec::with_capacity(list.dimensions.len());
    for (dimension, (length, lower)) in list.dimensions.iter().enumerate() {
        let (lower, length) = (i64::from(*lower), *length as i64);
        let bound = |which: usize, otherwise: i64| bounds.get(2 * dimension + which).copied().unwrap_or(otherwise);
        let from = bound(0, lower).max(lower) - lower;
        let to = bound(1, lower + length - 1).min(lower + length - 1) - lower;
        if from > to {
            return Ok(empty(list));
        }
        ranges.push(from as usize..to as usize + 1);
    }
    let mut offsets = vec![0];
    for (range, (length, _)) in ranges.iter().zip(&list.dimensions) {
        offsets = offsets.iter().flat_map(|offset| range.clone().map(move |place| offset * length + place)).collect();
    }
    let dimensions = ranges.iter().map(|range| (range.len(), 1)).collect();
    let items = offsets.into_iter().map(|offset| list.items[offset].clone()).collect();
    Ok(Datum::Array(Arc::new(List { element: list.element.clone(), dimensions, items })))
}

/// Without the last elements of the first dimension.
fn trim(list: &List, count: i32) -> Result<Datum> {
    let (length, lower) = list.dimensions.first().copied().unwrap_or((0, 1));
    if count < 0 || i64::from(count) > length as i64 {
        let message = format!("number of elements to trim must be between 0 and {length}");
        return Err(EvalError::new("2202E", message));
    }
    let last = i64::from(lower) + length as i64 - 1 - i64::from(count);
    slice(&[Datum::Array(Arc::new(list.clone())), Datum::Int4(lower), Datum::Int4(last as i32)])
}

fn dimensions(list: &List) -> Option<String> {
    let shown = list.dimensions.iter().fold(String::new(), |mut out, (length, lower)| {
        let _ = write!(out, "[{lower}:{}]", i64::from(*lower) + *length as i64 - 1);
        out
    });
    (!shown.is_empty()).then_some(shown)
}

/// The places of the elements equal to the value; a null is equal to nulls.
fn places<'v>(list: &'v List, sought: &'v Datum) -> Result<impl Iterator<Item = i32> + 'v> {
    if list.dimensions.len() > 1 {
        return Err(EvalError::new("0A000", "searching for elements in multidimensional arrays is not supported"));
    }
    let lower = list.dimensions.first().map_or(1, |(_, lower)| *lower);
    let found = list.items.iter().enumerate().filter(|(_, item)| same(item, sought));
    Ok(found.map(move |(at, _)| at as i32 + lower))
}

fn position(values: &[Datum]) -> Result<Datum> {
    let (list, sought, from) = match values {
        [Datum::Array(list), sought] => (list, sought, i32::MIN),
        [Datum::Array(list), sought, Datum::Int4(from)] => (list, sought, *from),
        [Datum::Array(_), _, Datum::Null] => return Err(EvalError::new("22004", "initial position must not be null")),
        _ => return Ok(Datum::Null),
    };
    let found = places(list, sought)?.find(|place| *place >= from);
    Ok(found.map_or(Datum::Null, Datum::Int4))
}

fn positions(values: &[Datum]) -> Result<Datum> {
    let [Datum::Array(list), sought] = values else { return Ok(Datum::Null) };
    Ok(one_dimensional(Type::Int4, places(list, sought)?.map(Datum::Int4).collect()))
}

/// Most elements of an array.
const MAX_ELEMENTS: i64 = 0x3FFF_FFFF / 8;
const MAX_DIMENSIONS: usize = 6;

/// An array of one value, with these lengths and lower bounds.
fn fill(values: &[Datum], ty: &Type) -> Result<Datum> {
    let Type::Array(element) = ty else { return Err(EvalError::mistyped()) };
    let missing = || EvalError::new("22004", "dimension array or low bound array cannot be null");
    let list = |value: &Datum| match value {
        Datum::Array(list) if list.dimensions.len() > 1 => {
            Err(EvalError::new("2202E", "wrong number of array subscripts"))
        }
        Datum::Array(list) if list.items.iter().any(Datum::is_null) => {
            Err(EvalError::new("22004", "dimension values cannot be null"))
        }
        Datum::Array(list) => numbers(&list.items),
        _ => Err(missing()),
    };
    let (value, lengths) = (values.first().ok_or_else(missing)?, list(values.get(1).ok_or_else(missing)?)?);
    let lowers = values.get(2).map_or_else(|| Ok(vec![1; lengths.len()]), list)?;
    if lengths.len() > MAX_DIMENSIONS {
        let message = format!("number of array dimensions ({}) exceeds the maximum allowed (6)", lengths.len());
        return Err(EvalError::new("54000", message));
    }
    if lowers.len() != lengths.len() {
        return Err(EvalError::new("2202E", "wrong number of array subscripts"));
    }
    let count = lengths.iter().try_fold(1i64, |count, length| {
        let count = if *length < 0 { None } else { count.checked_mul(*length) };
        count.filter(|count| *count <= MAX_ELEMENTS)
    });
    let count = count.ok_or_else(|| EvalError::new("54000", "array size exceeds the maximum allowed"))?;
    if lengths.is_empty() || count == 0 {
        return Ok(one_dimensional(element.as_ref().clone(), Vec::new()));
    }
    let dimensions = lengths.iter().zip(&lowers).map(|(length, lower)| (*length as usize, *lower as i32)).collect();
    let items = vec![value.clone(); count as usize];
    Ok(Datum::Array(Arc::new(List { element: element.as_ref().clone(), dimensions, items })))
}
