//! Settling: from which time on no change to a row counts any more, so that what operators hold of it can be given up.
//!
//! A stream's event `ts` enters at some time `t` with `ts <= t <= ts + K` (`accept_for`). Columns that are made of it tell how long
//! changes to a row or group may come: such a column is a [`Horizon`]. A group that has one among its columns settles; so does a
//! pair of a join that relates the horizons of its sides. What would hold a stream's rows for ever is refused, with the bound to add.
//! The rules were checked against brute force; they are those of Flink's "state retention" made exact: dropping is by time, never by
//! sign, and what is dropped could not have changed a result that still counts.

mod growth;
mod horizon;
mod need;
mod needs;
mod pair;
mod place;
mod refusal;

pub use growth::{Growth, Stream};
pub use horizon::Horizon;
pub use need::{Need, Session};
pub use needs::{Needs, needs};
pub use refusal::Refusal;

use super::{ClockOrder, ClockTest, Rel, RelId, View, append_only};
use crate::expr::Scalar;
use crate::value::{RelationKind, Schema};
use place::Placing;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When the rows of windows are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// As they change.
    #[default]
    Changes,
    /// When the window has ended, and once more for each correction before it settles.
    Final,
}

/// What a view set says of a view's rows in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// When they are told.
    pub emit: Emit,
    /// How long after they have settled they stay, microseconds; for ever if not given.
    pub retain: Option<i64>,
}

/// How an operator's rows settle.
#[derive(Clone, Debug, PartialEq)]
pub enum Settling {
    /// Groups, each by one of its columns.
    Group {
        /// The horizon among the output's columns.
        horizon: Horizon,
        /// When a group is told.
        emit: Emit,
    },
    /// The pairs of a join: a row may be paired until so many microseconds after the value of one of its side's columns.
    Pair {
        /// Of the left side.
        left: Hold,
        /// Of the right side; its column is counted from the side's own first.
        right: Hold,
        /// In which order rows are looked through.
        order: Order,
        /// What is left of the join's other conditions for pairs that lie in that order.
        residual: Vec<Scalar>,
        /// When a row without a partner is told.
        emit: Emit,
    },
}

/// How long a row waits for partners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// A column with a time.
    pub column: usize,
    /// The last moment, counted from that time, at which a partner may come; microseconds.
    pub last: i64,
    /// The last moment at which the row itself may change; microseconds.
    pub own: i64,
}

/// By which of their columns the rows of a key are kept in order on either side of a join: times, counted in microseconds, or integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The left side's.
    pub left: usize,
    /// The right side's, counted from the side's own first.
    pub right: usize,
    /// How much more a right row's value is than that of any left row it is paired with: at least, at most. The greatest
    /// integer and its negative stand for no bound.
    pub apart: (i64, i64),
}

/// What is known of the relations that views read.
pub struct Given<'g> {
    /// The schema of a relation that is no view of the set.
    pub schema: &'g dyn Fn(&RelId) -> Option<Arc<Schema>>,
    /// What the view set says of a view.
    pub timing: &'g dyn Fn(&RelId) -> Timing,
    /// The width of the refresh grid, microseconds: so much later than its event a change may take effect.
    pub grid: u64,
}

/// Makes the views' operators give up what has settled. The views stand each behind those it reads. Afterwards nothing may be
/// rewritten any more.
pub fn settle(views: &mut [View], given: &Given<'_>) -> Result<(), Vec<Refusal>> {
    let mut known: BTreeMap<RelId, Growth> = BTreeMap::new();
    let mut appended: BTreeSet<RelId> = BTreeSet::new();
    let mut refused = Vec::new();
    for view in views {
        let of = |relation: &RelId| grown(relation, &known, given);
        let is_append_only = |relation: &RelId| {
            let of_input = |schema: Arc<Schema>| schema.is_append_only();
            appended.contains(relation) || (given.schema)(relation).is_some_and(of_input)
        };
        let grid = i64::try_from(given.grid.max(1)).unwrap_or(i64::MAX);
        let timing = (given.timing)(&view.name);
        match (Placing { of: &of, append_only: &is_append_only, grid, timing }).view(view.rel.clone()) {
            Ok((rel, growth)) => {
                if append_only(&rel, &is_append_only) {
                    appended.insert(view.name.clone());
                }
                view.rel = rel;
                known.insert(view.name.clone(), growth);
            }
            Err(refusal) => refused.push(refusal.of_view(&view.name)),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

/// How a relation grows: a view as is known by now, or an input.
fn grown(relation: &RelId, known: &BTreeMap<RelId, Growth>, given: &Given<'_>) -> Growth {
    let of_input = || (given.schema)(relation).map(|schema| of_input(relation, &schema)).unwrap_or_default();
    known.get(relation).cloned().unwrap_or_else(of_input)
}

/// How an input grows.
fn of_input(name: &RelId, schema: &Schema) -> Growth {
    let RelationKind::Stream { event_time, accept_for, ends } = schema.kind else { return Growth::default() };
    let accept = i64::try_from(accept_for).unwrap_or(i64::MAX);
    let horizon = |column| Horizon { accept, ..Horizon::of_event(column) };
    Growth {
        horizons: event_time.map(horizon).into_iter().collect(),
        grows: Some(Stream { name: name.clone(), ends, timed: event_time.is_some() }),
    }
}

/// The rows until so many microseconds after a time of theirs.
fn until(rel: Rel, column: usize, after: i64) -> Rel {
    let ty = rel.columns()[column].clone();
    let test = ClockTest { order: ClockOrder::Before, at: Scalar::Column(column, ty), after };
    Rel::Temporal { input: Box::new(rel), tests: vec![test] }
}
