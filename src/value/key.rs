//! The key encoding: canonical and order-preserving.
//!
//! Two values of one type are SQL-equal exactly if their keys are byte-equal, and keys compare as SQL orders the values, nulls
//! last. Every key says where it ends, so that columns one after the other compare as tuples. What the row encoding already
//! does so is shared with it; the rest drops what SQL does not see: a numeric's trailing zeros, the sign of zero, the blanks
//! of `character(n)`, how an interval divides into months and days.

use super::encoding::{self, ARRAY_KEY, CHAR_KEY, END, INTERVAL_KEY, JSONB_KEY, NUMERIC_KEY};
use super::json::Json;
use super::numeric::Numeric;
use super::{Array, Datum, Interval};
use std::cmp::Ordering;

/// Appends the value's key.
pub fn encode(value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Float4(v) => encoding::encode(&Datum::Float4(v + 0.0), out),
        Datum::Float8(v) => encoding::encode(&Datum::Float8(v + 0.0), out),
        Datum::Numeric(v) => {
            out.push(NUMERIC_KEY);
            encode_numeric(v, out);
        }
        Datum::Char(v) => encoding::string(CHAR_KEY, v.trim_end_matches(' ').as_bytes(), out),
        Datum::Interval(v) => {
            out.push(INTERVAL_KEY);
            out.extend_from_slice(&((v.span() as u128) ^ (1 << 127)).to_be_bytes());
        }
        Datum::Jsonb(v) => nested(JSONB_KEY, out, |key| encode_document(v, key)),
        Datum::Array(v) => nested(ARRAY_KEY, out, |key| encode_array(v, key)),
        Datum::Null | Datum::Bool(_) | Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_) => encoding::encode(value, out),
        Datum::Text(_) | Datum::Bytea(_) | Datum::Json(_) | Datum::Enum(_) | Datum::Uuid(_) => {
            encoding::encode(value, out);
        }
        Datum::Date(_) | Datum::Time(_) | Datum::Timestamp(_) | Datum::Timestamptz(_) => encoding::encode(value, out),
    }
}

impl Datum {
    /// SQL's order of two non-null values of one type; a null counts as greater than any value.
    pub fn sql_cmp(&self, other: &Datum) -> Ordering {
        match (self, other) {
            (Datum::Bool(a), Datum::Bool(b)) => a.cmp(b),
            (Datum::Int2(a), Datum::Int2(b)) => a.cmp(b),
            (Datum::Int4(a), Datum::Int4(b)) | (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
            (Datum::Int8(a), Datum::Int8(b)) | (Datum::Time(a), Datum::Time(b)) => a.cmp(b),
            (Datum::Timestamp(a), Datum::Timestamp(b)) | (Datum::Timestamptz(a), Datum::Timestamptz(b)) => a.cmp(b),
            (Datum::Float4(a), Datum::Float4(b)) => cmp_floats(f64::from(*a), f64::from(*b)),
            (Datum::Float8(a), Datum::Float8(b)) => cmp_floats(*a, *b),
            (Datum::Numeric(a), Datum::Numeric(b)) => a.cmp(b),
            (Datum::Text(a), Datum::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Datum::Char(a), Datum::Char(b)) => {
                a.trim_end_matches(' ').as_bytes().cmp(b.trim_end_matches(' ').as_bytes())
            }
            (Datum::Bytea(a), Datum::Bytea(b)) => a.cmp(b),
            (Datum::Interval(a), Datum::Interval(b)) => a.span().cmp(&b.span()),
            (Datum::Uuid(a), Datum::Uuid(b)) => a.cmp(b),
            (Datum::Enum(a), Datum::Enum(b)) => a.order.cmp(&b.order),
            _ => {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                encode(self, &mut a);
                encode(other, &mut b);
                a.cmp(&b)
            }
        }
    }
}

/// Postgres's order of floats: NaN equals itself and is greatest, and the zeros are equal.
fn cmp_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Interval {
    /// The microseconds that comparisons see: a month is 30 days, a day 24 hours.
    pub fn span(&self) -> i128 {
        const DAY: i128 = 86_400_000_000;
        i128::from(self.micros) + (i128::from(self.months) * 30 + i128::from(self.days)) * DAY
    }
}

/// A key within a key.
fn nested(tag: u8, out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut key = Vec::new();
    encode(&mut key);
    encoding::string(tag, &key, out);
}

const NEGATIVE_INFINITY: u8 = 0;
const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
const POSITIVE_INFINITY: u8 = 4;
const NAN: u8 = 5;
const EXPONENT_BYTES: usize = 3;

/// The class; then, unless it says all, the decimal exponent and the digits in pairs, each plus one, up to a zero. A negative
/// number's bytes are inverted.
fn encode_numeric(v: &Numeric, out: &mut Vec<u8>) {
    match v {
        Numeric::NegativeInfinity => return out.push(NEGATIVE_INFINITY),
        Numeric::PositiveInfinity => return out.push(POSITIVE_INFINITY),
        Numeric::NaN => return out.push(NAN),
        Numeric::Small(..) | Numeric::Big(..) => (),
    }
    let mut buffer = [0; 40];
    let (negative, digits) = v.digits(&mut buffer);
    let digits = digits.as_ref();
    let Some(last) = digits.iter().rposition(|d| *d != b'0') else {
        return out.push(ZERO);
    };
    out.push(if negative { NEGATIVE } else { POSITIVE });
    let start = out.len();
    let exponent = digits.len() as i32 - i32::from(v.scale()) + (1 << 23);
    out.extend_from_slice(&exponent.to_be_bytes()[4 - EXPONENT_BYTES..]);
    for pair in digits[..=last].chunks(2) {
        let ones = pair.get(1).map_or(0, |d| d - b'0');
        out.push((pair[0] - b'0') * 10 + ones + 1);
    }
    out.push(END);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The length of a numeric's key without its tag.
pub(super) fn numeric_length(bytes: &[u8]) -> Option<usize> {
    let end = match *bytes.first()? {
        NEGATIVE => !END,
        POSITIVE => END,
        _ => return Some(1),
    };
    let digits = bytes.get(1 + EXPONENT_BYTES..)?;
    Some(1 + EXPONENT_BYTES + digits.iter().position(|b| *b == end)? + 1)
}

// The kinds of jsonb values in Postgres's order.
const JSON_NULL: u8 = 1;
const JSON_STRING: u8 = 2;
const JSON_NUMBER: u8 = 3;
const JSON_FALSE: u8 = 4;
const JSON_TRUE: u8 = 5;
const JSON_ARRAY: u8 = 6;
const JSON_OBJECT: u8 = 7;
/// A lone scalar is ordered as an array of one element that precedes real ones.
const LONE_SCALAR: u8 = 0;
const REAL_ARRAY: u8 = 1;

fn encode_document(v: &Json, out: &mut Vec<u8>) {
    if !matches!(v, Json::Array(_) | Json::Object(_)) {
        container(JSON_ARRAY, 1, out);
        out.push(LONE_SCALAR);
    }
    encode_json(v, out);
}

fn encode_json(v: &Json, out: &mut Vec<u8>) {
    match v {
        Json::Null => out.push(JSON_NULL),
        Json::String(s) => encoding::string(JSON_STRING, s.as_bytes(), out),
        Json::Number(n) => {
            out.push(JSON_NUMBER);
            encode_numeric(n, out);
        }
        Json::Bool(false) => out.push(JSON_FALSE),
        Json::Bool(true) => out.push(JSON_TRUE),
        Json::Array(items) => {
            container(JSON_ARRAY, items.len(), out);
            out.push(REAL_ARRAY);
            items.iter().for_each(|item| encode_json(item, out));
        }
        Json::Object(members) => {
            container(JSON_OBJECT, members.len(), out);
            for (name, value) in members {
                encoding::terminated(name.as_bytes(), out);
                encode_json(value, out);
            }
        }
    }
}

/// Containers compare by size first.
fn container(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

/// Elements first, then dimensions, lengths and lower bounds.
fn encode_array(v: &Array, out: &mut Vec<u8>) {
    v.items.iter().for_each(|item| encode(item, out));
    out.push(END);
    out.push(v.dimensions.len() as u8);
    for (length, _) in &v.dimensions {
        out.extend_from_slice(&(*length as u32).to_be_bytes());
    }
    for (_, lower) in &v.dimensions {
        out.extend_from_slice(&encoding::flip4(*lower));
    }
}

#[cfg(test)]
mod tests;
