//! What the SQL standard has of JSON beside Postgres's own: documents without their nulls, and whether a text is a document.

use super::{Result, Value, as_json, build_array, build_object, build_text, raw, text_array};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{Definition, lift, partial, total};
use crate::value::Datum;
use raw::JsonParts;
use std::collections::HashSet;

/// What a test is called with besides the value: the kind of document, and whether no name may occur twice in an object.
pub(in crate::expr::function) static FUNCTIONS: &[Definition] = &[
    total("is json", &[Text, Text, Bool], Bool, lift!(|x: &str, kind: &str, unique: bool| Ok(is(x, kind, unique)))),
    total("is json", &[Json, Text, Bool], Bool, lift!(|x: &str, kind: &str, unique: bool| Ok(is(x, kind, unique)))),
    total("is json", &[Jsonb, Text, Bool], Bool, lift!(|x: &Value, kind: &str, _unique: bool| Ok(is_kind(x, kind)))),
    partial(
        "is json",
        &[Bytea, Text, Bool],
        Bool,
        lift!(|x: &[u8], kind: &str, unique: bool| Ok(is(decoded(x)?, kind, unique))),
    ),
    total("json_build_array, absent", &[Any], Json, |values, _| Ok(text_array(&present(values, 1)?)))
        .sees_nulls()
        .repeats_last(),
    partial("jsonb_build_array, absent", &[Any], Jsonb, |values, _| build_array(&present(values, 1)?))
        .sees_nulls()
        .repeats_last(),
    partial("json_build_object, absent", &[Any], Json, |values, _| match present(values, 2)?.as_slice() {
        [] => Ok(as_json("{}")),
        present => build_text(present),
    })
    .sees_nulls()
    .repeats_last(),
    partial("jsonb_build_object, absent", &[Any], Jsonb, |values, _| build_object(&present(values, 2)?))
        .sees_nulls()
        .repeats_last(),
];

/// The values, so many at a time, of which the last is not null. A key is never null.
fn present(values: &[Datum], size: usize) -> Result<Vec<Datum>> {
    let parts = values.chunks(size).filter(|part| part.last().is_some_and(|last| !last.is_null()));
    match values.chunks(size).any(|part| size > 1 && part[0].is_null()) {
        true => Err(EvalError::new("22004", "null value not allowed for object key")),
        false => Ok(parts.flatten().cloned().collect()),
    }
}

fn decoded(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| EvalError::new("22021", "invalid byte sequence for encoding \"UTF8\""))
}

fn is(text: &str, kind: &str, unique: bool) -> bool {
    let first = text.trim_start().as_bytes().first();
    let fits = match kind {
        "object" => first == Some(&b'{'),
        "array" => first == Some(&b'['),
        "scalar" => !matches!(first, Some(b'{' | b'[')),
        _ => true,
    };
    fits && Value::validate(text).is_ok() && (!unique || has_unique_names(text))
}

fn is_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => matches!(value, Value::Object(_)),
        "array" => matches!(value, Value::Array(_)),
        "scalar" => !matches!(value, Value::Object(_) | Value::Array(_)),
        _ => true,
    }
}

fn has_unique_names(text: &str) -> bool {
    match raw::json_parts(text) {
        Ok(JsonParts::Array(items)) => items.into_iter().all(has_unique_names),
        Ok(JsonParts::Object(members)) => {
            let mut names = HashSet::new();
            members.into_iter().all(|(name, value)| names.insert(name) && has_unique_names(value))
        }
        Ok(JsonParts::Scalar) => true,
        Err(_) => false,
    }
}
