//! Functions on bytes: parts, single bytes and bits, digests, and the forms bytes have as text.

use super::Kind::*;
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use md5::Md5;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::fmt::Write;

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("||", &[Bytea, Bytea], Bytea, lift!(|a: &[u8], b: &[u8]| Ok([a, b].concat()))),
    total("length", &[Bytea], Int4, lift!(|b: &[u8]| Ok(b.len() as i32))),
    total("octet_length", &[Bytea], Int4, lift!(|b: &[u8]| Ok(b.len() as i32))),
    total("bit_length", &[Bytea], Int4, lift!(|b: &[u8]| Ok(b.len() as i32 * 8))),
    total("bit_count", &[Bytea], Int8, lift!(|b: &[u8]| Ok(b.iter().map(|b| i64::from(b.count_ones())).sum::<i64>()))),
    total("substring", &[Bytea, Int4], Bytea, lift!(|b: &[u8], from: i32| part(b, from, None))),
    partial("substring", &[Bytea, Int4, Int4], Bytea, lift!(|b: &[u8], from: i32, n: i32| part(b, from, Some(n)))),
    total("substr", &[Bytea, Int4], Bytea, lift!(|b: &[u8], from: i32| part(b, from, None))),
    partial("substr", &[Bytea, Int4, Int4], Bytea, lift!(|b: &[u8], from: i32, n: i32| part(b, from, Some(n)))),
    partial(
        "overlay",
        &[Bytea, Bytea, Int4],
        Bytea,
        lift!(|b: &[u8], new: &[u8], from: i32| overlay(b, new, from, new.len() as i32)),
    ),
    partial(
        "overlay",
        &[Bytea, Bytea, Int4, Int4],
        Bytea,
        lift!(|b: &[u8], new: &[u8], from: i32, n: i32| overlay(b, new, from, n)),
    ),
    total("position", &[Bytea, Bytea], Int4, lift!(|b: &[u8], part: &[u8]| Ok(position(b, part)))),
    total("btrim", &[Bytea, Bytea], Bytea, lift!(|b: &[u8], set: &[u8]| Ok(trim(b, set, true, true)))),
    total("ltrim", &[Bytea, Bytea], Bytea, lift!(|b: &[u8], set: &[u8]| Ok(trim(b, set, true, false)))),
    total("rtrim", &[Bytea, Bytea], Bytea, lift!(|b: &[u8], set: &[u8]| Ok(trim(b, set, false, true)))),
    partial("get_byte", &[Bytea, Int4], Int4, lift!(|b: &[u8], at: i32| byte(b, at).map(|at| i32::from(b[at])))),
    partial("set_byte", &[Bytea, Int4, Int4], Bytea, lift!(|b: &[u8], at: i32, new: i32| set_byte(b, at, new))),
    partial("get_bit", &[Bytea, Int8], Int4, lift!(|b: &[u8], at: i64| get_bit(b, at))),
    partial("set_bit", &[Bytea, Int8, Int4], Bytea, lift!(|b: &[u8], at: i64, new: i32| set_bit(b, at, new))),
    partial("~~", &[Bytea, Bytea], Bool, lift!(|b: &[u8], pattern: &[u8]| like(b, pattern))),
    partial("!~~", &[Bytea, Bytea], Bool, lift!(|b: &[u8], pattern: &[u8]| like(b, pattern).map(|x| !x))),
    total("md5", &[Text], Text, lift!(|s: &str| Ok(hex(&<Md5 as md5::Digest>::digest(s.as_bytes()))))),
    total("md5", &[Bytea], Text, lift!(|b: &[u8]| Ok(hex(&<Md5 as md5::Digest>::digest(b))))),
    total("sha224", &[Bytea], Bytea, lift!(|b: &[u8]| Ok(digest::<Sha224>(b)))),
    total("sha256", &[Bytea], Bytea, lift!(|b: &[u8]| Ok(digest::<Sha256>(b)))),
    total("sha384", &[Bytea], Bytea, lift!(|b: &[u8]| Ok(digest::<Sha384>(b)))),
    total("sha512", &[Bytea], Bytea, lift!(|b: &[u8]| Ok(digest::<Sha512>(b)))),
    total("reverse", &[Bytea], Bytea, lift!(|b: &[u8]| Ok(b.iter().rev().copied().collect::<Vec<u8>>()))),
    total("crc32", &[Bytea], Int8, lift!(|b: &[u8]| Ok(checksum(b, 0xedb8_8320)))),
    total("crc32c", &[Bytea], Int8, lift!(|b: &[u8]| Ok(checksum(b, 0x82f6_3b78)))),
    partial("encode", &[Bytea, Text], Text, lift!(|b: &[u8], form: &str| encode(b, form))),
    partial("decode", &[Text, Text], Bytea, lift!(|s: &str, form: &str| decode(s, form))),
    partial("convert_to", &[Text, Text], Bytea, lift!(|s: &str, encoding: &str| convert_to(s, encoding))),
    partial("convert_from", &[Bytea, Text], Text, lift!(|b: &[u8], encoding: &str| convert_from(b, encoding))),
];

/// The cyclic redundancy check of 32 bits by that polynomial, the lowest bit first.
fn checksum(bytes: &[u8], polynomial: u32) -> i64 {
    let remainder = bytes.iter().fold(u32::MAX, |remainder, byte| {
        let step = |rest: u32, _| if rest & 1 == 1 { rest >> 1 ^ polynomial } else { rest >> 1 };
        (0..8).fold(remainder ^ u32::from(*byte), step)
    });
    i64::from(!remainder)
}

fn digest<D: sha2::Digest>(bytes: &[u8]) -> Vec<u8> {
    D::digest(bytes).to_vec()
}

/// Bytes from position `from` (the first is 1), `count` of them; positions before the first count but hold nothing.
fn part(bytes: &[u8], from: i32, count: Option<i32>) -> Result<Vec<u8>> {
    let start = i64::from(from) - 1;
    let end = match count {
        None => i64::MAX,
        Some(count) if count < 0 => return Err(EvalError::new("22011", "negative substring length not allowed")),
        Some(count) => start + i64::from(count),
    };
    let within = |place: i64| place.clamp(0, bytes.len() as i64) as usize;
    Ok(bytes[within(start)..within(end).max(within(start))].to_vec())
}

fn overlay(bytes: &[u8], new: &[u8], from: i32, count: i32) -> Result<Vec<u8>> {
    if from <= 0 {
        return Err(EvalError::new("22011", "negative substring length not allowed"));
    }
    let after = from.checked_add(count).ok_or_else(super::math::int4_range)?;
    Ok([part(bytes, 1, Some(from - 1))?, new.to_vec(), part(bytes, after, None)?].concat())
}

fn position(bytes: &[u8], part: &[u8]) -> i32 {
    memchr::memmem::find(bytes, part).map_or(0, |at| at as i32 + 1)
}

fn trim(mut bytes: &[u8], set: &[u8], front: bool, back: bool) -> Vec<u8> {
    while let Some((first, rest)) = bytes.split_first().filter(|(first, _)| front && set.contains(first)) {
        (_, bytes) = (first, rest);
    }
    while let Some((last, rest)) = bytes.split_last().filter(|(last, _)| back && set.contains(last)) {
        (_, bytes) = (last, rest);
    }
    bytes.to_vec()
}

fn outside(index: i64, length: usize) -> EvalError {
    EvalError::new("2202E", format!("index {index} out of valid range, 0..{}", length as i64 - 1))
}

/// The position of a byte that is there.
fn byte(bytes: &[u8], at: i32) -> Result<usize> {
    usize::try_from(at).ok().filter(|at| *at < bytes.len()).ok_or_else(|| outside(at.into(), bytes.len()))
}

fn set_byte(bytes: &[u8], at: i32, new: i32) -> Result<Vec<u8>> {
    let at = byte(bytes, at)?;
    let mut out = bytes.to_vec();
    out[at] = new as u8;
    Ok(out)
}

/// The byte and the bit in it, of a bit that is there; the first is the least of the first byte.
fn bit(bytes: &[u8], at: i64) -> Result<(usize, u32)> {
    let there = at >= 0 && at < bytes.len() as i64 * 8;
    if there { Ok(((at / 8) as usize, (at % 8) as u32)) } else { Err(outside(at, bytes.len() * 8)) }
}

fn get_bit(bytes: &[u8], at: i64) -> Result<i32> {
    let (byte, bit) = bit(bytes, at)?;
    Ok(i32::from(bytes[byte] >> bit & 1))
}

fn set_bit(bytes: &[u8], at: i64, new: i32) -> Result<Vec<u8>> {
    let (byte, bit) = bit(bytes, at)?;
    let mut out = bytes.to_vec();
    match new {
        0 => out[byte] &= !(1 << bit),
        1 => out[byte] |= 1 << bit,
        _ => return Err(EvalError::new("22023", "new bit must be 0 or 1")),
    }
    Ok(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base 64 in lines of 76 characters.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (position, chunk) in bytes.chunks(3).enumerate() {
        if position > 0 && position % 19 == 0 {
            out.push('\n');
        }
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = BASE64[(word >> (18 - 6 * digit) & 63) as usize] as char;
            out.push(if digit > chunk.len() { '=' } else { shown });
        }
    }
    out
}

fn unknown_form(form: &str) -> EvalError {
    EvalError::new("22023", format!("unrecognized encoding: \"{form}\""))
}

fn encode(bytes: &[u8], form: &str) -> Result<String> {
    match form.to_ascii_lowercase().as_str() {
        "hex" => Ok(hex(bytes)),
        "base64" => Ok(base64(bytes)),
        "escape" => Ok(bytes.iter().fold(String::new(), |mut out, byte| {
            match byte {
                b'\\' => out.push_str("\\\\"),
                0 | 0x80.. => {
                    let _ = write!(out, "\\{byte:03o}");
                }
                byte => out.push(char::from(*byte)),
            }
            out
        })),
        _ => Err(unknown_form(form)),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

fn decode(text: &str, form: &str) -> Result<Vec<u8>> {
    match form.to_ascii_lowercase().as_str() {
        "hex" => from_hex(text),
        "base64" => from_base64(text),
        "escape" => from_escape(text),
        _ => Err(unknown_form(form)),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let wrong = |c: char| EvalError::new("22023", format!("invalid hexadecimal digit: \"{c}\""));
    let digit = |c: char| c.to_digit(16).ok_or_else(|| wrong(c));
    let (mut out, mut rest) = (Vec::with_capacity(text.len() / 2), text.chars());
    while let Some(first) = rest.next() {
        if u8::try_from(first).is_ok_and(is_space) {
            continue;
        }
        let high = digit(first)?;
        let odd = || EvalError::new("22023", "invalid hexadecimal data: odd number of digits");
        out.push((high << 4 | digit(rest.next().ok_or_else(odd)?)?) as u8);
    }
    Ok(out)
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let wrong = |message: String| EvalError::new("22023", message);
    let (mut out, mut word, mut digits, mut ends) = (Vec::new(), 0u32, 0, 0);
    for c in text.chars() {
        let value = match c {
            '=' if ends == 0 && digits < 2 => {
                return Err(wrong("unexpected \"=\" while decoding base64 sequence".into()));
            }
            '=' => {
                ends = if ends == 0 { if digits == 2 { 2 } else { 1 } } else { ends };
                0
            }
            c if u8::try_from(c).is_ok_and(is_space) => continue,
            c => {
                let place = BASE64.iter().position(|known| char::from(*known) == c);
                let symbol = || wrong(format!("invalid symbol \"{c}\" found while decoding base64 sequence"));
                place.filter(|_| ends == 0).ok_or_else(symbol)? as u32
            }
        };
        (word, digits) = (word << 6 | value, digits + 1);
        if digits == 4 {
            out.extend_from_slice(&word.to_be_bytes()[1..4 - ends]);
            (word, digits) = (0, 0);
        }
    }
    if digits != 0 {
        return Err(wrong("invalid base64 end sequence".into()));
    }
    Ok(out)
}

fn from_escape(text: &str) -> Result<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => (after, out.push(b'\\')),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                (after, out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')))
            }
            (b'\\', _) => return Err(EvalError::new("22P02", "invalid input syntax for type bytea")),
            (byte, after) => (after, out.push(*byte)),
        };
    }
    Ok(out)
}

/// Whether the encoding is UTF-8, the only one here beside Latin 1.
fn is_utf8(encoding: &str) -> Result<bool> {
    let letters: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok(true),
        "latin1" | "iso88591" => Ok(false),
        _ => Err(EvalError::new("0A000", format!("the encoding \"{encoding}\" is not supported yet"))),
    }
}

fn convert_to(text: &str, encoding: &str) -> Result<Vec<u8>> {
    if is_utf8(encoding)? {
        return Ok(text.as_bytes().to_vec());
    }
    let missing = |c: char| {
        let shown = hex(c.to_string().as_bytes());
        EvalError::new(
            "22P05",
            format!("character with byte sequence 0x{shown} in encoding \"UTF8\" has no equivalent"),
        )
    };
    text.chars().map(|c| u8::try_from(c).map_err(|_| missing(c))).collect()
}

fn convert_from(bytes: &[u8], encoding: &str) -> Result<String> {
    let wrong = |rest: &[u8]| {
        let shown: Vec<String> = rest.iter().take(4).map(|byte| format!("0x{byte:02x}")).collect();
        EvalError::new("22021", format!("invalid byte sequence for encoding \"{encoding}\": {}", shown.join(" ")))
    };
    if bytes.contains(&0) {
        return Err(wrong(&[0]));
    }
    match is_utf8(encoding)? {
        true => std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| wrong(&bytes[error.valid_up_to()..])),
        false => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// `LIKE`, byte by byte: each stands for the character with its number.
fn like(bytes: &[u8], pattern: &[u8]) -> Result<bool> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    super::pattern::like(&text(bytes), &text(pattern))
}
