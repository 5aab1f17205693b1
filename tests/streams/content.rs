//! What views show, and how it is put in words.

use std::collections::BTreeMap;
use tidegate::timeline::Step;
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Datum, Diff, Time};

/// A view's rows, and how often each occurs.
pub type Content = BTreeMap<Vec<String>, Diff>;

/// The view at every frontier told, folded from its steps; the last is at the end.
pub fn contents(steps: &[Step]) -> Vec<(Option<Time>, Content)> {
    let mut content = Content::new();
    let mut told = Vec::new();
    let mut last = 0;
    for step in steps {
        for (row, time, diff) in &step.changes {
            assert!(last <= *time && step.frontier.is_none_or(|frontier| *time < frontier), "a change out of place");
            add(&mut content, shown(&row.unpack()), *diff);
        }
        last = step.frontier.unwrap_or(Time::MAX);
        told.push((step.frontier, content.clone()));
    }
    told
}

/// The view before a time, whether or not that was told as a frontier.
pub fn content_before(steps: &[Step], frontier: Option<Time>) -> Content {
    let mut content = Content::new();
    for (row, time, diff) in steps.iter().flat_map(|step| &step.changes) {
        if frontier.is_none_or(|frontier| *time < frontier) {
            add(&mut content, shown(&row.unpack()), *diff);
        }
    }
    content
}

/// Counts a row.
pub fn add(content: &mut Content, row: Vec<String>, diff: Diff) {
    let count = content.entry(row.clone()).or_default();
    *count += diff;
    if *count == 0 {
        content.remove(&row);
    }
}

/// A moment as SQL has it.
pub fn moment(time: Time) -> Datum {
    Datum::Timestamptz(time as i64 - EPOCH_MICROS)
}

/// Values, readable.
pub fn shown(values: &[Datum]) -> Vec<String> {
    let value = |value: &Datum| match value {
        Datum::Timestamptz(at) => format!("@{}", at + EPOCH_MICROS),
        Datum::Int8(number) => number.to_string(),
        Datum::Text(text) => text.to_string(),
        Datum::Null => "null".into(),
        other => format!("{other:?}"),
    };
    values.iter().map(value).collect()
}

/// What is wrong with a content, if anything is.
pub fn compare(expected: &Content, got: &Content) -> Result<(), String> {
    let missing = expected.iter().filter(|(row, count)| got.get(*row) != Some(count));
    let extra = got.iter().filter(|(row, count)| expected.get(*row) != Some(count));
    let missing: Vec<String> = missing.map(|(row, count)| format!("  expected {count} {row:?}")).collect();
    let extra: Vec<String> = extra.map(|(row, count)| format!("  got {count} {row:?}")).collect();
    let differences = [missing, extra].concat();
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}
