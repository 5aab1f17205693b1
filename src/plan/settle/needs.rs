//! How long the rows of relations are of use to the views that read them: a store need not keep them longer.
//!
//! What has settled is not computed again, so an operator whose rows settle needs of its inputs only what may still change them. The
//! rules are those by which rows expire below joins (`place.rs`).

use super::need::Need;
use super::{Hold, Settling};
use crate::plan::{ClockOrder, ClockTest, JoinKind, Rel, RelId, View};
use std::collections::BTreeMap;

/// A row is of use as long as it is needed in one of these ways.
pub type Needs = Vec<Need>;

/// What is needed of the rows of the relations that views read; those that are missing are needed for ever. The views stand each behind
/// those it reads; `grid` is the width of the refresh grid. `is_shown` are the relations that are read by others than these views too,
/// who need all.
pub fn needs(views: &[View], grid: u64, is_shown: &dyn Fn(&RelId) -> bool) -> BTreeMap<RelId, Needs> {
    let grid = i64::try_from(grid.max(1)).unwrap_or(i64::MAX);
    let mut needing = Needing { grid, needed: BTreeMap::new() };
    // Whoever reads a view stands behind it.
    for view in views.iter().rev() {
        let needed = needing.needed.get(&view.name).cloned().filter(|_| !is_shown(&view.name));
        needing.visit(&view.rel, needed.flatten().as_ref());
    }
    let needed = needing.needed.into_iter().filter(|(relation, _)| !is_shown(relation));
    needed.filter_map(|(relation, needs)| Some((relation, needs?))).collect()
}

struct Needing {
    grid: i64,
    /// So far; of relations of which all is needed, for ever, nothing.
    needed: BTreeMap<RelId, Option<Needs>>,
}

impl Needing {
    /// Notes what is read of a plan's rows that are needed so long; nothing: for ever.
    fn visit(&mut self, rel: &Rel, needed: Option<&Needs>) {
        match rel {
            Rel::Get { relation, .. } => match (self.needed.get_mut(relation), needed) {
                (Some(Some(known)), Some(needed)) => needed.iter().for_each(|need| add(known, need)),
                (Some(known), _) => *known = None,
                (None, needed) => _ = self.needed.insert(relation.clone(), needed.cloned()),
            },
            Rel::Temporal { input, tests } => {
                let ends = tests.iter().filter_map(end).reduce(sooner);
                self.visit(input, until_end(needed, ends).as_ref());
            }
            Rel::Settle { input, settling: Settling::Group { horizon, .. } } => {
                let needed = Need::of_groups(input, horizon, self.grid).map(|need| vec![need]);
                input.inputs().into_iter().for_each(|input| self.visit(input, needed.as_ref()));
            }
            Rel::Settle { input, settling: Settling::Pair { left, right, .. } } => self.pair(input, left, right),
            // What has been looked up is not looked up again.
            Rel::AsOf { left, right, at, keep, .. } => {
                let looked_up = Need::at(at, keep.saturating_add(self.grid)).map(|need| vec![need]);
                self.visit(left, looked_up.as_ref());
                self.visit(right, None);
            }
            rel => {
                let below = |needs: &Needs| needs.iter().map(|need| need.below(rel)).collect::<Vec<_>>();
                let below = needed.map(below).unwrap_or_default();
                for (side, input) in rel.inputs().into_iter().enumerate() {
                    let needs = below.iter().map(|needs| needs.get(side)?.clone()).collect::<Option<Needs>>();
                    self.visit(input, needs.filter(|_| needed.is_some()).as_ref());
                }
            }
        }
    }

    /// The sides of a join of streams, each until its rows have met their last partner; and if it counts whether a row has met one,
    /// until that row has settled.
    fn pair(&mut self, join: &Rel, left: &Hold, right: &Hold) {
        let Rel::Join { kind, left: left_rel, right: right_rel, .. } = join else { return };
        for (rel, own, other) in [(left_rel, left, right), (right_rel, right, left)] {
            let alone = if *kind == JoinKind::Inner { 0 } else { other.last.saturating_sub(other.own) };
            let hold = Hold { last: own.last.saturating_add(alone), ..*own };
            self.visit(rel, Some(&vec![Need::of_side(&hold, self.grid)]));
        }
    }
}

/// Adds a way in which rows are needed.
fn add(needs: &mut Needs, need: &Need) {
    match needs.iter_mut().find(|known| (known.column, &known.session) == (need.column, &need.session)) {
        Some(known) => known.after = known.after.max(need.after),
        None => needs.push(need.clone()),
    }
}

/// Until when a row satisfies the clock. What happens at the very moment has not happened before.
fn end(test: &ClockTest) -> Option<Need> {
    let after = match test.order {
        ClockOrder::Before => test.after.saturating_add(1),
        ClockOrder::UpTo => test.after.saturating_add(2),
        ClockOrder::From | ClockOrder::After => return None,
    };
    Need::at(&test.at, after)
}

/// What is needed of rows that go then, and that are needed so long; nothing: for ever.
fn until_end(needed: Option<&Needs>, end: Option<Need>) -> Option<Needs> {
    let Some(needed) = needed else { return Some(vec![end?]) };
    let sooner = |need: &Need| end.iter().cloned().fold(need.clone(), sooner);
    Some(needed.iter().map(sooner).collect())
}

/// Of two ways the one that is over first, if that can be told: either is enough.
fn sooner(one: Need, other: Need) -> Need {
    let is_sooner = other.column == one.column && other.session.is_none() && other.after < one.after;
    if is_sooner { other } else { one }
}
