//! Which aggregate a call means.

use super::{AggregateFunction, Bits, Collect, PairStatistic, ResolvedAggregate, Spread, Within};
use crate::expr::coercion::{self, Argument, ResolveError};
use crate::expr::resolve::{not_found, not_unique, undetermined};
use crate::value::Type;

/// Finds an aggregate by name; no arguments stand for `count(*)`. What is sorted by `WITHIN GROUP` comes before the direct arguments.
pub fn resolve_aggregate(name: &str, arguments: &[Argument]) -> Result<ResolvedAggregate, ResolveError> {
    let not_found = || match (is_within_group(name), arguments) {
        (true, [value, direct @ ..]) => not_found("function", name, &[direct, std::slice::from_ref(value)].concat()),
        _ => not_found("function", name, arguments),
    };
    match (name, arguments) {
        ("array_agg" | "bit_and" | "bit_or" | "bit_xor", [Argument::Unknown]) => {
            return Err(not_unique("function", name, arguments));
        }
        ("json_agg" | "jsonb_agg" | "any_value" | "mode", [Argument::Unknown]) => return Err(undetermined()),
        ("percentile_disc", [Argument::Unknown, _]) => return Err(undetermined()),
        _ => {}
    }
    let (function, arguments) = match (name, arguments) {
        ("count", []) => (AggregateFunction::Count, Vec::new()),
        ("count", [Argument::Known(ty)]) => (AggregateFunction::Count, vec![ty.clone()]),
        ("count", [Argument::Unknown]) => (AggregateFunction::Count, vec![Type::Text]),
        ("sum" | "avg", [argument]) => {
            let ty = summed(argument).ok_or_else(not_found)?;
            let function = if name == "sum" { AggregateFunction::Sum } else { AggregateFunction::Avg };
            (function(ty.clone()), vec![ty])
        }
        ("min" | "max", [argument]) => {
            let ty = ordered(argument).ok_or_else(not_found)?;
            let function = if name == "min" { AggregateFunction::Min } else { AggregateFunction::Max };
            (function(ty.clone()), vec![ty])
        }
        ("bool_and" | "every", [argument]) if is_bool(argument) => (AggregateFunction::BoolAnd, vec![Type::Bool]),
        ("bool_or", [argument]) if is_bool(argument) => (AggregateFunction::BoolOr, vec![Type::Bool]),
        ("any_value", [argument]) => {
            let ty = any(argument).ok_or_else(not_found)?;
            (AggregateFunction::AnyValue(ty.clone()), vec![ty])
        }
        (name, arguments) => statistic(name, arguments)
            .or_else(|| collecting(name, arguments))
            .or_else(|| within(name, arguments))
            .ok_or_else(not_found)?,
    };
    let result = function.result_type();
    Ok(ResolvedAggregate { function, arguments, result })
}

/// The aggregates by name.
const NAMES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "every",
    "string_agg",
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "any_value",
    "bit_and",
    "bit_or",
    "bit_xor",
    // The binder makes others of these two.
    "json_arrayagg",
    "json_objectagg",
];

/// Whether an aggregate of that name exists.
pub fn is_aggregate(name: &str) -> bool {
    NAMES.contains(&name)
        || Spread::parse(name).is_some()
        || PairStatistic::parse(name).is_some()
        || is_within_group(name)
}

/// Whether an aggregate of that name takes its values `WITHIN GROUP (ORDER BY …)`.
pub fn is_within_group(name: &str) -> bool {
    matches!(name, "mode" | "percentile_cont" | "percentile_disc")
}

/// An aggregate of numbers and their bits.
fn statistic(name: &str, arguments: &[Argument]) -> Option<(AggregateFunction, Vec<Type>)> {
    let bits = match name {
        "bit_and" => Some(Bits::And),
        "bit_or" => Some(Bits::Or),
        "bit_xor" => Some(Bits::Xor),
        _ => None,
    };
    match (bits, Spread::parse(name), PairStatistic::parse(name), arguments) {
        (Some(bits), .., [Argument::Known(ty @ (Type::Int2 | Type::Int4 | Type::Int8))]) => {
            Some((AggregateFunction::Bits(bits, ty.clone()), vec![ty.clone()]))
        }
        (_, Some(spread), _, [argument]) => {
            let ty = summed(argument).filter(|ty| *ty != Type::Interval)?;
            Some((AggregateFunction::Spread(spread, ty.clone()), vec![ty]))
        }
        (.., Some(statistic), [y, x]) if takes(y, &Type::Float8) && takes(x, &Type::Float8) => {
            Some((AggregateFunction::Pairs(statistic), vec![Type::Float8, Type::Float8]))
        }
        _ => None,
    }
}

/// An aggregate of sorted values; a fraction comes second.
fn within(name: &str, arguments: &[Argument]) -> Option<(AggregateFunction, Vec<Type>)> {
    let fractions = |fraction: &Argument| {
        let many = matches!(fraction, Argument::Known(Type::Array(_)));
        let ty = if many { Type::Float8.array_of() } else { Type::Float8 };
        takes(fraction, &ty).then_some((ty, many))
    };
    let (within, types) = match (name, arguments) {
        ("mode", [value]) => {
            let ty = any(value)?;
            (Within::Mode(ty.clone()), vec![ty])
        }
        ("percentile_disc", [value, fraction]) => {
            let (ty, (fraction, many)) = (any(value)?, fractions(fraction)?);
            (Within::PercentileDisc { ty: ty.clone(), many }, vec![ty, fraction])
        }
        ("percentile_cont", [value, fraction]) => {
            let ty = [Type::Float8, Type::Interval].into_iter().find(|ty| takes(value, ty))?;
            let (fraction, many) = fractions(fraction)?;
            (Within::PercentileCont { ty: ty.clone(), many }, vec![ty, fraction])
        }
        _ => return None,
    };
    Some((AggregateFunction::Within(within), types))
}

/// An aggregate that collects its values.
fn collecting(name: &str, arguments: &[Argument]) -> Option<(AggregateFunction, Vec<Type>)> {
    let (collect, types) = match (name, arguments) {
        ("string_agg", [value, delimiter]) => {
            let takes = |ty: &Type| takes(value, ty) && takes(delimiter, ty);
            let ty = [Type::Text, Type::Bytea].into_iter().find(takes)?;
            (Collect::String(ty.clone()), vec![ty.clone(), ty])
        }
        ("array_agg", [value]) => {
            let ty = any(value)?;
            let of_arrays = matches!(ty, Type::Array(_));
            let result = if of_arrays { ty.clone() } else { ty.clone().array_of() };
            (Collect::Array { ty: result, of_arrays }, vec![ty])
        }
        ("json_agg", [value]) => {
            let ty = any(value)?;
            (Collect::JsonArray { structured: matches!(ty, Type::Array(_)) }, vec![ty])
        }
        ("jsonb_agg", [value]) => (Collect::JsonbArray, vec![any(value)?]),
        ("json_object_agg", [key, value]) => (Collect::JsonObject, vec![any(key)?, any(value)?]),
        ("jsonb_object_agg", [key, value]) => (Collect::JsonbObject, vec![any(key)?, any(value)?]),
        _ => return None,
    };
    Some((AggregateFunction::Collect(collect), types))
}

/// Whether the argument is, or becomes without being asked, of that type.
fn takes(argument: &Argument, ty: &Type) -> bool {
    match argument {
        Argument::Known(known) => coercion::is_implicit(known, ty),
        Argument::Unknown => true,
    }
}

/// The argument's own type, if it is one that is understood here.
fn any(argument: &Argument) -> Option<Type> {
    match argument {
        Argument::Known(Type::Opaque(_)) => None,
        Argument::Known(ty) => Some(ty.clone()),
        Argument::Unknown => Some(Type::Text),
    }
}

fn is_bool(argument: &Argument) -> bool {
    matches!(argument, Argument::Known(Type::Bool) | Argument::Unknown)
}

/// The type `sum` and `avg` take the argument as: an unknown one as `double precision`, the preferred number.
fn summed(argument: &Argument) -> Option<Type> {
    match argument {
        Argument::Known(ty) if coercion::category(ty) == coercion::Category::Numeric => Some(ty.clone()),
        Argument::Known(Type::Interval | Type::Time) => Some(Type::Interval),
        Argument::Unknown => Some(Type::Float8),
        Argument::Known(_) => None,
    }
}

/// The type `min` and `max` take the argument as.
fn ordered(argument: &Argument) -> Option<Type> {
    match argument {
        Argument::Known(Type::Varchar) | Argument::Unknown => Some(Type::Text),
        Argument::Known(Type::Bool | Type::Bytea | Type::Uuid | Type::Jsonb) => None,
        Argument::Known(ty) if !ty.has_order() => None,
        Argument::Known(ty) => Some(ty.clone()),
    }
}
