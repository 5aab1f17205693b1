//! A wanted table's shape, and how a row in Postgres's text form becomes an encoded row and key.

use super::decode::Value;
use super::failure::Failure;
use crate::source::{SourceError, Wanted};
use crate::timeline::RelationId;
use crate::value::{RelationName, Row, Type, encoding, text};
use std::ops::Range;

/// A wanted table.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its id in ticks.
    pub(super) id: RelationId,
    /// Its name.
    pub(super) name: RelationName,
    /// Its oid, by which the change feed calls it.
    pub(super) oid: u32,
    /// Its columns, in the schema's order.
    pub(super) fields: Vec<Field>,
    /// The key's columns; empty without one.
    pub(super) key: Vec<usize>,
    /// Whether its changes are upserts by key rather than complete rows.
    pub(super) upserts: bool,
}

/// A column.
#[derive(Debug)]
pub(super) struct Field {
    /// The name.
    pub(super) name: String,
    /// Our type.
    ty: Type,
    /// Whether a null may occur.
    nullable: bool,
    /// Whether anybody reads it. Columns nobody reads hold null.
    pub(super) wanted: bool,
    /// The declared type's oid.
    pub(super) type_oid: u32,
    /// The declared modifier.
    pub(super) type_modifier: i32,
}

impl Shape {
    /// The shape of a table as the view set wants it. `declared` are the columns' declared types and modifiers.
    pub(super) fn new(wanted: &Wanted, oid: u32, declared: impl Iterator<Item = (u32, i32)>) -> Shape {
        let relation = &wanted.relation;
        let schema = &relation.schema;
        let key = schema.key.clone().unwrap_or_default();
        let reads = |position| wanted.reads(position) || key.contains(&position);
        let columns = schema.columns.iter().zip(declared).enumerate();
        let fields = columns.map(|(position, (column, (type_oid, type_modifier)))| Field {
            name: column.name.clone(),
            ty: column.ty.clone(),
            nullable: column.nullable,
            wanted: reads(position),
            type_oid,
            type_modifier,
        });
        Shape {
            id: wanted.id,
            name: relation.name.clone(),
            oid,
            fields: fields.collect(),
            key,
            upserts: relation.upserts,
        }
    }

    /// Encodes a row: a value for every field, in order. Unchanged values and those nobody reads become null.
    pub(super) fn encode(&self, values: &[Value<'_>], encoder: &mut Encoder) -> Result<(), Failure> {
        encoder.clear();
        let mut pairs = self.fields.iter().zip(values);
        pairs.try_for_each(|(field, value)| self.encode_value(field, *value, encoder))
    }

    /// As `encode`, from values of the wanted fields alone.
    pub(super) fn encode_wanted<'v>(
        &self,
        mut values: impl Iterator<Item = Value<'v>>,
        encoder: &mut Encoder,
    ) -> Result<(), Failure> {
        encoder.clear();
        self.fields.iter().try_for_each(|field| {
            let value = if field.wanted { values.next().unwrap_or(Value::Null) } else { Value::Null };
            self.encode_value(field, value, encoder)
        })
    }

    fn encode_value(&self, field: &Field, value: Value<'_>, encoder: &mut Encoder) -> Result<(), Failure> {
        match value {
            Value::Text(bytes) if field.wanted => return self.encode_text(field, bytes, encoder),
            Value::Null if field.wanted && !field.nullable => return Err(self.unexpected_null(field)),
            Value::Text(_) | Value::Null | Value::Unchanged => encoder.push_null(),
        }
        Ok(())
    }

    /// The key of a row of which perhaps only the key is known.
    pub(super) fn encode_key(&self, values: &[Value<'_>], encoder: &mut Encoder) -> Result<Row, Failure> {
        encoder.clear();
        for position in &self.key {
            let field = &self.fields[*position];
            match values.get(*position) {
                Some(Value::Text(bytes)) => self.encode_text(field, bytes, encoder)?,
                _ => return Err(self.unidentified()),
            }
        }
        Ok(encoder.row())
    }

    fn encode_text(&self, field: &Field, bytes: &[u8], encoder: &mut Encoder) -> Result<(), Failure> {
        if text::encode_shown(&field.ty, bytes, &mut encoder.bytes) {
            encoder.end_column();
            return Ok(());
        }
        let input = std::str::from_utf8(bytes).map_err(|_| self.unreadable(field, bytes, "it is not valid UTF-8"))?;
        text::encode(&field.ty, input, &mut encoder.bytes)
            .map_err(|error| self.unreadable(field, bytes, &format!("{} ({})", error.message, error.code)))?;
        encoder.end_column();
        Ok(())
    }

    fn unreadable(&self, field: &Field, bytes: &[u8], reason: &str) -> Failure {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
        Failure::Final(SourceError::Data(format!(
            "{}.{}: the value '{shown}' cannot be read as {}: {reason}; if the type was changed meanwhile, restart",
            self.name, field.name, field.ty
        )))
    }

    fn unexpected_null(&self, field: &Field) -> Failure {
        Failure::Redefined(format!("{}.{} was NOT NULL when this started, and now holds a null", self.name, field.name))
    }

    /// A change whose row cannot be told.
    pub(super) fn unidentified(&self) -> Failure {
        let name = &self.name;
        Failure::Redefined(format!(
            "a change of {name} came without the old row's key: its REPLICA IDENTITY was changed"
        ))
    }
}

#[cfg(test)]
impl Field {
    /// A text column with this declaration.
    pub(super) fn declared(name: &str, type_oid: u32, type_modifier: i32) -> Field {
        Field { name: name.into(), ty: Type::Text, nullable: true, wanted: true, type_oid, type_modifier }
    }
}

/// Encodes the columns of one row after the other, and can cut a key out of the row.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Encoder {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push_null(&mut self) {
        self.bytes.push(encoding::NULL);
        self.end_column();
    }

    fn end_column(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The row.
    pub(super) fn row(&self) -> Row {
        Row::from_bytes(&self.bytes)
    }

    /// These columns of the row, in this order, as a row of their own.
    pub(super) fn columns(&self, positions: &[usize]) -> Row {
        if let [position] = positions {
            return Row::from_bytes(&self.bytes[self.range(*position)]);
        }
        let mut key = Vec::with_capacity(self.bytes.len());
        for position in positions {
            key.extend_from_slice(&self.bytes[self.range(*position)]);
        }
        Row::from_bytes(&key)
    }

    fn range(&self, position: usize) -> Range<usize> {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[position]
    }
}
