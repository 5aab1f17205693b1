//! JSON: taking values out of it, and making it.

use super::Kind::*;
use super::text::shown;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::json::{self, Json as Value};
use crate::value::{Array as List, Datum};
use std::sync::Arc;

mod change;
mod raw;
mod standard;
mod text;

pub(super) use change::FUNCTIONS as CHANGES;
pub(super) use standard::FUNCTIONS as STANDARD;
pub(super) use text::FUNCTIONS as TEXTS;

pub(in crate::expr) use raw::{JsonParts, json_parts, json_text};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("->", &[Jsonb, Text], Jsonb, lift!(|x: &Value, name: &str| Ok(member(x, name).cloned()))),
    total("->", &[Jsonb, Int4], Jsonb, lift!(|x: &Value, at: i32| Ok(element(x, at).cloned()))),
    total("->>", &[Jsonb, Text], Text, lift!(|x: &Value, name: &str| Ok(member(x, name).and_then(as_text)))),
    total("->>", &[Jsonb, Int4], Text, lift!(|x: &Value, at: i32| Ok(element(x, at).and_then(as_text)))),
    total("#>", &[Jsonb, TextArray], Jsonb, lift!(|x: &Value, path: &List| Ok(follow(x, path).cloned()))),
    total("#>>", &[Jsonb, TextArray], Text, lift!(|x: &Value, path: &List| Ok(follow(x, path).and_then(as_text)))),
    partial("->", &[Json, Text], Json, lift!(|x: &str, name: &str| Ok(raw::member(x, name)?.map(as_json)))),
    partial("->", &[Json, Int4], Json, lift!(|x: &str, at: i32| Ok(raw::element(x, at)?.map(as_json)))),
    partial("->>", &[Json, Text], Text, lift!(|x: &str, name: &str| raw::text(raw::member(x, name)?))),
    partial("->>", &[Json, Int4], Text, lift!(|x: &str, at: i32| raw::text(raw::element(x, at)?))),
    partial("#>", &[Json, TextArray], Json, lift!(|x: &str, path: &List| Ok(raw::follow(x, path)?.map(as_json)))),
    partial("#>>", &[Json, TextArray], Text, lift!(|x: &str, path: &List| raw::text(raw::follow(x, path)?))),
    partial("json_array_length", &[Json], Int4, lift!(|x: &str| array_length(&parse(x)?))),
    total("?", &[Jsonb, Text], Bool, lift!(|x: &Value, name: &str| Ok(exists(x, name)))),
    total(
        "?|",
        &[Jsonb, TextArray],
        Bool,
        lift!(|x: &Value, names: &List| Ok(texts(names).any(|name| exists(x, name)))),
    ),
    total(
        "?&",
        &[Jsonb, TextArray],
        Bool,
        lift!(|x: &Value, names: &List| Ok(texts(names).all(|name| exists(x, name)))),
    ),
    total("@>", &[Jsonb, Jsonb], Bool, lift!(|x: &Value, part: &Value| Ok(contains(x, part)))),
    total("<@", &[Jsonb, Jsonb], Bool, lift!(|part: &Value, x: &Value| Ok(contains(x, part)))),
    total("||", &[Jsonb, Jsonb], Jsonb, lift!(|a: &Value, b: &Value| Ok(concat(a, b)))),
    partial("-", &[Jsonb, Text], Jsonb, lift!(|x: &Value, name: &str| without(x, &|known| known == name))),
    partial(
        "-",
        &[Jsonb, TextArray],
        Jsonb,
        lift!(|x: &Value, names: &List| without(x, &|known| names_it(names, known))),
    ),
    partial("-", &[Jsonb, Int4], Jsonb, lift!(|x: &Value, at: i32| without_item(x, at))),
    total("jsonb_typeof", &[Jsonb], Text, lift!(|x: &Value| Ok(kind(x)))),
    partial("json_typeof", &[Json], Text, lift!(|x: &str| Ok(kind(&parse(x)?)))),
    partial("jsonb_array_length", &[Jsonb], Int4, lift!(|x: &Value| array_length(x))),
    partial("to_jsonb", &[Any], Jsonb, lift!(|x: &Datum| to_jsonb(x))),
    total("to_json", &[Any], Json, lift!(|x: &Datum| Ok(as_json(&plain(x))))),
    total("array_to_json", &[Array], Json, |values, _| Ok(as_json(&values.iter().map(plain).collect::<String>()))),
    total("array_to_json", &[Array, Bool], Json, |values, _| Ok(lines_of(values))),
    total("json_build_object", &[], Json, |_, _| Ok(as_json("{}"))),
    partial("json_build_object", &[Any], Json, |values, _| build_text(values)).sees_nulls().repeats_last(),
    total("json_build_array", &[], Json, |_, _| Ok(as_json("[]"))),
    total("json_build_array", &[Any], Json, |values, _| Ok(text_array(values))).sees_nulls().repeats_last(),
    // What the binder takes where no name can be missing, and no value is json, of which some text is no jsonb.
    total("object as json", &[Any], Json, |values, _| build_text(values)).sees_nulls().repeats_last(),
    total("object as jsonb", &[Any], Jsonb, |values, _| build_object(values)).sees_nulls().repeats_last(),
    total("row as json", &[Any], Json, |values, _| row_text(values)).sees_nulls().repeats_last(),
    total("row as jsonb", &[Any], Jsonb, |values, _| build_object(values)).sees_nulls().repeats_last(),
    partial("row as jsonb, perhaps", &[Any], Jsonb, |values, _| build_object(values)).sees_nulls().repeats_last(),
    total("jsonb_build_object", &[], Jsonb, |_, _| build_object(&[])),
    partial("jsonb_build_object", &[Any], Jsonb, |values, _| build_object(values)).sees_nulls().repeats_last(),
    total("jsonb_build_array", &[], Jsonb, |values, _| build_array(values)),
    partial("jsonb_build_array", &[Any], Jsonb, |values, _| build_array(values)).sees_nulls().repeats_last(),
];

fn as_json(text: &str) -> Datum {
    Datum::Json(text.into())
}

fn parse(json: &str) -> Result<Value> {
    Ok(Value::parse(json)?)
}

/// A value as Postgres's `to_jsonb` gives it; `null` for null.
pub(in crate::expr) fn to_jsonb(value: &Datum) -> Result<Value> {
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

/// The element at a position; a negative one counts from the end. A bare value is taken for an array of it.
fn element(value: &Value, at: i32) -> Option<&Value> {
    match value {
        Value::Object(_) => None,
        Value::Array(items) => item(items, at),
        bare => item(std::slice::from_ref(bare), at),
    }
}

fn item<X>(items: &[X], at: i32) -> Option<&X> {
    let at = if at < 0 { items.len().checked_sub(at.unsigned_abs() as usize)? } else { at as usize };
    items.get(at)
}

fn follow<'a>(value: &'a Value, path: &List) -> Option<&'a Value> {
    path.items.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Object(_), Datum::Text(name)) => member(value, name),
        (Value::Array(items), Datum::Text(at)) => item(items, at.trim().parse().ok()?),
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

fn concat(a: &Value, b: &Value) -> Value {
    let as_items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    match (a, b) {
        (Value::Object(first), Value::Object(second)) => Value::object(first.iter().chain(second).cloned().collect()),
        _ => Value::Array([as_items(a), as_items(b)].concat()),
    }
}

/// The names that are not null.
fn texts(names: &List) -> impl Iterator<Item = &str> {
    names.items.iter().filter_map(|name| if let Datum::Text(name) = name { Some(name.as_ref()) } else { None })
}

fn names_it(names: &List, known: &str) -> bool {
    texts(names).any(|name| name == known)
}

/// Without the members, or the strings of an array, of these names.
fn without(value: &Value, gone: &dyn Fn(&str) -> bool) -> Result<Value> {
    match value {
        Value::Object(members) => Ok(Value::object(members.iter().filter(|(name, _)| !gone(name)).cloned().collect())),
        Value::Array(items) => {
            let kept = |item: &&Value| !matches!(item, Value::String(text) if gone(text));
            Ok(Value::Array(items.iter().filter(kept).cloned().collect()))
        }
        _ => Err(EvalError::new("22023", "cannot delete from scalar")),
    }
}

/// Without the element at a position.
fn without_item(value: &Value, at: i32) -> Result<Value> {
    match value {
        Value::Array(items) => {
            let place = if at < 0 { items.len() as i64 + i64::from(at) } else { i64::from(at) };
            let kept = items.iter().enumerate().filter(|(index, _)| *index as i64 != place);
            Ok(Value::Array(kept.map(|(_, item)| item.clone()).collect()))
        }
        Value::Object(_) => Err(EvalError::new("22023", "cannot delete from object using integer index")),
        _ => Err(EvalError::new("22023", "cannot delete from scalar")),
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
    Ok(Datum::Jsonb(Arc::new(Value::Array(values.iter().map(to_jsonb).collect::<Result<_>>()?))))
}

fn build_object(values: &[Datum]) -> Result<Datum> {
    let members = members(values)?.into_iter().map(|(name, value)| Ok((name.into(), to_jsonb(value)?)));
    Ok(Datum::Jsonb(Arc::new(Value::object(members.collect::<Result<_>>()?))))
}

/// `to_json(value)::text`
fn plain(value: &Datum) -> String {
    let mut out = String::new();
    json::write_plain(value, &mut out);
    out
}

/// An array as JSON, if asked for with every element on a line.
fn lines_of(values: &[Datum]) -> Datum {
    match values {
        [Datum::Array(list), Datum::Bool(true)] if list.dimensions.len() == 1 => {
            let items: Vec<String> = list.items.iter().map(plain).collect();
            as_json(&format!("[{}]", items.join(",\n ")))
        }
        [list, ..] => as_json(&plain(list)),
        [] => Datum::Null,
    }
}

fn text_array(values: &[Datum]) -> Datum {
    as_json(&format!("[{}]", values.iter().map(plain).collect::<Vec<_>>().join(", ")))
}

fn build_text(values: &[Datum]) -> Result<Datum> {
    text_object(&members(values)?, " : ", ", ")
}

fn row_text(values: &[Datum]) -> Result<Datum> {
    text_object(&members(values)?, ":", ",")
}

/// An object as text, with what stands between names and values and between members.
fn text_object(members: &[(String, &Datum)], colon: &str, comma: &str) -> Result<Datum> {
    let shown = members.iter().map(|(name, value)| {
        let mut out = String::new();
        json::write_string(name, &mut out);
        out.push_str(colon);
        json::write_plain(value, &mut out);
        out
    });
    Ok(as_json(&format!("{{{}}}", shown.collect::<Vec<_>>().join(comma))))
}

/// Names and values, as they alternate.
fn members(values: &[Datum]) -> Result<Vec<(String, &Datum)>> {
    if !values.len().is_multiple_of(2) {
        return Err(EvalError::new("22023", "argument list must have even number of elements"));
    }
    let member = |(position, pair): (usize, &'_ [Datum])| {
        key_name(&pair[0])?
            .ok_or_else(|| EvalError::new("22023", format!("argument {}: key must not be null", 2 * position + 1)))
    };
    let names = values.chunks_exact(2).enumerate().map(member).collect::<Result<Vec<_>>>()?;
    Ok(names.into_iter().zip(values.iter().skip(1).step_by(2)).collect())
}

/// A value as the name of an object's member; `None` for null.
pub(in crate::expr) fn key_name(value: &Datum) -> Result<Option<String>> {
    match value {
        Datum::Null => Ok(None),
        Datum::Bool(truth) => Ok(Some(if *truth { "true" } else { "false" }.to_owned())),
        Datum::Array(_) | Datum::Json(_) | Datum::Jsonb(_) => {
            Err(EvalError::new("22023", "key value must be scalar, not array, composite, or json"))
        }
        Datum::Timestamp(_) | Datum::Timestamptz(_) => {
            let mut quoted = String::new();
            json::write_value(value, &mut quoted);
            Ok(Some(quoted.trim_matches('"').to_owned()))
        }
        value => Ok(Some(shown(value))),
    }
}
