//! Functions on text, in characters.

use super::Kind::*;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::{Datum, text};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("||", &[Text, Text], Text, lift!(|a: &str, b: &str| Ok([a, b].concat()))),
    total("||", &[Text, NonArray], Text, lift!(|a: &str, b: &Datum| Ok([a, &cast_text(b)].concat()))),
    total("||", &[NonArray, Text], Text, lift!(|a: &Datum, b: &str| Ok([&cast_text(a), b].concat()))),
    total("concat", &[Any], Text, |values, _| Ok(concat("", values))).sees_nulls().repeats_last(),
    total("concat_ws", &[Text, Any], Text, |values, _| concat_ws(values)).sees_nulls().repeats_last(),
    total("length", &[Text], Int4, lift!(|s: &str| Ok(length(s)))),
    total("length", &[Char], Int4, lift!(|s: &str| Ok(length(s.trim_end_matches(' '))))),
    total("char_length", &[Text], Int4, lift!(|s: &str| Ok(length(s)))),
    total("char_length", &[Char], Int4, lift!(|s: &str| Ok(length(s.trim_end_matches(' '))))),
    total("character_length", &[Text], Int4, lift!(|s: &str| Ok(length(s)))),
    total("character_length", &[Char], Int4, lift!(|s: &str| Ok(length(s.trim_end_matches(' '))))),
    total("octet_length", &[Text], Int4, lift!(|s: &str| Ok(s.len() as i32))),
    total("octet_length", &[Char], Int4, lift!(|s: &str| Ok(s.len() as i32))),
    total("bit_length", &[Text], Int4, lift!(|s: &str| Ok(s.len() as i32 * 8))),
    total("lower", &[Text], Text, lift!(|s: &str| Ok(lower(s)))),
    total("upper", &[Text], Text, lift!(|s: &str| Ok(upper(s)))),
    total("initcap", &[Text], Text, lift!(|s: &str| Ok(initcap(s)))),
    total("btrim", &[Text], Text, lift!(|s: &str| Ok(s.trim_matches(' ')))),
    total("btrim", &[Text, Text], Text, lift!(|s: &str, set: &str| Ok(s.trim_matches(|c| set.contains(c))))),
    total("ltrim", &[Text], Text, lift!(|s: &str| Ok(s.trim_start_matches(' ')))),
    total("ltrim", &[Text, Text], Text, lift!(|s: &str, set: &str| Ok(s.trim_start_matches(|c| set.contains(c))))),
    total("rtrim", &[Text], Text, lift!(|s: &str| Ok(s.trim_end_matches(' ')))),
    total("rtrim", &[Text, Text], Text, lift!(|s: &str, set: &str| Ok(s.trim_end_matches(|c| set.contains(c))))),
    total("substring", &[Text, Int4], Text, lift!(|s: &str, from: i32| substring(s, from, None))),
    partial("substring", &[Text, Int4, Int4], Text, lift!(|s: &str, from: i32, n: i32| substring(s, from, Some(n)))),
    total("substr", &[Text, Int4], Text, lift!(|s: &str, from: i32| substring(s, from, None))),
    partial("substr", &[Text, Int4, Int4], Text, lift!(|s: &str, from: i32, n: i32| substring(s, from, Some(n)))),
    partial(
        "overlay",
        &[Text, Text, Int4],
        Text,
        lift!(|s: &str, new: &str, from: i32| overlay(s, new, from, length(new))),
    ),
    partial(
        "overlay",
        &[Text, Text, Int4, Int4],
        Text,
        lift!(|s: &str, new: &str, from: i32, n: i32| overlay(s, new, from, n)),
    ),
    total("left", &[Text, Int4], Text, lift!(|s: &str, n: i32| Ok(split_at(s, n).0))),
    total("right", &[Text, Int4], Text, lift!(|s: &str, n: i32| Ok(right(s, n)))),
    partial("lpad", &[Text, Int4], Text, lift!(|s: &str, n: i32| Ok(fill(s, n, " ")? + split_at(s, n.max(0)).0))),
    partial(
        "lpad",
        &[Text, Int4, Text],
        Text,
        lift!(|s: &str, n: i32, with: &str| Ok(fill(s, n, with)? + split_at(s, n.max(0)).0)),
    ),
    partial(
        "rpad",
        &[Text, Int4],
        Text,
        lift!(|s: &str, n: i32| Ok(split_at(s, n.max(0)).0.to_owned() + &fill(s, n, " ")?)),
    ),
    partial(
        "rpad",
        &[Text, Int4, Text],
        Text,
        lift!(|s: &str, n: i32, with: &str| Ok(split_at(s, n.max(0)).0.to_owned() + &fill(s, n, with)?)),
    ),
    partial("repeat", &[Text, Int4], Text, lift!(|s: &str, n: i32| repeat(s, n))),
    total("reverse", &[Text], Text, lift!(|s: &str| Ok(s.chars().rev().collect::<String>()))),
    total(
        "replace",
        &[Text, Text, Text],
        Text,
        lift!(|s: &str, from: &str, to: &str| Ok(if from.is_empty() { s.to_owned() } else { s.replace(from, to) })),
    ),
    total("translate", &[Text, Text, Text], Text, lift!(|s: &str, from: &str, to: &str| Ok(translate(s, from, to)))),
    partial(
        "split_part",
        &[Text, Text, Int4],
        Text,
        lift!(|s: &str, separator: &str, n: i32| split_part(s, separator, n)),
    ),
    total("position", &[Text, Text], Int4, lift!(|s: &str, part: &str| Ok(position(s, part)))),
    total("strpos", &[Text, Text], Int4, lift!(|s: &str, part: &str| Ok(position(s, part)))),
    total("starts_with", &[Text, Text], Bool, lift!(|s: &str, start: &str| Ok(s.starts_with(start)))),
    total("^@", &[Text, Text], Bool, lift!(|s: &str, start: &str| Ok(s.starts_with(start)))),
    total("ascii", &[Text], Int4, lift!(|s: &str| Ok(s.chars().next().map_or(0, |c| c as i32)))),
    partial("chr", &[Int4], Text, lift!(|code: i32| chr(code))),
    total("to_bin", &[Int4], Text, lift!(|x: i32| Ok(format!("{x:b}")))),
    total("to_bin", &[Int8], Text, lift!(|x: i64| Ok(format!("{x:b}")))),
    total("to_oct", &[Int4], Text, lift!(|x: i32| Ok(format!("{x:o}")))),
    total("to_oct", &[Int8], Text, lift!(|x: i64| Ok(format!("{x:o}")))),
    total("casefold", &[Text], Text, lift!(|s: &str| Ok(lower(s)))),
    total("to_hex", &[Int4], Text, lift!(|x: i32| Ok(format!("{x:x}")))),
    total("to_hex", &[Int8], Text, lift!(|x: i64| Ok(format!("{x:x}")))),
];

/// What a cast to text gives, unlike `shown` for booleans and `character(n)`.
pub(super) fn cast_text(value: &Datum) -> String {
    match value {
        Datum::Bool(value) => (if *value { "true" } else { "false" }).into(),
        Datum::Char(value) => value.trim_end_matches(' ').into(),
        value => shown(value),
    }
}

/// What the type's output function gives.
pub(super) fn shown(value: &Datum) -> String {
    let mut out = String::new();
    text::write(value, &mut out);
    out
}

fn concat(separator: &str, values: &[Datum]) -> Datum {
    let parts: Vec<String> = values.iter().filter(|value| !value.is_null()).map(shown).collect();
    Datum::text(parts.join(separator))
}

fn concat_ws(values: &[Datum]) -> Result<Datum> {
    match values {
        [Datum::Text(separator), rest @ ..] => Ok(concat(separator, rest)),
        [Datum::Null, ..] => Ok(Datum::Null),
        _ => Err(EvalError::mistyped()),
    }
}

pub(super) fn length(s: &str) -> i32 {
    s.chars().count() as i32
}

/// A character's only counterpart: as in the C library, what would become several characters stays.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

pub(super) fn lower(s: &str) -> String {
    s.chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c, c.to_lowercase()) }
}

fn upper(s: &str) -> String {
    s.chars().map(|c| single(c, c.to_uppercase())).collect()
}

fn initcap(s: &str) -> String {
    let mut within_word = false;
    let capitalize = |c: char| {
        let mapped = if within_word { lower_char(c) } else { single(c, c.to_uppercase()) };
        within_word = c.is_alphanumeric();
        mapped
    };
    s.chars().map(capitalize).collect()
}

/// The byte position of the `n`th character, or the end.
fn offset(s: &str, n: usize) -> usize {
    s.char_indices().nth(n).map_or(s.len(), |(at, _)| at)
}

/// Characters from position `from` (the first is 1), `count` of them; positions before the first count but hold nothing.
fn substring(s: &str, from: i32, count: Option<i32>) -> Result<&str> {
    let start = i64::from(from) - 1;
    let end = match count {
        None => i64::MAX,
        Some(count) if count < 0 => return Err(EvalError::new("22011", "negative substring length not allowed")),
        Some(count) => start + i64::from(count),
    };
    let rest = &s[offset(s, start.max(0) as usize)..];
    let taken = end.saturating_sub(start.max(0)).max(0);
    Ok(&rest[..offset(rest, taken as usize)])
}

fn overlay(s: &str, new: &str, from: i32, count: i32) -> Result<String> {
    if from <= 0 {
        return Err(EvalError::new("22011", "negative substring length not allowed"));
    }
    let after = from.checked_add(count).ok_or_else(super::math::int4_range)?;
    Ok([substring(s, 1, Some(from - 1))?, new, substring(s, after, None)?].concat())
}

/// The first `n` characters and the others; of negative `n`, all but the last `-n`.
fn split_at(s: &str, n: i32) -> (&str, &str) {
    let kept = if n >= 0 { i64::from(n) } else { i64::from(length(s)) + i64::from(n) };
    s.split_at(offset(s, kept.max(0) as usize))
}

fn right(s: &str, n: i32) -> &str {
    let dropped = if n >= 0 { i64::from(length(s)) - i64::from(n) } else { -i64::from(n) };
    &s[offset(s, dropped.max(0) as usize)..]
}

/// Most bytes of a value that Postgres allocates.
pub(super) const MAX_SIZE: usize = 0x3FFF_FFFF;

fn too_large() -> EvalError {
    EvalError::new("54000", "requested length too large")
}

/// What pads `s` to `n` characters.
fn fill(s: &str, n: i32, with: &str) -> Result<String> {
    let missing = (i64::from(n) - i64::from(length(s))).max(0) as usize;
    if missing.saturating_mul(4) > MAX_SIZE {
        return Err(too_large());
    }
    Ok(with.chars().cycle().take(missing).collect())
}

fn repeat(s: &str, n: i32) -> Result<String> {
    let times = n.max(0) as usize;
    if s.len().saturating_mul(times) > MAX_SIZE {
        return Err(too_large());
    }
    Ok(s.repeat(times))
}

fn translate(s: &str, from: &str, to: &str) -> String {
    let translated = |c: char| match from.chars().position(|known| known == c) {
        Some(position) => to.chars().nth(position),
        None => Some(c),
    };
    s.chars().filter_map(translated).collect()
}

fn split_part<'a>(s: &'a str, separator: &str, n: i32) -> Result<&'a str> {
    let place = n.unsigned_abs() as usize;
    if n == 0 {
        return Err(EvalError::new("22023", "field position must not be zero"));
    }
    if separator.is_empty() {
        return Ok(if place == 1 { s } else { "" });
    }
    // From the end too, the separators are those found from the front.
    let skipped = if n > 0 { Some(place - 1) } else { s.split(separator).count().checked_sub(place) };
    Ok(skipped.and_then(|skipped| s.split(separator).nth(skipped)).unwrap_or(""))
}

fn position(s: &str, part: &str) -> i32 {
    s.find(part).map_or(0, |at| length(&s[..at]) + 1)
}

fn chr(code: i32) -> Result<String> {
    match u32::try_from(code).ok() {
        None => Err(EvalError::new("22023", "character number must be positive")),
        Some(0) => Err(EvalError::new("54000", "null character not permitted")),
        Some(code) if code > 0x10FFFF => {
            Err(EvalError::new("54000", format!("requested character too large for encoding: {code}")))
        }
        Some(code) => char::from_u32(code)
            .map(String::from)
            .ok_or_else(|| EvalError::new("54000", format!("requested character not valid for encoding: {code}"))),
    }
}
