//! LIKE and regular expressions.
//!
//! Regular expressions are Postgres's "advanced" ones, translated to those of `fancy-regex`. One difference is known: among
//! alternatives Postgres prefers the longest match, here it is the first alternative that matches.

use super::Kind::*;
use super::text::lower;
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use crate::value::{Array, Datum, Type};
use fancy_regex::{Captures, Regex};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("~~", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| like(s, pattern))),
    partial("!~~", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| like(s, pattern).map(|x| !x))),
    partial("~~*", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| like(&lower(s), &lower(pattern)))),
    partial("!~~*", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| like(&lower(s), &lower(pattern)).map(|x| !x))),
    partial("~~", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| like(s, pattern))),
    partial("!~~", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| like(s, pattern).map(|x| !x))),
    partial("~~*", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| like(&lower(s), &lower(pattern)))),
    partial("!~~*", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| like(&lower(s), &lower(pattern)).map(|x| !x))),
    partial("like_escape", &[Text, Text], Text, lift!(|pattern: &str, escape: &str| like_escape(pattern, escape))),
    partial("~", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, ""))),
    partial("!~", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "").map(|x| !x))),
    partial("~*", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "i"))),
    partial("!~*", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "i").map(|x| !x))),
    partial("~", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, ""))),
    partial("!~", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "").map(|x| !x))),
    partial("~*", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "i"))),
    partial("!~*", &[Char, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, "i").map(|x| !x))),
    partial("regexp_like", &[Text, Text], Bool, lift!(|s: &str, pattern: &str| matches(s, pattern, ""))),
    partial(
        "regexp_like",
        &[Text, Text, Text],
        Bool,
        lift!(|s: &str, pattern: &str, flags: &str| matches(s, pattern, flags)),
    ),
    partial("regexp_count", &[Text, Text], Int4, lift!(|s: &str, pattern: &str| count(s, pattern))),
    partial(
        "regexp_replace",
        &[Text, Text, Text],
        Text,
        lift!(|s: &str, pattern: &str, with: &str| replace(s, pattern, with, "")),
    ),
    partial(
        "regexp_replace",
        &[Text, Text, Text, Text],
        Text,
        lift!(|s: &str, pattern: &str, with: &str, flags: &str| replace(s, pattern, with, flags)),
    ),
    partial("regexp_match", &[Text, Text], TextArray, lift!(|s: &str, pattern: &str| first_match(s, pattern, ""))),
    partial(
        "regexp_match",
        &[Text, Text, Text],
        TextArray,
        lift!(|s: &str, pattern: &str, flags: &str| first_match(s, pattern, flags)),
    ),
    partial("regexp_split_to_array", &[Text, Text], TextArray, lift!(|s: &str, pattern: &str| split(s, pattern))),
    partial("substring", &[Text, Text], Text, lift!(|s: &str, pattern: &str| part(s, pattern))),
];

/// `s LIKE pattern`, with backslash as the escape.
fn like(s: &str, pattern: &str) -> Result<bool> {
    let (mut s, mut pattern) = (s, pattern);
    let mut retry: Option<(&str, &str)> = None;
    loop {
        let mut rest = pattern.chars();
        let step = match rest.next() {
            None if s.is_empty() => return Ok(true),
            None => None,
            Some('%') => {
                pattern = rest.as_str();
                if pattern.is_empty() {
                    return Ok(true);
                }
                retry = Some((s, pattern));
                continue;
            }
            Some('_') => after_first(s, |_| true),
            Some('\\') => match rest.next() {
                None if s.is_empty() => None,
                None => return Err(EvalError::new("22025", "LIKE pattern must not end with escape character")),
                Some(literal) => after_first(s, |c| c == literal),
            },
            Some(literal) => after_first(s, |c| c == literal),
        };
        match (step, &mut retry) {
            (Some(after), _) => (s, pattern) = (after, rest.as_str()),
            (None, None) => return Ok(false),
            (None, Some((from, after_percent))) => {
                let Some(next) = after_first(from, |_| true) else { return Ok(false) };
                *from = next;
                (s, pattern) = (next, after_percent);
            }
        }
    }
}

/// What follows the first character, if there is one that fits.
fn after_first(s: &str, fits: impl Fn(char) -> bool) -> Option<&str> {
    let mut rest = s.chars();
    rest.next().filter(|c| fits(*c)).map(|_| rest.as_str())
}

/// The pattern with backslash in place of another escape character; an empty one means none.
fn like_escape(pattern: &str, escape: &str) -> Result<String> {
    let mut characters = escape.chars();
    let escape = match (characters.next(), characters.next()) {
        (None, _) => None,
        (Some('\\'), None) => return Ok(pattern.to_owned()),
        (Some(escape), None) => Some(escape),
        (Some(_), Some(_)) => return Err(EvalError::new("22025", "invalid escape string")),
    };
    let mut out = String::with_capacity(pattern.len());
    let mut escaped = false;
    for c in pattern.chars() {
        if Some(c) == escape && !escaped {
            out.push('\\');
            escaped = true;
            continue;
        }
        if c == '\\' && !escaped {
            out.push('\\');
        }
        out.push(c);
        escaped = false;
    }
    Ok(out)
}

/// Compiled expressions kept per thread.
const CACHED: usize = 256;

/// The compiled expression; patterns are nearly always constants.
fn compiled(pattern: &str, flags: &str) -> Result<Rc<Regex>> {
    thread_local! {
        static CACHE: RefCell<HashMap<(String, String), Rc<Regex>>> = RefCell::new(HashMap::new());
    }
    CACHE.with_borrow_mut(|cache| {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(regex) = cache.get(&key) {
            return Ok(regex.clone());
        }
        let translated = translate(pattern, flags)?;
        let regex = Regex::new(&translated)
            .map_err(|error| EvalError::new("2201B", format!("invalid regular expression: {error}")))?;
        if cache.len() == CACHED {
            cache.clear();
        }
        let regex = Rc::new(regex);
        cache.insert(key, regex.clone());
        Ok(regex)
    })
}

/// Postgres's syntax in that of `fancy-regex`: `.` and bracket complements match newlines unless a flag says otherwise.
fn translate(pattern: &str, flags: &str) -> Result<String> {
    let mut options = String::from("s");
    let mut literal = false;
    // Options within the pattern stand at its beginning, and win.
    let within = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    let within = within.filter(|(options, _)| !options.is_empty() && options.chars().all(|c| c.is_ascii_lowercase()));
    let (more, pattern) = within.unwrap_or(("", pattern));
    for flag in flags.chars().chain(more.chars()) {
        match flag {
            'i' => options.push('i'),
            'c' => options.retain(|option| option != 'i'),
            'n' | 'm' => options = options.replace('s', "m"),
            's' => options = options.replace('m', "s"),
            'x' => options.push('x'),
            'q' => literal = true,
            'e' | 'g' | 't' => {}
            _ => return Err(EvalError::new("22023", format!("invalid regular expression option: \"{flag}\""))),
        }
    }
    let mut out = format!("(?{options})");
    if literal {
        out.push_str(&fancy_regex::escape(pattern));
        return Ok(out);
    }
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('m') => out.push_str(r"\b(?=\w)"),
                Some('M') => out.push_str(r"\b(?<=\w)"),
                Some('y') => out.push_str(r"\b"),
                Some('Y') => out.push_str(r"\B"),
                Some('Z') => out.push_str(r"\z"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' => bracket(&mut rest, &mut out),
            '{' => bound(&mut rest, &mut out)?,
            c => out.push(c),
        }
    }
    Ok(out)
}

/// Most repetitions that can be asked for.
const MAX_REPETITIONS: u32 = 255;

/// `{m}`, `{m,}` or `{m,n}`, of which the brace has been read.
fn bound(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<()> {
    let mut written = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
        written.push(c);
    }
    let (least, most) = written.split_once(',').unwrap_or((&written, &written));
    let number = |digits: &str| if digits.is_empty() { Some(MAX_REPETITIONS) } else { digits.parse().ok() };
    let fits = match (number(least), number(most)) {
        (Some(least), Some(most)) => least <= most && most <= MAX_REPETITIONS,
        _ => false,
    };
    if !written.is_empty() && !fits {
        return Err(EvalError::new("2201B", "invalid regular expression: invalid repetition count(s)"));
    }
    out.push('{');
    out.push_str(&written);
    Ok(())
}

/// A bracket expression, of which the `[` has been read.
fn bracket(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    while let Some(c) = rest.next() {
        match c {
            ']' => return out.push(']'),
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                for c in rest.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '\\' => {
                out.push('\\');
                out.extend(rest.next());
            }
            '[' | '&' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
}

/// A search that was given up because it took too many steps.
fn gave_up(error: fancy_regex::Error) -> EvalError {
    EvalError::new("2201B", format!("regular expression failed: {error}"))
}

fn matches(s: &str, pattern: &str, flags: &str) -> Result<bool> {
    compiled(pattern, flags)?.is_match(s).map_err(gave_up)
}

fn captures<'a>(s: &'a str, pattern: &str, flags: &str) -> Result<Option<Captures<'a, str>>> {
    compiled(pattern, flags)?.captures(s).map_err(gave_up)
}

fn count(s: &str, pattern: &str) -> Result<i32> {
    compiled(pattern, "")?.find_iter(s).try_fold(0, |count, found| found.map(|_| count + 1)).map_err(gave_up)
}

/// The first match replaced, or with flag `g` every one; `\1` and `\&` in the replacement stand for what was matched.
fn replace(s: &str, pattern: &str, with: &str, flags: &str) -> Result<String> {
    let regex = compiled(pattern, flags)?;
    let limit = if flags.contains('g') { usize::MAX } else { 1 };
    let (mut out, mut copied) = (String::with_capacity(s.len()), 0);
    for found in regex.captures_iter(s).take(limit) {
        let found = found.map_err(gave_up)?;
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&s[copied..whole.start()]);
        expand(&found, with, &mut out);
        copied = whole.end();
    }
    out.push_str(&s[copied..]);
    Ok(out)
}

fn expand(found: &Captures<'_, str>, with: &str, out: &mut String) {
    let group = |number: usize, out: &mut String| out.push_str(found.get(number).map_or("", |part| part.as_str()));
    let mut rest = with.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('&') => group(0, out),
                Some(digit @ '1'..='9') => group(digit as usize - '0' as usize, out),
                Some('\\') | None => out.push('\\'),
                Some(other) => out.extend(['\\', other]),
            },
            c => out.push(c),
        }
    }
}

/// The groups of the first match, or the whole of it if there are no groups.
fn first_match(s: &str, pattern: &str, flags: &str) -> Result<Option<Array>> {
    let found = captures(s, pattern, flags)?;
    Ok(found.map(|found| {
        let groups = usize::from(found.len() > 1)..found.len();
        texts(groups.map(|group| found.get(group).map(|part| part.as_str())))
    }))
}

fn texts<'a>(items: impl Iterator<Item = Option<&'a str>>) -> Array {
    let items: Vec<Datum> = items.map(|item| item.map_or(Datum::Null, Datum::text)).collect();
    Array { element: Type::Text, dimensions: vec![(items.len(), 1)], items }
}

fn split(s: &str, pattern: &str) -> Result<Array> {
    let regex = compiled(pattern, "")?;
    let (mut parts, mut end) = (Vec::new(), 0);
    for found in regex.find_iter(s) {
        let found = found.map_err(gave_up)?;
        // An empty match separates only what has characters on both sides of it.
        if found.start() == found.end() && (found.start() == end || found.end() == s.len()) {
            continue;
        }
        parts.push(Some(&s[end..found.start()]));
        end = found.end();
    }
    parts.push(Some(&s[end..]));
    Ok(texts(parts.into_iter()))
}

/// The first group of the first match, or the whole of it.
fn part(s: &str, pattern: &str) -> Result<Option<String>> {
    let found = captures(s, pattern, "")?;
    Ok(found.and_then(|found| found.get(usize::from(found.len() > 1)).map(|part| part.as_str().to_owned())))
}
