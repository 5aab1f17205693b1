//! The files of a stream, one after the other.
//!
//! A pattern's files are read in the order of their names, as one stream: what writes them gives a later file a later name. While
//! they are followed, the last one is read as it grows, and left for good once a file with a later name is there.

use super::compressed::is_compressed;
use super::config::Config;
use super::lines::{Extent, Lines, Next};
use crate::source::SourceError;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often files are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// The lines of all files.
pub(super) struct Files {
    pattern: Option<String>,
    is_csv: bool,
    /// Whether files may be added.
    waits: bool,
    known: BTreeSet<PathBuf>,
    pending: VecDeque<(PathBuf, End)>,
    current: Option<(PathBuf, Lines)>,
    /// What an earlier run has read of the file it was at.
    read: Option<(PathBuf, Extent)>,
    looked: Instant,
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it grows.
    Never,
    /// To its end.
    File,
    /// As far as it goes now, if it is a file.
    Now,
}

impl Files {
    /// The files there are, behind what an earlier run has read. Followed files are read as far as they go now if `once`, and else for
    /// ever.
    pub(super) fn open(
        config: &Config,
        is_csv: bool,
        once: bool,
        read: Option<(PathBuf, Extent)>,
    ) -> Result<Files, SourceError> {
        let follow = config.follow;
        let pattern = config.pattern();
        let mut files = Files {
            waits: pattern.is_some() && follow && !once,
            pattern,
            is_csv,
            known: BTreeSet::new(),
            pending: VecDeque::new(),
            current: None,
            read,
            looked: Instant::now(),
        };
        match &files.pattern {
            None => {
                let end = if follow && once {
                    End::Now
                } else if follow {
                    End::Never
                } else {
                    End::File
                };
                if follow && is_compressed(&config.path) {
                    let path = config.path.display();
                    return Err(SourceError::Config(format!("{path} is compressed: such a file cannot be followed")));
                }
                files.pending.push_back((config.path.clone(), end));
            }
            Some(pattern) => {
                let found = list(pattern)?;
                if found.is_empty() && !follow {
                    return Err(nothing(&config.path));
                }
                if found.is_empty() {
                    tracing::info!("no file matches {} yet", config.path.display());
                }
                files.add(found, if once { End::Now } else { End::Never });
            }
        }
        files.skip_read()?;
        Ok(files)
    }

    /// Passes over what was read already.
    fn skip_read(&mut self) -> Result<(), SourceError> {
        let Some((at, Extent { bytes, .. })) = &self.read else { return Ok(()) };
        if self.pattern.is_some() {
            self.pending.retain(|(path, _)| path >= at);
        }
        if self.pending.front().is_some_and(|(path, _)| path == at) {
            return Ok(());
        }
        Err(SourceError::Operator(format!(
            "{}, of which {bytes} bytes were read, is gone, so events may be missing; put it back, or remove the store's directory to \
             begin anew",
            at.display()
        )))
    }

    /// The line given last: its file and its number there, from 1.
    pub(super) fn place(&self) -> (&Path, u64) {
        self.current.as_ref().map_or((Path::new(""), 0), |(path, lines)| (path.as_path(), lines.number()))
    }

    /// The file of the line given last, and how much of it was given.
    pub(super) fn extent(&self) -> (&Path, Extent) {
        self.current
            .as_ref()
            .map_or((Path::new(""), Extent::default()), |(path, lines)| (path.as_path(), lines.extent()))
    }

    /// The next line, into `line`.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<Next, SourceError> {
        loop {
            let Some((_, lines)) = &mut self.current else {
                match self.pending.pop_front() {
                    Some((path, end)) => {
                        let read = self.read.take_if(|(read, _)| *read == path).map(|(_, extent)| extent);
                        let lines = Lines::open(&path, end, self.is_csv, read.unwrap_or_default())?;
                        self.current = Some((path, lines));
                    }
                    None if !self.waits => return Ok(Next::End),
                    None if self.look()? => {}
                    None => return Ok(Next::Pause),
                }
                continue;
            };
            match lines.next(line)? {
                Next::End => self.current = None,
                // What was still written to this file before the next one was there is read first.
                Next::Pause if !self.pending.is_empty() => lines.finish(),
                Next::Pause if self.waits && self.look()? => {}
                next => return Ok(next),
            }
        }
    }

    /// Looks for files that were added since; whether there are any to be read.
    fn look(&mut self) -> Result<bool, SourceError> {
        let Some(pattern) = self.pattern.as_ref().filter(|_| self.looked.elapsed() >= LOOK) else { return Ok(false) };
        self.looked = Instant::now();
        let found = list(pattern)?;
        self.add(found, End::Never);
        Ok(!self.pending.is_empty())
    }

    /// Files in the order of their names; only the last one, if none of them is compressed, still grows.
    fn add(&mut self, found: Vec<PathBuf>, last: End) {
        let new: Vec<PathBuf> = found.into_iter().filter(|path| !self.known.contains(path)).collect();
        let after = self.known.last().cloned();
        for (index, path) in new.iter().enumerate() {
            self.known.insert(path.clone());
            if after.as_ref().is_some_and(|after| path < after) {
                let (path, after) = (path.display(), after.as_ref().unwrap_or(path).display());
                tracing::warn!("{path} is not read: {after}, whose name is later, has been read already");
                continue;
            }
            let grows = index + 1 == new.len() && !is_compressed(path);
            self.pending.push_back((path.clone(), if grows { last } else { End::File }));
        }
    }
}

fn list(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |error: glob::PatternError| SourceError::Config(format!("`{pattern}` is not a pattern: {error}"));
    let mut found = Vec::new();
    for path in glob::glob(pattern).map_err(wrong)? {
        let path = path.map_err(|error| SourceError::Unavailable(format!("cannot look for files: {error}")))?;
        if !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn nothing(path: &Path) -> SourceError {
    SourceError::Config(format!("no file matches {}; with `follow = true` they are waited for", path.display()))
}

/// Whether there is something to read, before anything starts.
pub(super) fn check(config: &Config) -> Result<(), SourceError> {
    if config.path.as_os_str() == "-" {
        return Ok(());
    }
    match config.pattern() {
        Some(pattern) if list(&pattern)?.is_empty() && !config.follow => Err(nothing(&config.path)),
        Some(_) => Ok(()),
        None => std::fs::metadata(&config.path)
            .map(drop)
            .map_err(|error| SourceError::Config(format!("cannot read {}: {error}", config.path.display()))),
    }
}
