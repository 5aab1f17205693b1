//! From a view's columns to the fields of an index, and from rows to documents.
//!
//! Besides the fields, every document has its key (`_key`, a term to delete it by) and its row as JSON (`_row`, stored): what
//! a search shows, and what reconciling compares.

use super::super::{SinkError, SinkView};
use crate::value::{Column, Datum, Row, Type, json, text};
use serde::Deserialize;
use std::collections::BTreeMap;
use tantivy::schema::{
    BytesOptions, DateOptions, Field, IndexRecordOption, JsonObjectOptions, NumericOptions, OwnedValue, STORED, STRING,
    Schema, SchemaBuilder, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{DateTime, TantivyDocument, Term};

/// The field of the key.
const KEY: &str = "_key";
/// The field of the row.
const ROW: &str = "_row";
/// The names of the tokenizers there are.
const TOKENIZERS: [&str; 3] = ["default", "whitespace", "raw"];
/// Longer keys than this cannot be terms.
const KEY_BYTES: usize = 60_000;
/// 2000-01-01 in microseconds since the Unix epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;
/// What a date of the index can hold: nanoseconds in 64 bits.
const DATE_LIMIT: i64 = i64::MAX / 1000;

/// How a column is indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// The kind of field; by the column's type if left out.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// For text: `default` (words, lower-cased), `whitespace`, or `raw`.
    pub tokenizer: Option<String>,
    /// Whether the field itself is stored; the whole row always is.
    #[serde(default)]
    pub stored: bool,
    /// Whether the field can be searched: true if left out.
    pub indexed: Option<bool>,
    /// Whether the field has a column for sorting and ranges.
    #[serde(default)]
    pub fast: bool,
}

/// A kind of field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words, ranked.
    Text,
    /// One exact term.
    String,
    /// A 64-bit integer.
    I64,
    /// A 64-bit float; `numeric` is rounded to it.
    F64,
    /// A boolean.
    Bool,
    /// A point in time, to the microsecond.
    Date,
    /// Bytes.
    Bytes,
    /// An object whose paths can be searched.
    Json,
}

/// The fields of a view's index.
pub(super) struct Mapping {
    pub(super) schema: Schema,
    columns: Vec<Column>,
    fields: Vec<Option<(Field, Kind)>>,
    key: Field,
    row: Field,
}

impl Mapping {
    /// The configured fields; every other column by its type.
    pub(super) fn new(view: &SinkView, configured: &BTreeMap<String, FieldConfig>) -> Result<Mapping, SinkError> {
        let columns = view.schema.columns.clone();
        if let Some(name) = configured.keys().find(|name| view.schema.column(name).is_none()) {
            let known = columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(SinkError::Config(format!("view {} has no column {name} to map; it has {known}", view.name)));
        }
        let mut builder = Schema::builder();
        let key = builder.add_text_field(KEY, STRING | STORED);
        let row = builder.add_text_field(ROW, STORED);
        let default = FieldConfig::default();
        let mut fields = Vec::new();
        for column in &columns {
            fields.push(add_field(&mut builder, column, configured.get(&column.name).unwrap_or(&default))?);
        }
        Ok(Mapping { schema: builder.build(), columns, fields, key, row })
    }

    /// The row as JSON.
    pub(super) fn json(&self, row: &Row) -> String {
        let mut out = String::new();
        json::write_row(&self.columns, row, &mut out);
        out
    }

    /// The term that a key's document is deleted by.
    pub(super) fn term(&self, key: &str) -> Term {
        Term::from_field_text(self.key, key)
    }

    /// The row's document.
    pub(super) fn document(&self, key: &str, row: &Row) -> Result<TantivyDocument, SinkError> {
        if key.len() > KEY_BYTES {
            let (length, start) = (key.len(), key.chars().take(40).collect::<String>());
            let text = format!("a key of {length} bytes cannot be indexed, at most {KEY_BYTES}: {start}…");
            return Err(SinkError::Operator(text));
        }
        let mut document = TantivyDocument::new();
        document.add_text(self.key, key);
        document.add_text(self.row, self.json(row));
        for (field, value) in self.fields.iter().zip(row.unpack()) {
            if let Some((field, kind)) = field {
                add_value(&mut document, *field, *kind, &value);
            }
        }
        Ok(document)
    }
}

/// A document's key and row. Nothing if it is not one of ours.
pub(super) fn key_and_row(schema: &Schema, document: &TantivyDocument) -> Option<(String, String)> {
    let text = |name| {
        let value = document.get_first(schema.get_field(name).ok()?)?;
        value.as_str().map(str::to_string)
    };
    Some((text(KEY)?, text(ROW)?))
}

/// The fields that a search without field names looks at.
pub(super) fn text_fields(schema: &Schema) -> Vec<Field> {
    let is_text = |name: &str| name != KEY && name != ROW;
    let indexed = schema.fields().filter(|(_, entry)| entry.is_indexed() && is_text(entry.name()));
    indexed.filter(|(_, entry)| entry.field_type().value_type() == tantivy::schema::Type::Str).map(|(f, _)| f).collect()
}

fn add_field(
    builder: &mut SchemaBuilder,
    column: &Column,
    config: &FieldConfig,
) -> Result<Option<(Field, Kind)>, SinkError> {
    let name = column.name.as_str();
    let wrong = |what: String| SinkError::Config(format!("field {name}: {what}"));
    let element = element(&column.ty);
    let kind = config.kind.unwrap_or_else(|| default_kind(element));
    if !accepts(kind, element) {
        return Err(wrong(format!("{} cannot be indexed as {}", column.ty, format!("{kind:?}").to_lowercase())));
    }
    if let Some(tokenizer) = &config.tokenizer {
        if kind != Kind::Text {
            return Err(wrong("only text has a tokenizer".to_string()));
        }
        if !TOKENIZERS.contains(&tokenizer.as_str()) {
            return Err(wrong(format!("there is no tokenizer {tokenizer}; there are {}", TOKENIZERS.join(", "))));
        }
    }
    let indexed = config.indexed.unwrap_or(true);
    if !indexed && !config.stored && !config.fast {
        return Ok(None);
    }
    if name == KEY || name == ROW || name.is_empty() || name.starts_with('-') {
        return Err(wrong("this name cannot be a field of an index; rename the column in the view".to_string()));
    }
    let field = match kind {
        Kind::Text | Kind::String => {
            let tokenizer = config.tokenizer.as_deref().unwrap_or(if kind == Kind::Text { "default" } else { "raw" });
            builder.add_text_field(name, text_options(config, indexed, tokenizer))
        }
        Kind::I64 => builder.add_i64_field(name, numeric_options(config, indexed)),
        Kind::F64 => builder.add_f64_field(name, numeric_options(config, indexed)),
        Kind::Bool => builder.add_bool_field(name, numeric_options(config, indexed)),
        Kind::Date => {
            let options = DateOptions::default().set_precision(tantivy::schema::DateTimePrecision::Microseconds);
            let options = if indexed { options.set_indexed() } else { options };
            let options = if config.stored { options.set_stored() } else { options };
            builder.add_date_field(name, if config.fast { options.set_fast() } else { options })
        }
        Kind::Bytes => {
            let options = BytesOptions::default();
            let options = if indexed { options.set_indexed() } else { options };
            let options = if config.stored { options.set_stored() } else { options };
            builder.add_bytes_field(name, if config.fast { options.set_fast() } else { options })
        }
        Kind::Json => {
            let options = JsonObjectOptions::default();
            let options = if indexed { options.set_indexing_options(words("default")) } else { options };
            let options = if config.stored { options.set_stored() } else { options };
            builder.add_json_field(name, if config.fast { options.set_fast("raw") } else { options })
        }
    };
    Ok(Some((field, kind)))
}

fn words(tokenizer: &str) -> TextFieldIndexing {
    let record = if tokenizer == "raw" { IndexRecordOption::Basic } else { IndexRecordOption::WithFreqsAndPositions };
    TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record)
}

fn text_options(config: &FieldConfig, indexed: bool, tokenizer: &str) -> TextOptions {
    let options = TextOptions::default();
    let options = if indexed { options.set_indexing_options(words(tokenizer)) } else { options };
    let options = if config.stored { options.set_stored() } else { options };
    if config.fast { options.set_fast("raw") } else { options }
}

fn numeric_options(config: &FieldConfig, indexed: bool) -> NumericOptions {
    let options = NumericOptions::default();
    let options = if indexed { options.set_indexed() } else { options };
    let options = if config.stored { options.set_stored() } else { options };
    if config.fast { options.set_fast() } else { options }
}

/// An array is indexed as many values of its element's type.
fn element(ty: &Type) -> &Type {
    match ty {
        Type::Array(element) => element,
        ty => ty,
    }
}

fn default_kind(ty: &Type) -> Kind {
    match ty {
        Type::Text | Type::Varchar => Kind::Text,
        Type::Char | Type::Uuid | Type::Enum(_) | Type::Time | Type::Interval | Type::Array(_) => Kind::String,
        Type::Opaque(_) => Kind::String,
        Type::Int2 | Type::Int4 | Type::Int8 => Kind::I64,
        Type::Float4 | Type::Float8 | Type::Numeric => Kind::F64,
        Type::Bool => Kind::Bool,
        Type::Date | Type::Timestamp | Type::Timestamptz => Kind::Date,
        Type::Bytea => Kind::Bytes,
        Type::Json | Type::Jsonb => Kind::Json,
    }
}

fn accepts(kind: Kind, ty: &Type) -> bool {
    match kind {
        Kind::Text | Kind::String => true,
        Kind::F64 => matches!(ty, Type::Int2 | Type::Int4 | Type::Int8 | Type::Float4 | Type::Float8 | Type::Numeric),
        kind => default_kind(ty) == kind,
    }
}

fn add_value(document: &mut TantivyDocument, field: Field, kind: Kind, value: &Datum) {
    match (kind, value) {
        (_, Datum::Null) => {}
        (_, Datum::Array(array)) => array.items.iter().for_each(|item| add_value(document, field, kind, item)),
        (Kind::I64, Datum::Int2(v)) => document.add_i64(field, (*v).into()),
        (Kind::I64, Datum::Int4(v)) => document.add_i64(field, (*v).into()),
        (Kind::I64, Datum::Int8(v)) => document.add_i64(field, *v),
        (Kind::F64, Datum::Float8(v)) => document.add_f64(field, *v),
        (Kind::F64, value) => {
            if let Ok(v) = shown(value).parse() {
                document.add_f64(field, v);
            }
        }
        (Kind::Bool, Datum::Bool(v)) => document.add_bool(field, *v),
        (Kind::Date, Datum::Date(days)) => document.add_date(field, date(i64::from(*days).saturating_mul(DAY))),
        (Kind::Date, Datum::Timestamp(v) | Datum::Timestamptz(v)) => document.add_date(field, date(*v)),
        (Kind::Bytes, Datum::Bytea(v)) => document.add_bytes(field, v),
        (Kind::Json, value) => document.add_object(field, object(&shown(value))),
        (_, value) => document.add_text(field, shown(value)),
    }
}

/// The value's text as Postgres shows it.
fn shown(value: &Datum) -> String {
    let mut out = String::new();
    text::write(value, &mut out);
    out
}

/// A time since 2000; what the index cannot hold, such as infinity, is the nearest it can.
fn date(micros: i64) -> DateTime {
    DateTime::from_timestamp_micros(micros.saturating_add(POSTGRES_EPOCH).clamp(-DATE_LIMIT, DATE_LIMIT))
}

/// The members of a JSON object; anything else is the member `value`.
fn object(json: &str) -> BTreeMap<String, OwnedValue> {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::Object(members)) => {
            members.into_iter().map(|(name, value)| (name, owned(value))).collect()
        }
        Ok(value) => BTreeMap::from([("value".to_string(), owned(value))]),
        Err(_) => BTreeMap::from([("value".to_string(), OwnedValue::Str(json.to_string()))]),
    }
}

/// A JSON value; a number beyond 64 bits is its text.
fn owned(value: serde_json::Value) -> OwnedValue {
    match value {
        serde_json::Value::Null => OwnedValue::Null,
        serde_json::Value::Bool(v) => OwnedValue::Bool(v),
        serde_json::Value::String(v) => OwnedValue::Str(v),
        serde_json::Value::Number(v) => match (v.as_i64(), v.as_f64()) {
            (Some(v), _) => OwnedValue::I64(v),
            (None, Some(float)) if float.is_finite() => OwnedValue::F64(float),
            _ => OwnedValue::Str(v.to_string()),
        },
        serde_json::Value::Array(items) => OwnedValue::Array(items.into_iter().map(owned).collect()),
        serde_json::Value::Object(members) => {
            OwnedValue::Object(members.into_iter().map(|(name, value)| (name, owned(value))).collect())
        }
    }
}
