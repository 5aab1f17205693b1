//! The columns of a Rust row type, found by asking its `Deserialize` what it wants.
//!
//! The type is deserialized once from nothing: each field's request tells its SQL type, and a neutral value keeps it going.
//! So a struct's columns need no second declaration, and whatever cannot be a column is refused before anything starts.

use super::TypedError;
use super::values::type_of_newtype;
use crate::value::{Column, Type};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The columns of `T`, in the order of its fields.
pub fn columns<T: DeserializeOwned>() -> Result<Vec<Column>, TypedError> {
    let mut columns = Vec::new();
    T::deserialize(RowTracer { columns: &mut columns }).map_err(|error| {
        let field = columns.last().map_or(String::new(), |column| format!(", field `{}`", column.name));
        TypedError(format!("{}{field}: {error}", std::any::type_name::<T>()))
    })?;
    Ok(columns)
}

struct RowTracer<'a> {
    columns: &'a mut Vec<Column>,
}

impl<'de> Deserializer<'de> for RowTracer<'_> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TypedError> {
        Err(TypedError("a row type is a struct with named fields".into()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        visitor.visit_seq(FieldsTracer { fields: fields.iter(), columns: self.columns })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct FieldsTracer<'a> {
    fields: std::slice::Iter<'static, &'static str>,
    columns: &'a mut Vec<Column>,
}

impl<'de> SeqAccess<'de> for FieldsTracer<'_> {
    type Error = TypedError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, TypedError> {
        let Some(name) = self.fields.next() else { return Ok(None) };
        self.columns.push(Column::new(*name, Type::Text, false));
        let Some(column) = self.columns.last_mut() else { return Ok(None) };
        seed.deserialize(FieldTracer { column, newtype: None }).map(Some)
    }
}

struct FieldTracer<'a> {
    column: &'a mut Column,
    newtype: Option<Type>,
}

impl FieldTracer<'_> {
    fn found(self, plain: Type) {
        self.column.ty = self.newtype.unwrap_or(plain);
    }
}

impl<'de> Deserializer<'de> for FieldTracer<'_> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TypedError> {
        let fitting = "bool, i16, i32, i64, f32, f64, String, Option of these, and tidegate's Timestamptz, Timestamp, Date, \
                       Decimal, Uuid and Jsonb";
        Err(TypedError(format!("no SQL type fits; fields may be {fitting}")))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Bool);
        visitor.visit_bool(false)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Int2);
        visitor.visit_i16(0)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Int4);
        visitor.visit_i32(0)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Int8);
        visitor.visit_i64(0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Float4);
        visitor.visit_f32(0.0)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Float8);
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.found(Type::Text);
        visitor.visit_str("")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        if self.column.nullable {
            return Err(TypedError("an Option in an Option has no SQL type".into()));
        }
        self.column.nullable = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        let newtype = type_of_newtype(name).or(self.newtype);
        visitor.visit_newtype_struct(FieldTracer { column: self.column, newtype })
    }

    forward_to_deserialize_any! {
        i8 i128 u8 u16 u32 u64 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

impl de::Error for TypedError {
    fn custom<M: std::fmt::Display>(message: M) -> TypedError {
        TypedError(message.to_string())
    }
}
