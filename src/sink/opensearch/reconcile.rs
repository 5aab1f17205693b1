//! The difference between what an index holds and the view's whole content.
//!
//! Read by scrolling in the order of the index, which Elasticsearch and OpenSearch do alike: points in time differ
//! between them, and sorting by `_id` is not allowed everywhere.

use super::super::SinkError;
use super::bulk::Write;
use super::client::{Client, Content, segment};
use super::index::Index;
use crate::value::{Column, Row, json};
use hyper::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

/// How long the server keeps a reading open between two pages.
const KEEP: &str = "5m";
/// The most documents of a page, and about how many bytes they are to take.
const PAGE: usize = 5_000;
const PAGE_BYTES: usize = 5 << 20;

/// What is to be written, and the greatest version that a document has.
pub(super) struct Difference<'a> {
    pub(super) writes: Vec<Write<'a>>,
    pub(super) version: u64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "_scroll_id")]
    scroll: Option<String>,
    timed_out: bool,
    _shards: Shards,
    hits: Hits,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    _id: String,
    _version: u64,
    _source: Option<Box<RawValue>>,
}

/// The writes that are needed, given puts of the whole content: what the view does not have goes, what is equal stays
/// as it is unless everything is to be written `anew`.
pub(super) async fn difference<'a>(
    client: &Client,
    index: &Index,
    columns: &[Column],
    content: Vec<Write<'a>>,
    anew: bool,
) -> Result<Difference<'a>, SinkError> {
    let bytes: usize = content.iter().filter_map(|write| write.row).map(Row::memory).sum();
    let size = PAGE_BYTES * content.len().max(1) / bytes.max(1);
    let mut missing: HashMap<String, &Row> =
        content.into_iter().filter_map(|write| Some((write.id, write.row?))).collect();
    let (mut writes, mut version) = (Vec::new(), 0);
    let mut shown = String::new();
    each(client, &index.path(), size, |hit| {
        version = version.max(hit._version);
        let Some(row) = missing.get(&hit._id) else {
            writes.push(Write { id: hit._id, row: None });
            return;
        };
        shown.clear();
        json::write_row(columns, row, &mut shown);
        if !anew && hit._source.is_some_and(|source| is_same(source.get(), &shown)) {
            missing.remove(&hit._id);
        }
    })
    .await?;
    writes.extend(missing.into_iter().map(|(id, row)| Write { id, row: Some(row) }));
    Ok(Difference { writes, version })
}

/// What a search finds, by id. A document that is equal to a wanted one reads as that does.
pub(super) async fn found(
    client: &Client,
    index: &str,
    wanted: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, SinkError> {
    let bytes: usize = wanted.values().map(String::len).sum();
    let size = PAGE_BYTES * wanted.len().max(1) / bytes.max(1);
    let mut found = BTreeMap::new();
    each(client, &format!("/{}", segment(index)), size, |hit| {
        let source = hit._source.as_deref().map_or("", RawValue::get);
        let same = wanted.get(&hit._id).filter(|wanted| is_same(source, wanted));
        found.insert(hit._id, same.map_or(source, String::as_str).to_owned());
    })
    .await?;
    Ok(found)
}

/// Reads every document that a search finds, about so many at once.
async fn each(client: &Client, path: &str, size: usize, mut take: impl FnMut(Hit)) -> Result<(), SinkError> {
    let size = size.clamp(10, PAGE);
    let begin = json!({"size": size, "sort": ["_doc"], "version": true, "track_total_hits": false});
    let mut page = read(client, &format!("{path}/_search?scroll={KEEP}"), begin.to_string()).await?;
    while !page.hits.hits.is_empty() {
        page.hits.hits.into_iter().for_each(&mut take);
        let Some(scroll) = page.scroll else { return Ok(()) };
        let next = json!({"scroll": KEEP, "scroll_id": scroll}).to_string();
        page = read(client, "/_search/scroll", next).await?;
    }
    if let Some(scroll) = page.scroll {
        let body = json!({"scroll_id": scroll}).to_string();
        // What is not closed is closed by the server after a while.
        let _ = client.send(Method::DELETE, "/_search/scroll", Content::Json(body)).await;
    }
    Ok(())
}

async fn read(client: &Client, path: &str, body: String) -> Result<Page, SinkError> {
    let answer = client.send(Method::POST, path, Content::Json(body)).await?;
    let page: Page = answer.read("read what the index holds")?;
    // A part of the documents would make all others look as if they were missing.
    if page.timed_out || page._shards.failed > 0 {
        return Err(SinkError::Transient("cannot read what the index holds: some of its shards do not answer".into()));
    }
    Ok(page)
}

/// Servers give back a document as it was written, but need not.
fn is_same(held: &str, shown: &str) -> bool {
    let parse = serde_json::from_str::<serde_json::Value>;
    held == shown || matches!((parse(held), parse(shown)), (Ok(held), Ok(shown)) if held == shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_compared_by_value() {
        assert!(is_same(r#"{"a": 1.10}"#, r#"{"a":1.10}"#));
        assert!(is_same(r#"{"b":"\u00e4","a":1}"#, r#"{"a":1,"b":"ä"}"#));
        assert!(!is_same(r#"{"a":1.1}"#, r#"{"a":1.10}"#));
        assert!(!is_same(r#"{"a":12345678901234567890.1}"#, r#"{"a":12345678901234567890.2}"#));
    }
}
