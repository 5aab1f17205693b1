//! What a target has not been given yet, merged from any number of steps.
//!
//! For a keyed target one entry per key: its latest row, and whether the target may have the key at all, so that a row that
//! came and went while the target was away leaves nothing behind. For the others the changes themselves, and once they take
//! more than their share, consolidated across the times in between. Either way the size is bounded by how much of the view is
//! different now from what the target shows, not by how long the target has been away.

use super::keyed::{KeyChange, by_key};
use super::{Delivery, KeyedChange, Mark, SinkKey, Step};
use crate::value::{Diff, Row, Time};
use std::collections::HashMap;

/// Bookkeeping per entry or change, roughly.
const OVERHEAD: usize = 48;
/// More change times than this are merged two by two.
const AGES: usize = 4096;

#[derive(Debug)]
enum Content {
    Keyed { key: SinkKey, entries: HashMap<Row, Entry> },
    Changes { changes: Vec<(Row, Time, Diff)>, consolidate_at: usize },
}

#[derive(Debug)]
struct Entry {
    /// Whether the target may have a row for the key.
    existed: bool,
    row: Option<Row>,
}

/// Times of changes, with how many there were of each.
pub(super) type Ages = Vec<(Time, u64)>;

/// The merged steps.
#[derive(Debug)]
pub(super) struct Pending {
    content: Content,
    bytes: usize,
    frontier: Option<Time>,
    first: bool,
    /// Whether any step came in since the last delivery was taken.
    moved: bool,
    /// Changes below this time are in the target already, or in a content that was read again.
    contained: Time,
    /// The target shows an earlier run's content at `contained`: a first step that is not later need not be told.
    resumes: bool,
    ages: Ages,
}

impl Pending {
    /// Nothing yet; for a keyed target if there is a key. Changes are consolidated when they take `consolidate_at` bytes.
    pub(super) fn new(key: Option<&SinkKey>, consolidate_at: usize) -> Pending {
        let content = match key {
            Some(key) => Content::Keyed { key: key.clone(), entries: HashMap::new() },
            None => Content::Changes { changes: Vec::new(), consolidate_at },
        };
        Pending {
            content,
            bytes: 0,
            frontier: Some(0),
            first: false,
            moved: false,
            contained: 0,
            resumes: false,
            ages: Vec::new(),
        }
    }

    /// The target shows the view at this frontier already; nothing was merged yet. If the first step is not later than that,
    /// only what comes after it is told.
    pub(super) fn resume(&mut self, shown: Time) {
        (self.contained, self.resumes) = (shown, true);
    }

    /// Takes the next step.
    pub(super) fn merge(&mut self, mut step: Step) {
        if step.first && std::mem::take(&mut self.resumes) {
            self.begin_after(&mut step);
        }
        if step.first {
            self.clear();
            self.first = true;
        } else {
            step.changes.retain(|(_, time, _)| *time >= self.contained);
            self.age(&step.changes);
        }
        let frontier = match (self.frontier, step.frontier) {
            (Some(was), Some(is)) => Some(was.max(is)),
            _ => None,
        };
        self.moved |= step.first || frontier != self.frontier || !step.changes.is_empty();
        self.frontier = frontier;
        self.add(step.changes, step.first);
    }

    /// Takes the content out of a first step if the target shows it, or something later.
    fn begin_after(&mut self, step: &mut Step) {
        if step.frontier.is_some_and(|frontier| frontier <= self.contained) {
            step.first = false;
            step.changes.clear();
            self.frontier = Some(self.contained);
        } else {
            self.contained = 0;
        }
    }

    /// Replaces everything by the view's whole content, which holds all changes below the step's frontier.
    pub(super) fn replace(&mut self, content: Step) {
        self.contained = content.frontier.unwrap_or(Time::MAX);
        self.merge(Step { first: true, ..content });
    }

    /// Forgets everything but how far the view has come.
    pub(super) fn forget(&mut self) {
        self.clear();
        self.moved = true;
    }

    fn clear(&mut self) {
        match &mut self.content {
            Content::Keyed { entries, .. } => entries.clear(),
            Content::Changes { changes, .. } => changes.clear(),
        }
        (self.bytes, self.first) = (0, false);
        self.ages.clear();
    }

    /// A first step is consolidated as it comes.
    fn add(&mut self, new: Vec<(Row, Time, Diff)>, first: bool) {
        let bytes = &mut self.bytes;
        match &mut self.content {
            Content::Keyed { key, entries } => by_key(key, new, |change| put(entries, bytes, change)),
            Content::Changes { changes, consolidate_at } => {
                *bytes += new.iter().map(|(row, ..)| row.memory() + OVERHEAD).sum::<usize>();
                match changes.is_empty() {
                    true => *changes = new,
                    false => changes.extend(new),
                }
                if *bytes > *consolidate_at {
                    if !first {
                        consolidate(changes);
                        *bytes = changes.iter().map(|(row, ..)| row.memory() + OVERHEAD).sum();
                    }
                    *consolidate_at = (*consolidate_at).max(2 * *bytes);
                }
            }
        }
    }

    /// Takes everything as one delivery, with the times of its changes and how many there were of each. `mark` makes the mark of a
    /// frontier.
    pub(super) fn take(&mut self, mark: impl FnOnce(Option<Time>) -> Mark) -> (Delivery, Ages) {
        let (mut keyed, mut all) = (Vec::new(), Vec::new());
        match &mut self.content {
            Content::Keyed { entries, .. } => {
                let change = |row: Option<Row>| row.map_or(KeyedChange::Delete, KeyedChange::Put);
                keyed.extend(std::mem::take(entries).into_iter().map(|(key, entry)| (key, change(entry.row))));
            }
            Content::Changes { changes, .. } => all = std::mem::take(changes),
        }
        self.bytes = 0;
        self.moved = false;
        let first = std::mem::take(&mut self.first);
        let (frontier, mark) = (self.frontier, mark(self.frontier));
        (Delivery { keyed, changes: all, frontier, first, mark }, std::mem::take(&mut self.ages))
    }

    /// Gives back a delivery of which the target may have taken anything or nothing. What was merged since comes after it.
    pub(super) fn restore(&mut self, delivery: Delivery, mut ages: Ages) {
        self.moved = true;
        if self.first {
            return;
        }
        self.first = delivery.first;
        match &mut self.content {
            Content::Keyed { entries, .. } => restore(entries, &mut self.bytes, delivery),
            Content::Changes { changes, .. } => {
                let since = std::mem::replace(changes, delivery.changes);
                self.bytes += changes.iter().map(|(row, ..)| row.memory() + OVERHEAD).sum::<usize>();
                changes.extend(since);
            }
        }
        ages.append(&mut self.ages);
        self.ages = ages;
    }

    fn age(&mut self, changes: &[(Row, Time, Diff)]) {
        for (_, time, _) in changes {
            match self.ages.last_mut() {
                Some((last, count)) if last == time => *count += 1,
                _ => self.ages.push((*time, 1)),
            }
        }
        if self.ages.len() > AGES {
            let merge = |pair: &[(Time, u64)]| (pair[0].0, pair.iter().map(|(_, count)| count).sum());
            self.ages = self.ages.chunks(2).map(merge).collect();
        }
    }

    /// Whether there is anything to write but the frontier.
    pub(super) fn has_content(&self) -> bool {
        self.first || self.rows() > 0
    }

    /// How many keys or changes there are to be told.
    pub(super) fn rows(&self) -> usize {
        match &self.content {
            Content::Keyed { entries, .. } => entries.len(),
            Content::Changes { changes, .. } => changes.len(),
        }
    }

    /// Whether there is anything to tell at all.
    pub(super) fn moved(&self) -> bool {
        self.moved
    }

    pub(super) fn frontier(&self) -> Option<Time> {
        self.frontier
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(key: &Row, row: Option<&Row>) -> usize {
    key.memory() + row.map_or(0, Row::memory) + OVERHEAD
}

fn put(entries: &mut HashMap<Row, Entry>, bytes: &mut usize, change: KeyChange) {
    use std::collections::hash_map::Entry::{Occupied, Vacant};
    let KeyChange { key, existed, row } = change;
    match entries.entry(key) {
        Vacant(entry) if existed || row.is_some() => {
            *bytes += size(entry.key(), row.as_ref());
            entry.insert(Entry { existed, row });
        }
        Vacant(_) => {}
        Occupied(mut entry) => {
            *bytes -= size(entry.key(), entry.get().row.as_ref());
            if row.is_none() && !entry.get().existed {
                entry.remove();
            } else {
                *bytes += size(entry.key(), row.as_ref());
                entry.get_mut().row = row;
            }
        }
    }
}

/// Puts a delivery's entries under those that came after it.
fn restore(entries: &mut HashMap<Row, Entry>, bytes: &mut usize, delivery: Delivery) {
    use std::collections::hash_map::Entry::{Occupied, Vacant};
    let existed = !delivery.first;
    for (key, change) in delivery.keyed {
        match entries.entry(key) {
            Vacant(entry) => {
                let row = if let KeyedChange::Put(row) = change { Some(row) } else { None };
                *bytes += size(entry.key(), row.as_ref());
                entry.insert(Entry { existed, row });
            }
            // A key that is gone by now need not go from a target that is reconciled.
            Occupied(entry) if !existed && entry.get().row.is_none() => {
                *bytes -= size(entry.key(), None);
                entry.remove();
            }
            Occupied(mut entry) => entry.get_mut().existed = existed,
        }
    }
}

/// Adds up what happened to each row, at the last time something did.
fn consolidate(changes: &mut Vec<(Row, Time, Diff)>) {
    changes.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    changes.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            (kept.1, kept.2) = (next.1, kept.2 + next.2);
        }
        same
    });
    changes.retain(|(_, _, diff)| *diff != 0);
    changes.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
}
