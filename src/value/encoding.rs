//! The row encoding: self-describing columns that round-trip every form.
//!
//! A column is a tag byte and a payload whose length follows from the bytes alone, so rows need no schema to be read.
//! For every type of which SQL-equal values have one form (`Type::is_canonical`) these bytes are also the key encoding
//! (`key.rs`): fixed-width integers are big-endian with the sign bit flipped, strings end with a zero byte, and null has the
//! greatest tag. Columns with a tag `*_KEY` occur in keys only: they can be skipped but not decoded.

mod parts;

pub use parts::{Members, Name, Parts, Value, Values, elements, parts};

use super::calendar::{self, DAY, EPOCH_MICROS};
use super::json::Json;
use super::numeric::Numeric;
use super::{Array, Datum, EnumLabel, EnumType, Interval, Type};
use num_bigint::BigInt;
use std::sync::Arc;

pub(super) const FALSE: u8 = 1;
pub(super) const TRUE: u8 = 2;
const INT2: u8 = 3;
const INT4: u8 = 4;
/// Followed by eight big-endian bytes with the sign bit flipped.
pub const INT8: u8 = 5;
const FLOAT4: u8 = 6;
const FLOAT8: u8 = 7;
const NUMERIC: u8 = 8;
pub(super) const TEXT: u8 = 9;
pub(super) const CHAR: u8 = 10;
const BYTEA: u8 = 11;
const DATE: u8 = 12;
const TIME: u8 = 13;
const TIMESTAMP: u8 = 14;
const TIMESTAMPTZ: u8 = 15;
const INTERVAL: u8 = 16;
const UUID: u8 = 17;
const JSON: u8 = 18;
const JSONB: u8 = 19;
const ENUM: u8 = 20;
const ARRAY: u8 = 21;

// Tags from here on occur in keys only.
/// A numeric's class, exponent and digits, see `key.rs`.
pub(super) const NUMERIC_KEY: u8 = 0x40;
/// An interval's whole span: sixteen bytes.
pub(super) const INTERVAL_KEY: u8 = 0x41;
/// A `character(n)` without its trailing blanks.
pub(super) const CHAR_KEY: u8 = 0x42;
/// A jsonb's key as an escaped string of bytes.
pub(super) const JSONB_KEY: u8 = 0x43;
/// An array's key as an escaped string of bytes.
pub(super) const ARRAY_KEY: u8 = 0x44;

/// SQL null: greater than every other tag, so that nulls come last. 0xFF is kept free for escapes.
pub const NULL: u8 = 0xFE;

/// Ends a string; within one, a zero byte is followed by `ESCAPED`.
pub(super) const END: u8 = 0;
const ESCAPED: u8 = 0xFF;

/// Appends one column.
#[inline]
pub fn encode(value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(NULL),
        Datum::Bool(false) => out.push(FALSE),
        Datum::Bool(true) => out.push(TRUE),
        Datum::Int2(v) => fixed(INT2, ((*v as u16) ^ (1 << 15)).to_be_bytes(), out),
        Datum::Int4(v) => fixed(INT4, flip4(*v), out),
        Datum::Int8(v) => fixed(INT8, flip8(*v), out),
        Datum::Float4(v) => fixed(FLOAT4, order_f32(*v).to_be_bytes(), out),
        Datum::Float8(v) => fixed(FLOAT8, order_f64(*v).to_be_bytes(), out),
        Datum::Numeric(v) => {
            out.push(NUMERIC);
            encode_numeric(v, out);
        }
        Datum::Text(v) => string(TEXT, v.as_bytes(), out),
        Datum::Char(v) => string(CHAR, v.as_bytes(), out),
        Datum::Bytea(v) => string(BYTEA, v, out),
        Datum::Date(v) => fixed(DATE, flip4(*v), out),
        Datum::Time(v) => fixed(TIME, flip8(*v), out),
        Datum::Timestamp(v) => fixed(TIMESTAMP, flip8(*v), out),
        Datum::Timestamptz(v) => fixed(TIMESTAMPTZ, flip8(*v), out),
        Datum::Interval(v) => {
            fixed(INTERVAL, flip4(v.months), out);
            out.extend_from_slice(&flip4(v.days));
            out.extend_from_slice(&flip8(v.micros));
        }
        Datum::Uuid(v) => fixed(UUID, *v, out),
        Datum::Json(v) => string(JSON, v.as_bytes(), out),
        Datum::Jsonb(v) => prefixed(JSONB, out, |out| encode_json(v, out)),
        Datum::Enum(v) => encode_enum(v, out),
        Datum::Array(v) => prefixed(ARRAY, out, |out| encode_array(v, out)),
    }
}

/// The first column and the length of its bytes. Panics on bytes that `encode` did not make: see `Row::check`.
pub fn decode(bytes: &[u8]) -> (Datum, usize) {
    let mut reader = Reader { rest: bytes };
    let value = reader.column().expect("row bytes are checked where they enter");
    (value, bytes.len() - reader.rest.len())
}

/// The length of the first column, of a row or a key. Panics as `decode` does.
#[inline]
pub fn skip(bytes: &[u8]) -> usize {
    // Most columns are of a width that follows from the tag; `skip_any` says the same of them.
    match bytes[0] {
        INT8 | FLOAT8 | TIME | TIMESTAMP | TIMESTAMPTZ => 9,
        INT4 | FLOAT4 | DATE => 5,
        NULL | FALSE | TRUE => 1,
        _ => skip_any(bytes),
    }
}

/// A column of a row. Panics as `decode` does, and beyond the last column.
#[inline]
pub fn column(mut row: &[u8], position: usize) -> &[u8] {
    for _ in 0..position {
        row = &row[skip(row)..];
    }
    &row[..skip(row)]
}

/// A column of a row, which may end before it. Panics as `decode` does.
pub fn column_if_any(mut row: &[u8], position: usize) -> Option<&[u8]> {
    for _ in 0..position {
        if row.is_empty() {
            return None;
        }
        row = &row[skip(row)..];
    }
    (!row.is_empty()).then(|| &row[..skip(row)])
}

/// An encoded timestamp or date as microseconds since 1970; `None` if it is null. Infinity is after all of them.
pub fn moment(value: &[u8]) -> Option<i64> {
    match decode(value).0 {
        Datum::Timestamptz(at) | Datum::Timestamp(at) => Some(match at {
            calendar::TIMESTAMP_INFINITY | calendar::TIMESTAMP_MINUS_INFINITY => at,
            at => at.saturating_add(EPOCH_MICROS),
        }),
        Datum::Date(day) => Some(i64::from(day).saturating_mul(DAY).saturating_add(EPOCH_MICROS)),
        _ => None,
    }
}

fn skip_any(bytes: &[u8]) -> usize {
    let mut reader = Reader { rest: bytes };
    reader.skip().expect("row bytes are checked where they enter");
    bytes.len() - reader.rest.len()
}

/// All columns of a row.
pub(super) fn decode_all(bytes: &[u8]) -> Vec<Datum> {
    let mut reader = Reader { rest: bytes };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.column().expect("row bytes are checked where they enter"));
    }
    values
}

/// Whether these bytes are exactly so many columns that `decode` can read.
pub(super) fn is_row(bytes: &[u8], columns: usize) -> bool {
    let mut reader = Reader { rest: bytes };
    (0..columns).all(|_| reader.column().is_some()) && reader.rest.is_empty()
}

#[inline]
fn fixed<const N: usize>(tag: u8, payload: [u8; N], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&payload);
}

#[inline]
pub(super) fn flip4(v: i32) -> [u8; 4] {
    ((v as u32) ^ (1 << 31)).to_be_bytes()
}

#[inline]
pub(super) fn flip8(v: i64) -> [u8; 8] {
    ((v as u64) ^ (1 << 63)).to_be_bytes()
}

/// Bits whose unsigned order is the floats' order, NaN greatest.
fn order_f64(v: f64) -> u64 {
    let bits = if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn order_f32(v: f32) -> u32 {
    let bits = if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() };
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}

/// A tag and a zero-terminated, escaped string.
pub(super) fn string(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    terminated(bytes, out);
}

/// A zero-terminated string; order-preserving whatever follows it, as no tag is `ESCAPED`.
pub(super) fn terminated(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(zero) = memchr::memchr(END, bytes) {
        out.extend_from_slice(&bytes[..zero]);
        out.extend_from_slice(&[END, ESCAPED]);
        bytes = &bytes[zero + 1..];
    }
    out.extend_from_slice(bytes);
    out.push(END);
}

/// A tag, the payload's length in four bytes, and the payload.
fn prefixed(tag: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    payload(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Seven bits a byte, least first.
fn varint(mut v: usize, out: &mut Vec<u8>) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

const NAN: usize = 0;
const NEGATIVE_INFINITY: usize = 1;
const POSITIVE_INFINITY: usize = 2;
/// Added to the length of a finite numeric's coefficient.
const FINITE: usize = 3;

fn encode_numeric(v: &Numeric, out: &mut Vec<u8>) {
    match v {
        Numeric::NaN => varint(NAN, out),
        Numeric::NegativeInfinity => varint(NEGATIVE_INFINITY, out),
        Numeric::PositiveInfinity => varint(POSITIVE_INFINITY, out),
        Numeric::Small(coefficient, scale) => {
            let bits = i128::BITS - (coefficient ^ (coefficient >> 127)).leading_zeros();
            let bytes = coefficient.to_be_bytes();
            encode_finite(&bytes[15 - bits as usize / 8..], *scale, out);
        }
        Numeric::Big(coefficient, scale) => encode_finite(&coefficient.to_signed_bytes_be(), *scale, out),
    }
}

fn encode_finite(coefficient: &[u8], scale: u16, out: &mut Vec<u8>) {
    varint(coefficient.len() + FINITE, out);
    varint(usize::from(scale), out);
    out.extend_from_slice(coefficient);
}

fn encode_enum(v: &EnumLabel, out: &mut Vec<u8>) {
    enum_label(v.order, &v.label, out);
}

/// Appends an enum's label, given its position among its type's labels.
pub(super) fn enum_label(order: u32, label: &str, out: &mut Vec<u8>) {
    fixed(ENUM, order.to_be_bytes(), out);
    terminated(label.as_bytes(), out);
}

/// Appends a text.
pub fn encode_text(text: &str, out: &mut Vec<u8>) {
    string(TEXT, text.as_bytes(), out);
}

/// A tag and a string without zero bytes.
pub(super) fn plain(tag: u8, string: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(string);
    out.push(END);
}

const JSON_NULL: u8 = 0;
const JSON_FALSE: u8 = 1;
const JSON_TRUE: u8 = 2;
const JSON_NUMBER: u8 = 3;
const JSON_STRING: u8 = 4;
const JSON_ARRAY: u8 = 5;
const JSON_OBJECT: u8 = 6;

fn encode_json(v: &Json, out: &mut Vec<u8>) {
    match v {
        Json::Null => out.push(JSON_NULL),
        Json::Bool(false) => out.push(JSON_FALSE),
        Json::Bool(true) => out.push(JSON_TRUE),
        Json::Number(n) => {
            out.push(JSON_NUMBER);
            encode_numeric(n, out);
        }
        Json::String(s) => string(JSON_STRING, s.as_bytes(), out),
        Json::Array(items) => {
            out.push(JSON_ARRAY);
            varint(items.len(), out);
            items.iter().for_each(|item| encode_json(item, out));
        }
        Json::Object(members) => {
            out.push(JSON_OBJECT);
            varint(members.len(), out);
            for (name, value) in members.iter() {
                terminated(name.as_bytes(), out);
                encode_json(value, out);
            }
        }
    }
}

fn encode_array(v: &Array, out: &mut Vec<u8>) {
    encode_type(&v.element, out);
    out.push(v.dimensions.len() as u8);
    for (length, lower) in &v.dimensions {
        varint(*length, out);
        out.extend_from_slice(&flip4(*lower));
    }
    varint(v.items.len(), out);
    v.items.iter().for_each(|item| encode(item, out));
}

/// The types without parameters, by their number in an array's encoding.
const SIMPLE_TYPES: [Type; 19] = [
    Type::Bool,
    Type::Int2,
    Type::Int4,
    Type::Int8,
    Type::Float4,
    Type::Float8,
    Type::Numeric,
    Type::Text,
    Type::Varchar,
    Type::Char,
    Type::Bytea,
    Type::Date,
    Type::Time,
    Type::Timestamp,
    Type::Timestamptz,
    Type::Interval,
    Type::Uuid,
    Type::Json,
    Type::Jsonb,
];
const ENUM_TYPE: u8 = 100;
const ARRAY_TYPE: u8 = 101;

fn encode_type(ty: &Type, out: &mut Vec<u8>) {
    match ty {
        Type::Enum(e) => {
            string(ENUM_TYPE, e.name.as_bytes(), out);
            varint(e.labels.len(), out);
            e.labels.iter().for_each(|label| terminated(label.as_bytes(), out));
        }
        Type::Array(element) => {
            out.push(ARRAY_TYPE);
            encode_type(element, out);
        }
        Type::Opaque(_) => encode_type(&Type::Text, out),
        simple => {
            let number = SIMPLE_TYPES.iter().position(|t| t == simple);
            out.push(number.map_or(u8::MAX, |n| n as u8));
        }
    }
}

/// Reads columns off the front of bytes; `None` where they end early or mean nothing.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn column(&mut self) -> Option<Datum> {
        Some(match self.byte()? {
            NULL => Datum::Null,
            FALSE => Datum::Bool(false),
            TRUE => Datum::Bool(true),
            INT2 => Datum::Int2((u16::from_be_bytes(self.array()?) ^ (1 << 15)) as i16),
            INT4 => Datum::Int4(self.int4()?),
            INT8 => Datum::Int8(self.int8()?),
            FLOAT4 => {
                let bits = u32::from_be_bytes(self.array()?);
                Datum::Float4(f32::from_bits(if bits >> 31 == 1 { bits ^ (1 << 31) } else { !bits }))
            }
            FLOAT8 => {
                let bits = u64::from_be_bytes(self.array()?);
                Datum::Float8(f64::from_bits(if bits >> 63 == 1 { bits ^ (1 << 63) } else { !bits }))
            }
            NUMERIC => Datum::Numeric(self.numeric()?),
            TEXT => Datum::Text(self.text()?),
            CHAR => Datum::Char(self.text()?),
            BYTEA => Datum::Bytea(unescape(self.terminated()?).into()),
            DATE => Datum::Date(self.int4()?),
            TIME => Datum::Time(self.int8()?),
            TIMESTAMP => Datum::Timestamp(self.int8()?),
            TIMESTAMPTZ => Datum::Timestamptz(self.int8()?),
            INTERVAL => Datum::Interval(Interval { months: self.int4()?, days: self.int4()?, micros: self.int8()? }),
            UUID => Datum::Uuid(self.array()?),
            JSON => Datum::Json(self.text()?),
            JSONB => Datum::Jsonb(Arc::new(self.prefixed()?.whole(Reader::json)?)),
            ENUM => Datum::Enum(EnumLabel { order: u32::from_be_bytes(self.array()?), label: self.text()? }),
            ARRAY => Datum::Array(Arc::new(self.prefixed()?.whole(Reader::elements)?)),
            _ => return None,
        })
    }

    /// Steps over a column without building its value.
    fn skip(&mut self) -> Option<()> {
        let length = match self.byte()? {
            NULL | FALSE | TRUE => 0,
            INT2 => 2,
            INT4 | FLOAT4 | DATE => 4,
            INT8 | FLOAT8 | TIME | TIMESTAMP | TIMESTAMPTZ => 8,
            INTERVAL | UUID | INTERVAL_KEY => 16,
            NUMERIC => return self.skip_numeric(),
            TEXT | CHAR | BYTEA | JSON | CHAR_KEY | JSONB_KEY | ARRAY_KEY => return self.terminated().map(drop),
            JSONB | ARRAY => return self.prefixed().map(drop),
            ENUM => {
                self.take(4)?;
                return self.terminated().map(drop);
            }
            NUMERIC_KEY => super::key::numeric_length(self.rest)?,
            _ => return None,
        };
        self.take(length).map(drop)
    }

    /// What `read` finds if it leaves nothing over.
    fn whole<X>(mut self, read: impl FnOnce(&mut Self) -> Option<X>) -> Option<X> {
        let value = read(&mut self)?;
        self.rest.is_empty().then_some(value)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn int4(&mut self) -> Option<i32> {
        Some((u32::from_be_bytes(self.array()?) ^ (1 << 31)) as i32)
    }

    fn int8(&mut self) -> Option<i64> {
        Some((u64::from_be_bytes(self.array()?) ^ (1 << 63)) as i64)
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A terminated string, still escaped.
    fn terminated(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        loop {
            end += memchr::memchr(END, &self.rest[end..])?;
            if self.rest.get(end + 1) != Some(&ESCAPED) {
                let string = self.take(end)?;
                self.take(1)?;
                return Some(string);
            }
            end += 2;
        }
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let bytes = self.terminated()?;
        if bytes.contains(&END) {
            return String::from_utf8(unescape(bytes)).ok().map(Arc::from);
        }
        std::str::from_utf8(bytes).ok().map(Arc::from)
    }

    fn prefixed(&mut self) -> Option<Reader<'a>> {
        let length = u32::from_be_bytes(self.array()?);
        Some(Reader { rest: self.take(length as usize)? })
    }

    fn numeric(&mut self) -> Option<Numeric> {
        Some(match self.varint()? {
            NAN => Numeric::NaN,
            NEGATIVE_INFINITY => Numeric::NegativeInfinity,
            POSITIVE_INFINITY => Numeric::PositiveInfinity,
            length => {
                let scale = u16::try_from(self.varint()?).ok()?;
                let bytes = self.take(length - FINITE)?;
                if bytes.len() > 16 {
                    return Some(Numeric::from_big(BigInt::from_signed_bytes_be(bytes), scale));
                }
                let negative = bytes.first().is_some_and(|b| b >> 7 == 1);
                let mut padded = [if negative { 0xFF } else { 0 }; 16];
                padded[16 - bytes.len()..].copy_from_slice(bytes);
                Numeric::Small(i128::from_be_bytes(padded), scale)
            }
        })
    }

    fn skip_numeric(&mut self) -> Option<()> {
        let length = self.varint()?;
        if length >= FINITE {
            self.varint()?;
            self.take(length - FINITE)?;
        }
        Some(())
    }

    fn json(&mut self) -> Option<Json> {
        Some(match self.byte()? {
            JSON_NULL => Json::Null,
            JSON_FALSE => Json::Bool(false),
            JSON_TRUE => Json::Bool(true),
            JSON_NUMBER => Json::Number(self.numeric()?),
            JSON_STRING => Json::String(self.text()?),
            JSON_ARRAY => {
                let length = self.varint()?;
                Json::Array((0..length).map(|_| self.json()).collect::<Option<_>>()?)
            }
            JSON_OBJECT => {
                let length = self.varint()?;
                Json::Object((0..length).map(|_| Some((self.text()?, self.json()?))).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn elements(&mut self) -> Option<Array> {
        let element = self.ty()?;
        let count = self.byte()?;
        let dimensions = (0..count).map(|_| Some((self.varint()?, self.int4()?))).collect::<Option<_>>()?;
        let length = self.varint()?;
        let items = (0..length).map(|_| self.column()).collect::<Option<_>>()?;
        Some(Array { element, dimensions, items })
    }

    fn ty(&mut self) -> Option<Type> {
        match self.byte()? {
            ENUM_TYPE => {
                let name = self.text()?.to_string();
                let length = self.varint()?;
                let labels = (0..length).map(|_| Some(self.text()?.to_string())).collect::<Option<_>>()?;
                Some(Type::Enum(Arc::new(EnumType { name, labels })))
            }
            ARRAY_TYPE => Some(self.ty()?.array_of()),
            number => SIMPLE_TYPES.get(usize::from(number)).cloned(),
        }
    }
}

fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        plain.push(*byte);
        if *byte == END {
            bytes.next();
        }
    }
    plain
}
