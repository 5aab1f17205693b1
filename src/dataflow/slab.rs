//! Rows at rest: the bytes of a batch's rows one after the other.
//!
//! While all rows of a slab have one length no offsets are kept. Rows are compared by their first words before anything else,
//! which decides nearly always and spares a call.

use super::footprint::offsets;
use crate::value::Row;
use differential_dataflow::trace::implementations::{BatchContainer, OffsetList};
use std::cmp::Ordering;
use timely::container::PushInto;

/// A container of rows.
#[derive(Default)]
pub struct Slab {
    bytes: Vec<u8>,
    rows: usize,
    bounds: Bounds,
}

/// Where each row ends.
enum Bounds {
    /// All rows have this length.
    Fixed(usize),
    /// The end of each row.
    Ends(OffsetList),
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds::Fixed(0)
    }
}

impl Slab {
    fn with_bytes(bytes: usize) -> Slab {
        Slab { bytes: Vec::with_capacity(bytes), ..Slab::default() }
    }

    /// What it takes.
    pub fn memory(&self) -> usize {
        let ends = if let Bounds::Ends(ends) = &self.bounds { offsets(ends) } else { 0 };
        self.bytes.capacity() + ends
    }

    #[inline]
    fn push(&mut self, row: &[u8]) {
        if let Bounds::Fixed(length) = self.bounds {
            if self.rows == 0 {
                self.bounds = Bounds::Fixed(row.len());
            } else if row.len() != length {
                self.give_up_fixed(length);
            }
        }
        self.bytes.extend_from_slice(row);
        self.rows += 1;
        if let Bounds::Ends(ends) = &mut self.bounds {
            ends.push(self.bytes.len());
        }
    }

    #[cold]
    fn give_up_fixed(&mut self, length: usize) {
        let mut ends = OffsetList::with_capacity(self.rows + 1);
        (1..=self.rows).for_each(|row| ends.push(row * length));
        self.bounds = Bounds::Ends(ends);
    }

    #[inline]
    fn row(&self, index: usize) -> &[u8] {
        match &self.bounds {
            Bounds::Fixed(length) => &self.bytes[index * length..(index + 1) * length],
            Bounds::Ends(ends) => {
                let start = if index == 0 { 0 } else { ends.index(index - 1) };
                &self.bytes[start..ends.index(index)]
            }
        }
    }
}

/// A row in a slab.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(word)
}

#[inline(always)]
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    if a.len() >= 8 && b.len() >= 8 {
        let (x, y) = (word(a), word(b));
        if x != y {
            return x.cmp(&y);
        }
        if a.len() >= 16 && b.len() >= 16 {
            let (x, y) = (word(&a[8..]), word(&b[8..]));
            if x != y {
                return x.cmp(&y);
            }
            return compare_tails(&a[16..], &b[16..]);
        }
        return compare_tails(&a[8..], &b[8..]);
    }
    a.cmp(b)
}

/// What is left after the first words: short tails byte by byte, which is faster than a call.
#[inline(always)]
fn compare_tails(a: &[u8], b: &[u8]) -> Ordering {
    if a.len() > 8 || b.len() > 8 {
        return a.cmp(b);
    }
    for (x, y) in a.iter().zip(b) {
        if x != y {
            return x.cmp(y);
        }
    }
    a.len().cmp(&b.len())
}

impl PartialEq for Bytes<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && compare(self.0, other.0) == Ordering::Equal
    }
}

impl Eq for Bytes<'_> {}

impl PartialEq<&Row> for Bytes<'_> {
    #[inline]
    fn eq(&self, other: &&Row) -> bool {
        other.with_bytes(|other| *self == Bytes(other))
    }
}

impl PartialOrd for Bytes<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl PushInto<Row> for Slab {
    #[inline]
    fn push_into(&mut self, row: Row) {
        row.with_bytes(|bytes| self.push(bytes));
    }
}

impl BatchContainer for Slab {
    type Owned = Row;
    type ReadItem<'a> = Bytes<'a>;

    #[inline]
    fn into_owned(item: Bytes<'_>) -> Row {
        Row::from_bytes(item.0)
    }

    #[inline]
    fn reborrow<'b, 'a: 'b>(item: Bytes<'a>) -> Bytes<'b> {
        item
    }

    #[inline]
    fn push_ref(&mut self, item: Bytes<'_>) {
        self.push(item.0);
    }

    #[inline]
    fn push_own(&mut self, item: &Row) {
        item.with_bytes(|bytes| self.push(bytes));
    }

    fn clear(&mut self) {
        *self = Slab::default();
    }

    fn with_capacity(_rows: usize) -> Slab {
        Slab::default()
    }

    fn merge_capacity(a: &Slab, b: &Slab) -> Slab {
        Slab::with_bytes(a.bytes.len() + b.bytes.len())
    }

    #[inline]
    fn index(&self, index: usize) -> Bytes<'_> {
        Bytes(self.row(index))
    }

    #[inline]
    fn len(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[&[u8]]) {
        let mut slab = Slab::default();
        rows.iter().for_each(|row| slab.push_own(&Row::from_bytes(row)));
        assert_eq!(slab.len(), rows.len());
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(slab.index(index).0, *row);
        }
        for a in rows {
            for b in rows {
                assert_eq!(Bytes(a).cmp(&Bytes(b)), a.cmp(b), "{a:?} {b:?}");
                assert_eq!(Bytes(a) == &Row::from_bytes(b), a == b);
            }
        }
    }

    #[test]
    fn rows_come_back_and_compare_as_bytes() {
        check(&[]);
        check(&[b"", b"", b""]);
        check(&[b"abc", b"abd", b"abe"]);
        check(&[b"", b"abc", b"", b"abcdefgh", b"abcdefghi", b"abcdefgi"]);
        check(&[b"0123456789abcdef", b"0123456789abcdefg", b"0123456789abcdeg", b"0123456789abcde"]);
        check(&[b"0123456789abcdef0123456789abcdef", b"0123456789abcdef0123456789abcdeg", b"0123456789abcdef01234"]);
    }
}
