//! The directory of a store: whether it can be written to, how much room there is, and who has the store open.

use super::error::StoreError;
use super::lock;
use rustix::fs::Access;
use std::path::Path;

/// Where a store is, or is going to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether this process may write there.
    pub is_writable: bool,
    /// Bytes that are free on its disk for this user.
    pub free_bytes: u64,
    /// The number of the process that has the store open.
    pub holder: Option<String>,
}

/// Looks at a directory, or where it would be made. Nothing is written.
pub fn place(directory: &Path) -> Result<Place, StoreError> {
    let above = directory.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(above)
        .map_err(|error| StoreError::io(format!("look at {}", above.display()))(std::io::Error::from(error)))?;
    Ok(Place {
        is_writable: rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        holder: lock::holder(directory)?,
    })
}
