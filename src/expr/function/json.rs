//! JSON: taking values out of it, and making it.

use super::Kind::*;
use super::text::shown;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::json::{self, Json as Value};
use crate::value::{Array as List, Datum};
use std::sync::Arc;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("->", &[Jsonb, Text], Jsonb, lift!(|x: &Value, name: &str| Ok(member(x, name).cloned()))),
    total("->", &[Jsonb, Int4], Jsonb, lift!(|x: &Value, at: i32| Ok(element(x, at).cloned()))),
    total("->>", &[Jsonb, Text], Text, lift!(|x: &Value, name: &str| Ok(member(x, name).and_then(as_text)))),
    total("->>", &[Jsonb, Int4], Text, lift!(|x: &Value, at: i32| Ok(element(x, at).and_then(as_text)))),
    total("#>", &[Jsonb, TextArray], Jsonb, lift!(|x: &Value, path: &List| Ok(follow(x, path).cloned()))),
    total("#>>", &[Jsonb, TextArray], Text, lift!(|x: &Value, path: &List| Ok(follow(x, path).and_then(as_text)))),
    partial("->>", &[Json, Text], Text, lift!(|x: &str, name: &str| Ok(member(&parse(x)?, name).and_then(as_text)))),
    partial("->>", &[Json, Int4], Text, lift!(|x: &str, at: i32| Ok(element(&parse(x)?, at).and_then(as_text)))),
    partial(
        "#>>",
        &[Json, TextArray],
        Text,
        lift!(|x: &str, path: &List| Ok(follow(&parse(x)?, path).and_then(as_text))),
    ),
    total("?", &[Jsonb, Text], Bool, lift!(|x: &Value, name: &str| Ok(exists(x, name)))),
    total("@>", &[Jsonb, Jsonb], Bool, lift!(|x: &Value, part: &Value| Ok(contains(x, part)))),
    total("<@", &[Jsonb, Jsonb], Bool, lift!(|part: &Value, x: &Value| Ok(contains(x, part)))),
    partial("||", &[Jsonb, Jsonb], Jsonb, lift!(|a: &Value, b: &Value| concat(a, b))),
    total("jsonb_typeof", &[Jsonb], Text, lift!(|x: &Value| Ok(kind(x)))),
    partial("json_typeof", &[Json], Text, lift!(|x: &str| Ok(kind(&parse(x)?)))),
    partial("jsonb_array_length", &[Jsonb], Int4, lift!(|x: &Value| array_length(x))),
    partial("to_jsonb", &[Any], Jsonb, lift!(|x: &Datum| to_json(x))),
    total("jsonb_build_object", &[], Jsonb, |_, _| build_object(&[])),
    partial("jsonb_build_object", &[Any], Jsonb, |values, _| build_object(values)).sees_nulls().repeats_last(),
    total("jsonb_build_array", &[], Jsonb, |values, _| build_array(values)),
    partial("jsonb_build_array", &[Any], Jsonb, |values, _| build_array(values)).sees_nulls().repeats_last(),
];

fn parse(json: &str) -> Result<Value> {
    Ok(Value::parse(json)?)
}

/// A value as Postgres's `to_jsonb` gives it.
fn to_json(value: &Datum) -> Result<Value> {
    let mut out = String::new();
    json::write_value(value, &mut out);
    parse(&out)
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.iter().find(|(known, _)| known.as_ref() == name).map(|(_, value)| value),
        _ => None,
    }
}

/// The element at a position; a negative one counts from the end.
fn element(value: &Value, at: i32) -> Option<&Value> {
    let Value::Array(items) = value else { return None };
    let at = if at < 0 { items.len().checked_sub(at.unsigned_abs() as usize)? } else { at as usize };
    items.get(at)
}

fn follow<'a>(value: &'a Value, path: &List) -> Option<&'a Value> {
    path.items.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(_), Datum::Text(name)) => member(value, name),
        (Value::Array(_), Datum::Text(at)) => element(value, at.trim().parse().ok()?),
        _ => None,
    })
}

/// As `->>` shows it: a string without quotes, and `null` as SQL null.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_string()),
        other => Some(shown(&Datum::Jsonb(Arc::new(other.clone())))),
    }
}

fn exists(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(_) => member(value, name).is_some(),
        Value::Array(items) => items.iter().any(|item| matches!(item, Value::String(text) if text.as_ref() == name)),
        Value::String(text) => text.as_ref() == name,
        _ => false,
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b).is_eq(),
        _ => a == b,
    }
}

/// Whether every part of `part` is found in `value`; an array may contain a bare value.
fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(_), Value::Object(members)) => {
            members.iter().all(|(name, part)| member(value, name).is_some_and(|value| contains_nested(value, part)))
        }
        (Value::Array(items), Value::Array(parts)) => {
            parts.iter().all(|part| items.iter().any(|item| contains_nested(item, part)))
        }
        (Value::Array(items), part) if !matches!(part, Value::Object(_)) => items.iter().any(|item| equal(item, part)),
        (value, part) => equal(value, part),
    }
}

/// Within a container a bare value no longer stands for an array of it.
fn contains_nested(value: &Value, part: &Value) -> bool {
    let is_container = |value: &Value| matches!(value, Value::Array(_) | Value::Object(_));
    if is_container(value) == is_container(part) { contains(value, part) } else { false }
}

fn concat(a: &Value, b: &Value) -> Result<Value> {
    let as_items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    match (a, b) {
        (Value::Object(first), Value::Object(second)) => {
            Ok(Value::object(first.iter().chain(second).cloned().collect()))
        }
        (Value::Object(_), Value::Array(_)) | (Value::Array(_), _) | (_, Value::Array(_)) => {
            Ok(Value::Array([as_items(a), as_items(b)].concat()))
        }
        (Value::Object(_), _) | (_, Value::Object(_)) => {
            Err(EvalError::new("22023", "invalid concatenation of jsonb objects"))
        }
        _ => Ok(Value::Array(vec![a.clone(), b.clone()])),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn array_length(value: &Value) -> Result<i32> {
    match value {
        Value::Array(items) => Ok(items.len() as i32),
        Value::Object(_) => Err(EvalError::new("22023", "cannot get array length of a non-array")),
        _ => Err(EvalError::new("22023", "cannot get array length of a scalar")),
    }
}

fn build_array(values: &[Datum]) -> Result<Datum> {
    Ok(Datum::Jsonb(Arc::new(Value::Array(values.iter().map(to_json).collect::<Result<_>>()?))))
}

fn build_object(values: &[Datum]) -> Result<Datum> {
    if !values.len().is_multiple_of(2) {
        return Err(EvalError::new("22023", "argument list must have even number of elements"));
    }
    let mut members = Vec::with_capacity(values.len() / 2);
    for (position, pair) in values.chunks_exact(2).enumerate() {
        let name = match &pair[0] {
            Datum::Null => {
                let message = format!("argument {}: key must not be null", 2 * position + 1);
                return Err(EvalError::new("22023", message));
            }
            Datum::Bool(name) => (if *name { "true" } else { "false" }).to_owned(),
            Datum::Array(_) | Datum::Json(_) | Datum::Jsonb(_) => {
                return Err(EvalError::new("22023", "key value must be scalar, not array, composite, or json"));
            }
            name => shown(name),
        };
        members.push((name.into(), to_json(&pair[1])?));
    }
    Ok(Datum::Jsonb(Arc::new(Value::object(members))))
}
