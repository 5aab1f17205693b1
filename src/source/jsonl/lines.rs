//! An input split into lines. A line is given only when it is complete, or the input has ended. A line end within the quotes of a
//! CSV record does not end the record.

use super::files::End;
use super::input::{CHUNK, Got, Input};
use crate::source::SourceError;
use crate::source::stream::is_open;
use std::path::Path;

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
    is_csv: bool,
    /// Whether a quote is open in `partial`.
    is_open: bool,
    ended: bool,
    /// Lines met, those of them that were given, and the number of the one given last.
    met: u64,
    given: u64,
    number: u64,
    /// Bytes of the input that were met, and those up to the end of the line given last.
    passed: u64,
    ends_at: u64,
}

/// How much of an input was read: lines, and the bytes they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) lines: u64,
}

impl Lines {
    /// Opens the input behind what was read of it.
    pub(super) fn open(path: &Path, end: End, is_csv: bool, read: Extent) -> Result<Lines, SourceError> {
        Ok(Lines {
            input: Input::open(path, end, read.bytes)?,
            chunk: vec![0; CHUNK],
            rest: 0..0,
            partial: Vec::new(),
            too_long: false,
            is_csv,
            is_open: false,
            ended: false,
            met: read.lines,
            given: read.lines,
            number: 0,
            passed: read.bytes,
            ends_at: read.bytes,
        })
    }

    /// Nothing will be added to the input any more.
    pub(super) fn finish(&mut self) {
        self.input.finish();
    }

    /// The number of the line given last, from 1; of a record in several lines, that of its first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How much was given.
    pub(super) fn extent(&self) -> Extent {
        Extent { bytes: self.ends_at, lines: self.given }
    }

    /// The next line, into `line`.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<Next, SourceError> {
        loop {
            let unread = self.rest.clone();
            let line_end = memchr::memchr(b'\n', &self.chunk[unread.clone()]);
            self.keep(unread.start..line_end.map_or(unread.end, |length| unread.start + length));
            if line_end.is_some() {
                self.rest.start += 1;
                self.passed += 1;
                self.met += 1;
                if self.is_open && !self.too_long {
                    self.partial.push(b'\n');
                    continue;
                }
                return Ok(self.give(line));
            }
            if self.ended {
                let nothing = self.partial.is_empty() && !self.too_long;
                self.met += u64::from(!nothing);
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
        self.number = self.given + 1;
        (self.given, self.ends_at) = (self.met, self.passed);
        self.is_open = false;
        if std::mem::take(&mut self.too_long) { Next::TooLong } else { Next::Line }
    }

    /// Adds these bytes of the chunk to the line, as far as there is room.
    fn keep(&mut self, range: std::ops::Range<usize>) {
        let bytes = &self.chunk[range.clone()];
        let room = LINE_MAX.saturating_sub(self.partial.len());
        self.too_long |= bytes.len() > room;
        self.is_open ^= self.is_csv && is_open(bytes);
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.rest.start = range.end;
        self.passed += range.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
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
        let mut bounded = Lines::open(&path, End::File, false, Extent::default()).unwrap();
        let (all, end) = drain(&mut bounded);
        assert_eq!((all.join("|").as_str(), end.unwrap(), bounded.number()), ("one||three", Next::End, 3));

        let mut followed = Lines::open(&path, End::Never, false, Extent::default()).unwrap();
        let mut once = Lines::open(&path, End::Now, false, Extent::default()).unwrap();
        let (all, end) = drain(&mut followed);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("one|", Next::Pause));
        append(&path, "!\nfour\n");
        let (all, end) = drain(&mut followed);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("three!|four", Next::Pause));
        let (all, end) = drain(&mut once);
        assert_eq!((all.join("|").as_str(), end.unwrap()), ("one||three", Next::End));
    }

    #[test]
    fn a_file_is_read_on_behind_what_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        append(&path, "one\ntwo\r\n\nfour");
        let (mut lines, mut line) = (Lines::open(&path, End::Never, false, Extent::default()).unwrap(), vec![]);
        let mut rest = vec!["one", "two", "", "four!"];
        append(&path, "!\n");
        while !rest.is_empty() {
            let mut again = Lines::open(&path, End::File, false, lines.extent()).unwrap();
            assert_eq!(drain(&mut again).0, rest);
            assert_eq!(lines.next(&mut line).unwrap(), Next::Line);
            rest.remove(0);
        }
        assert_eq!(lines.extent(), Extent { bytes: 16, lines: 4 });
        std::fs::write(&path, "one\n").unwrap();
        let shrunk = Lines::open(&path, End::Never, false, lines.extent());
        assert!(matches!(shrunk, Err(SourceError::Operator(m)) if m.contains("was cut from at least 16 to 4 bytes")));
    }

    #[test]
    fn a_followed_file_may_not_shrink_or_be_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        for replace in [false, true] {
            std::fs::write(&path, "one\ntwo\n").unwrap();
            let mut lines = Lines::open(&path, End::Never, false, Extent::default()).unwrap();
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
        let (mut lines, mut line) = (Lines::open(&path, End::File, false, Extent::default()).unwrap(), vec![]);
        assert_eq!((lines.next(&mut line).unwrap(), line.len()), (Next::TooLong, LINE_MAX));
        assert_eq!(drain(&mut lines).0, ["next"]);
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let directory = tempfile::tempdir().unwrap();
        for (path, message) in
            [(directory.path().to_owned(), "is a directory"), (directory.path().join("no"), "cannot read")]
        {
            let opened = Lines::open(&path, End::Never, false, Extent::default());
            assert!(matches!(opened, Err(SourceError::Config(m)) if m.contains(message)));
        }
    }

    #[test]
    fn a_record_goes_on_within_quotes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines.csv");
        append(&path, "a,b\n1,\"x\ny\"\r\n2,\"\"\"\n\"\n3,\"open\n4,z");
        let mut lines = Lines::open(&path, End::File, true, Extent::default()).unwrap();
        let (mut seen, mut line) = (vec![], vec![]);
        while lines.next(&mut line).unwrap() == Next::Line {
            seen.push((lines.number(), String::from_utf8(line.clone()).unwrap()));
        }
        let expected = [(1, "a,b"), (2, "1,\"x\ny\""), (4, "2,\"\"\"\n\""), (6, "3,\"open\n4,z")];
        assert_eq!(seen, expected.map(|(number, text)| (number, text.to_owned())));
    }
}
