//! A step: what a view's readers are told at one frontier.

use crate::value::{Diff, Row, Time};

/// One step of a view: the consolidated changes between two frontiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `(row, time, diff)`, ordered by time, consolidated; every time is below `frontier` and not below the previous one.
    pub changes: Vec<(Row, Time, Diff)>,
    /// The frontier now reached; `None` when all inputs have ended.
    pub frontier: Option<Time>,
    /// Whether this is the first step: `changes` is then the view's whole content, and the target is to be reconciled with it.
    pub first: bool,
}
