//! LIKE, and what regular expressions are made of.

use super::Kind::*;
use super::text::lower;
use super::{Definition, lift, partial};
use crate::expr::EvalError;

mod expression;
mod quantified;
mod similar;
mod translate;

pub(super) use expression::{Expression, Match};
pub(super) use quantified::FUNCTIONS as QUANTIFIED;
pub(super) use similar::{to_parts, to_regular};

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
];

/// `s LIKE pattern`, with backslash as the escape.
pub(super) fn like(s: &str, pattern: &str) -> Result<bool> {
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
