//! Row numbers up to a constant: the first rows of each partition are all that is needed, and are found without the others.

use super::filter::Window;
use crate::expr::{Scalar, WindowFunction};
use crate::plan::{Rel, WindowCall};
use crate::value::Datum;

/// The rows a predicate lets through at most: the first of each partition.
struct First {
    limit: u64,
    ties: bool,
    /// Whether it lets all of them through.
    all: bool,
}

/// The rows of a window that satisfy the predicates.
pub(super) fn filtered(window: Window, mut predicates: Vec<Scalar>) -> Rel {
    let Window { mut input, partition, order, calls } = window;
    let width = input.width();
    // Rows that come later change no number of those before.
    let numbers = calls.iter().all(|call| {
        matches!(call.function, WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank)
    });
    let found = predicates.iter().enumerate().filter(|_| numbers);
    let found = found.filter_map(|(place, predicate)| Some((place, first(predicate, width, &calls)?)));
    if let Some((place, First { limit, ties, all })) = found.min_by_key(|(_, first)| (first.limit, first.ties)) {
        let (group, order) = (partition.clone(), order.clone());
        input = Box::new(Rel::TopK { input, group, order, offset: 0, limit: Some(limit), ties });
        if all {
            predicates.remove(place);
        }
    }
    Rel::Window { input, partition, order, calls }.filter(predicates)
}

/// What a comparison of a number with a constant lets through.
fn first(predicate: &Scalar, width: usize, calls: &[WindowCall]) -> Option<First> {
    let Scalar::Call { function, arguments, .. } = predicate else { return None };
    let (column, literal, operator) = match (arguments.as_slice(), function.name()) {
        ([Scalar::Column(column, _), Scalar::Literal(literal, _)], operator) => (column, literal, operator),
        ([Scalar::Literal(literal, _), Scalar::Column(column, _)], ">=") => (column, literal, "<="),
        ([Scalar::Literal(literal, _), Scalar::Column(column, _)], ">") => (column, literal, "<"),
        ([Scalar::Literal(literal, _), Scalar::Column(column, _)], "=") => (column, literal, "="),
        _ => return None,
    };
    let ties = match calls.get(column.checked_sub(width)?)?.function {
        WindowFunction::RowNumber => false,
        WindowFunction::Rank => true,
        _ => return None,
    };
    let number = match literal {
        Datum::Int2(number) => i64::from(*number),
        Datum::Int4(number) => i64::from(*number),
        Datum::Int8(number) => *number,
        _ => return None,
    };
    let limit = |number: i64| u64::try_from(number).unwrap_or(0);
    match operator {
        "<=" => Some(First { limit: limit(number), ties, all: true }),
        "<" => Some(First { limit: limit(number.saturating_sub(1)), ties, all: true }),
        "=" => Some(First { limit: limit(number), ties, all: number == 1 }),
        _ => None,
    }
}
