//! A template of a time or an interval, taken apart once, and written.

use super::{Pattern, pattern};
use crate::expr::EvalError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

type Result<X> = std::result::Result<X, EvalError>;

/// A part of a template.
enum Part {
    Text(String),
    Shown {
        pattern: &'static Pattern,
        /// Without what pads it.
        bare: bool,
        /// As an ordinal, in upper case or not.
        ordinal: Option<bool>,
    },
}

/// Parsed templates kept per thread.
const CACHED: usize = 256;

/// The template's parts; templates are nearly always constants.
fn parsed(template: &str) -> Rc<[Part]> {
    thread_local! {
        static CACHE: RefCell<HashMap<String, Rc<[Part]>>> = RefCell::new(HashMap::new());
    }
    CACHE.with_borrow_mut(|cache| {
        if let Some(parts) = cache.get(template) {
            return parts.clone();
        }
        let parts: Rc<[Part]> = parse(template).into();
        if cache.len() == CACHED {
            cache.clear();
        }
        cache.insert(template.to_owned(), parts.clone());
        parts
    })
}

fn parse(template: &str) -> Vec<Part> {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), template);
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = copy_quoted(&rest[1..], &mut text);
            continue;
        }
        if let Some(after) = rest.strip_prefix("\\\"") {
            text.push('"');
            rest = after;
            continue;
        }
        let (bare, after) = without_padding(rest);
        match pattern(after) {
            Some(pattern) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                rest = &after[pattern.0.len()..];
                let suffixes = [("TH", true), ("th", false)];
                let ordinal = suffixes.into_iter().find(|(suffix, _)| rest.starts_with(suffix)).map(|(_, upper)| upper);
                rest = if ordinal.is_some() { &rest["th".len()..] } else { rest };
                parts.push(Part::Shown { pattern, bare, ordinal });
            }
            None if bare => rest = after,
            None => {
                text.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    parts.push(Part::Text(text));
    parts
}

/// A template with its patterns replaced by what they show.
pub(super) fn write(template: &str, show: impl Fn(&Pattern, &mut String) -> Result<()>) -> Result<String> {
    let mut out = String::with_capacity(template.len());
    for part in parsed(template).iter() {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Shown { pattern, bare, ordinal } => {
                let start = out.len();
                show(pattern, &mut out)?;
                if *bare {
                    let shown = unpadded(&out[start..]);
                    out.truncate(start);
                    out.push_str(&shown);
                }
                if let Some(upper) = ordinal {
                    let suffix = ordinal_suffix(&out[start..], *upper);
                    out.push_str(&suffix);
                }
            }
        }
    }
    Ok(out)
}

/// Copies quoted text up to its end, a backslash before what would end it; what follows.
pub(super) fn copy_quoted<'a>(quoted: &'a str, out: &mut String) -> &'a str {
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => out.extend(rest.next()),
            c => out.push(c),
        }
    }
    rest.as_str()
}

/// Whether a prefix takes the padding away, and what follows the prefix. Names in the language of the place are English.
pub(super) fn without_padding(template: &str) -> (bool, &str) {
    ["FM", "fm", "TM", "tm"]
        .iter()
        .find_map(|prefix| template.strip_prefix(prefix))
        .map_or((false, template), |after| (true, after))
}

/// Without leading zeros, of which one stays if there is nothing else, and trailing blanks.
fn unpadded(shown: &str) -> String {
    let (sign, digits) = shown.strip_prefix('-').map_or(("", shown), |digits| ("-", digits));
    let trimmed = digits.trim_end().trim_start_matches('0');
    let nothing = trimmed.is_empty() && !digits.is_empty();
    [sign, if nothing { "0" } else { trimmed }].concat()
}

/// What makes a number an ordinal.
pub(super) fn ordinal_suffix(shown: &str, upper: bool) -> String {
    let number = shown.trim_end();
    let teen = number.len() > 1 && number.as_bytes()[number.len() - 2] == b'1';
    let suffix = match number.bytes().last() {
        Some(b'1') if !teen => "st",
        Some(b'2') if !teen => "nd",
        Some(b'3') if !teen => "rd",
        Some(b'0'..=b'9') => "th",
        _ => "",
    };
    if upper { suffix.to_uppercase() } else { suffix.to_owned() }
}
