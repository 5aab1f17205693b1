//! Unicode: normal forms, and characters by their numbers.

use super::Kind::*;
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfd, is_nfkc, is_nfkd};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial("normalize", &[Text], Text, lift!(|s: &str| normalize(s, "NFC"))),
    partial("normalize", &[Text, Text], Text, lift!(|s: &str, form: &str| normalize(s, form))),
    partial("is_normalized", &[Text], Bool, lift!(|s: &str| is_normalized(s, "NFC"))),
    partial("is_normalized", &[Text, Text], Bool, lift!(|s: &str, form: &str| is_normalized(s, form))),
    partial("unistr", &[Text], Text, lift!(|s: &str| unistr(s))),
];

fn unknown(form: &str) -> EvalError {
    EvalError::new("22023", format!("invalid normalization form: {form}"))
}

fn normalize(s: &str, form: &str) -> Result<String> {
    match form.to_ascii_uppercase().as_str() {
        "NFC" => Ok(s.nfc().collect()),
        "NFD" => Ok(s.nfd().collect()),
        "NFKC" => Ok(s.nfkc().collect()),
        "NFKD" => Ok(s.nfkd().collect()),
        _ => Err(unknown(form)),
    }
}

fn is_normalized(s: &str, form: &str) -> Result<bool> {
    match form.to_ascii_uppercase().as_str() {
        "NFC" => Ok(is_nfc(s)),
        "NFD" => Ok(is_nfd(s)),
        "NFKC" => Ok(is_nfkc(s)),
        "NFKD" => Ok(is_nfkd(s)),
        _ => Err(unknown(form)),
    }
}

/// The hexadecimal number that an escape is, and what follows it: `XXXX`, `+XXXXXX`, `uXXXX` or `UXXXXXXXX` behind a backslash.
fn escape(rest: &str) -> Option<(u32, &str)> {
    let (digits, rest) = match rest.bytes().next()? {
        b'+' => (6, &rest[1..]),
        b'u' => (4, &rest[1..]),
        b'U' => (8, &rest[1..]),
        _ => (4, rest),
    };
    let number = rest.get(..digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u32::from_str_radix(number, 16).ok()?, &rest[digits..]))
}

fn unistr(s: &str) -> Result<String> {
    let invalid = || EvalError::new("42601", "invalid Unicode escape");
    let pair = || EvalError::new("42601", "invalid Unicode surrogate pair");
    let (mut out, mut rest, mut high) = (String::with_capacity(s.len()), s, None::<u32>);
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        if first != '\\' || rest.starts_with('\\') {
            if high.is_some() {
                return Err(pair());
            }
            out.push(first);
            rest = rest.strip_prefix('\\').filter(|_| first == '\\').unwrap_or(rest);
            continue;
        }
        let (number, after) = escape(rest).ok_or_else(invalid)?;
        rest = after;
        let number = match (high.take(), number) {
            (Some(high), 0xDC00..=0xDFFF) => 0x10000u32 + ((high - 0xD800) << 10) + (number - 0xDC00),
            (None, 0xD800..=0xDBFF) => {
                high = Some(number);
                continue;
            }
            (Some(_), _) | (None, 0xDC00..=0xDFFF) => return Err(pair()),
            (None, number) => number,
        };
        let value = EvalError::new("22023", format!("invalid Unicode code point: {number:04X}"));
        out.push(char::from_u32(number).filter(|c| *c != '\0').ok_or(value)?);
    }
    if high.is_some() { Err(pair()) } else { Ok(out) }
}
