//! Type names as written to [`Type`] and modifier.

use super::name;
use crate::sql::catalog::Catalog;
use crate::sql::error::{Bound, Fault};
use crate::value::text::{IntervalField, interval_modifier};
use crate::value::{OpaqueType, Type};
use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, IntervalFields, TimezoneInfo};
use std::sync::Arc;

/// Postgres's header size, which length modifiers include.
const HEADER: i32 = 4;
/// Longest `varchar(n)` and `char(n)`.
const MAX_LENGTH: u64 = 10_485_760;

/// A type with its modifier, and the name a column cast to it gets.
pub(in crate::sql) struct TypeName {
    pub(in crate::sql) ty: Type,
    pub(in crate::sql) modifier: i32,
    pub(in crate::sql) label: String,
}

fn plain(ty: Type, label: &str) -> Bound<TypeName> {
    Ok(TypeName { ty, modifier: -1, label: label.to_string() })
}

/// The type that is meant.
pub(in crate::sql) fn resolve(written: &DataType, catalog: &Catalog) -> Bound<TypeName> {
    match written {
        DataType::Bool | DataType::Boolean => plain(Type::Bool, "bool"),
        DataType::Int2(None) | DataType::SmallInt(None) => plain(Type::Int2, "int2"),
        DataType::Int(None) | DataType::Int4(None) | DataType::Integer(None) => plain(Type::Int4, "int4"),
        DataType::Int8(None) | DataType::BigInt(None) => plain(Type::Int8, "int8"),
        DataType::Float4 | DataType::Real => plain(Type::Float4, "float4"),
        DataType::Float8 | DataType::DoublePrecision => plain(Type::Float8, "float8"),
        DataType::Float(precision) => float(*precision),
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(*info),
        DataType::Text => plain(Type::Text, "text"),
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            let modifier = length.map_or(Ok(-1), characters)?;
            Ok(TypeName { ty: Type::Varchar, modifier, label: "varchar".into() })
        }
        DataType::Char(length) | DataType::Character(length) => {
            let modifier = length.map_or(Ok(1 + HEADER), characters)?;
            Ok(TypeName { ty: Type::Char, modifier, label: "bpchar".into() })
        }
        DataType::Bytea => plain(Type::Bytea, "bytea"),
        DataType::Date => plain(Type::Date, "date"),
        DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            seconds(Type::Time, *precision, "time")
        }
        DataType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            seconds(Type::Timestamp, *precision, "timestamp")
        }
        DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            seconds(Type::Timestamptz, *precision, "timestamptz")
        }
        DataType::Interval { fields, precision } => {
            let modifier = interval(fields.as_ref().map(range), *precision)?;
            Ok(TypeName { ty: Type::Interval, modifier, label: "interval".into() })
        }
        DataType::Uuid => plain(Type::Uuid, "uuid"),
        DataType::JSON => plain(Type::Json, "json"),
        DataType::JSONB => plain(Type::Jsonb, "jsonb"),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::Qualified(element, _)) => {
            let element = resolve(element, catalog)?;
            let ty = match element.ty {
                Type::Array(_) => element.ty,
                ty => ty.array_of(),
            };
            Ok(TypeName { ty, ..element })
        }
        DataType::Custom(name, modifiers) => custom(&name::type_name(name)?, modifiers, catalog),
        _ => Err(Fault::unsupported(format!("the type {written} is"))),
    }
}

fn float(precision: ExactNumberInfo) -> Bound<TypeName> {
    match precision {
        ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53) => plain(Type::Float8, "float8"),
        ExactNumberInfo::Precision(1..=24) => plain(Type::Float4, "float4"),
        ExactNumberInfo::Precision(0) => Err(Fault::new("22023", "precision for type float must be at least 1 bit")),
        ExactNumberInfo::Precision(_) => Err(Fault::new("22023", "precision for type float must be less than 54 bits")),
        ExactNumberInfo::PrecisionAndScale(..) => Err(Fault::syntax("type float takes one modifier")),
    }
}

fn numeric(info: ExactNumberInfo) -> Bound<TypeName> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return plain(Type::Numeric, "numeric"),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if !(1..=1000).contains(&precision) {
        return Err(Fault::new("22023", format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    if !(-1000..=1000).contains(&scale) {
        return Err(Fault::new("22023", format!("NUMERIC scale {scale} must be between -1000 and 1000")));
    }
    let modifier = (((precision as i32) << 16) | ((scale as i32) & 0x7ff)) + HEADER;
    Ok(TypeName { ty: Type::Numeric, modifier, label: "numeric".into() })
}

fn characters(length: CharacterLength) -> Bound<i32> {
    match length {
        CharacterLength::IntegerLength { length: 0, .. } => {
            Err(Fault::new("22023", "length for type varchar must be at least 1"))
        }
        CharacterLength::IntegerLength { length, unit: None } if length <= MAX_LENGTH => Ok(length as i32 + HEADER),
        CharacterLength::IntegerLength { unit: None, .. } => {
            Err(Fault::new("22023", format!("length for type varchar cannot exceed {MAX_LENGTH}")))
        }
        _ => Err(Fault::unsupported("a unit of length is")),
    }
}

fn seconds(ty: Type, precision: Option<u64>, label: &str) -> Bound<TypeName> {
    let modifier = match precision {
        None => -1,
        // Postgres reduces more digits to six with a warning.
        Some(digits) => digits.min(6) as i32,
    };
    Ok(TypeName { ty, modifier, label: label.into() })
}

/// The fields an interval is limited to.
fn range(fields: &IntervalFields) -> (IntervalField, IntervalField) {
    use IntervalField::{Day, Hour, Minute, Month, Second, Year};
    match fields {
        IntervalFields::Year => (Year, Year),
        IntervalFields::Month => (Month, Month),
        IntervalFields::Day => (Day, Day),
        IntervalFields::Hour => (Hour, Hour),
        IntervalFields::Minute => (Minute, Minute),
        IntervalFields::Second => (Second, Second),
        IntervalFields::YearToMonth => (Year, Month),
        IntervalFields::DayToHour => (Day, Hour),
        IntervalFields::DayToMinute => (Day, Minute),
        IntervalFields::DayToSecond => (Day, Second),
        IntervalFields::HourToMinute => (Hour, Minute),
        IntervalFields::HourToSecond => (Hour, Second),
        IntervalFields::MinuteToSecond => (Minute, Second),
    }
}

/// An interval's modifier; only seconds have digits.
pub(super) fn interval(range: Option<(IntervalField, IntervalField)>, digits: Option<u64>) -> Bound<i32> {
    match (range, digits) {
        (Some((_, last)), Some(_)) if last != IntervalField::Second => {
            Err(Fault::syntax("only seconds of an interval have a precision"))
        }
        // As for times: more digits are six.
        _ => Ok(interval_modifier(range, digits.map(|digits| digits.min(6) as i32))),
    }
}

fn custom(name: &str, modifiers: &[String], catalog: &Catalog) -> Bound<TypeName> {
    if let Some(labels) = catalog.enum_type(name)
        && modifiers.is_empty()
    {
        return plain(Type::Enum(labels.clone()), name.rsplit('.').next().unwrap_or(name));
    }
    let length = || match modifiers {
        [length] => length.parse().map_err(|_| Fault::syntax("a length is a whole number")),
        _ => Err(Fault::syntax("one length is expected")),
    };
    match name {
        "bpchar" if modifiers.is_empty() => plain(Type::Char, "bpchar"),
        "bpchar" => {
            let modifier = characters(CharacterLength::IntegerLength { length: length()?, unit: None })?;
            Ok(TypeName { ty: Type::Char, modifier, label: "bpchar".into() })
        }
        "inet" | "cidr" | "macaddr" if modifiers.is_empty() => {
            let opaque = OpaqueType { name: name.into(), readable: true, as_text: name == "macaddr" };
            plain(Type::Opaque(Arc::new(opaque)), name)
        }
        "timestamptz" => seconds(Type::Timestamptz, None, "timestamptz"),
        _ => Err(Fault::new("42704", format!("type \"{name}\" does not exist")).suggest(
            name,
            ["text", "varchar", "integer", "bigint", "numeric", "boolean", "timestamptz", "interval", "jsonb", "uuid"],
        )),
    }
}
