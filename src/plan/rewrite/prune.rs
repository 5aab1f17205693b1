//! Drops columns that nobody reads, down to the inputs, and reports which of an input's columns are read.

use super::expand;
use crate::expr::Scalar;
use crate::plan::{Aggregate, Equality, Rel, RelId, View, WindowCall};
use crate::value::Row;
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Columns = BTreeSet<usize>;

/// The columns of every relation that the views read. A column that is not among them may hold anything, for instance null.
pub fn reads<'a>(views: impl IntoIterator<Item = &'a View>) -> BTreeMap<RelId, BTreeSet<usize>> {
    let mut reads = BTreeMap::new();
    for view in views {
        demand(&view.rel, all(&view.rel), &mut reads);
    }
    reads
}

fn all(rel: &Rel) -> Columns {
    (0..rel.width()).collect()
}

fn add<'a>(columns: &mut Columns, scalars: impl IntoIterator<Item = &'a Scalar>) {
    for scalar in scalars {
        scalar.columns(&mut |column| {
            columns.insert(column);
        });
    }
}

/// What each input of the operator must give, so that it can give `needed`.
fn needed_below(rel: &Rel, needed: &Columns) -> Vec<Columns> {
    let mut below = Columns::new();
    match rel {
        Rel::Get { .. } | Rel::Constant { .. } => return Vec::new(),
        Rel::Filter { predicates, .. } => {
            below.clone_from(needed);
            add(&mut below, predicates);
        }
        Rel::Temporal { tests, .. } => {
            below.clone_from(needed);
            add(&mut below, tests.iter().map(|test| &test.at));
        }
        Rel::Map { expressions, .. } => add(&mut below, needed.iter().map(|&column| &expressions[column])),
        Rel::Join { left, on, residual, .. } => {
            let (left, right) = sides(needed, left.width(), on, residual);
            return vec![left, right];
        }
        Rel::Reduce { group, aggregates, .. } => {
            add(&mut below, group);
            let kept = aggregates.iter().enumerate().filter(|(i, _)| needed.contains(&(group.len() + i)));
            add(&mut below, kept.flat_map(|(_, aggregate)| aggregate.scalars()));
        }
        Rel::Sessions { group, at, aggregates, .. } => {
            add(&mut below, group.iter().chain([at]));
            let kept = aggregates.iter().enumerate().filter(|(i, _)| needed.contains(&(group.len() + 2 + i)));
            add(&mut below, kept.flat_map(|(_, aggregate)| aggregate.scalars()));
        }
        Rel::AsOf { left, on, residual, at, .. } => {
            let (mut left, right) = sides(needed, left.width(), on, residual);
            add(&mut left, [at]);
            return vec![left, right];
        }
        Rel::Settle { input, .. } => below = all(input),
        Rel::Distinct { input } => below = all(input),
        Rel::Union { inputs } => return vec![needed.clone(); inputs.len()],
        Rel::SetOp { left, right, .. } => return vec![all(left), all(right)],
        // Every round reads every column of the one before.
        Rel::Recursive { base, step, .. } => return vec![all(base), all(step)],
        // Any column may decide which of several level rows is among the first.
        Rel::TopK { input, .. } => below = all(input),
        Rel::Expand { input, expansion } => below = expand::needed_below(input, expansion, needed),
        Rel::Window { input, partition, order, calls } => {
            let width = input.width();
            below = needed.range(..width).copied().collect();
            let kept: Vec<&WindowCall> = read_of(calls, width, needed).collect();
            if kept.iter().any(|call| call.tells_peers_apart()) {
                below = all(input);
            }
            if !kept.is_empty() {
                add(&mut below, partition.iter().chain(order.iter().map(|key| &key.expression)));
                add(&mut below, kept.into_iter().flat_map(WindowCall::scalars));
            }
        }
    }
    vec![below]
}

/// What the sides of a join must give.
fn sides(needed: &Columns, width: usize, on: &[Equality], residual: &[Scalar]) -> (Columns, Columns) {
    let mut both = needed.clone();
    add(&mut both, residual);
    let (mut left, right): (Columns, Columns) = both.into_iter().partition(|&column| column < width);
    let mut right: Columns = right.into_iter().map(|column| column - width).collect();
    add(&mut left, on.iter().map(|key| &key.left));
    add(&mut right, on.iter().map(|key| &key.right));
    (left, right)
}

/// The calls whose results are read.
fn read_of<'c>(calls: &'c [WindowCall], width: usize, needed: &Columns) -> impl Iterator<Item = &'c WindowCall> {
    calls.iter().enumerate().filter(move |(place, _)| needed.contains(&(width + place))).map(|(_, call)| call)
}

fn demand(rel: &Rel, needed: Columns, reads: &mut BTreeMap<RelId, Columns>) {
    if let Rel::Get { relation, .. } = rel {
        reads.entry(relation.clone()).or_default().extend(&needed);
    }
    for (input, needed) in rel.inputs().into_iter().zip(needed_below(rel, &needed)) {
        demand(input, needed, reads);
    }
}

/// The plan with every operator giving only what is read of it.
pub(super) fn prune_all(rel: Rel) -> Rel {
    let needed = all(&rel);
    prune(rel, &needed)
}

/// `rel` with exactly the `needed` columns, in their order.
fn prune(rel: Rel, needed: &Columns) -> Rel {
    let mut below = needed_below(&rel, needed).into_iter();
    let mut next = || below.next().unwrap_or_default();
    match rel {
        Rel::Get { .. } => select(rel, needed.iter().copied()),
        Rel::Constant { rows, columns } => Rel::Constant {
            rows: rows.iter().map(|row| restrict(row, needed)).collect(),
            columns: needed.iter().map(|&column| columns[column].clone()).collect(),
        },
        // A filter stands directly on what it can stop, the projection behind it.
        Rel::Filter { input, predicates } if matches!(*input, Rel::Get { .. }) => {
            select(Rel::Filter { input, predicates }, needed.iter().copied())
        }
        Rel::Filter { input, mut predicates } => {
            let kept = next();
            predicates.iter_mut().for_each(|predicate| renumber(predicate, &kept));
            let filter = Rel::Filter { input: Box::new(prune(*input, &kept)), predicates };
            select(filter, needed.iter().map(|column| rank(&kept, *column)))
        }
        Rel::Temporal { input, mut tests } => {
            let kept = next();
            tests.iter_mut().for_each(|test| renumber(&mut test.at, &kept));
            let temporal = Rel::Temporal { input: Box::new(prune(*input, &kept)), tests };
            select(temporal, needed.iter().map(|column| rank(&kept, *column)))
        }
        Rel::Map { input, expressions } => {
            let kept = next();
            let mut expressions: Vec<Scalar> = needed.iter().map(|&column| expressions[column].clone()).collect();
            expressions.iter_mut().for_each(|expression| renumber(expression, &kept));
            prune(*input, &kept).map(expressions)
        }
        Rel::Join { kind, left, right, mut on, mut residual } => {
            let (width, kept_left, kept_right) = (left.width(), next(), next());
            let place = move_sides(width, &kept_left, &kept_right, &mut on, &mut residual);
            let (left, right) = (Box::new(prune(*left, &kept_left)), Box::new(prune(*right, &kept_right)));
            select(Rel::Join { kind, left, right, on, residual }, needed.iter().map(|&column| place(column)))
        }
        Rel::AsOf { kind, left, right, mut on, mut residual, mut at, keep } => {
            let (width, kept_left, kept_right) = (left.width(), next(), next());
            let place = move_sides(width, &kept_left, &kept_right, &mut on, &mut residual);
            renumber(&mut at, &kept_left);
            let (left, right) = (Box::new(prune(*left, &kept_left)), Box::new(prune(*right, &kept_right)));
            let as_of = Rel::AsOf { kind, left, right, on, residual, at, keep };
            select(as_of, needed.iter().map(|&column| place(column)))
        }
        Rel::Sessions { input, mut group, mut at, gap, aggregates } => {
            let (groups, kept) = (group.len() + 2, next());
            let read = |(place, _): &(usize, Aggregate)| needed.contains(&(groups + place));
            let mut aggregates: Vec<Aggregate> =
                aggregates.into_iter().enumerate().filter(read).map(|(_, aggregate)| aggregate).collect();
            let scalars = group.iter_mut().chain([&mut at]);
            let scalars = scalars.chain(aggregates.iter_mut().flat_map(Aggregate::scalars_mut));
            scalars.for_each(|scalar| renumber(scalar, &kept));
            let places = groups + aggregates.len();
            let input = Box::new(prune(*input, &kept));
            let sessions = Rel::Sessions { input, group, at, gap, aggregates };
            select(sessions, needed.iter().copied().filter(|&column| column < groups).chain(groups..places))
        }
        // Stands only in plans that are not rewritten any more.
        Rel::Settle { .. } => select(rel, needed.iter().copied()),
        Rel::Reduce { input, group, aggregates } => reduce(*input, group, aggregates, needed, &next()),
        Rel::Distinct { input } => {
            let input = Box::new(prune(*input, &next()));
            select(Rel::Distinct { input }, needed.iter().copied())
        }
        Rel::Union { inputs } => Rel::Union { inputs: inputs.into_iter().map(|input| prune(input, needed)).collect() },
        Rel::SetOp { kind, all, left, right } => {
            let (left, right) = (Box::new(prune(*left, &next())), Box::new(prune(*right, &next())));
            select(Rel::SetOp { kind, all, left, right }, needed.iter().copied())
        }
        Rel::Recursive { working, base, step, all } => {
            let (base, step) = (Box::new(prune(*base, &next())), Box::new(prune(*step, &next())));
            select(Rel::Recursive { working, base, step, all }, needed.iter().copied())
        }
        Rel::TopK { input, group, order, offset, limit, ties } => {
            let input = Box::new(prune(*input, &next()));
            select(Rel::TopK { input, group, order, offset, limit, ties }, needed.iter().copied())
        }
        Rel::Expand { input, expansion } => {
            let kept = next();
            let (expansion, place) = expand::narrowed(expansion, input.width(), &kept, needed);
            let input = Box::new(prune(*input, &kept));
            select(Rel::Expand { input, expansion }, needed.iter().map(|&column| place(column)))
        }
        Rel::Window { input, partition, order, calls } => {
            let (width, kept) = (input.width(), next());
            let calls: Vec<WindowCall> = read_of(&calls, width, needed).cloned().collect();
            if calls.is_empty() {
                return prune(*input, needed);
            }
            let read = kept.len()..kept.len() + calls.len();
            let columns: Vec<usize> = needed.range(..width).map(|column| rank(&kept, *column)).chain(read).collect();
            let mut window = Rel::Window { input, partition, order, calls };
            window.scalars_mut().into_iter().for_each(|scalar| renumber(scalar, &kept));
            window.inputs_mut().into_iter().for_each(|input| {
                let taken = input.take();
                *input = prune(taken, &kept);
            });
            select(window, columns.into_iter())
        }
    }
}

fn reduce(input: Rel, mut group: Vec<Scalar>, aggregates: Vec<Aggregate>, needed: &Columns, kept: &Columns) -> Rel {
    let groups = group.len();
    let read = |place: usize| needed.contains(&(groups + place));
    let mut aggregates: Vec<Aggregate> =
        aggregates.into_iter().enumerate().filter(|(place, _)| read(*place)).map(|(_, aggregate)| aggregate).collect();
    group.iter_mut().for_each(|expression| renumber(expression, kept));
    let scalars = aggregates.iter_mut().flat_map(Aggregate::scalars_mut);
    scalars.for_each(|expression| renumber(expression, kept));
    let places = groups + aggregates.len();
    let rel = Rel::Reduce { input: Box::new(prune(input, kept)), group, aggregates };
    select(rel, needed.iter().copied().filter(|&column| column < groups).chain(groups..places))
}

/// Makes a join's conditions read what is kept of its sides; where each column then is.
fn move_sides<'c>(
    width: usize,
    left: &'c Columns,
    right: &'c Columns,
    on: &mut [Equality],
    residual: &mut [Scalar],
) -> impl Fn(usize) -> usize + 'c {
    for key in on {
        renumber(&mut key.left, left);
        renumber(&mut key.right, right);
    }
    let place = move |column: usize| match column.checked_sub(width) {
        None => rank(left, column),
        Some(column) => left.len() + rank(right, column),
    };
    residual.iter_mut().for_each(|predicate| predicate.map_columns(&mut |column| place(column)));
    place
}

/// The column's place among those kept.
pub(super) fn rank(kept: &Columns, column: usize) -> usize {
    kept.range(..column).count()
}

fn renumber(scalar: &mut Scalar, kept: &Columns) {
    scalar.map_columns(&mut |column| rank(kept, column));
}

fn select(rel: Rel, columns: impl Iterator<Item = usize>) -> Rel {
    rel.project(&columns.collect::<Vec<_>>())
}

fn restrict(row: &Row, needed: &Columns) -> Row {
    let values = row.unpack();
    Row::pack(needed.iter().map(|&column| &values[column]))
}
