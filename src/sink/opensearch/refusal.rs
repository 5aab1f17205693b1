//! What the server says when it refuses something, and what that means: wait, leave a row out, or call the operator.

use super::super::SinkError;
use super::client::Answer;
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// An error of a request or of one item of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "type")]
    pub(super) kind: String,
    reason: Option<String>,
    caused_by: Option<Box<Refusal>>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_deref().unwrap_or(&self.kind))?;
        match &self.caused_by {
            Some(cause) if !cause.kind.is_empty() => write!(f, ": {cause}"),
            _ => Ok(()),
        }
    }
}

impl Refusal {
    /// What a body says; what is no error of the server's, such as a proxy's page, is its beginning.
    pub(super) fn of(answer: &Answer) -> Refusal {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Body {
            Whole { error: Refusal },
            Text { error: String },
        }
        match serde_json::from_slice(&answer.body) {
            Ok(Body::Whole { error }) => error,
            Ok(Body::Text { error }) => Refusal { reason: Some(error), ..Refusal::default() },
            Err(_) => {
                let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
                Refusal { reason: Some(text), ..Refusal::default() }
            }
        }
    }

    /// The index takes no writes for now: it is read-only, or the disk is full.
    pub(super) fn is_block(&self) -> bool {
        self.kind == "cluster_block_exception"
    }

    pub(super) fn is_missing_index(&self) -> bool {
        self.kind == "index_not_found_exception"
    }

    /// It is about what is in the document, not about what was asked.
    pub(super) fn is_about_the_document(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "mapper_parsing_exception"
                | "document_parsing_exception"
                | "strict_dynamic_mapping_exception"
                | "illegal_argument_exception"
        )
    }

    /// What it means for the whole delivery.
    pub(super) fn failure(&self, status: StatusCode, doing: &str) -> SinkError {
        let text = format!("cannot {doing}: {self} ({})", status.as_u16());
        match status {
            _ if self.is_block() => SinkError::Transient(format!("{text}; free disk space, or lift the block")),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => SinkError::Transient(text),
            status if status.is_server_error() => SinkError::Transient(text),
            _ if self.is_missing_index() => SinkError::Transient(text),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                SinkError::Operator(format!("{text}; see to the privileges of whom `user` or `api_key` names"))
            }
            _ => SinkError::Operator(text),
        }
    }
}

impl Answer {
    /// The body of a successful answer; anything else is a failure of what was being done.
    pub(super) fn read<T: DeserializeOwned>(&self, doing: &str) -> Result<T, SinkError> {
        self.succeeded(doing)?;
        serde_json::from_slice(&self.body)
            .map_err(|error| SinkError::Transient(format!("cannot {doing}: the answer makes no sense: {error}")))
    }

    /// Nothing but whether it succeeded.
    pub(super) fn succeeded(&self, doing: &str) -> Result<(), SinkError> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(Refusal::of(self).failure(self.status, doing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;

    fn failure(status: u16, body: &str) -> SinkError {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, retry_after: None, body: Bytes::from(body.to_string()) };
        answer.succeeded("write").expect_err("a failure")
    }

    #[test]
    fn what_statuses_mean() {
        let error = |kind: &str| format!(r#"{{"error":{{"root_cause":[],"type":"{kind}","reason":"r"}},"status":1}}"#);
        let transient = [
            (429, error("es_rejected_execution_exception")),
            (429, error("cluster_block_exception")),
            (403, error("cluster_block_exception")),
            (404, error("index_not_found_exception")),
            (503, "<html>Bad gateway</html>".to_string()),
            (500, error("exception")),
        ];
        for (status, body) in transient {
            assert!(matches!(failure(status, &body), SinkError::Transient(_)), "{status} {body}");
        }
        let operator = [
            (401, error("security_exception")),
            (403, error("security_exception")),
            (400, error("parse_exception")),
            (405, r#"{"error":"Incorrect HTTP method","status":405}"#.to_string()),
            (301, String::new()),
        ];
        for (status, body) in operator {
            assert!(matches!(failure(status, &body), SinkError::Operator(_)), "{status} {body}");
        }
    }

    #[test]
    fn causes_are_told() {
        let body =
            r#"{"error":{"type":"a","reason":"failed to parse","caused_by":{"type":"b","reason":"for input x"}}}"#;
        assert_eq!(failure(400, body).to_string(), "cannot write: failed to parse: for input x (400)");
    }
}
