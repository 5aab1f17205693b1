//! Why a view has come no further: from the view to the relation it waits for, and on to what holds that.
//!
//! A view's frontier is the least of its inputs' unless its own operators are behind. So the way goes to the input with the least
//! frontier, from there to its input, and ends at a relation of a source, or at operators that still have to take in what they
//! were given.

use super::sources::RunningSource;
use super::status::{Phase, Reached, source_status};
use crate::dataflow::{NativeView, OperatorStats, errors_of};
use crate::plan::{self, View};
use crate::timeline::{SourceId, cell_start};
use crate::value::{Datum, RelationName, Schema, Time, calendar, text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a relation has come no further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The relation, what it waits for, and so on.
    pub chain: Vec<Link>,
    /// What holds the last of them, in sentences.
    pub held_by: Vec<String>,
}

/// A relation on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub relation: String,
    /// How far it has come.
    pub reached: Reached,
    /// The operators between it and the next one, from above.
    pub through: Vec<String>,
    /// The source it comes from, if it is one of a source.
    pub source: Option<String>,
}

/// Who waits for whom.
#[derive(Default)]
pub(super) struct Waits {
    /// What each view reads, and through which operators.
    reads: BTreeMap<RelationName, Vec<(RelationName, Vec<String>)>>,
    /// Where inputs come from.
    sources: BTreeMap<RelationName, SourceId>,
}

impl Waits {
    /// Of these views, over relations with these shapes.
    pub(super) fn new(
        views: &[View],
        native: &[NativeView],
        schemas: &BTreeMap<RelationName, Arc<Schema>>,
        sources: BTreeMap<RelationName, SourceId>,
    ) -> Waits {
        let mut reads = BTreeMap::new();
        let shape = |name: &RelationName| schemas.get(name).cloned();
        for view in views {
            let shown = plan::explain_json(view, &[], &shape);
            let through = |input: &RelationName| way(&shown["plan"], &input.to_string()).unwrap_or_default();
            let inputs = view.rel.relations().into_iter().map(|input| (input.clone(), through(input))).collect();
            reads.insert(view.name.clone(), inputs);
        }
        for view in native {
            let inputs = view.inputs.iter().map(|input| (input.clone(), vec!["a view in Rust".to_owned()]));
            reads.insert(view.name.clone(), inputs.collect());
        }
        let views: Vec<RelationName> = reads.keys().cloned().collect();
        reads.extend(views.into_iter().map(|view| (errors_of(&view), vec![(view, Vec::new())])));
        Waits { reads, sources }
    }

    /// Why this relation has come no further than it has; `frontiers` are those of all relations, `None` the end.
    pub(super) fn why(
        &self,
        relation: &RelationName,
        frontiers: &BTreeMap<RelationName, Option<Time>>,
        held: &[OperatorStats],
        sources: &[RunningSource],
        grid: Time,
    ) -> Result<Why, String> {
        let mut chain = Vec::new();
        let mut at = relation;
        loop {
            let known = || frontiers.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let frontier =
                *frontiers.get(at).ok_or_else(|| format!("there is no relation `{at}`; there are {}", known()))?;
            let mut link = Link {
                relation: at.to_string(),
                reached: Reached::from_frontier(frontier),
                through: Vec::new(),
                source: None,
            };
            if let Some(source) = self.sources.get(at).and_then(|id| sources.get(id.0)) {
                link.source = Some(source.name.clone());
                chain.push(link);
                return Ok(Why { chain, held_by: held_by_source(source, frontier, grid) });
            }
            let inputs = self.reads.get(at).into_iter().flatten();
            let reached = |input: &RelationName| frontiers.get(input).copied().flatten().unwrap_or(Time::MAX);
            let least = inputs.min_by_key(|(input, _)| reached(input));
            let held_by = match (frontier, least) {
                (None, _) => "nothing: all its inputs have ended",
                (_, None) => "nothing: it reads no input",
                (Some(frontier), Some((input, through))) => {
                    link.through.clone_from(through);
                    if reached(input) <= frontier {
                        chain.push(link);
                        at = input;
                        continue;
                    }
                    "its operators have not yet taken in all that its inputs have told"
                }
            };
            chain.push(link);
            let of_view = held.iter().filter(|stats| stats.relation == *at && stats.updates > 0);
            let sentence = |stats: &OperatorStats| format!("{} holds {} updates", stats.operator, stats.updates);
            return Ok(Why {
                chain,
                held_by: std::iter::once(held_by.to_owned()).chain(of_view.map(sentence)).collect(),
            });
        }
    }
}

/// The operators from a plan's top to where it reads the relation.
fn way(node: &Value, relation: &str) -> Option<Vec<String>> {
    let operator = node["operator"].as_str()?;
    if operator == "Get" {
        return (node["expressions"][0] == relation).then(Vec::new);
    }
    let below = node["inputs"].as_array()?.iter().find_map(|input| way(input, relation))?;
    Some(std::iter::once(operator.to_owned()).chain(below).collect())
}

/// What holds a relation of this source that has come so far.
fn held_by_source(source: &RunningSource, frontier: Option<Time>, grid: Time) -> Vec<String> {
    let told = source.sent.frontier();
    let reached = |time: Time| cell_start(time, grid);
    let is_taken = frontier.is_none_or(|frontier| told.is_some_and(|told| reached(told) <= frontier));
    let status = source_status(source);
    let first = match (status.phase, frontier) {
        (_, None) => "nothing: it has ended".to_owned(),
        (Phase::Failed(message), _) => format!("its source has stopped: {message}"),
        _ if !is_taken => match told {
            Some(told) => format!("the dataflow has not yet taken in what its source has told, up to {}", moment(told)),
            None => "the dataflow has not yet taken in all that its source has told".to_owned(),
        },
        (Phase::Loading, _) => {
            format!("what the store has of its source is being read: {} rows so far", status.snapshot_rows)
        }
        (Phase::Snapshot, _) if status.snapshot_estimate > 0 => format!(
            "its source reads the first content: {} of about {} rows so far",
            status.snapshot_rows, status.snapshot_estimate
        ),
        (Phase::Snapshot, _) => "its source has told nothing yet".to_owned(),
        (Phase::Following | Phase::Ended, Some(frontier)) => {
            format!("its source has told nothing later than {}", moment(frontier))
        }
    };
    std::iter::once(first).chain(source.progress.held()).collect()
}

/// A time as Postgres shows it.
pub(super) fn moment(time: Time) -> String {
    let mut shown = String::new();
    text::write(&Datum::Timestamptz((time as i64).saturating_sub(calendar::EPOCH_MICROS)), &mut shown);
    shown
}

impl Why {
    /// For people, at this moment.
    pub fn show(&self, now: Time) -> String {
        let mut text = String::new();
        for (depth, Link { relation, reached, through, source }) in self.chain.iter().enumerate() {
            let reached = match reached {
                Reached::Nothing => "has reached nothing yet".to_owned(),
                Reached::End => "has ended".to_owned(),
                Reached::Time(time) => {
                    let lag = now.saturating_sub(*time) as f64 / 1e6;
                    format!("has reached {}, {lag:.3} s behind the clock", moment(*time))
                }
            };
            let from = source.as_ref().map_or(String::new(), |source| format!(" of source `{source}`"));
            text.push_str(&format!("{}{relation}{from} {reached}\n", "  ".repeat(depth)));
            if depth + 1 < self.chain.len() && !through.is_empty() {
                text.push_str(&format!("{}through {}\n", "  ".repeat(depth + 1), through.join(", ")));
            }
        }
        let depth = self.chain.len();
        self.held_by.iter().for_each(|sentence| text.push_str(&format!("{}{sentence}\n", "  ".repeat(depth))));
        text
    }
}
