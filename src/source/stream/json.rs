//! One object of JSON to the values of columns, as Postgres's `json_populate_record` reads it.
//!
//! A string is read by the column's input function; a number or boolean by its text; arrays become arrays of an array column
//! and stay JSON for every other. A key that is missing is null, one that is unknown does not matter, the last of two counts.

use crate::value::{Array, Column, Datum, Type, ValueError, text};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Postgres allows six dimensions.
const DIMENSIONS_MAX: usize = 6;

fn malformed(error: serde_json::Error) -> ValueError {
    ValueError::new("22P02", format!("invalid JSON: {error}"))
}

/// The columns' values in an object, unread.
pub(super) fn fields<'l>(columns: &[Column], line: &'l str) -> Result<Vec<Option<&'l str>>, ValueError> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = Fields { columns }.deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(fields.into_iter().map(|field| field.map(RawValue::get)).collect())
}

struct Fields<'c> {
    columns: &'c [Column],
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut values = vec![None; self.columns.len()];
        while let Some(position) = map.next_key_seed(Position { columns: self.columns })? {
            match position {
                Some(position) => values[position] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// A key's column.
struct Position<'c> {
    columns: &'c [Column],
}

impl<'de> DeserializeSeed<'de> for Position<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Position<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.columns.iter().position(|c| c.name == key))
    }
}

/// The value of a column.
pub(super) fn value(column: &Column, raw: &str) -> Result<Datum, ValueError> {
    let is_document = matches!(column.ty, Type::Json | Type::Jsonb);
    match (raw.as_bytes().first(), &column.ty) {
        // `json_populate_record` gives SQL null here for every type, and so do we.
        (Some(b'n'), _) => Ok(Datum::Null),
        (Some(b'['), Type::Array(element)) => array(element, column.modifier, raw),
        (Some(b'"'), _) if !is_document => text::parse(&column.ty, column.modifier, &string(raw)?),
        _ => text::parse(&column.ty, column.modifier, raw),
    }
}

/// A JSON string's content.
pub(super) fn string(raw: &str) -> Result<Cow<'_, str>, ValueError> {
    let inside = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"'));
    let content = match inside {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str::<String>(raw).map_err(malformed)?),
    };
    if content.contains('\0') {
        return Err(ValueError::new("22P05", "\\u0000 cannot be converted to text"));
    }
    Ok(content)
}

fn array(element: &Type, modifier: i32, raw: &str) -> Result<Datum, ValueError> {
    let mut array = Array { element: element.clone(), dimensions: vec![], items: vec![] };
    let column = Column { name: String::new(), ty: element.clone(), modifier, nullable: true };
    collect(&column, raw, 0, &mut array)?;
    if array.items.is_empty() {
        array.dimensions.clear();
    }
    Ok(Datum::Array(Arc::new(array)))
}

/// Appends the elements of a JSON array at this depth; every array of one depth must have the same length.
fn collect(element: &Column, raw: &str, depth: usize, array: &mut Array) -> Result<(), ValueError> {
    let ragged = || ValueError::new("22P02", "malformed JSON array: arrays of one dimension must be of one length");
    let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(malformed)?;
    if depth == DIMENSIONS_MAX {
        return Err(ValueError::new("54000", format!("an array has at most {DIMENSIONS_MAX} dimensions")));
    }
    match array.dimensions.get(depth) {
        Some((length, _)) if *length != items.len() => return Err(ragged()),
        Some(_) => {}
        None if array.items.is_empty() => array.dimensions.push((items.len(), 1)),
        None => return Err(ragged()),
    }
    let is_document = matches!(element.ty, Type::Json | Type::Jsonb);
    for item in items {
        let is_nested = item.get().starts_with('[') && !is_document;
        if is_nested {
            collect(element, item.get(), depth + 1, array)?;
        } else if array.dimensions.len() > depth + 1 {
            return Err(ragged());
        } else {
            array.items.push(value(element, item.get())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(declarations: &[(&str, &str)], line: &str) -> Result<Vec<Datum>, ValueError> {
        let columns: Vec<Column> =
            declarations.iter().map(|(n, d)| super::super::types::column(n, d).unwrap()).collect();
        let fields = fields(&columns, line)?;
        columns.iter().zip(fields).map(|(c, raw)| raw.map_or(Ok(Datum::Null), |raw| value(c, raw))).collect()
    }

    #[test]
    fn values_enter_as_postgres_would_read_them() {
        let cases = [
            ("bigint", "7", Ok(Datum::Int8(7))),
            ("bigint", "\"7\"", Ok(Datum::Int8(7))),
            ("bigint", "1.0", Err("22P02")),
            ("bigint", "null", Ok(Datum::Null)),
            ("text", "1.50", Ok(Datum::text("1.50"))),
            ("text", "\"a\\nb\\u00e9\"", Ok(Datum::text("a\nbé"))),
            ("text", "\"a\\u0000\"", Err("22P05")),
            ("text", "{\"a\": [1]}", Ok(Datum::text("{\"a\": [1]}"))),
            ("boolean", "true", Ok(Datum::Bool(true))),
            ("integer", "[1]", Err("22P02")),
            ("integer", "{", Err("22P02")),
        ];
        for (declaration, json, expected) in cases {
            let line = format!("{{\"other\": {{\"c\": 3}}, \"c\": {json}}}");
            let got = decode(&[("c", declaration)], &line).map(|mut row| row.remove(0));
            assert_eq!(got.as_ref().map_err(|e| e.code), expected.as_ref().map_err(|e| *e), "{line}");
        }
    }

    #[test]
    fn arrays_keep_their_dimensions() {
        let array = |dimensions: &[(usize, i32)], items: &[Option<i32>]| {
            let items = items.iter().map(|i| i.map_or(Datum::Null, Datum::Int4)).collect();
            Ok(Datum::Array(Arc::new(Array { element: Type::Int4, dimensions: dimensions.to_vec(), items })))
        };
        let cases = [
            ("[]", array(&[], &[])),
            ("[1, null]", array(&[(2, 1)], &[Some(1), None])),
            ("[[1, 2], [3, 4]]", array(&[(2, 1), (2, 1)], &[Some(1), Some(2), Some(3), Some(4)])),
            ("[[1, 2], [3]]", Err("22P02")),
            ("[1, [2]]", Err("22P02")),
            ("[[1], 2]", Err("22P02")),
            ("[[[[[[[1]]]]]]]", Err("54000")),
        ];
        for (json, expected) in cases {
            let got = decode(&[("c", "int[]")], &format!("{{\"c\": {json}}}")).map(|mut row| row.remove(0));
            assert_eq!(got.map_err(|e| e.code), expected, "{json}");
        }
    }

    #[test]
    fn a_line_is_one_object() {
        for line in ["", "7", "[1]", "{\"a\": 1} x", "{\"a\": 1}{}", "{\"a\"}", "nul", "{\"a\": 1,}"] {
            assert_eq!(decode(&[("a", "bigint")], line).unwrap_err().code, "22P02", "{line}");
        }
        assert_eq!(decode(&[("a", "bigint")], "{\"a\": 1, \"a\": 2}").unwrap(), [Datum::Int8(2)]);
        assert_eq!(decode(&[("a", "bigint")], " {} ").unwrap(), [Datum::Null]);
    }
}
