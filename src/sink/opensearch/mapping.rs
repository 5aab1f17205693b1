//! From a view's columns to the mapping of an index.
//!
//! A document is the row as JSON, digit for digit; the mapping only decides how it is found. So nothing that a column's
//! type allows may refuse a row: what a field of the index cannot hold (`NaN`, `infinity`, a year before Christ) is
//! left out of that field (`ignore_malformed`) and stays in the document.
//!
//! | columns | field |
//! |---|---|
//! | `text`, `varchar` | `text`, and `keyword` below it for exact matches and sorting |
//! | `smallint`, `integer`, `bigint` | `short`, `integer`, `long` |
//! | `real`, `double precision` | `float`, `double` |
//! | `numeric` of at most 18 digits, none of them fractional | `long` |
//! | other `numeric` | `double`, which rounds, for ranges and sorting; `keyword` below it has all digits |
//! | `boolean` | `boolean` |
//! | `date`, `timestamp`, `timestamptz` | `date`, to the millisecond |
//! | `json`, `jsonb` | not searched: an object of any shape would make fields of its own, or be refused |
//! | `bytea` | not searched |
//! | `char(n)`, `uuid`, `time`, `interval`, enums and others | `keyword` |
//!
//! An array is mapped as its elements are.

use super::super::{SinkError, SinkView};
use crate::value::{Column, Type};
use serde_json::{Map, Value, json};

/// What a document may not have as a member: the servers' own fields.
const METADATA: &[&str] = &[
    "_id",
    "_index",
    "_source",
    "_type",
    "_routing",
    "_field_names",
    "_ignored",
    "_size",
    "_tier",
    "_doc_count",
    "_nested_path",
    "_seq_no",
    "_version",
    "_primary_term",
    "_feature",
    "_data_stream_timestamp",
    "_tsid",
];
/// The longest term is 32,766 bytes, a character at most four.
const KEYWORD_LENGTH: usize = 8_191;

/// The mapping of a view's index: derived, with what is given in place of what was derived.
pub(super) fn mapping(view: &SinkView, given: Map<String, Value>) -> Result<Value, SinkError> {
    let mut properties = Map::new();
    for column in &view.schema.columns {
        check_name(&column.name)?;
        properties.insert(column.name.clone(), field(column));
    }
    let mut mapping = Map::from_iter([("dynamic".to_string(), json!("strict"))]);
    for (key, value) in given {
        match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                check_known(view, &fields)?;
                properties.extend(fields);
            }
            ("properties", _) => {
                return Err(SinkError::Config("mapping: `properties` is expected to be a table".into()));
            }
            (_, value) => drop(mapping.insert(key, value)),
        }
    }
    mapping.insert("properties".to_string(), Value::Object(properties));
    Ok(Value::Object(mapping))
}

fn check_name(name: &str) -> Result<(), SinkError> {
    if name.trim().is_empty() || name.contains('.') || METADATA.contains(&name) {
        return Err(SinkError::Config(format!(
            "a column called \"{name}\" cannot be a field of an index; rename it in the view"
        )));
    }
    Ok(())
}

/// A field that no column fills is a mistake, unless others are copied to it or it is another name of one.
fn check_known(view: &SinkView, fields: &Map<String, Value>) -> Result<(), SinkError> {
    let copies = |field: &Value| match &field["copy_to"] {
        Value::String(target) => vec![target.clone()],
        Value::Array(targets) => targets.iter().filter_map(|target| target.as_str().map(str::to_string)).collect(),
        _ => Vec::new(),
    };
    let copied: Vec<String> = fields.values().flat_map(copies).collect();
    let is_known = |(name, field): &(&String, &Value)| {
        view.schema.column(name).is_some() || copied.contains(name) || field["type"] == "alias"
    };
    match fields.iter().find(|field| !is_known(field)) {
        None => Ok(()),
        Some((name, _)) => {
            let columns = view.schema.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
            let view = &view.name;
            Err(SinkError::Config(format!("mapping: view {view} has no column {name}; it has {columns}")))
        }
    }
}

fn field(column: &Column) -> Value {
    let keyword = |length: usize| json!({"type": "keyword", "ignore_above": length});
    let number = |ty: &str| json!({"type": ty, "ignore_malformed": true});
    match element(&column.ty) {
        Type::Text | Type::Varchar => json!({"type": "text", "fields": {"keyword": keyword(256)}}),
        Type::Int2 => json!({"type": "short"}),
        Type::Int4 => json!({"type": "integer"}),
        Type::Int8 => json!({"type": "long"}),
        Type::Float4 => number("float"),
        Type::Float8 => number("double"),
        Type::Numeric if is_long(column.modifier) => number("long"),
        Type::Numeric => json!({"type": "double", "ignore_malformed": true, "fields": {"keyword": keyword(256)}}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Date => json!({"type": "date", "format": "strict_date", "ignore_malformed": true}),
        Type::Timestamp | Type::Timestamptz => {
            json!({"type": "date", "format": "strict_date_optional_time", "ignore_malformed": true})
        }
        Type::Json | Type::Jsonb => json!({"type": "object", "enabled": false}),
        // Shown as JSON of any shape.
        Type::Opaque(opaque) if !opaque.readable => json!({"type": "object", "enabled": false}),
        Type::Bytea => json!({"type": "keyword", "index": false, "doc_values": false}),
        _ => keyword(KEYWORD_LENGTH),
    }
}

fn element(ty: &Type) -> &Type {
    match ty {
        Type::Array(element) => element,
        ty => ty,
    }
}

/// Whether `numeric` of this modifier, which holds precision and scale, has whole numbers of 64 bits.
fn is_long(modifier: i32) -> bool {
    let (precision, scale) = ((modifier.wrapping_sub(4) >> 16) & 0xffff, modifier.wrapping_sub(4) & 0x7ff);
    modifier >= 4 && precision <= 18 && scale == 0
}

/// Whether an index's mapping has all that is expected of it. Servers write scalars as they like.
pub(super) fn has(actual: &Value, expected: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, expected)| actual.get(key).is_some_and(|actual| has(actual, expected)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && actual.iter().zip(expected).all(|(actual, expected)| has(actual, expected))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (actual, expected) => text(actual) == text(expected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{RelationName, Schema};
    use std::sync::Arc;

    fn view(columns: Vec<Column>) -> SinkView {
        SinkView { name: RelationName::public("v"), schema: Arc::new(Schema::table(columns, Some(vec![0]))) }
    }

    fn derived(ty: Type, modifier: i32) -> String {
        let mut column = Column::new("a", ty, true);
        column.modifier = modifier;
        let mapping = mapping(&view(vec![column]), Map::new()).expect("a mapping");
        assert_eq!(mapping["dynamic"], "strict");
        mapping["properties"]["a"].to_string()
    }

    const ROUNDED: &str =
        r#"{"type":"double","ignore_malformed":true,"fields":{"keyword":{"type":"keyword","ignore_above":256}}}"#;

    #[test]
    fn by_type() {
        let numeric = |precision: i32, scale: i32| ((precision << 16) | scale) + 4;
        let cases = [
            (Type::Text, -1, r#"{"fields":{"keyword":{"ignore_above":256,"type":"keyword"}},"type":"text"}"#),
            (Type::Int2, -1, r#"{"type":"short"}"#),
            (Type::Int8, -1, r#"{"type":"long"}"#),
            (Type::Float4, -1, r#"{"ignore_malformed":true,"type":"float"}"#),
            (Type::Numeric, numeric(18, 0), r#"{"ignore_malformed":true,"type":"long"}"#),
            (Type::Numeric, numeric(10, 2), ROUNDED),
            (Type::Numeric, -1, ROUNDED),
            (Type::Bool, -1, r#"{"type":"boolean"}"#),
            (Type::Date, -1, r#"{"format":"strict_date","ignore_malformed":true,"type":"date"}"#),
            (Type::Timestamptz, -1, r#"{"format":"strict_date_optional_time","ignore_malformed":true,"type":"date"}"#),
            (Type::Jsonb, -1, r#"{"enabled":false,"type":"object"}"#),
            (Type::Bytea, -1, r#"{"doc_values":false,"index":false,"type":"keyword"}"#),
            (Type::Uuid, -1, r#"{"ignore_above":8191,"type":"keyword"}"#),
            (Type::Array(Arc::new(Type::Int4)), -1, r#"{"type":"integer"}"#),
        ];
        for (ty, modifier, expected) in cases {
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(derived(ty.clone(), modifier), expected.to_string(), "{ty} {modifier}");
        }
    }

    #[test]
    fn given_fields_replace_derived_ones() {
        let columns = vec![Column::new("id", Type::Int8, false), Column::new("name", Type::Text, true)];
        let given = json!({
            "dynamic": false,
            "properties": {"name": {"type": "keyword", "copy_to": "all"}, "all": {"type": "text"}}
        });
        let Value::Object(given) = given else { unreachable!() };
        let mapping = mapping(&view(columns.clone()), given).expect("a mapping");
        assert_eq!(mapping["dynamic"], false);
        assert_eq!(mapping["properties"]["id"], json!({"type": "long"}));
        assert_eq!(mapping["properties"]["name"]["type"], "keyword");
        assert_eq!(mapping["properties"]["all"]["type"], "text");
        let Value::Object(given) = json!({"properties": {"nam": {"type": "text"}}}) else { unreachable!() };
        let error = super::mapping(&view(columns), given).expect_err("no such column").to_string();
        assert!(error.contains("no column nam; it has id, name"), "{error}");
    }

    #[test]
    fn names_that_cannot_be_fields() {
        for name in ["_id", "a.b", "", " "] {
            let error = mapping(&view(vec![Column::new(name, Type::Int8, false)]), Map::new()).expect_err("refused");
            assert!(error.to_string().contains("rename it"), "{error}");
        }
    }

    #[test]
    fn what_a_mapping_has() {
        let actual =
            json!({"dynamic": "false", "properties": {"a": {"type": "keyword", "ignore_above": 256}, "b": {}}});
        assert!(has(&actual, &json!({"dynamic": false, "properties": {"a": {"ignore_above": "256"}}})));
        assert!(!has(&actual, &json!({"properties": {"a": {"type": "text"}}})));
        assert!(!has(&actual, &json!({"properties": {"c": {}}})));
    }
}
