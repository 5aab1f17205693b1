//! Parts of texts.

use super::{Call, Cells, Definition, Result, unnamed};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{all_matches, pieces};
use crate::value::Datum;

pub(super) static FUNCTIONS: &[Definition] = &[
    Definition::new("string_to_table", &[Text, Text], &const { unnamed(Text, true) }, false, parts).sees_nulls(),
    Definition::new("string_to_table", &[Text, Text, Text], &const { unnamed(Text, true) }, false, parts).sees_nulls(),
    Definition::new("regexp_split_to_table", &[Text, Text], &const { unnamed(Text, false) }, true, split),
    Definition::new("regexp_split_to_table", &[Text, Text, Text], &const { unnamed(Text, false) }, true, split),
    Definition::new("regexp_matches", &[Text, Text], &const { unnamed(TextArray, false) }, true, matches),
    Definition::new("regexp_matches", &[Text, Text, Text], &const { unnamed(TextArray, false) }, true, matches),
];

/// The parts between separators, those equal to the third argument as null; without a separator, the characters.
fn parts(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let values = call.values();
    let (text, separator, null) = match values.as_slice() {
        [Datum::Null, ..] => return Ok(()),
        [Datum::Text(text), separator] => (text, separator, &Datum::Null),
        [Datum::Text(text), separator, null] => (text, separator, null),
        _ => return Err(EvalError::mistyped()),
    };
    let mut part = |part: &str| {
        match null {
            Datum::Text(null) if part == null.as_ref() => rows.push(&Datum::Null),
            _ => rows.push_text(part),
        }
        rows.end_row()
    };
    match separator {
        _ if text.is_empty() => Ok(()),
        Datum::Text(separator) if separator.is_empty() => part(text),
        Datum::Text(separator) => text.split(separator.as_ref()).try_for_each(part),
        _ => text.char_indices().try_for_each(|(at, c)| part(&text[at..at + c.len_utf8()])),
    }
}

/// A text, a pattern, and flags, if there are any.
fn with_flags(values: &[Datum]) -> Result<(&str, &str, &str)> {
    match values {
        [Datum::Text(text), Datum::Text(pattern)] => Ok((text, pattern, "")),
        [Datum::Text(text), Datum::Text(pattern), Datum::Text(flags)] => Ok((text, pattern, flags)),
        _ => Err(EvalError::mistyped()),
    }
}

fn split(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let values = call.values();
    let (text, pattern, flags) = with_flags(&values)?;
    if flags.contains('g') {
        let message = "regexp_split_to_table() does not support the \"global\" option";
        return Err(EvalError::new("22023", message));
    }
    pieces(text, pattern, flags)?.into_iter().try_for_each(|piece| {
        rows.push_text(piece);
        rows.end_row()
    })
}

/// The groups of the first match, or with flag `g` of every one.
fn matches(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let values = call.values();
    let (text, pattern, flags) = with_flags(&values)?;
    all_matches(text, pattern, flags)?.iter().try_for_each(|found| rows.push_row(found))
}
