//! The rows of one key on one side of a join, in the order of a value of theirs.

use crate::value::{Diff, Row, Time};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A row that waits for partners.
#[derive(Clone, Debug)]
pub struct Held {
    /// How often it is there.
    pub count: Diff,
    /// How many partners it has found.
    pub partners: Diff,
    /// From when on it finds none.
    pub settles: Time,
}

/// A value, and the row.
type Place = (i64, Row);

/// Most keys have few rows, for which a tree would be large.
pub enum Side {
    /// In order.
    Few(Vec<(Place, Held)>),
    /// They were few before.
    Many(BTreeMap<Place, Held>),
}

/// So many rows are few.
const FEW: usize = 12;

impl Default for Side {
    fn default() -> Side {
        Side::Few(Vec::new())
    }
}

/// Bytes held for a row.
pub fn held_bytes(row: &Row) -> i64 {
    (row.memory() + size_of::<(i64, Held)>()) as i64
}

impl Side {
    /// Changes what is held of a row: `change` is given it, and whether it was not held before, and tells whether to hold it further.
    pub fn change(&mut self, value: i64, row: Row, settles: Time, change: impl FnOnce(&mut Held, bool) -> bool) {
        let (place, mut fresh) = ((value, row), Held { count: 0, partners: 0, settles });
        if let Side::Few(few) = self
            && few.len() == FEW
        {
            *self = Side::Many(std::mem::take(few).into_iter().collect());
        }
        match self {
            Side::Few(few) => match few.binary_search_by(|(known, _)| known.cmp(&place)) {
                Ok(at) => {
                    if !change(&mut few[at].1, false) {
                        few.remove(at);
                    }
                }
                Err(at) => {
                    if change(&mut fresh, true) {
                        if few.is_empty() {
                            few.reserve_exact(1);
                        }
                        few.insert(at, (place, fresh));
                    }
                }
            },
            Side::Many(many) => match many.entry(place) {
                Entry::Occupied(mut held) => {
                    if !change(held.get_mut(), false) {
                        held.remove();
                    }
                }
                Entry::Vacant(place) => {
                    if change(&mut fresh, true) {
                        place.insert(fresh);
                    }
                }
            },
        }
    }

    /// The row, if it is held.
    pub fn get(&self, value: i64, row: &Row) -> Option<&Held> {
        match self {
            Side::Few(few) => {
                few.iter().find(|((other, held), _)| *other == value && held == row).map(|(_, held)| held)
            }
            Side::Many(many) => many.get(&(value, row.clone())),
        }
    }

    /// The rows with values between these, both included.
    pub fn between(&mut self, from: i64, to: i64) -> impl Iterator<Item = (&Row, &mut Held)> {
        let (few, many) = match self {
            Side::Few(few) => {
                let first = few.partition_point(|((value, _), _)| *value < from);
                (Some(few[first..].iter_mut().map(|((value, row), held)| (*value, &*row, held))), None)
            }
            Side::Many(many) => {
                let rows = many.range_mut((from, Row::default())..);
                (None, Some(rows.map(|((value, row), held)| (*value, row, held))))
            }
        };
        let rows = few.into_iter().flatten().chain(many.into_iter().flatten());
        rows.take_while(move |(value, ..)| *value <= to).map(|(_, row, held)| (row, held))
    }

    /// Gives up the first rows, as far as they have settled.
    pub fn settle(&mut self, has_settled: impl Fn(Time) -> bool, mut forget: impl FnMut(&Row)) {
        match self {
            Side::Few(few) => {
                let settled = few.iter().take_while(|(_, held)| has_settled(held.settles)).count();
                few.drain(..settled).for_each(|((_, row), _)| forget(&row));
            }
            Side::Many(many) => {
                while let Some(first) = many.first_entry()
                    && has_settled(first.get().settles)
                {
                    forget(&first.key().1);
                    first.remove();
                }
            }
        }
    }

    /// When the first row settles.
    pub fn settles(&self) -> Option<Time> {
        match self {
            Side::Few(few) => few.first().map(|(_, held)| held.settles),
            Side::Many(many) => many.first_key_value().map(|(_, held)| held.settles),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8) -> Row {
        Row::from_bytes(&[number; 30])
    }

    #[test]
    fn few_and_many_rows_are_held_alike() {
        for rows in [1, 5, FEW as i64, FEW as i64 + 1, 100] {
            let mut side = Side::default();
            for value in (0..rows).rev() {
                let place = || (value / 2, row((value % 2) as u8), value as Time / 2);
                for before in [0, 1] {
                    let (value, row, settles) = place();
                    side.change(value, row, settles, |held, is_fresh| {
                        assert_eq!((held.count, is_fresh), (before, before == 0));
                        held.count += 1;
                        true
                    });
                }
                // One that goes again.
                for count in [1, 0] {
                    side.change(value / 2, row(9), 0, |held, is_fresh| {
                        held.count = count;
                        assert_eq!(is_fresh, count == 1);
                        count > 0
                    });
                }
            }
            assert_eq!(side.get(0, &row(0)).map(|held| held.count), Some(2));
            assert!(side.get(0, &row(7)).is_none());
            let between: Vec<Row> = side.between(1, 2).map(|(row, _)| row.clone()).collect();
            assert_eq!(between.len() as i64, (rows - 2).clamp(0, 4), "{rows}");
            let mut forgotten = 0;
            side.settle(|settles| settles <= 1, |_| forgotten += 1);
            assert_eq!((forgotten, side.settles()), (rows.min(4), (rows > 4).then_some(2)));
        }
    }
}
