//! One process at a time.

use super::error::StoreError;
use std::fs::{File, TryLockError};
use std::path::Path;

const NAME: &str = "lock";

/// The right to write to a store, for as long as it is held. The operating system takes it back from a process that is gone.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Lock, StoreError> {
        let path = directory.join(NAME);
        let open = File::options().write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(StoreError::io(format!("open {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_path_buf())),
            Err(TryLockError::Error(error)) => Err(StoreError::io(format!("lock {}", path.display()))(error)),
        }
    }
}
