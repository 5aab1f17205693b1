//! Positions in a Redis stream: entries have ids of two numbers, and later entries have greater ones.

use std::fmt;
use std::str::FromStr;

/// An entry's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

impl EntryId {
    /// As numbers.
    pub(super) fn numbers(self) -> [u64; 2] {
        [self.0, self.1]
    }
}

impl FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<EntryId, ()> {
        let (milliseconds, sequence) = text.split_once('-').ok_or(())?;
        Ok(EntryId(milliseconds.parse().map_err(drop)?, sequence.parse().map_err(drop)?))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What the server says of one of its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The id given last; zero where there is no stream.
    pub(super) last: EntryId,
    /// The greatest id of an entry that was deleted; unknown to servers before Redis 7.
    pub(super) deleted: EntryId,
}

/// How far a stream has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    /// The entry read last.
    pub(super) read: EntryId,
    /// The greatest deleted id when the stream was looked at last.
    deleted: EntryId,
}

/// What has happened to a stream behind the reader's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surprise {
    /// Entries up to this one were deleted before they were read.
    Missed(EntryId),
    /// The stream was deleted, or its server lost it: it begins anew.
    Anew,
}

impl Position {
    /// At the start.
    pub(super) fn new(read: EntryId, extent: Extent) -> Position {
        Position { read, deleted: extent.deleted }
    }

    /// Behind this entry, which an earlier run read last: whatever was deleted behind it was missed.
    pub(super) fn behind([milliseconds, sequence]: [u64; 2]) -> Position {
        Position { read: EntryId(milliseconds, sequence), deleted: EntryId::default() }
    }

    /// Compares what was read with what the server has now.
    pub(super) fn look(&mut self, extent: Extent) -> Option<Surprise> {
        if extent.last < self.read {
            *self = Position::new(EntryId::default(), extent);
            return Some(Surprise::Anew);
        }
        let is_new = extent.deleted > self.deleted;
        self.deleted = extent.deleted;
        (is_new && extent.deleted > self.read).then_some(Surprise::Missed(extent.deleted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    #[test]
    fn ids_are_ordered_as_numbers() {
        assert!(id("9-10") > id("9-9") && id("10-0") > id("9-18446744073709551615"));
        assert_eq!(id("1700000000000-3").to_string(), "1700000000000-3");
        assert!(["", "1", "1-", "a-1", "-1-1"].iter().all(|text| text.parse::<EntryId>().is_err()));
    }

    #[test]
    fn what_was_never_read_is_noticed_once() {
        let extent = |last, deleted| Extent { last: id(last), deleted: id(deleted) };
        // Trimmed before the start: the beginning is what there is.
        let mut position = Position::new(id("0-0"), extent("5-0", "2-0"));
        assert_eq!(position.look(extent("5-0", "2-0")), None);
        assert_eq!(position.look(extent("6-0", "4-0")), Some(Surprise::Missed(id("4-0"))));
        assert_eq!(position.look(extent("6-0", "4-0")), None);
        position.read = id("6-0");
        assert_eq!(position.look(extent("7-0", "6-0")), None);
        assert_eq!(position.look(extent("0-0", "0-0")), Some(Surprise::Anew));
        assert_eq!(position.look(extent("1-0", "0-0")), None);
    }
}
