//! The least or greatest value of a group, by stages: a change re-reads one small bucket per stage, never the whole group. Of values
//! that are never retracted the extreme alone is held.

use super::first::{Keep, Kept, first};
use crate::dataflow::arrange::arrange;
use crate::dataflow::footprint::footprint;
use crate::dataflow::holding::weigh;
use crate::dataflow::key::Key;
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Arranged, Collection, KeyBuilder, KeySpine, Update};
use crate::value::{Diff, Row, encoding, key};
use differential_dataflow::trace::implementations::BatchContainer;

/// Which value of a group is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The first in byte order.
    Least,
    /// The last.
    Greatest,
}

/// Encodes values so that byte order is SQL's order, and equal values lie together.
#[derive(Clone, Copy, Debug)]
pub struct ValueCode {
    /// Whether the row encoding itself does it.
    pub canonical: bool,
}

impl ValueCode {
    /// A column's value.
    pub fn encode(self, column: &[u8]) -> Row {
        if self.canonical {
            return Row::from_bytes(column);
        }
        let mut bytes = Vec::new();
        key::encode(&encoding::decode(column).0, &mut bytes);
        bytes.extend_from_slice(column);
        bytes.extend_from_slice(&(column.len() as u32).to_be_bytes());
        Row::from_bytes(&bytes)
    }

    /// The key part, equal for equal values, and the column.
    pub fn split(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        if self.canonical {
            return (bytes, bytes);
        }
        let (rest, length) = bytes.split_at(bytes.len() - 4);
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest.split_at(rest.len() - length)
    }
}

/// Bits of the bucket numbers of the stages before the last: a million values fall into buckets of about 250, 64 and 64.
const STAGES: [u32; 2] = [12, 6];

/// The extreme value of each key; of equal values the least form.
pub fn extreme<'s, K: Bucketed>(
    values: Collection<'s, (K, Row)>,
    append_only: bool,
    extreme: Extreme,
    code: ValueCode,
) -> Collection<'s, (K, Row)> {
    if append_only {
        return first(values, KeepExtreme { extreme, code });
    }
    stage_of(in_buckets(values, |values| stage_of(values, extreme, code)), extreme, code)
}

/// Keeps the extreme value.
#[derive(Clone, Copy, Debug)]
pub struct KeepExtreme {
    /// Which is the extreme.
    pub extreme: Extreme,
    /// How values are encoded.
    pub code: ValueCode,
}

impl KeepExtreme {
    /// Whether a value takes the place of the one kept; of equal ones the least form stays. What is empty is no value.
    pub fn replaces(&self, kept: &Row, row: &Row) -> bool {
        if kept.is_empty() || row.is_empty() {
            return kept.is_empty() && !row.is_empty();
        }
        match self.extreme {
            Extreme::Least => row < kept,
            Extreme::Greatest => kept.with_bytes(|kept| {
                row.with_bytes(|row| {
                    let by_value = self.code.split(row).0.cmp(self.code.split(kept).0);
                    by_value.then_with(|| kept.cmp(row)).is_gt()
                })
            }),
        }
    }
}

impl Keep for KeepExtreme {
    fn add(&self, kept: &mut Kept, row: Row, _: Diff, changes: &mut Vec<(Row, Diff)>) {
        match kept.rows.first_mut() {
            Some((kept, _)) if self.replaces(kept, &row) => {
                changes.push((std::mem::replace(kept, row.clone()), -1));
                changes.push((row, 1));
            }
            Some(_) => {}
            None => {
                *kept = Kept { rows: vec![(row.clone(), 1)], count: 1 };
                changes.push((row, 1));
            }
        }
    }
}

/// What `stage` leaves of each key's buckets, and of the fewer that these fall into.
pub fn in_buckets<'s, K: Bucketed>(
    values: Collection<'s, (K, Row)>,
    stage: impl Fn(Collection<'s, (K::With, Row)>) -> Collection<'s, (K::With, Row)>,
) -> Collection<'s, (K, Row)> {
    let mut values = values.map(|(key, value)| {
        let bucket = value.spread() as u16 & ((1 << STAGES[0]) - 1);
        (key.with_bucket(bucket), value)
    });
    for (number, bits) in STAGES.into_iter().enumerate() {
        if number > 0 {
            values = values.map(move |(key, value)| {
                let (key, bucket) = K::without_bucket(&key);
                (key.with_bucket(bucket & ((1 << bits) - 1)), value)
            });
        }
        values = stage(values);
    }
    values.map(|(key, value)| (K::without_bucket(&key).0, value))
}

fn stage_of<'s, K: Key>(
    values: Collection<'s, (K, Row)>,
    extreme: Extreme,
    code: ValueCode,
) -> Collection<'s, (K, Row)> {
    let reduced = reduce::<K>(arrange(values, "Extreme"), "Extreme", move |_, values: &[(Bytes<'_>, Diff)]| {
        let mut present = values.iter().filter(|(_, count)| *count > 0).map(|(value, _)| value.0);
        match extreme {
            Extreme::Least => present.next(),
            Extreme::Greatest => {
                let greatest = present.next_back();
                let form = greatest.map(|greatest| code.split(greatest).0);
                present.rev().take_while(|value| form == Some(code.split(value).0)).last().or(greatest)
            }
        }
        .map(Row::from_bytes)
    });
    reduced.as_collection(|key, value| (K::Container::into_owned(key), Row::from_bytes(value.0)))
}

/// One row, or none, for each key, of all its rows in byte order with how often each occurs.
pub fn reduce<'s, K: Key>(
    arranged: Arranged<'s, K>,
    name: &str,
    mut logic: impl FnMut(ReadKey<'_, K>, &[(Bytes<'_>, Diff)]) -> Option<Row> + 'static,
) -> Arranged<'s, K> {
    reduce_to_many::<K>(arranged, name, move |key, rows: &[(Bytes<'_>, Diff)], out| {
        out.extend(logic(key, rows).map(|row| (row, 1)))
    })
}

/// As `reduce`, any number of rows for each key.
pub fn reduce_to_many<'s, K: Key>(
    arranged: Arranged<'s, K>,
    name: &str,
    logic: impl FnMut(ReadKey<'_, K>, &[(Bytes<'_>, Diff)], &mut Vec<(Row, Diff)>) + 'static,
) -> Arranged<'s, K> {
    let reduced = arranged.reduce_abelian::<_, KeyBuilder<K>, KeySpine<K>, K::Container, _>(
        name,
        logic,
        |updates: &mut Vec<Update<K>>, key, changes| {
            updates.clear();
            let own = K::Container::into_owned(key);
            updates.extend(changes.drain(..).map(|(row, time, diff)| ((own.clone(), row), time, diff)));
        },
    );
    weigh(footprint::<K, Diff>(&reduced));
    reduced
}

/// A key as it lies in a batch.
type ReadKey<'a, K> = <<K as Key>::Container as BatchContainer>::ReadItem<'a>;

/// A key to which a bucket number can be added.
pub trait Bucketed: Key {
    /// The key with a bucket.
    type With: Key;
    /// Adds a bucket number.
    fn with_bucket(&self, bucket: u16) -> Self::With;
    /// Takes it off again.
    fn without_bucket(key: &Self::With) -> (Self, u16);
}

impl Bucketed for u64 {
    type With = [u64; 2];

    fn with_bucket(&self, bucket: u16) -> [u64; 2] {
        [*self, u64::from(bucket)]
    }

    fn without_bucket(key: &[u64; 2]) -> (u64, u16) {
        (key[0], key[1] as u16)
    }
}

impl Bucketed for [u64; 2] {
    type With = Row;

    fn with_bucket(&self, bucket: u16) -> Row {
        let mut bytes = [0; 18];
        bytes[..8].copy_from_slice(&self[0].to_be_bytes());
        bytes[8..16].copy_from_slice(&self[1].to_be_bytes());
        bytes[16..].copy_from_slice(&bucket.to_be_bytes());
        Row::from_bytes(&bytes)
    }

    fn without_bucket(key: &Row) -> ([u64; 2], u16) {
        key.with_bytes(|bytes| {
            let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            ([number(&bytes[..8]), number(&bytes[8..16])], number(&bytes[16..]) as u16)
        })
    }
}

impl Bucketed for Row {
    type With = Row;

    fn with_bucket(&self, bucket: u16) -> Row {
        self.with_bytes(|bytes| Row::from_bytes(&[bytes, &bucket.to_be_bytes()].concat()))
    }

    fn without_bucket(key: &Row) -> (Row, u16) {
        key.with_bytes(|bytes| {
            let (key, bucket) = bytes.split_at(bytes.len() - 2);
            (Row::from_bytes(key), u16::from_be_bytes([bucket[0], bucket[1]]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataflow::operators::first::tests::told;
    use crate::value::{Type, text};

    #[test]
    fn what_is_never_retracted_is_kept_once() {
        let check = |extreme, canonical, values: &[&str], expected: &[&str]| {
            let code = ValueCode { canonical };
            let encoded = |value: &&str| {
                let ty = if canonical { Type::Text } else { Type::Numeric };
                let value = text::parse(&ty, -1, value).expect("a value");
                Row::pack([&value]).with_bytes(|column| code.encode(column)).with_bytes(<[u8]>::to_vec)
            };
            let rows: Vec<Vec<u8>> = values.iter().map(encoded).collect();
            let rows: Vec<(&[u8], Diff)> = rows.iter().map(|row| (row.as_slice(), 3)).collect();
            let told = told(KeepExtreme { extreme, code }, &rows);
            let told: Vec<String> = told.iter().map(|told| told.matches(['+', '-']).collect()).collect();
            assert_eq!(told, expected, "{extreme:?} of {values:?}");
        };
        check(Extreme::Least, true, &["b", "c", "b", "a"], &["+", "", "", "+-"]);
        check(Extreme::Greatest, true, &["b", "a", "b", "c"], &["+", "", "", "-+"]);
        // Of equal values the least form.
        check(Extreme::Least, false, &["2.0", "2.00", "2", "1.0"], &["+", "", "+-", "+-"]);
        check(Extreme::Greatest, false, &["2.0", "2.00", "2", "3.0"], &["+", "", "+-", "-+"]);
    }
}
