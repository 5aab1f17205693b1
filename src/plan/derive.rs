//! What is known of a relation's rows before there are any: which columns may be null, and which columns identify a row.
//!
//! A key here is a set of columns on which no two rows agree, nulls agreeing with nulls. Keys are kept minimal, and only a few of them.

use super::{Aggregate, Equality, Expansion, JoinKind, Rel, RelId, SetOpKind, WindowCall, rel::working_schema};
use crate::expr::{Scalar, WindowFunction};
use crate::value::{Column, Datum, Schema};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keeping more alternatives than this helps nobody.
const MAX_KEYS: usize = 8;

/// Strict functions that give null for no other arguments than nulls. (Those that may, such as `->`, are not here.)
const NEVER_NULL: [&str; 22] = [
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "~~",
    "!~~",
    "lower",
    "upper",
    "length",
    "abs",
    "round",
    "date_trunc",
    "date_bin",
    "relabel",
];

/// What is known of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Per column, whether a null may occur.
    pub nullable: Vec<bool>,
    /// Sets of columns that identify a row, smallest first. The empty set: there is at most one row.
    pub keys: Vec<Vec<usize>>,
}

impl Properties {
    /// The key to give a relation's rows: the smallest without nulls.
    pub fn key(&self) -> Option<Vec<usize>> {
        self.keys.iter().find(|key| key.iter().all(|&column| !self.nullable[column])).cloned()
    }
}

/// What is known of a relation, given the schemas of the relations it reads.
pub fn derive(rel: &Rel, schemas: &dyn Fn(&RelId) -> Option<Arc<Schema>>) -> Properties {
    match rel {
        Rel::Get { relation, columns } => match schemas(relation) {
            Some(schema) => Properties {
                nullable: schema.columns.iter().map(|column| column.nullable).collect(),
                keys: schema.key.iter().cloned().collect(),
            },
            None => Properties { nullable: vec![true; columns.len()], keys: Vec::new() },
        },
        Rel::Constant { rows, columns } => {
            let mut nullable = vec![false; columns.len()];
            for row in rows {
                for (nullable, value) in nullable.iter_mut().zip(row.unpack()) {
                    *nullable |= value.is_null();
                }
            }
            Properties { nullable, keys: if rows.len() <= 1 { vec![Vec::new()] } else { Vec::new() } }
        }
        Rel::Filter { input, predicates } => filter(derive(input, schemas), predicates),
        Rel::Temporal { input, .. } | Rel::Settle { input, .. } => derive(input, schemas),
        Rel::Map { input, expressions } => map(&derive(input, schemas), expressions),
        Rel::Join { kind, left, right, on, residual } => {
            let (left_rows, right_rows) = (derive(left, schemas), derive(right, schemas));
            match kind {
                JoinKind::Semi | JoinKind::Anti => left_rows,
                JoinKind::Inner => filter(join(*kind, left_rows, right_rows, on, left.width()), residual),
                JoinKind::Left | JoinKind::Full => join(*kind, left_rows, right_rows, on, left.width()),
            }
        }
        Rel::AsOf { kind, left, right, on, .. } => {
            join(*kind, derive(left, schemas), derive(right, schemas), on, left.width())
        }
        Rel::Reduce { input, group, aggregates } => reduce(&derive(input, schemas), group, aggregates),
        Rel::Sessions { input, group, aggregates, .. } => sessions(&derive(input, schemas), group, aggregates),
        Rel::Distinct { input } => {
            let mut properties = derive(input, schemas);
            properties.keys.push((0..properties.nullable.len()).collect());
            properties.keys = minimal(properties.keys);
            properties
        }
        Rel::Union { inputs } => union(inputs.iter().map(|input| derive(input, schemas))),
        Rel::SetOp { kind, all, left, right } => set_op(*kind, *all, derive(left, schemas), derive(right, schemas)),
        Rel::TopK { input, group, limit, ties, .. } => {
            let mut properties = derive(input, schemas);
            if *limit == Some(1) && !ties {
                properties.keys.extend(positions(group));
                properties.keys = minimal(properties.keys);
            }
            properties
        }
        Rel::Window { input, partition, calls, .. } => window(derive(input, schemas), partition, calls),
        Rel::Expand { input, expansion } => expand(derive(input, schemas), expansion),
        Rel::Recursive { working, base, step, all } => {
            let nullable = recursive_nullable(working, base, step, schemas);
            let keys = if *all { Vec::new() } else { vec![(0..nullable.len()).collect()] };
            Properties { nullable, keys }
        }
    }
}

/// A column may be null if it may in the base, or if the step makes a null of rows in which none of the others may be.
fn recursive_nullable(
    working: &RelId,
    base: &Rel,
    step: &Rel,
    schemas: &dyn Fn(&RelId) -> Option<Arc<Schema>>,
) -> Vec<bool> {
    let types = base.columns();
    let mut nullable = derive(base, schemas).nullable;
    loop {
        let columns = types.iter().zip(&nullable).map(|(ty, nullable)| Column::new("", ty.clone(), *nullable));
        let known = working_schema(columns);
        let of_step = derive(step, &|name| if name == working { Some(known.clone()) } else { schemas(name) }).nullable;
        let either: Vec<bool> = nullable.iter().zip(&of_step[1..]).map(|(before, step)| *before || *step).collect();
        if either == nullable {
            return nullable;
        }
        nullable = either;
    }
}

/// How many joins of the plan pair every row with every row: they have no key, and neither side has at most one row.
pub fn products(rel: &Rel, schemas: &dyn Fn(&RelId) -> Option<Arc<Schema>>) -> usize {
    let below: usize = rel.inputs().into_iter().map(|input| products(input, schemas)).sum();
    let is_one = |side: &Rel| derive(side, schemas).keys.iter().any(Vec::is_empty);
    match rel {
        Rel::Join { left, right, on, .. } if on.is_empty() && !is_one(left) && !is_one(right) => below + 1,
        _ => below,
    }
}

fn filter(mut properties: Properties, predicates: &[Scalar]) -> Properties {
    for predicate in predicates {
        for column in required(predicate) {
            properties.nullable[column] = false;
        }
        if let Some(column) = pinned(predicate) {
            properties.keys.iter_mut().for_each(|key| key.retain(|&c| c != column));
        }
        if let Some((a, b)) = equated(predicate) {
            let with = |of: usize, other: usize| {
                move |key: &Vec<usize>| -> Vec<usize> { key.iter().map(|&c| if c == of { other } else { c }).collect() }
            };
            let known = properties.keys.clone();
            properties.keys.extend(known.iter().map(with(a, b)).chain(known.iter().map(with(b, a))));
            properties.keys = minimal(properties.keys);
        }
    }
    properties.keys = minimal(properties.keys);
    properties
}

/// The columns that are not null where the predicate is true.
pub(super) fn required(predicate: &Scalar) -> BTreeSet<usize> {
    match predicate {
        Scalar::And(operands) => operands.iter().flat_map(required).collect(),
        Scalar::Call { function, arguments, .. } if function.name() == "is not null" => {
            arguments.iter().flat_map(strict_in).collect()
        }
        predicate => strict_in(predicate),
    }
}

/// The columns any of which makes the expression null by being null.
pub(super) fn strict_in(expression: &Scalar) -> BTreeSet<usize> {
    match expression {
        Scalar::Column(column, _) => BTreeSet::from([*column]),
        Scalar::Call { function, arguments, .. } if function.is_strict() => {
            arguments.iter().flat_map(strict_in).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The column that the predicate holds at one value.
fn pinned(predicate: &Scalar) -> Option<usize> {
    match predicate {
        Scalar::Call { function, arguments, .. } if function.name() == "=" => match arguments.as_slice() {
            [Scalar::Column(column, _), Scalar::Literal(..)] | [Scalar::Literal(..), Scalar::Column(column, _)] => {
                Some(*column)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The columns that the predicate holds equal.
fn equated(predicate: &Scalar) -> Option<(usize, usize)> {
    match predicate {
        Scalar::Call { function, arguments, .. } if function.name() == "=" => match arguments.as_slice() {
            [Scalar::Column(a, _), Scalar::Column(b, _)] => Some((*a, *b)),
            _ => None,
        },
        _ => None,
    }
}

fn map(input: &Properties, expressions: &[Scalar]) -> Properties {
    let nullable = expressions.iter().map(|expression| is_nullable(expression, &input.nullable)).collect();
    Properties { nullable, keys: carried(&input.keys, expressions) }
}

/// The keys whose columns are all among the expressions, by their new positions.
fn carried(keys: &[Vec<usize>], expressions: &[Scalar]) -> Vec<Vec<usize>> {
    let place = |column: usize| expressions.iter().position(|e| matches!(e, Scalar::Column(c, _) if *c == column));
    minimal(keys.iter().filter_map(|key| key.iter().map(|&column| place(column)).collect()).collect())
}

fn join(kind: JoinKind, left: Properties, right: Properties, on: &[Equality], left_width: usize) -> Properties {
    let columns = |side: fn(&Equality) -> &Scalar| -> BTreeSet<usize> {
        on.iter().filter_map(|key| if let Scalar::Column(c, _) = side(key) { Some(*c) } else { None }).collect()
    };
    let (left_on, right_on) = (columns(|key| &key.left), columns(|key| &key.right));
    let covered = |keys: &[Vec<usize>], on: &BTreeSet<usize>| keys.iter().any(|key| key.iter().all(|c| on.contains(c)));
    let shifted: Vec<Vec<usize>> =
        right.keys.iter().map(|key| key.iter().map(|column| column + left_width).collect()).collect();

    let mut keys = Vec::new();
    if kind != JoinKind::Full && covered(&right.keys, &right_on) {
        keys.extend(left.keys.iter().cloned());
    }
    if kind == JoinKind::Inner && covered(&left.keys, &left_on) {
        keys.extend(shifted.iter().cloned());
    }
    for left_key in &left.keys {
        keys.extend(shifted.iter().map(|right_key| left_key.iter().chain(right_key).copied().collect()));
    }

    let mut nullable = left.nullable;
    match kind {
        JoinKind::Left => nullable.extend(right.nullable.iter().map(|_| true)),
        JoinKind::Full => nullable = vec![true; nullable.len() + right.nullable.len()],
        JoinKind::Inner | JoinKind::Semi | JoinKind::Anti => {
            nullable.extend(right.nullable);
            for key in on {
                not_null(key, left_width, &mut nullable);
            }
            keys = with_equals(keys, on, left_width);
        }
    }
    Properties { nullable, keys: minimal(keys) }
}

/// The columns that equal each other in every pair are null in none, or else both.
fn not_null(key: &Equality, left_width: usize, nullable: &mut [bool]) {
    let left = if let Scalar::Column(column, _) = key.left { Some(column) } else { None };
    let right = if let Scalar::Column(column, _) = key.right { Some(column + left_width) } else { None };
    let may_be = |column: Option<usize>| column.is_none_or(|column| nullable[column]);
    let null = key.null_safe && may_be(left) && may_be(right);
    left.into_iter().chain(right).for_each(|column| nullable[column] &= null);
}

/// The keys, and the same keys with a joined column replaced by its partner.
fn with_equals(keys: Vec<Vec<usize>>, on: &[Equality], left_width: usize) -> Vec<Vec<usize>> {
    let mut all = keys;
    for key in on {
        let (Scalar::Column(left, _), Scalar::Column(right, _)) = (&key.left, &key.right) else { continue };
        let right = right + left_width;
        let swap = |column: usize| match column {
            c if c == *left => right,
            c if c == right => *left,
            c => c,
        };
        let swapped: Vec<Vec<usize>> =
            all.iter().take(MAX_KEYS).map(|key| key.iter().map(|&column| swap(column)).collect()).collect();
        all.extend(swapped);
    }
    all
}

fn reduce(input: &Properties, group: &[Scalar], aggregates: &[Aggregate]) -> Properties {
    let mut keys = carried(&input.keys, group);
    keys.push((0..group.len()).collect());
    let grouped = !group.is_empty();
    let mut nullable: Vec<bool> = group.iter().map(|expression| is_nullable(expression, &input.nullable)).collect();
    nullable.extend(aggregates.iter().map(|aggregate| {
        let counts = aggregate.function.name() == "count";
        let argument = aggregate.arguments.first().is_none_or(|a| is_nullable(a, &input.nullable));
        let present = aggregate.function.is_present() && (!argument || aggregate.function.keeps_nulls());
        !(counts || (present && grouped && aggregate.filter.is_none()))
    }));
    Properties { nullable, keys: minimal(keys) }
}

/// Of a group no two sessions begin together, and none ends with another.
fn sessions(input: &Properties, group: &[Scalar], aggregates: &[Aggregate]) -> Properties {
    let groups = group.len();
    let Properties { mut nullable, .. } = reduce(input, group, aggregates);
    nullable.splice(groups..groups, [false, false]);
    let key = |end: usize| (0..groups).chain([groups + end]).collect();
    Properties { nullable, keys: minimal(vec![key(0), key(1)]) }
}

fn union(mut inputs: impl Iterator<Item = Properties>) -> Properties {
    let Some(first) = inputs.next() else { return Properties { nullable: Vec::new(), keys: Vec::new() } };
    inputs.fold(first, |mut all, next| {
        all.keys.clear();
        all.nullable.iter_mut().zip(next.nullable).for_each(|(nullable, other)| *nullable |= other);
        all
    })
}

fn window(mut properties: Properties, partition: &[Scalar], calls: &[WindowCall]) -> Properties {
    let width = properties.nullable.len();
    if let Some(partition) = positions(partition) {
        let numbers = calls.iter().enumerate().filter(|(_, call)| call.function == WindowFunction::RowNumber);
        let keys = numbers.map(|(place, _)| partition.iter().copied().chain([width + place]).collect());
        properties.keys.extend(keys);
        properties.keys = minimal(properties.keys);
    }
    properties.nullable.extend(calls.iter().map(|call| call.function.is_nullable()));
    properties
}

fn expand(mut properties: Properties, expansion: &Expansion) -> Properties {
    let width = properties.nullable.len();
    let with = |column: usize| {
        let key = move |key: &Vec<usize>| key.iter().copied().chain([width + column]).collect();
        properties.keys.iter().map(key).collect::<Vec<Vec<usize>>>()
    };
    if expansion.fold.is_none() {
        properties.keys = minimal(expansion.keys().into_iter().flat_map(with).collect());
    }
    properties.nullable.extend(expansion.columns().iter().map(|column| column.nullable));
    properties
}

/// The columns that the expressions are, if they all are columns.
fn positions(scalars: &[Scalar]) -> Option<Vec<usize>> {
    scalars.iter().map(|scalar| if let Scalar::Column(column, _) = scalar { Some(*column) } else { None }).collect()
}

/// What is left of the left rows.
fn set_op(kind: SetOpKind, all: bool, mut left: Properties, right: Properties) -> Properties {
    if kind == SetOpKind::Intersect {
        left.nullable.iter_mut().zip(right.nullable).for_each(|(nullable, other)| *nullable &= other);
        left.keys.extend(right.keys);
    }
    if !all {
        left.keys.push((0..left.nullable.len()).collect());
    }
    left.keys = minimal(left.keys);
    left
}

/// Whether the expression may be null, given which columns may.
pub fn is_nullable(expression: &Scalar, nullable: &[bool]) -> bool {
    let may_be = |operand: &Scalar| is_nullable(operand, nullable);
    match expression {
        Scalar::Column(column, _) => nullable.get(*column).copied().unwrap_or(true),
        Scalar::Literal(value, _) => *value == Datum::Null,
        Scalar::And(operands) | Scalar::Or(operands) => operands.iter().any(may_be),
        Scalar::Case { branches, otherwise, .. } => {
            branches.iter().any(|(_, result)| may_be(result)) || may_be(otherwise)
        }
        Scalar::Coalesce(operands, _) => operands.iter().all(may_be),
        Scalar::Call { function, arguments, .. } => {
            let certain = function.is_strict() && NEVER_NULL.contains(&function.name());
            !certain || arguments.iter().any(may_be)
        }
    }
}

/// Without duplicates and supersets; smallest first.
fn minimal(mut keys: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    for key in &mut keys {
        key.sort_unstable();
        key.dedup();
    }
    keys.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for key in keys {
        if kept.len() < MAX_KEYS && !kept.iter().any(|smaller| smaller.iter().all(|column| key.contains(column))) {
            kept.push(key);
        }
    }
    kept
}
