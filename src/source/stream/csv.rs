//! One record of comma-separated values, as Postgres's `COPY … (FORMAT csv)` reads it: a quote begins and ends a stretch in which
//! delimiters and line ends are text, two quotes there are one, and a value without any quote and without text is null.

use crate::value::{Column, ValueError};
use std::borrow::Cow;

const QUOTE: char = '"';

/// Whether a record goes on in the next line: a line end within quotes is part of a value.
pub(in crate::source) fn is_open(record: &[u8]) -> bool {
    memchr::memchr_iter(b'"', record).count() % 2 == 1
}

/// The values of a record.
pub(super) fn fields(record: &str, delimiter: u8) -> Result<Vec<Option<Cow<'_, str>>>, ValueError> {
    let (mut fields, mut rest) = (vec![], Some(record));
    while let Some(text) = rest {
        let (field, after) = field(text, char::from(delimiter))?;
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

/// The first value, and what stands behind its delimiter.
fn field(text: &str, delimiter: char) -> Result<(Option<Cow<'_, str>>, Option<&str>), ValueError> {
    let end = text.find([delimiter, QUOTE]).unwrap_or(text.len());
    if !text[end..].starts_with(QUOTE) {
        let field = Some(&text[..end]).filter(|field| !field.is_empty()).map(Cow::Borrowed);
        return Ok((field, text.get(end + 1..)));
    }
    let (mut field, mut quoted, mut at) = (String::new(), false, 0);
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        match c {
            QUOTE if quoted && text[at..].starts_with(QUOTE) => {
                field.push(QUOTE);
                at += 1;
            }
            QUOTE => quoted = !quoted,
            c if c == delimiter && !quoted => return Ok((Some(Cow::Owned(field)), Some(&text[at..]))),
            c => field.push(c),
        }
    }
    if quoted {
        return Err(ValueError::new("22P04", "unterminated CSV quoted field"));
    }
    Ok((Some(Cow::Owned(field)), None))
}

/// Whether a record has a value for each column of the order.
pub(super) fn check_length(
    values: &[Option<Cow<'_, str>>],
    order: &[Option<usize>],
    columns: &[Column],
) -> Result<(), ValueError> {
    match order.get(values.len()) {
        Some(position) => {
            let name = position.map_or("?", |position| columns[position].name.as_str());
            Err(ValueError::new("22P04", format!("missing data for column \"{name}\"")))
        }
        None if values.len() > order.len() => Err(ValueError::new("22P04", "extra data after last expected column")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_as_copy_reads_them() {
        let cases: &[(&str, &[Option<&str>])] = &[
            ("", &[None]),
            ("a,b", &[Some("a"), Some("b")]),
            (",", &[None, None]),
            ("\"\",x,", &[Some(""), Some("x"), None]),
            ("\"a,\"\"b\"\"\",c", &[Some("a,\"b\""), Some("c")]),
            ("a\"b,c\"d,e", &[Some("ab,cd"), Some("e")]),
            ("\"x\ny\"", &[Some("x\ny")]),
            ("é,\"ü\"", &[Some("é"), Some("ü")]),
        ];
        for (record, expected) in cases {
            let read = fields(record, b',').unwrap();
            assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), *expected, "{record}");
            assert!(!is_open(record.as_bytes()));
        }
        assert_eq!(fields("a\tb", b'\t').unwrap().len(), 2);
        assert!(is_open(b"1,\"x") && is_open(b"1,\"x\"\"") && !is_open(b"1,\"x\"\"\""));
        assert_eq!(fields("1,\"x", b',').unwrap_err().code, "22P04");
    }
}
