//! When the rows of a relation are of no use any more, so that a merge leaves them out.

use super::merge::key_of;
use crate::value::{Row, RowBuilder, Time, encoding};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A row is of no use any more so many microseconds after the moment in one of its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Which column, of those that are stored.
    pub column: usize,
    /// So many microseconds.
    pub after: i64,
    /// If rows are of use as long as others of their session are: then it is the moment of the session's last row.
    pub session: Option<Session>,
}

/// Rows with the same key of which none is further than a gap from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The columns of the key, of those that are stored: they agree if their bytes do.
    pub key: Vec<usize>,
    /// So many microseconds.
    pub gap: i64,
}

/// Rows as of a time, of which some are of no use any more.
pub(super) struct Expiring<'e> {
    /// As long as one of them has not passed a row is of use.
    ways: Vec<Way<'e>>,
    time: Time,
    /// Behind the last moment of a row that was of no use.
    gone: Option<Time>,
    builder: RowBuilder,
}

struct Way<'e> {
    expiry: &'e Expiry,
    /// By key the sessions of all rows that were noted: the moments of the last by those of the first.
    sessions: HashMap<Row, BTreeMap<i64, i64>>,
}

impl<'e> Expiring<'e> {
    /// Nothing noted yet.
    pub(super) fn new(expiry: &'e [Expiry], time: Time) -> Expiring<'e> {
        let ways = expiry.iter().map(|expiry| Way { expiry, sessions: HashMap::new() }).collect();
        Expiring { ways, time, gone: None, builder: RowBuilder::default() }
    }

    /// Whether all rows must be noted first.
    pub(super) fn has_sessions(&self) -> bool {
        self.ways.iter().any(|way| way.expiry.session.is_some())
    }

    /// Notes a row, which joins the sessions near it.
    pub(super) fn note(&mut self, row: &Row) {
        for Way { expiry, sessions } in &mut self.ways {
            let Some((Session { key, gap }, at)) = expiry.session.as_ref().zip(expiry.moment(row)) else { continue };
            let sessions = sessions.entry(key_of(row, key, &mut self.builder)).or_default();
            let (mut first, mut last) = (at, at);
            let near = sessions.range(..=at.saturating_add(*gap)).rev();
            let near = near.take_while(|(_, last)| last.saturating_add(*gap) >= at);
            for (begin, end) in near.map(|(begin, end)| (*begin, *end)).collect::<Vec<_>>() {
                sessions.remove(&begin);
                (first, last) = (first.min(begin), last.max(end));
            }
            sessions.insert(first, last);
        }
    }

    /// Whether a row is still of use. What has no moment is for ever.
    pub(super) fn is_used(&mut self, row: &Row) -> bool {
        let Expiring { ways, time, gone, builder } = self;
        let is_used = ways.iter().any(|way| {
            let last = |at| way.last(row, at, builder);
            let passes = |last: i64| i128::from(last) + i128::from(way.expiry.after) <= i128::from(*time);
            !way.expiry.moment(row).map(last).is_some_and(passes)
        });
        if !is_used {
            let last = ways.iter().filter_map(|way| way.expiry.moment(row)).max();
            *gone = (*gone).max(last.map(|last| Time::try_from(last.saturating_add(1)).unwrap_or(0)));
        }
        is_used
    }

    /// Before which moment some rows were of no use.
    pub(super) fn gone(&self) -> Option<Time> {
        self.gone
    }
}

impl Way<'_> {
    /// The moment that counts for a row with its own.
    fn last(&self, row: &Row, at: i64, builder: &mut RowBuilder) -> i64 {
        let Some(Session { key, .. }) = &self.expiry.session else { return at };
        let sessions = self.sessions.get(&key_of(row, key, builder));
        sessions.and_then(|sessions| sessions.range(..=at).next_back()).map_or(at, |(_, last)| *last)
    }
}

impl Expiry {
    fn moment(&self, row: &Row) -> Option<i64> {
        row.with_bytes(|bytes| encoding::column_if_any(bytes, self.column).and_then(encoding::moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;
    use crate::value::calendar::EPOCH_MICROS;

    const GAP: i64 = 3;

    /// Some rows end before a column that is null in others.
    fn row(key: i64, at: Option<i64>) -> Row {
        let moment = at.map_or(Datum::Null, |at| Datum::Timestamptz(at - EPOCH_MICROS));
        let row = [Datum::Int8(key), moment, Datum::Null];
        Row::pack(if at.is_some_and(|at| at % 3 == 0) { &row[..2] } else { &row })
    }

    /// All sets of moments below ten, at every time, beside another key.
    #[test]
    fn a_row_is_of_use_as_long_as_its_session_may_grow() {
        let session = Some(Session { key: vec![2, 0], gap: GAP });
        let expiry = [Expiry { column: 1, after: 1, session: None }, Expiry { column: 1, after: 4, session }];
        for set in 0..1_u32 << 10 {
            let moments: Vec<i64> = (0..10).filter(|at| set & 1 << at != 0).collect();
            for time in 0..16 {
                let mut expiring = Expiring::new(&expiry, time);
                // In an order in which sessions grow together.
                let (even, odd): (Vec<i64>, Vec<i64>) = moments.iter().partition(|at| *at % 2 == 0);
                even.iter().chain(odd.iter().rev()).for_each(|at| expiring.note(&row(0, Some(*at))));
                expiring.note(&row(1, Some(20)));
                expiring.note(&row(0, None));
                for at in &moments {
                    let later = moments.iter().filter(|later| *later > at);
                    let last = later.fold(*at, |last, at| if at - last <= GAP { *at } else { last });
                    let is_used = at + 1 > time as i64 || last + 4 > time as i64;
                    assert_eq!(expiring.is_used(&row(0, Some(*at))), is_used, "{at} of {moments:?} at {time}");
                }
                assert!(expiring.is_used(&row(1, Some(20))) && expiring.is_used(&row(0, None)));
            }
        }
    }
}
