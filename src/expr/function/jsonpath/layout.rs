//! Where a part of a document lies in Postgres's binary form of it: `.keyvalue()` tells objects apart by that.

use crate::value::json::Json;
use crate::value::numeric::Numeric;

/// What a container and each of its entries begin with.
const WORD: usize = 4;

/// How many bytes behind the container's beginning the other one, which is a part of it, begins.
pub(super) fn offset(container: &Json, part: &Json) -> Option<usize> {
    if std::ptr::eq(container, part) {
        return Some(0);
    }
    let mut place = first(container);
    for value in values(container) {
        if let Json::Array(_) | Json::Object(_) = value
            && let Some(within) = offset(value, part)
        {
            return Some(aligned(place) + within);
        }
        place = end(value, place);
    }
    None
}

fn values(container: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match container {
        Json::Array(items) => Box::new(items.iter()),
        Json::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Where a container's first value begins.
fn first(container: &Json) -> usize {
    match container {
        Json::Array(items) => WORD + WORD * items.len(),
        Json::Object(members) => {
            WORD + 2 * WORD * members.len() + members.iter().map(|(name, _)| name.len()).sum::<usize>()
        }
        _ => 0,
    }
}

fn aligned(place: usize) -> usize {
    place.next_multiple_of(WORD)
}

/// Where a value ends, given where the one before it does.
fn end(value: &Json, place: usize) -> usize {
    match value {
        Json::Null | Json::Bool(_) => place,
        Json::String(text) => place + text.len(),
        Json::Number(number) => aligned(place) + size(number),
        Json::Array(_) | Json::Object(_) => {
            let start = aligned(place);
            start + values(value).fold(first(value), |place, value| end(value, place))
        }
    }
}

/// A number's bytes: groups of four digits behind a header, which is longer where the number is very long.
fn size(number: &Numeric) -> usize {
    let shown = number.abs().to_string();
    let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
    let whole = format!("{whole:0>width$}", width = whole.len().next_multiple_of(4));
    let digits = format!("{whole}{fraction:0<width$}", width = fraction.len().next_multiple_of(4));
    let groups: Vec<bool> = digits.as_bytes().chunks(4).map(|group| group != b"0000").collect();
    let (Some(first), Some(last)) = (groups.iter().position(|g| *g), groups.iter().rposition(|g| *g)) else {
        return WORD + 2;
    };
    let weight = whole.len() as i64 / 4 - 1 - first as i64;
    let header = if fraction.len() <= 63 && (-64..64).contains(&weight) { 2 } else { 4 };
    WORD + header + 2 * (last - first + 1)
}
