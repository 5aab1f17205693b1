//! The files of one directory, as the store needs them: appended to, synced, read, renamed, removed.
//!
//! Everything durable goes through here, so that a test can stand in the place of the operating system and lose what was not
//! synced. What must hold of an implementation: bytes are durable once `Append::sync` returns, names once `sync_names` does.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// A directory of files.
pub trait Disk: Send + Sync {
    /// A new file; nothing may have its name.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// A file to be read from the beginning.
    fn read(&self, name: &str) -> io::Result<Box<dyn ReadSeek>>;

    /// Cuts a file's end off, durably.
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;

    /// Gives a file another's name, in whose place it comes.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// All names with the files' lengths, in no particular order.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file being written.
pub trait Append: Send {
    /// Puts bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// A directory of the operating system's.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory if there is none.
    pub fn open(path: &Path) -> io::Result<Directory> {
        std::fs::create_dir_all(path)?;
        Ok(Directory { path: path.to_path_buf() })
    }
}

impl Directory {
    /// One that is there.
    pub(super) fn existing(path: &Path) -> io::Result<Directory> {
        std::fs::metadata(path).map(|_| Directory { path: path.to_path_buf() })
    }
}

impl Disk for Directory {
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = File::options().write(true).create_new(true).open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let file = File::options().write(true).open(self.path.join(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.push((name, metadata.len()));
            }
        }
        Ok(files)
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Append for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
