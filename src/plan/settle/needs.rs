//! How long the rows of relations are of use to the views that read them: a store need not keep them longer.
//!
//! What has settled is not computed again, so an operator whose rows settle needs of its inputs only what may still change them. The
//! rules are those by which rows expire below joins (`place.rs`).

use super::growth::{growth, with_reach};
use super::place::Needed;
use super::{Given, Growth, Hold, Settling, grown};
use crate::expr::Scalar;
use crate::plan::{ClockOrder, ClockTest, JoinKind, Rel, RelId, View};
use std::collections::BTreeMap;

/// A row is of use until so many microseconds after the moment in one of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The column.
    pub column: usize,
    /// Microseconds.
    pub after: i64,
}

/// What is needed of the rows of the relations that views read; those that are missing are needed for ever. The views stand each behind
/// those it reads. `is_shown` are the relations that are read by others than these views too, who need all.
pub fn needs(views: &[View], given: &Given<'_>, is_shown: &dyn Fn(&RelId) -> bool) -> BTreeMap<RelId, Need> {
    let mut known: BTreeMap<RelId, Growth> = BTreeMap::new();
    for view in views {
        let growth = growth(&view.rel, &|relation| grown(relation, &known, given));
        known.insert(view.name.clone(), growth);
    }
    let grid = i64::try_from(given.grid.max(1)).unwrap_or(i64::MAX);
    let of = |relation: &RelId| grown(relation, &known, given);
    let mut needing = Needing { of: &of, grid, needed: BTreeMap::new() };
    // Whoever reads a view stands behind it.
    for view in views.iter().rev() {
        let needed = needing.needed.get(&view.name).copied().filter(|_| !is_shown(&view.name));
        needing.visit(&view.rel, needed.unwrap_or(Needed::Forever));
    }
    let need = |(relation, needed): (&RelId, &Needed)| {
        let Needed::For(span) = needed else { return None };
        let growth = of(relation);
        let horizon = growth.earliest().filter(|_| !is_shown(relation))?;
        let after = horizon.last().saturating_add(*span).saturating_add(grid);
        Some((relation.clone(), Need { column: horizon.column, after }))
    };
    needing.needed.iter().filter_map(need).collect()
}

struct Needing<'k> {
    of: &'k dyn Fn(&RelId) -> Growth,
    grid: i64,
    /// So far.
    needed: BTreeMap<RelId, Needed>,
}

impl Needing<'_> {
    /// Notes what is read of rows that are needed so long.
    fn visit(&mut self, rel: &Rel, needed: Needed) {
        match rel {
            Rel::Get { relation, .. } => {
                let before = self.needed.get(relation).copied().unwrap_or(needed);
                self.needed.insert(relation.clone(), longer(before, needed));
            }
            Rel::Filter { input, .. } | Rel::Map { input, .. } | Rel::Expand { input, .. } => self.visit(input, needed),
            Rel::Union { inputs } => inputs.iter().for_each(|input| self.visit(input, needed)),
            Rel::Temporal { input, tests } => {
                let growth = growth(input, self.of);
                let ends = tests.iter().filter_map(|test| self.end(test, &growth));
                let needed = ends.fold(needed, shorter);
                self.visit(input, needed);
            }
            Rel::Settle { input, settling: Settling::Group { .. } } => {
                let reach = with_reach(input, self.of).earliest().map(|horizon| horizon.reach);
                let needed = match **input {
                    // A session may be as long as it likes.
                    Rel::Sessions { .. } => Needed::Forever,
                    _ => reach.map_or(Needed::Forever, Needed::For),
                };
                input.inputs().into_iter().for_each(|input| self.visit(input, needed));
            }
            Rel::Settle { input, settling: Settling::Pair { left, right, .. } } => self.pair(input, left, right),
            // What has been looked up is not looked up again.
            Rel::AsOf { left, right, .. } => {
                self.visit(left, Needed::For(0));
                self.visit(right, Needed::Forever);
            }
            Rel::Join { kind, left, right, .. } => {
                let grows = [left, right].map(|side| growth(side, self.of).grows.is_some());
                let of_left = grows == [true, false] && *kind != JoinKind::Full;
                let of_right = grows == [false, true] && *kind == JoinKind::Inner;
                self.visit(left, if of_left { needed } else { Needed::Forever });
                self.visit(right, if of_right { needed } else { Needed::Forever });
            }
            rel => rel.inputs().into_iter().for_each(|input| self.visit(input, Needed::Forever)),
        }
    }

    /// How much longer than its own events last a row satisfies the clock.
    fn end(&self, test: &ClockTest, growth: &Growth) -> Option<Needed> {
        let Scalar::Column(column, _) = test.at else { return None };
        let horizon = growth.horizons.iter().find(|horizon| horizon.column == column)?;
        let after = match test.order {
            ClockOrder::Before => test.after,
            ClockOrder::UpTo => test.after.saturating_add(1),
            ClockOrder::From | ClockOrder::After => return None,
        };
        Some(Needed::For(after.saturating_sub(horizon.last()).saturating_sub(self.grid).max(0)))
    }

    /// The sides of a join of streams, each until its rows have met their last partner; and if it counts whether a row has met one,
    /// until that row has settled.
    fn pair(&mut self, join: &Rel, left: &Hold, right: &Hold) {
        let Rel::Join { kind, left: left_rel, right: right_rel, .. } = join else { return };
        let sides = [(left_rel, left), (right_rel, right)];
        let [(left, left_own), (right, right_own)] = sides.map(|(side, hold)| {
            let growth = growth(side, self.of);
            let horizon = growth.horizons.iter().find(|horizon| horizon.column == hold.column);
            let own = horizon.map_or(0, |horizon| hold.last.saturating_sub(horizon.last()));
            (hold.longer_than(&growth), own)
        });
        let alone = |own: i64| if *kind == JoinKind::Inner { 0 } else { own };
        self.visit(left_rel, Needed::For(left.saturating_add(alone(right_own))));
        self.visit(right_rel, Needed::For(right.saturating_add(alone(left_own))));
    }
}

fn longer(one: Needed, other: Needed) -> Needed {
    match (one, other) {
        (Needed::For(one), Needed::For(other)) => Needed::For(one.max(other)),
        _ => Needed::Forever,
    }
}

fn shorter(one: Needed, other: Needed) -> Needed {
    match (one, other) {
        (Needed::For(one), Needed::For(other)) => Needed::For(one.min(other)),
        (Needed::Forever, other) => other,
        (one, Needed::Forever) => one,
    }
}
