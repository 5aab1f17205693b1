//! One process at a time.

use super::error::StoreError;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "lock";
/// Who only looks whether somebody has the lock keeps it for moments.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(10);

/// The right to write to a store, for as long as it is held. The operating system takes it back from a process that is gone.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Lock, StoreError> {
        let path = directory.join(NAME);
        let open = File::options().write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(StoreError::io(format!("open {}", path.display())))?;
        let mut locked = file.try_lock();
        for _ in 1..LOOKS {
            if let Err(TryLockError::WouldBlock) = locked {
                std::thread::sleep(LOOK);
                locked = file.try_lock();
            }
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(directory.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(format!("lock {}", path.display()))(error)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(StoreError::io(format!("write {}", path.display())))?;
        Ok(Lock { _file: file })
    }
}

/// The number of the process that has the lock, as it wrote it; nothing if nobody has it.
pub(super) fn holder(directory: &Path) -> Result<Option<String>, StoreError> {
    let path = directory.join(NAME);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(StoreError::io(format!("open {}", path.display())))?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let process = std::fs::read_to_string(&path);
            process.map(|text| Some(text.trim().to_owned())).map_err(StoreError::io(format!("read {}", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io(format!("look at {}", path.display()))(error)),
    }
}
