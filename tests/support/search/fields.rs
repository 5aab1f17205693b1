//! Mappings: how they are checked and merged, and which documents they refuse.

use serde_json::{Map, Value, json};

/// Why a document is refused.
#[derive(Debug)]
pub struct Refused {
    pub kind: &'static str,
    pub reason: String,
    pub cause: Option<String>,
}

const TYPES: &[&str] = &[
    "text",
    "keyword",
    "short",
    "integer",
    "long",
    "float",
    "double",
    "boolean",
    "date",
    "object",
    "alias",
    "flattened",
];
const PARAMETERS: &[&str] = &[
    "type",
    "fields",
    "ignore_above",
    "ignore_malformed",
    "format",
    "enabled",
    "index",
    "doc_values",
    "copy_to",
    "analyzer",
    "path",
    "properties",
];

/// Refuses what is no mapping.
pub fn check_mapping(mapping: &Value) -> Result<(), String> {
    let members = mapping.as_object().ok_or("a mapping is an object")?;
    if let Some(key) = members.keys().find(|key| !["dynamic", "properties", "_meta"].contains(&key.as_str())) {
        return Err(format!("unknown key of a mapping [{key}]"));
    }
    members.get("properties").map_or(Ok(()), check_fields)
}

fn check_fields(fields: &Value) -> Result<(), String> {
    for (name, field) in fields.as_object().ok_or("fields are an object")? {
        let field = field.as_object().ok_or_else(|| format!("field [{name}] is an object"))?;
        let ty = field.get("type").and_then(Value::as_str).unwrap_or("object");
        if !TYPES.contains(&ty) {
            return Err(format!("No handler for type [{ty}] declared on field [{name}]"));
        }
        if let Some(key) = field.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
            return Err(format!("unknown parameter [{key}] on mapper [{name}] of type [{ty}]"));
        }
        field.get("fields").map_or(Ok(()), check_fields)?;
    }
    Ok(())
}

/// The mapping with what is added to it, or what contradicts it.
pub fn merge(mapping: &Value, added: &Value) -> Result<Value, String> {
    let mut merged = mapping.as_object().cloned().unwrap_or_default();
    let mut fields = merged.remove("properties").and_then(|fields| fields.as_object().cloned()).unwrap_or_default();
    for (name, new) in added["properties"].as_object().unwrap_or(&Map::new()) {
        if let Some(old) = fields.get(name) {
            let ty = |field: &Value| field["type"].as_str().unwrap_or("object").to_string();
            if ty(old) != ty(new) {
                return Err(format!("mapper [{name}] cannot be changed from type [{}] to [{}]", ty(old), ty(new)));
            }
            if old["analyzer"] != new["analyzer"] {
                return Err(format!(
                    "Mapper for [{name}] conflicts with existing mapper:\n\tCannot update parameter [analyzer]"
                ));
            }
        }
        fields.insert(name.clone(), new.clone());
    }
    if let Some(dynamic) = added.get("dynamic") {
        merged.insert("dynamic".into(), json!(dynamic.as_str().map_or_else(|| dynamic.to_string(), str::to_string)));
    }
    merged.insert("properties".into(), Value::Object(fields));
    Ok(Value::Object(merged))
}

/// Whether a document fits.
pub fn check(mapping: &Value, document: &Map<String, Value>) -> Result<(), Refused> {
    let is_strict = mapping["dynamic"] == "strict";
    for (name, value) in document {
        match mapping["properties"].get(name) {
            Some(field) => check_field(name, field, value)?,
            None if is_strict => {
                return Err(Refused {
                    kind: "strict_dynamic_mapping_exception",
                    reason: format!(
                        "mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed"
                    ),
                    cause: None,
                });
            }
            None => {}
        }
    }
    Ok(())
}

fn check_field(name: &str, field: &Value, value: &Value) -> Result<(), Refused> {
    let ty = field["type"].as_str().unwrap_or("object");
    match value {
        Value::Null => return Ok(()),
        _ if ty == "object" && field["enabled"] == false => return Ok(()),
        Value::Array(items) => return items.iter().try_for_each(|item| check_field(name, field, item)),
        _ => {}
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let whole =
        |bits: u32| text.parse::<i128>().is_ok_and(|n| n >= -(1_i128 << (bits - 1)) && n < 1_i128 << (bits - 1));
    let fits = match (ty, value) {
        ("object" | "flattened", Value::Object(_)) => true,
        (_, Value::Object(_)) | ("object" | "flattened", _) => false,
        ("short", _) => whole(16),
        ("integer", _) => whole(32),
        ("long", _) => whole(64),
        ("float" | "double", _) => text.parse::<f64>().is_ok_and(f64::is_finite),
        ("boolean", _) => matches!(text.as_str(), "true" | "false"),
        ("date", Value::String(text)) => is_date(text, field["format"].as_str().unwrap_or_default()),
        ("keyword", _) => {
            let is_ignored = field["ignore_above"].as_u64().is_some_and(|most| text.chars().count() as u64 > most);
            let is_indexed = field["index"] != false || field["doc_values"] != false;
            if is_indexed && !is_ignored && text.len() > 32_766 {
                return Err(Refused {
                    kind: "illegal_argument_exception",
                    reason: format!("Document contains at least one immense term in field=\"{name}\""),
                    cause: None,
                });
            }
            true
        }
        ("text", _) => true,
        _ => false,
    };
    if fits || (field["ignore_malformed"] == true && !value.is_object()) {
        return Ok(());
    }
    Err(Refused {
        kind: "mapper_parsing_exception",
        reason: format!("failed to parse field [{name}] of type [{ty}]"),
        cause: Some(format!("For input: {text}")),
    })
}

/// `2020-01-31`, and for other formats than `strict_date` with a time behind it.
fn is_date(text: &str, format: &str) -> bool {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let parts: Vec<&str> = date.split('-').collect();
    let is_day = parts.len() == 3
        && parts
            .iter()
            .zip([4, 2, 2])
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()));
    let is_time = |time: &str| time.len() >= 8 && time.as_bytes()[2] == b':' && time.as_bytes()[5] == b':';
    is_day && time.is_none_or(|time| format != "strict_date" && is_time(time))
}
