//! Rows at rest that change in place: an index of words over rows in chunks of memory.
//!
//! What holds a keyed table, and the content of a relation that can be peeked at. An entry of the index is one word, part of the
//! row's hash beside the row's place, so that neither growing nor looking for what is not there touches a row: 14 bytes a row
//! or so, besides the row itself and its length. Slots of rows that are gone are used again by rows of about the same size.

use crate::value::Row;
use hashbrown::HashTable;
use std::hint::black_box;

/// Rows found by hash. Who asks knows what makes a row the one looked for.
#[derive(Debug, Default)]
pub struct Table {
    index: HashTable<Entry>,
    slots: Slots,
}

/// What became of a row that was put.
#[derive(Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none before.
    New,
    /// The same was there before.
    Same,
    /// This one was there before.
    Instead(Row),
}

impl Table {
    /// The row.
    pub fn get(&self, hash: u64, mut is_it: impl FnMut(&[u8]) -> bool) -> Option<&[u8]> {
        let entry =
            self.index.find(Entry::spread(hash), |entry| entry.may_be(hash) && is_it(self.slots.row(entry.place())))?;
        Some(self.slots.row(entry.place()))
    }

    /// Brings what is to be looked for by these hashes, `AT_ONCE` at most, into the processor's cache: their misses overlap, those of
    /// one lookup behind the other do not.
    pub fn warm(&self, hashes: &[u64]) {
        let mut places = [None; AT_ONCE];
        for (place, hash) in places.iter_mut().zip(hashes) {
            *place = self.index.find(Entry::spread(*hash), |entry| entry.may_be(*hash)).map(Entry::place);
        }
        black_box(places.iter().flatten().map(|place| self.slots.row(*place).len()).sum::<usize>());
    }

    /// The row, to be changed without changing its length or what it is found by.
    pub fn get_mut(&mut self, hash: u64, mut is_it: impl FnMut(&[u8]) -> bool) -> Option<&mut [u8]> {
        let Table { index, slots } = self;
        let entry = index.find(Entry::spread(hash), |entry| entry.may_be(hash) && is_it(slots.row(entry.place())))?;
        Some(slots.row_mut(entry.place()))
    }

    /// Puts the row in the place of the one found, or beside the others.
    pub fn put(&mut self, hash: u64, mut is_it: impl FnMut(&[u8]) -> bool, row: &[u8]) -> Put {
        let Table { index, slots } = self;
        let found = index.find_mut(Entry::spread(hash), |entry| entry.may_be(hash) && is_it(slots.row(entry.place())));
        let Some(entry) = found else {
            let place = slots.add(row);
            index.insert_unique(Entry::spread(hash), Entry::new(hash, place), Entry::own_spread);
            return Put::New;
        };
        if slots.row(entry.place()) == row {
            return Put::Same;
        }
        let before = Row::from_bytes(slots.row(entry.place()));
        *entry = Entry::new(hash, slots.replace(entry.place(), row));
        Put::Instead(before)
    }

    /// Takes the row out.
    pub fn remove(&mut self, hash: u64, mut is_it: impl FnMut(&[u8]) -> bool) -> Option<Row> {
        let Table { index, slots } = self;
        let is_it = |entry: &Entry| entry.may_be(hash) && is_it(slots.row(entry.place()));
        let (entry, _) = index.find_entry(Entry::spread(hash), is_it).ok()?.remove();
        let row = Row::from_bytes(slots.row(entry.place()));
        slots.remove(entry.place());
        Some(row)
    }

    /// All rows, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.index.iter().map(|entry| self.slots.row(entry.place()))
    }
}

/// So many rows can be brought into the cache together.
pub const AT_ONCE: usize = 32;

/// Twenty-eight bits of a row's hash, and thirty-six that say where it lies.
#[derive(Clone, Copy, Debug)]
struct Entry(u64);

const PLACE_BITS: u32 = 36;

impl Entry {
    fn new(hash: u64, place: u64) -> Entry {
        Entry(hash << PLACE_BITS | place)
    }

    fn place(&self) -> u64 {
        self.0 & ((1 << PLACE_BITS) - 1)
    }

    /// Whether the entry may be that of a row with this hash.
    fn may_be(&self, hash: u64) -> bool {
        self.0 >> PLACE_BITS == hash << PLACE_BITS >> PLACE_BITS
    }

    /// The bits an entry keeps, spread over a word: the index takes its buckets from low bits and its tags from high ones.
    fn spread(hash: u64) -> u64 {
        (hash << PLACE_BITS >> PLACE_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn own_spread(&self) -> u64 {
        Entry::spread(self.0 >> PLACE_BITS)
    }
}

/// The unit of places.
const GRANULE: usize = 8;
/// Granules of a chunk: a megabyte.
const CHUNK: usize = 1 << 17;
/// A slot this large has a chunk of its own, which is given back with it.
const LARGE: usize = CHUNK / 8;
/// The bytes before a row that hold its length.
const LENGTH: usize = 4;

/// The rows: each in a slot of a size class, its length before it.
#[derive(Debug, Default)]
struct Slots {
    /// Place `p` is granule `p % CHUNK` of chunk `p / CHUNK`.
    chunks: Vec<Vec<u8>>,
    /// The chunk that is being filled.
    filling: Option<usize>,
    /// The places of unused slots by size, in granules.
    unused: Vec<Vec<u64>>,
    /// Chunks that were given back.
    unused_chunks: Vec<usize>,
}

impl Slots {
    fn row(&self, place: u64) -> &[u8] {
        let slot = &self.chunks[chunk_of(place)][start_of(place)..];
        let (length, rest) = slot.split_at(LENGTH);
        &rest[..read_length(length)]
    }

    fn row_mut(&mut self, place: u64) -> &mut [u8] {
        let slot = &mut self.chunks[chunk_of(place)][start_of(place)..];
        let (length, rest) = slot.split_at_mut(LENGTH);
        &mut rest[..read_length(length)]
    }

    /// The place of the row from now on.
    fn add(&mut self, row: &[u8]) -> u64 {
        let size = slot_size(row.len());
        if let Some(place) = self.unused.get_mut(size).and_then(Vec::pop) {
            return self.write(place, row);
        }
        let chunk = match self.filling {
            _ if size >= LARGE => self.new_chunk(size),
            Some(chunk) if self.chunks[chunk].len() + size * GRANULE <= CHUNK * GRANULE => chunk,
            _ => {
                let chunk = self.new_chunk(CHUNK);
                self.filling = Some(chunk);
                chunk
            }
        };
        let bytes = &mut self.chunks[chunk];
        let place = (chunk * CHUNK + bytes.len() / GRANULE) as u64;
        let end = bytes.len() + size * GRANULE;
        bytes.extend_from_slice(&(row.len() as u32).to_le_bytes());
        bytes.extend_from_slice(row);
        bytes.resize(end, 0);
        place
    }

    /// Puts the row in the place of another; its place from now on.
    fn replace(&mut self, place: u64, row: &[u8]) -> u64 {
        if slot_size(self.row(place).len()) == slot_size(row.len()) {
            return self.write(place, row);
        }
        self.remove(place);
        self.add(row)
    }

    fn write(&mut self, place: u64, row: &[u8]) -> u64 {
        let slot = &mut self.chunks[chunk_of(place)][start_of(place)..];
        slot[..LENGTH].copy_from_slice(&(row.len() as u32).to_le_bytes());
        slot[LENGTH..LENGTH + row.len()].copy_from_slice(row);
        place
    }

    fn remove(&mut self, place: u64) {
        let size = slot_size(self.row(place).len());
        if size >= LARGE {
            self.chunks[chunk_of(place)] = Vec::new();
            self.unused_chunks.push(chunk_of(place));
            return;
        }
        if self.unused.len() <= size {
            self.unused.resize_with(size + 1, Vec::new);
        }
        self.unused[size].push(place);
    }

    /// A chunk for so many granules.
    fn new_chunk(&mut self, granules: usize) -> usize {
        let bytes = Vec::with_capacity(granules * GRANULE);
        if let Some(chunk) = self.unused_chunks.pop() {
            self.chunks[chunk] = bytes;
            return chunk;
        }
        assert!(self.chunks.len() < (1 << PLACE_BITS) / CHUNK, "a worker's share of a table takes more than 512 GiB");
        self.chunks.push(bytes);
        self.chunks.len() - 1
    }
}

fn chunk_of(place: u64) -> usize {
    place as usize / CHUNK
}

fn start_of(place: u64) -> usize {
    place as usize % CHUNK * GRANULE
}

fn read_length(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

/// The granules of a slot for a row of so many bytes: eight sizes between a power of two and the next, so that a slot serves
/// the rows that come after one that is gone.
fn slot_size(length: usize) -> usize {
    let granules = (LENGTH + length).div_ceil(GRANULE);
    let step = 1 << granules.ilog2().saturating_sub(3);
    granules.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;
    use std::collections::BTreeMap;

    /// A row of this length that begins with the key.
    fn row(key: u8, length: usize, fill: u8) -> Vec<u8> {
        let mut row = vec![fill; length.max(2)];
        row[0] = key;
        row
    }

    /// Few hashes, so that rows of different keys meet.
    fn hash(key: u8) -> u64 {
        u64::from(key % 7)
    }

    #[test]
    fn it_does_what_a_map_does() {
        let lengths = [2, 3, 4, 5, 12, 100, 101, 1000, 5000, 200_000, 2_000_000];
        let (mut table, mut map) = (Table::default(), BTreeMap::<u8, Vec<u8>>::new());
        let mut state = 7u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for step in 0..4000 {
            let (key, length, fill) = (draw(60) as u8, lengths[draw(lengths.len())], draw(3) as u8);
            let is_it = |row: &[u8]| row[0] == key;
            match draw(4) {
                0 => {
                    let removed = table.remove(hash(key), is_it);
                    assert_eq!(removed, map.remove(&key).map(|row| Row::from_bytes(&row)), "step {step}");
                }
                1 => {
                    let changed = table.get_mut(hash(key), is_it).map(|row| *row.last_mut().unwrap() |= 128);
                    assert_eq!(changed.is_some(), map.contains_key(&key));
                    map.entry(key).and_modify(|row| *row.last_mut().unwrap() |= 128);
                }
                _ => {
                    let new = row(key, length, fill);
                    let expected = match map.insert(key, new.clone()) {
                        None => Put::New,
                        Some(before) if before == new => Put::Same,
                        Some(before) => Put::Instead(Row::from_bytes(&before)),
                    };
                    assert_eq!(table.put(hash(key), is_it, &new), expected, "step {step}");
                }
            }
            assert_eq!(table.get(hash(key), is_it), map.get(&key).map(Vec::as_slice), "step {step}");
        }
        let mut rows: Vec<&[u8]> = table.rows().collect();
        rows.sort();
        assert!(rows.into_iter().eq(map.values().map(Vec::as_slice)));
        assert_eq!(table.index.len(), map.len());
    }

    #[test]
    fn slots_are_used_again() {
        let mut table = Table::default();
        let put = |table: &mut Table, key: i64, length: usize| {
            let row = Row::pack(&[Datum::Int8(key), Datum::text("x".repeat(length))]);
            row.with_bytes(|bytes| table.put(key as u64, |other| other[..9] == bytes[..9], bytes));
        };
        for round in 0..100 {
            (0..1000).for_each(|key| put(&mut table, key, 100 + round % 10));
            (0..3).for_each(|key| put(&mut table, -1 - key, 3_000_000 + round));
        }
        let bytes: usize = table.slots.chunks.iter().map(Vec::capacity).sum();
        assert!(bytes < 12 << 20, "{bytes} bytes are held for ten million");
    }

    #[test]
    fn slots_fit_and_waste_little() {
        for length in (0..5000).chain([1 << 20, 5_000_000]) {
            let (slot, needed) = (slot_size(length) * GRANULE, length + LENGTH);
            assert!(slot >= needed && slot < needed + GRANULE + needed / 8, "{length}: {slot}");
            assert_eq!(slot_size(slot - LENGTH) * GRANULE, slot, "a slot's own size is a size");
        }
    }
}
