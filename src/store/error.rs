//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;

/// Why a store cannot be opened, or takes no more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refuses.
    #[error("the store cannot {doing}: {error}")]
    Io {
        /// What was tried, with the file.
        doing: String,
        /// Its answer.
        error: io::Error,
    },
    /// What is there is not what was written.
    #[error(
        "the store is damaged: {file} at byte {offset}: {what}. Restore the directory from a copy, or remove it: then \
         everything is read anew from the sources, and the targets are reconciled"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by a version that is too old or too new.
    #[error(
        "the store has format {found}, and this version reads format {known}; use the version that wrote it, or remove it"
    )]
    Format {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Another process has it.
    #[error("the store in {0} is in use by another process")]
    InUse(PathBuf),
    /// What a view had made of events that are gone would go.
    #[error(
        "view `{view}` is another than before, or reads something else: {what} cannot be made again. `tidegate \
         plan` shows what its targets would lose; `tidegate store forget DIR {view}` lets them go, and the next start goes on"
    )]
    Loses {
        /// Which view.
        view: String,
        /// What would go.
        what: String,
    },
    /// A source whose events cannot be told again is declared otherwise.
    #[error(
        "source `{name}` is declared otherwise than its events are stored, which cannot be read again: {what}. Declare it as it was; or \
         `tidegate store forget DIR {name}` lets go of what is stored of it, and it begins anew"
    )]
    Declared {
        /// The source.
        name: String,
        /// What is other, by relation.
        what: String,
    },
    /// A write failed before: what is in the file is not known.
    #[error(
        "the store takes no more since a write failed: {0}; start again when it is mended, nothing acknowledged is lost"
    )]
    Poisoned(String),
}

impl StoreError {
    /// An error of the operating system's while something was done.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
        let doing = doing.into();
        move |error| StoreError::Io { doing, error }
    }

    /// Damage in a file.
    pub(super) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { file: file.to_string(), offset, what: what.into() }
    }
}
