//! The index itself: made if it is missing, made fit if it is there, and known again.

use super::super::SinkError;
use super::client::{Client, Content, segment};
use super::mapping;
use super::refusal::Refusal;
use crate::quantity::duration;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long servers remember what was deleted, if they are not told otherwise.
const GC_DELETES: Duration = Duration::from_secs(60);
/// It must be remembered at least this long.
const GC_DELETES_MIN: Duration = Duration::from_secs(1);
/// The settings that decide when documents become visible and how long deleted ones are remembered.
const REFRESH_INTERVAL: &str = "index.refresh_interval";

/// What an index is to be like.
pub(super) struct Index {
    pub(super) name: String,
    pub(super) mapping: Value,
    pub(super) settings: Map<String, Value>,
}

/// An index that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Another one of the same name, or one that was restored from a backup, has another.
    pub(super) incarnation: String,
    /// How long a deleted document's version is remembered.
    pub(super) gc_deletes: Duration,
}

#[derive(Deserialize)]
struct Settings {
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
struct Mappings {
    mappings: Value,
}

impl Index {
    /// Without a `refresh_interval` of its own the index shows a delivery when it is told to, and only then.
    pub(super) fn new(name: String, mapping: Value, mut settings: Map<String, Value>) -> Index {
        let nested = settings.get("index").is_some_and(|index| index.get("refresh_interval").is_some());
        if !nested && !settings.contains_key("refresh_interval") {
            settings.entry(REFRESH_INTERVAL).or_insert_with(|| json!("-1"));
        }
        Index { name, mapping, settings }
    }

    /// Where requests to it go.
    pub(super) fn path(&self) -> String {
        format!("/{}", segment(&self.name))
    }

    /// Makes the index if there is none, with an alias, and adds to its mapping what it lacks.
    pub(super) async fn prepare(&self, client: &Client, alias: Option<&str>) -> Result<State, SinkError> {
        let state = match state(client, &self.name).await? {
            Some(state) => state,
            None => {
                self.create(client, alias).await?;
                let gone = || SinkError::Transient(format!("the index {} is gone again", self.name));
                state(client, &self.name).await?.ok_or_else(gone)?
            }
        };
        self.fit(client).await?;
        if state.gc_deletes < GC_DELETES_MIN {
            return Err(SinkError::Operator(format!(
                "the index {} forgets at once what was deleted, so a late write could bring it back; set its \
                 `index.gc_deletes` to at least 1s",
                self.name
            )));
        }
        Ok(state)
    }

    async fn create(&self, client: &Client, alias: Option<&str>) -> Result<(), SinkError> {
        let mut body = json!({"settings": self.settings, "mappings": self.mapping});
        if let Some(alias) = alias {
            body["aliases"] = json!({ alias: {} });
        }
        let answer = client.send(Method::PUT, &self.path(), Content::Json(body.to_string())).await?;
        if !answer.status.is_success() && Refusal::of(&answer).kind == "resource_already_exists_exception" {
            return Ok(());
        }
        answer.succeeded(&format!("create the index {}", self.name))
    }

    /// The server is the judge of what can be added to a mapping and what contradicts it.
    async fn fit(&self, client: &Client) -> Result<(), SinkError> {
        let path = format!("{}/_mapping", self.path());
        let answer = client.send(Method::GET, &path, Content::Nothing).await?;
        let found: BTreeMap<String, Mappings> = answer.read(&format!("read the mapping of {}", self.name))?;
        if found.values().any(|found| mapping::has(&found.mappings, &self.mapping)) {
            return Ok(());
        }
        let answer = client.send(Method::PUT, &path, Content::Json(self.mapping.to_string())).await?;
        if answer.status != StatusCode::BAD_REQUEST {
            return answer.succeeded(&format!("add to the mapping of {}", self.name));
        }
        Err(SinkError::Operator(format!(
            "the index {} is mapped otherwise than the view's columns need: {}; delete the index, and it is \
             built anew, or name another `index`, or give the `mapping` as it is",
            self.name,
            Refusal::of(&answer)
        )))
    }

    /// Makes everything written so far visible.
    pub(super) async fn refresh(&self, client: &Client) -> Result<(), SinkError> {
        #[derive(Deserialize)]
        struct Refreshed {
            _shards: Shards,
        }
        #[derive(Deserialize)]
        struct Shards {
            failed: u64,
        }
        let path = format!("{}/_refresh", self.path());
        let answer = client.send(Method::POST, &path, Content::Nothing).await?;
        let refreshed: Refreshed = answer.read(&format!("refresh {}", self.name))?;
        match refreshed._shards.failed {
            0 => Ok(()),
            failed => Err(SinkError::Transient(format!("{failed} shards of {} could not be refreshed", self.name))),
        }
    }
}

/// What is there by this name. An alias stands for the one index behind it.
pub(super) async fn state(client: &Client, name: &str) -> Result<Option<State>, SinkError> {
    let path = format!("/{}/_settings?flat_settings=true", segment(name));
    let answer = client.send(Method::GET, &path, Content::Nothing).await?;
    if answer.status == StatusCode::NOT_FOUND && Refusal::of(&answer).is_missing_index() {
        return Ok(None);
    }
    let found: BTreeMap<String, Settings> = answer.read(&format!("look at the index {name}"))?;
    if found.len() > 1 {
        let names = found.into_keys().collect::<Vec<_>>().join(", ");
        let text = format!("{name} stands for several indexes ({names}); name one of them");
        return Err(SinkError::Operator(text));
    }
    Ok(found.into_values().next().map(|Settings { settings }| State::of(&settings)))
}

impl State {
    fn of(settings: &Map<String, Value>) -> State {
        let text = |key: &str| settings.get(key).and_then(Value::as_str);
        let parts = [text("index.uuid"), text("index.history.uuid")];
        State {
            incarnation: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
            gc_deletes: text("index.gc_deletes").and_then(|text| duration(text).ok()).unwrap_or(GC_DELETES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_when_told_unless_told_otherwise() {
        let settings = |given: Value| {
            let Value::Object(given) = given else { unreachable!() };
            Value::Object(Index::new("i".into(), Value::Null, given).settings)
        };
        assert_eq!(settings(json!({})), json!({"index.refresh_interval": "-1"}));
        for given in [
            json!({"refresh_interval": "1s"}),
            json!({"index.refresh_interval": "1s"}),
            json!({"index": {"refresh_interval": "1s"}}),
        ] {
            assert_eq!(settings(given.clone()), given);
        }
    }

    #[test]
    fn an_index_by_its_settings() {
        let state = |settings: Value| {
            let Value::Object(settings) = settings else { unreachable!() };
            State::of(&settings)
        };
        let plain = state(json!({"index.uuid": "a"}));
        assert_eq!(plain, State { incarnation: "a".into(), gc_deletes: GC_DELETES });
        let restored = state(json!({"index.uuid": "a", "index.history.uuid": "b", "index.gc_deletes": "5m"}));
        assert_eq!(restored, State { incarnation: "a b".into(), gc_deletes: Duration::from_secs(300) });
    }
}
