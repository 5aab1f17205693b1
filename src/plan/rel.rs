//! `Rel`: collection operators, by position, with types.

use crate::expr::{AggregateFunction, Scalar};
use crate::value::{RelationName, Row, Schema, Type};
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
    /// Pairs that agree on the keys (null agrees with nothing) and satisfy the residual. Output: left columns, then right columns.
    Join {
        /// How unmatched rows are treated.
        kind: JoinKind,
        /// Left input.
        left: Box<Rel>,
        /// Right input.
        right: Box<Rel>,
        /// Equalities: left expression over left columns, right expression over right columns, both of one type.
        on: Vec<(Scalar, Scalar)>,
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
}

/// How a join treats rows without a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// They vanish.
    Inner,
    /// A left row without a partner appears once, with nulls on the right.
    Left,
}

/// One aggregate of a `Reduce`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The function with its argument and result types.
    pub function: AggregateFunction,
    /// The argument; `None` for `count(*)`.
    pub argument: Option<Scalar>,
    /// Only distinct argument values count.
    pub distinct: bool,
    /// Only rows for which this is true count.
    pub filter: Option<Scalar>,
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
