//! Values and rows as JSON, digit for digit what `to_jsonb(…)::text` gives.

use super::Json;
use crate::value::numeric::Numeric;
use crate::value::{Array, Column, Datum, Row, encoding, text};
use std::fmt::Write;

/// Appends `to_jsonb(row)::text`: an object with the columns' names by length, then bytes; of columns with one name the
/// last counts.
pub fn write_row(columns: &[Column], row: &Row, out: &mut String) {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|i| (columns[*i].name.len(), &columns[*i].name, std::cmp::Reverse(*i)));
    order.dedup_by(|later, earlier| columns[*later].name == columns[*earlier].name);
    row.with_bytes(|bytes| {
        let mut starts = Vec::with_capacity(columns.len());
        let mut at = 0;
        while at < bytes.len() {
            starts.push(at);
            at += encoding::skip(&bytes[at..]);
        }
        out.push('{');
        for (i, column) in order.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            write_string(&columns[*column].name, out);
            out.push_str(": ");
            match starts.get(*column) {
                Some(start) => write_value(&encoding::decode(&bytes[*start..]).0, out),
                None => out.push_str("null"),
            }
        }
        out.push('}');
    });
}

/// Appends `to_jsonb(value)::text`; `null` for null.
pub fn write_value(value: &Datum, out: &mut String) {
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_) => text::write(value, out),
        Datum::Numeric(v) => write_numeric(v, out),
        Datum::Float4(v) => write_float(value, v.is_finite(), out),
        Datum::Float8(v) => write_float(value, v.is_finite(), out),
        Datum::Timestamp(v) => quoted(out, |out| text::write_json_timestamp(*v, false, out)),
        Datum::Timestamptz(v) => quoted(out, |out| text::write_json_timestamp(*v, true, out)),
        Datum::Text(v) | Datum::Char(v) => write_string(v, out),
        Datum::Enum(v) => write_string(&v.label, out),
        // Bytes, as `\x…`, hold the one character of these that needs an escape.
        Datum::Bytea(_) => {
            let mut shown = String::new();
            text::write(value, &mut shown);
            write_string(&shown, out);
        }
        Datum::Date(_) | Datum::Time(_) | Datum::Interval(_) | Datum::Uuid(_) => {
            quoted(out, |out| text::write(value, out));
        }
        // Only an escape that jsonb cannot hold makes valid json unreadable here.
        Datum::Json(v) => match Json::parse(v) {
            Ok(json) => write_json(&json, out),
            Err(_) => out.push_str(v),
        },
        Datum::Jsonb(v) => write_json(v, out),
        Datum::Array(v) => write_array(v, out),
    }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

fn write_numeric(value: &Numeric, out: &mut String) {
    let quote = if value.is_finite() { "" } else { "\"" };
    // Writing to a string cannot fail.
    let _ = write!(out, "{quote}{value}{quote}");
}

/// A float by its text, an exponent written out as in every jsonb number.
fn write_float(value: &Datum, finite: bool, out: &mut String) {
    if !finite {
        return quoted(out, |out| text::write(value, out));
    }
    let start = out.len();
    text::write(value, out);
    if out[start..] == *"-0" {
        out.truncate(start);
        out.push('0');
    } else if out[start..].contains('e')
        && let Ok(number) = Numeric::parse(&out[start..])
    {
        out.truncate(start);
        write_numeric(&number, out);
    }
}

fn write_array(array: &Array, out: &mut String) {
    if array.items.is_empty() {
        return out.push_str("[]");
    }
    write_dimension(&array.dimensions, &array.items, out);
}

fn write_dimension(dimensions: &[(usize, i32)], items: &[Datum], out: &mut String) {
    let Some(((length, _), inner)) = dimensions.split_first() else {
        return items.iter().for_each(|item| write_value(item, out));
    };
    out.push('[');
    let size = items.len() / (*length).max(1);
    for (i, part) in items.chunks(size.max(1)).enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_dimension(inner, part, out);
    }
    out.push(']');
}

pub(super) fn write_json(json: &Json, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Json::Number(v) => write_numeric(v, out),
        Json::String(v) => write_string(v, out),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_string(name, out);
                out.push_str(": ");
                write_json(value, out);
            }
            out.push('}');
        }
    }
}

/// Appends a JSON string.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | ..'\x20')) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
