//! `Rel`: collection operators, by position, with types.

use super::{ClockTest, Expansion, Settling, WindowCall};
use crate::expr::{AggregateFunction, Scalar};
use crate::value::{Column, RelationName, Row, Schema, Type};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A relation known to the plan: an input or a view, by its name.
pub type RelId = RelationName;

/// A collection operator. Columns are positions; every expression reads its input's columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Rel {
    /// An input relation or another view.
    Get {
        /// Which.
        relation: RelId,
        /// Its column types.
        columns: Vec<Type>,
    },
    /// Fixed rows.
    Constant {
        /// The rows.
        rows: Vec<Row>,
        /// Their column types.
        columns: Vec<Type>,
    },
    /// Rows for which every predicate is true (neither false nor null), evaluated in order, stopping at the first that is not.
    Filter {
        /// From.
        input: Box<Rel>,
        /// Booleans over the input's columns.
        predicates: Vec<Scalar>,
    },
    /// Exactly the given expressions per row.
    Map {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns.
        expressions: Vec<Scalar>,
    },
    /// Pairs that agree on the keys and satisfy the residual. Output: left columns, then right columns unless the kind leaves them out.
    Join {
        /// What becomes of pairs, and of rows without a partner.
        kind: JoinKind,
        /// Left input.
        left: Box<Rel>,
        /// Right input.
        right: Box<Rel>,
        /// The keys.
        on: Vec<Equality>,
        /// Booleans over left columns followed by right columns.
        residual: Vec<Scalar>,
    },
    /// One row per group: the group expressions' values, then the aggregates' values. Without group expressions, exactly one row.
    Reduce {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns.
        group: Vec<Scalar>,
        /// Over the input's columns.
        aggregates: Vec<Aggregate>,
    },
    /// SQL-equal rows once, showing the least form.
    Distinct {
        /// From.
        input: Box<Rel>,
    },
    /// All rows of all inputs (`UNION ALL`).
    Union {
        /// At least one, of equal column types.
        inputs: Vec<Rel>,
    },
    /// The left rows that occur, or do not occur, on the right; SQL-equal rows show the least form.
    SetOp {
        /// Which.
        kind: SetOpKind,
        /// Whether every occurrence counts (`ALL`), rather than each row once.
        all: bool,
        /// Left input.
        left: Box<Rel>,
        /// Right input, of the same column types.
        right: Box<Rel>,
    },
    /// Of each group the first rows, after some that are skipped. What the order leaves open the rest of the row decides.
    TopK {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns; null agrees with null.
        group: Vec<Scalar>,
        /// Over the input's columns.
        order: Vec<SortKey>,
        /// How many are skipped.
        offset: u64,
        /// How many follow; all if there is none.
        limit: Option<u64>,
        /// Whether rows that the order puts level with the last of them follow too.
        ties: bool,
    },
    /// The columns of each row, and what window functions give it. What the order leaves open the rest of the row decides.
    Window {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns; null agrees with null.
        partition: Vec<Scalar>,
        /// Over the input's columns.
        order: Vec<SortKey>,
        /// Over the input's columns.
        calls: Vec<WindowCall>,
    },
    /// `WITH RECURSIVE`: the rows of all rounds. The base gives those of round 0; what the step makes of the rows of one round are
    /// those of the next, until there are none.
    Recursive {
        /// By which name the step reads the rows, each behind the number of its round (`Int8`).
        working: RelId,
        /// The rows to begin with.
        base: Box<Rel>,
        /// The number of the round it read, and a row of the next.
        step: Box<Rel>,
        /// Whether every occurrence counts (`UNION ALL`), rather than the first of SQL-equal rows.
        all: bool,
    },
    /// Rows while the clock satisfies every test.
    Temporal {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns.
        tests: Vec<ClockTest>,
    },
    /// One row per group and session, a session being a run of times of which none is further than the gap from the one before: the
    /// group expressions' values, where the session begins, where it ends (its last time and the gap), then the aggregates' values.
    Sessions {
        /// From.
        input: Box<Rel>,
        /// Over the input's columns.
        group: Vec<Scalar>,
        /// The time, over the input's columns.
        at: Scalar,
        /// Microseconds.
        gap: i64,
        /// Over the input's columns.
        aggregates: Vec<Aggregate>,
    },
    /// Each row with the rows of a table that agreed with it on the keys and satisfied the residual, as the table was at a time of
    /// the row: left columns, then right columns.
    AsOf {
        /// Whether rows that found none are left out, or stay with nulls on the right (`Left`).
        kind: JoinKind,
        /// Left input.
        left: Box<Rel>,
        /// The table.
        right: Box<Rel>,
        /// The keys.
        on: Vec<Equality>,
        /// Booleans over left columns followed by right columns.
        residual: Vec<Scalar>,
        /// The time, over left columns.
        at: Scalar,
        /// By how much a row may come later than that time, microseconds.
        keep: i64,
    },
    /// The rows of an operator, of whose changes only those count that come before they settle.
    Settle {
        /// From: an operator by groups, or a join.
        input: Box<Rel>,
        /// How they settle.
        settling: Settling,
    },
    /// Each row with each of the rows that table functions return for it.
    Expand {
        /// From.
        input: Box<Rel>,
        /// The functions, over the input's columns.
        expansion: Expansion,
    },
}

/// What a set operation keeps of its left rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOpKind {
    /// Those that occur on the right; with `ALL` as often as on the side where they occur less often.
    Intersect,
    /// Those that do not; with `ALL` as often as they occur more often than on the right.
    Except,
}

impl SetOpKind {
    /// The SQL name.
    pub fn name(self) -> &'static str {
        match self {
            SetOpKind::Intersect => "INTERSECT",
            SetOpKind::Except => "EXCEPT",
        }
    }
}

/// What a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and each left row without a partner, with nulls on the right.
    Left,
    /// Pairs, and each row of either side without a partner, with nulls on the other.
    Full,
    /// Each left row that has a partner, as often as it occurs; no right columns.
    Semi,
    /// Each left row that has none; no right columns.
    Anti,
}

impl JoinKind {
    /// Whether the right columns are part of the output.
    pub fn shows_right(self) -> bool {
        !matches!(self, JoinKind::Semi | JoinKind::Anti)
    }
}

/// A key of a join: an expression over left columns that is to equal one over right columns, both of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Equality {
    /// Over the left input's columns.
    pub left: Scalar,
    /// Over the right input's columns.
    pub right: Scalar,
    /// Whether null agrees with null (`IS NOT DISTINCT FROM`), rather than with nothing (`=`).
    pub null_safe: bool,
}

impl Equality {
    /// `left = right`.
    pub fn new(left: Scalar, right: Scalar) -> Equality {
        Equality { left, right, null_safe: false }
    }
}

/// One aggregate of a `Reduce`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The function with its argument and result types.
    pub function: AggregateFunction,
    /// The arguments, over the input's columns; none for `count(*)`.
    pub arguments: Vec<Scalar>,
    /// Only distinct argument values count.
    pub distinct: bool,
    /// Only rows for which this is true count.
    pub filter: Option<Scalar>,
    /// The order in which rows are taken, where it makes a difference; what it leaves open the arguments' values decide.
    pub order: Vec<SortKey>,
}

impl Aggregate {
    /// Every expression of the call.
    pub fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        let keys = self.order.iter().map(|key| &key.expression);
        self.arguments.iter().chain(&self.filter).chain(keys)
    }

    /// Whether it may fail on some rows.
    pub fn may_fail(&self) -> bool {
        let types: Vec<Type> = self.arguments.iter().map(Scalar::ty).collect();
        self.function.is_fallible(&types) || self.scalars().any(Scalar::is_fallible)
    }

    /// As `scalars`, for rewriting.
    pub fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        let keys = self.order.iter_mut().map(|key| &mut key.expression);
        self.arguments.iter_mut().chain(&mut self.filter).chain(keys)
    }
}

/// One key of an ORDER BY: SQL's order of its type.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// Over the input's columns.
    pub expression: Scalar,
    /// From the greatest down.
    pub descending: bool,
    /// Nulls before everything else.
    pub nulls_first: bool,
}

/// The name under which other rooms speak of an aggregate in a plan.
pub type AggregateCall = Aggregate;

/// A view: its definition and what is known of its rows.
#[derive(Clone, Debug)]
pub struct View {
    /// The view's name.
    pub name: RelId,
    /// Its columns, and its key if one could be derived.
    pub schema: Arc<Schema>,
    /// Its definition.
    pub rel: Rel,
}

/// What the step of a recursion reads: the round, and columns like those of the base.
pub fn working_schema(columns: impl IntoIterator<Item = Column>) -> Arc<Schema> {
    let round = Column::new("round", Type::Int8, false);
    Arc::new(Schema::table([round].into_iter().chain(columns).collect(), None))
}

impl Rel {
    /// The types of the columns.
    pub fn columns(&self) -> Vec<Type> {
        match self {
            Rel::Get { columns, .. } | Rel::Constant { columns, .. } => columns.clone(),
            Rel::Filter { input, .. } | Rel::Distinct { input } => input.columns(),
            Rel::TopK { input, .. } | Rel::Temporal { input, .. } | Rel::Settle { input, .. } => input.columns(),
            Rel::AsOf { left, right, .. } => left.columns().into_iter().chain(right.columns()).collect(),
            Rel::Sessions { group, at, aggregates, .. } => {
                let results = aggregates.iter().map(|aggregate| aggregate.function.result_type());
                group.iter().map(Scalar::ty).chain([at.ty(), at.ty()]).chain(results).collect()
            }
            Rel::Map { expressions, .. } => expressions.iter().map(Scalar::ty).collect(),
            Rel::Join { kind, left, right, .. } => {
                let mut columns = left.columns();
                if kind.shows_right() {
                    columns.extend(right.columns());
                }
                columns
            }
            Rel::Reduce { group, aggregates, .. } => {
                let results = aggregates.iter().map(|aggregate| aggregate.function.result_type());
                group.iter().map(Scalar::ty).chain(results).collect()
            }
            Rel::Union { inputs } => inputs.first().map_or_else(Vec::new, Rel::columns),
            Rel::SetOp { left, .. } => left.columns(),
            Rel::Window { input, calls, .. } => {
                let results = calls.iter().map(|call| call.function.result_type());
                input.columns().into_iter().chain(results).collect()
            }
            Rel::Recursive { base, .. } => base.columns(),
            Rel::Expand { input, expansion } => {
                let added = expansion.columns().into_iter().map(|column| column.ty);
                input.columns().into_iter().chain(added).collect()
            }
        }
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        match self {
            Rel::Get { columns, .. } | Rel::Constant { columns, .. } => columns.len(),
            Rel::Filter { input, .. } | Rel::Distinct { input } => input.width(),
            Rel::TopK { input, .. } | Rel::Temporal { input, .. } | Rel::Settle { input, .. } => input.width(),
            Rel::AsOf { left, right, .. } => left.width() + right.width(),
            Rel::Sessions { group, aggregates, .. } => group.len() + 2 + aggregates.len(),
            Rel::Map { expressions, .. } => expressions.len(),
            Rel::Join { kind, left, right, .. } => left.width() + if kind.shows_right() { right.width() } else { 0 },
            Rel::Reduce { group, aggregates, .. } => group.len() + aggregates.len(),
            Rel::Union { inputs } => inputs.first().map_or(0, Rel::width),
            Rel::SetOp { left, .. } => left.width(),
            Rel::Window { input, calls, .. } => input.width() + calls.len(),
            Rel::Recursive { base, .. } => base.width(),
            Rel::Expand { input, expansion } => input.width() + expansion.width(),
        }
    }

    /// The operators this one reads, in order.
    pub fn inputs(&self) -> Vec<&Rel> {
        match self {
            Rel::Get { .. } | Rel::Constant { .. } => Vec::new(),
            Rel::Filter { input, .. } | Rel::Map { input, .. } | Rel::Temporal { input, .. } => vec![input],
            Rel::Reduce { input, .. } | Rel::Distinct { input } => vec![input],
            Rel::Sessions { input, .. } | Rel::Settle { input, .. } => vec![input],
            Rel::TopK { input, .. } | Rel::Window { input, .. } | Rel::Expand { input, .. } => vec![input],
            Rel::Join { left, right, .. } | Rel::SetOp { left, right, .. } => vec![left, right],
            Rel::AsOf { left, right, .. } => vec![left, right],
            Rel::Union { inputs } => inputs.iter().collect(),
            Rel::Recursive { base, step, .. } => vec![base, step],
        }
    }

    /// As `inputs`, for rewriting.
    pub fn inputs_mut(&mut self) -> Vec<&mut Rel> {
        match self {
            Rel::Get { .. } | Rel::Constant { .. } => Vec::new(),
            Rel::Filter { input, .. } | Rel::Map { input, .. } | Rel::Temporal { input, .. } => vec![input],
            Rel::Reduce { input, .. } | Rel::Distinct { input } => vec![input],
            Rel::Sessions { input, .. } | Rel::Settle { input, .. } => vec![input],
            Rel::TopK { input, .. } | Rel::Window { input, .. } | Rel::Expand { input, .. } => vec![input],
            Rel::Join { left, right, .. } | Rel::SetOp { left, right, .. } => vec![left, right],
            Rel::AsOf { left, right, .. } => vec![left, right],
            Rel::Union { inputs } => inputs.iter_mut().collect(),
            Rel::Recursive { base, step, .. } => vec![base, step],
        }
    }

    /// The operator, of which no rows are left in its place: to be rewritten.
    pub fn take(&mut self) -> Rel {
        std::mem::replace(self, Rel::Union { inputs: Vec::new() })
    }

    /// The relations that are read.
    pub fn relations(&self) -> BTreeSet<&RelId> {
        let mut relations: BTreeSet<&RelId> = self.inputs().into_iter().flat_map(Rel::relations).collect();
        match self {
            Rel::Get { relation, .. } => _ = relations.insert(relation),
            Rel::Recursive { working, .. } => _ = relations.remove(working),
            _ => {}
        }
        relations
    }

    /// The relations below lookups.
    pub fn looked_up(&self) -> BTreeSet<&RelId> {
        match self {
            Rel::AsOf { .. } => self.relations(),
            rel => rel.inputs().into_iter().flat_map(Rel::looked_up).collect(),
        }
    }

    /// Every expression of this operator itself, for rewriting.
    pub fn scalars_mut(&mut self) -> Vec<&mut Scalar> {
        match self {
            Rel::Get { .. } | Rel::Constant { .. } | Rel::Settle { .. } => Vec::new(),
            Rel::Distinct { .. } | Rel::Union { .. } | Rel::SetOp { .. } | Rel::Recursive { .. } => Vec::new(),
            Rel::TopK { group, order, .. } => {
                group.iter_mut().chain(order.iter_mut().map(|key| &mut key.expression)).collect()
            }
            Rel::Window { partition, order, calls, .. } => {
                let keys = partition.iter_mut().chain(order.iter_mut().map(|key| &mut key.expression));
                keys.chain(calls.iter_mut().flat_map(WindowCall::scalars_mut)).collect()
            }
            Rel::Expand { expansion, .. } => expansion.scalars_mut().collect(),
            Rel::Filter { predicates, .. } => predicates.iter_mut().collect(),
            Rel::Temporal { tests, .. } => tests.iter_mut().map(|test| &mut test.at).collect(),
            Rel::Map { expressions, .. } => expressions.iter_mut().collect(),
            Rel::Join { on, residual, .. } => {
                on.iter_mut().flat_map(|key| [&mut key.left, &mut key.right]).chain(residual).collect()
            }
            Rel::AsOf { on, residual, at, .. } => {
                on.iter_mut().flat_map(|key| [&mut key.left, &mut key.right]).chain(residual).chain([at]).collect()
            }
            Rel::Reduce { group, aggregates, .. } => {
                group.iter_mut().chain(aggregates.iter_mut().flat_map(Aggregate::scalars_mut)).collect()
            }
            Rel::Sessions { group, at, aggregates, .. } => {
                group.iter_mut().chain([at]).chain(aggregates.iter_mut().flat_map(Aggregate::scalars_mut)).collect()
            }
        }
    }

    /// Whether some row comes or goes because time passes.
    pub fn reads_clock(&self) -> bool {
        matches!(self, Rel::Temporal { .. }) || self.inputs().into_iter().any(Rel::reads_clock)
    }

    /// Filters by these predicates; the relation itself if there are none.
    pub fn filter(self, mut predicates: Vec<Scalar>) -> Rel {
        match self {
            rel if predicates.is_empty() => rel,
            Rel::Filter { input, predicates: mut first } => {
                first.append(&mut predicates);
                Rel::Filter { input, predicates: first }
            }
            rel => Rel::Filter { input: Box::new(rel), predicates },
        }
    }

    /// Computes these expressions; the relation itself if they are its columns.
    pub fn map(self, expressions: Vec<Scalar>) -> Rel {
        let is_identity = |types: &[Type]| {
            let same = |(i, e): (usize, &Scalar)| matches!(e, Scalar::Column(c, ty) if *c == i && *ty == types[i]);
            expressions.len() == types.len() && expressions.iter().enumerate().all(same)
        };
        if is_identity(&self.columns()) { self } else { Rel::Map { input: Box::new(self), expressions } }
    }

    /// Only these columns, in this order.
    pub fn project(self, positions: &[usize]) -> Rel {
        let types = self.columns();
        self.map(positions.iter().map(|&position| Scalar::Column(position, types[position].clone())).collect())
    }
}
