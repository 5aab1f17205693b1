//! A path's words.

use super::{Result, invalid};
use crate::value::numeric::Numeric;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or keyword without quotes.
    Word(String),
    /// A text in quotes.
    Text(String),
    /// `$name`
    Variable(String),
    Number(Numeric),
    /// An operator or a sign.
    Sign(&'static str),
}

/// Longest first among those that share a beginning.
const SIGNS: [&str; 28] = [
    "**", "&&", "||", "==", "<>", "!=", "<=", ">=", "$", "@", ".", "*", "[", "]", "(", ")", "{", "}", "?", "!", "<",
    ">", "=", ",", "+", "-", "/", "%",
];

fn is_special(c: char) -> bool {
    "?%$.[]{}()|&!=<>@#,*:-+/\\\"".contains(c) || c.is_ascii_whitespace()
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_whitespace() {
            rest = &rest[1..];
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or_else(|| invalid("unexpected end of comment"))?.1;
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let (number, after) = number(rest)?;
            tokens.push(Token::Number(number));
            rest = after;
        } else if first == '"' {
            let (text, after) = quoted(&rest[1..])?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if let Some(name) = rest.strip_prefix('$').filter(|name| begins_name(name)) {
            let (name, after) = if let Some(name) = name.strip_prefix('"') { quoted(name)? } else { word(name)? };
            tokens.push(Token::Variable(name));
            rest = after;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if !is_special(first) || first == '\\' {
            let (word, after) = word(rest)?;
            tokens.push(Token::Word(word));
            rest = after;
        } else {
            return Err(invalid(&format!("syntax error at or near \"{first}\"")));
        }
    }
    Ok(tokens)
}

fn begins_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| !is_special(c) || c == '"' || c == '\\')
}

fn number(text: &str) -> Result<(Numeric, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    if text[end..].starts_with('.') {
        end += 1 + digits(&text[end + 1..]);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(&text[end + 1 + sign..]);
        if exponent == 0 {
            return Err(invalid("invalid numeric literal"));
        }
        end += 1 + sign + exponent;
    }
    let written = &text[..end];
    let zeros = written.len() > 1 && written.starts_with('0') && written.as_bytes()[1].is_ascii_digit();
    if zeros || text[end..].starts_with(|c: char| !is_special(c)) {
        return Err(invalid("trailing junk after numeric literal"));
    }
    Ok((Numeric::parse(written)?, &text[end..]))
}

/// Up to the closing quote, and what follows it.
fn quoted(text: &str) -> Result<(String, &str)> {
    let (mut out, mut rest) = (String::new(), text);
    loop {
        let c = rest.chars().next().ok_or_else(|| invalid("unterminated quoted string"))?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Ok((out, rest)),
            '\\' => rest = escape(rest, &mut out)?,
            c => out.push(c),
        }
    }
}

fn word(text: &str) -> Result<(String, &str)> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next().filter(|c| !is_special(*c) || *c == '\\') {
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            rest = escape(rest, &mut out)?;
        } else {
            out.push(c);
        }
    }
    Ok((out, rest))
}

/// The character that follows a backslash stands for, and what follows it.
fn escape<'t>(text: &'t str, out: &mut String) -> Result<&'t str> {
    let wrong = || invalid("invalid escape sequence");
    let c = text.chars().next().ok_or_else(wrong)?;
    let rest = &text[c.len_utf8()..];
    let simple = match c {
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => return character(rest.get(..2).ok_or_else(wrong)?, &rest[2..], out),
        'u' => return unicode(rest, out),
        c => c,
    };
    out.push(simple);
    Ok(rest)
}

fn character<'t>(digits: &str, rest: &'t str, out: &mut String) -> Result<&'t str> {
    let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).filter(|c| *c != '\0');
    out.push(code.ok_or_else(|| invalid("invalid Unicode escape sequence"))?);
    Ok(rest)
}

/// `XXXX`, `{X…}`, or a pair of surrogates.
fn unicode<'t>(text: &'t str, out: &mut String) -> Result<&'t str> {
    let wrong = || invalid("invalid Unicode escape sequence");
    if let Some(braced) = text.strip_prefix('{') {
        let (digits, rest) = braced.split_once('}').filter(|(digits, _)| digits.len() <= 6).ok_or_else(wrong)?;
        return character(digits, rest, out);
    }
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let high = unit(text).ok_or_else(wrong)?;
    if !(0xD800..0xDC00).contains(&high) {
        return character(&text[..4], &text[4..], out);
    }
    let low = text[4..].strip_prefix("\\u").ok_or_else(wrong)?;
    let unit = unit(low).filter(|unit| (0xDC00..0xE000).contains(unit)).ok_or_else(wrong)?;
    out.push(char::from_u32(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)).ok_or_else(wrong)?);
    Ok(&low[4..])
}
