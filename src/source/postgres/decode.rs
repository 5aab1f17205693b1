//! pgoutput, protocol version 1, as messages that borrow from the bytes they came in.
//!
//! Every length is checked: hostile bytes give an error, never a panic and never a large allocation.

/// What the change feed says.
#[derive(Debug, PartialEq)]
pub(super) enum Message<'a> {
    /// A transaction begins.
    Begin {
        /// The WAL position of its commit.
        commit: u64,
        /// When it was committed, microseconds since 2000-01-01 UTC.
        commit_time: i64,
    },
    /// The transaction is complete.
    Commit {
        /// The WAL position behind it.
        end: u64,
        /// When it was committed, as in `Begin`.
        commit_time: i64,
    },
    /// A relation's shape: before its first change and whenever it changed.
    Relation(Relation<'a>),
    /// A row was added.
    Insert {
        /// The table.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was changed.
    Update {
        /// The table.
        relation: u32,
        /// What is told of the row before.
        old: Option<Old<'a>>,
        /// The row now.
        new: Tuple<'a>,
    },
    /// A row was removed.
    Delete {
        /// The table.
        relation: u32,
        /// What is told of the row.
        old: Old<'a>,
    },
    /// Tables were emptied.
    Truncate {
        /// The tables' oids, four bytes each.
        relations: &'a [u8],
    },
    /// Types, origins and logical messages: nothing to us.
    Other,
}

/// What is told of a row that was changed or removed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Old<'a> {
    /// The values; without `whole` all but the key's are null and mean nothing.
    pub(super) tuple: Tuple<'a>,
    /// Whether it is the whole row (`REPLICA IDENTITY FULL`) and not its key alone.
    pub(super) whole: bool,
}

/// A relation's shape.
#[derive(Debug, PartialEq)]
pub(super) struct Relation<'a> {
    /// The table's oid.
    pub(super) oid: u32,
    /// Its schema.
    pub(super) schema: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// `pg_class.relreplident`
    pub(super) identity: u8,
    /// Its published columns.
    pub(super) columns: Vec<RelationColumn<'a>>,
}

/// A column of a relation's shape.
#[derive(Debug, PartialEq)]
pub(super) struct RelationColumn<'a> {
    /// Whether it belongs to the replica identity.
    pub(super) in_key: bool,
    /// The name.
    pub(super) name: &'a str,
    /// The declared type.
    pub(super) type_oid: u32,
    /// Its modifier.
    pub(super) type_modifier: i32,
}

/// A row: its columns were walked once, so that reading them cannot fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tuple<'a> {
    columns: usize,
    bytes: &'a [u8],
}

/// A column's value in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// SQL null, or not part of an old key.
    Null,
    /// A large value that did not change and is not told.
    Unchanged,
    /// Postgres's text form.
    Text(&'a [u8]),
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed change feed: {0}")]
pub(super) struct Malformed(&'static str);

/// Reads one message.
pub(super) fn decode(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut reader = Reader { bytes };
    let message = match reader.u8()? {
        b'B' => {
            let (commit, commit_time) = (reader.u64()?, reader.i64()?);
            reader.take(4)?;
            Message::Begin { commit, commit_time }
        }
        b'C' => {
            reader.take(9)?;
            let (end, commit_time) = (reader.u64()?, reader.i64()?);
            Message::Commit { end, commit_time }
        }
        b'R' => Message::Relation(reader.relation()?),
        b'I' => {
            let relation = reader.u32()?;
            reader.expect(b'N')?;
            Message::Insert { relation, new: reader.complete_tuple()? }
        }
        b'U' => reader.update()?,
        b'D' => {
            let relation = reader.u32()?;
            let whole = match reader.u8()? {
                b'K' => false,
                b'O' => true,
                _ => return Err(Malformed("a delete without an old row")),
            };
            Message::Delete { relation, old: Old { tuple: reader.complete_tuple()?, whole } }
        }
        b'T' => {
            let count = reader.u32()? as usize;
            reader.take(1)?;
            let length = count.checked_mul(4).ok_or(Malformed("a truncate of too many tables"))?;
            Message::Truncate { relations: reader.take(length)? }
        }
        kind @ (b'Y' | b'O' | b'M') => {
            reader.other(kind)?;
            Message::Other
        }
        _ => return Err(Malformed("an unknown kind of message")),
    };
    if reader.bytes.is_empty() { Ok(message) } else { Err(Malformed("bytes after the end of a message")) }
}

impl<'a> Tuple<'a> {
    /// How many columns it has.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The columns in order.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        let mut reader = Reader { bytes: self.bytes };
        (0..self.columns).map_while(move |_| reader.value().ok())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Malformed("a message that ends too early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Malformed("a message that ends too early"))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn expect(&mut self, tag: u8) -> Result<(), Malformed> {
        if self.u8()? == tag { Ok(()) } else { Err(Malformed("a row of an unexpected kind")) }
    }

    /// Text up to a zero byte.
    fn text(&mut self) -> Result<&'a str, Malformed> {
        let end = self.bytes.iter().position(|byte| *byte == 0).ok_or(Malformed("a name without an end"))?;
        let text = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| Malformed("a name that is not UTF-8"))
    }

    fn relation(&mut self) -> Result<Relation<'a>, Malformed> {
        let oid = self.u32()?;
        let schema = match self.text()? {
            "" => "pg_catalog",
            schema => schema,
        };
        let (name, identity) = (self.text()?, self.u8()?);
        if !b"dnfi".contains(&identity) {
            return Err(Malformed("a replica identity of an unknown kind"));
        }
        let count = self.u16()?;
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(RelationColumn {
                in_key: self.u8()? & 1 == 1,
                name: self.text()?,
                type_oid: self.u32()?,
                type_modifier: self.i32()?,
            });
        }
        Ok(Relation { oid, schema, name, identity, columns })
    }

    fn update(&mut self) -> Result<Message<'a>, Malformed> {
        let relation = self.u32()?;
        let old = match self.u8()? {
            kind @ (b'K' | b'O') => {
                let tuple = self.complete_tuple()?;
                self.expect(b'N')?;
                Some(Old { tuple, whole: kind == b'O' })
            }
            b'N' => None,
            _ => return Err(Malformed("an update without a new row")),
        };
        Ok(Message::Update { relation, old, new: self.tuple()? })
    }

    /// What means nothing to us is read to its end all the same: a message that was cut is a broken connection.
    fn other(&mut self, kind: u8) -> Result<(), Malformed> {
        match kind {
            b'Y' => {
                self.take(4)?;
                self.text()?;
            }
            b'O' => drop(self.take(8)?),
            _ => drop(self.take(9)?),
        }
        self.text()?;
        if kind == b'M' {
            let length = self.u32()? as usize;
            self.take(length)?;
        }
        Ok(())
    }

    /// A row that an update leaves.
    fn tuple(&mut self) -> Result<Tuple<'a>, Malformed> {
        self.row(|_| Ok(()))
    }

    /// A row that tells every value: only an update may leave out what did not change.
    fn complete_tuple(&mut self) -> Result<Tuple<'a>, Malformed> {
        self.row(|value| match value {
            Value::Unchanged => Err(Malformed("an unchanged value in a row that was not updated")),
            Value::Null | Value::Text(_) => Ok(()),
        })
    }

    #[inline]
    fn row(&mut self, check: impl Fn(Value<'a>) -> Result<(), Malformed>) -> Result<Tuple<'a>, Malformed> {
        let columns = usize::from(self.u16()?);
        let start = self.bytes;
        for _ in 0..columns {
            check(self.value()?)?;
        }
        Ok(Tuple { columns, bytes: &start[..start.len() - self.bytes.len()] })
    }

    #[inline]
    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        match self.u8()? {
            b't' => {
                let length = self.u32()? as usize;
                Ok(Value::Text(self.take(length)?))
            }
            b'n' => Ok(Value::Null),
            b'u' => Ok(Value::Unchanged),
            _ => Err(Malformed("a value of an unknown kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One message of each kind, as a server sends them.
    fn samples() -> Vec<Vec<u8>> {
        let tuple = |values: &[Option<&str>]| {
            let mut bytes = (values.len() as u16).to_be_bytes().to_vec();
            for value in values {
                match value {
                    Some("<unchanged>") => bytes.push(b'u'),
                    Some(text) => {
                        bytes.push(b't');
                        bytes.extend((text.len() as u32).to_be_bytes());
                        bytes.extend(text.as_bytes());
                    }
                    None => bytes.push(b'n'),
                }
            }
            bytes
        };
        let change = |tag: u8, parts: &[(u8, Vec<u8>)]| {
            let mut bytes = vec![tag];
            bytes.extend(7u32.to_be_bytes());
            for (kind, tuple) in parts {
                bytes.push(*kind);
                bytes.extend(tuple);
            }
            bytes
        };
        let mut relation = b"R\0\0\0\x07public\0orders\0d\0\x02\x01id\0".to_vec();
        relation.extend(20u32.to_be_bytes());
        relation.extend((-1i32).to_be_bytes());
        relation.extend(b"\0note\0");
        relation.extend(25u32.to_be_bytes());
        relation.extend((-1i32).to_be_bytes());
        let mut begin = vec![b'B'];
        begin.extend([0; 8]);
        begin.extend(1_000i64.to_be_bytes());
        begin.extend([0; 4]);
        let mut commit = vec![b'C', 0];
        commit.extend([0; 8]);
        commit.extend(77u64.to_be_bytes());
        commit.extend([0; 8]);
        vec![
            begin,
            relation,
            change(b'I', &[(b'N', tuple(&[Some("1"), None]))]),
            change(b'U', &[(b'N', tuple(&[Some("1"), Some("<unchanged>")]))]),
            change(b'U', &[(b'K', tuple(&[Some("1"), None])), (b'N', tuple(&[Some("2"), Some("x")]))]),
            change(b'D', &[(b'O', tuple(&[Some("2"), Some("x")]))]),
            b"T\0\0\0\x01\x01\0\0\0\x07".to_vec(),
            b"Y\0\0\0\x07public\0mood\0".to_vec(),
            commit,
        ]
    }

    #[test]
    fn every_kind_is_read() {
        let samples = samples();
        let messages: Vec<_> = samples.iter().map(|bytes| decode(bytes).unwrap_or_else(|e| panic!("{e}"))).collect();
        assert_eq!(messages[0], Message::Begin { commit: 0, commit_time: 1_000 });
        assert!(matches!(&messages[1], Message::Relation(r) if r.name == "orders" && r.columns[0].in_key));
        let Message::Update { old: Some(old), new, .. } = &messages[4] else { panic!("{:?}", messages[4]) };
        assert_eq!(old.tuple.values().collect::<Vec<_>>(), [Value::Text(b"1"), Value::Null]);
        assert_eq!(new.values().nth(1), Some(Value::Text(b"x")));
        assert_eq!(messages[6], Message::Truncate { relations: &[0, 0, 0, 7] });
        assert_eq!(messages[8], Message::Commit { end: 77, commit_time: 0 });
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let mut insert = samples().swap_remove(2);
        let length_at = insert.len() - 6;
        insert[length_at..length_at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(decode(&insert).is_err());
        for bytes in samples() {
            for end in 0..bytes.len() {
                assert!(decode(&bytes[..end]).is_err());
            }
        }
    }
}
