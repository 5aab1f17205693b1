//! Arrays from and to text: `{1,NULL,"a b"}`, nested, and with bounds as in `[0:1]={1,2}`.

use super::is_space;
use crate::value::{Array, Datum, Type, ValueError};

/// Postgres's most dimensions.
const MAX_DIMENSIONS: usize = 6;

/// Postgres's array input.
pub(super) fn parse(element: &Type, modifier: i32, input: &str) -> Result<Array, ValueError> {
    let malformed = || ValueError::new("22P02", format!("malformed array literal: \"{input}\""));
    let (bounds, body) = parse_bounds(input.trim_start_matches(is_space), &malformed)?;
    let mut parser = Parser { rest: body, element, modifier, items: Vec::new(), lengths: Vec::new(), depth: None };
    let parsed = parser.array(0)?;
    if !parsed || !parser.rest.trim_matches(is_space).is_empty() {
        return Err(malformed());
    }
    let Parser { items, lengths, .. } = parser;
    if items.is_empty() {
        return match bounds.is_empty() && lengths.len() == 1 {
            true => Ok(Array { element: element.clone(), dimensions: Vec::new(), items }),
            false => Err(malformed()),
        };
    }
    let lengths: Vec<usize> = lengths.into_iter().map(Option::unwrap_or_default).collect();
    let lowers: Vec<i32> = match bounds.is_empty() {
        true => lengths.iter().map(|_| 1).collect(),
        false if bounds.iter().map(|(length, _)| *length).eq(lengths.iter().copied()) => {
            bounds.iter().map(|(_, lower)| *lower).collect()
        }
        false => return Err(malformed()),
    };
    Ok(Array { element: element.clone(), dimensions: lengths.into_iter().zip(lowers).collect(), items })
}

/// Length and lower bound of each dimension of `[0:1][-2:3]=`, and what follows the sign.
fn parse_bounds<'a>(
    text: &'a str,
    malformed: &impl Fn() -> ValueError,
) -> Result<(Vec<(usize, i32)>, &'a str), ValueError> {
    let (mut bounds, mut rest) = (Vec::new(), text);
    while let Some(after) = rest.strip_prefix('[') {
        let (inside, after) = after.split_once(']').ok_or_else(malformed)?;
        let (lower, upper) = inside.split_once(':').unwrap_or(("1", inside));
        let bound = |text: &str| text.trim_matches(is_space).parse::<i32>().map_err(|_| malformed());
        let (lower, upper) = (bound(lower)?, bound(upper)?);
        if upper < lower {
            return Err(ValueError::new("2202E", "upper bound cannot be less than lower bound"));
        }
        bounds.push(((i64::from(upper) - i64::from(lower) + 1) as usize, lower));
        rest = after.trim_start_matches(is_space);
    }
    if bounds.is_empty() {
        return Ok((bounds, rest));
    }
    if bounds.len() > MAX_DIMENSIONS {
        return Err(too_many_dimensions(bounds.len()));
    }
    let body = rest.strip_prefix('=').ok_or_else(malformed)?;
    Ok((bounds, body.trim_start_matches(is_space)))
}

fn too_many_dimensions(found: usize) -> ValueError {
    ValueError::new(
        "54000",
        format!("number of array dimensions ({found}) exceeds the maximum allowed ({MAX_DIMENSIONS})"),
    )
}

struct Parser<'a> {
    rest: &'a str,
    element: &'a Type,
    modifier: i32,
    items: Vec<Datum>,
    /// The length of each dimension, once an array of it has been read to its end.
    lengths: Vec<Option<usize>>,
    /// How deep elements stand, once one has been read.
    depth: Option<usize>,
}

impl<'a> Parser<'a> {
    /// Reads a braced list at this depth; `false` if the text is malformed.
    fn array(&mut self, depth: usize) -> Result<bool, ValueError> {
        if depth == MAX_DIMENSIONS {
            return Err(too_many_dimensions(depth + 1));
        }
        if !self.eat('{') {
            return Ok(false);
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        let mut length = 0;
        if !self.eat('}') {
            loop {
                if !self.item(depth)? {
                    return Ok(false);
                }
                length += 1;
                if self.eat('}') {
                    break;
                }
                if !self.eat(',') {
                    return Ok(false);
                }
            }
        }
        let expected = *self.lengths[depth].get_or_insert(length);
        Ok(expected == length && (length > 0 || depth == 0))
    }

    fn eat(&mut self, wanted: char) -> bool {
        let text = self.rest.trim_start_matches(is_space);
        match text.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn item(&mut self, depth: usize) -> Result<bool, ValueError> {
        self.rest = self.rest.trim_start_matches(is_space);
        if self.rest.starts_with('{') {
            return match self.depth {
                Some(elements) if elements <= depth => Ok(false),
                _ => self.array(depth + 1),
            };
        }
        if *self.depth.get_or_insert(depth) != depth {
            return Ok(false);
        }
        let Some(text) = self.text() else { return Ok(false) };
        self.items.push(match text {
            Some(text) => super::parse(self.element, self.modifier, &text)?,
            None => Datum::Null,
        });
        Ok(true)
    }

    /// An element's text, `Some(None)` for null; `None` if malformed.
    fn text(&mut self) -> Option<Option<String>> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            return self.quoted().map(Some);
        }
        let mut text = String::new();
        // Blanks after an unquoted element do not belong to it, unless escaped.
        let (mut kept, mut escaped) = (0, false);
        let mut chars = self.rest.char_indices();
        let end = loop {
            let (at, c) = chars.next()?;
            match c {
                ',' | '}' => break at,
                '{' | '"' => return None,
                '\\' => {
                    text.push(chars.next()?.1);
                    (kept, escaped) = (text.len(), true);
                }
                _ => {
                    text.push(c);
                    if !is_space(c) {
                        kept = text.len();
                    }
                }
            }
        };
        self.rest = &self.rest[end..];
        text.truncate(kept);
        match (text.is_empty(), escaped) {
            (true, _) => None,
            (false, false) if text.eq_ignore_ascii_case("null") => Some(None),
            (false, _) => Some(Some(text)),
        }
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        loop {
            match chars.next()? {
                (at, '"') => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                (_, '\\') => text.push(chars.next()?.1),
                (_, c) => text.push(c),
            }
        }
    }
}

/// An array, with bounds if one is not 1.
pub(super) fn write(array: &Array, out: &mut String) {
    if array.items.is_empty() {
        return out.push_str("{}");
    }
    if array.dimensions.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &array.dimensions {
            let upper = i64::from(*lower) + *length as i64 - 1;
            out.push('[');
            super::display(lower, out);
            out.push(':');
            super::display(&upper, out);
            out.push(']');
        }
        out.push('=');
    }
    write_dimension(&array.dimensions, &array.items, out);
}

fn write_dimension(dimensions: &[(usize, i32)], items: &[Datum], out: &mut String) {
    let Some(((length, _), inner)) = dimensions.split_first() else {
        return items.iter().for_each(|item| write_item(item, out));
    };
    out.push('{');
    let size = items.len() / (*length).max(1);
    for (i, part) in items.chunks(size.max(1)).enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_dimension(inner, part, out);
    }
    out.push('}');
}

fn write_item(item: &Datum, out: &mut String) {
    if item.is_null() {
        return out.push_str("NULL");
    }
    let start = out.len();
    super::write(item, out);
    let text = &out[start..];
    let special = |c| matches!(c, '"' | '\\' | '{' | '}' | ',') || is_space(c);
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return;
    }
    let text = out.split_off(start);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
