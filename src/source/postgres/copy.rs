//! `COPY … TO STDOUT` in text format: lines of fields, tab between, `\N` for null, backslash escapes.

use super::decode::Value;

/// Splits what comes in arbitrary pieces into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

impl Lines {
    /// Gives every complete line, without its end, to `take`.
    pub(super) fn feed<E>(&mut self, mut piece: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.begun.is_empty() {
                take(line)?;
            } else {
                self.begun.extend_from_slice(line);
                take(&self.begun)?;
                self.begun.clear();
            }
            piece = rest;
        }
        self.begun.extend_from_slice(piece);
        Ok(())
    }
}

/// Takes lines apart. Keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: Vec<u8>,
    /// The end of each field in `text`; `None`: null, ending where the one before does.
    ends: Vec<Option<usize>>,
}

impl Fields {
    /// Reads a line; the fields are then to be had from `values`.
    pub(super) fn read(&mut self, line: &[u8]) {
        self.text.clear();
        self.ends.clear();
        let mut rest = Some(line);
        while let Some(line) = rest {
            let field = match memchr::memchr(b'\t', line) {
                Some(end) => {
                    rest = Some(&line[end + 1..]);
                    &line[..end]
                }
                None => {
                    rest = None;
                    line
                }
            };
            if field == b"\\N" {
                self.ends.push(None);
                continue;
            }
            unescape(field, &mut self.text);
            self.ends.push(Some(self.text.len()));
        }
    }

    /// The fields of the line last read.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |end| match end {
            None => Value::Null,
            Some(end) => {
                let text = &self.text[start..*end];
                start = *end;
                Value::Text(text)
            }
        })
    }
}

fn unescape(mut field: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', field) {
        out.extend_from_slice(&field[..at]);
        let Some(escaped) = field.get(at + 1) else {
            field = &field[at..];
            break;
        };
        out.push(match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => *other,
        });
        field = &field[at + 2..];
    }
    out.extend_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> Vec<Vec<Option<String>>> {
        let (mut lines, mut fields, mut rows) = (Lines::default(), Fields::default(), Vec::new());
        for piece in pieces {
            let _: Result<(), ()> = lines.feed(piece.as_bytes(), |line| {
                fields.read(line);
                let row = fields.values().map(|value| match value {
                    Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                    Value::Null | Value::Unchanged => None,
                });
                rows.push(row.collect());
                Ok(())
            });
        }
        rows
    }

    #[test]
    fn fields_nulls_and_escapes() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(read(&["1\t\\N\t\n"]), [vec![some("1"), None, some("")]]);
        assert_eq!(read(&["a\\tb\\\\N\t\\\\N\n"]), [vec![some("a\tb\\N"), some("\\N")]]);
        assert_eq!(read(&["1\tx\n2", "\ty", "\n3\tz\n"]).len(), 3);
        assert_eq!(read(&["\n"]), [vec![some("")]]);
    }
}
