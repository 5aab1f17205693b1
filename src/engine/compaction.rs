//! Merging a store that no view set runs on.

use super::failure::Failure;
use super::storing::REWIND;
use crate::store::{self, Compacted};
use crate::value::Time;
use std::path::Path;

/// Merges all that lies behind what a target may go back; nothing if there is no store.
pub fn compact_store(directory: &Path) -> Result<Option<Compacted>, Failure> {
    store::compact(directory, REWIND.as_micros() as Time).map_err(|error| Failure::of_store(&error))
}
