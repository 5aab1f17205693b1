//! What is in the body of a request: one JSON object, an array of them, or one per line.

use serde_json::value::RawValue;

/// How a body is written, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object or an array.
    Json,
    /// An object per line.
    Lines,
}

impl Kind {
    /// The kind that a `Content-Type` names.
    pub(super) fn of(content_type: &str) -> Option<Kind> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Kind::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Some(Kind::Lines)
            }
            _ => None,
        }
    }
}

/// The records of a body. Whether each of them is an event is found out when it is taken.
pub(super) fn records(kind: Kind, body: &[u8]) -> Result<Vec<&[u8]>, String> {
    let body = body.trim_ascii();
    match kind {
        Kind::Lines => {
            Ok(body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty()).collect())
        }
        Kind::Json if body.is_empty() => Err("the body is empty".into()),
        Kind::Json if body.starts_with(b"[") => {
            let items: Vec<&RawValue> =
                serde_json::from_slice(body).map_err(|error| format!("invalid JSON: {error}"))?;
            Ok(items.into_iter().map(|item| item.get().as_bytes()).collect())
        }
        Kind::Json => Ok(vec![body]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let read = |kind, body: &str| -> Result<Vec<String>, String> {
            let records = records(kind, body.as_bytes())?;
            Ok(records.into_iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect())
        };
        assert_eq!(read(Kind::Json, " {\n\"a\": 1}\n").unwrap(), ["{\n\"a\": 1}"]);
        assert_eq!(read(Kind::Json, "[{\"a\": 1}, {}]").unwrap(), ["{\"a\": 1}", "{}"]);
        assert_eq!(read(Kind::Json, "[]").unwrap(), [""; 0]);
        assert_eq!(read(Kind::Lines, "{}\r\n\n {\"a\": 1}").unwrap(), ["{}", "{\"a\": 1}"]);
        assert!(read(Kind::Json, "").is_err() && read(Kind::Json, "[{}").is_err());
        assert_eq!(Kind::of("Application/JSON; charset=utf-8"), Some(Kind::Json));
        assert_eq!(Kind::of("application/x-ndjson"), Some(Kind::Lines));
        assert_eq!(Kind::of("application/x-www-form-urlencoded"), None);
    }
}
