//! Rows as `COPY … FROM STDIN` reads them: fields with a tab between, `\N` for null, backslash escapes.

use crate::value::{Row, text};

/// Lines are sent in pieces of about this many bytes.
const PIECE: usize = 64 << 10;

/// The rows' lines, piece by piece.
pub(super) fn pieces<'a>(mut rows: impl Iterator<Item = &'a Row>) -> impl Iterator<Item = Vec<u8>> {
    let mut shown = String::new();
    std::iter::from_fn(move || {
        let mut piece = String::with_capacity(PIECE + PIECE / 8);
        while piece.len() < PIECE {
            let Some(row) = rows.next() else { break };
            line(row, &mut shown, &mut piece);
        }
        (!piece.is_empty()).then(|| piece.into_bytes())
    })
}

/// Appends a row's line. `shown` is kept from value to value.
fn line(row: &Row, shown: &mut String, out: &mut String) {
    for (position, value) in row.unpack().iter().enumerate() {
        if position > 0 {
            out.push('\t');
        }
        if value.is_null() {
            out.push_str("\\N");
            continue;
        }
        shown.clear();
        text::write(value, shown);
        escape(shown, out);
    }
    out.push('\n');
}

fn escape(field: &str, out: &mut String) {
    let mut rest = field;
    while let Some(at) = rest.find(['\\', '\n', '\r', '\t']) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push(match rest.as_bytes()[at] {
            b'\n' => 'n',
            b'\r' => 'r',
            b'\t' => 't',
            _ => '\\',
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    #[test]
    fn nulls_and_what_means_something_are_escaped() {
        let cases = [
            (vec![Datum::Int4(1), Datum::Null, Datum::text("")], "1\t\\N\t\n"),
            (vec![Datum::text("a\tb\\N\r\n")], "a\\tb\\\\N\\r\\n\n"),
            (vec![Datum::text("\\N"), Datum::text("\\.")], "\\\\N\t\\\\.\n"),
        ];
        for (values, expected) in cases {
            let row = Row::pack(&values);
            assert_eq!(pieces([&row].into_iter()).flatten().collect::<Vec<_>>(), expected.as_bytes());
        }
    }

    #[test]
    fn pieces_are_whole_lines() {
        let rows: Vec<Row> = (0..20_000).map(|n| Row::pack(&[Datum::Int8(n), Datum::text("some text")])).collect();
        let pieces: Vec<Vec<u8>> = pieces(rows.iter()).collect();
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.ends_with(b"\n") && piece.len() < PIECE + 100));
        let lines = pieces.concat().iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, rows.len());
    }
}
