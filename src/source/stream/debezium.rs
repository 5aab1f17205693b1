//! Debezium's envelopes: what happened to a row of a table, as a write by key.
//!
//! An envelope is an object with `op`, `before` and `after`, alone or as the `payload` beside its `schema`. Its values are JSON
//! but for a few types, which are written as Debezium's default settings write them: dates as days, times and timestamps as
//! milliseconds or, where they have more digits, microseconds, documents as texts.

use super::decode::POSTGRES_EPOCH;
use super::{epoch, json};
use crate::value::{Column, Datum, Type, ValueError, text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What stands for a large value that did not change and is not told.
const UNAVAILABLE: &str = "\"__debezium_unavailable_value\"";
/// From 1970 to 2000.
const POSTGRES_DAYS: i64 = 10_957;

/// What a record says.
#[derive(Debug)]
pub(super) enum Change<'r> {
    /// The row is this now.
    Put(&'r str),
    /// The row is gone; its key is in this.
    Delete(&'r str),
    /// All rows are gone.
    Truncate,
    /// Nothing: what follows a deletion for the sake of compaction, or a message of another kind.
    Nothing,
}

#[derive(Deserialize)]
struct Envelope<'r> {
    #[serde(borrow, default)]
    op: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    before: Option<&'r RawValue>,
    #[serde(borrow, default)]
    after: Option<&'r RawValue>,
}

#[derive(Deserialize)]
struct Wrapped<'r> {
    #[serde(borrow, default)]
    payload: Option<&'r RawValue>,
}

/// Reads an envelope.
pub(super) fn change(record: &str) -> Result<Change<'_>, ValueError> {
    let record = record.trim();
    if record.is_empty() || record == "null" {
        return Ok(Change::Nothing);
    }
    let mut envelope: Envelope<'_> = serde_json::from_str(record).map_err(malformed)?;
    if envelope.op.is_none() {
        let wrapped: Wrapped<'_> = serde_json::from_str(record).map_err(malformed)?;
        match wrapped.payload.map(RawValue::get) {
            Some(payload) => envelope = serde_json::from_str(payload).map_err(malformed)?,
            None => {
                return Err(ValueError::new("22P02", "no envelope of Debezium: it has no \"op\" and no \"payload\""));
            }
        }
    }
    match envelope.op.as_deref() {
        Some("c" | "r" | "u") => object(envelope.after).map(Change::Put).ok_or_else(|| missing("after")),
        Some("d") => object(envelope.before).map(Change::Delete).ok_or_else(|| missing("before")),
        Some("t") => Ok(Change::Truncate),
        Some("m") => Ok(Change::Nothing),
        Some(op) => Err(ValueError::new("22P02", format!("Debezium's operation \"{op}\" is not known here"))),
        None => Err(ValueError::new("22P02", "no envelope of Debezium: its payload has no \"op\"")),
    }
}

fn object(row: Option<&RawValue>) -> Option<&str> {
    row.map(RawValue::get).filter(|row| row.starts_with('{'))
}

fn missing(what: &str) -> ValueError {
    ValueError::new("22P02", format!("the envelope has no \"{what}\", which tells the row"))
}

fn malformed(error: serde_json::Error) -> ValueError {
    ValueError::new("22P02", format!("invalid JSON: {error}"))
}

/// The value of a column.
pub(super) fn value(column: &Column, raw: &str) -> Result<Datum, ValueError> {
    if raw == UNAVAILABLE {
        let message = "a large value that did not change is not told; set REPLICA IDENTITY FULL on the table";
        return Err(ValueError::new("22004", message));
    }
    let is_count = raw.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    match &column.ty {
        Type::Timestamp if is_count => epoch::timestamp(&column.ty, micros(column, raw)?),
        Type::Time if is_count => match i64::try_from(micros(column, raw)?) {
            Ok(micros @ 0..=86_400_000_000) => Ok(Datum::Time(micros)),
            _ => Err(ValueError::new("22008", format!("time out of range: \"{raw}\""))),
        },
        Type::Date if is_count => {
            let days = count(raw)?.checked_sub(POSTGRES_DAYS).and_then(|days| i32::try_from(days).ok());
            // The ends of the number line are Postgres's infinities.
            let days = days.filter(|days| !matches!(*days, i32::MIN | i32::MAX));
            days.map(Datum::Date).ok_or_else(|| ValueError::new("22008", format!("date out of range: \"{raw}\"")))
        }
        Type::Json | Type::Jsonb if raw.starts_with('"') => {
            text::parse(&column.ty, column.modifier, &json::string(raw)?)
        }
        _ => json::value(column, raw),
    }
}

/// Milliseconds where the column has at most three digits of a second, else microseconds.
fn micros(column: &Column, raw: &str) -> Result<i128, ValueError> {
    let scale = if (0..=3).contains(&column.modifier) { 1000 } else { 1 };
    Ok(i128::from(count(raw)?) * scale)
}

fn count(raw: &str) -> Result<i64, ValueError> {
    raw.parse().map_err(|_| ValueError::new("22P02", format!("\"{raw}\" is no whole number")))
}

/// Whether a column's values can be read at all.
pub(super) fn check(columns: &[Column]) -> Result<(), String> {
    match columns.iter().find(|column| column.ty == Type::Bytea) {
        None => Ok(()),
        Some(column) => Err(format!("column \"{}\": bytea is not read from Debezium's envelopes", column.name)),
    }
}

const _: () = assert!(POSTGRES_DAYS as i128 * 86_400_000_000 == POSTGRES_EPOCH);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes() {
        let cases = [
            (r#"{"op": "c", "before": null, "after": {"id": 1}}"#, r#"Put("{\"id\": 1}")"#),
            (r#"{"schema": {"op": 3}, "payload": {"op": "u", "after": {"id": 1}}}"#, r#"Put("{\"id\": 1}")"#),
            (r#"{"op": "d", "before": {"id": 1}, "after": null}"#, r#"Delete("{\"id\": 1}")"#),
            (r#"{"op": "t"}"#, "Truncate"),
            (r#"{"op": "m", "message": {}}"#, "Nothing"),
            ("null", "Nothing"),
            ("", "Nothing"),
        ];
        for (record, expected) in cases {
            assert_eq!(format!("{:?}", change(record).unwrap()), expected, "{record}");
        }
        let wrong = [r#"{"id": 1}"#, r#"{"op": "c"}"#, r#"{"op": "d", "after": {}}"#, r#"{"op": "x"}"#, "[1]", "{"];
        for record in wrong {
            assert_eq!(change(record).unwrap_err().code, "22P02", "{record}");
        }
    }

    #[test]
    fn values_as_debezium_writes_them() {
        let read = |declaration: &str, raw: &str| {
            let column = super::super::types::column("c", declaration).unwrap();
            value(&column, raw).map_err(|error| error.code)
        };
        assert_eq!(read("timestamp", "946684800000001"), Ok(Datum::Timestamp(1)));
        assert_eq!(read("timestamp(3)", "946684800001"), Ok(Datum::Timestamp(1000)));
        assert_eq!(read("timestamptz", "\"2000-01-01T00:00:00.000001Z\""), Ok(Datum::Timestamptz(1)));
        assert_eq!(read("date", "10958"), Ok(Datum::Date(1)));
        assert_eq!(read("time", "1"), Ok(Datum::Time(1)));
        assert_eq!(read("time(0)", "1"), Ok(Datum::Time(1000)));
        assert_eq!(read("jsonb", r#""{\"a\": 1}""#), read("jsonb", r#"{"a": 1}"#));
        assert_eq!(read("numeric", "\"1.50\""), text::parse(&Type::Numeric, -1, "1.50").map_err(|e| e.code));
        assert_eq!(read("text", UNAVAILABLE), Err("22004"));
        assert_eq!(read("time", "86400000001"), Err("22008"));
        assert_eq!(read("date", "99999999999"), Err("22008"));
        assert_eq!(read("date", "1.5"), Err("22P02"));
    }
}
