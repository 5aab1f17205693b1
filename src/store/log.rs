//! The log: every tick, in the order in which it came, durable before anybody goes on.
//!
//! Ticks that come while others are being synced wait, and are written together as one frame: frames are synced one by one, so
//! that a frame that is not whole can only be the last. What must hold: after a failed write nothing is written any more, as what
//! the file holds is not known then.

use super::bytes::Bytes;
use super::disk::{Append, Disk};
use super::error::StoreError;
use super::segment::{self, End, Segment};
use crate::failpoint::reach;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A segment is closed when it has this many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;

/// A log that is written to.
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    incarnation: u64,
    gathering: Mutex<Gathering>,
    writing: Mutex<Writing>,
}

/// The frame that is being filled.
struct Gathering {
    sequence: u64,
    records: Vec<u8>,
}

/// The segment that is being written.
struct Writing {
    file: Box<dyn Append>,
    length: u64,
    /// All frames below this are durable.
    next: u64,
    frame: Vec<u8>,
    failed: Option<String>,
}

impl Log {
    /// Goes on with this frame, in a segment of its own.
    pub(super) fn begin(disk: Arc<dyn Disk>, incarnation: u64, next: u64) -> Result<Log, StoreError> {
        // Made by a run that wrote nothing.
        if segment::list(disk.as_ref())?.contains(&next) {
            let name = segment::name(next);
            disk.remove(&name).map_err(StoreError::io(format!("remove {name}")))?;
        }
        let file = segment::create(disk.as_ref(), incarnation, next)?;
        let writing = Writing { file, length: 0, next, frame: Vec::new(), failed: None };
        let gathering = Gathering { sequence: next, records: Vec::new() };
        Ok(Log { disk, incarnation, gathering: Mutex::new(gathering), writing: Mutex::new(writing) })
    }

    /// Puts a record into the next frame, and returns once that is durable.
    pub(super) fn append(&self, record: &[u8]) -> Result<(), StoreError> {
        let sequence = {
            let mut gathering = lock(&self.gathering);
            gathering.records.extend_from_slice(record);
            gathering.sequence
        };
        let mut writing = lock(&self.writing);
        if writing.next > sequence {
            return Ok(());
        }
        if let Some(failed) = &writing.failed {
            return Err(StoreError::Poisoned(failed.clone()));
        }
        // Whoever comes first writes for all who have come meanwhile.
        let records = {
            let mut gathering = lock(&self.gathering);
            gathering.sequence += 1;
            std::mem::take(&mut gathering.records)
        };
        let written = self.write(&mut writing, &records);
        writing.failed = written.as_ref().err().map(ToString::to_string);
        written
    }

    fn write(&self, writing: &mut Writing, records: &[u8]) -> Result<(), StoreError> {
        if writing.length >= SEGMENT_BYTES {
            writing.file = segment::create(self.disk.as_ref(), self.incarnation, writing.next)?;
            writing.length = 0;
        }
        writing.frame.clear();
        super::frame::write(writing.next, records, &mut writing.frame);
        reach("log.gathered");
        let mut write = || {
            writing.file.append(&writing.frame)?;
            reach("log.written");
            writing.file.sync()
        };
        write().map_err(StoreError::io("write its log"))?;
        reach("log.synced");
        writing.length += writing.frame.len() as u64;
        writing.next += 1;
        Ok(())
    }

    /// All frames below this are durable.
    pub(super) fn next(&self) -> u64 {
        lock(&self.writing).next
    }

    /// How many bytes the segments have.
    pub(super) fn bytes(&self) -> Result<u64, StoreError> {
        let files = self.disk.list().map_err(StoreError::io("list its directory"))?;
        Ok(files.iter().filter(|(name, _)| segment::is_segment(name)).map(|(_, length)| length).sum())
    }

    /// Removes the segments that hold nothing from this frame on.
    pub(super) fn forget_below(&self, sequence: u64) -> Result<(), StoreError> {
        let firsts = segment::list(self.disk.as_ref())?;
        for pair in firsts.windows(2).filter(|pair| pair[1] <= sequence) {
            let name = segment::name(pair[0]);
            self.disk.remove(&name).map_err(StoreError::io(format!("remove {name}")))?;
        }
        Ok(())
    }
}

/// Which frames of a log are read.
#[derive(Clone, Copy)]
pub(super) enum Frames {
    /// All from this on. What a crash left behind the last one is cut off if `mend` says so: nobody writes.
    From { first: u64, mend: bool },
    /// Those that are known to be durable: the log may be written to meanwhile.
    Between(u64, u64),
}

/// Reads frames, as long as they are taken. Returns the sequence of the one that follows the last, if all were read.
pub(super) fn read(
    disk: &dyn Disk,
    incarnation: u64,
    frames: Frames,
    take: &mut segment::Take<'_>,
) -> Result<u64, StoreError> {
    let (from, until, mend) = match frames {
        Frames::From { first, mend } => (first, u64::MAX, mend),
        Frames::Between(first, until) => (first, until, false),
    };
    let firsts = segment::list(disk)?;
    let mut next = from;
    for (index, first) in firsts.iter().enumerate() {
        // Segments before `from` are left over from a removal that a crash cut short.
        let is_last = index + 1 == firsts.len();
        if !is_last && firsts[index + 1] <= from {
            continue;
        }
        if *first >= until {
            break;
        }
        if *first > next {
            let what = format!("frames {next} to {} are missing before it", first - 1);
            return Err(StoreError::damaged(&segment::name(*first), 0, what));
        }
        let mut take_new = |sequence: u64, frame: Bytes<'_>| match sequence >= from {
            true => take(sequence, frame),
            false => Ok(true),
        };
        let end = match Segment::open(disk, *first)?.read(incarnation, is_last, until, &mut take_new)? {
            End::Whole(end) => end,
            End::Left => return Ok(next),
            End::Torn { next, offset } => {
                if mend {
                    Segment::mend(disk, *first, offset)?;
                }
                next
            }
        };
        next = end.max(next);
    }
    Ok(next)
}

fn lock<X>(mutex: &Mutex<X>) -> MutexGuard<'_, X> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
