//! What a reconciliation would change in a target, told beforehand: counts and samples.

use crate::value::Diff;
use std::collections::BTreeMap;

/// The most rows of a kind that are told as samples.
const SAMPLES: usize = 5;

/// The difference between what a target shows and what it would show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows that would come.
    pub added: Part,
    /// Keys whose row would be another.
    pub changed: Part,
    /// Rows that would go.
    pub deleted: Part,
    /// Whether the target shows any row.
    pub shows_rows: bool,
}

/// The rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How many there are.
    pub count: u64,
    /// The first of them, in the order of their keys.
    pub samples: Vec<Sample>,
}

/// A row as JSON, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// As it is shown; nothing if it would be added.
    pub before: Option<String>,
    /// As it would be shown; nothing if it would be deleted.
    pub after: Option<String>,
}

impl Part {
    fn add(&mut self, count: u64, before: Option<&str>, after: Option<&str>) {
        self.count += count;
        if self.samples.len() < SAMPLES {
            self.samples.push(Sample { before: before.map(str::to_owned), after: after.map(str::to_owned) });
        }
    }
}

impl Difference {
    /// Of a target with one row per key.
    pub(super) fn keyed(shown: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Difference {
        let mut difference = Difference { shows_rows: !shown.is_empty(), ..Difference::default() };
        for (key, row) in wanted {
            match shown.get(key) {
                None => difference.added.add(1, None, Some(row)),
                Some(before) if before != row => difference.changed.add(1, Some(before), Some(row)),
                Some(_) => {}
            }
        }
        for (_, row) in shown.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
            difference.deleted.add(1, Some(row), None);
        }
        difference
    }

    /// Of a target without keys: each row has a count.
    pub(super) fn counted(shown: &BTreeMap<String, Diff>, wanted: &BTreeMap<String, Diff>) -> Difference {
        let mut difference = Difference { shows_rows: !shown.is_empty(), ..Difference::default() };
        let count = |rows: &BTreeMap<String, Diff>, row: &String| rows.get(row).copied().unwrap_or(0);
        for (row, after) in wanted {
            let before = count(shown, row);
            if *after > before {
                difference.added.add(after.abs_diff(before), None, Some(row));
            }
        }
        for (row, before) in shown {
            let after = count(wanted, row);
            if *before > after {
                difference.deleted.add(before.abs_diff(after), Some(row), None);
            }
        }
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_by_their_rows() {
        let rows = |rows: &[(&str, &str)]| rows.iter().map(|(key, row)| (key.to_string(), row.to_string())).collect();
        let difference = Difference::keyed(
            &rows(&[("1", "a"), ("2", "b"), ("3", "c")]),
            &rows(&[("2", "b"), ("3", "d"), ("4", "e"), ("5", "f")]),
        );
        let sample = |before: &str, after: &str| {
            let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Sample { before: text(before), after: text(after) }
        };
        assert_eq!(difference.added, Part { count: 2, samples: vec![sample("", "e"), sample("", "f")] });
        assert_eq!(difference.changed, Part { count: 1, samples: vec![sample("c", "d")] });
        assert_eq!(difference.deleted, Part { count: 1, samples: vec![sample("a", "")] });
    }

    #[test]
    fn rows_without_keys_are_counted() {
        let rows = |rows: &[(&str, Diff)]| rows.iter().map(|(row, count)| (row.to_string(), *count)).collect();
        let difference = Difference::counted(&rows(&[("a", 3), ("b", 1)]), &rows(&[("a", 1), ("c", 2)]));
        assert_eq!((difference.added.count, difference.changed.count, difference.deleted.count), (2, 0, 3));
        assert_eq!((difference.added.samples.len(), difference.deleted.samples.len()), (1, 2));
    }
}
