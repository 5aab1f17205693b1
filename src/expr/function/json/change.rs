//! `jsonb` with a part of it changed: set, inserted, deleted by a path, or without its nulls.

use super::{Result, Value, as_json, raw};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{Definition, lift, partial, total};
use crate::value::{Array as List, Datum};
use std::sync::Arc;

/// What may be left out is filled in by the binder.
pub(in crate::expr::function) static FUNCTIONS: &[Definition] = &[
    partial("#-", &[Jsonb, TextArray], Jsonb, lift!(|x: &Value, path: &List| at_path(x, path, Change::Delete))),
    partial(
        "jsonb_set",
        &[Jsonb, TextArray, Jsonb, Bool],
        Jsonb,
        lift!(|x: &Value, path: &List, value: &Value, create: bool| at_path(x, path, Change::Set { value, create })),
    ),
    partial("jsonb_set_lax", &[Jsonb, TextArray, Jsonb, Bool, Text], Jsonb, |values, _| set_lax(values)).sees_nulls(),
    partial(
        "jsonb_insert",
        &[Jsonb, TextArray, Jsonb, Bool],
        Jsonb,
        lift!(|x: &Value, path: &List, value: &Value, after: bool| at_path(x, path, Change::Insert { value, after })),
    ),
    total("jsonb_strip_nulls", &[Jsonb, Bool], Jsonb, lift!(|x: &Value, items: bool| Ok(without_nulls(x, items)))),
    partial(
        "json_strip_nulls",
        &[Json, Bool],
        Json,
        lift!(|x: &str, items: bool| raw::without_nulls(x, items).map(|x| as_json(&x))),
    ),
];

/// What is done at the end of a path.
#[derive(Clone, Copy, PartialEq)]
enum Change<'v> {
    /// Replaces what is there; adds what is not, if it may.
    Set {
        value: &'v Value,
        create: bool,
    },
    /// Adds before or behind an element, or a member that must not be there.
    Insert {
        value: &'v Value,
        after: bool,
    },
    Delete,
}

impl<'v> Change<'v> {
    fn value(self) -> Option<&'v Value> {
        match self {
            Change::Set { value, .. } | Change::Insert { value, .. } => Some(value),
            Change::Delete => None,
        }
    }

    fn creates(self) -> bool {
        matches!(self, Change::Set { create: true, .. } | Change::Insert { .. })
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// The value with the change at the path's end.
fn at_path(value: &Value, path: &List, change: Change<'_>) -> Result<Value> {
    if path.dimensions.len() > 1 {
        return Err(EvalError::new("2202E", "wrong number of array subscripts"));
    }
    if is_scalar(value) {
        let verb = if change == Change::Delete { "cannot delete path in scalar" } else { "cannot set path in scalar" };
        return Err(EvalError::new("22023", verb));
    }
    let empty = matches!(value, Value::Array(items) if items.is_empty())
        || matches!(value, Value::Object(members) if members.is_empty());
    if path.items.is_empty() || (empty && !change.creates()) {
        return Ok(value.clone());
    }
    follow(value, &path.items, 0, change)
}

fn follow(value: &Value, path: &[Datum], level: usize, change: Change<'_>) -> Result<Value> {
    let Datum::Text(step) = &path[level] else {
        return Err(EvalError::new("22004", format!("path element at position {} is null", level + 1)));
    };
    match value {
        Value::Object(members) => in_object(members, step, path, level, change),
        Value::Array(items) => in_array(items, step, path, level, change),
        scalar => Ok(scalar.clone()),
    }
}

fn in_object(
    members: &[(Arc<str>, Value)],
    name: &str,
    path: &[Datum],
    level: usize,
    change: Change<'_>,
) -> Result<Value> {
    let last = level + 1 == path.len();
    let place = members.iter().position(|(known, _)| known.as_ref() == name);
    let mut members = members.to_vec();
    match (place, change) {
        (Some(place), _) if !last => members[place].1 = follow(&members[place].1, path, level + 1, change)?,
        (Some(_), Change::Insert { .. }) => {
            let message = "cannot replace existing key";
            return Err(EvalError::new("22023", message));
        }
        (Some(place), Change::Set { value, .. }) => members[place].1 = value.clone(),
        (Some(place), Change::Delete) => drop(members.remove(place)),
        (None, change) => {
            if let (true, true, Some(value)) = (last, change.creates(), change.value()) {
                members.push((name.into(), value.clone()));
            }
        }
    }
    Ok(Value::object(members))
}

/// A path's element as a place in an array; blanks before it are none of it.
fn place(step: &str, level: usize) -> Result<i64> {
    let number: std::result::Result<i32, _> = step.trim_start().parse();
    number.map(i64::from).map_err(|_| {
        EvalError::new("22P02", format!("path element at position {} is not an integer: \"{step}\"", level + 1))
    })
}

fn in_array(items: &[Value], step: &str, path: &[Datum], level: usize, change: Change<'_>) -> Result<Value> {
    let last = level + 1 == path.len();
    let count = items.len() as i64;
    let mut at = place(step, level)?;
    // A negative place counts from the end; one before the first stands before everything.
    if at < 0 {
        at = if -at > count { i64::from(i32::MIN) } else { count + at };
    }
    let mut items = items.to_vec();
    let found = usize::try_from(at).ok().filter(|at| *at < items.len());
    match (found, change) {
        (Some(at), _) if !last => items[at] = follow(&items[at], path, level + 1, change)?,
        (Some(at), Change::Set { value, .. }) => items[at] = value.clone(),
        (Some(at), Change::Insert { value, after }) => items.insert(at + usize::from(after), value.clone()),
        (Some(at), Change::Delete) => drop(items.remove(at)),
        (None, change) => {
            if let (true, true, Some(value)) = (last, change.creates(), change.value()) {
                let front = at < 0;
                items.insert(if front { 0 } else { items.len() }, value.clone());
            }
        }
    }
    Ok(Value::Array(items))
}

/// Without members that are null, at any depth; nulls of arrays stay.
/// Without members that are null, and such elements if `items`.
fn without_nulls(value: &Value, items: bool) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| *value != Value::Null);
            Value::object(kept.map(|(name, value)| (name.clone(), without_nulls(value, items))).collect())
        }
        Value::Array(list) => {
            let kept = list.iter().filter(|item| !items || **item != Value::Null);
            Value::Array(kept.map(|item| without_nulls(item, items)).collect())
        }
        other => other.clone(),
    }
}

/// `jsonb_set`, and what it does with a null to be set.
fn set_lax(values: &[Datum]) -> Result<Datum> {
    let [Datum::Jsonb(value), Datum::Array(path), new, Datum::Bool(create), treatment] = values else {
        return Ok(Datum::Null);
    };
    let change = match (new, treatment) {
        (Datum::Jsonb(new), _) => Change::Set { value: new, create: *create },
        (_, Datum::Text(treatment)) => match treatment.as_ref() {
            "use_json_null" => Change::Set { value: &Value::Null, create: *create },
            "delete_key" => Change::Delete,
            "return_target" => return Ok(values[0].clone()),
            "raise_exception" => return Err(EvalError::new("22004", "JSON value must not be null")),
            _ => return Err(null_treatment()),
        },
        _ => return Err(null_treatment()),
    };
    Ok(Datum::Jsonb(Arc::new(at_path(value, path, change)?)))
}

fn null_treatment() -> EvalError {
    let allowed = "\"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"";
    EvalError::new("22023", format!("null_value_treatment must be {allowed}"))
}
