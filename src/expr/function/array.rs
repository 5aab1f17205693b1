//! Arrays.

use super::Kind::*;
use super::text::shown;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::{Array as List, Datum, Type};
use std::sync::Arc;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("array", &[Common], CommonArray, construct).sees_nulls().repeats_last(),
    partial("array of arrays", &[CommonArray], CommonArray, nest).sees_nulls().repeats_last(),
    total(
        "array_length",
        &[Array, Int4],
        Int4,
        lift!(|list: &List, dimension: i32| Ok(extent(list, dimension).map(|(length, _)| length as i32))),
    ),
    total(
        "array_lower",
        &[Array, Int4],
        Int4,
        lift!(|list: &List, dimension: i32| Ok(extent(list, dimension).map(|(_, lower)| lower))),
    ),
    total(
        "array_upper",
        &[Array, Int4],
        Int4,
        lift!(|list: &List, dimension: i32| Ok(
            extent(list, dimension).map(|(length, lower)| lower + length as i32 - 1)
        )),
    ),
    total(
        "array_ndims",
        &[Array],
        Int4,
        lift!(|list: &List| Ok((!list.dimensions.is_empty()).then_some(list.dimensions.len() as i32))),
    ),
    total("cardinality", &[Array], Int4, lift!(|list: &List| Ok(list.items.len() as i32))),
    partial("||", &[CommonArray, CommonArray], CommonArray, |values, _| concat(values)).sees_nulls(),
    partial("||", &[CommonArray, Common], CommonArray, |values, ty| append(values, ty, false)).sees_nulls(),
    partial("||", &[Common, CommonArray], CommonArray, |values, ty| append(values, ty, true)).sees_nulls(),
    partial("array_append", &[CommonArray, Common], CommonArray, |values, ty| append(values, ty, false)).sees_nulls(),
    partial("array_prepend", &[Common, CommonArray], CommonArray, |values, ty| append(values, ty, true)).sees_nulls(),
    partial("array_cat", &[CommonArray, CommonArray], CommonArray, |values, _| concat(values)).sees_nulls(),
    total("@>", &[Array, Array], Bool, lift!(|list: &List, part: &List| Ok(contains(list, part)))),
    total("<@", &[Array, Array], Bool, lift!(|part: &List, list: &List| Ok(contains(list, part)))),
    total("&&", &[Array, Array], Bool, lift!(|a: &List, b: &List| Ok(a.items.iter().any(|item| has(b, item))))),
    total(
        "array_to_string",
        &[Array, Text],
        Text,
        lift!(|list: &List, separator: &str| Ok(join(list, separator, None))),
    ),
    total(
        "array_to_string",
        &[Array, Text, Text],
        Text,
        lift!(|list: &List, separator: &str, null: &str| Ok(join(list, separator, Some(null)))),
    ),
    total("string_to_array", &[Text, Text], TextArray, |values, _| split(values)).sees_nulls(),
    total("string_to_array", &[Text, Text, Text], TextArray, |values, _| split_nulls(values)).sees_nulls(),
    partial("array_remove", &[CommonArray, Common], CommonArray, |values, _| remove(values)).sees_nulls(),
    total("array_replace", &[CommonArray, Common, Common], CommonArray, |values, _| replace(values)).sees_nulls(),
];

/// An array of one dimension; `{}` of nothing.
pub(super) fn one_dimensional(element: Type, items: Vec<Datum>) -> Datum {
    let dimensions = if items.is_empty() { Vec::new() } else { vec![(items.len(), 1)] };
    Datum::Array(Arc::new(List { element, dimensions, items }))
}

fn element_type(ty: &Type) -> Result<Type> {
    match ty {
        Type::Array(element) => Ok(element.as_ref().clone()),
        _ => Err(EvalError::mistyped()),
    }
}

/// `ARRAY[…]` of values that are no arrays.
fn construct(values: &[Datum], ty: &Type) -> Result<Datum> {
    Ok(one_dimensional(element_type(ty)?, values.to_vec()))
}

/// `ARRAY[…]` of arrays: one more dimension. All have the same extents; those without elements count as nothing.
fn nest(values: &[Datum], ty: &Type) -> Result<Datum> {
    let unlike =
        || EvalError::new("2202E", "multidimensional arrays must have array expressions with matching dimensions");
    let mut dimensions: Option<Vec<(usize, i32)>> = None;
    let mut items = Vec::new();
    for value in values {
        let Datum::Array(list) = value else { return Err(unlike()) };
        match &dimensions {
            Some(known) if *known != list.dimensions => return Err(unlike()),
            _ => dimensions = Some(list.dimensions.clone()),
        }
        items.extend_from_slice(&list.items);
    }
    let mut dimensions = dimensions.unwrap_or_default();
    if !dimensions.is_empty() {
        dimensions.iter_mut().for_each(|(_, lower)| *lower = 1);
        dimensions.insert(0, (values.len(), 1));
    }
    Ok(Datum::Array(Arc::new(List { element: element_type(ty)?, dimensions, items })))
}

/// A dimension's length and lower bound; the first dimension is 1.
fn extent(list: &List, dimension: i32) -> Option<(usize, i32)> {
    list.dimensions.get(usize::try_from(dimension).ok()?.checked_sub(1)?).copied()
}

/// Whether both are null, or neither and they are equal.
pub(super) fn same(a: &Datum, b: &Datum) -> bool {
    if a.is_null() || b.is_null() { a.is_null() && b.is_null() } else { a.sql_cmp(b).is_eq() }
}

/// Whether the array has an element equal to this; a null is equal to none.
fn has(list: &List, item: &Datum) -> bool {
    !item.is_null() && list.items.iter().any(|known| same(known, item))
}

fn contains(list: &List, part: &List) -> bool {
    part.items.iter().all(|item| has(list, item))
}

fn incompatible() -> EvalError {
    EvalError::new("2202E", "cannot concatenate incompatible arrays")
}

fn concat(values: &[Datum]) -> Result<Datum> {
    let (a, b) = match values {
        [Datum::Null, other] | [other, Datum::Null] => return Ok(other.clone()),
        [Datum::Array(a), Datum::Array(b)] => (a, b),
        _ => return Err(EvalError::mistyped()),
    };
    if a.dimensions.is_empty() || b.dimensions.is_empty() {
        return Ok(if a.dimensions.is_empty() { values[1].clone() } else { values[0].clone() });
    }
    // Of one dimension less, it is one more element of the other.
    let (dimensions, added, inner) = match a.dimensions.len() as i64 - b.dimensions.len() as i64 {
        0 => (&a.dimensions, b.dimensions[0].0, [&a.dimensions[1..], &b.dimensions[1..]]),
        1 => (&a.dimensions, 1, [&a.dimensions[1..], &b.dimensions]),
        -1 => (&b.dimensions, 1, [&a.dimensions, &b.dimensions[1..]]),
        _ => return Err(incompatible()),
    };
    let [of_a, of_b] = inner.map(|dimensions| dimensions.iter().map(|(length, _)| *length));
    if of_a.ne(of_b) {
        return Err(incompatible());
    }
    let mut dimensions = dimensions.clone();
    dimensions[0].0 += added;
    let items = [a.items.as_slice(), b.items.as_slice()].concat();
    Ok(Datum::Array(Arc::new(List { element: a.element.clone(), dimensions, items })))
}

/// One more element, at the front or at the end.
fn append(values: &[Datum], ty: &Type, front: bool) -> Result<Datum> {
    let (list, item) = match values {
        [item, list] if front => (list, item),
        [list, item] => (list, item),
        _ => return Err(EvalError::mistyped()),
    };
    let one = one_dimensional(element_type(ty)?, vec![item.clone()]);
    if matches!(list, Datum::Array(list) if list.dimensions.len() > 1) {
        return Err(EvalError::new("22000", "argument must be empty or one-dimensional array"));
    }
    let lower = match list {
        Datum::Array(list) => list.dimensions.first().map_or(1, |(_, lower)| *lower),
        _ => 1,
    };
    let joined = if front { concat(&[one, list.clone()]) } else { concat(&[list.clone(), one]) }?;
    match joined {
        // Postgres keeps where the array began, also when it grows at the front.
        Datum::Array(mut joined) if front => {
            Arc::make_mut(&mut joined).dimensions[0].1 = lower;
            Ok(Datum::Array(joined))
        }
        joined => Ok(joined),
    }
}

/// Without the elements equal to this one; a null is equal to nulls.
fn remove(values: &[Datum]) -> Result<Datum> {
    let [Datum::Array(list), gone] = values else { return Ok(Datum::Null) };
    if list.dimensions.len() > 1 {
        return Err(EvalError::new("0A000", "removing elements from multidimensional arrays is not supported"));
    }
    if !list.items.iter().any(|item| same(item, gone)) {
        return Ok(values[0].clone());
    }
    let items: Vec<Datum> = list.items.iter().filter(|item| !same(item, gone)).cloned().collect();
    let lower = list.dimensions.first().map_or(1, |(_, lower)| *lower);
    let dimensions = if items.is_empty() { Vec::new() } else { vec![(items.len(), lower)] };
    Ok(Datum::Array(Arc::new(List { element: list.element.clone(), dimensions, items })))
}

/// With the elements equal to the one replaced by the other.
fn replace(values: &[Datum]) -> Result<Datum> {
    let [Datum::Array(list), old, new] = values else { return Ok(Datum::Null) };
    let items = list.items.iter().map(|item| if same(item, old) { new.clone() } else { item.clone() });
    let (element, dimensions) = (list.element.clone(), list.dimensions.clone());
    Ok(Datum::Array(Arc::new(List { element, dimensions, items: items.collect() })))
}

/// The elements as text; nulls are left out, or shown as told.
fn join(list: &List, separator: &str, null: Option<&str>) -> String {
    let part = |item: &Datum| if item.is_null() { null.map(str::to_owned) } else { Some(shown(item)) };
    let parts: Vec<String> = list.items.iter().filter_map(part).collect();
    parts.join(separator)
}

/// The parts between separators; without a separator, the characters.
fn split(values: &[Datum]) -> Result<Datum> {
    let (text, separator) = match values {
        [Datum::Null, _] => return Ok(Datum::Null),
        [Datum::Text(text), Datum::Text(separator)] => (text, Some(separator.as_ref())),
        [Datum::Text(text), Datum::Null] => (text, None),
        _ => return Err(EvalError::mistyped()),
    };
    let items: Vec<Datum> = match separator {
        _ if text.is_empty() => Vec::new(),
        None => text.chars().map(|c| Datum::text(c.to_string())).collect(),
        Some("") => vec![Datum::Text(text.clone())],
        Some(separator) => text.split(separator).map(Datum::text).collect(),
    };
    Ok(one_dimensional(Type::Text, items))
}

/// As `split`, with null for the parts that are the third argument.
fn split_nulls(values: &[Datum]) -> Result<Datum> {
    let [text, separator, null] = values else { return Err(EvalError::mistyped()) };
    let mut parts = split(&[text.clone(), separator.clone()])?;
    if let Datum::Array(list) = &mut parts
        && !null.is_null()
    {
        Arc::make_mut(list).items.iter_mut().filter(|item| *item == null).for_each(|item| *item = Datum::Null);
    }
    Ok(parts)
}
