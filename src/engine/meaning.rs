//! What a relation means, as a text: a target that was filled from another meaning is reconciled before it is gone on with.

use crate::dataflow::NativeView;
use crate::plan::{self, View};
use crate::value::{RelationName, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Raised when the same plan comes to mean other rows, or rows at other times.
const SEMANTICS: u32 = 1;

/// The meaning of what is computed from these relations: their plans, the shapes of the inputs among them as far as they are read, and
/// the grid.
pub(super) fn meaning(
    relations: &BTreeSet<RelationName>,
    views: &[View],
    native: &[NativeView],
    schemas: &BTreeMap<RelationName, Arc<Schema>>,
    grid: Duration,
) -> String {
    let mut views: Vec<View> = views.iter().filter(|view| relations.contains(&view.name)).cloned().collect();
    let native: Vec<&NativeView> = native.iter().filter(|view| relations.contains(&view.name)).collect();
    let defined: BTreeSet<RelationName> =
        views.iter().map(|view| &view.name).chain(native.iter().map(|view| &view.name)).cloned().collect();
    // A Rust view may look at everything, and so does whoever is shown an input as it is.
    let of_native: BTreeSet<&RelationName> = native.iter().flat_map(|view| &view.inputs).collect();
    let is_input = |name: &RelationName| relations.contains(name) && !defined.contains(name);
    let reads = plan::narrow(&mut views, &|name| is_input(name) && !of_native.contains(name));
    let mut text = format!("{SEMANTICS} {grid:?}\n");
    for name in relations {
        let _ = match (views.iter().find(|view| view.name == *name), native.iter().find(|view| view.name == *name)) {
            (Some(view), _) => writeln!(text, "{name}: {:?}", view.rel),
            (None, Some(view)) => writeln!(text, "{name}: {view:?}"),
            (None, None) => writeln!(text, "{name}"),
        };
        let columns = schemas.get(name).map(|schema| schema.columns.as_slice()).unwrap_or_default();
        let is_read = |place: &usize| reads.get(name).is_none_or(|reads| reads.contains(place));
        for column in columns.iter().enumerate().filter(|(place, _)| is_read(place)).map(|(_, column)| column) {
            let _ = writeln!(text, "  {} {} {}", column.name, column.ty, column.modifier);
        }
    }
    text
}
