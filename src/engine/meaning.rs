//! What a relation means, as a text: a target that was filled from another meaning is reconciled before it is gone on with.

use crate::dataflow::NativeView;
use crate::plan::View;
use crate::value::{RelationName, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Raised when the same plan comes to mean other rows, or rows at other times.
const SEMANTICS: u32 = 1;

/// The meaning of what is computed from these relations: their plans, the shapes of the inputs among them, and the grid.
pub(super) fn meaning(
    relations: &BTreeSet<RelationName>,
    views: &[View],
    native: &[NativeView],
    schemas: &BTreeMap<RelationName, Arc<Schema>>,
    grid: Duration,
) -> String {
    let mut text = format!("{SEMANTICS} {grid:?}\n");
    for name in relations {
        let _ = match (views.iter().find(|view| view.name == *name), native.iter().find(|view| view.name == *name)) {
            (Some(view), _) => writeln!(text, "{name}: {:?}", view.rel),
            (None, Some(view)) => writeln!(text, "{name}: {view:?}"),
            (None, None) => writeln!(text, "{name}"),
        };
        let columns = schemas.get(name).map(|schema| schema.columns.as_slice()).unwrap_or_default();
        for column in columns {
            let _ = writeln!(text, "  {} {} {}", column.name, column.ty, column.modifier);
        }
    }
    text
}
