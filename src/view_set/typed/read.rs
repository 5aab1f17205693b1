//! Rows to Rust values: a serde `Deserializer` over a row's columns.
//!
//! Which column feeds which field is settled once per relation and type; per row there is no name to look up.

use super::TypedError;
use super::trace;
use super::values::{EPOCH_DAYS, EPOCH_MICROS};
use crate::value::{Column, Datum, Row, Schema, Type, text};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::marker::PhantomData;

/// Reads rows of one relation as values of `T`.
pub struct RowReader<T> {
    positions: Vec<usize>,
    row_type: PhantomData<fn() -> T>,
}

impl<T> Clone for RowReader<T> {
    fn clone(&self) -> Self {
        RowReader { positions: self.positions.clone(), row_type: PhantomData }
    }
}

impl<T: DeserializeOwned> RowReader<T> {
    /// A reader for rows of this schema; an error says which field finds no fitting column.
    pub fn new(schema: &Schema) -> Result<RowReader<T>, TypedError> {
        let positions = trace::columns::<T>()?.iter().map(|field| find(schema, field)).collect::<Result<_, _>>();
        let positions = positions
            .map_err(|TypedError(message)| TypedError(format!("{}: {message}", std::any::type_name::<T>())))?;
        Ok(RowReader { positions, row_type: PhantomData })
    }

    /// The value of a row.
    pub fn read(&self, row: &Row) -> Result<T, TypedError> {
        let values = row.unpack();
        T::deserialize(ValuesReader { values: &values, positions: &self.positions })
    }
}

/// The column that feeds a field, or why none does.
pub fn find(schema: &Schema, field: &Column) -> Result<usize, TypedError> {
    let Some(position) = schema.column(&field.name) else {
        let columns: Vec<&str> = schema.columns.iter().map(|c| c.name.as_str()).collect();
        return Err(TypedError(format!(
            "field `{}` has no column; the columns are {}",
            field.name,
            columns.join(", ")
        )));
    };
    let column = &schema.columns[position];
    if !holds(&field.ty, &column.ty) {
        let message = format!("field `{}` is {}, but its column is {}", field.name, field.ty, column.ty);
        return Err(TypedError(message));
    }
    if column.nullable && !field.nullable {
        return Err(TypedError(format!("field `{}` must be an Option: its column may be null", field.name)));
    }
    Ok(position)
}

/// Whether a field of one type can hold every value of a column's type.
fn holds(field: &Type, column: &Type) -> bool {
    let narrower = match field {
        Type::Int4 => matches!(column, Type::Int2),
        Type::Int8 => matches!(column, Type::Int2 | Type::Int4),
        Type::Float8 => matches!(column, Type::Float4),
        Type::Text => matches!(column, Type::Varchar | Type::Char | Type::Enum(_)),
        _ => false,
    };
    narrower || field == column
}

struct ValuesReader<'a> {
    values: &'a [Datum],
    positions: &'a [usize],
}

impl<'de> Deserializer<'de> for ValuesReader<'_> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for ValuesReader<'_> {
    type Error = TypedError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, TypedError> {
        let Some((position, rest)) = self.positions.split_first() else { return Ok(None) };
        self.positions = rest;
        seed.deserialize(ValueReader(&self.values[*position])).map(Some)
    }
}

struct ValueReader<'a>(&'a Datum);

impl<'de> Deserializer<'de> for ValueReader<'_> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.0 {
            Datum::Null => visitor.visit_none(),
            Datum::Bool(value) => visitor.visit_bool(*value),
            Datum::Int2(value) => visitor.visit_i16(*value),
            Datum::Int4(value) => visitor.visit_i32(*value),
            Datum::Int8(value) => visitor.visit_i64(*value),
            Datum::Float4(value) => visitor.visit_f32(*value),
            Datum::Float8(value) => visitor.visit_f64(*value),
            Datum::Text(value) | Datum::Char(value) => visitor.visit_str(value),
            Datum::Enum(value) => visitor.visit_str(&value.label),
            Datum::Date(days) => visitor.visit_i32(days.saturating_add(if finite(*days) { EPOCH_DAYS } else { 0 })),
            Datum::Timestamp(micros) | Datum::Timestamptz(micros) => {
                let offset = if matches!(*micros, i64::MIN | i64::MAX) { 0 } else { EPOCH_MICROS };
                visitor.visit_i64(micros.saturating_add(offset))
            }
            other => {
                let mut printed = String::new();
                text::write(other, &mut printed);
                visitor.visit_string(printed)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn finite(days: i32) -> bool {
    !matches!(days, i32::MIN | i32::MAX)
}
