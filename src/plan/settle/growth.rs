//! Whether a relation's rows keep coming, and what tells when each of them settles.

use super::pair::Pairing;
use super::{Horizon, horizon};
use crate::expr::Scalar;
use crate::plan::{ClockTest, Expansion, JoinKind, Rel, RelId};

/// How a relation grows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Growth {
    /// The columns that tell when a row settles.
    pub horizons: Vec<Horizon>,
    /// The stream for which its rows keep coming, and nothing takes them back. (The groups of an aggregate without a horizon are as
    /// many as their keys: they do not grow.)
    pub grows: Option<Stream>,
}

/// A stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: RelId,
    /// Whether it ends by itself, so that all of it can be held.
    pub ends: bool,
    /// Whether it has an event time.
    pub timed: bool,
}

/// Of two streams the one that does not end.
fn either(one: Option<Stream>, other: Option<Stream>) -> Option<Stream> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.ends { other } else { one }),
        (one, other) => one.or(other),
    }
}

impl Growth {
    /// The horizon that comes first.
    pub fn earliest(&self) -> Option<&Horizon> {
        self.horizons.iter().min_by_key(|horizon| horizon.reach)
    }
}

/// What is known of the relations a plan reads.
pub(super) type Known<'k> = &'k dyn Fn(&RelId) -> Growth;

/// How a plan's rows grow, if its operators may hold what they need.
pub(super) fn growth(rel: &Rel, of: Known<'_>) -> Growth {
    match rel {
        Rel::Get { relation, .. } => of(relation),
        Rel::Constant { .. } => Growth::default(),
        Rel::Filter { input, .. } => growth(input, of),
        Rel::Map { input, expressions } => through(growth(input, of), expressions),
        Rel::Expand { input, expansion } => expanded(growth(input, of), input.width(), expansion),
        // What goes when its time has come does not grow.
        Rel::Temporal { tests, .. } if tests.iter().any(|test| test.order.ends()) => Growth::default(),
        Rel::Temporal { input, tests } => {
            let Growth { horizons, grows } = growth(input, of);
            let later = |horizon| tests.iter().try_fold(horizon, begun);
            Growth { horizons: horizons.into_iter().filter_map(later).collect(), grows }
        }
        Rel::Union { inputs } => union(inputs.iter().map(|input| growth(input, of))),
        Rel::Join { kind, left, right, .. } => {
            let sides = (growth(left, of), growth(right, of));
            joined(rel, *kind, left.width(), sides)
        }
        Rel::AsOf { left, .. } => growth(left, of),
        Rel::Reduce { input, group, .. } => grouped(through(growth(input, of), group)),
        Rel::Sessions { input, group, at, .. } => {
            let (of_input, end) = (growth(input, of), group.len() + 1);
            // An event at the very end of a session still joins it.
            let end = Horizon::of(at, &of_input.horizons, end).map(|horizon| Horizon { reach: 0, step: 1, ..horizon });
            grouped(Growth { horizons: end.into_iter().collect(), ..of_input })
        }
        Rel::Distinct { input } => grouped(growth(input, of)),
        Rel::TopK { input, group, .. } => grouped(kept(growth(input, of), group)),
        Rel::Window { input, partition, .. } => grouped(kept(growth(input, of), partition)),
        Rel::SetOp { left, right, .. } => grouped(union([left, right].map(|side| growth(side, of)).into_iter())),
        Rel::Recursive { base, step, .. } => {
            let grows = either(growth(base, of).grows, growth(step, of).grows);
            Growth { horizons: Vec::new(), grows }
        }
        Rel::Settle { input, .. } => growth(input, of),
    }
}

/// As `growth`, of an operator that groups: with how much longer than its rows the groups last.
pub(super) fn with_reach(rel: &Rel, of: Known<'_>) -> Growth {
    let (Rel::Reduce { input, .. } | Rel::Distinct { input } | Rel::TopK { input, .. } | Rel::Window { input, .. }) =
        rel
    else {
        return growth(rel, of);
    };
    let input = growth(input, of);
    if input.grows.is_none() {
        return Growth::default();
    }
    match rel {
        Rel::Reduce { group, .. } => through(input, group),
        Rel::TopK { group, .. } => kept(input, group),
        Rel::Window { partition, .. } => kept(input, partition),
        _ => input,
    }
}

/// What expressions over the columns keep of the horizons.
fn through(input: Growth, expressions: &[Scalar]) -> Growth {
    let horizons = expressions.iter().enumerate();
    let horizons = horizons.filter_map(|(column, scalar)| Horizon::of(scalar, &input.horizons, column)).collect();
    Growth { horizons, ..input }
}

/// Of an operator that shows its input's rows by groups: the horizons among the group's columns.
fn kept(input: Growth, group: &[Scalar]) -> Growth {
    let is_of_group = |horizon: &Horizon| {
        group.iter().any(|scalar| matches!(scalar, Scalar::Column(column, _) if *column == horizon.column))
    };
    Growth { horizons: input.horizons.iter().filter(|horizon| is_of_group(horizon)).copied().collect(), ..input }
}

/// Groups without a horizon are as many as their keys.
fn grouped(mut growth: Growth) -> Growth {
    let least = growth.earliest().map_or(0, |horizon| horizon.reach);
    growth.horizons.iter_mut().for_each(|horizon| horizon.reach -= least);
    let grows = growth.grows.take().filter(|_| !growth.horizons.is_empty());
    Growth { grows, ..growth }
}

/// The horizon of rows that come when the clock has reached a time, if that is made of the horizon's column.
fn begun(horizon: Horizon, test: &ClockTest) -> Option<Horizon> {
    let at = Horizon::made_of(&test.at).filter(|at| at.column == horizon.column)?;
    // From the column's value; an instant has passed a microsecond later.
    let begins = test.after.saturating_add(1).saturating_add(at.reach).saturating_sub(at.length.saturating_sub(1));
    let accept = begins.saturating_sub(horizon.length.saturating_sub(1));
    Some(Horizon { accept: horizon.accept.max(accept), ..horizon })
}

/// That of rows to which windows are added.
pub(super) fn expanded(mut input: Growth, width: usize, expansion: &Expansion) -> Growth {
    let ([call], None, None) = (expansion.calls.as_slice(), &expansion.outer, &expansion.fold) else { return input };
    // With an origin of their own windows begin anywhere.
    let window = match (call.function.name(), call.arguments.as_slice()) {
        ("tumble", [_, size]) => horizon::length(size).map(|size| (size, size)),
        ("hop", [_, slide, size]) => horizon::length(size).zip(horizon::length(slide)),
        ("tumble", [_, size, _]) | ("hop", [_, _, size, _]) => horizon::length(size).map(|size| (size, 1)),
        _ => None,
    };
    if let Some(((size, step), at)) = window.zip(call.arguments.first())
        && let Some(start) = Horizon::of(at, &input.horizons, width).map(|horizon| horizon.bucket(size, step))
    {
        let end = Horizon { column: width + 1, ..start.shifted(size) };
        input.horizons.extend([start, end]);
    }
    input
}

fn union(inputs: impl Iterator<Item = Growth>) -> Growth {
    let both = |one: Growth, other: Growth| {
        let horizons = one.horizons.iter().filter_map(|horizon| {
            let same = other.horizons.iter().find(|other| other.column == horizon.column)?;
            Some(horizon.either(*same))
        });
        Growth { horizons: horizons.collect(), grows: either(one.grows, other.grows) }
    };
    inputs.reduce(both).unwrap_or_default()
}

fn joined(join: &Rel, kind: JoinKind, width: usize, (left, right): (Growth, Growth)) -> Growth {
    let moved = |mut horizons: Vec<Horizon>| {
        horizons.iter_mut().for_each(|horizon| horizon.column += width);
        horizons
    };
    if left.grows.is_some() && right.grows.is_some() {
        let Some(pairing) = Pairing::of(join, &left, &right) else {
            return Growth { horizons: Vec::new(), grows: either(left.grows, right.grows) };
        };
        let (mut horizons, of_right) = pairing.horizons();
        match kind {
            JoinKind::Inner => horizons.extend(moved(of_right)),
            JoinKind::Left | JoinKind::Semi | JoinKind::Anti => {}
            JoinKind::Full => horizons.clear(),
        }
        return Growth { horizons, grows: either(left.grows, right.grows) };
    }
    match kind {
        JoinKind::Inner => {
            let horizons = left.horizons.into_iter().chain(moved(right.horizons)).collect();
            Growth { horizons, grows: either(left.grows, right.grows) }
        }
        JoinKind::Left => Growth { horizons: left.horizons, grows: either(left.grows, right.grows) },
        JoinKind::Full => Growth { horizons: Vec::new(), grows: either(left.grows, right.grows) },
        JoinKind::Semi | JoinKind::Anti => left,
    }
}
