//! Source `jsonl`: a stream of events, one JSON object (or one record of CSV) per line, from files, a growing file or standard input.
//!
//! Reading down: `files` gives one file after the other, `lines` splits it, `input` and `compressed` read its bytes.

mod compressed;
mod config;
mod files;
mod input;
mod lines;

pub use config::Config;

use super::stream::{Format, Halt, Intake, Position, TICK};
use super::{Source, SourceError, SourceRelation, Start, Stop};
use crate::timeline::PartitionId;
use crate::value::ValueError;
use files::{End, Files};
use lines::{Extent, LINE_MAX, Lines, Next};
use std::path::{Path, PathBuf};

/// The source.
pub struct Jsonl {
    stream: SourceRelation,
    config: Config,
}

impl Jsonl {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Jsonl {
        Jsonl { stream: config.stream.offer(name, config.ends()), config }
    }
}

impl Source for Jsonl {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        files::check(&self.config)?;
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let (once, stop) = (start.once, start.stop.clone());
        let Some(mut intake) = Intake::open(&self.stream.name, &self.config.stream, start)? else { return Ok(()) };
        let (is_csv, has_header) = match self.config.stream.format() {
            Format::Json | Format::Debezium => (false, false),
            Format::Csv { header, .. } => (true, header.unwrap_or(true)),
        };
        let partition = intake.partition(&self.config.path.to_string_lossy());
        let resumed = intake.resumes(partition).filter(|position| !position.within.is_empty());
        let read = resumed.map(|Position { at: [bytes, lines], within, .. }| (within.into(), Extent { bytes, lines }));
        let mut reading = Reading {
            files: Files::open(&self.config, is_csv, once, read.clone())?,
            has_header,
            intake,
            partition,
            at: PathBuf::new(),
        };
        if let Some((path, Extent { lines: 1.., .. })) = read.filter(|_| has_header) {
            reading.read_header(&path)?;
        }
        reading.run(&stop).or_else(Halt::result)
    }
}

/// A run of the source.
struct Reading {
    files: Files,
    /// Whether the first line of each file names the columns.
    has_header: bool,
    intake: Intake,
    partition: PartitionId,
    /// The file whose name positions carry.
    at: PathBuf,
}

impl Reading {
    fn run(mut self, stop: &Stop) -> Result<(), Halt> {
        let mut line = Vec::new();
        while !stop.requested() {
            match self.files.next(&mut line)? {
                Next::Line => self.take(&line)?,
                Next::TooLong => self.refuse_length(&line)?,
                Next::Pause => {
                    self.intake.at_end(self.partition);
                    self.intake.pause()?;
                    std::thread::sleep(TICK);
                }
                Next::End => return self.intake.finish(),
            }
        }
        Ok(())
    }

    /// The names of the columns in a file that is read on.
    fn read_header(&mut self, path: &Path) -> Result<(), SourceError> {
        let mut line = Vec::new();
        Lines::open(path, End::File, true, Extent::default())?.next(&mut line)?;
        let refused = |error: ValueError| SourceError::Config(format!("{}:1: {}", path.display(), error.message));
        self.intake.header(&line).map_err(refused)
    }

    /// Says where a restart goes on behind this line.
    fn note_position(&mut self) {
        let (path, Extent { bytes, lines }) = self.files.extent();
        // What comes from a pipe cannot be read again, so all of it is new.
        if path.as_os_str() == "-" {
            return;
        }
        if self.at != *path {
            self.at = path.to_owned();
            self.intake.within(self.partition, &path.to_string_lossy());
        }
        self.intake.reaches(self.partition, [bytes, lines]);
    }

    /// One line: an event, or an error. Blank lines are nothing.
    fn take(&mut self, line: &[u8]) -> Result<(), Halt> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.note_position();
        let (path, number) = self.files.place();
        let place = format_args!("{}:{number}", path.display());
        if self.has_header && number == 1 {
            let refused = |error: ValueError| SourceError::Config(format!("{place}: {}", error.message));
            return Ok(self.intake.header(line).map_err(refused)?);
        }
        self.intake.take(self.partition, line, &place).map(drop)
    }

    fn refuse_length(&mut self, line: &[u8]) -> Result<(), Halt> {
        self.note_position();
        let (path, number) = self.files.place();
        let place = format_args!("{}:{number}", path.display());
        let error = ValueError::new("54000", format!("the line is longer than {LINE_MAX} bytes"));
        self.intake.reject(self.partition, error, line, &place).map(drop)
    }
}
