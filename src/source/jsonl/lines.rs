//! Lines from a file, a file that grows, or a pipe.
//!
//! What must hold: every byte is given exactly once and in order, a line only when it is complete (or the input has ended),
//! and reading never blocks, so that a stop is noticed. A followed file that shrinks or is replaced ends in an error: what
//! was in it meanwhile cannot be known.

use crate::source::SourceError;
use crossbeam_channel::{Receiver, TryRecvError, bounded};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const CHUNK: usize = 1 << 16;
/// The longest line that is kept in memory.
pub(super) const LINE_MAX: usize = 16 << 20;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, without its end.
    Line,
    /// A line longer than `LINE_MAX`; only its beginning is given.
    TooLong,
    /// Nothing yet.
    Pause,
    /// Nothing more.
    End,
}

/// Splits an input into lines.
pub(super) struct Lines {
    input: Input,
    chunk: Vec<u8>,
    /// The part of `chunk` not yet given.
    rest: std::ops::Range<usize>,
    /// The beginning of a line whose end has not arrived.
    partial: Vec<u8>,
    too_long: bool,
    ended: bool,
    number: u64,
}

impl Lines {
    /// Opens the input. A followed file is read as far as it goes now if `once`, and else for ever.
    pub(super) fn open(path: &Path, follow: bool, once: bool) -> Result<Lines, SourceError> {
        Ok(Lines {
            input: Input::open(path, follow, once)?,
            chunk: vec![0; CHUNK],
            rest: 0..0,
            partial: Vec::new(),
            too_long: false,
            ended: false,
            number: 0,
        })
    }

    /// The number of the line given last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, into `line`.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<Next, SourceError> {
        loop {
            let unread = &self.chunk[self.rest.clone()];
            if let Some(length) = unread.iter().position(|b| *b == b'\n') {
                keep(&mut self.partial, &unread[..length], &mut self.too_long);
                self.rest.start += length + 1;
                return Ok(self.give(line));
            }
            keep(&mut self.partial, unread, &mut self.too_long);
            self.rest = 0..0;
            if self.ended {
                let nothing = self.partial.is_empty() && !self.too_long;
                return Ok(if nothing { Next::End } else { self.give(line) });
            }
            match self.input.read(&mut self.chunk)? {
                Got::Bytes(count) => self.rest = 0..count,
                Got::Nothing => return Ok(Next::Pause),
                Got::End => self.ended = true,
            }
        }
    }

    fn give(&mut self, line: &mut Vec<u8>) -> Next {
        line.clear();
        std::mem::swap(line, &mut self.partial);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.number += 1;
        if std::mem::take(&mut self.too_long) { Next::TooLong } else { Next::Line }
    }
}

fn keep(partial: &mut Vec<u8>, bytes: &[u8], too_long: &mut bool) {
    let room = LINE_MAX - partial.len();
    *too_long |= bytes.len() > room;
    partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

enum Got {
    Bytes(usize),
    Nothing,
    End,
}

enum Input {
    File(Followed),
    /// Chunks read by a thread of its own, since reading a pipe blocks.
    Pipe(Receiver<io::Result<Vec<u8>>>, PathBuf),
}

/// A file, perhaps growing.
struct Followed {
    path: PathBuf,
    file: File,
    position: u64,
    /// Where to end; none: never.
    end: Option<u64>,
}

impl Input {
    fn open(path: &Path, follow: bool, once: bool) -> Result<Input, SourceError> {
        if path.as_os_str() == "-" {
            return Ok(Input::pipe(io::stdin(), path));
        }
        let cannot = |error: io::Error| SourceError::Config(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(SourceError::Config(format!("{} is a directory; a file is needed", path.display())));
        }
        if !metadata.is_file() {
            return Ok(Input::pipe(file, path));
        }
        let end = match (follow, once) {
            (true, false) => None,
            (true, true) => Some(metadata.len()),
            (false, _) => Some(u64::MAX),
        };
        Ok(Input::File(Followed { path: path.into(), file, position: 0, end }))
    }

    fn pipe(mut input: impl Read + Send + 'static, path: &Path) -> Input {
        let (sender, receiver) = bounded(4);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = input.read(&mut chunk).map(|count| {
                    chunk.truncate(count);
                    chunk
                });
                let is_end = !matches!(&read, Ok(chunk) if !chunk.is_empty());
                let is_interrupted = matches!(&read, Err(e) if e.kind() == io::ErrorKind::Interrupted);
                if !is_interrupted && (sender.send(read).is_err() || is_end) {
                    return;
                }
            }
        });
        Input::Pipe(receiver, path.into())
    }

    fn read(&mut self, chunk: &mut [u8]) -> Result<Got, SourceError> {
        match self {
            Input::File(file) => file.read(chunk),
            Input::Pipe(receiver, path) => match receiver.try_recv() {
                Ok(Ok(bytes)) if bytes.is_empty() => Ok(Got::End),
                Ok(Ok(bytes)) => {
                    chunk[..bytes.len()].copy_from_slice(&bytes);
                    Ok(Got::Bytes(bytes.len()))
                }
                Ok(Err(error)) => Err(unreadable(path, &error)),
                Err(TryRecvError::Empty) => Ok(Got::Nothing),
                Err(TryRecvError::Disconnected) => Ok(Got::End),
            },
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    SourceError::Unavailable(format!("cannot read on in {}: {error}", path.display()))
}

impl Followed {
    fn read(&mut self, chunk: &mut [u8]) -> Result<Got, SourceError> {
        let count = self.read_some(chunk)?;
        if count > 0 {
            return Ok(Got::Bytes(count));
        }
        match self.end {
            Some(u64::MAX) => Ok(Got::End),
            Some(end) if self.position >= end => Ok(Got::End),
            _ => self.wait(chunk),
        }
    }

    fn read_some(&mut self, chunk: &mut [u8]) -> Result<usize, SourceError> {
        let left = self.end.map_or(u64::MAX, |end| end - self.position.min(end));
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        loop {
            match self.file.read(&mut chunk[..room]) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.path, &error)),
            }
        }
    }

    /// At the file's end for now: is it still the same file, and no shorter?
    fn wait(&mut self, chunk: &mut [u8]) -> Result<Got, SourceError> {
        let ours = self.file.metadata().map_err(|e| unreadable(&self.path, &e))?;
        if ours.len() < self.position {
            return Err(self.lost(&format!("was cut from {} to {} bytes", self.position, ours.len())));
        }
        let named = std::fs::metadata(&self.path);
        let is_replaced = named.is_ok_and(|named| identity(&named) != identity(&ours));
        if !is_replaced {
            return Ok(Got::Nothing);
        }
        // What was appended before the file was replaced still counts.
        match self.read_some(chunk)? {
            0 => Err(self.lost("was replaced by another file")),
            count => Ok(Got::Bytes(count)),
        }
    }

    fn lost(&self, what: &str) -> SourceError {
        SourceError::Operator(format!(
            "{} {what} while it was followed, so events may be missing; append to it only, and start again to read the file \
             as it is now",
            self.path.display()
        ))
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// All that is to be had now, and what stands at its end.
    fn drain(lines: &mut Lines) -> (Vec<String>, Result<Next, SourceError>) {
        let (mut all, mut line) = (vec![], vec![]);
        loop {
            match lines.next(&mut line) {
                Ok(Next::Line) => all.push(String::from_utf8(line.clone()).unwrap()),
                end => return (all, end),
            }
        }
    }

    fn append(path: &Path, text: &str) {
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_ends_and_a_followed_file_pauses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        append(&path, "one\r\n\nthree");
        let mut bounded = Lines::open(&path, false, false).unwrap();
        let (all, end) = drain(&mut bounded);
        assert_eq!((all.join("|").as_str(), end.unwrap(), bounded.number()), ("one||three", Next::End, 3));

        let mut followed = Lines::open(&path, true, false).unwrap();
        let mut once = Lines::open(&path, true, true).unwrap();
        let (all, end) = drain(&mut followed);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("one|", Next::Pause));
        append(&path, "!\nfour\n");
        let (all, end) = drain(&mut followed);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("three!|four", Next::Pause));
        let (all, end) = drain(&mut once);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("one||three", Next::End));
    }

    #[test]
    fn a_followed_file_may_not_shrink_or_be_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        for replace in [false, true] {
            std::fs::write(&path, "one\ntwo\n").unwrap();
            let mut lines = Lines::open(&path, true, false).unwrap();
            assert_eq!(drain(&mut lines).0.len(), 2);
            if replace {
                append(&path, "three\n");
                std::fs::rename(&path, directory.path().join("lines.1")).unwrap();
                assert_eq!(drain(&mut lines).1.unwrap(), Next::Pause);
            }
            std::fs::write(&path, "new\n").unwrap();
            let (_, end) = drain(&mut lines);
            let wanted = if replace { "was replaced" } else { "was cut from 8 to 4 bytes" };
            assert!(matches!(&end, Err(SourceError::Operator(m)) if m.contains(wanted)), "{end:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let mut text = vec![b'x'; LINE_MAX + CHUNK];
        text.extend_from_slice(b"\nnext\n");
        std::fs::write(&path, text).unwrap();
        let (mut lines, mut line) = (Lines::open(&path, false, false).unwrap(), vec![]);
        assert_eq!((lines.next(&mut line).unwrap(), line.len()), (Next::TooLong, LINE_MAX));
        assert_eq!(drain(&mut lines).0, ["next"]);
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let directory = tempfile::tempdir().unwrap();
        for (path, message) in
            [(directory.path().to_owned(), "is a directory"), (directory.path().join("no"), "cannot read")]
        {
            let opened = Lines::open(&path, true, false);
            assert!(matches!(opened, Err(SourceError::Config(m)) if m.contains(message)));
        }
    }
}
