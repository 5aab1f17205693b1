//! Window functions over one partition: each row's number, its frame, and what is computed of it.

use crate::expr::{Accumulator, AggregateFunction, EvalError, WindowFunction};
use crate::plan::{Bound, Exclusion, FrameUnits, SortKey, WindowCall};
use crate::value::{Datum, Diff};
use std::cmp::Ordering;
use std::ops::Range;

/// A row of a partition.
pub struct Entry<'b> {
    /// Equal for peers.
    pub code: &'b [u8],
    /// The row itself.
    pub row: &'b [u8],
    /// What the calls read.
    pub values: Vec<Datum>,
}

/// A partition's rows in order.
pub struct Partition<'b> {
    /// As often as they occur.
    pub rows: Vec<&'b Entry<'b>>,
    /// The group of peers that each belongs to.
    group: Vec<usize>,
    /// Where each group begins, and where the last one ends.
    starts: Vec<usize>,
}

impl<'b> Partition<'b> {
    /// Of rows in order, with how often they occur.
    pub fn new(entries: &'b [(Entry<'b>, Diff)]) -> Partition<'b> {
        let (mut rows, mut group, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        let mut previous: Option<&[u8]> = None;
        for (entry, count) in entries {
            if previous.replace(entry.code) != Some(entry.code) {
                starts.push(rows.len());
            }
            for _ in 0..*count {
                rows.push(entry);
                group.push(starts.len() - 1);
            }
        }
        starts.push(rows.len());
        Partition { rows, group, starts }
    }

    fn peers(&self, at: usize) -> Range<usize> {
        let group = self.group[at];
        self.starts[group]..self.starts[group + 1]
    }

    /// The rows of a group, given that it may lie before the first or behind the last.
    fn group(&self, number: i64) -> Range<usize> {
        match usize::try_from(number) {
            Err(_) => 0..0,
            Ok(number) if number + 1 < self.starts.len() => self.starts[number]..self.starts[number + 1],
            Ok(_) => self.rows.len()..self.rows.len(),
        }
    }
}

/// A call, with where its values lie among those of a row.
pub struct Call {
    call: WindowCall,
    arguments: Range<usize>,
    filter: Option<usize>,
    /// What bounds that are values are compared with.
    value: usize,
    start: usize,
    end: usize,
    /// Of the one sort key such bounds belong to.
    descending: bool,
    nulls_first: bool,
}

/// What is in both.
fn common(range: Range<usize>, other: &Range<usize>) -> Range<usize> {
    let start = range.start.max(other.start);
    start..range.end.min(other.end).max(start)
}

type Results = Result<Vec<Datum>, (usize, EvalError)>;

impl Call {
    /// The calls, their values one after the other as `WindowCall::scalars` gives them.
    pub fn all(calls: &[WindowCall], order: &[SortKey]) -> Vec<Call> {
        let mut next = 0;
        let mut places = |count: usize| {
            next += count;
            next - count..next
        };
        let is_value = |bound: &Bound| usize::from(matches!(bound, Bound::Value(_)));
        let call = |call: &WindowCall| Call {
            arguments: places(call.arguments.len()),
            filter: call.filter.is_some().then(|| places(1).start),
            value: places(usize::from(call.frame.value.is_some())).start,
            start: places(is_value(&call.frame.start)).start,
            end: places(is_value(&call.frame.end)).start,
            descending: order.first().is_some_and(|key| key.descending),
            nulls_first: order.first().is_some_and(|key| key.nulls_first),
            call: call.clone(),
        };
        calls.iter().map(call).collect()
    }

    /// The result for each row; or the row for which there is none, and why.
    pub fn results(&self, rows: &Partition<'_>) -> Results {
        let count = rows.rows.len();
        let each = |of: &dyn Fn(usize) -> Datum| Ok((0..count).map(of).collect());
        let integer = |number: usize| Datum::Int8(number as i64);
        match &self.call.function {
            WindowFunction::RowNumber => each(&|at| integer(at + 1)),
            WindowFunction::Rank => each(&|at| integer(rows.peers(at).start + 1)),
            WindowFunction::DenseRank => each(&|at| integer(rows.group[at] + 1)),
            WindowFunction::PercentRank => {
                let others = count.saturating_sub(1).max(1) as f64;
                each(&|at| Datum::Float8(rows.peers(at).start as f64 / others))
            }
            WindowFunction::CumeDist => each(&|at| Datum::Float8(rows.peers(at).end as f64 / count as f64)),
            WindowFunction::Ntile => self.buckets(rows),
            WindowFunction::Lag(_) => each(&|at| self.shifted(rows, at, -1)),
            WindowFunction::Lead(_) => each(&|at| self.shifted(rows, at, 1)),
            WindowFunction::FirstValue(_) => {
                each(&|at| self.value(rows, self.seen(rows, at, self.frame(rows, at)).next()))
            }
            WindowFunction::LastValue(_) => {
                each(&|at| self.value(rows, self.seen(rows, at, self.frame(rows, at)).next_back()))
            }
            WindowFunction::NthValue(_) => (0..count).map(|at| self.nth(rows, at)).collect(),
            WindowFunction::Aggregate(function) => match function.accumulable() {
                Some(accumulator) => self.accumulated(rows, function, accumulator),
                None => self.folded(rows, function),
            },
        }
    }

    fn argument<'v>(&self, rows: &'v Partition<'_>, at: usize, number: usize) -> Option<&'v Datum> {
        let place = self.arguments.clone().nth(number)?;
        rows.rows[at].values.get(place)
    }

    /// The first argument of a row, null without one.
    fn value(&self, rows: &Partition<'_>, at: Option<usize>) -> Datum {
        at.and_then(|at| self.argument(rows, at, 0)).cloned().unwrap_or(Datum::Null)
    }

    fn shifted(&self, rows: &Partition<'_>, at: usize, direction: i64) -> Datum {
        let steps = match self.argument(rows, at, 1) {
            None => 1,
            Some(Datum::Int4(steps)) => i64::from(*steps),
            Some(_) => return Datum::Null,
        };
        match usize::try_from(at as i64 + direction * steps) {
            Ok(other) if other < rows.rows.len() => self.value(rows, Some(other)),
            _ => self.argument(rows, at, 2).cloned().unwrap_or(Datum::Null),
        }
    }

    fn nth(&self, rows: &Partition<'_>, at: usize) -> Result<Datum, (usize, EvalError)> {
        match self.argument(rows, at, 1) {
            Some(Datum::Int4(number)) if *number < 1 => {
                Err((at, EvalError::new("22016", "argument of nth_value must be greater than zero")))
            }
            Some(Datum::Int4(number)) => {
                let mut seen = self.seen(rows, at, self.frame(rows, at));
                Ok(self.value(rows, seen.nth(*number as usize - 1)))
            }
            _ => Ok(Datum::Null),
        }
    }

    /// `ntile`: buckets of equal size, the first ones one row larger. The first row with a number of buckets decides.
    fn buckets(&self, rows: &Partition<'_>) -> Results {
        let count = rows.rows.len();
        let mut results = Vec::with_capacity(count);
        let number =
            |at: usize| if let Some(Datum::Int4(number)) = self.argument(rows, at, 0) { Some(*number) } else { None };
        let Some((first, buckets)) = (0..count).find_map(|at| Some((at, number(at)?))) else {
            return Ok(vec![Datum::Null; count]);
        };
        let Some(buckets) = usize::try_from(buckets).ok().filter(|buckets| *buckets > 0) else {
            return Err((first, EvalError::new("22014", "argument of ntile must be greater than zero")));
        };
        results.resize(first, Datum::Null);
        let (size, larger) = (count / buckets, count % buckets);
        for bucket in 0..buckets {
            let end = (results.len() + size + usize::from(bucket < larger)).min(count);
            results.resize(end, Datum::Int4(bucket as i32 + 1));
            if end == count {
                break;
            }
        }
        Ok(results)
    }

    fn frame(&self, rows: &Partition<'_>, at: usize) -> Range<usize> {
        let start = self.bound(rows, at, &self.call.frame.start, true);
        start..self.bound(rows, at, &self.call.frame.end, false).max(start)
    }

    /// Where the frame of a row starts or ends.
    fn bound(&self, rows: &Partition<'_>, at: usize, bound: &Bound, start: bool) -> usize {
        let count = rows.rows.len();
        let of = |range: Range<usize>| if start { range.start } else { range.end };
        match (bound, self.call.frame.units) {
            (Bound::Unbounded, _) => of(0..count),
            (Bound::Current, FrameUnits::Rows) => of(at..at + 1),
            (Bound::Current, FrameUnits::Groups | FrameUnits::Range) => of(rows.peers(at)),
            (Bound::Steps(steps), FrameUnits::Groups) => of(rows.group((rows.group[at] as i64).saturating_add(*steps))),
            (Bound::Steps(steps), FrameUnits::Rows | FrameUnits::Range) => {
                let row = (at as i64).saturating_add(*steps).saturating_add(i64::from(!start));
                usize::try_from(row).map_or(0, |row| row.min(count))
            }
            (Bound::Value(_), _) => self.distance(rows, at, start),
        }
    }

    /// The first row that is not before the bound, or the first that is beyond it. A null is at no distance from anything but nulls.
    fn distance(&self, rows: &Partition<'_>, at: usize, start: bool) -> usize {
        let bound = &rows.rows[at].values[if start { self.start } else { self.end }];
        if bound.is_null() {
            let peers = rows.peers(at);
            return if start { peers.start } else { peers.end };
        }
        rows.rows.partition_point(|row| {
            let value = &row.values[self.value];
            if value.is_null() {
                return self.nulls_first;
            }
            let order = if self.descending { bound.sql_cmp(value) } else { value.sql_cmp(bound) };
            order == Ordering::Less || (!start && order == Ordering::Equal)
        })
    }

    /// What a row's frame is without.
    fn excluded(&self, rows: &Partition<'_>, at: usize) -> [Range<usize>; 2] {
        let (peers, next) = (rows.peers(at), at + 1);
        match self.call.frame.exclusion {
            Exclusion::NoOthers => [at..at, at..at],
            Exclusion::CurrentRow => [at..next, next..next],
            Exclusion::Group => [peers.start..peers.end, peers.end..peers.end],
            Exclusion::Ties => [peers.start..at, next..peers.end],
        }
    }

    /// The rows of a range that are not excluded.
    fn seen(
        &self,
        rows: &Partition<'_>,
        at: usize,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let [first, second] = self.excluded(rows, at);
        let before = common(0..first.start, &range);
        let between = common(first.end..second.start, &range);
        before.chain(between).chain(common(second.end..rows.rows.len(), &range))
    }

    /// The state over a frame, given the one over all that is between its bounds: what is excluded is taken back, or the rest
    /// added up, whichever are fewer.
    fn without(&self, rows: &Partition<'_>, at: usize, all: &Accumulator, none: &Accumulator) -> Accumulator {
        let frame = self.frame(rows, at);
        let excluded = self.excluded(rows, at).map(|range| common(range, &frame));
        let gone = excluded.iter().map(Range::len).sum::<usize>();
        let (mut state, times, rest): (_, _, Box<dyn Iterator<Item = usize>>) = match gone <= frame.len() / 2 {
            true => (all.clone(), -1, Box::new(excluded.into_iter().flatten())),
            false => (none.clone(), 1, Box::new(self.seen(rows, at, frame))),
        };
        for row in rest.filter(|row| self.counts(rows, *row)) {
            state.add(self.arguments(rows, row), times);
        }
        state
    }

    /// Whether a row counts.
    fn counts(&self, rows: &Partition<'_>, at: usize) -> bool {
        self.filter.is_none_or(|filter| rows.rows[at].values[filter] == Datum::Bool(true))
    }

    fn arguments<'v>(&self, rows: &'v Partition<'_>, at: usize) -> &'v [Datum] {
        &rows.rows[at].values[self.arguments.clone()]
    }

    /// An aggregate that accumulates: rows enter and leave as the frame moves on.
    fn accumulated(&self, rows: &Partition<'_>, function: &AggregateFunction, none: Accumulator) -> Results {
        let whole = self.call.frame.exclusion == Exclusion::NoOthers;
        let mut accumulator = none.clone();
        let mut held = 0..0;
        let mut results: Vec<Datum> = Vec::with_capacity(rows.rows.len());
        for at in 0..rows.rows.len() {
            let frame = self.frame(rows, at);
            if frame == held && at > 0 && whole {
                results.extend(results.last().cloned());
                continue;
            }
            if frame.start < held.start || frame.end < held.end || frame.start >= held.end {
                accumulator.clone_from(&none);
                held = frame.start..frame.start;
            }
            let mut add = |range: Range<usize>, times: i64| {
                for row in range.filter(|row| self.counts(rows, *row)) {
                    accumulator.add(self.arguments(rows, row), times);
                }
            };
            add(held.start..frame.start, -1);
            add(held.end..frame.end, 1);
            held = frame;
            let result = match whole {
                true => function.finish(&accumulator),
                false => function.finish(&self.without(rows, at, &accumulator, &none)),
            };
            results.push(result.map_err(|error| (at, error))?);
        }
        Ok(results)
    }

    /// An aggregate that does not: it is folded again for every other frame, but the extreme of a frame that only grows.
    fn folded(&self, rows: &Partition<'_>, function: &AggregateFunction) -> Results {
        let whole = self.call.frame.exclusion == Exclusion::NoOthers;
        let grows = matches!(function, AggregateFunction::Min(_) | AggregateFunction::Max(_));
        let mut held = 0..0;
        let mut results: Vec<Datum> = Vec::with_capacity(rows.rows.len());
        for at in 0..rows.rows.len() {
            let frame = self.frame(rows, at);
            let last = results.last().filter(|_| whole && frame.start == held.start);
            let (known, fresh) = match last {
                Some(last) if frame == held => {
                    results.push(last.clone());
                    continue;
                }
                Some(last) if grows && frame.end > held.end => (Some(last.clone()), held.end..frame.end),
                _ => (None, frame.clone()),
            };
            let fresh = self.seen(rows, at, fresh).filter(|row| self.counts(rows, *row));
            let present = fresh.map(|row| self.arguments(rows, row));
            let present =
                present.filter(|values| function.keeps_nulls() || !values.first().is_some_and(Datum::is_null));
            let mut values = known.into_iter().map(|value| vec![value]).chain(present.map(<[Datum]>::to_vec));
            let result = function.fold(&mut values.by_ref().map(|values| (values, 1)));
            results.push(result.map_err(|error| (at, error))?);
            held = frame;
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Scalar;
    use crate::plan::Frame;
    use crate::value::Type;

    /// The buckets of rows that ask for so many each, or where that fails and with which code.
    fn check(numbers: &[Option<i32>], expected: Result<&[Option<i32>], (usize, &str)>) {
        let datum = |number: &Option<i32>| number.map_or(Datum::Null, Datum::Int4);
        let entries: Vec<(Entry<'_>, Diff)> =
            numbers.iter().map(|number| (Entry { code: &[], row: &[], values: vec![datum(number)] }, 1)).collect();
        let arguments = vec![Scalar::Column(0, Type::Int4)];
        let ntile = WindowCall { function: WindowFunction::Ntile, arguments, filter: None, frame: Frame::default() };
        let found =
            Call::all(&[ntile], &[])[0].results(&Partition::new(&entries)).map_err(|(at, error)| (at, error.code));
        assert_eq!(found, expected.map(|expected| expected.iter().map(datum).collect()), "{numbers:?}");
    }

    #[test]
    fn the_first_number_of_buckets_decides() {
        check(&[Some(2); 5], Ok(&[Some(1), Some(1), Some(1), Some(2), Some(2)]));
        check(&[Some(9); 2], Ok(&[Some(1), Some(2)]));
        check(&[None, Some(2), Some(0)], Ok(&[None, Some(1), Some(1)]));
        check(&[None, None], Ok(&[None, None]));
        check(&[None, Some(0), Some(2)], Err((1, "22014")));
        check(&[Some(-1)], Err((0, "22014")));
    }
}
