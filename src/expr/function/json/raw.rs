//! Parts of a `json` value, each the text that was written.

use super::Result;
use crate::expr::EvalError;
use crate::value::{Array as List, Datum};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A name, its escapes resolved.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value was checked when it was read; what may still be wrong is what an escape stands for.
fn read<'a, X: Deserialize<'a>>(json: &'a str) -> Result<X> {
    serde_json::from_str(json)
        .map_err(|error| EvalError::new("22P02", format!("invalid input syntax for type json: {error}")))
}

fn first(json: &str) -> Option<u8> {
    json.trim_start().bytes().next()
}

/// The last member of that name.
pub(super) fn member<'a>(json: &'a str, name: &str) -> Result<Option<&'a str>> {
    if first(json) != Some(b'{') {
        return Ok(None);
    }
    let members: BTreeMap<Name<'a>, &'a RawValue> = read(json)?;
    Ok(members.get(&Name(name.into())).map(|value| value.get()))
}

/// The element at a position; a negative one counts from the end.
pub(super) fn element(json: &str, at: i32) -> Result<Option<&str>> {
    if first(json) != Some(b'[') {
        return Ok(None);
    }
    let items: Vec<&RawValue> = read(json)?;
    Ok(super::item(&items, at).map(|value| value.get()))
}

/// What a path of names and positions leads to.
pub(super) fn follow<'a>(json: &'a str, path: &List) -> Result<Option<&'a str>> {
    let mut reached = json.trim();
    for step in &path.items {
        let next = match (first(reached), step) {
            (Some(b'{'), Datum::Text(name)) => member(reached, name)?,
            (Some(b'['), Datum::Text(at)) => match at.trim().parse() {
                Ok(at) => element(reached, at)?,
                Err(_) => None,
            },
            _ => None,
        };
        match next {
            Some(next) => reached = next,
            None => return Ok(None),
        }
    }
    Ok(Some(reached))
}

/// As `->>` shows it: a string without quotes, `null` as SQL null, anything else as written.
pub(super) fn text(json: Option<&str>) -> Result<Option<String>> {
    match json {
        None | Some("null") => Ok(None),
        Some(json) if first(json) == Some(b'"') => read(json).map(Some),
        Some(json) => Ok(Some(json.to_owned())),
    }
}
