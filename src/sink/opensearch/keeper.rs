//! The mark of an index, kept as a document of the index `tidegate-marks` under the index's name.
//!
//! Not in the index itself, where every search and count would find it; nor in the mapping's `_meta`, which can only be
//! changed by an update of the cluster's state, and not under a condition. So it must be known for which index it
//! holds: it names the index's incarnation, and means nothing for another one.
//!
//! Every write of it has the condition that nobody has written it since (`if_seq_no`, `if_primary_term`). It is written
//! twice a delivery: before the first document, with the version the documents get and the frontier they lead to, and
//! after the last. So versions grow from delivery to delivery and from process to process, whatever clocks say; a
//! writer whose place somebody else has taken fails before it has written a document; and whoever finds a frontier
//! begun but not reached knows that the documents are between the two.

use super::super::{Mark, SinkError};
use super::client::{Client, Content, segment};
use super::refusal::Refusal;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The index of marks. Hidden: searches over all indexes do not find it.
const MARKS: &str = "tidegate-marks";
/// Versions are signed integers of 64 bits.
const VERSION_MAX: u64 = i64::MAX as u64;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What the index shows; nothing until it has been given the whole content.
    pub(super) mark: Option<Mark>,
    /// What a delivery that has begun and not ended leads to.
    pub(super) next: Option<Mark>,
    /// The version of the latest delivery's documents.
    version: u64,
    /// Of the index.
    pub(super) incarnation: String,
    /// By which mapping its documents were indexed.
    pub(super) mapping: String,
    /// How many rows of what it shows were refused.
    #[serde(default)]
    pub(super) rejected: u64,
}

/// The mark of one index, as it was last read or written.
pub(super) struct Keeper {
    path: String,
    kept: Kept,
    place: Option<Place>,
}

/// Where in the order of all writes the document was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Place {
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
}

/// The answer to a question for the document.
#[derive(Deserialize)]
struct Found {
    _seq_no: u64,
    _primary_term: u64,
    _source: Kept,
}

impl Keeper {
    fn of(index: &str) -> Keeper {
        Keeper { path: format!("/{MARKS}/_doc/{}", segment(index)), kept: Kept::default(), place: None }
    }

    /// Reads what is kept for the index. Nothing is made.
    pub(super) async fn look(client: &Client, index: &str) -> Result<Kept, SinkError> {
        let mut keeper = Keeper::of(index);
        keeper.read(client).await?;
        Ok(keeper.kept)
    }

    /// Reads what is kept for the index; makes the index of marks if there is none.
    pub(super) async fn open(client: &Client, index: &str) -> Result<Keeper, SinkError> {
        let mut keeper = Keeper::of(index);
        if !keeper.read(client).await? {
            create(client).await?;
        }
        Ok(keeper)
    }

    /// What is kept.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Reads the document. False: there is not even an index.
    async fn read(&mut self, client: &Client) -> Result<bool, SinkError> {
        let answer = client.send(Method::GET, &self.path, Content::Nothing).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(!Refusal::of(&answer).is_missing_index());
        }
        let found: Found = answer.read("read the mark")?;
        self.place = Some(Place { number: found._seq_no, term: found._primary_term });
        self.kept = found._source;
        Ok(true)
    }

    /// Fails unless the mark is still as this writer has left it.
    pub(super) async fn check(&self, client: &Client) -> Result<(), SinkError> {
        let mut now = Keeper { path: self.path.clone(), kept: Kept::default(), place: None };
        now.read(client).await?;
        if now.place == self.place { Ok(()) } else { Err(taken()) }
    }

    /// A delivery begins; gives its version: greater than any before, and at least this. `whole` is one that replaces
    /// everything.
    pub(super) async fn begin(
        &mut self,
        client: &Client,
        next: &Mark,
        at_least: u64,
        whole: bool,
    ) -> Result<u64, SinkError> {
        let version = next.frontier.unwrap_or(0).max(self.kept.version + 1).max(at_least);
        if version > VERSION_MAX {
            let text =
                "documents have the greatest version there is, so nothing newer can be written; delete the index";
            return Err(SinkError::Operator(text.to_string()));
        }
        let mark = self.kept.mark.clone().filter(|_| !whole);
        self.write(client, Kept { mark, next: Some(next.clone()), version, ..self.kept.clone() }).await?;
        Ok(version)
    }

    /// Everything up to this mark is written.
    pub(super) async fn finish(
        &mut self,
        client: &Client,
        mark: &Mark,
        incarnation: &str,
        mapping: &str,
        rejected: u64,
    ) -> Result<(), SinkError> {
        let kept = Kept {
            mark: Some(mark.clone()),
            next: None,
            version: self.kept.version,
            incarnation: incarnation.to_string(),
            mapping: mapping.to_string(),
            rejected,
        };
        self.write(client, kept).await
    }

    async fn write(&mut self, client: &Client, kept: Kept) -> Result<(), SinkError> {
        let path = match self.place {
            Some(Place { number, term }) => format!("{}?if_seq_no={number}&if_primary_term={term}", self.path),
            None => self.path.replacen("/_doc/", "/_create/", 1),
        };
        let body = serde_json::to_string(&kept).map_err(|error| SinkError::Transient(error.to_string()))?;
        let answer = client.send(Method::PUT, &path, Content::Json(body)).await?;
        if answer.status == StatusCode::CONFLICT {
            return Err(taken());
        }
        self.place = Some(answer.read("write the mark")?);
        self.kept = kept;
        Ok(())
    }
}

fn taken() -> SinkError {
    SinkError::Transient("somebody else writes to this index: its mark was changed".to_string())
}

async fn create(client: &Client) -> Result<(), SinkError> {
    let settings = json!({"index.hidden": true, "index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"});
    let body = json!({"settings": settings, "mappings": {"dynamic": false}}).to_string();
    let answer = client.send(Method::PUT, &format!("/{MARKS}"), Content::Json(body)).await?;
    if !answer.status.is_success() && Refusal::of(&answer).kind == "resource_already_exists_exception" {
        return Ok(());
    }
    answer.succeeded(&format!("create the index {MARKS}, which keeps the mark"))
}
