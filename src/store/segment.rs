//! Segments: the files of the log, each named after its first frame, which follows the last one of the segment before.
//!
//! A segment begins with a frame of its own that says whose it is. Only the last one may end in the middle of a frame: a crash left
//! that behind, and nobody was told what it held. Anything else that is not as it was written is damage.

use super::bytes::Bytes;
use super::disk::{Append, Disk, ReadSeek};
use super::error::StoreError;
use super::frame::{self, Found};
use crate::failpoint::reach;
use std::io::{BufReader, Read, Seek, SeekFrom};

const PREFIX: &str = "log-";
/// What the first frame of a segment begins with.
const MAGIC: &[u8] = b"tidegate log";
/// How a store of this version is laid out.
pub(super) const FORMAT: u32 = 3;

/// The name of the segment that begins with this frame.
pub(super) fn name(first: u64) -> String {
    format!("{PREFIX}{first:016x}")
}

/// The first frame of the segment of that name; nothing if it is no segment's.
fn first(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PREFIX).filter(|number| number.len() == 16)?;
    u64::from_str_radix(number, 16).ok()
}

/// Whether a file is a segment.
pub(super) fn is_segment(name: &str) -> bool {
    first(name).is_some()
}

/// Creates a segment, durably.
pub(super) fn create(disk: &dyn Disk, incarnation: u64, first: u64) -> Result<Box<dyn Append>, StoreError> {
    let name = name(first);
    let payload = [MAGIC, &FORMAT.to_le_bytes(), &incarnation.to_le_bytes()].concat();
    let mut head = Vec::new();
    frame::write(first.wrapping_sub(1), &payload, &mut head);
    let create = || {
        let mut file = disk.create(&name)?;
        reach("segment.created");
        file.append(&head)?;
        file.sync()?;
        reach("segment.headed");
        disk.sync_names()?;
        Ok(file)
    };
    create().map_err(StoreError::io(format!("create {name}")))
}

/// The segments that are there, by their first frames.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<u64>, StoreError> {
    let files = disk.list().map_err(StoreError::io("list its directory"))?;
    let mut firsts: Vec<u64> = files.iter().filter_map(|(name, _)| first(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What a frame of a segment is given to, with its sequence; it tells whether to read on.
pub(super) type Take<'a> = dyn FnMut(u64, Bytes<'_>) -> Result<bool, StoreError> + 'a;

/// A segment being read.
pub(super) struct Segment {
    name: String,
    first: u64,
    file: BufReader<Box<dyn ReadSeek>>,
    offset: u64,
}

/// How a segment ended.
pub(super) enum End {
    /// After a whole frame; the sequence of the one that follows.
    Whole(u64),
    /// Within a frame, at this offset.
    Torn { next: u64, offset: u64 },
    /// It was not read to its end.
    Left,
}

impl Segment {
    pub(super) fn open(disk: &dyn Disk, first: u64) -> Result<Segment, StoreError> {
        let name = name(first);
        let file = disk.read(&name).map_err(StoreError::io(format!("read {name}")))?;
        Ok(Segment { name, first, file: BufReader::with_capacity(1 << 20, file), offset: 0 })
    }

    /// Reads all frames below `until`. The last segment may be torn, even in its head.
    pub(super) fn read(
        mut self,
        incarnation: u64,
        is_last: bool,
        until: u64,
        take: &mut Take<'_>,
    ) -> Result<End, StoreError> {
        let mut payload = Vec::new();
        let head = self.first.wrapping_sub(1);
        match self.frame(head, &mut payload)? {
            Found::Frame => self.check_head(&payload, incarnation)?,
            Found::End | Found::Broken => return self.torn(head, is_last),
        }
        let mut next = self.first;
        loop {
            if next >= until {
                return Ok(End::Left);
            }
            match self.frame(next, &mut payload)? {
                Found::End => return Ok(End::Whole(next)),
                Found::Broken => return self.torn(next, is_last),
                Found::Frame => {
                    if !take(next, Bytes(&payload)).map_err(|error| self.locate(error))? {
                        return Ok(End::Left);
                    }
                }
            }
            self.offset += (frame::HEADER + payload.len()) as u64;
            next += 1;
        }
    }

    fn frame(&mut self, sequence: u64, payload: &mut Vec<u8>) -> Result<Found, StoreError> {
        let found = frame::read(&mut self.file, sequence, payload);
        found.map_err(StoreError::io(format!("read {}", self.name)))
    }

    fn check_head(&mut self, payload: &[u8], incarnation: u64) -> Result<(), StoreError> {
        let numbers = payload.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<4>());
        let Some((format, rest)) = numbers else {
            return Err(StoreError::damaged(&self.name, 0, "it does not begin as a segment of a log"));
        };
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(StoreError::Format { found, known: FORMAT });
        }
        if rest != incarnation.to_le_bytes() {
            return Err(StoreError::damaged(&self.name, 0, "it belongs to another store"));
        }
        self.offset = (frame::HEADER + payload.len()) as u64;
        Ok(())
    }

    /// Where the frame should be that follows, there is none.
    fn torn(mut self, sequence: u64, is_last: bool) -> Result<End, StoreError> {
        if !is_last {
            return Err(StoreError::damaged(
                &self.name,
                self.offset,
                "a frame is damaged, and another segment follows",
            ));
        }
        let mut rest = Vec::new();
        let read = self.file.seek(SeekFrom::Start(self.offset)).and_then(|_| self.file.read_to_end(&mut rest));
        read.map_err(StoreError::io(format!("read {}", self.name)))?;
        if frame::any_after(&rest, sequence) {
            return Err(StoreError::damaged(&self.name, self.offset, "a frame is damaged, and others follow it"));
        }
        Ok(End::Torn { next: sequence.max(self.first), offset: self.offset })
    }

    /// Says where what was read does not make sense.
    fn locate(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Damaged { what, .. } => StoreError::damaged(&self.name, self.offset, what),
            other => other,
        }
    }

    /// Cuts off what a crash left behind.
    pub(super) fn mend(disk: &dyn Disk, first: u64, offset: u64) -> Result<(), StoreError> {
        let name = name(first);
        let mend = || match offset {
            0 => disk.remove(&name).and_then(|()| disk.sync_names()),
            offset => disk.truncate(&name, offset),
        };
        mend().map_err(StoreError::io(format!("mend {name}")))
    }
}
