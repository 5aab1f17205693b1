//! Ticks as bytes: one record is one tick. What it says of its source stands before what it says of relations, which is compressed
//! where that makes it smaller and can be passed over.
//!
//! ```text
//! record  = head, method: 0 raw | 1 lz4, length of the content, bytes
//! head    = flags: 1 snapshot | 2 ended | 4 piece | 8 completes, source, [frontier], positions, [relations that are complete]
//! content = batches, errors
//! batch   = relation, form: 0 rows | 1 upserts, base time, entries
//! ```
//!
//! Relations and sources are numbered by the store (`adopt.rs`), not by the running view set.

use super::bytes::{Bytes, Malformed, put_bytes, put_number, put_row, put_signed};
use crate::timeline::{Batch, DataError, Partial, RelationId, SourceId, Tick, Upsert, UpsertKind};
use crate::value::{Row, Time};

const SNAPSHOT: u8 = 1;
const ENDED: u8 = 2;
const PIECE: u8 = 4;
const COMPLETES: u8 = 8;
const ROWS: u8 = 0;
const UPSERTS: u8 = 1;
const RAW: u8 = 0;
const LZ4: u8 = 1;
/// Less is not worth compressing.
const COMPRESSED_MIN: usize = 128;
/// LZ4 does not compress further.
const RATIO_MAX: usize = 255;

/// What a tick says of its source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) source: SourceId,
    pub(super) frontier: Option<Time>,
    pub(super) snapshot: bool,
    pub(super) piece: bool,
    pub(super) positions: Vec<(String, String)>,
    /// The newcomers that have their content from the frontier on.
    pub(super) complete: Option<Vec<u64>>,
}

/// Appends a tick as a record, with the store's numbers.
pub(super) fn write(tick: &Tick, ids: &impl Numbers, out: &mut Vec<u8>) {
    write_head(tick, ids, out);
    let mut plain = Vec::new();
    write_content(tick, ids, &mut plain);
    let compressed = if plain.len() < COMPRESSED_MIN { Vec::new() } else { lz4_flex::compress(&plain) };
    let shrinks = !compressed.is_empty() && compressed.len() < plain.len();
    out.push(if shrinks { LZ4 } else { RAW });
    put_number(plain.len() as u64, out);
    put_bytes(if shrinks { &compressed } else { &plain }, out);
}

/// The store's numbers of sources and relations.
pub(super) trait Numbers {
    /// A source's.
    fn source(&self, source: SourceId) -> u64;
    /// A relation's.
    fn relation(&self, relation: RelationId) -> u64;
    /// Those of a source's newcomers.
    fn newcomers(&self, source: SourceId) -> &[u64];
}

/// Reads the next record's head and passes over its content.
pub(super) fn read_head(bytes: &mut Bytes<'_>) -> Result<Head, Malformed> {
    let head = head(bytes)?;
    bytes.byte()?;
    bytes.number()?;
    bytes.bytes()?;
    Ok(head)
}

/// Reads the next record.
pub(super) fn read(bytes: &mut Bytes<'_>) -> Result<Tick, Malformed> {
    let head = head(bytes)?;
    let method = bytes.byte()?;
    let length = bytes.number()? as usize;
    let body = bytes.bytes()?;
    match method {
        RAW if body.len() == length => read_content(head, body),
        LZ4 if length <= body.len().saturating_mul(RATIO_MAX) => {
            read_content(head, &lz4_flex::decompress(body, length).map_err(|_| Malformed)?)
        }
        _ => Err(Malformed),
    }
}

fn write_head(tick: &Tick, ids: &impl Numbers, out: &mut Vec<u8>) {
    let flag = |is_set, flag: u8| if is_set { flag } else { 0 };
    let ended = tick.frontier.is_none();
    let flags = flag(tick.snapshot, SNAPSHOT) | flag(ended, ENDED);
    out.push(flags | flag(tick.piece, PIECE) | flag(tick.completes, COMPLETES));
    put_number(ids.source(tick.source), out);
    if let Some(frontier) = tick.frontier {
        put_number(frontier, out);
    }
    put_number(tick.positions.len() as u64, out);
    for (name, position) in &tick.positions {
        put_bytes(name.as_bytes(), out);
        put_bytes(position.as_bytes(), out);
    }
    if tick.completes {
        let newcomers = ids.newcomers(tick.source);
        put_number(newcomers.len() as u64, out);
        newcomers.iter().for_each(|relation| put_number(*relation, out));
    }
}

fn write_content(tick: &Tick, ids: &impl Numbers, out: &mut Vec<u8>) {
    put_number(tick.batches.len() as u64, out);
    for (relation, batch) in &tick.batches {
        put_number(ids.relation(*relation), out);
        write_batch(batch, out);
    }
    put_number(tick.errors.len() as u64, out);
    for (relation, error, time) in &tick.errors {
        put_number(ids.relation(*relation), out);
        for text in [&error.code, &error.message, &error.input] {
            put_bytes(text.as_bytes(), out);
        }
        put_number(*time, out);
    }
}

fn write_batch(batch: &Batch, out: &mut Vec<u8>) {
    match batch {
        Batch::Rows(rows) => {
            let base = rows.first().map_or(0, |(_, time, _)| *time);
            out.push(ROWS);
            put_number(base, out);
            put_number(rows.len() as u64, out);
            for (row, time, diff) in rows {
                put_row(row, out);
                put_signed(time.wrapping_sub(base) as i64, out);
                put_signed(*diff, out);
            }
        }
        Batch::Upserts(writes) => {
            let base = writes.first().map_or(0, |write| write.time);
            let mut sequence = writes.first().map_or(0, |write| write.sequence);
            out.push(UPSERTS);
            put_number(base, out);
            put_number(sequence, out);
            put_number(writes.len() as u64, out);
            for write in writes {
                put_row(&write.key, out);
                put_signed(write.time.wrapping_sub(base) as i64, out);
                put_signed(write.sequence.wrapping_sub(sequence) as i64, out);
                sequence = write.sequence;
                write_kind(&write.kind, out);
            }
        }
    }
}

const PUT: u8 = 0;
const PUT_PARTIAL: u8 = 1;
const PUT_MOVED: u8 = 2;
const DELETE: u8 = 3;
const TRUNCATE: u8 = 4;

fn write_kind(kind: &UpsertKind, out: &mut Vec<u8>) {
    match kind {
        UpsertKind::Put(row) => {
            out.push(PUT);
            put_row(row, out);
        }
        UpsertKind::PutPartial(partial) => {
            out.push(if partial.old_key.is_some() { PUT_MOVED } else { PUT_PARTIAL });
            put_row(&partial.row, out);
            put_number(partial.absent.len() as u64, out);
            partial.absent.iter().for_each(|position| put_number(u64::from(*position), out));
            if let Some(old_key) = &partial.old_key {
                put_row(old_key, out);
            }
        }
        UpsertKind::Delete => out.push(DELETE),
        UpsertKind::Truncate => out.push(TRUNCATE),
    }
}

fn head(bytes: &mut Bytes<'_>) -> Result<Head, Malformed> {
    let flags = bytes.byte()?;
    if flags & !(SNAPSHOT | ENDED | PIECE | COMPLETES) != 0 {
        return Err(Malformed);
    }
    let source = SourceId(bytes.number()? as usize);
    let frontier = if flags & ENDED == 0 { Some(bytes.number()?) } else { None };
    let positions = each(bytes, |bytes| Ok((bytes.text()?, bytes.text()?)))?;
    let complete = if flags & COMPLETES == 0 { None } else { Some(each(bytes, |bytes| bytes.number())?) };
    let (snapshot, piece) = (flags & SNAPSHOT != 0, flags & PIECE != 0);
    Ok(Head { source, frontier, snapshot, piece, positions, complete })
}

fn read_content(head: Head, bytes: &[u8]) -> Result<Tick, Malformed> {
    let mut bytes = Bytes(bytes);
    let batches = each(&mut bytes, |bytes| Ok((RelationId(bytes.number()? as usize), read_batch(bytes)?)))?;
    let errors = each(&mut bytes, |bytes| {
        let relation = RelationId(bytes.number()? as usize);
        let error = DataError { code: bytes.text()?, message: bytes.text()?, input: bytes.text()? };
        Ok((relation, error, bytes.number()?))
    })?;
    if !bytes.is_empty() {
        return Err(Malformed);
    }
    let Head { source, frontier, snapshot, piece, positions, complete } = head;
    Ok(Tick { source, batches, errors, frontier, snapshot, piece, completes: complete.is_some(), positions })
}

fn read_batch(bytes: &mut Bytes<'_>) -> Result<Batch, Malformed> {
    let form = bytes.byte()?;
    let base: Time = bytes.number()?;
    let time = |bytes: &mut Bytes<'_>| Ok(base.wrapping_add(bytes.signed()? as u64));
    match form {
        ROWS => each(bytes, |bytes| {
            let row: Row = bytes.row()?;
            Ok((row, time(bytes)?, bytes.signed()?))
        })
        .map(Batch::Rows),
        UPSERTS => {
            let mut sequence = bytes.number()?;
            each(bytes, |bytes| {
                let (key, time) = (bytes.row()?, time(bytes)?);
                sequence = sequence.wrapping_add(bytes.signed()? as u64);
                Ok(Upsert { key, time, sequence, kind: read_kind(bytes)? })
            })
            .map(Batch::Upserts)
        }
        _ => Err(Malformed),
    }
}

fn read_kind(bytes: &mut Bytes<'_>) -> Result<UpsertKind, Malformed> {
    Ok(match bytes.byte()? {
        PUT => UpsertKind::Put(bytes.row()?),
        kind @ (PUT_PARTIAL | PUT_MOVED) => {
            let row = bytes.row()?;
            let absent = each(bytes, |bytes| u16::try_from(bytes.number()?).map_err(|_| Malformed))?;
            let old_key = if kind == PUT_MOVED { Some(bytes.row()?) } else { None };
            UpsertKind::PutPartial(Box::new(Partial { row, absent: absent.into(), old_key }))
        }
        DELETE => UpsertKind::Delete,
        TRUNCATE => UpsertKind::Truncate,
        _ => return Err(Malformed),
    })
}

fn each<X>(
    bytes: &mut Bytes<'_>,
    mut read: impl FnMut(&mut Bytes<'_>) -> Result<X, Malformed>,
) -> Result<Vec<X>, Malformed> {
    let count = bytes.count()?;
    let mut read_back = Vec::with_capacity(count);
    for _ in 0..count {
        read_back.push(read(bytes)?);
    }
    Ok(read_back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    /// As they are.
    struct Same;

    impl Numbers for Same {
        fn source(&self, source: SourceId) -> u64 {
            source.0 as u64
        }

        fn relation(&self, relation: RelationId) -> u64 {
            relation.0 as u64
        }

        fn newcomers(&self, _: SourceId) -> &[u64] {
            &[70, 800]
        }
    }

    fn row(id: i64, text: &str) -> Row {
        Row::pack(&[Datum::Int8(id), Datum::text(text)])
    }

    fn tick(rows: usize) -> Tick {
        let write = |sequence, kind| Upsert { key: row(1, ""), time: 1_000 - sequence, sequence: 9 - sequence, kind };
        let partial = |old_key| Box::new(Partial { row: row(4, "x"), absent: [1, 300].into(), old_key });
        let writes = [
            UpsertKind::Put(row(2, "put")),
            UpsertKind::PutPartial(partial(None)),
            UpsertKind::PutPartial(partial(Some(row(5, "old")))),
            UpsertKind::Delete,
            UpsertKind::Truncate,
        ];
        let writes = (0u64..).zip(writes).map(|(sequence, kind)| write(sequence, kind)).collect();
        let many = (0..rows).map(|n| (row(n as i64, "many"), 5 + n as u64, -(n as i64 % 3))).collect();
        let error = DataError { code: "22012".into(), message: "m".into(), input: "{}".into() };
        Tick {
            source: SourceId(3),
            batches: vec![(RelationId(7), Batch::Upserts(writes)), (RelationId(8), Batch::Rows(many))],
            errors: vec![(RelationId(9), error, 12)],
            frontier: Some(u64::MAX - 1),
            snapshot: true,
            piece: true,
            completes: true,
            positions: vec![("wal".into(), "{\"lsn\":1}".into())],
        }
    }

    #[test]
    fn a_tick_comes_back() {
        let plain = Tick { frontier: None, snapshot: false, piece: false, completes: false, ..tick(0) };
        let empty = Tick { batches: vec![], errors: vec![], ..plain };
        for tick in [tick(0), tick(1), tick(1000), empty] {
            let mut out = Vec::new();
            write(&tick, &Same, &mut out);
            let mut bytes = Bytes(&out);
            let read_back = read(&mut bytes).expect("a record");
            assert_eq!(format!("{read_back:?}"), format!("{tick:?}"));
            assert!(bytes.is_empty());
            let mut bytes = Bytes(&out);
            let head = read_head(&mut bytes).expect("a head");
            let told = (tick.source, tick.frontier, tick.snapshot, tick.piece, tick.positions);
            assert_eq!((head.source, head.frontier, head.snapshot, head.piece, head.positions), told);
            assert_eq!(head.complete, tick.completes.then(|| vec![70, 800]));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn damage_is_an_error_or_another_tick_and_never_a_panic() {
        for rows in [0, 100] {
            let mut out = Vec::new();
            write(&tick(rows), &Same, &mut out);
            for at in 0..out.len() {
                assert!(read(&mut Bytes(&out[..at])).is_err(), "cut at {at}");
                for flip in [1, 0x80, 0xff] {
                    let mut damaged = out.clone();
                    damaged[at] ^= flip;
                    let _ = read(&mut Bytes(&damaged));
                }
            }
        }
    }
}
