//! Bytes from a file, a file that grows, a compressed file or a pipe.
//!
//! What must hold: every byte is given exactly once and in order, and reading never blocks on a pipe, so that a stop is noticed. A
//! followed file that shrinks or is replaced ends in an error: what was in it meanwhile cannot be known.

use super::compressed;
use super::files::End;
use crate::source::SourceError;
use crossbeam_channel::{Receiver, TryRecvError, bounded};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes read at once.
pub(super) const CHUNK: usize = 1 << 16;

/// What reading gave.
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing more.
    End,
}

/// An open input.
pub(super) enum Input {
    /// A file.
    File(Followed),
    /// What is in a compressed file.
    Compressed(Box<dyn Read + Send>, PathBuf),
    /// Chunks read by a thread of its own, since reading a pipe blocks.
    Pipe(Receiver<io::Result<Vec<u8>>>, PathBuf),
}

/// A file, perhaps growing.
pub(super) struct Followed {
    path: PathBuf,
    file: File,
    position: u64,
    /// Where to end; none: never.
    end: Option<u64>,
}

impl Input {
    /// Opens an input behind its first `from` bytes, which an earlier run has read. What comes from a pipe was never read before.
    pub(super) fn open(path: &Path, end: End, from: u64) -> Result<Input, SourceError> {
        if path.as_os_str() == "-" {
            return Ok(Input::pipe(io::stdin(), path));
        }
        let cannot = |error: io::Error| SourceError::Config(format!("cannot read {}: {error}", path.display()));
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(SourceError::Config(format!("{} is a directory; a file is needed", path.display())));
        }
        if !metadata.is_file() {
            return Ok(Input::pipe(file, path));
        }
        if compressed::is_compressed(path) {
            let mut reader = compressed::reader(path, file);
            let skipped =
                io::copy(&mut (&mut reader).take(from), &mut io::sink()).map_err(|error| unreadable(path, &error))?;
            return if skipped < from {
                Err(shrunk(path, from, skipped))
            } else {
                Ok(Input::Compressed(reader, path.into()))
            };
        }
        if metadata.len() < from {
            return Err(shrunk(path, from, metadata.len()));
        }
        file.seek(SeekFrom::Start(from)).map_err(cannot)?;
        let end = match end {
            End::Never => None,
            End::Now => Some(metadata.len()),
            End::File => Some(u64::MAX),
        };
        Ok(Input::File(Followed { path: path.into(), file, position: from, end }))
    }

    /// A file that grows no more.
    pub(super) fn finish(&mut self) {
        if let Input::File(file) = self {
            file.end = Some(u64::MAX);
        }
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

    /// Reads what there is, as far as it goes.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> Result<Got, SourceError> {
        match self {
            Input::File(file) => file.read(chunk),
            Input::Compressed(reader, path) => match reader.read(chunk) {
                Ok(0) => Ok(Got::End),
                Ok(count) => Ok(Got::Bytes(count)),
                Err(error) => Err(SourceError::Operator(format!(
                    "cannot decompress {}: {error}; a compressed file is to be whole before it has its name: write it to another \
                     one and rename it",
                    path.display()
                ))),
            },
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

fn shrunk(path: &Path, from: u64, length: u64) -> SourceError {
    SourceError::Operator(format!(
        "{} was cut from at least {from} to {length} bytes since it was read, so events may be missing; put back what was there, or \
         remove the store's directory to begin anew",
        path.display()
    ))
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
