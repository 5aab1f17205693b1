//! A row in flight: 24 bytes, inline up to 23 bytes of encoding, boxed beyond.
//!
//! The bytes are columns one after the other, each self-describing (`encoding.rs`). The three words are held big-endian, so
//! that comparing them as integers compares the bytes. Their order is total but means nothing to SQL; SQL's order is that of keys.
//! This is the only module with `unsafe` code.
#![allow(unsafe_code)]

use super::{Datum, encoding, key};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest encoding that needs no allocation.
const INLINE: usize = 23;
/// The low byte of the last word: a length up to `INLINE`, or this.
const HEAP: u8 = 255;
/// The bytes of a box that hold the length of the others.
const LENGTH: usize = size_of::<usize>();

/// An encoded row, or any other byte string that is compared often.
///
/// Inline: 23 bytes, then the length. Boxed: the first 8 bytes, the pointer, the next 7 bytes with `HEAP` below them; in the box
/// the length stands before the bytes. So the first 15 bytes of any row are compared without going to its box.
#[derive(Default)]
pub struct Row([u64; 3]);

// SAFETY: a boxed row owns its bytes alone and never changes them.
unsafe impl Send for Row {}
unsafe impl Sync for Row {}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(word)
}

impl Row {
    /// A row with these encoded bytes.
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Row {
        if bytes.len() <= INLINE {
            let mut inline = [0u8; 24];
            inline[..bytes.len()].copy_from_slice(bytes);
            inline[INLINE] = bytes.len() as u8;
            return Row([word(&inline), word(&inline[8..]), word(&inline[16..])]);
        }
        let mut block = Vec::with_capacity(LENGTH + bytes.len());
        block.extend_from_slice(&bytes.len().to_ne_bytes());
        block.extend_from_slice(bytes);
        let pointer = Box::into_raw(block.into_boxed_slice()) as *mut u8;
        Row([word(bytes), pointer as u64, word(&bytes[8..]) & !u64::from(HEAP) | u64::from(HEAP)])
    }

    /// A row of these values.
    pub fn pack<'a>(values: impl IntoIterator<Item = &'a Datum>) -> Row {
        let mut builder = RowBuilder::default();
        for value in values {
            builder.push(value);
        }
        builder.finish()
    }

    /// The values. Panics on bytes that no `RowBuilder` made: rows from outside are checked where they enter.
    pub fn unpack(&self) -> Vec<Datum> {
        self.with_bytes(encoding::decode_all)
    }

    /// One column's value. Panics as `unpack` does, and beyond the last column.
    pub fn column(&self, position: usize) -> Datum {
        self.with_bytes(|bytes| {
            let start = (0..position).fold(0, |at, _| at + encoding::skip(&bytes[at..]));
            encoding::decode(&bytes[start..]).0
        })
    }

    /// Whether the bytes are a row of so many columns: to be asked of every row that comes from outside.
    pub fn check(&self, columns: usize) -> bool {
        self.with_bytes(|bytes| encoding::is_row(bytes, columns))
    }

    /// Gives the encoded bytes to `read`.
    #[inline(always)]
    pub fn with_bytes<X>(&self, read: impl FnOnce(&[u8]) -> X) -> X {
        if self.is_boxed() {
            return read(self.boxed());
        }
        let mut inline = [0u8; 24];
        for (bytes, word) in inline.chunks_exact_mut(8).zip(self.0) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        read(&inline[..usize::from(inline[INLINE])])
    }

    /// The first fifteen bytes as two words whose order is that of rows, as far as they reach; zeros beyond the end.
    #[inline(always)]
    pub fn prefix(&self) -> [u64; 2] {
        let second = if self.is_boxed() { self.0[2] } else { self.0[1] };
        [self.0[0], second & !u64::from(HEAP)]
    }

    /// The length of the encoding.
    #[inline]
    pub fn len(&self) -> usize {
        if self.is_boxed() { self.boxed().len() } else { usize::from(self.0[2] as u8) }
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held: the row itself and its box.
    pub fn memory(&self) -> usize {
        size_of::<Row>() + if self.is_boxed() { LENGTH + self.len() } else { 0 }
    }

    #[inline(always)]
    fn is_boxed(&self) -> bool {
        self.0[2] as u8 == HEAP
    }

    #[inline(always)]
    fn boxed(&self) -> &[u8] {
        // SAFETY: as in `block`.
        let block = unsafe { &*self.block() };
        &block[LENGTH..]
    }

    /// The box: the length of the bytes, and the bytes.
    #[inline(always)]
    fn block(&self) -> *mut [u8] {
        debug_assert!(self.is_boxed());
        let pointer = self.0[1] as *mut u8;
        // SAFETY: the pointer is that of the box taken apart in `from_bytes`, which begins with its length and is freed only in
        // `drop`; reading the length asks for no alignment.
        let length = unsafe { pointer.cast::<usize>().read_unaligned() };
        std::ptr::slice_from_raw_parts_mut(pointer, LENGTH + length)
    }

    #[cold]
    #[inline(never)]
    fn cmp_bytes(&self, other: &Row) -> Ordering {
        self.with_bytes(|a| other.with_bytes(|b| a.cmp(b)))
    }
}

impl Clone for Row {
    #[inline]
    fn clone(&self) -> Row {
        if self.is_boxed() { Row::from_bytes(self.boxed()) } else { Row(self.0) }
    }
}

impl From<&Row> for Row {
    #[inline]
    fn from(row: &Row) -> Row {
        row.clone()
    }
}

impl Drop for Row {
    #[inline]
    fn drop(&mut self) {
        if self.is_boxed() {
            // SAFETY: as in `block`; a row is dropped once.
            drop(unsafe { Box::from_raw(self.block()) });
        }
    }
}

impl Ord for Row {
    #[inline]
    fn cmp(&self, other: &Row) -> Ordering {
        if self.0[0] != other.0[0] {
            return self.0[0].cmp(&other.0[0]);
        }
        if self.is_boxed() | other.is_boxed() {
            return self.prefix()[1].cmp(&other.prefix()[1]).then_with(|| self.cmp_bytes(other));
        }
        (self.0[1], self.0[2]).cmp(&(other.0[1], other.0[2]))
    }
}

impl PartialOrd for Row {
    #[inline]
    fn partial_cmp(&self, other: &Row) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    #[inline]
    fn eq(&self, other: &Row) -> bool {
        if self.is_boxed() | other.is_boxed() {
            return self.prefix() == other.prefix() && self.cmp_bytes(other) == Ordering::Equal;
        }
        self.0 == other.0
    }
}

impl Eq for Row {}

impl Hash for Row {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_boxed() {
            state.write(self.boxed());
        } else {
            state.write_u64(self.0[0]);
            state.write_u64(self.0[1] ^ self.0[2].rotate_left(17));
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_bytes(|bytes| serializer.serialize_bytes(bytes))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        struct Bytes;
        impl<'de> serde::de::Visitor<'de> for Bytes {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a row")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Row, E> {
                Ok(Row::from_bytes(bytes))
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Row, E> {
                Ok(Row::from_bytes(&bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_bytes(|bytes| write!(f, "Row({bytes:02x?})"))
    }
}

/// Builds rows one after the other in one buffer.
#[derive(Default, Debug)]
pub struct RowBuilder {
    bytes: Vec<u8>,
}

impl RowBuilder {
    /// Appends a column.
    #[inline]
    pub fn push(&mut self, value: &Datum) {
        encoding::encode(value, &mut self.bytes);
    }

    /// Appends one or more columns already encoded.
    #[inline]
    pub fn push_encoded(&mut self, columns: &[u8]) {
        self.bytes.extend_from_slice(columns);
    }

    /// Appends a value's key (`key::encode`).
    #[inline]
    pub fn push_key(&mut self, value: &Datum) {
        key::encode(value, &mut self.bytes);
    }

    /// What has been appended.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what has been appended.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The row; the builder is empty again.
    #[inline]
    pub fn finish(&mut self) -> Row {
        let row = Row::from_bytes(&self.bytes);
        self.bytes.clear();
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(all: &[Vec<u8>]) {
        for a in all {
            let row = Row::from_bytes(a);
            assert_eq!(row.clone().with_bytes(<[u8]>::to_vec), *a);
            assert_eq!(row.len(), a.len());
            for b in all {
                let other = Row::from_bytes(b);
                assert_eq!(row.cmp(&other), a.cmp(b), "{a:?} {b:?}");
                assert_eq!(row == other, a == b, "{a:?} {b:?}");
                if row.prefix() != other.prefix() {
                    assert_eq!(row.prefix().cmp(&other.prefix()), a.cmp(b), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn rows_are_their_bytes_and_compare_as_they_do() {
        let mut all = Vec::new();
        for length in [0, 1, 7, 8, 9, 14, 15, 16, 22, 23, 24, 25, 40] {
            let zeros = vec![0; length];
            for (position, byte) in [(0, 1), (7, 255), (8, 1), (14, 254), (15, 1), (16, 255), (23, 1), (24, 9), (39, 3)]
            {
                let mut bytes = zeros.clone();
                bytes.get_mut(position).into_iter().for_each(|at| *at = byte);
                all.push(bytes);
            }
            all.push(zeros);
        }
        check(&all);
    }
}
