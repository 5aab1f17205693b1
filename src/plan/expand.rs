//! Calls of functions that return rows.

use super::Aggregate;
use crate::expr::{AggregateFunction, Scalar, TableFunction};
use crate::value::Column;

/// One call of an `Expand`. Its arguments read the input's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TableCall {
    /// The function.
    pub function: TableFunction,
    /// What it is called with.
    pub arguments: Vec<Scalar>,
    /// What it returns.
    pub columns: Vec<Column>,
}

/// How the rows of an `Expand`'s calls are put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expansion {
    /// Their rows stand side by side: the first rows, the second rows. A call that has fewer gives nulls.
    pub calls: Vec<TableCall>,
    /// Whether the rows are numbered in a last column, from 1 on.
    pub ordinality: bool,
    /// What a row must satisfy, over the input's columns followed by the calls', so that the input row is not left alone; `None` if
    /// such an input row vanishes. If it does not, it gets nulls.
    pub outer: Option<Vec<Scalar>>,
    /// What is asked for, if it is not the rows themselves. Each input row is there once then, followed by the aggregates' values.
    pub fold: Option<Folded>,
}

/// Aggregates of the rows that calls return for one input row.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The rows that count, over the input's columns followed by the calls'.
    pub predicates: Vec<Scalar>,
    /// Over the same.
    pub aggregates: Vec<Aggregate>,
}

impl Folded {
    fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        self.predicates.iter().chain(self.aggregates.iter().flat_map(Aggregate::scalars))
    }

    fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        self.predicates.iter_mut().chain(self.aggregates.iter_mut().flat_map(Aggregate::scalars_mut))
    }
}

impl Expansion {
    /// How many columns there are behind the input's.
    pub fn width(&self) -> usize {
        self.fold.as_ref().map_or_else(|| self.returned(), |fold| fold.aggregates.len())
    }

    /// How many columns the calls' rows have.
    pub fn returned(&self) -> usize {
        self.calls.iter().map(|call| call.columns.len()).sum::<usize>() + usize::from(self.ordinality)
    }

    /// The columns behind the input's.
    pub fn columns(&self) -> Vec<Column> {
        if let Some(fold) = &self.fold {
            let column = |aggregate: &Aggregate| {
                let nullable = aggregate.function != AggregateFunction::Count;
                Column::new(aggregate.function.name(), aggregate.function.result_type(), nullable)
            };
            return fold.aggregates.iter().map(column).collect();
        }
        self.returned_columns()
    }

    /// The columns of the calls' rows.
    pub fn returned_columns(&self) -> Vec<Column> {
        let padded = self.calls.len() > 1;
        let all = self.calls.iter().flat_map(|call| &call.columns).cloned();
        let mut columns: Vec<Column> =
            all.map(|column| Column { nullable: column.nullable || padded, ..column }).collect();
        columns.extend(self.ordinality.then(|| Column::new("ordinality", crate::value::Type::Int8, false)));
        if self.outer.is_some() {
            columns.iter_mut().for_each(|column| column.nullable = true);
        }
        columns
    }

    /// Of the columns behind the input's those that no two rows of one input row share: any of them identifies one.
    pub fn keys(&self) -> Vec<usize> {
        let own = match self.calls.as_slice() {
            [call] => call.function.key(),
            _ => None,
        };
        own.into_iter().chain(self.ordinality.then(|| self.width() - 1)).collect()
    }

    /// Every argument.
    pub fn arguments(&self) -> impl Iterator<Item = &Scalar> {
        self.calls.iter().flat_map(|call| &call.arguments)
    }

    /// Every expression over the input's columns followed by the calls'.
    pub fn over_both(&self) -> impl Iterator<Item = &Scalar> {
        self.outer.iter().flatten().chain(self.fold.iter().flat_map(Folded::scalars))
    }

    /// Every expression: the arguments, and what is over the calls' rows.
    pub fn scalars_mut(&mut self) -> impl Iterator<Item = &mut Scalar> {
        let arguments = self.calls.iter_mut().flat_map(|call| &mut call.arguments);
        arguments.chain(self.outer.iter_mut().flatten()).chain(self.fold.iter_mut().flat_map(Folded::scalars_mut))
    }

    /// Whether there may be rows for which it fails.
    pub fn is_fallible(&self) -> bool {
        let aggregates = self.fold.iter().flat_map(|fold| &fold.aggregates);
        self.calls.iter().any(|call| call.function.is_fallible())
            || self.arguments().chain(self.over_both()).any(Scalar::is_fallible)
            || aggregates.into_iter().any(Aggregate::may_fail)
    }
}
