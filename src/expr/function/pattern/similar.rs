//! The regular expressions of the SQL standard: `SIMILAR TO`, and `substring(s from p for e)`.

use crate::expr::EvalError;
use std::iter::Peekable;
use std::str::Chars;

type Result<X> = std::result::Result<X, EvalError>;

/// The pattern as a regular expression of Postgres's.
pub(in crate::expr::function) fn to_regular(pattern: &str, escape: &str) -> Result<String> {
    let parts = parts(pattern, escape, false)?;
    Ok(match parts.as_slice() {
        [first, second] => format!("^(?:{first}){{1,1}}?({second})$"),
        [first, second, third] => format!("^(?:{first}){{1,1}}?({second}){{1,1}}(?:{third})$"),
        parts => format!("^(?:{})$", parts.concat()),
    })
}

/// An expression whose first group is what `substring` gives: an escaped quote marks the parts of the pattern, as little as
/// possible before the first, as much as possible up to the second.
pub(in crate::expr::function) fn to_parts(pattern: &str, escape: &str) -> Result<String> {
    let parts = parts(pattern, escape, true)?;
    Ok(match parts.as_slice() {
        [first, second] => format!("^(?:{first})({second})$"),
        [first, second, third] => format!("^(?:{first})({second})(?:{third})$"),
        _ => return to_regular(pattern, escape),
    })
}

/// The parts between escaped quotes, in the syntax of regular expressions; the first may be made to take as little as it can.
fn parts(pattern: &str, escape: &str, lazy: bool) -> Result<Vec<String>> {
    let mut characters = escape.chars();
    let escape = match (characters.next(), characters.next()) {
        (escape, None) => escape,
        _ => return Err(EvalError::new("22025", "invalid escape string")),
    };
    let (mut parts, mut out) = (Vec::new(), String::new());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        let lazily = if lazy && parts.is_empty() { "?" } else { "" };
        match c {
            c if Some(c) == escape => match rest.next() {
                Some('"') => parts.push(std::mem::take(&mut out)),
                // Whatever is escaped may also be an escape of regular expressions, such as a class.
                Some(c) => out.extend(['\\', c]),
                None => {}
            },
            '[' => bracket(&mut rest, escape, &mut out),
            '%' => {
                out.push_str(".*");
                out.push_str(lazily);
            }
            '*' | '+' | '?' | '}' => {
                out.push(c);
                out.push_str(lazily);
            }
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '\\' | '.' | '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    parts.push(out);
    if parts.len() > 3 {
        let message = "SQL regular expression may not contain more than two escape-double-quote separators";
        return Err(EvalError::new("2200C", message));
    }
    Ok(parts)
}

/// A bracket expression, of which the `[` has been read.
fn bracket(rest: &mut Peekable<Chars<'_>>, escape: Option<char>, out: &mut String) {
    out.push('[');
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == escape => {
                if let Some(c) = rest.next() {
                    out.extend(['\\', c]);
                }
            }
            '\\' => out.push_str(r"\\"),
            c => out.push(c),
        }
        if c == ']' {
            return;
        }
    }
}
