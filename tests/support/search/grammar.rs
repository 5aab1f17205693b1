//! The requests there are, checked to the letter, and the answers in the servers' own form.

use super::store::{Condition, Written};
use super::{Product, State, fields};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A request as it came, uncompressed.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub retry_after: Option<u64>,
}

impl Reply {
    fn of(status: u16, body: impl ToString) -> Reply {
        Reply { status, body: body.to_string(), retry_after: None }
    }

    pub fn error(status: u16, kind: &str, reason: &str) -> Reply {
        let cause = json!({"type": kind, "reason": reason});
        Reply::of(status, json!({"error": {"root_cause": [cause], "type": kind, "reason": reason}, "status": status}))
    }

    fn missing_index(name: &str) -> Reply {
        Reply::error(404, "index_not_found_exception", &format!("no such index [{name}]"))
    }
}

/// Answers a request; what is not known is 400 and remembered.
pub fn answer(state: &mut State, request: &Request) -> Reply {
    if state.authorization.is_some() {
        let given =
            request.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_string());
        if given != state.authorization {
            return Reply::error(401, "security_exception", "unable to authenticate");
        }
    }
    if request.body.len() > state.max_body {
        return Reply::of(413, "");
    }
    match known(state, request) {
        Ok(reply) => reply,
        Err(what) => {
            state.wrong.push(format!("{} {}: {what}", request.method, request.uri));
            Reply::error(400, "illegal_argument_exception", &what)
        }
    }
}

fn known(state: &mut State, request: &Request) -> Result<Reply, String> {
    let uri = &request.uri;
    if request.headers.get(header::HOST).is_none() {
        return Err("no Host".into());
    }
    let query = parameters(uri.query().unwrap_or_default())?;
    let path = uri.path().strip_prefix('/').ok_or("no path")?;
    let segments: Vec<String> = path.split('/').map(decoded).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let lines = path.ends_with("/_bulk");
    content_type(request, lines)?;
    if !lines {
        allowed(&query, &request.method, &segments)?;
    }
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", [""]) => Ok(greeting(state)),
        ("POST", ["_search", "scroll"]) => scroll(state, &object(request)?),
        ("DELETE", ["_search", "scroll"]) => close(state, &object(request)?),
        ("GET", ["_alias", pattern]) => aliases(state, pattern),
        ("POST", ["_aliases"]) => change_aliases(state, &object(request)?),
        ("PUT", [index]) => create_index(state, index, object(request)?),
        ("GET", [index, "_settings"]) => Ok(settings(state, index)),
        ("GET", [index, "_mapping"]) => Ok(mapping(state, index)),
        ("PUT", [index, "_mapping"]) => put_mapping(state, index, object(request)?),
        ("POST", [index, "_refresh"]) if request.body.is_empty() => Ok(refresh(state, index)),
        ("POST", [index, "_search"]) => search(state, index, &object(request)?),
        ("POST", [index, "_bulk"]) => bulk(state, index, &query, &request.body),
        ("GET", [index, "_doc", id]) => Ok(get(state, index, id)),
        ("PUT", [index, kind @ ("_doc" | "_create"), id]) => put(state, index, kind, id, &query, &request.body),
        _ => Err("no handler found for uri and method".into()),
    }
}

fn parameters(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("a parameter without value")?;
        if found.insert(decoded(name)?, decoded(value)?).is_some() {
            return Err(format!("parameter {name} twice"));
        }
    }
    Ok(found)
}

fn decoded(text: &str) -> Result<String, String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits: Vec<u8> = bytes.by_ref().take(2).collect();
            let digits = String::from_utf8(digits).map_err(|_| "a broken escape")?;
            out.push(u8::from_str_radix(&digits, 16).map_err(|_| "a broken escape")?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "not UTF-8".into())
}

fn content_type(request: &Request, lines: bool) -> Result<(), String> {
    let given = request.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let encoding = request.headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or_default());
    match (given, lines, request.body.is_empty()) {
        (None, false, true)
        | (Some("application/json"), false, false)
        | (Some("application/x-ndjson"), true, false) => {}
        _ => return Err(format!("Content-Type header [{given:?}] is not supported")),
    }
    match encoding {
        None | Some("gzip") => Ok(()),
        Some(other) => Err(format!("encoding {other}")),
    }
}

/// Parameters of everything but bulk requests.
fn allowed(query: &BTreeMap<String, String>, method: &Method, segments: &[&str]) -> Result<(), String> {
    let expected: &[&str] = match (method.as_str(), segments) {
        ("GET", [_, "_settings"]) => &["flat_settings"],
        ("POST", [_, "_search"]) => &["scroll"],
        ("PUT", [_, "_doc", _]) => &["if_primary_term", "if_seq_no"],
        _ => &[],
    };
    let given: Vec<&str> = query.keys().map(String::as_str).collect();
    if given == expected { Ok(()) } else { Err(format!("request contains unrecognized parameters: {given:?}")) }
}

fn object(request: &Request) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err("a JSON object is expected".into()),
    }
}

fn members(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("unknown key [{key}]")),
    }
}

fn greeting(state: &State) -> Reply {
    let version = match state.product {
        Product::Elasticsearch => json!({"number": "8.17.0", "build_flavor": "default", "lucene_version": "9.12.0"}),
        Product::OpenSearch => json!({"distribution": "opensearch", "number": "2.18.0", "lucene_version": "9.12.0"}),
    };
    Reply::of(200, json!({"name": "stub", "cluster_name": "stub", "cluster_uuid": "x", "version": version}))
}

fn create_index(state: &mut State, name: &str, body: Map<String, Value>) -> Result<Reply, String> {
    members(&body, &["settings", "mappings", "aliases"])?;
    if let Some(index) = state.cluster.indices.get(name) {
        let reason = format!("index [{name}/{}] already exists", index.uuid);
        return Ok(Reply::error(400, "resource_already_exists_exception", &reason));
    }
    let settings = body.get("settings").cloned().unwrap_or_else(|| json!({}));
    let mapping = body.get("mappings").cloned().unwrap_or_else(|| json!({}));
    fields::check_mapping(&mapping)?;
    let aliases = body.get("aliases").cloned().unwrap_or_else(|| json!({}));
    let aliases = aliases.as_object().filter(|aliases| aliases.values().all(|options| *options == json!({})));
    let aliases = aliases.ok_or("aliases without options are expected")?;
    if let Some(alias) = aliases.keys().find(|alias| state.cluster.indices.contains_key(*alias)) {
        return Ok(taken_alias(alias));
    }
    state.cluster.create(name, &settings, mapping)?;
    aliases.keys().for_each(|alias| state.cluster.add_alias(alias, name));
    Ok(Reply::of(200, json!({"acknowledged": true, "shards_acknowledged": true, "index": name})))
}

fn taken_alias(alias: &str) -> Reply {
    let reason =
        format!("Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias");
    Reply::error(400, "invalid_alias_name_exception", &reason)
}

/// All aliases that begin like this, by index.
fn aliases(state: &State, pattern: &str) -> Result<Reply, String> {
    let prefix = pattern.strip_suffix('*').filter(|prefix| !prefix.contains(['*', ',']));
    let prefix = prefix.ok_or("the stub knows only patterns that end with *")?;
    let mut shown: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (alias, indices) in state.cluster.aliases.iter().filter(|(alias, _)| alias.starts_with(prefix)) {
        for index in indices.iter().filter(|index| state.cluster.indices.contains_key(*index)) {
            shown.entry(index).or_default().insert(alias.clone(), json!({}));
        }
    }
    let shown = shown.into_iter().map(|(index, aliases)| (index.to_string(), json!({"aliases": aliases})));
    Ok(Reply::of(200, Value::Object(shown.collect())))
}

/// All actions, or none.
fn change_aliases(state: &mut State, body: &Map<String, Value>) -> Result<Reply, String> {
    members(body, &["actions"])?;
    let actions = body.get("actions").and_then(Value::as_array).filter(|actions| !actions.is_empty());
    let mut read = Vec::new();
    for action in actions.ok_or("No action specified")? {
        let [(name, Value::Object(about))] = action.as_object().ok_or("an action")?.iter().collect::<Vec<_>>()[..]
        else {
            return Err("one action is expected".into());
        };
        let known: &[&str] = match name.as_str() {
            "add" | "remove" => &["index", "alias"],
            "remove_index" => &["index"],
            _ => return Err(format!("unknown action [{name}]")),
        };
        members(about, known)?;
        let text = |key: &str| about.get(key).and_then(Value::as_str).map(str::to_string);
        let index = text("index").ok_or("index")?;
        if !state.cluster.indices.contains_key(&index) {
            return Ok(Reply::missing_index(&index));
        }
        read.push((name.as_str(), index, text("alias").or((name == "remove_index").then(String::new)).ok_or("alias")?));
    }
    let is_removed = |index: &str| read.iter().any(|(name, removed, _)| *name == "remove_index" && removed == index);
    for (name, index, alias) in &read {
        let is_there = state.cluster.aliases.get(alias).is_some_and(|indices| indices.contains(index));
        match *name {
            "add" if state.cluster.indices.contains_key(alias) && !is_removed(alias) => return Ok(taken_alias(alias)),
            // The servers differ, by version, in what they do then.
            "remove" if !is_there => {
                return Ok(Reply::error(404, "aliases_not_found_exception", &format!("aliases [{alias}] missing")));
            }
            _ => {}
        }
    }
    for (name, index, alias) in &read {
        match *name {
            "remove_index" => state.cluster.remove(index),
            "remove" => state.cluster.remove_alias(alias, index),
            _ => state.cluster.add_alias(alias, index),
        }
    }
    Ok(Reply::of(200, json!({"acknowledged": true})))
}

fn settings(state: &State, name: &str) -> Reply {
    match state.cluster.find(name).as_slice() {
        [] => Reply::missing_index(name),
        found => {
            let shown = found
                .iter()
                .map(|name| (name.to_string(), json!({"settings": state.cluster.indices[*name].shown_settings(name)})));
            Reply::of(200, Value::Object(shown.collect()))
        }
    }
}

fn mapping(state: &State, name: &str) -> Reply {
    match state.cluster.find(name).as_slice() {
        [] => Reply::missing_index(name),
        found => {
            let shown =
                found.iter().map(|name| (name.to_string(), json!({"mappings": state.cluster.indices[*name].mapping})));
            Reply::of(200, Value::Object(shown.collect()))
        }
    }
}

fn put_mapping(state: &mut State, name: &str, body: Map<String, Value>) -> Result<Reply, String> {
    fields::check_mapping(&Value::Object(body.clone()))?;
    let Some(index) = state.cluster.one_mut(name) else { return Ok(Reply::missing_index(name)) };
    Ok(match fields::merge(&index.mapping, &Value::Object(body)) {
        Ok(merged) => {
            index.mapping = merged;
            Reply::of(200, json!({"acknowledged": true}))
        }
        Err(reason) => Reply::error(400, "illegal_argument_exception", &reason),
    })
}

fn refresh(state: &mut State, name: &str) -> Reply {
    let Some(index) = state.cluster.one_mut(name) else { return Reply::missing_index(name) };
    index.refresh();
    Reply::of(200, json!({"_shards": {"total": 2, "successful": 1, "failed": 0}}))
}

fn search(state: &mut State, name: &str, body: &Map<String, Value>) -> Result<Reply, String> {
    members(body, &["size", "sort", "version", "track_total_hits"])?;
    let size = body.get("size").and_then(Value::as_u64).filter(|size| (1..=10_000).contains(size)).ok_or("size")?;
    if body.get("sort") != Some(&json!(["_doc"])) || body.get("version") != Some(&json!(true)) {
        return Err("sort and version".into());
    }
    let Some(id) = state.cluster.open_scroll(name, size as usize) else { return Ok(Reply::missing_index(name)) };
    Ok(page(state, &id))
}

fn scroll(state: &mut State, body: &Map<String, Value>) -> Result<Reply, String> {
    members(body, &["scroll", "scroll_id"])?;
    let id = body.get("scroll_id").and_then(Value::as_str).ok_or("scroll_id")?;
    body.get("scroll").ok_or("scroll")?;
    Ok(page(state, id))
}

fn page(state: &mut State, id: &str) -> Reply {
    let Some((index, hits)) = state.cluster.page(id) else {
        return Reply::error(404, "search_context_missing_exception", "No search context found");
    };
    let hit = |(id, version, source): &(String, u64, String)| {
        let (index, id) = (json!(index), json!(id));
        format!(r#"{{"_index":{index},"_id":{id},"_version":{version},"_score":null,"_source":{source},"sort":[0]}}"#)
    };
    let hits: Vec<String> = hits.iter().map(hit).collect();
    let shards = r#"{"total":1,"successful":1,"skipped":0,"failed":0}"#;
    let hits = format!(r#"{{"max_score":null,"hits":[{}]}}"#, hits.join(","));
    Reply::of(
        200,
        format!(r#"{{"_scroll_id":{},"took":1,"timed_out":false,"_shards":{shards},"hits":{hits}}}"#, json!(id)),
    )
}

fn close(state: &mut State, body: &Map<String, Value>) -> Result<Reply, String> {
    members(body, &["scroll_id"])?;
    let id = body.get("scroll_id").and_then(Value::as_str).ok_or("scroll_id")?;
    let freed = state.cluster.close_scroll(id);
    Ok(Reply::of(if freed { 200 } else { 404 }, json!({"succeeded": true, "num_freed": u8::from(freed)})))
}

fn get(state: &State, name: &str, id: &str) -> Reply {
    let Some(index) = state.cluster.one(name) else { return Reply::missing_index(name) };
    let (shown_name, shown_id) = (json!(name), json!(id));
    match index.documents.get(id) {
        None => Reply::of(404, format!(r#"{{"_index":{shown_name},"_id":{shown_id},"found":false}}"#)),
        Some(document) => {
            let place = format!(r#""_version":{},"_seq_no":{},"_primary_term":1"#, document.version, document.sequence);
            let found = format!(r#""found":true,"_source":{}"#, document.source);
            Reply::of(200, format!(r#"{{"_index":{shown_name},"_id":{shown_id},{place},{found}}}"#))
        }
    }
}

fn put(
    state: &mut State,
    name: &str,
    kind: &str,
    id: &str,
    query: &BTreeMap<String, String>,
    body: &Bytes,
) -> Result<Reply, String> {
    let source = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
    serde_json::from_str::<Map<String, Value>>(source).map_err(|error| error.to_string())?;
    let number =
        |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok()).ok_or(format!("parameter {name}"));
    let condition = match kind {
        "_create" => Condition::Absent,
        _ => Condition::Unchanged { sequence: number("if_seq_no")?, term: number("if_primary_term")? },
    };
    if state.cluster.one(name).is_none() {
        // As the servers do; but it is no good place for the first mark.
        if kind == "_create" {
            return Err("the index of marks is made, not left to be made".into());
        }
        state.cluster.create(name, &json!({}), json!({}))?;
    }
    let written = state.cluster.put(name, id, source, condition);
    Ok(match written {
        Written::Done { version, sequence, created, .. } => {
            let result = if created { "created" } else { "updated" };
            let shards = json!({"total": 2, "successful": 1, "failed": 0});
            let body = json!({"_index": name, "_id": id, "_version": version, "result": result, "_shards": shards,
                "_seq_no": sequence, "_primary_term": 1});
            Reply::of(if created { 201 } else { 200 }, body)
        }
        Written::Conflict(reason) => {
            Reply::error(409, "version_conflict_engine_exception", &format!("[{id}]: version conflict, {reason}"))
        }
    })
}

/// One action of a bulk request.
struct Action {
    name: String,
    id: String,
    version: u64,
    gte: bool,
    source: Option<String>,
}

fn bulk(state: &mut State, name: &str, query: &BTreeMap<String, String>, body: &Bytes) -> Result<Reply, String> {
    for (key, value) in query {
        let is_known =
            key == "timeout" && value.strip_suffix("ms").is_some_and(|ms| ms.parse::<u64>().is_ok_and(|ms| ms > 0));
        if !is_known {
            return Err(format!("parameter {key}={value}"));
        }
    }
    let actions = actions(body)?;
    // As the servers do.
    if state.cluster.one(name).is_none() {
        state.cluster.create(name, &json!({}), json!({}))?;
    }
    let mut items = Vec::new();
    let mut errors = false;
    for action in actions {
        let fault = state.item_fault.as_mut().and_then(|fault| fault(&action.name, &action.id));
        let done = match fault {
            Some((status, kind, reason)) => Err((status, kind.to_string(), reason.to_string(), None)),
            None => execute(state, name, &action),
        };
        errors |= done.is_err();
        items.push(json!({ action.name.as_str(): item(state, name, &action, done) }));
    }
    Ok(Reply::of(200, json!({"took": 1, "errors": errors, "items": items})))
}

/// The lines of a bulk request.
fn actions(body: &[u8]) -> Result<Vec<Action>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
    let text = text.strip_suffix('\n').ok_or("The bulk request must be terminated by a newline [\\n]")?;
    let mut lines = text.split('\n');
    let mut actions = Vec::new();
    while let Some(line) = lines.next() {
        let malformed = |what: &str| format!("Malformed action/metadata line [{line}]: {what}");
        let action: Map<String, Value> = serde_json::from_str(line).map_err(|error| malformed(&error.to_string()))?;
        let [(name, Value::Object(about))] = action.iter().collect::<Vec<_>>()[..] else {
            return Err(malformed("one action is expected"));
        };
        members(about, &["_id", "version", "version_type"])?;
        let id = about.get("_id").and_then(Value::as_str).ok_or_else(|| malformed("_id"))?;
        if id.is_empty() || id.len() > 512 {
            return Err(format!(
                "id [{id}] is empty or too long, must be no longer than 512 bytes but was: {}",
                id.len()
            ));
        }
        let version = about.get("version").and_then(Value::as_i64).filter(|version| *version >= 0);
        let version = version.ok_or_else(|| malformed("version"))? as u64;
        let gte = match about.get("version_type").and_then(Value::as_str) {
            Some("external_gte") => true,
            Some("external") => false,
            _ => return Err(malformed("version_type")),
        };
        let source = match name.as_str() {
            "index" => {
                let source = lines.next().ok_or("an action without its document")?;
                serde_json::from_str::<Map<String, Value>>(source).map_err(|error| format!("{source}: {error}"))?;
                Some(source.to_string())
            }
            "delete" => None,
            _ => return Err(malformed("unknown action")),
        };
        actions.push(Action { name: name.clone(), id: id.to_string(), version, gte, source });
    }
    Ok(actions)
}

type Done = Result<Written, (u16, String, String, Option<String>)>;

fn execute(state: &mut State, name: &str, action: &Action) -> Done {
    let condition = Condition::Newer { version: action.version, gte: action.gte };
    let Some(source) = &action.source else { return Ok(state.cluster.delete(name, &action.id, condition)) };
    let mapping = &state.cluster.one(name).expect("it was made").mapping;
    let document = serde_json::from_str(source).expect("it was checked");
    if let Err(refused) = fields::check(mapping, &document) {
        let kind = match (refused.kind, state.product) {
            ("mapper_parsing_exception", Product::Elasticsearch) => "document_parsing_exception",
            (kind, _) => kind,
        };
        return Err((400, kind.to_string(), refused.reason, refused.cause));
    }
    Ok(state.cluster.put(name, &action.id, source, condition))
}

fn item(state: &State, name: &str, action: &Action, done: Done) -> Value {
    let uuid = &state.cluster.one(name).expect("it was made").uuid;
    let id = &action.id;
    let failed = |status: u16, kind: &str, reason: &str, cause: Option<String>| {
        let mut error = json!({"type": kind, "reason": reason, "index_uuid": uuid, "shard": "0", "index": name});
        if let Some(cause) = cause {
            error["caused_by"] = json!({"type": "illegal_argument_exception", "reason": cause});
        }
        json!({"_index": name, "_id": id, "status": status, "error": error})
    };
    match done {
        Err((status, kind, reason, cause)) => failed(status, &kind, &reason, cause),
        Ok(Written::Conflict(reason)) => {
            failed(409, "version_conflict_engine_exception", &format!("[{id}]: version conflict, {reason}"), None)
        }
        Ok(Written::Done { version, sequence, created, found }) => {
            let (result, status) = match (action.source.is_some(), created, found) {
                (true, true, _) => ("created", 201),
                (true, false, _) => ("updated", 200),
                (false, _, true) => ("deleted", 200),
                (false, _, false) => ("not_found", 404),
            };
            let shards = json!({"total": 2, "successful": 1, "failed": 0});
            json!({"_index": name, "_id": id, "_version": version, "result": result, "_shards": shards,
                "_seq_no": sequence, "_primary_term": 1, "status": status})
        }
    }
}
