//! Searching an index, from any process, while it changes.

use super::super::SinkError;
use super::{generations, mapping};
use std::path::{Path, PathBuf};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyDocument, TantivyError};

/// Tantivy's list of what an index is made of, which its first commit writes.
const META: &str = "meta.json";

/// A reader of an index that a sink maintains.
pub struct Search {
    path: PathBuf,
    /// Where the index itself lies.
    directory: PathBuf,
    index: Index,
    reader: IndexReader,
}

/// A row that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// How well it fits; greater is better.
    pub score: f32,
    /// The row's key.
    pub key: String,
    /// The row as JSON.
    pub row: String,
}

impl Search {
    /// Opens the index in this directory; of its generations the one that readers see. A transient error means that there is
    /// none yet.
    pub fn open(path: &Path) -> Result<Search, SinkError> {
        let failed = |error: TantivyError| unavailable(path, &error);
        let Some(directory) = generations::shown(path).map_err(|error| failed(error.into()))? else {
            return Err(SinkError::Transient(format!("there is no index in {} yet", path.display())));
        };
        let index = Index::open_in_dir(&directory).map_err(failed)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        Ok(Search { path: path.to_path_buf(), directory, index, reader })
    }

    /// Whether this is still the generation that readers see. If not, it stays as it was until the next but one takes its place,
    /// and is to be opened again.
    pub fn is_current(&self) -> bool {
        generations::shown(&self.path).is_ok_and(|directory| directory.as_ref() == Some(&self.directory))
    }

    /// The best rows for a query (`shoes`, `"red shoes"`, `name:shoes AND price:[10 TO 20]`), as of the latest commit.
    /// The error says what is wrong with the query.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Hit>, String> {
        let text = |error: TantivyError| error.to_string();
        self.reader.reload().map_err(text)?;
        let (searcher, schema) = (self.reader.searcher(), self.index.schema());
        let parser = QueryParser::for_index(&self.index, mapping::text_fields(&schema));
        let query = parser.parse_query(query).map_err(|error| error.to_string())?;
        let found = searcher.search(&query, &TopDocs::with_limit(limit.max(1)).order_by_score()).map_err(text)?;
        let mut hits = Vec::new();
        for (score, address) in found {
            let document: TantivyDocument = searcher.doc(address).map_err(text)?;
            if let Some((key, row)) = mapping::key_and_row(&schema, &document) {
                hits.push(Hit { score, key, row });
            }
        }
        Ok(hits)
    }

    /// Every row, `(key, JSON)`, as of the latest commit, and the mark that came with it.
    pub fn content(&self) -> Result<(Vec<(String, String)>, Option<String>), String> {
        let text = |error: TantivyError| error.to_string();
        self.reader.reload().map_err(text)?;
        let mut rows = Vec::new();
        each(&self.reader, |key, row| rows.push((key, row))).map_err(text)?;
        Ok((rows, self.index.load_metas().map_err(text)?.payload))
    }

    /// How many rows there are, as of the latest commit.
    pub fn rows(&self) -> Result<u64, String> {
        self.reader.reload().map_err(|error| error.to_string())?;
        Ok(self.reader.searcher().num_docs())
    }
}

/// Whether there is an index in this directory.
pub(super) fn is_index(directory: &Path) -> bool {
    directory.join(META).exists()
}

/// Gives the key and row of every document to `act`.
pub(super) fn each(reader: &IndexReader, mut act: impl FnMut(String, String)) -> tantivy::Result<()> {
    let searcher = reader.searcher();
    for segment in searcher.segment_readers() {
        let store = segment.get_store_reader(1)?;
        for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
            if let Some((key, row)) = mapping::key_and_row(segment.schema(), &document?) {
                act(key, row);
            }
        }
    }
    Ok(())
}

fn unavailable(directory: &Path, error: &TantivyError) -> SinkError {
    SinkError::Transient(format!("cannot open the index in {}: {error}", directory.display()))
}
