//! Files that a program compressed, by their ending: gzip (`.gz`) and Zstandard (`.zst`, `.zstd`), of one or more members or frames.
//!
//! They are read as they are decompressed, in memory that the format bounds. A file that was cut, or whose checksum is wrong, is an
//! error, whatever came before.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Whether a file of this name is compressed.
pub(super) fn is_compressed(path: &Path) -> bool {
    kind(path).is_some()
}

/// What is in a compressed file.
pub(super) fn reader(path: &Path, file: File) -> Box<dyn Read + Send> {
    let file = BufReader::with_capacity(1 << 16, file);
    match kind(path) {
        Some(Kind::Gzip) => Box::new(MultiGzDecoder::new(file)),
        Some(Kind::Zstandard) => Box::new(Frames { file, decoder: FrameDecoder::new(), within: false }),
        None => Box::new(file),
    }
}

enum Kind {
    Gzip,
    Zstandard,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "gz" => Some(Kind::Gzip),
        "zst" | "zstd" => Some(Kind::Zstandard),
        _ => None,
    }
}

/// The content of the Zstandard frames of a file.
struct Frames {
    file: BufReader<File>,
    decoder: FrameDecoder,
    /// Whether a frame has begun and was not given whole.
    within: bool,
}

impl Frames {
    /// Begins the next frame that has a content; false: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.file.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.file) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.file).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn check(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(written), calculated) if calculated != Some(written) => {
                Err(io::Error::other("the checksum of a frame is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            self.within = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.file, blocks).map_err(io::Error::other)?;
            }
            match self.decoder.read(buffer)? {
                0 => {
                    self.check()?;
                    self.within = false;
                }
                count => return Ok(count),
            }
        }
    }
}
