//! Rust values to rows: a serde `Serializer` whose output is one row.

use super::TypedError;
use super::values::{EPOCH_DAYS, EPOCH_MICROS, type_of_newtype};
use crate::value::{Column, Datum, Row, RowBuilder, Type, text};
use serde::ser::{self, Impossible, Serialize, SerializeStruct, Serializer};

/// The row of a value: its fields in order. They must be these columns, which is not certain: serializing may be written by hand.
pub fn to_row<T: Serialize + ?Sized>(value: &T, columns: &[Column]) -> Result<Row, TypedError> {
    value.serialize(RowWriter { columns })
}

impl ser::Error for TypedError {
    fn custom<M: std::fmt::Display>(message: M) -> TypedError {
        TypedError(message.to_string())
    }
}

/// Refuses what cannot be written; the listed methods of `Serializer` all come here.
macro_rules! refuse {
    ($ok:ty, $message:expr; $($method:ident($($argument:ty),*))*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, TypedError> { Err(TypedError($message.into())) })*
    };
}

const NOT_A_ROW: &str = "a row type is a struct with named fields";
const NOT_A_VALUE: &str = "no SQL type fits this value";

struct RowWriter<'a> {
    columns: &'a [Column],
}

impl<'a> Serializer for RowWriter<'a> {
    type Ok = Row;
    type Error = TypedError;
    type SerializeSeq = Impossible<Row, TypedError>;
    type SerializeTuple = Impossible<Row, TypedError>;
    type SerializeTupleStruct = Impossible<Row, TypedError>;
    type SerializeTupleVariant = Impossible<Row, TypedError>;
    type SerializeMap = Impossible<Row, TypedError>;
    type SerializeStruct = FieldsWriter<'a>;
    type SerializeStructVariant = Impossible<Row, TypedError>;

    refuse! { Row, NOT_A_ROW;
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_u8(u8)
        serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32) serialize_f64(f64)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_none() serialize_unit()
        serialize_unit_struct(&'static str) serialize_unit_variant(&'static str, u32, &'static str)
    }
    refuse! { Self::SerializeSeq, NOT_A_ROW; serialize_seq(Option<usize>) serialize_tuple(usize)
        serialize_tuple_struct(&'static str, usize) serialize_map(Option<usize>)
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
        serialize_struct_variant(&'static str, u32, &'static str, usize)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Row, TypedError> {
        Err(TypedError(NOT_A_ROW.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Row, TypedError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Row, TypedError> {
        Err(TypedError(NOT_A_ROW.into()))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<FieldsWriter<'a>, TypedError> {
        Ok(FieldsWriter { missing: self.columns.iter(), row: RowBuilder::default() })
    }
}

/// Appends fields to a row.
struct FieldsWriter<'a> {
    missing: std::slice::Iter<'a, Column>,
    row: RowBuilder,
}

impl SerializeStruct for FieldsWriter<'_> {
    type Ok = Row;
    type Error = TypedError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), TypedError> {
        let datum = value
            .serialize(ValueWriter { newtype: None })
            .map_err(|TypedError(message)| TypedError(format!("field `{name}`: {message}")))?;
        match self.missing.next() {
            Some(column) if column.name == name && fits(&datum, column) => self.row.push(&datum),
            Some(Column { name: expected, ty, .. }) => {
                return Err(TypedError(format!("field `{name}` is written where `{expected}`, {ty}, was declared")));
            }
            None => return Err(TypedError(format!("field `{name}` is written but was not declared"))),
        }
        Ok(())
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), TypedError> {
        Err(TypedError(format!("field `{name}` is skipped: a row has all its columns")))
    }

    fn end(mut self) -> Result<Row, TypedError> {
        match self.missing.next() {
            None => Ok(self.row.finish()),
            Some(Column { name, .. }) => Err(TypedError(format!("field `{name}` was declared but is not written"))),
        }
    }
}

/// Whether a column can hold a value that was written.
fn fits(value: &Datum, column: &Column) -> bool {
    match (value, &column.ty) {
        (Datum::Null, _) => column.nullable,
        (Datum::Bool(_), Type::Bool)
        | (Datum::Int2(_), Type::Int2)
        | (Datum::Int4(_), Type::Int4)
        | (Datum::Int8(_), Type::Int8)
        | (Datum::Float4(_), Type::Float4)
        | (Datum::Float8(_), Type::Float8)
        | (Datum::Date(_), Type::Date)
        | (Datum::Timestamp(_), Type::Timestamp)
        | (Datum::Timestamptz(_), Type::Timestamptz)
        | (Datum::Numeric(_), Type::Numeric)
        | (Datum::Uuid(_), Type::Uuid)
        | (Datum::Jsonb(_), Type::Jsonb)
        | (Datum::Text(_), Type::Text) => true,
        _ => false,
    }
}

struct ValueWriter {
    newtype: Option<Type>,
}

impl Serializer for ValueWriter {
    type Ok = Datum;
    type Error = TypedError;
    type SerializeSeq = Impossible<Datum, TypedError>;
    type SerializeTuple = Impossible<Datum, TypedError>;
    type SerializeTupleStruct = Impossible<Datum, TypedError>;
    type SerializeTupleVariant = Impossible<Datum, TypedError>;
    type SerializeMap = Impossible<Datum, TypedError>;
    type SerializeStruct = Impossible<Datum, TypedError>;
    type SerializeStructVariant = Impossible<Datum, TypedError>;

    refuse! { Datum, NOT_A_VALUE;
        serialize_i8(i8) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_char(char)
        serialize_bytes(&[u8]) serialize_unit() serialize_unit_struct(&'static str)
        serialize_unit_variant(&'static str, u32, &'static str)
    }
    refuse! { Self::SerializeSeq, NOT_A_VALUE; serialize_seq(Option<usize>) serialize_tuple(usize)
        serialize_tuple_struct(&'static str, usize) serialize_map(Option<usize>) serialize_struct(&'static str, usize)
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
        serialize_struct_variant(&'static str, u32, &'static str, usize)
    }

    fn serialize_bool(self, value: bool) -> Result<Datum, TypedError> {
        Ok(Datum::Bool(value))
    }

    fn serialize_i16(self, value: i16) -> Result<Datum, TypedError> {
        Ok(Datum::Int2(value))
    }

    fn serialize_i32(self, value: i32) -> Result<Datum, TypedError> {
        Ok(match self.newtype {
            Some(Type::Date) if !matches!(value, i32::MIN | i32::MAX) => Datum::Date(value.saturating_sub(EPOCH_DAYS)),
            Some(Type::Date) => Datum::Date(value),
            _ => Datum::Int4(value),
        })
    }

    fn serialize_i64(self, value: i64) -> Result<Datum, TypedError> {
        let infinite = matches!(value, i64::MIN | i64::MAX);
        let micros = if infinite { value } else { value.saturating_sub(EPOCH_MICROS) };
        Ok(match self.newtype {
            Some(Type::Timestamptz) => Datum::Timestamptz(micros),
            Some(Type::Timestamp) => Datum::Timestamp(micros),
            _ => Datum::Int8(value),
        })
    }

    fn serialize_f32(self, value: f32) -> Result<Datum, TypedError> {
        Ok(Datum::Float4(value))
    }

    fn serialize_f64(self, value: f64) -> Result<Datum, TypedError> {
        Ok(Datum::Float8(value))
    }

    fn serialize_str(self, value: &str) -> Result<Datum, TypedError> {
        match self.newtype {
            Some(ty) => text::parse(&ty, -1, value).map_err(|error| TypedError(error.message)),
            None => Ok(Datum::text(value)),
        }
    }

    fn serialize_none(self) -> Result<Datum, TypedError> {
        Ok(Datum::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Datum, TypedError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Datum, TypedError> {
        value.serialize(ValueWriter { newtype: type_of_newtype(name).or(self.newtype) })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Datum, TypedError> {
        Err(TypedError(NOT_A_VALUE.into()))
    }
}
