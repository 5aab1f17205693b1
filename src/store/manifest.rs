//! The manifest: what the store is made of. One small file, replaced as a whole by renaming.
//!
//! Its first line is JSON, its second the checksum of the first.

use super::Expiry;
use super::disk::Disk;
use super::error::StoreError;
use super::segment::FORMAT;
use crate::failpoint::reach;
use crate::value::{RelationName, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};

const NAME: &str = "manifest";
const STAGED: &str = "manifest.new";

/// What the store is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// Drawn when the store was made: marks of another are not comparable.
    pub(super) incarnation: u64,
    /// The first frame that is read.
    pub(super) base: u64,
    /// The frames below this are merged into the runs, but for changes that do not lie below their relation's cut.
    pub(super) merged: u64,
    /// The frames below this were durable when this was written: the log must reach so far.
    pub(super) reaches: u64,
    /// No number was given to a source, a relation or a run yet from here on.
    pub(super) unused: u64,
    pub(super) sources: BTreeMap<u64, Source>,
    pub(super) relations: BTreeMap<u64, Relation>,
    /// The sinks of the last run, and what each of them showed: for `tidegate plan`, which tells of those that are gone.
    #[serde(default)]
    pub(super) sinks: BTreeMap<String, String>,
    /// What the views that they showed meant; nothing if that was not noted.
    #[serde(default)]
    pub(super) views: Option<BTreeMap<String, String>>,
}

/// A source, as of the frames that are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    /// Whether views need the times of its changes.
    pub(super) keeps_times: bool,
    /// What lies below this time is merged, but for what a relation keeps of its history.
    pub(super) cut: Time,
    #[serde(flatten)]
    pub(super) reached: Reached,
}

/// How far a source has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reached {
    /// Its frontier; none while it reads its snapshot.
    pub(super) frontier: Option<Time>,
    /// Where it goes on, by the names it gave.
    pub(super) positions: BTreeMap<String, String>,
    /// Whether the last run came to its end. At the next start there may be more.
    #[serde(skip)]
    pub(super) ended: bool,
}

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Relation {
    pub(super) source: u64,
    pub(super) name: RelationName,
    /// The positions of the columns of its key; none: its changes are complete rows.
    pub(super) key: Option<Vec<usize>>,
    /// The columns of its rows; nothing in the place of one that is not kept any more.
    pub(super) columns: Vec<Option<String>>,
    /// Whether rows end before the last of these, which came later: they have nothing there.
    #[serde(default)]
    pub(super) widened: bool,
    /// The frontier from which on it has its content; nothing of a newcomer that is not complete.
    pub(super) since: Option<Time>,
    /// The relations it was computed from, if a view made it: the first of each, if they were read again since.
    pub(super) made_of: Vec<u64>,
    /// What lies so close below the cut is not merged yet.
    pub(super) history: Time,
    /// When its rows are of no use any more: in all of these ways.
    pub(super) expiry: Option<Vec<Expiry>>,
    /// Of the rows whose moment lies before this some were let go.
    #[serde(default)]
    pub(super) gone: Option<Time>,
    /// What is merged of it; none: no row.
    pub(super) run: Option<Run>,
}

/// A run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Relation {
    /// The view that made it, if one did: its relations are called after it.
    pub(super) fn view(&self) -> &str {
        self.name.schema.strip_prefix("view ").unwrap_or(&self.name.schema)
    }
}

impl Manifest {
    /// Of an empty store.
    pub(super) fn new(incarnation: u64) -> Manifest {
        let (sources, relations, sinks, views) = Default::default();
        let (base, merged, reaches, unused) = (1, 1, 1, 1);
        Manifest { format: FORMAT, incarnation, base, merged, reaches, unused, sources, relations, sinks, views }
    }

    /// The time below which what is said of a relation is merged; nothing of a relation that the store does not know.
    pub(super) fn cut(&self, relation: u64) -> Option<Time> {
        let relation = self.relations.get(&relation)?;
        Some(self.sources.get(&relation.source)?.cut.saturating_sub(relation.history))
    }

    /// The time below which everything of a source is merged.
    pub(super) fn cut_of(&self, source: u64) -> Time {
        let of_source = self.relations.values().filter(|relation| relation.source == source);
        let history = of_source.map(|relation| relation.history).max().unwrap_or(0);
        self.sources.get(&source).map_or(0, |source| source.cut.saturating_sub(history))
    }

    /// Whether a source's relations were computed by views.
    pub(super) fn is_made(&self, source: u64) -> bool {
        self.relations.values().any(|relation| relation.source == source && !relation.made_of.is_empty())
    }

    /// Newcomers have their content from these frontiers on.
    pub(super) fn complete(&mut self, complete: &BTreeMap<u64, Time>) {
        for (number, since) in complete {
            self.relations.entry(*number).and_modify(|relation| relation.since = Some(*since));
        }
    }

    /// The incarnation as it is written elsewhere.
    pub(super) fn shown_incarnation(&self) -> String {
        format!("{:016x}", self.incarnation)
    }

    /// How many bytes the runs have.
    pub(super) fn merged_bytes(&self) -> u64 {
        self.relations.values().filter_map(|relation| relation.run).map(|run| run.bytes).sum()
    }

    /// A number that nothing has.
    pub(super) fn number(&mut self) -> u64 {
        self.unused += 1;
        self.unused - 1
    }

    /// Reads it; nothing if there is none.
    pub(super) fn read(disk: &dyn Disk) -> Result<Option<Manifest>, StoreError> {
        let mut text = String::new();
        match disk.read(NAME).and_then(|mut file| file.read_to_string(&mut text)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(StoreError::damaged(NAME, 0, "it is not text"));
            }
            read => read.map_err(StoreError::io("read its manifest"))?,
        };
        let lines = text.split_once('\n').filter(|(json, sum)| *sum == format!("{:08x}\n", checksum(json)));
        let Some((json, _)) = lines else { return Err(StoreError::damaged(NAME, 0, "its checksum is another")) };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let makes_no_sense = |error: serde_json::Error| StoreError::damaged(NAME, 0, error.to_string());
        let Format { format } = serde_json::from_str(json).map_err(makes_no_sense)?;
        if format != FORMAT {
            return Err(StoreError::Format { found: format, known: FORMAT });
        }
        serde_json::from_str(json).map(Some).map_err(makes_no_sense)
    }

    /// Puts it in the place of the one before, durably.
    pub(super) fn write(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        let write = || {
            let json = serde_json::to_string(self)?;
            let text = format!("{json}\n{:08x}\n", checksum(&json));
            if disk.list()?.iter().any(|(name, _)| name == STAGED) {
                disk.remove(STAGED)?;
            }
            let mut file = disk.create(STAGED)?;
            file.append(text.as_bytes())?;
            file.sync()?;
            // What the manifest names must be there when it is.
            disk.sync_names()?;
            reach("manifest.staged");
            disk.rename(STAGED, NAME)?;
            reach("manifest.renamed");
            disk.sync_names()
        };
        write().map_err(StoreError::io("write its manifest"))
    }
}

fn checksum(json: &str) -> u32 {
    crc32fast::hash(json.as_bytes())
}
