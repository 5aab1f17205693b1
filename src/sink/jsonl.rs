//! Changes and frontiers as JSON lines: `{"time":T,"diff":1,"row":{…}}` per change, then `{"frontier":T}`.
//!
//! Folding the lines with a time below a frontier gives the view at that frontier. The file is written anew at every start, under
//! a name of its own until the first content is whole; then it takes the old one's place. A line is whole or absent: what a
//! failed write left behind is cut off before the next.

use super::{Delivery, Sink, SinkError, SinkKey, SinkView};
use crate::value::json;
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
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
    Unopened,
    /// Standard output, a pipe or a device: what is written cannot be taken back.
    Stream(Box<dyn Write + Send>),
    /// A file with the length of its whole deliveries. It is staged until there is one.
    File {
        file: File,
        whole: u64,
        staged: bool,
    },
}

impl Jsonl {
    /// A sink that is not open yet.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<Jsonl, SinkError> {
        let (name, path) = (name.to_string(), config.path);
        Ok(Jsonl { name, view, path, output: Output::Unopened, lines: String::new() })
    }

    fn error(&self, error: &io::Error) -> SinkError {
        let target = match self.path.to_str() {
            Some("-") => "standard output".to_string(),
            _ => self.path.display().to_string(),
        };
        let text = format!("sink {}: cannot write {target}: {error}", self.name);
        if matches!(self.output, Output::Stream(_)) {
            return SinkError::Operator(text);
        }
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory => SinkError::Config(text),
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
        self.output.finish(&self.path)
    }
}

impl Output {
    fn open(path: &Path) -> io::Result<Output> {
        if path == Path::new("-") {
            return Ok(Output::Stream(Box::new(io::stdout())));
        }
        let there = std::fs::metadata(path);
        if there.as_ref().is_ok_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if there.is_ok_and(|there| !there.is_file()) {
            return Ok(Output::Stream(Box::new(File::options().write(true).open(path)?)));
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        Ok(Output::File { file: File::create(staging(path))?, whole: 0, staged: true })
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        match self {
            Output::Unopened => Err(io::Error::other("it is not open")),
            Output::Stream(stream) => stream.write_all(lines.as_bytes()),
            Output::File { file, .. } => file.write_all(lines.as_bytes()),
        }
    }

    /// A delivery is whole.
    fn finish(&mut self, path: &Path) -> io::Result<()> {
        match self {
            Output::Unopened => Ok(()),
            Output::Stream(stream) => stream.flush(),
            Output::File { file, whole, staged } => {
                if *staged {
                    file.sync_all()?;
                    std::fs::rename(staging(path), path)?;
                    *staged = false;
                }
                *whole = file.stream_position()?;
                Ok(())
            }
        }
    }
}

/// The file's name while it lacks its first content.
fn staging(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

impl Sink for Jsonl {
    fn key(&self) -> Option<&SinkKey> {
        None
    }

    fn open(&mut self) -> Result<(), SinkError> {
        let opened = match &mut self.output {
            Output::Stream(_) => Ok(()),
            Output::File { file, whole, staged: false } => {
                file.set_len(*whole).and_then(|()| file.seek(SeekFrom::Start(*whole)).map(drop))
            }
            Output::Unopened | Output::File { .. } => Output::open(&self.path).map(|output| self.output = output),
        };
        opened.map_err(|error| self.error(&error))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        self.write(delivery).map_err(|error| self.error(&error))
    }
}
