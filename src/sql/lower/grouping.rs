//! GROUPING SETS, ROLLUP and CUBE: the groups of several groupings, side by side.

use crate::expr::Scalar;
use crate::plan::{Aggregate, Rel};
use crate::sql::bind::aggregate::Call;
use crate::sql::bind::grouping::Group;
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{Expr, Spanned};

/// Each set is a reduction of its own.
const MAX_SETS: usize = 64;

/// The grouping sets of a GROUP BY, each as the expressions that it groups by: every item's alternatives with every other's.
pub(super) fn grouping_sets(group_by: &[Expr]) -> Bound<Vec<Vec<&Expr>>> {
    let mut sets: Vec<Vec<&Expr>> = vec![Vec::new()];
    for item in group_by {
        let alternatives = alternatives(item);
        if sets.len().saturating_mul(alternatives.len()) > MAX_SETS {
            return Err(Fault::unsupported(format!("more than {MAX_SETS} grouping sets are")).at(item.span()));
        }
        let pairs = sets.iter().flat_map(|set| alternatives.iter().map(move |more| (set, more)));
        sets = pairs.map(|(set, more)| [set.as_slice(), more].concat()).collect();
    }
    Ok(sets)
}

/// The sets of one item; of too many only as many as tell that they are.
fn alternatives(item: &Expr) -> Vec<Vec<&Expr>> {
    match item {
        Expr::GroupingSets(sets) => sets.iter().map(|set| set.iter().collect()).collect(),
        Expr::Rollup(parts) => {
            (0..=parts.len()).rev().map(|length| parts[..length].iter().flatten().collect()).collect()
        }
        Expr::Cube(parts) => {
            let subsets = 1usize.checked_shl(parts.len() as u32).unwrap_or(usize::MAX).min(MAX_SETS + 1);
            let chosen = |subset: usize| {
                let in_subset = |(place, _): &(usize, &Vec<Expr>)| subset >> place & 1 == 1;
                parts.iter().enumerate().filter(in_subset).flat_map(|(_, part)| part).collect()
            };
            (0..subsets).map(chosen).collect()
        }
        Expr::Tuple(exprs) => vec![exprs.iter().collect()],
        expr => vec![vec![expr]],
    }
}

/// The groups of one set, with columns for all: null for the expressions it does not group by, then the calls.
/// `reduce` makes the set's own groups.
pub(super) fn groups(
    group: &Group,
    set: &[usize],
    calls: &[Call],
    reduce: impl FnOnce(Vec<Scalar>, Vec<Aggregate>) -> Rel,
) -> Rel {
    let is_aggregate = |call: &Call| if let Call::Aggregate(aggregate) = call { Some(aggregate.clone()) } else { None };
    let aggregates: Vec<Aggregate> = calls.iter().filter_map(is_aggregate).collect();
    let reduced = reduce(set.iter().map(|place| group.expressions[*place].clone()).collect(), aggregates);
    let types = reduced.columns();
    let column = |position: usize| Scalar::Column(position, types[position].clone());
    let of_group = group.expressions.iter().enumerate().map(|(place, expression)| {
        let own = set.iter().position(|grouped| *grouped == place);
        own.map_or_else(|| Scalar::Literal(Datum::Null, expression.ty()), column)
    });
    let mut aggregates = set.len()..types.len();
    let of_calls = calls.iter().map(|call| match call {
        Call::Aggregate(_) => aggregates.next().map_or(Scalar::Literal(Datum::Null, Type::Text), column),
        Call::Grouping(arguments) => Scalar::Literal(Datum::Int4(missing(group, set, arguments)), Type::Int4),
    });
    let columns = of_group.chain(of_calls).collect();
    reduced.map(columns)
}

/// A bit for each argument, the last one lowest: whether the set does not group by it.
fn missing(group: &Group, set: &[usize], arguments: &[Scalar]) -> i32 {
    let bit = |argument| i32::from(!group.place(argument).is_some_and(|place| set.contains(&place)));
    arguments.iter().fold(0, |bits, argument| bits << 1 | bit(argument))
}
