//! Runs: what a table held when the log before a certain frame was merged, in files that are written once.
//!
//! A run is made of frames: a head, blocks of rows in the order of their keys, compressed, and an end that says how many rows there
//! are, without which the run is damaged. Rows of a table without a key stand in the order of their bytes, each with its count.

use super::bytes::{Bytes, Malformed, put_number, put_row, put_signed};
use super::disk::{Append, Disk, ReadSeek};
use super::error::StoreError;
use super::frame::{self, Found};
use super::segment::FORMAT;
use crate::value::{Diff, Row};
use std::io::BufReader;

/// What a run begins with.
const MAGIC: &[u8] = b"tidegate run";
/// What the frames after it begin with.
const ROWS: u8 = 0;
const END: u8 = 1;
/// A block is written when it has this much.
const BLOCK: usize = 64 << 10;
/// The file is synced this often, so that the last sync does not stop everything else.
const SYNC: usize = 16 << 20;

/// The name of a run.
pub(super) fn name(number: u64) -> String {
    format!("run-{number:016x}")
}

/// Whether a file is a run, or was to become one.
pub(super) fn is_run(name: &str) -> bool {
    name.starts_with("run-")
}

/// A run being written.
pub(super) struct RunWriter {
    name: String,
    file: Box<dyn Append>,
    block: Vec<u8>,
    frame: Vec<u8>,
    blocks: u64,
    unsynced: usize,
    /// Rows so far.
    pub(super) rows: u64,
    /// Bytes of the file so far.
    pub(super) bytes: u64,
}

impl RunWriter {
    /// An empty run; nothing may have its name.
    pub(super) fn create(disk: &dyn Disk, incarnation: u64, number: u64) -> Result<RunWriter, StoreError> {
        let name = name(number);
        let file = disk.create(&name).map_err(StoreError::io(format!("create {name}")))?;
        let (block, frame) = Default::default();
        let mut run = RunWriter { name, file, block, frame, blocks: 0, unsynced: 0, rows: 0, bytes: 0 };
        run.frame(&[MAGIC, &FORMAT.to_le_bytes(), &incarnation.to_le_bytes()].concat())?;
        Ok(run)
    }

    /// Appends a row, which comes after all before in their order.
    pub(super) fn push(&mut self, row: &Row, count: Diff) -> Result<(), StoreError> {
        put_row(row, &mut self.block);
        put_signed(count, &mut self.block);
        self.rows += 1;
        if self.block.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let compressed = lz4_flex::compress_prepend_size(&self.block);
        self.block.clear();
        self.frame(&[&[ROWS], compressed.as_slice()].concat())
    }

    fn frame(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        self.frame.clear();
        frame::write(self.blocks, payload, &mut self.frame);
        self.blocks += 1;
        self.bytes += self.frame.len() as u64;
        self.unsynced += self.frame.len();
        let mut write = || {
            self.file.append(&self.frame)?;
            if self.unsynced >= SYNC {
                self.unsynced = 0;
                self.file.sync()?;
            }
            Ok(())
        };
        write().map_err(StoreError::io(format!("write {}", self.name)))
    }

    /// Makes the run durable, but for its name.
    pub(super) fn finish(mut self) -> Result<RunWriter, StoreError> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        let mut end = vec![END];
        put_number(self.rows, &mut end);
        self.frame(&end)?;
        self.file.sync().map_err(StoreError::io(format!("write {}", self.name)))?;
        Ok(self)
    }
}

/// A run being read, row by row.
pub(super) struct RunReader {
    name: String,
    file: BufReader<Box<dyn ReadSeek>>,
    payload: Vec<u8>,
    blocks: u64,
    offset: u64,
    block: std::vec::IntoIter<(Row, Diff)>,
    rows: u64,
    ended: bool,
}

impl RunReader {
    pub(super) fn open(disk: &dyn Disk, incarnation: u64, number: u64) -> Result<RunReader, StoreError> {
        let name = name(number);
        let file = disk.read(&name).map_err(StoreError::io(format!("read {name}")))?;
        let mut run = RunReader {
            name,
            file: BufReader::with_capacity(1 << 20, file),
            payload: Vec::new(),
            blocks: 0,
            offset: 0,
            block: Vec::new().into_iter(),
            rows: 0,
            ended: false,
        };
        run.frame()?;
        if run.payload != [MAGIC, &FORMAT.to_le_bytes(), &incarnation.to_le_bytes()].concat() {
            return Err(run.damaged("it does not begin as a run of this store"));
        }
        Ok(run)
    }

    /// The next row with its count; nothing after the last.
    pub(super) fn next(&mut self) -> Result<Option<(Row, Diff)>, StoreError> {
        loop {
            if let Some(row) = self.block.next() {
                self.rows += 1;
                return Ok(Some(row));
            }
            if self.ended {
                return Ok(None);
            }
            self.frame()?;
            match self.payload.split_first() {
                Some((&ROWS, rows)) => {
                    let block = block(rows).map_err(|Malformed| self.damaged("a block makes no sense"))?;
                    self.block = block.into_iter();
                }
                Some((&END, rows)) if Bytes(rows).number() == Ok(self.rows) => self.ended = true,
                _ => return Err(self.damaged("it has another number of rows than it says")),
            }
        }
    }

    fn frame(&mut self) -> Result<(), StoreError> {
        let found = frame::read(&mut self.file, self.blocks, &mut self.payload);
        match found.map_err(StoreError::io(format!("read {}", self.name)))? {
            Found::Frame => {}
            Found::End => return Err(self.damaged("it ends too early")),
            Found::Broken => return Err(self.damaged("a block is damaged")),
        }
        self.offset += (frame::HEADER + self.payload.len()) as u64;
        self.blocks += 1;
        Ok(())
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::damaged(&self.name, self.offset, what)
    }
}

fn block(payload: &[u8]) -> Result<Vec<(Row, Diff)>, Malformed> {
    let plain = lz4_flex::decompress_size_prepended(payload).map_err(|_| Malformed)?;
    let (mut bytes, mut rows) = (Bytes(&plain), Vec::new());
    while !bytes.is_empty() {
        rows.push((bytes.row()?, bytes.signed()?));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::disk::Directory;
    use super::*;
    use crate::value::Datum;

    #[test]
    fn rows_come_back_and_no_flipped_byte_goes_unseen() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = Directory::open(directory.path()).expect("a directory");
        let rows: Vec<(Row, Diff)> =
            (0..300).map(|n| (Row::pack(&[Datum::Int8(n), Datum::text("x".repeat(n as usize))]), 1 + n % 3)).collect();
        let mut writer = RunWriter::create(&disk, 5, 1).expect("created");
        rows.iter().for_each(|(row, count)| writer.push(row, *count).expect("written"));
        let writer = writer.finish().expect("finished");
        assert_eq!(writer.rows, 300);
        let read = || {
            let mut reader = RunReader::open(&disk, 5, 1)?;
            let mut found = Vec::new();
            while let Some(row) = reader.next()? {
                found.push(row);
            }
            Ok::<_, StoreError>(found)
        };
        assert_eq!(read().expect("readable"), rows);
        let path = directory.path().join(name(1));
        let bytes = std::fs::read(&path).expect("readable");
        assert_eq!(bytes.len() as u64, writer.bytes);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, damaged).expect("written");
            assert!(matches!(read(), Err(StoreError::Damaged { .. })), "byte {at}");
        }
        std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("written");
        assert!(matches!(read(), Err(StoreError::Damaged { .. })));
        assert!(matches!(RunReader::open(&disk, 6, 1), Err(StoreError::Damaged { .. })));
    }
}
