//! JSON made of texts, shown in lines, and looked into by a path of texts.

use super::{Result, Value, as_json, as_text, follow, raw, shown};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{Definition, lift, partial, total};
use crate::value::json::write_string;
use crate::value::{Array as List, Datum};
use std::sync::Arc;

pub(in crate::expr::function) static FUNCTIONS: &[Definition] = &[
    total("jsonb_pretty", &[Jsonb], Text, lift!(|x: &Value| Ok(pretty(x)))),
    partial("jsonb_object", &[TextArray], Jsonb, lift!(|list: &List| object(pairs(list)?))),
    partial(
        "jsonb_object",
        &[TextArray, TextArray],
        Jsonb,
        lift!(|names: &List, values: &List| object(zipped(names, values)?)),
    ),
    partial("json_object", &[TextArray], Json, lift!(|list: &List| raw_object(pairs(list)?))),
    partial(
        "json_object",
        &[TextArray, TextArray],
        Json,
        lift!(|names: &List, values: &List| raw_object(zipped(names, values)?)),
    ),
    total("jsonb_extract_path", &[Jsonb, Text], Jsonb, |values, _| extract(values, false)).sees_nulls().repeats_last(),
    total("jsonb_extract_path_text", &[Jsonb, Text], Text, |values, _| extract(values, true))
        .sees_nulls()
        .repeats_last(),
    partial("json_extract_path", &[Json, Text], Json, |values, _| raw_extract(values, false))
        .sees_nulls()
        .repeats_last(),
    partial("json_extract_path_text", &[Json, Text], Text, |values, _| raw_extract(values, true))
        .sees_nulls()
        .repeats_last(),
];

/// Shown with every member and element on a line of its own.
fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write_pretty(value, 0, &mut out);
    out
}

fn line(level: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', 4 * level));
}

fn write_pretty(value: &Value, level: usize, out: &mut String) {
    let (open, close) = if matches!(value, Value::Array(_)) { ('[', ']') } else { ('{', '}') };
    match value {
        Value::Array(items) => {
            out.push(open);
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                line(level + 1, out);
                write_pretty(item, level + 1, out);
            }
        }
        Value::Object(members) => {
            out.push(open);
            for (place, (name, value)) in members.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                line(level + 1, out);
                write_string(name, out);
                out.push_str(": ");
                write_pretty(value, level + 1, out);
            }
        }
        scalar => return scalar.write(out),
    }
    line(level, out);
    out.push(close);
}

fn wrong(message: &str) -> EvalError {
    EvalError::new("2202E", message)
}

/// Names and values that alternate, or stand in pairs.
fn pairs(list: &List) -> Result<Vec<(&Datum, &Datum)>> {
    match list.dimensions.as_slice() {
        [] => {}
        [(length, _)] if length % 2 != 0 => return Err(wrong("array must have even number of elements")),
        [_] | [_, (2, _)] => {}
        [_, _] => return Err(wrong("array must have two columns")),
        _ => return Err(wrong("wrong number of array subscripts")),
    }
    Ok(list.items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect())
}

/// Names of the one array, values of the other.
fn zipped<'v>(names: &'v List, values: &'v List) -> Result<Vec<(&'v Datum, &'v Datum)>> {
    if names.dimensions.len() > 1 || names.dimensions.len() != values.dimensions.len() {
        return Err(wrong("wrong number of array subscripts"));
    }
    if names.items.len() != values.items.len() {
        return Err(wrong("mismatched array dimensions"));
    }
    Ok(names.items.iter().zip(&values.items).collect())
}

fn members<'v>(pairs: Vec<(&'v Datum, &'v Datum)>) -> Result<Vec<(&'v Arc<str>, Option<&'v Arc<str>>)>> {
    let member = |(name, value): (&'v Datum, &'v Datum)| match (name, value) {
        (Datum::Text(name), Datum::Text(value)) => Ok((name, Some(value))),
        (Datum::Text(name), _) => Ok((name, None)),
        _ => Err(EvalError::new("22004", "null value not allowed for object key")),
    };
    pairs.into_iter().map(member).collect()
}

fn object(pairs: Vec<(&Datum, &Datum)>) -> Result<Value> {
    let value = |value: Option<&Arc<str>>| value.map_or(Value::Null, |text| Value::String(text.clone()));
    Ok(Value::object(members(pairs)?.into_iter().map(|(name, text)| (name.clone(), value(text))).collect()))
}

fn raw_object(pairs: Vec<(&Datum, &Datum)>) -> Result<Datum> {
    let shown = members(pairs)?.into_iter().map(|(name, value)| {
        let mut out = String::new();
        write_string(name, &mut out);
        out.push_str(" : ");
        match value {
            Some(value) => write_string(value, &mut out),
            None => out.push_str("null"),
        }
        out
    });
    Ok(as_json(&format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))))
}

/// A path given as arguments; null if one of them is.
fn path(values: &[Datum]) -> Option<List> {
    if values.iter().any(Datum::is_null) {
        return None;
    }
    let items: Vec<Datum> = values.iter().map(|value| Datum::text(shown(value))).collect();
    let dimensions = if items.is_empty() { Vec::new() } else { vec![(items.len(), 1)] };
    Some(List { element: crate::value::Type::Text, dimensions, items })
}

fn extract(values: &[Datum], as_shown: bool) -> Result<Datum> {
    let Some((Datum::Jsonb(value), steps)) = values.split_first() else { return Ok(Datum::Null) };
    let found = path(steps).and_then(|path| follow(value, &path).cloned());
    Ok(match found {
        Some(found) if as_shown => as_text(&found).map_or(Datum::Null, Datum::text),
        Some(found) => Datum::Jsonb(Arc::new(found)),
        None => Datum::Null,
    })
}

fn raw_extract(values: &[Datum], as_shown: bool) -> Result<Datum> {
    let Some((Datum::Json(value), steps)) = values.split_first() else { return Ok(Datum::Null) };
    let Some(path) = path(steps) else { return Ok(Datum::Null) };
    let found = raw::follow(value, &path)?;
    match as_shown {
        true => Ok(raw::text(found)?.map_or(Datum::Null, Datum::text)),
        false => Ok(found.map_or(Datum::Null, as_json)),
    }
}
