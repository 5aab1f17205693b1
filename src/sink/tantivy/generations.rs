//! Generations of an index: directories beside each other, and the file that says which one readers see.
//!
//! The file takes its old version's place by a rename, so it names one whole generation at any moment. Directories that it does
//! not name are removed after that, and again at every start.

use super::super::SinkError;
use super::super::generations::{Generations, Shown};
use super::super::mark::Mark;
use super::search::is_index;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tantivy::{Directory as _, Index};

/// The file.
const FILE: &str = "generations.json";
/// An index that lies beside the file, from before there were generations.
const PLAIN: &str = ".";

/// What the file says; nothing if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Generations>> {
    match fs::read(path.join(FILE)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a generation lies.
pub(super) fn directory(path: &Path, name: &str) -> PathBuf {
    if name == PLAIN { path.to_path_buf() } else { path.join(name) }
}

/// Where the index lies that readers see; nothing if there is none yet.
pub(super) fn shown(path: &Path) -> io::Result<Option<PathBuf>> {
    let directory = match read(path)? {
        Some(generations) => generations.current.map(|name| directory(path, &name)),
        None => Some(path.to_path_buf()),
    };
    Ok(directory.filter(|directory| is_index(directory)))
}

/// The mark of a generation.
pub(super) fn mark(path: &Path, name: &str) -> tantivy::Result<Option<Mark>> {
    let directory = directory(path, name);
    if !is_index(&directory) {
        return Ok(None);
    }
    Ok(Index::open_in_dir(directory)?.load_metas()?.payload.as_deref().and_then(Mark::parse))
}

/// The generations there are, and the name of the one of this meaning. An index from before counts as one.
pub(super) fn find(path: &Path, fingerprint: &str) -> tantivy::Result<(Generations, String)> {
    let found = match read(path)? {
        Some(found) => found,
        None => Generations { current: is_index(path).then(|| PLAIN.to_string()), ..Generations::default() },
    };
    let is_plain = found.has(PLAIN) && mark(path, PLAIN)?.is_some_and(|mark| mark.view == fingerprint);
    Ok((found, if is_plain { PLAIN } else { fingerprint }.to_string()))
}

/// Makes these the generations, durably, and removes all others.
pub(super) fn write(path: &Path, generations: &Generations) -> tantivy::Result<()> {
    fs::create_dir_all(path)?;
    if read(path)?.as_ref() != Some(generations) {
        let staged = path.join(format!("{FILE}.new"));
        let mut file = File::create(&staged)?;
        file.write_all(&serde_json::to_vec(generations).map_err(io::Error::from)?)?;
        file.sync_all()?;
        fs::rename(staged, path.join(FILE))?;
        File::open(path)?.sync_all()?;
    }
    remove_others(path, generations)
}

fn remove_others(path: &Path, generations: &Generations) -> tantivy::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_other = entry.file_name().to_str().is_some_and(|name| is_fingerprint(name) && !generations.has(name));
        if is_other && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    if is_index(path) && !generations.has(PLAIN) {
        let index = Index::open_in_dir(path)?;
        for file in index.directory().list_managed_files() {
            index.directory().delete(&file).or_else(|error| match error {
                tantivy::directory::error::DeleteError::FileDoesNotExist(_) => Ok(()),
                error => Err(io::Error::other(error)),
            })?;
        }
    }
    Ok(())
}

fn is_fingerprint(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Sends readers back to the generation before, or forth again.
pub(super) fn roll_back(path: &Path, undo: bool) -> Result<Shown, SinkError> {
    let failed =
        |error: tantivy::TantivyError| SinkError::Transient(format!("cannot change {}: {error}", path.display()));
    let found = read(path).map_err(|error| failed(error.into()))?;
    let found = found
        .ok_or_else(|| SinkError::Operator(format!("{} has no generations: no run has made any", path.display())))?;
    let to = if undo { found.undone() } else { found.rolled_back() }?;
    let shown = to.current.clone().unwrap_or_default();
    let mark = mark(path, &shown).map_err(failed)?;
    let mark = mark.ok_or_else(|| SinkError::Operator(format!("{shown} was never whole, and nobody is sent there")))?;
    write(path, &to).map_err(failed)?;
    Ok(Shown { name: shown, frontier: mark.frontier })
}
