//! Operators whose rows depend on when changes came: those that settle, and lookups. What they have made up to some time cannot be
//! made again from what is left of their inputs then, so a store keeps it. For that each becomes a view of its own.

use super::{Rel, RelId, View};
use crate::value::{Column, RelationName, Schema, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Views of which such operators were taken out.
#[derive(Clone, Debug, Default)]
pub struct TakenOut {
    /// All views, each behind those it reads if they stood like that before.
    pub views: Vec<View>,
    /// The views that were taken out, and out of which.
    pub kept: BTreeMap<RelId, RelId>,
}

/// Takes the operators out of views, which read them as views then.
pub fn take_out(views: &[View]) -> TakenOut {
    let mut out = TakenOut::default();
    for view in views {
        let mut taking = Taking { of: &view.name, taken: Vec::new() };
        let rel = taking.rel(view.rel.clone());
        out.kept.extend(taking.taken.iter().map(|kept| (kept.name.clone(), view.name.clone())));
        out.views.append(&mut taking.taken);
        out.views.push(View { rel, ..view.clone() });
    }
    out
}

/// How far back lookups may look at the relations they read; microseconds.
pub fn history(views: &[View]) -> BTreeMap<RelId, Time> {
    fn add(rel: &Rel, history: &mut BTreeMap<RelId, Time>) {
        if let Rel::AsOf { right, keep, .. } = rel {
            let keep = Time::try_from(*keep).unwrap_or(0);
            for relation in right.relations() {
                history.entry(relation.clone()).and_modify(|known| *known = keep.max(*known)).or_insert(keep);
            }
        }
        rel.inputs().into_iter().for_each(|input| add(input, history));
    }
    let mut found = BTreeMap::new();
    // Each view stands behind those it reads, whose own inputs must be known as far back.
    for view in views.iter().rev() {
        add(&view.rel, &mut found);
        if let Some(history) = found.get(&view.name).copied() {
            for relation in view.rel.relations() {
                found.entry(relation.clone()).and_modify(|known| *known = history.max(*known)).or_insert(history);
            }
        }
    }
    found
}

struct Taking<'v> {
    of: &'v RelId,
    /// Each behind those it reads.
    taken: Vec<View>,
}

impl Taking<'_> {
    fn rel(&mut self, mut rel: Rel) -> Rel {
        let is_kept = matches!(rel, Rel::Settle { .. } | Rel::AsOf { .. });
        match &mut rel {
            // What settles is one with the operator it stands on.
            Rel::Settle { input, .. } => input.inputs_mut().into_iter().for_each(|input| self.below(input)),
            rel => rel.inputs_mut().into_iter().for_each(|input| self.below(input)),
        }
        if is_kept { self.take(rel) } else { rel }
    }

    fn below(&mut self, input: &mut Rel) {
        let rel = input.take();
        *input = self.rel(rel);
    }

    fn take(&mut self, rel: Rel) -> Rel {
        let columns = rel.columns();
        let name = RelationName { schema: format!("view {}", self.of), name: format!("kept {}", self.taken.len() + 1) };
        let unnamed = columns.iter().map(|ty| Column::new("", ty.clone(), true)).collect();
        let schema = Arc::new(Schema::table(unnamed, None));
        self.taken.push(View { name: name.clone(), schema, rel });
        Rel::Get { relation: name, columns }
    }
}
