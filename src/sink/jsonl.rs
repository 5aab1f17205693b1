//! Changes and frontiers as JSON lines: `{"time":T,"diff":1,"row":{…}}` per change, then `{"frontier":T}`.
//!
//! Folding the lines with a time below a frontier gives the view at that frontier. The file is written anew at every start. A
//! line is whole or absent: what a failed write left behind is cut off before the next.

use super::{Delivery, Sink, SinkError, SinkKey, SinkView};
use crate::value::json;
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Lines are handed to the file in pieces of about this size.
const PIECE: usize = 1 << 20;

/// The `jsonl` sink as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The view whose changes are written.
    pub view: String,
    /// The file, or "-" for standard output.
    pub path: PathBuf,
}

impl Config {
    /// The same with a relative path taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        if self.path != Path::new("-") {
            self.path = directory.join(&self.path);
        }
        self
    }
}

/// Writes a view's changes as JSON lines.
pub struct Jsonl {
    name: String,
    view: SinkView,
    path: PathBuf,
    output: Output,
    lines: String,
}

enum Output {
    Stdout,
    Unopened,
    /// The file with the length of its whole deliveries.
    File(File, u64),
}

impl Jsonl {
    /// A sink that is not open yet.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<Jsonl, SinkError> {
        let output = if config.path == Path::new("-") { Output::Stdout } else { Output::Unopened };
        Ok(Jsonl { name: name.to_string(), view, path: config.path, output, lines: String::new() })
    }

    fn error(&self, error: &io::Error) -> SinkError {
        let text = format!("sink {}: cannot write {}: {error}", self.name, self.path.display());
        if matches!(self.output, Output::Stdout) {
            return SinkError::Operator(format!("sink {}: cannot write to standard output: {error}", self.name));
        }
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => {
                SinkError::Config(text)
            }
            _ => SinkError::Transient(text),
        }
    }

    fn write(&mut self, delivery: &Delivery) -> io::Result<()> {
        self.lines.clear();
        for (row, time, diff) in &delivery.changes {
            let _ = write!(self.lines, "{{\"time\":{time},\"diff\":{diff},\"row\":");
            json::write_row(&self.view.schema.columns, row, &mut self.lines);
            self.lines.push_str("}\n");
            if self.lines.len() >= PIECE {
                self.output.write(&self.lines)?;
                self.lines.clear();
            }
        }
        let _ = match delivery.frontier {
            Some(frontier) => writeln!(self.lines, "{{\"frontier\":{frontier}}}"),
            None => writeln!(self.lines, "{{\"frontier\":null}}"),
        };
        self.output.write(&self.lines)?;
        self.output.finish()
    }
}

impl Output {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        match self {
            Output::Stdout => io::stdout().lock().write_all(lines.as_bytes()),
            Output::Unopened => Err(io::Error::other("the file is not open")),
            Output::File(file, _) => file.write_all(lines.as_bytes()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Output::Stdout => io::stdout().lock().flush(),
            Output::Unopened => Ok(()),
            Output::File(file, whole) => {
                *whole = file.stream_position()?;
                Ok(())
            }
        }
    }
}

impl Sink for Jsonl {
    fn key(&self) -> Option<&SinkKey> {
        None
    }

    fn open(&mut self) -> Result<(), SinkError> {
        let opened = match &mut self.output {
            Output::Stdout => Ok(()),
            Output::File(file, whole) => {
                file.set_len(*whole).and_then(|()| file.seek(SeekFrom::Start(*whole)).map(drop))
            }
            Output::Unopened => File::create(&self.path).map(|file| self.output = Output::File(file, 0)),
        };
        opened.map_err(|error| self.error(&error))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        self.write(delivery).map_err(|error| self.error(&error))
    }
}
