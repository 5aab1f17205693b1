//! Rows that come and go because time passes: `now()` compared with a time of the row.
//!
//! The clock is the dataflow's time. A row is passed on when the clock satisfies every test, at its own time or later, and taken back
//! when it no longer does. What is to happen later waits here, outside of every arrangement, until the frontier has passed it. When
//! the input has ended the clock stands still just before the last frontier, which the sources tell: the end may come upon a worker
//! together with the frontiers before it.

use super::hold::keep_least;
use super::linear::linear;
use super::waiting::Waiting;
use crate::dataflow::fault::Fault;
use crate::dataflow::linear::Linear;
use crate::dataflow::types::{Errors, Rows};
use crate::plan::{ClockOrder, ClockTest};
use crate::value::{Column, Diff, Row, Time, calendar, encoding};
use differential_dataflow::AsCollection;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Capability, Operator};

/// The rows while the clock satisfies the tests, and the errors of computing the times it is compared with. `last_frontier` is asked
/// when the input has ended.
pub fn temporal<'s>(
    rows: Rows<'s>,
    columns: &[Column],
    tests: &[ClockTest],
    last_frontier: impl Fn() -> Time + 'static,
) -> (Rows<'s>, Option<Errors<'s>>) {
    let mut program = Linear::identity(columns.len());
    program.prepend(&tests.iter().map(|test| test.at.clone()).collect::<Vec<_>>());
    let (rows, errors) = linear(rows, &program, Fault::new(columns));
    let tests: Vec<(ClockOrder, i64)> = tests.iter().map(|test| (test.order, test.after)).collect();

    type Builder = CapacityContainerBuilder<Vec<(Row, Time, Diff)>>;
    let changes = rows.inner.unary_frontier::<Builder, _, _, _>(Pipeline, "Temporal", |_, _| {
        let waiting = || Waiting::new("Temporal", |(row, _): &(Row, Diff)| row.memory() + size_of::<Diff>());
        let mut pending = Pending { tests, arrived: waiting(), later: waiting() };
        let mut capability: Option<Capability<Time>> = None;
        move |(input, frontier), output| {
            input.for_each(|message, changes| {
                keep_least(&mut capability, message.retain_least(0));
                for (row, time, diff) in changes.drain(..) {
                    pending.arrived.push(time, (row, diff));
                }
            });
            let Some(held) = capability.as_mut() else { return };
            let mut session = output.session(&*held);
            let mut give = |row, time, diff| session.give((row, time, diff));
            let reached = frontier.frontier().first().copied();
            pending.advance(reached.unwrap_or_else(&last_frontier), &mut give);
            if reached.is_none() {
                pending.end(last_frontier(), &mut give);
            }
            drop(session);
            // What is to happen later may never happen: nobody is to be told a frontier for it that the input has not reached.
            match reached.filter(|_| !pending.is_empty()) {
                Some(reached) => held.downgrade(&reached.max(*held.time())),
                None => capability = None,
            }
        }
    });
    (changes.as_collection(), errors)
}

/// What is not over yet.
struct Pending {
    tests: Vec<(ClockOrder, i64)>,
    /// Changes of the input at or above the frontier, the times of the tests in front of the row.
    arrived: Waiting<(Row, Diff)>,
    /// Rows that come or go later than they changed.
    later: Waiting<(Row, Diff)>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.arrived.first().is_none() && self.later.first().is_none()
    }

    /// Gives what happens before the clock shows this time.
    fn advance(&mut self, clock: Time, give: &mut impl FnMut(Row, Time, Diff)) {
        for (row, time, diff) in changes(self.arrived.take_below(Some(clock))) {
            let Some((row, begin, end)) = row.with_bytes(|bytes| span(bytes, &self.tests)) else { continue };
            if end <= begin.max(time) {
                continue;
            }
            if end < Time::MAX {
                self.later.push(end, (row.clone(), -diff));
            }
            match begin <= time {
                true => give(row, time, diff),
                false => self.later.push(begin, (row, diff)),
            }
        }
        changes(self.later.take_below(Some(clock))).for_each(|(row, time, diff)| give(row, time, diff));
    }

    /// Gives the rest, which the clock meets standing still just before this time.
    fn end(&mut self, clock: Time, give: &mut impl FnMut(Row, Time, Diff)) {
        self.later.take_below(None).for_each(drop);
        let now = clock.saturating_sub(1);
        for (row, time, diff) in changes(self.arrived.take_below(None)) {
            let span = row.with_bytes(|bytes| span(bytes, &self.tests));
            if let Some((row, ..)) = span.filter(|(_, begin, end)| *begin <= now && now < *end) {
                give(row, time, diff);
            }
        }
    }
}

/// What was due, one after the other.
fn changes(due: impl Iterator<Item = (Time, Vec<(Row, Diff)>)>) -> impl Iterator<Item = (Row, Time, Diff)> {
    due.flat_map(|(time, changes)| changes.into_iter().map(move |(row, diff)| (row, time, diff)))
}

/// Of the times of the tests and a row behind them: the row, and when it comes and when it goes. Nothing of a null time.
fn span(mut bytes: &[u8], tests: &[(ClockOrder, i64)]) -> Option<(Row, Time, Time)> {
    let (mut begin, mut end) = (Time::MIN, Time::MAX);
    for (order, after) in tests {
        let (at, rest) = bytes.split_at(encoding::skip(bytes));
        bytes = rest;
        let at = instant(encoding::moment(at)?, *after);
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

/// A moment and so many microseconds as a time of the dataflow; infinity is after all of them.
fn instant(moment: i64, after: i64) -> Time {
    match moment {
        calendar::TIMESTAMP_INFINITY => Time::MAX,
        calendar::TIMESTAMP_MINUS_INFINITY => Time::MIN,
        moment => Time::try_from(moment.saturating_add(after)).unwrap_or(Time::MIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

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
