//! Regular expressions: whether they match, what they match, and text with it replaced.

use super::Kind::*;
use super::pattern::{Expression, Match, to_parts, to_regular};
use super::{Definition, IntoDatum, lift, partial};
use crate::expr::EvalError;
use crate::value::{Array as List, Datum, Type};
use std::rc::Rc;

type Result<X> = std::result::Result<X, EvalError>;

macro_rules! matching {
    ($($name:literal, $left:ident, $flags:literal, $holds:literal;)*) => {
        &[$(partial($name, &[$left, Text], Bool, lift!(|s: &str, p: &str| matches(s, p, $flags).map(|x| x == $holds)))),*]
    };
}

pub(super) static OPERATORS: &[Definition] = matching! {
    "~", Text, "", true;
    "!~", Text, "", false;
    "~*", Text, "i", true;
    "!~*", Text, "i", false;
    "~", Char, "", true;
    "!~", Char, "", false;
    "~*", Char, "i", true;
    "!~*", Char, "i", false;
};

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("regexp_like", &[Text, Text], Bool, lift!(|s: &str, p: &str| matches(s, p, ""))),
    partial(
        "regexp_like",
        &[Text, Text, Text],
        Bool,
        lift!(|s: &str, p: &str, flags: &str| { matches(s, p, single("regexp_like", flags)?) }),
    ),
    partial("regexp_count", &[Text, Text], Int4, lift!(|s: &str, p: &str| count(s, p, 1, ""))),
    partial("regexp_count", &[Text, Text, Int4], Int4, lift!(|s: &str, p: &str, from: i32| count(s, p, from, ""))),
    partial(
        "regexp_count",
        &[Text, Text, Int4, Text],
        Int4,
        lift!(|s: &str, p: &str, from: i32, flags: &str| { count(s, p, from, flags) }),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text],
        Text,
        lift!(|s: &str, p: &str, with: &str| { Replacement { pattern: p, with, flags: "", from: 1, which: 1 }.of(s) }),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text, Text],
        Text,
        lift!(|s: &str, p: &str, with: &str, flags: &str| { replace_by_flags(s, p, with, flags) }),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text, Int4],
        Text,
        lift!(|s: &str, p: &str, with: &str, from: i32| {
            Replacement { pattern: p, with, flags: "", from, which: 1 }.of(s)
        }),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text, Int4, Int4],
        Text,
        lift!(|s: &str, p: &str, with: &str, from: i32, which: i32| {
            Replacement { pattern: p, with, flags: "", from, which }.of(s)
        }),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text, Int4, Int4, Text],
        Text,
        lift!(|s: &str, p: &str, with: &str, from: i32, which: i32, flags: &str| {
            Replacement { pattern: p, with, flags, from, which }.of(s)
        }),
    ),
    partial("regexp_match", &[Text, Text], TextArray, lift!(|s: &str, p: &str| first_match(s, p, ""))),
    partial(
        "regexp_match",
        &[Text, Text, Text],
        TextArray,
        lift!(|s: &str, p: &str, flags: &str| { first_match(s, p, single("regexp_match", flags)?) }),
    ),
    partial("regexp_split_to_array", &[Text, Text], TextArray, lift!(|s: &str, p: &str| split(s, p, ""))),
    partial(
        "regexp_split_to_array",
        &[Text, Text, Text],
        TextArray,
        lift!(|s: &str, p: &str, flags: &str| { split(s, p, single("regexp_split_to_array", flags)?) }),
    ),
    partial("regexp_instr", &[Text, Text], Int4, |values, _| place(values)),
    partial("regexp_instr", &[Text, Text, Int4], Int4, |values, _| place(values)),
    partial("regexp_instr", &[Text, Text, Int4, Int4], Int4, |values, _| place(values)),
    partial("regexp_instr", &[Text, Text, Int4, Int4, Int4], Int4, |values, _| place(values)),
    partial("regexp_instr", &[Text, Text, Int4, Int4, Int4, Text], Int4, |values, _| place(values)),
    partial("regexp_instr", &[Text, Text, Int4, Int4, Int4, Text, Int4], Int4, |values, _| place(values)),
    partial("regexp_substr", &[Text, Text], Text, |values, _| matched(values)),
    partial("regexp_substr", &[Text, Text, Int4], Text, |values, _| matched(values)),
    partial("regexp_substr", &[Text, Text, Int4, Int4], Text, |values, _| matched(values)),
    partial("regexp_substr", &[Text, Text, Int4, Int4, Text], Text, |values, _| matched(values)),
    partial("regexp_substr", &[Text, Text, Int4, Int4, Text, Int4], Text, |values, _| matched(values)),
    partial("substring", &[Text, Text], Text, lift!(|s: &str, p: &str| part(s, p))),
    partial(
        "substring",
        &[Text, Text, Text],
        Text,
        lift!(|s: &str, p: &str, escape: &str| { part(s, &to_parts(p, escape)?) }),
    ),
    partial("similar_to_escape", &[Text], Text, lift!(|p: &str| to_regular(p, "\\"))),
    partial("similar_to_escape", &[Text, Text], Text, lift!(|p: &str, escape: &str| to_regular(p, escape))),
];

fn matches(s: &str, pattern: &str, flags: &str) -> Result<bool> {
    Expression::of(pattern, flags)?.is_match(s)
}

fn wrong(message: String) -> EvalError {
    EvalError::new("22023", message)
}

/// The flags of a function that has no use for all matches.
fn single<'f>(name: &str, flags: &'f str) -> Result<&'f str> {
    match flags.contains('g') {
        true => Err(wrong(format!("{name}() does not support the \"global\" option"))),
        false => Ok(flags),
    }
}

/// The byte position of the character with that number (the first is 1); the end, for those behind it.
fn offset(s: &str, from: i32, what: &str) -> Result<Option<usize>> {
    let skipped = usize::try_from(from).ok().and_then(|from| from.checked_sub(1));
    let skipped = skipped.ok_or_else(|| wrong(format!("invalid value for parameter \"{what}\": {from}")))?;
    let mut places = s.char_indices().map(|(place, _)| place).chain(std::iter::once(s.len()));
    Ok(places.nth(skipped))
}

fn count(s: &str, pattern: &str, from: i32, flags: &str) -> Result<i32> {
    let expression = Expression::of(pattern, single("regexp_count", flags)?)?;
    let Some(from) = offset(s, from, "start")? else { return Ok(0) };
    expression.find_all(s, from).try_fold(0, |count, found| found.map(|_| count + 1))
}

/// With a digit in place of flags Postgres takes them for a start that lost its cast.
fn replace_by_flags(s: &str, pattern: &str, with: &str, flags: &str) -> Result<String> {
    if flags.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong(format!("invalid regular expression option: \"{}\"", &flags[..1])));
    }
    let which = if flags.contains('g') { 0 } else { 1 };
    Replacement { pattern, with, flags, from: 1, which }.of(s)
}

/// What is replaced, and with what.
struct Replacement<'p> {
    pattern: &'p str,
    /// `\1` and `\&` in it stand for what was matched.
    with: &'p str,
    flags: &'p str,
    /// The character to begin at.
    from: i32,
    /// Which match is replaced; 0 for all of them.
    which: i32,
}

impl Replacement<'_> {
    fn of(&self, s: &str) -> Result<String> {
        let expression = Expression::of(self.pattern, self.flags)?;
        let from = offset(s, self.from, "start")?;
        if self.which < 0 {
            return Err(wrong(format!("invalid value for parameter \"n\": {}", self.which)));
        }
        let Some(from) = from else { return Ok(s.to_owned()) };
        let (mut out, mut copied) = (String::with_capacity(s.len()), 0);
        for (number, found) in expression.find_all(s, from).enumerate() {
            let found = found?;
            if self.which == 0 || number as i32 + 1 == self.which {
                out.push_str(&s[copied..found.start()]);
                self.expand(s, &found, &mut out);
                copied = found.end();
            }
            if number as i32 + 1 == self.which {
                break;
            }
        }
        out.push_str(&s[copied..]);
        Ok(out)
    }

    fn expand(&self, s: &str, found: &Match, out: &mut String) {
        let group = |number: usize| found.group(number).map_or("", |(start, end)| &s[start..end]);
        let mut rest = self.with.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some('&') => out.push_str(group(0)),
                    Some(digit @ '1'..='9') => out.push_str(group(digit as usize - '0' as usize)),
                    Some('\\') | None => out.push('\\'),
                    Some(other) => out.extend(['\\', other]),
                },
                c => out.push(c),
            }
        }
    }
}

fn texts<'a>(items: impl Iterator<Item = Option<&'a str>>) -> List {
    let items: Vec<Datum> = items.map(|item| item.map_or(Datum::Null, Datum::text)).collect();
    List { element: Type::Text, dimensions: vec![(items.len(), 1)], items }
}

/// The groups of the first match, or the whole of it if there are no groups.
fn first_match(s: &str, pattern: &str, flags: &str) -> Result<Option<List>> {
    Ok(Expression::of(pattern, flags)?.find(s, 0)?.map(|found| groups(s, &found)))
}

/// The groups of the first match, or with flag `g` of every one.
pub(in crate::expr) fn all_matches(s: &str, pattern: &str, flags: &str) -> Result<Vec<Datum>> {
    let expression = Expression::of(pattern, flags)?;
    let limit = if flags.contains('g') { usize::MAX } else { 1 };
    expression.find_all(s, 0).take(limit).map(|found| Ok(groups(s, &found?).into_datum())).collect()
}

/// What the groups matched, or the whole if there are none.
fn groups(s: &str, found: &Match) -> List {
    let groups = usize::from(found.groups() > 0)..=found.groups();
    texts(groups.map(|number| found.group(number).map(|(start, end)| &s[start..end])))
}

fn split(s: &str, pattern: &str, flags: &str) -> Result<List> {
    Ok(texts(pieces(s, pattern, flags)?.into_iter().map(Some)))
}

/// The parts between matches.
pub(in crate::expr) fn pieces<'s>(s: &'s str, pattern: &str, flags: &str) -> Result<Vec<&'s str>> {
    let expression = Expression::of(pattern, flags)?;
    let (mut parts, mut end) = (Vec::new(), 0);
    for found in expression.find_all(s, 0) {
        let found = found?;
        // An empty match separates only what has characters on both sides of it.
        if found.start() == found.end() && (found.start() == end || found.end() == s.len()) {
            continue;
        }
        parts.push(&s[end..found.start()]);
        end = found.end();
    }
    parts.push(&s[end..]);
    Ok(parts)
}

/// The first group of the first match, or the whole of it.
fn part(s: &str, pattern: &str) -> Result<Option<String>> {
    let found = Expression::of(pattern, "")?.find(s, 0)?;
    let group = found.and_then(|found| found.group(usize::from(found.groups() > 0)));
    Ok(group.map(|(start, end)| s[start..end].to_owned()))
}

/// Which match is asked for, and which group of it.
struct Search<'v> {
    text: &'v str,
    expression: Rc<Expression>,
    from: i32,
    which: i32,
    group: i32,
}

impl Search<'_> {
    fn checked(parameter: &str, value: i32, least: i32) -> Result<()> {
        if value < least {
            return Err(wrong(format!("invalid value for parameter \"{parameter}\": {value}")));
        }
        Ok(())
    }

    fn found(&self) -> Result<Option<(usize, usize)>> {
        let Some(from) = offset(self.text, self.from, "start")? else { return Ok(None) };
        let found = self.expression.find_all(self.text, from).nth(self.which as usize - 1).transpose()?;
        Ok(found.and_then(|found| found.group(self.group as usize)))
    }
}

fn number(values: &[Datum], at: usize, otherwise: i32) -> i32 {
    match values.get(at) {
        Some(Datum::Int4(number)) => *number,
        _ => otherwise,
    }
}

fn search<'v>(name: &str, values: &'v [Datum], flags_at: usize) -> Result<Search<'v>> {
    let [Datum::Text(text), Datum::Text(pattern), ..] = values else { return Err(EvalError::mistyped()) };
    let flags = match values.get(flags_at) {
        Some(Datum::Text(flags)) => single(name, flags)?,
        _ => "",
    };
    let (from, which, group) = (number(values, 2, 1), number(values, 3, 1), number(values, flags_at + 1, 0));
    Search::checked("start", from, 1)?;
    Search::checked("n", which, 1)?;
    Search::checked("subexpr", group, 0)?;
    Ok(Search { text, expression: Expression::of(pattern, flags)?, from, which, group })
}

/// Where a match begins, or behind its end; 0 if there is none.
fn place(values: &[Datum]) -> Result<Datum> {
    let search = search("regexp_instr", values, 5)?;
    let behind = number(values, 4, 0);
    if !(0..=1).contains(&behind) {
        return Err(wrong(format!("invalid value for parameter \"endoption\": {behind}")));
    }
    let place = search.found()?.map_or(0, |(start, end)| {
        let before = if behind == 1 { end } else { start };
        search.text[..before].chars().count() as i32 + 1
    });
    Ok(Datum::Int4(place))
}

fn matched(values: &[Datum]) -> Result<Datum> {
    let search = search("regexp_substr", values, 4)?;
    Ok(search.found()?.map_or(Datum::Null, |(start, end)| Datum::text(&search.text[start..end])))
}
