//! Objects as rows of the columns that a query defines.

use super::{Call, Cells, Definition, Result};
use crate::expr::EvalError;
use crate::expr::function::Kind::Jsonb;
use crate::value::json::Json;
use crate::value::{Array, Column, Datum, Type, text};
use std::sync::Arc;

pub(super) static FUNCTIONS: &[Definition] = &[
    Definition::new("jsonb_to_record", &[Jsonb], &[], true, one).sees_nulls(),
    Definition::new("jsonb_to_recordset", &[Jsonb], &[], true, all),
];

fn refused(message: &str) -> EvalError {
    EvalError::new("22023", message)
}

fn one(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    match call.value(0) {
        Datum::Null => record(&Json::Null, call.columns, rows),
        Datum::Jsonb(document) => match document.as_ref() {
            Json::Object(_) => record(&document, call.columns, rows),
            Json::Array(_) => Err(refused("cannot call populate_composite on an array")),
            _ => Err(refused("cannot call populate_composite on a scalar")),
        },
        _ => Err(EvalError::mistyped()),
    }
}

fn all(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let Datum::Jsonb(document) = call.value(0) else { return Err(EvalError::mistyped()) };
    let Json::Array(items) = document.as_ref() else {
        return Err(refused("cannot call jsonb_to_recordset on a non-array"));
    };
    items.iter().try_for_each(|item| match item {
        Json::Object(_) => record(item, call.columns, rows),
        _ => Err(refused("argument of jsonb_to_recordset must be an array of objects")),
    })
}

/// The members of these names, each as its column's type; what is missing is null.
fn record(object: &Json, columns: &[Column], rows: &mut Cells) -> Result<()> {
    for column in columns {
        let value = object.get(&column.name).map_or(Ok(Datum::Null), |value| typed(value, &column.ty, column.modifier));
        rows.push(&value?);
    }
    rows.end_row()
}

/// A value as that type, read as the type's input would read it.
fn typed(value: &Json, ty: &Type, modifier: i32) -> Result<Datum> {
    match (value, ty) {
        (Json::Null, _) => Ok(Datum::Null),
        (value, Type::Jsonb) => Ok(Datum::Jsonb(Arc::new(value.clone()))),
        (Json::Array(items), Type::Array(element)) => list(items, element, modifier),
        (Json::String(text), Type::Json) => {
            let mut quoted = String::new();
            Json::String(text.clone()).write(&mut quoted);
            Ok(Datum::Json(quoted.into()))
        }
        (Json::String(text), ty) => Ok(text::parse(ty, modifier, text)?),
        (_, Type::Array(_)) => Err(EvalError::new("22P02", "expected JSON array")),
        (value, ty) => {
            let mut shown = String::new();
            value.write(&mut shown);
            Ok(text::parse(ty, modifier, &shown)?)
        }
    }
}

/// An array; where the first element is an array, all are, and of the same extents.
fn list(items: &[Json], element: &Type, modifier: i32) -> Result<Datum> {
    let (mut extents, mut level) = (vec![items.len()], items);
    while let Some(Json::Array(inner)) = level.first().filter(|_| !is_document(element)) {
        extents.push(inner.len());
        level = inner;
    }
    let mut flat = Vec::new();
    flatten(items, &extents, &mut flat)?;
    let items = flat.into_iter().map(|item| typed(item, element, modifier)).collect::<Result<Vec<Datum>>>()?;
    let dimensions =
        if items.is_empty() { Vec::new() } else { extents.into_iter().map(|extent| (extent, 1)).collect() };
    Ok(Datum::Array(Arc::new(Array { element: element.clone(), dimensions, items })))
}

fn is_document(ty: &Type) -> bool {
    matches!(ty, Type::Json | Type::Jsonb)
}

fn flatten<'j>(items: &'j [Json], extents: &[usize], flat: &mut Vec<&'j Json>) -> Result<()> {
    let Some((extent, inner)) = extents.split_first() else { return Ok(()) };
    if items.len() != *extent {
        return Err(EvalError::new("22P02", "malformed JSON array"));
    }
    for item in items {
        match item {
            _ if inner.is_empty() => flat.push(item),
            Json::Array(items) => flatten(items, inner, flat)?,
            _ => return Err(EvalError::new("22P02", "expected JSON array")),
        }
    }
    Ok(())
}
