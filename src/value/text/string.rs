//! Booleans, length-limited strings, bytes and uuids.

use super::is_space;
use crate::value::ValueError;
use std::sync::Arc;

/// Unambiguous beginnings of `true`, `false`, `yes`, `no`, `on` and `off`, and the digits.
pub(super) fn parse_bool(input: &str) -> Result<bool, ValueError> {
    let text = input.trim_matches(is_space).to_ascii_lowercase();
    let begins = |word: &str| !text.is_empty() && word.starts_with(&text);
    match text.as_str() {
        "1" | "on" => Ok(true),
        "0" | "of" | "off" => Ok(false),
        _ if begins("true") || begins("yes") => Ok(true),
        _ if begins("false") || begins("no") => Ok(false),
        _ => Err(ValueError::syntax("boolean", input)),
    }
}

/// At most so many characters of a string.
pub(super) fn first_chars(text: &str, length: i32) -> &str {
    let end = text.char_indices().nth(usize::try_from(length).unwrap_or(0));
    end.map_or(text, |(at, _)| &text[..at])
}

/// The text if it fits `varchar(n)`; blanks beyond are cut off.
pub(super) fn limit_varchar(text: &str, modifier: i32) -> Result<&str, ValueError> {
    if modifier < 4 {
        return Ok(text);
    }
    limit(text, modifier - 4, "character varying")
}

fn limit<'a>(text: &'a str, length: i32, type_name: &str) -> Result<&'a str, ValueError> {
    let kept = first_chars(text, length);
    match text[kept.len()..].bytes().all(|b| b == b' ') {
        true => Ok(kept),
        false => Err(ValueError::new("22001", format!("value too long for type {type_name}({length})"))),
    }
}

/// The text padded with blanks to the length of `character(n)`.
pub(super) fn pad_char(text: &str, modifier: i32) -> Result<Arc<str>, ValueError> {
    if modifier < 4 {
        return Ok(text.into());
    }
    let length = modifier - 4;
    let kept = limit(text, length, "character")?;
    let missing = (length as usize).saturating_sub(kept.chars().count());
    if missing == 0 {
        return Ok(kept.into());
    }
    let mut padded = String::with_capacity(kept.len() + missing);
    padded.push_str(kept);
    padded.extend(std::iter::repeat_n(' ', missing));
    Ok(padded.into())
}

/// Bytes in hex (`\x…`) or in the older format with `\\` and `\nnn`.
pub(super) fn parse_bytea(input: &str) -> Result<Vec<u8>, ValueError> {
    match input.strip_prefix("\\x") {
        Some(hex) => parse_hex(hex),
        None => parse_escaped(input),
    }
}

fn parse_hex(hex: &str) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut digits = hex.chars().peekable();
    while let Some(first) = digits.next() {
        if matches!(first, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = hex_digit(first)?;
        let second =
            digits.next().ok_or_else(|| ValueError::new("22023", "invalid hexadecimal data: odd number of digits"))?;
        bytes.push(high << 4 | hex_digit(second)?);
    }
    Ok(bytes)
}

fn hex_digit(c: char) -> Result<u8, ValueError> {
    let digit =
        c.to_digit(16).ok_or_else(|| ValueError::new("22023", format!("invalid hexadecimal digit: \"{c}\"")))?;
    Ok(digit as u8)
}

fn parse_escaped(input: &str) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::with_capacity(input.len());
    let mut rest = input.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        rest = match after {
            [b'\\', after @ ..] => {
                bytes.push(b'\\');
                after
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            _ => return Err(ValueError::new("22P02", "invalid input syntax for type bytea")),
        };
    }
    Ok(bytes)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_hex(byte: u8, out: &mut String) {
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Bytes in hex.
pub(super) fn write_bytea(bytes: &[u8], out: &mut String) {
    out.reserve(2 + bytes.len() * 2);
    out.push_str("\\x");
    bytes.iter().for_each(|byte| push_hex(*byte, out));
}

/// Thirty-two hex digits; a hyphen may follow every fourth, braces may stand around all.
pub(super) fn parse_uuid(input: &str) -> Result<[u8; 16], ValueError> {
    let invalid = || ValueError::syntax("uuid", input);
    let braced = input.strip_prefix('{').map(|inner| inner.strip_suffix('}').ok_or_else(invalid)).transpose()?;
    let mut rest = braced.unwrap_or(input).as_bytes();
    let mut uuid = [0; 16];
    for (i, byte) in uuid.iter_mut().enumerate() {
        let [high, low, after @ ..] = rest else { return Err(invalid()) };
        let digit = |d: u8| char::from(d).to_digit(16).map(|d| d as u8).ok_or_else(invalid);
        *byte = digit(*high)? << 4 | digit(*low)?;
        rest = match after {
            [b'-', after @ ..] if i % 2 == 1 && i < 15 => after,
            after => after,
        };
    }
    if rest.is_empty() { Ok(uuid) } else { Err(invalid()) }
}

/// A uuid in five groups.
pub(super) fn write_uuid(uuid: &[u8; 16], out: &mut String) {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_hex(*byte, out);
    }
}
