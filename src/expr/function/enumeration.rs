//! The values an enum has: of its type, whatever the argument is.

use super::Kind::*;
use super::array::one_dimensional;
use super::{Definition, total};
use crate::expr::EvalError;
use crate::value::{Datum, EnumLabel, EnumType, Type};
use std::sync::Arc;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("enum_first", &[Enum], Enum, |_, ty| Ok(all(ty)?.next().unwrap_or(Datum::Null))).sees_nulls(),
    total("enum_last", &[Enum], Enum, |_, ty| Ok(all(ty)?.last().unwrap_or(Datum::Null))).sees_nulls(),
    total("enum_range", &[Enum], Array, |_, ty| range(&Datum::Null, &Datum::Null, ty)).sees_nulls(),
    total("enum_range", &[Enum, Enum], Array, |values, ty| match values {
        [first, last] => range(first, last, ty),
        _ => Err(EvalError::mistyped()),
    })
    .sees_nulls(),
];

fn labels(ty: &Type) -> Result<&Arc<EnumType>> {
    match ty {
        Type::Enum(labels) => Ok(labels),
        Type::Array(element) => labels(element),
        _ => Err(EvalError::mistyped()),
    }
}

/// The values, least first.
fn all(ty: &Type) -> Result<impl Iterator<Item = Datum>> {
    let label =
        |(order, label): (usize, &String)| Datum::Enum(EnumLabel { order: order as u32, label: label.as_str().into() });
    Ok(labels(ty)?.labels.iter().enumerate().map(label))
}

/// The values from the one to the other; a null bounds nothing.
fn range(first: &Datum, last: &Datum, ty: &Type) -> Result<Datum> {
    let within = |value: &Datum| {
        (first.is_null() || value.sql_cmp(first).is_ge()) && (last.is_null() || value.sql_cmp(last).is_le())
    };
    let values = all(ty)?.filter(within).collect();
    Ok(one_dimensional(Type::Enum(labels(ty)?.clone()), values))
}
