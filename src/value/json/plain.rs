//! Values as `to_json` gives them: `json` as it was written, numbers as their text, arrays without blanks.

use super::write::{write_json, write_value};
use crate::value::{Array, Datum, text};

/// Appends `to_json(value)::text`; `null` for null.
pub fn write_plain(value: &Datum, out: &mut String) {
    match value {
        Datum::Float4(v) if v.is_finite() => text::write(value, out),
        Datum::Float8(v) if v.is_finite() => text::write(value, out),
        Datum::Json(json) => out.push_str(json),
        Datum::Jsonb(json) => write_json(json, out),
        Datum::Array(array) => write_array(array, out),
        value => write_value(value, out),
    }
}

fn write_array(array: &Array, out: &mut String) {
    match array.dimensions.as_slice() {
        [] => out.push_str("[]"),
        dimensions => write_dimension(dimensions, &array.items, out),
    }
}

fn write_dimension(dimensions: &[(usize, i32)], items: &[Datum], out: &mut String) {
    let Some(((length, _), inner)) = dimensions.split_first() else {
        return items.iter().for_each(|item| write_plain(item, out));
    };
    let size = items.len() / (*length).max(1);
    out.push('[');
    for (position, part) in items.chunks(size.max(1)).enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_dimension(inner, part, out);
    }
    out.push(']');
}
