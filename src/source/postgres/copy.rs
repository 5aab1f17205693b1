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

/// The fields of a line, one after the other.
pub(super) struct Fields<'a> {
    /// What follows the fields already given.
    rest: Option<&'a [u8]>,
    /// Whether a backslash is in the line.
    escapes: bool,
    /// Room for fields that are not in the line as they are meant.
    room: &'a mut [u8],
}

impl<'a> Fields<'a> {
    /// The fields of this line; `room` is kept from line to line.
    pub(super) fn new(line: &'a [u8], room: &'a mut Vec<u8>) -> Fields<'a> {
        let escapes = memchr::memchr(b'\\', line).is_some();
        if escapes && room.len() < line.len() {
            room.resize(line.len(), 0);
        }
        Fields { rest: Some(line), escapes, room }
    }

    /// The field without its escapes. It is no longer than with them, so that there is room.
    fn unescape(&mut self, mut field: &[u8]) -> &'a [u8] {
        let room = std::mem::take(&mut self.room);
        let mut length = 0;
        let mut push = |bytes: &[u8]| {
            room[length..length + bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        };
        while let Some(at) = memchr::memchr(b'\\', field) {
            push(&field[..at]);
            let Some(escaped) = field.get(at + 1) else {
                field = &field[at..];
                break;
            };
            push(&[match escaped {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => *other,
            }]);
            field = &field[at + 2..];
        }
        push(field);
        let (text, room) = room.split_at_mut(length);
        self.room = room;
        text
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        let line = self.rest?;
        let (field, rest) = match memchr::memchr(b'\t', line) {
            Some(end) => (&line[..end], Some(&line[end + 1..])),
            None => (line, None),
        };
        self.rest = rest;
        Some(match field {
            field if !self.escapes => Value::Text(field),
            b"\\N" => Value::Null,
            field => Value::Text(self.unescape(field)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<Vec<Option<Vec<u8>>>> {
        let (mut lines, mut room, mut rows) = (Lines::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let _: Result<(), ()> = lines.feed(piece, |line| {
                let row = Fields::new(line, &mut room).map(|value| match value {
                    Value::Text(text) => Some(text.to_vec()),
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
        let some = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(read(&[b"1\t\\N\t\n"]), [vec![some("1"), None, some("")]]);
        assert_eq!(read(&[b"a\\tb\\\\N\t\\\\N\t\\Nn\n"]), [vec![some("a\tb\\N"), some("\\N"), some("Nn")]]);
        assert_eq!(read(&[b"1\tx\n2", b"\ty", b"\n3\tz\n"]).len(), 3);
        assert_eq!(read(&[b"\n"]), [vec![some("")]]);
        assert_eq!(read(&[b"a\\\tb\\\n"]), [vec![some("a\\"), some("b\\")]]);
    }

    /// A row as Postgres writes it.
    fn written(row: &[Option<Vec<u8>>], out: &mut Vec<u8>) {
        for (position, field) in row.iter().enumerate() {
            if position > 0 {
                out.push(b'\t');
            }
            let Some(text) = field else {
                out.extend(b"\\N");
                continue;
            };
            for byte in text {
                match b"\x08\x0c\n\r\t\x0b\\".iter().position(|special| special == byte) {
                    Some(special) => out.extend([b'\\', b"bfnrtv\\"[special]]),
                    None => out.push(*byte),
                }
            }
        }
        out.push(b'\n');
    }

    proptest! {
        #[test]
        fn rows_are_read_as_they_were_written_however_they_are_cut(rows in rows(), cuts in cuts()) {
            let mut bytes = Vec::new();
            rows.iter().for_each(|row| written(row, &mut bytes));
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            prop_assert_eq!(read(&pieces), rows);
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<Option<Vec<u8>>>>> {
        let special = prop::sample::select(b"\\\t\n\rN\x08\x0b\x0c".as_slice());
        let byte = prop_oneof![4 => b'a'..=b'z', 2 => special, 1 => any::<u8>()];
        let field = prop::option::weighted(0.8, prop::collection::vec(byte, 0..20));
        prop::collection::vec(prop::collection::vec(field, 1..6), 0..6)
    }

    fn cuts() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(0usize..40, 0..8)
    }
}
