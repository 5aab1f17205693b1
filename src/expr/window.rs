//! Window functions: what a row is given by the rows around it in its partition.

use super::aggregate::{AggregateFunction, ResolvedAggregate, is_aggregate, resolve_aggregate};
use super::coercion::{Argument, ResolveError, common_type};
use super::resolve::{not_found, undetermined};
use crate::value::Type;

/// A window function with its result's type where that is the argument's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// The row's number.
    RowNumber,
    /// The number of its first peer.
    Rank,
    /// The number of its peers among all such groups.
    DenseRank,
    /// The rank as a part of the partition, from 0 to 1.
    PercentRank,
    /// The part of the rows that come before it or are its peers.
    CumeDist,
    /// The number of its bucket, of so many equal ones.
    Ntile,
    /// The value so many rows before, else a default.
    Lag(Type),
    /// The value so many rows behind, else a default.
    Lead(Type),
    /// The value of the frame's first row.
    FirstValue(Type),
    /// The value of the frame's last row.
    LastValue(Type),
    /// The value of the frame's row of that number.
    NthValue(Type),
    /// An aggregate of the frame's rows.
    Aggregate(AggregateFunction),
}

/// The window function a call means.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedWindow {
    /// The function.
    pub function: WindowFunction,
    /// What each argument is to be cast to, implicitly.
    pub arguments: Vec<Type>,
}

/// The window functions that are no aggregates, by name.
const NAMES: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Whether the function needs an OVER.
pub fn is_window(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Finds a window function or an aggregate by name.
pub fn resolve_window(name: &str, arguments: &[Argument]) -> Result<ResolvedWindow, ResolveError> {
    if is_aggregate(name) {
        let ResolvedAggregate { function, arguments, .. } = resolve_aggregate(name, arguments)?;
        return Ok(ResolvedWindow { function: WindowFunction::Aggregate(function), arguments });
    }
    let (function, arguments) = match (name, arguments) {
        ("row_number", []) => (WindowFunction::RowNumber, Vec::new()),
        ("rank", []) => (WindowFunction::Rank, Vec::new()),
        ("dense_rank", []) => (WindowFunction::DenseRank, Vec::new()),
        ("percent_rank", []) => (WindowFunction::PercentRank, Vec::new()),
        ("cume_dist", []) => (WindowFunction::CumeDist, Vec::new()),
        ("ntile", [buckets]) if is_number(buckets) => (WindowFunction::Ntile, vec![Type::Int4]),
        ("lag" | "lead", [value, rest @ ..]) if rest.len() < 3 && rest.first().is_none_or(is_number) => {
            let ty = match rest {
                [_, default] => common_type(&[value.clone(), default.clone()])
                    .map_err(|_| not_found("function", name, arguments))?,
                _ => any(value)?,
            };
            let function = if name == "lag" { WindowFunction::Lag } else { WindowFunction::Lead };
            let types = [ty.clone(), Type::Int4, ty.clone()].into_iter().take(arguments.len());
            (function(ty), types.collect())
        }
        ("first_value", [value]) => of_value(WindowFunction::FirstValue, any(value)?, &[]),
        ("last_value", [value]) => of_value(WindowFunction::LastValue, any(value)?, &[]),
        ("nth_value", [value, number]) if is_number(number) => {
            of_value(WindowFunction::NthValue, any(value)?, &[Type::Int4])
        }
        _ => return Err(not_found("function", name, arguments)),
    };
    Ok(ResolvedWindow { function, arguments })
}

fn of_value(function: fn(Type) -> WindowFunction, ty: Type, more: &[Type]) -> (WindowFunction, Vec<Type>) {
    (function(ty.clone()), std::iter::once(ty).chain(more.iter().cloned()).collect())
}

fn is_number(argument: &Argument) -> bool {
    matches!(argument, Argument::Known(Type::Int2 | Type::Int4) | Argument::Unknown)
}

fn any(argument: &Argument) -> Result<Type, ResolveError> {
    match argument {
        Argument::Known(ty) => Ok(ty.clone()),
        Argument::Unknown => Err(undetermined()),
    }
}

impl WindowFunction {
    /// The SQL name.
    pub fn name(&self) -> &'static str {
        match self {
            WindowFunction::RowNumber => "row_number",
            WindowFunction::Rank => "rank",
            WindowFunction::DenseRank => "dense_rank",
            WindowFunction::PercentRank => "percent_rank",
            WindowFunction::CumeDist => "cume_dist",
            WindowFunction::Ntile => "ntile",
            WindowFunction::Lag(_) => "lag",
            WindowFunction::Lead(_) => "lead",
            WindowFunction::FirstValue(_) => "first_value",
            WindowFunction::LastValue(_) => "last_value",
            WindowFunction::NthValue(_) => "nth_value",
            WindowFunction::Aggregate(aggregate) => aggregate.name(),
        }
    }

    /// The type of the result.
    pub fn result_type(&self) -> Type {
        match self {
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => Type::Int8,
            WindowFunction::PercentRank | WindowFunction::CumeDist => Type::Float8,
            WindowFunction::Ntile => Type::Int4,
            WindowFunction::Lag(ty) | WindowFunction::Lead(ty) | WindowFunction::NthValue(ty) => ty.clone(),
            WindowFunction::FirstValue(ty) | WindowFunction::LastValue(ty) => ty.clone(),
            WindowFunction::Aggregate(aggregate) => aggregate.result_type(),
        }
    }

    /// Whether the result may be null.
    pub fn is_nullable(&self) -> bool {
        match self {
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => false,
            WindowFunction::PercentRank | WindowFunction::CumeDist => false,
            WindowFunction::Ntile | WindowFunction::Lag(_) | WindowFunction::Lead(_) => true,
            WindowFunction::FirstValue(_) | WindowFunction::LastValue(_) | WindowFunction::NthValue(_) => true,
            WindowFunction::Aggregate(aggregate) => *aggregate != AggregateFunction::Count,
        }
    }

    /// Whether the result depends on the frame.
    pub fn is_framed(&self) -> bool {
        match self {
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => false,
            WindowFunction::PercentRank | WindowFunction::CumeDist | WindowFunction::Ntile => false,
            WindowFunction::Lag(_) | WindowFunction::Lead(_) => false,
            WindowFunction::FirstValue(_) | WindowFunction::LastValue(_) | WindowFunction::NthValue(_) => true,
            WindowFunction::Aggregate(_) => true,
        }
    }
}
