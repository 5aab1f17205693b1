//! What a `jsonl` sink wrote: changes and frontiers, and the view they fold to.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;

/// A view's rows, as `to_jsonb` text, and how often each occurs.
pub type Rows = BTreeMap<String, i64>;

/// A sink's file, read.
#[derive(Debug, Default)]
pub struct Feed {
    /// `(time, row, diff)` in the order of the file.
    pub changes: Vec<(u64, String, i64)>,
    /// The frontiers in the order of the file; `None` is the empty one, the end of all inputs.
    pub frontiers: Vec<Option<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    time: Option<u64>,
    diff: Option<i64>,
    #[serde(borrow)]
    row: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "present")]
    frontier: Option<Option<u64>>,
    /// With a store a frontier is a mark.
    #[serde(rename = "store")]
    _store: Option<&'a str>,
    #[serde(rename = "view")]
    _view: Option<&'a str>,
}

/// Tells `null` from nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Feed {
    /// Reads a file, and checks what every reader may rely on: frontiers never fall, changes lie between them.
    pub fn read(path: &Path) -> Feed {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut feed = Feed::default();
        let mut frontier = Some(0);
        for (number, text) in whole.lines().enumerate() {
            let place = format!("{}:{}: {text}", path.display(), number + 1);
            let line: Line = serde_json::from_str(text).unwrap_or_else(|e| panic!("{place}: {e}"));
            match (line.frontier, line.time, line.diff, line.row) {
                (Some(next), None, None, None) => {
                    let falls = frontier.is_none() || next.is_some_and(|next| Some(next) < frontier);
                    assert!(!falls, "the frontier falls below {frontier:?} at {place}");
                    frontier = next;
                    feed.frontiers.push(next);
                }
                (None, Some(time), Some(diff), Some(row)) => {
                    assert!(frontier.is_some_and(|f| f <= time), "a change below {frontier:?} at {place}");
                    assert_ne!(diff, 0, "{place}");
                    feed.changes.push((time, row.get().to_owned(), diff));
                }
                _ => panic!("neither change nor frontier at {place}"),
            }
        }
        feed
    }

    /// The last frontier; `Some(0)` if none was told yet.
    pub fn frontier(&self) -> Option<u64> {
        self.frontiers.last().copied().unwrap_or(Some(0))
    }

    /// Whether everything below `time` has been told.
    pub fn is_past(&self, time: u64) -> bool {
        self.frontier().is_none_or(|frontier| frontier > time)
    }

    /// The view at a frontier.
    pub fn at(&self, frontier: Option<u64>) -> Rows {
        let mut rows = Rows::new();
        for (_, row, diff) in self.changes.iter().filter(|(time, ..)| frontier.is_none_or(|f| *time < f)) {
            add(&mut rows, row, *diff);
        }
        rows
    }
}

/// A view as it becomes from frontier to frontier.
pub struct Replay<'a> {
    changes: Vec<&'a (u64, String, i64)>,
    rows: Rows,
}

impl<'a> Replay<'a> {
    /// Before all changes.
    pub fn new(feed: &'a Feed) -> Replay<'a> {
        let mut changes: Vec<_> = feed.changes.iter().collect();
        changes.sort_by_key(|(time, ..)| std::cmp::Reverse(*time));
        Replay { changes, rows: Rows::new() }
    }

    /// The view at a frontier not below the one before.
    pub fn advance(&mut self, frontier: u64) -> &Rows {
        while let Some((_, row, diff)) = self.changes.pop_if(|(time, ..)| *time < frontier) {
            add(&mut self.rows, row, *diff);
        }
        &self.rows
    }
}

/// Adds to a row's count; a row that does not occur is not there.
pub fn add(rows: &mut Rows, row: &str, diff: i64) {
    let count = rows.entry(row.to_owned()).or_insert(0);
    *count += diff;
    if *count == 0 {
        rows.remove(row);
    }
}

/// What two contents of a view differ in, readable; none if they are equal.
pub fn difference(expected: &Rows, got: &Rows) -> Option<String> {
    let mut lines = vec![];
    for (row, count) in expected {
        let there = got.get(row).copied().unwrap_or(0);
        if there != *count {
            lines.push(format!("  expected {count}, got {there}: {row}"));
        }
    }
    for (row, count) in got.iter().filter(|(row, _)| !expected.contains_key(*row)) {
        lines.push(format!("  expected 0, got {count}: {row}"));
    }
    let more = lines.len().saturating_sub(20);
    lines.truncate(20);
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[test]
fn a_feed_folds_to_its_view() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = "{\"time\":5,\"diff\":2,\"row\":{\"a\": 1.0}}\n{\"frontier\":6}\n{\"time\":7,\"diff\":-1,\"row\":{\"a\": 1.0}}\n\
                {\"frontier\":null}\n{\"time\":9,\"dif";
    std::fs::write(file.path(), text).expect("our own file");
    let feed = Feed::read(file.path());
    assert_eq!(feed.frontiers, [Some(6), None]);
    assert_eq!(feed.at(Some(6)), Rows::from([("{\"a\": 1.0}".to_owned(), 2)]));
    assert_eq!(feed.at(feed.frontier()), Rows::from([("{\"a\": 1.0}".to_owned(), 1)]));
    assert!(feed.is_past(u64::MAX));
    let shown = difference(&feed.at(Some(6)), &feed.at(None)).expect("they differ");
    assert!(shown.contains("expected 2, got 1"), "{shown}");
}
