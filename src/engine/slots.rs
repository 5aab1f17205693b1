//! The replication slots of a view set: which there are, and the removal of those that nobody needs.

use super::failure::Failure;
use crate::config::{Config, SourceConfig};
use crate::source::postgres::{Postgres, Slot, SlotOwner};
use crate::store;

/// A slot of one of the sources.
pub struct SourceSlot {
    /// The source.
    pub source: String,
    /// Its slot.
    pub slot: Slot,
}

/// Which slots are to be dropped.
pub enum Unwanted<'a> {
    /// That of this name.
    Named(&'a str),
    /// Those of no store of the view set.
    Orphans,
}

/// The slots of all sources.
pub fn list_slots(config: Config) -> Result<Vec<SourceSlot>, Failure> {
    Ok(found(config)?.into_iter().map(|(_, slot)| slot).collect())
}

/// Drops slots. Returns what was done, a sentence each.
pub fn drop_slots(config: Config, unwanted: &Unwanted<'_>) -> Result<Vec<String>, Failure> {
    let found = found(config)?;
    let is_unwanted = |slot: &Slot| match unwanted {
        Unwanted::Named(name) => slot.name == *name,
        Unwanted::Orphans => slot.owner == SlotOwner::Orphan,
    };
    let chosen: Vec<_> = found.iter().filter(|(_, SourceSlot { slot, .. })| is_unwanted(slot)).collect();
    if let (Unwanted::Named(name), true) = (unwanted, chosen.is_empty()) {
        let known: Vec<&str> = found.iter().map(|(_, SourceSlot { slot, .. })| slot.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::config(format!("no source of this view set has a slot \"{name}\"; there are: {known}")));
    }
    let mut done = Vec::new();
    for (postgres, SourceSlot { source, slot }) in chosen {
        postgres.drop_slot(slot).map_err(|error| Failure::of_source(source, &error))?;
        done.push(format!("source `{source}`: dropped slot {}", slot.name));
        if slot.owner == SlotOwner::Store {
            done.push(format!(
                "source `{source}`: it was its store's, which goes on only with slot_lost = \"snapshot\" in the source, or from the \
                 beginning when its directory is removed"
            ));
        }
    }
    Ok(done)
}

/// All slots, with the source that can drop them.
fn found(config: Config) -> Result<Vec<(Postgres, SourceSlot)>, Failure> {
    let incarnation = match &config.settings.store {
        Some(directory) => store::incarnation(directory).map_err(|error| Failure::of_store(&error))?,
        None => None,
    };
    let mut found = Vec::new();
    for (source, config) in config.sources {
        let SourceConfig::Postgres(config) = config else { continue };
        let postgres = Postgres::new(&source, config);
        let slots = postgres.slots(incarnation.as_deref()).map_err(|error| Failure::of_source(&source, &error))?;
        found.extend(slots.into_iter().map(|slot| (postgres.clone(), SourceSlot { source: source.clone(), slot })));
    }
    Ok(found)
}
