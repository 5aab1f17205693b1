//! Parts of a `json` value, each the text that was written.

use super::Result;
use crate::expr::EvalError;
use crate::value::json::write_string;
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

/// Without members that are null, and such elements if `items`, at any depth, and without blanks.
pub(super) fn without_nulls(json: &str, items: bool) -> Result<String> {
    let mut out = String::new();
    write_without_nulls(json.trim(), items, &mut out)?;
    Ok(out)
}

/// The members in their order.
struct Members<'a>(Vec<(Name<'a>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

fn write_without_nulls(json: &str, drops_items: bool, out: &mut String) -> Result<()> {
    match first(json) {
        Some(b'{') => {
            let Members(members) = read(json)?;
            let mut separator = '{';
            for (Name(name), value) in members {
                if value.get() != "null" {
                    out.push(std::mem::replace(&mut separator, ','));
                    write_string(&name, out);
                    out.push(':');
                    write_without_nulls(value.get(), drops_items, out)?;
                }
            }
            out.push_str(if separator == '{' { "{}" } else { "}" });
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = read(json)?;
            let mut separator = '[';
            for item in items.into_iter().filter(|item| !drops_items || item.get() != "null") {
                out.push(std::mem::replace(&mut separator, ','));
                write_without_nulls(item.get(), drops_items, out)?;
            }
            out.push_str(if separator == '[' { "[]" } else { "]" });
        }
        Some(b'"') => {
            let text: String = read(json)?;
            write_string(&text, out);
        }
        _ => out.push_str(json),
    }
    Ok(())
}

/// What a `json` value is made of, each part as it was written.
pub(in crate::expr) enum JsonParts<'a> {
    /// An array's elements.
    Array(Vec<&'a str>),
    /// An object's members, as often as they are written.
    Object(Vec<(Cow<'a, str>, &'a str)>),
    /// Neither.
    Scalar,
}

/// The parts of a value.
pub(in crate::expr) fn json_parts(json: &str) -> Result<JsonParts<'_>> {
    match first(json) {
        Some(b'[') => {
            let items: Vec<&RawValue> = read(json)?;
            Ok(JsonParts::Array(items.into_iter().map(RawValue::get).collect()))
        }
        Some(b'{') => {
            let Members(members) = read(json)?;
            Ok(JsonParts::Object(members.into_iter().map(|(Name(name), value)| (name, value.get())).collect()))
        }
        _ => Ok(JsonParts::Scalar),
    }
}

/// A part as `->>` shows it.
pub(in crate::expr) fn json_text(part: &str) -> Result<Option<String>> {
    text(Some(part))
}
