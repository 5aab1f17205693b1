//! Rows that come and go because time passes: `now()` compared with a time of the row.
//!
//! The clock is the dataflow's time. A row is passed on when the clock satisfies every test, at its own time or later, and taken back
//! when it no longer does. What is to happen later waits here, outside of every arrangement, until the frontier has passed it; when
//! the input has ended the clock stands still, and nothing more happens.

use super::hold::keep_least;
use super::linear::linear;
use crate::dataflow::fault::Fault;
use crate::dataflow::linear::Linear;
use crate::dataflow::types::{Errors, Rows};
use crate::expr::Scalar;
use crate::plan::{ClockOrder, ClockTest};
use crate::value::{Column, Datum, Diff, Row, Time, calendar, encoding};
use differential_dataflow::AsCollection;
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Capability, Operator};

/// The rows while the clock satisfies the tests, and the errors of computing the times it is compared with.
pub fn temporal<'s>(rows: Rows<'s>, columns: &[Column], tests: &[ClockTest]) -> (Rows<'s>, Option<Errors<'s>>) {
    let all = columns.iter().enumerate().map(|(position, column)| Scalar::Column(position, column.ty.clone()));
    let mut program = Linear::identity(columns.len());
    program.map(&tests.iter().map(|test| test.at.clone()).chain(all).collect::<Vec<_>>());
    let (rows, errors) = linear(rows, &program, Fault::new(columns));
    let tests: Vec<(ClockOrder, i64)> = tests.iter().map(|test| (test.order, test.after)).collect();

    type Builder = CapacityContainerBuilder<Vec<(Row, Time, Diff)>>;
    let changes = rows.inner.unary_frontier::<Builder, _, _, _>(Pipeline, "Temporal", |_, _| {
        let mut waiting: BTreeMap<Time, Vec<(Row, Diff)>> = BTreeMap::new();
        let mut capability: Option<Capability<Time>> = None;
        move |(input, frontier), output| {
            input.for_each(|message, changes| {
                keep_least(&mut capability, message.retain_least(0));
                for (row, time, diff) in changes.drain(..) {
                    let Some((row, begin, end)) = row.with_bytes(|bytes| span(bytes, &tests)) else { continue };
                    let begin = begin.max(time);
                    if begin < end {
                        waiting.entry(begin).or_default().push((row.clone(), diff));
                        if end < Time::MAX {
                            waiting.entry(end).or_default().push((row, -diff));
                        }
                    }
                }
            });
            let Some(held) = capability.as_mut() else { return };
            let due = match frontier.frontier().first() {
                Some(frontier) => {
                    let later = waiting.split_off(frontier);
                    std::mem::replace(&mut waiting, later)
                }
                None => {
                    waiting.clear();
                    BTreeMap::new()
                }
            };
            if !due.is_empty() {
                let mut session = output.session(&*held);
                for (time, changes) in due {
                    session.give_iterator(changes.into_iter().map(|(row, diff)| (row, time, diff)));
                }
            }
            match waiting.first_key_value() {
                Some((time, _)) => held.downgrade(time),
                None => capability = None,
            }
        }
    });
    (changes.as_collection(), errors)
}

/// Of the times of the tests and a row behind them: the row, and when it comes and when it goes. Nothing of a null time.
fn span(mut bytes: &[u8], tests: &[(ClockOrder, i64)]) -> Option<(Row, Time, Time)> {
    let (mut begin, mut end) = (Time::MIN, Time::MAX);
    for (order, after) in tests {
        let (at, length) = encoding::decode(bytes);
        bytes = &bytes[length..];
        let Datum::Timestamptz(at) = at else { return None };
        let at = instant(at, *after);
        // No two instants are closer than a microsecond.
        let next = at.saturating_add(1);
        match order {
            ClockOrder::Before => end = end.min(at),
            ClockOrder::UpTo => end = end.min(next),
            ClockOrder::From => begin = begin.max(at),
            ClockOrder::After => begin = begin.max(next),
        }
    }
    Some((Row::from_bytes(bytes), begin, end))
}

/// A timestamp and so many microseconds as a time of the dataflow; infinity is after all of them.
fn instant(timestamp: i64, after: i64) -> Time {
    match timestamp {
        calendar::TIMESTAMP_INFINITY => Time::MAX,
        calendar::TIMESTAMP_MINUS_INFINITY => Time::MIN,
        timestamp => {
            let micros = timestamp.saturating_add(after).saturating_add(calendar::EPOCH_MICROS);
            Time::try_from(micros).unwrap_or(Time::MIN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tests: &[(ClockOrder, i64)], times: &[Option<i64>], expected: Option<(Time, Time)>) {
        let time = |time: &Option<i64>| {
            time.map_or(Datum::Null, |time| {
                let is_finite = calendar::is_finite_timestamp(time);
                Datum::Timestamptz(if is_finite { time - calendar::EPOCH_MICROS } else { time })
            })
        };
        let row = Row::pack(&times.iter().map(time).chain([Datum::Int8(7)]).collect::<Vec<_>>());
        let found = row.with_bytes(|bytes| span(bytes, tests));
        let rest = Row::pack([&Datum::Int8(7)]);
        assert_eq!(found, expected.map(|(begin, end)| (rest, begin, end)), "{tests:?} of {times:?}");
    }

    #[test]
    fn a_row_is_there_while_the_clock_satisfies_every_test() {
        use ClockOrder::*;
        check(&[], &[], Some((0, Time::MAX)));
        check(&[(Before, 0)], &[Some(100)], Some((0, 100)));
        check(&[(UpTo, 10)], &[Some(100)], Some((0, 111)));
        check(&[(From, 0)], &[Some(100)], Some((100, Time::MAX)));
        check(&[(After, -10)], &[Some(100)], Some((91, Time::MAX)));
        check(&[(From, 0), (Before, 60)], &[Some(100), Some(100)], Some((100, 160)));
        check(&[(Before, 0), (Before, 0)], &[Some(100), Some(50)], Some((0, 50)));
        check(&[(Before, 0)], &[None], None);
        check(&[(Before, 5)], &[Some(calendar::TIMESTAMP_INFINITY)], Some((0, Time::MAX)));
        check(&[(Before, 5)], &[Some(calendar::TIMESTAMP_MINUS_INFINITY)], Some((0, 0)));
        // Before 1970 no clock stands.
        check(&[(Before, 0)], &[Some(-100)], Some((0, 0)));
        check(&[(From, 0)], &[Some(-100)], Some((0, Time::MAX)));
    }
}
