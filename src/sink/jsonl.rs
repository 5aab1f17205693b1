//! Changes and frontiers as JSON lines: `{"time":T,"diff":1,"row":{…}}` per change, then `{"frontier":T}`.
//!
//! Folding the lines with a time below a frontier gives the view at that frontier. The view's whole content goes to a new file,
//! under a name of its own until it is whole; then it takes the old one's place. A line is whole or absent: what a failed write or
//! a killed process left behind its last frontier is cut off before the next.
//!
//! With a store the first line is a frontier, too: `{"frontier":0,"store":…,"view":…}`, at which there is nothing. It says
//! whose content follows, so that a later run of the same store goes on behind the last frontier.

use super::{Delivery, Difference, Looked, Mark, Owner, Sink, SinkError, SinkKey, SinkView};
use crate::failpoint::reach;
use crate::value::{Diff, Row, Time, json};
use rustix::fs::Access;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
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
    /// The mark of the file's last whole delivery.
    mark: Option<String>,
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
        Ok(Jsonl { name, view, path, output: Output::Unopened, mark: None, lines: String::new() })
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
        if delivery.first {
            self.output.begin(&self.path)?;
            if let Owner::Store(_) = delivery.mark.owner {
                let _ = writeln!(self.lines, "{}", Mark { frontier: Some(0), ..delivery.mark.clone() });
            }
        }
        reach("jsonl.begun");
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
        reach("jsonl.written");
        self.output.finish(&self.path)?;
        reach("jsonl.finished");
        self.mark = Some(delivery.mark.to_string());
        Ok(())
    }
}

impl Output {
    /// Opens the output, and reads the mark of a file that an earlier run of a store has left.
    fn open(path: &Path) -> io::Result<(Output, Option<String>)> {
        if path == Path::new("-") {
            return Ok((Output::Stream(Box::new(io::stdout())), None));
        }
        let there = std::fs::metadata(path);
        if there.as_ref().is_ok_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if there.is_ok_and(|there| !there.is_file()) {
            return Ok((Output::Stream(Box::new(File::options().write(true).open(path)?)), None));
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        match Kept::read(path)? {
            Some(kept) => {
                let Kept { file, whole, mark } = kept.cut()?;
                Ok((Output::File { file, whole, staged: false }, Some(mark)))
            }
            None => Ok((Output::staged(path)?, None)),
        }
    }

    fn staged(path: &Path) -> io::Result<Output> {
        Ok(Output::File { file: File::create(staging(path))?, whole: 0, staged: true })
    }

    /// Begins a new file. What was written to a stream cannot be taken back.
    fn begin(&mut self, path: &Path) -> io::Result<()> {
        if let Output::File { .. } = self {
            *self = Output::staged(path)?;
        }
        Ok(())
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

/// A file that an earlier run has left.
struct Kept {
    file: File,
    /// Where its last frontier ends.
    whole: u64,
    mark: String,
}

/// No line of a frontier is longer; lines are looked for from the end in pieces of this size.
const TAIL: u64 = 64 << 10;

impl Kept {
    /// Reads whose content it is from the first line, and how far it goes from the last frontier. Nothing if there is no such file.
    fn read(path: &Path) -> io::Result<Option<Kept>> {
        let mut file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut first = String::new();
        // What is not text has no mark.
        if BufReader::new((&mut file).take(TAIL)).read_line(&mut first).is_err() {
            return Ok(None);
        }
        let Some(first) = first.strip_suffix('\n').and_then(Mark::parse) else { return Ok(None) };
        let Some((whole, frontier)) = last_frontier(&mut file)? else { return Ok(None) };
        Ok(Some(Kept { file, whole, mark: Mark { frontier, ..first }.to_string() }))
    }

    /// Cuts off what follows the last frontier.
    fn cut(mut self) -> io::Result<Kept> {
        self.file.set_len(self.whole)?;
        self.file.seek(SeekFrom::Start(self.whole))?;
        Ok(self)
    }
}

/// Where the last line of a frontier ends, and which frontier that is.
fn last_frontier(file: &mut File) -> io::Result<Option<(u64, Option<Time>)>> {
    #[derive(Deserialize)]
    struct Line {
        frontier: Option<Time>,
    }
    let mut end = file.metadata()?.len();
    let mut piece = Vec::new();
    loop {
        let begin = end.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(begin))?;
        piece.clear();
        file.take(end - begin).read_to_end(&mut piece)?;
        let whole = memchr::memrchr(b'\n', &piece).map_or(0, |at| at + 1);
        let mut rest = &piece[..whole];
        while let Some(line) = rest.split_inclusive(|byte| *byte == b'\n').next_back() {
            let line_begin = rest.len() - line.len();
            // The first line of a piece may have begun before it.
            if line_begin == 0 && begin > 0 {
                break;
            }
            if line.starts_with(b"{\"frontier\":")
                && let Ok(Line { frontier }) = serde_json::from_slice(line)
            {
                return Ok(Some((begin + rest.len() as u64, frontier)));
            }
            rest = &rest[..line_begin];
        }
        if begin == 0 {
            return Ok(None);
        }
        // The next piece ends with the line that may have begun before this one, unless it is longer than any frontier's.
        let left = rest.len() as u64;
        end = if left < end - begin { begin + left } else { begin };
    }
}

/// Whether the file could be written, and the mark it has.
fn look(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => Ok(Kept::read(path)?.map(|kept| kept.mark)),
        Ok(_) => Ok(None),
        Err(_) if path == Path::new("-") => Ok(None),
        Err(_) => {
            // Directories that are missing are made.
            let above = path.ancestors().skip(1).find(|above| above.exists()).filter(|above| *above != Path::new(""));
            let above = above.unwrap_or(Path::new("."));
            if !above.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK)?;
            Ok(None)
        }
    }
}

/// What a file adds up to at its last frontier: its rows as JSON, each with its count. Nothing of what is no file.
fn folded(path: &Path) -> io::Result<Option<BTreeMap<String, Diff>>> {
    #[derive(Deserialize)]
    struct Change {
        diff: Diff,
        row: Box<RawValue>,
    }
    let mut rows = BTreeMap::new();
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path != Path::new("-") => return Ok(Some(rows)),
        Err(_) if path == Path::new("-") => return Ok(None),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let whole = last_frontier(&mut file)?.map_or(0, |(whole, _)| whole);
    file.seek(SeekFrom::Start(0))?;
    for line in BufReader::new(file.take(whole)).lines() {
        if let Ok(Change { diff, row }) = serde_json::from_str(&line?) {
            *rows.entry(row.get().to_owned()).or_default() += diff;
        }
    }
    rows.retain(|_, count| *count != 0);
    Ok(Some(rows))
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

    fn form(&self) -> String {
        "jsonl".to_string()
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        let opened = match &mut self.output {
            Output::Stream(_) => Ok(None),
            Output::File { file, whole, staged: false } => {
                let cut = file.set_len(*whole).and_then(|()| file.seek(SeekFrom::Start(*whole)));
                cut.map(|_| self.mark.clone())
            }
            Output::Unopened | Output::File { .. } => Output::open(&self.path).map(|(output, mark)| {
                self.output = output;
                mark
            }),
        };
        opened.map_err(|error| self.error(&error))
    }

    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        look(&self.path).map(|mark| Some(Looked { mark, anew: None, note: None })).map_err(|error| self.error(&error))
    }

    fn compare(&mut self, rows: &[(Row, Diff)]) -> Result<Option<Difference>, SinkError> {
        let Some(shown) = folded(&self.path).map_err(|error| self.error(&error))? else { return Ok(None) };
        let mut wanted = BTreeMap::new();
        for (row, count) in rows {
            let mut shown = String::new();
            json::write_row(&self.view.schema.columns, row, &mut shown);
            *wanted.entry(shown).or_default() += count;
        }
        Ok(Some(Difference::counted(&shown, &wanted)))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        self.write(delivery).map_err(|error| self.error(&error))
    }
}
