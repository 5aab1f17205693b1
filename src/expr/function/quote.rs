//! Text put into SQL and other text: quoting, and `format`.

use super::Kind::*;
use super::text::{MAX_SIZE, cast_text, length, shown};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::text::quote_identifier;
use crate::value::{Array as List, Datum, Type};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    total("quote_ident", &[Text], Text, lift!(|s: &str| Ok(identifier(s)))),
    total("quote_literal", &[Text], Text, lift!(|s: &str| Ok(literal(s)))),
    total("quote_literal", &[Element], Text, lift!(|x: &Datum| Ok(literal(&cast_text(x))))),
    total("quote_nullable", &[Text], Text, |values, _| Ok(nullable(values))).sees_nulls(),
    total("quote_nullable", &[Element], Text, |values, _| Ok(nullable(values))).sees_nulls(),
    partial("parse_ident", &[Text, Bool], TextArray, lift!(|s: &str, strict: bool| parse_identifier(s, strict))),
    partial("format", &[Text], Text, |values, _| format(values)).sees_nulls(),
    partial("format", &[Text, Any], Text, |values, _| format(values)).sees_nulls().repeats_last(),
];

/// The words that mean something where a name could stand.
const KEYWORDS: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit \
    boolean both case cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal \
    default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full \
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull \
    join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not \
    notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary \
    real references returning right row select session_user setof similar smallint some substring symmetric table \
    tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic verbose \
    when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot \
    xmlserialize xmltable ";

fn identifier(s: &str) -> String {
    quote_identifier(s, |s| KEYWORDS.contains(&format!(" {s} ")))
}

fn literal(s: &str) -> String {
    let escape = if s.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", s.replace('\\', "\\\\").replace('\'', "''"))
}

fn nullable(values: &[Datum]) -> Datum {
    Datum::text(match values {
        [value] if !value.is_null() => literal(&cast_text(value)),
        _ => "NULL".to_owned(),
    })
}

/// The parts of a dotted name, folded unless quoted. Without `strict` what follows the name is left out of account.
fn parse_identifier(s: &str, strict: bool) -> Result<List> {
    let invalid = || wrong(format!("string is not a valid identifier: \"{s}\""));
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\x0b';
    let is_start = |c: char| c == '_' || c.is_ascii_alphabetic() || !c.is_ascii();
    let (mut parts, mut rest) = (Vec::new(), s.trim_start_matches(is_space));
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (mut part, mut after) = (String::new(), quoted);
            loop {
                let (text, behind) = after.split_once('"').ok_or_else(invalid)?;
                part.push_str(text);
                after = behind;
                match after.strip_prefix('"') {
                    Some(behind) => after = behind,
                    None => break,
                }
                part.push('"');
            }
            if part.is_empty() {
                return Err(invalid());
            }
            (rest, _) = (after, parts.push(part));
        } else {
            let within = |c: char| is_start(c) || c.is_ascii_digit() || c == '$';
            let end = rest.find(|c| !within(c)).unwrap_or(rest.len());
            if !rest.starts_with(is_start) {
                return Err(invalid());
            }
            (rest, _) = (&rest[end..], parts.push(rest[..end].to_ascii_lowercase()));
        }
        rest = rest.trim_start_matches(is_space);
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start_matches(is_space),
            None if rest.is_empty() || !strict => break,
            None => return Err(invalid()),
        }
    }
    let items: Vec<Datum> = parts.into_iter().map(Datum::text).collect();
    Ok(List { element: Type::Text, dimensions: vec![(items.len(), 1)], items })
}

fn wrong(message: impl Into<String>) -> EvalError {
    EvalError::new("22023", message)
}

/// The arguments of a call of `format`, and which is next.
struct Arguments<'a> {
    values: &'a [Datum],
    next: usize,
}

impl Arguments<'_> {
    /// The argument at a position (the first is 1), else the next one.
    fn take(&mut self, position: Option<usize>) -> Result<&Datum> {
        self.next = position.unwrap_or(self.next + 1);
        match self.next.checked_sub(1) {
            None => Err(wrong("format specifies argument 0, but arguments are numbered from 1")),
            Some(index) => self.values.get(index).ok_or_else(|| wrong("too few arguments for format()")),
        }
    }
}

fn format(values: &[Datum]) -> Result<Datum> {
    let (template, values) = match values {
        [Datum::Text(template), values @ ..] => (template, values),
        [Datum::Null, ..] => return Ok(Datum::Null),
        _ => return Err(EvalError::mistyped()),
    };
    let mut arguments = Arguments { values, next: 0 };
    let (mut out, mut rest) = (String::new(), template.as_ref());
    while let Some((before, specifier)) = rest.split_once('%') {
        out.push_str(before);
        rest = match specifier.strip_prefix('%') {
            Some(after) => {
                out.push('%');
                after
            }
            None => specified(specifier, &mut arguments, &mut out)?,
        };
    }
    out.push_str(rest);
    Ok(Datum::text(out))
}

/// Digits at the beginning, as a number.
fn number(text: &str) -> Result<(Option<usize>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() {
        return Ok((None, text));
    }
    match digits.parse::<i32>() {
        Ok(number) => Ok((Some(number as usize), &text[end..])),
        Err(_) => Err(EvalError::new("22003", "number is out of range")),
    }
}

/// One specifier behind its `%`: `[position$][-][width]type`; what follows it.
fn specified<'t>(specifier: &'t str, arguments: &mut Arguments<'_>, out: &mut String) -> Result<&'t str> {
    let (mut position, mut rest) = (None, specifier);
    let (mut left, mut width) = (false, None);
    if let (Some(number), after) = number(specifier)? {
        match after.strip_prefix('$') {
            Some(after) => (position, rest) = (Some(number), after),
            None => (width, rest) = (Some(number as i64), after),
        }
    }
    while let (None, Some(after)) = (width, rest.strip_prefix('-')) {
        (left, rest) = (true, after);
    }
    if let (None, Some(after)) = (width, rest.strip_prefix('*')) {
        let (place, after) = number(after)?;
        rest = match (place, after.strip_prefix('$')) {
            (Some(_), Some(after)) => after,
            (Some(_), None) => return Err(wrong("width argument position must be ended by \"$\"")),
            (None, _) => after,
        };
        let given = arguments.take(place)?;
        width = Some(if given.is_null() {
            0
        } else {
            let shown = shown(given);
            let number: i32 = shown
                .parse()
                .map_err(|_| EvalError::new("22P02", format!("invalid input syntax for type integer: \"{shown}\"")))?;
            number.into()
        });
    } else if let (None, (Some(number), after)) = (width, number(rest)?) {
        (width, rest) = (Some(number as i64), after);
    }
    let mut characters = rest.chars();
    let kind = characters.next().ok_or_else(|| wrong("unterminated format() type specifier"))?;
    if !matches!(kind, 's' | 'I' | 'L') {
        return Err(wrong(format!("unrecognized format() type specifier \"{kind}\"")));
    }
    let value = arguments.take(position)?;
    let text = match (kind, value) {
        ('I', Datum::Null) => {
            return Err(EvalError::new("22004", "null values cannot be formatted as an SQL identifier"));
        }
        ('L', Datum::Null) => "NULL".to_owned(),
        (_, Datum::Null) => String::new(),
        ('I', value) => identifier(&shown(value)),
        ('L', value) => literal(&shown(value)),
        (_, value) => shown(value),
    };
    pad(&text, width.unwrap_or(0), left, out)?;
    Ok(characters.as_str())
}

/// Appends text of at least that width; of a negative width, with the blanks behind it.
fn pad(text: &str, width: i64, left: bool, out: &mut String) -> Result<()> {
    let blanks = (width.unsigned_abs() as usize).saturating_sub(length(text) as usize);
    if blanks + out.len() > MAX_SIZE {
        return Err(EvalError::new("54000", "string buffer exceeds maximum allowed length (1073741823 bytes)"));
    }
    let left = left || width < 0;
    if !left {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    out.push_str(text);
    if left {
        out.extend(std::iter::repeat_n(' ', blanks));
    }
    Ok(())
}
