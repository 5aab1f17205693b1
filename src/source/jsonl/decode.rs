//! One line of JSON to one row, as Postgres's `json_populate_record` reads it.
//!
//! A string is read by the column's input function; a number or boolean by its text; arrays become arrays of an array column
//! and stay JSON for every other. A key that is missing is null, one that is unknown does not matter, the last of two counts.

use crate::value::{Array, Column, Datum, Row, RowBuilder, Time, Type, ValueError, text};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// From 1970, where times begin, to 2000, where Postgres's timestamps do, in microseconds.
const POSTGRES_EPOCH: i128 = 946_684_800_000_000;
/// Postgres allows six dimensions.
const DIMENSIONS_MAX: usize = 6;

/// Reads lines into rows of fixed columns.
pub(super) struct Decoder {
    columns: Vec<Column>,
    event_time: Option<usize>,
    builder: RowBuilder,
}

impl Decoder {
    pub(super) fn new(columns: Vec<Column>, event_time: Option<usize>) -> Decoder {
        Decoder { columns, event_time, builder: RowBuilder::default() }
    }

    /// The row, and its event time if the stream has one.
    pub(super) fn decode(&mut self, line: &[u8]) -> Result<(Row, Option<Time>), ValueError> {
        let line = std::str::from_utf8(line).map_err(|e| ValueError::new("22021", format!("invalid UTF-8: {e}")))?;
        let event_time = self.build(line);
        // Taken in any case: what a refused line had filled in is not the next row's.
        let row = self.builder.finish();
        Ok((row, event_time?))
    }

    fn build(&mut self, line: &str) -> Result<Option<Time>, ValueError> {
        let mut event_time = None;
        for (position, (column, raw)) in self.columns.iter().zip(fields(&self.columns, line)?).enumerate() {
            let value = raw.map_or(Ok(Datum::Null), |raw| value(column, raw.get())).map_err(|e| located(column, e))?;
            if value.is_null() && !column.nullable {
                let message = format!("null value in column \"{}\", which is not null", column.name);
                return Err(ValueError::new("23502", message));
            }
            if self.event_time == Some(position) {
                event_time = Some(time(&value).map_err(|e| located(column, e))?);
            }
            self.builder.push(&value);
        }
        Ok(event_time)
    }
}

fn located(column: &Column, error: ValueError) -> ValueError {
    ValueError::new(error.code, format!("column \"{}\": {}", column.name, error.message))
}

fn malformed(error: serde_json::Error) -> ValueError {
    ValueError::new("22P02", format!("invalid JSON: {error}"))
}

/// The columns' values in a line, unread.
fn fields<'l>(columns: &[Column], line: &'l str) -> Result<Vec<Option<&'l RawValue>>, ValueError> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = Fields { columns }.deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(fields)
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

fn value(column: &Column, raw: &str) -> Result<Datum, ValueError> {
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
fn string(raw: &str) -> Result<Cow<'_, str>, ValueError> {
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

/// An event time as a time.
fn time(value: &Datum) -> Result<Time, ValueError> {
    let out_of_range = |what: &str| Err(ValueError::new("22008", format!("an event time must be {what}")));
    match value {
        Datum::Timestamptz(i64::MIN | i64::MAX) | Datum::Timestamp(i64::MIN | i64::MAX) => out_of_range("finite"),
        Datum::Timestamptz(micros) | Datum::Timestamp(micros) => {
            match u64::try_from(i128::from(*micros) + POSTGRES_EPOCH) {
                Ok(time) => Ok(time),
                Err(_) => out_of_range("after 1970"),
            }
        }
        _ => out_of_range("a timestamp"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(declarations: &[(&str, &str)], line: &str) -> Result<Vec<Datum>, ValueError> {
        let columns = declarations.iter().map(|(n, d)| super::super::types::column(n, d).unwrap()).collect();
        Decoder::new(columns, None).decode(line.as_bytes()).map(|(row, _)| row.unpack())
    }

    #[test]
    fn values_enter_as_postgres_would_read_them() {
        let cases = [
            ("bigint", "7", Ok(Datum::Int8(7))),
            ("bigint", "\"7\"", Ok(Datum::Int8(7))),
            ("bigint", "1.0", Err("22P02")),
            ("bigint", "null", Ok(Datum::Null)),
            ("bigint not null", "null", Err("23502")),
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
        let mut decoder = Decoder::new(vec![], None);
        assert_eq!(decoder.decode(b"{\"\xff\": 1}").unwrap_err().code, "22021");
    }

    #[test]
    fn event_times_lie_after_1970() {
        assert_eq!(time(&Datum::Timestamptz(0)).unwrap(), POSTGRES_EPOCH as u64);
        assert_eq!(time(&Datum::Timestamp(-POSTGRES_EPOCH as i64)).unwrap(), 0);
        for value in [Datum::Timestamptz(-POSTGRES_EPOCH as i64 - 1), Datum::Timestamptz(i64::MAX), Datum::Int8(3)] {
            assert_eq!(time(&value).unwrap_err().code, "22008");
        }
    }
}
