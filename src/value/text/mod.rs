//! Values from and to text: Postgres's type input and output functions.
//!
//! Input is what Postgres takes under `DateStyle` ISO, YMD and `TimeZone` UTC, and refuses with its SQLSTATE and message.
//! Output is that of the same settings with `IntervalStyle` postgres, `extra_float_digits` 1 and `bytea_output` hex, and
//! reads back as the same value.

mod array;
mod datetime;
mod float;
mod identifier;
mod interval;
mod network;
mod shown;
mod string;

use super::encoding;
use super::json::Json;
use super::numeric::Numeric;
use super::{Datum, EnumLabel, EnumType, Type, ValueError};
use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

pub(super) use datetime::Separator;
pub use identifier::quote_identifier;
pub use interval::{IntervalField, interval_modifier};
pub use network::{Network, canonical};

/// The whitespace of C's `isspace`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0B' | '\x0C')
}

/// A value of this type from text, as Postgres's input function reads it.
pub fn parse(ty: &Type, modifier: i32, input: &str) -> Result<Datum, ValueError> {
    Ok(match ty {
        Type::Bool => Datum::Bool(string::parse_bool(input)?),
        Type::Int2 => Datum::Int2(parse_integer("smallint", input)?),
        Type::Int4 => Datum::Int4(parse_integer("integer", input)?),
        Type::Int8 => Datum::Int8(parse_integer("bigint", input)?),
        Type::Float4 => Datum::Float4(float::parse_f32(input)?),
        Type::Float8 => Datum::Float8(float::parse_f64(input)?),
        Type::Numeric => Datum::Numeric(Numeric::parse(input)?.with_modifier(modifier)?),
        Type::Text => Datum::text(valid_text(input)?),
        Type::Opaque(opaque) => Datum::text(network::read(opaque, valid_text(input)?)?),
        Type::Varchar => Datum::text(string::limit_varchar(valid_text(input)?, modifier)?),
        Type::Char => Datum::Char(string::pad_char(valid_text(input)?, modifier)?),
        Type::Bytea => Datum::Bytea(string::parse_bytea(input)?.into()),
        Type::Date => Datum::Date(datetime::parse_date(input)?),
        Type::Time => Datum::Time(datetime::parse_time(input, modifier)?),
        Type::Timestamp => Datum::Timestamp(datetime::parse_timestamp(input, modifier)?),
        Type::Timestamptz => Datum::Timestamptz(datetime::parse_timestamptz(input, modifier)?),
        Type::Interval => Datum::Interval(interval::parse(input, modifier)?),
        Type::Uuid => Datum::Uuid(string::parse_uuid(input)?),
        Type::Json => {
            Json::validate(input)?;
            Datum::Json(valid_text(input)?.into())
        }
        Type::Jsonb => Datum::Jsonb(Arc::new(Json::parse(input)?)),
        Type::Enum(labels) => Datum::Enum(parse_enum(labels, input)?),
        Type::Array(element) => Datum::Array(Arc::new(array::parse(element, modifier, input)?)),
    })
}

/// Appends a value of this type, given as text, as rows hold it (`encoding`). As `parse` without a modifier, but what is copied
/// anyway is not made a value first.
pub fn encode(ty: &Type, input: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match ty {
        Type::Text | Type::Varchar => encoding::plain(encoding::TEXT, valid_text(input)?.as_bytes(), out),
        Type::Enum(labels) => encoding::enum_label(label_order(labels, input)?, input, out),
        _ => encoding::encode(&parse(ty, -1, input)?, out),
    }
    Ok(())
}

/// As `encode`, if these bytes are a value of a common type as Postgres shows it; otherwise nothing is done.
pub fn encode_shown(ty: &Type, input: &[u8], out: &mut Vec<u8>) -> bool {
    shown::encode(ty, input, out).is_some()
}

/// Appends the value as Postgres's output function shows it; nothing for null.
pub fn write(value: &Datum, out: &mut String) {
    match value {
        Datum::Null => (),
        Datum::Bool(v) => out.push(if *v { 't' } else { 'f' }),
        Datum::Int2(v) => display(v, out),
        Datum::Int4(v) => display(v, out),
        Datum::Int8(v) => display(v, out),
        Datum::Float4(v) => float::write_f32(*v, out),
        Datum::Float8(v) => float::write_f64(*v, out),
        Datum::Numeric(v) => display(v, out),
        Datum::Text(v) | Datum::Char(v) | Datum::Json(v) => out.push_str(v),
        Datum::Bytea(v) => string::write_bytea(v, out),
        Datum::Date(v) => datetime::write_date(*v, out),
        Datum::Time(v) => datetime::write_time(*v, out),
        Datum::Timestamp(v) => datetime::write_timestamp(*v, Separator::Space, out),
        Datum::Timestamptz(v) => datetime::write_timestamptz(*v, Separator::Space, out),
        Datum::Interval(v) => interval::write(*v, out),
        Datum::Uuid(v) => string::write_uuid(v, out),
        Datum::Jsonb(v) => v.write(out),
        Datum::Enum(v) => out.push_str(&v.label),
        Datum::Array(v) => array::write(v, out),
    }
}

/// Appends a timestamp as JSON shows it: with a `T`, and the zone as `+00:00`.
pub(super) fn write_json_timestamp(value: i64, zoned: bool, out: &mut String) {
    match zoned {
        true => datetime::write_timestamptz(value, Separator::T, out),
        false => datetime::write_timestamp(value, Separator::T, out),
    }
}

/// The value after a cast to this modifier of its own type: rounding, padding, truncation and the checks that go with
/// them. An explicit cast cuts strings that are too long instead of refusing them.
pub fn apply_modifier(ty: &Type, modifier: i32, value: Datum, explicit: bool) -> Result<Datum, ValueError> {
    if modifier < 0 {
        return Ok(value);
    }
    Ok(match value {
        Datum::Numeric(v) => Datum::Numeric(v.with_modifier(modifier)?),
        Datum::Text(v) if *ty == Type::Varchar => {
            let cut = if explicit { string::first_chars(&v, modifier - 4) } else { &v };
            Datum::text(string::limit_varchar(cut, modifier)?)
        }
        Datum::Char(v) => {
            let cut = if explicit { string::first_chars(&v, modifier - 4) } else { &v };
            Datum::Char(string::pad_char(cut, modifier)?)
        }
        Datum::Time(v) => Datum::Time(datetime::round_to_modifier(v, modifier)),
        Datum::Timestamp(v) => Datum::Timestamp(datetime::round_timestamp(v, modifier)?),
        Datum::Timestamptz(v) => Datum::Timestamptz(datetime::round_timestamp(v, modifier)?),
        Datum::Interval(v) => Datum::Interval(interval::apply_modifier(v, modifier)),
        Datum::Array(v) => {
            let element = v.element.clone();
            let apply = |item: &Datum| apply_modifier(&element, modifier, item.clone(), explicit);
            let items = v.items.iter().map(apply).collect::<Result<_, _>>()?;
            Datum::Array(Arc::new(super::Array { element: element.clone(), dimensions: v.dimensions.clone(), items }))
        }
        other => other,
    })
}

fn display(value: &impl std::fmt::Display, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

fn parse_integer<N: FromStr<Err = std::num::ParseIntError>>(type_name: &str, input: &str) -> Result<N, ValueError> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    input.trim_matches(is_space).parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        PosOverflow | NegOverflow => ValueError::out_of_range(type_name, input),
        _ => ValueError::syntax(type_name, input),
    })
}

/// Text without the one character Postgres cannot hold.
fn valid_text(input: &str) -> Result<&str, ValueError> {
    match memchr::memchr(0, input.as_bytes()) {
        Some(_) => Err(ValueError::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00")),
        None => Ok(input),
    }
}

fn parse_enum(ty: &EnumType, input: &str) -> Result<EnumLabel, ValueError> {
    Ok(EnumLabel { order: label_order(ty, input)?, label: input.into() })
}

/// The position of a label among its type's.
fn label_order(ty: &EnumType, input: &str) -> Result<u32, ValueError> {
    match ty.labels.iter().position(|label| label == input) {
        Some(order) => Ok(order as u32),
        None => {
            let name = &ty.name;
            Err(ValueError::new("22P02", format!("invalid input value for enum {name}: \"{input}\"")))
        }
    }
}
