//! Aggregates that make one value of all: strings, arrays and JSON documents.

use super::Values;
use crate::expr::EvalError;
use crate::expr::function::{key_name, to_jsonb};
use crate::value::json::{self, Json};
use crate::value::{Array, Datum, Type};
use std::sync::Arc;

/// What the values become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Collect {
    /// `array_agg`.
    Array {
        /// The result's type.
        ty: Type,
        /// Whether the values are arrays themselves, which become the result's slices.
        of_arrays: bool,
    },
    /// `string_agg` of `text` or `bytea`; the second argument precedes every value but the first.
    String(Type),
    /// `json_agg`.
    JsonArray {
        /// Whether the values are arrays or rows, which begin a line each.
        structured: bool,
    },
    /// `jsonb_agg`.
    JsonbArray,
    /// `json_object_agg`: of a name that comes twice both members are kept.
    JsonObject,
    /// `jsonb_object_agg`: of a name that comes twice the last member is kept.
    JsonbObject,
}

impl Collect {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Collect::Array { .. } => "array_agg",
            Collect::String(_) => "string_agg",
            Collect::JsonArray { .. } => "json_agg",
            Collect::JsonbArray => "jsonb_agg",
            Collect::JsonObject => "json_object_agg",
            Collect::JsonbObject => "jsonb_object_agg",
        }
    }

    pub(super) fn result_type(&self) -> Type {
        match self {
            Collect::Array { ty, .. } | Collect::String(ty) => ty.clone(),
            Collect::JsonArray { .. } | Collect::JsonObject => Type::Json,
            Collect::JsonbArray | Collect::JsonbObject => Type::Jsonb,
        }
    }

    pub(super) fn keeps_nulls(&self) -> bool {
        !matches!(self, Collect::String(_))
    }

    pub(super) fn is_fallible(&self, arguments: &[Type]) -> bool {
        match self {
            Collect::Array { of_arrays, .. } => *of_arrays,
            Collect::String(_) | Collect::JsonArray { .. } => false,
            Collect::JsonbArray => arguments.iter().any(Type::holds_json),
            Collect::JsonObject | Collect::JsonbObject => true,
        }
    }

    /// The values in order as one; null of nothing.
    pub(super) fn fold(&self, rows: Values<'_>) -> Result<Datum, EvalError> {
        let mut rows = rows.flat_map(|(values, count)| (0..count).map(move |_| values.clone())).peekable();
        if rows.peek().is_none() {
            return Ok(Datum::Null);
        }
        match self {
            Collect::String(ty) => string(&mut rows, ty),
            Collect::Array { ty, of_arrays } => {
                let values = &mut rows.filter_map(|mut values| values.pop());
                if *of_arrays { slices(values, ty) } else { array(values, ty) }
            }
            Collect::JsonArray { structured } => Ok(json_array(&mut rows, *structured)),
            Collect::JsonbArray => {
                let items = rows.map(|values| values.first().map_or(Ok(Json::Null), to_jsonb));
                Ok(Datum::Jsonb(Arc::new(Json::Array(items.collect::<Result<_, _>>()?))))
            }
            Collect::JsonObject => json_object(&mut rows),
            Collect::JsonbObject => {
                let members = rows.map(|values| match values.as_slice() {
                    [name, value] => Ok((field_name(name)?.into(), to_jsonb(value)?)),
                    _ => Err(EvalError::mistyped()),
                });
                Ok(Datum::Jsonb(Arc::new(Json::object(members.collect::<Result<_, EvalError>>()?))))
            }
        }
    }
}

type Rows<'a> = &'a mut dyn Iterator<Item = Vec<Datum>>;

fn string(rows: Rows<'_>, ty: &Type) -> Result<Datum, EvalError> {
    let mut bytes: Option<Vec<u8>> = None;
    for values in rows {
        let [value, delimiter] = values.as_slice() else { return Err(EvalError::mistyped()) };
        let Some(value) = as_bytes(value) else { continue };
        match &mut bytes {
            None => bytes = Some(value.to_vec()),
            Some(bytes) => {
                bytes.extend_from_slice(as_bytes(delimiter).unwrap_or_default());
                bytes.extend_from_slice(value);
            }
        }
    }
    match (bytes, ty) {
        (None, _) => Ok(Datum::Null),
        (Some(bytes), Type::Bytea) => Ok(Datum::Bytea(bytes.into())),
        (Some(bytes), _) => String::from_utf8(bytes).map(Datum::text).map_err(|_| EvalError::mistyped()),
    }
}

fn as_bytes(value: &Datum) -> Option<&[u8]> {
    match value {
        Datum::Text(text) => Some(text.as_bytes()),
        Datum::Bytea(bytes) => Some(bytes),
        _ => None,
    }
}

fn element_type(array: &Type) -> Result<Type, EvalError> {
    match array {
        Type::Array(element) => Ok(element.as_ref().clone()),
        _ => Err(EvalError::mistyped()),
    }
}

fn array(values: &mut dyn Iterator<Item = Datum>, ty: &Type) -> Result<Datum, EvalError> {
    let items: Vec<Datum> = values.collect();
    Ok(Datum::Array(Arc::new(Array { element: element_type(ty)?, dimensions: vec![(items.len(), 1)], items })))
}

/// Arrays of the same extents as one of one more dimension.
fn slices(values: &mut dyn Iterator<Item = Datum>, ty: &Type) -> Result<Datum, EvalError> {
    let mut items = Vec::new();
    let mut inner: Option<Vec<(usize, i32)>> = None;
    let mut length = 0;
    for value in values {
        length += 1;
        let Datum::Array(slice) = value else {
            return Err(EvalError::new("22004", "cannot accumulate null arrays"));
        };
        if slice.dimensions.is_empty() {
            return Err(EvalError::new("2202E", "cannot accumulate empty arrays"));
        }
        if *inner.get_or_insert_with(|| slice.dimensions.clone()) != slice.dimensions {
            return Err(EvalError::new("2202E", "cannot accumulate arrays of different dimensionality"));
        }
        items.extend_from_slice(&slice.items);
    }
    let dimensions = std::iter::once((length, 1)).chain(inner.unwrap_or_default()).collect();
    Ok(Datum::Array(Arc::new(Array { element: element_type(ty)?, dimensions, items })))
}

/// As Postgres lays it out: arrays and rows begin a line each.
fn json_array(rows: Rows<'_>, structured: bool) -> Datum {
    let mut out = String::from("[");
    for (position, values) in rows.enumerate() {
        let value = values.first().unwrap_or(&Datum::Null);
        if position > 0 {
            out.push_str(", ");
            if structured && !value.is_null() {
                out.push_str("\n ");
            }
        }
        json::write_plain(value, &mut out);
    }
    out.push(']');
    Datum::Json(out.into())
}

fn json_object(rows: Rows<'_>) -> Result<Datum, EvalError> {
    let mut out = String::from("{ ");
    for (position, values) in rows.enumerate() {
        let [name, value] = values.as_slice() else { return Err(EvalError::mistyped()) };
        if position > 0 {
            out.push_str(", ");
        }
        json::write_string(&field_name(name)?, &mut out);
        out.push_str(" : ");
        json::write_plain(value, &mut out);
    }
    out.push_str(" }");
    Ok(Datum::Json(out.into()))
}

fn field_name(name: &Datum) -> Result<String, EvalError> {
    key_name(name)?.ok_or_else(|| EvalError::new("22023", "field name must not be null"))
}
