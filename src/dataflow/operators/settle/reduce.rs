//! Aggregates of groups that settle: sums, and beside them what each of the other aggregates needs of the rows.

use super::{Groups, Terms, count};
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::key::Key;
use crate::dataflow::operators::accumulate::{Accumulation, Slots, Sums, Wide, Width};
use crate::dataflow::operators::advance::Changes;
use crate::dataflow::operators::linear::Read;
use crate::dataflow::operators::min_max::{Extreme, KeepExtreme, ValueCode};
use crate::dataflow::operators::reduce::{Grouping, Part, Place, Way, prefix, present};
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::expr::{Accumulator, EvalError, Scalar};
use crate::plan::Aggregate;
use crate::value::{Column, Diff, Row, RowBuilder, Time, encoding};
use differential_dataflow::AsCollection;
use differential_dataflow::difference::Semigroup;
use std::collections::{BTreeMap, HashMap};

/// One row per group that has rows: the group's values, then the aggregates'. The horizon is the group's column at that place.
pub fn reduce<'s>(
    mut read: Read<'s>,
    append_only: bool,
    input: &[Column],
    (group, aggregates): (&[Scalar], &[Aggregate]),
    (horizon, terms): (usize, Terms),
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let grouping = Grouping::new(input, group, aggregates).of_append_only(append_only);
    read.program.map(&grouping.expressions);
    aggregated(read, grouping, At::Horizon(horizon, terms), Settled(terms))
}

/// What is done with the changes of groups.
pub(super) trait Run {
    fn run<'s, G: Groups>(self, changes: Changes<'s, G::Change>, groups: G) -> Collection<'s, Outcome>;
}

struct Settled(Terms);

impl Run for Settled {
    fn run<'s, G: Groups>(self, changes: Changes<'s, G::Change>, groups: G) -> Collection<'s, Outcome> {
        super::groups(changes, groups, self.0)
    }
}

/// Which time is told beside a change.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// The last moment of events in a group, by the group's column at that place.
    Horizon(usize, Terms),
    /// The row's first column.
    First,
}

impl At {
    /// The time, and the columns of the group with the arguments.
    fn read(self, bytes: &[u8]) -> (Time, &[u8]) {
        match self {
            At::Horizon(horizon, terms) => (terms.last(encoding::column(bytes, horizon)), bytes),
            At::First => {
                let (at, rest) = bytes.split_at(encoding::skip(bytes));
                let at = encoding::moment(at).and_then(|at| Time::try_from(at).ok());
                (at.unwrap_or(Time::MIN), rest)
            }
        }
    }
}

/// Groups rows that are read as the grouping's expressions, behind a time if that is `At::First`.
pub(super) fn aggregated<'s>(read: Read<'s>, grouping: Grouping, at: At, run: impl Run) -> (Rows<'s>, Vec<Errors<'s>>) {
    let (outcomes, evaluation_errors) = if !grouping.parts.is_empty() || grouping.needs_forms() {
        let forms = grouping.needs_forms();
        let change = move |columns: &[u8], arguments: &[u8], diff| {
            (Row::from_bytes(if forms { columns } else { arguments }), diff)
        };
        let (changes, errors) = by_key(read, &grouping, at, change);
        (run.run(changes, Parts::new(grouping)), errors)
    } else {
        match grouping.base.width() {
            Width::One => sums::<[Wide; 1]>(read, grouping, at, run),
            Width::Four => sums::<[Wide; 4]>(read, grouping, at, run),
            Width::Any => sums::<Vec<Accumulator>>(read, grouping, at, run),
        }
    };
    let (rows, errors) = fault::split(outcomes);
    (rows, evaluation_errors.into_iter().chain([errors]).collect())
}

/// Each row as its group's key and what it does to the group: `change` is given the group's columns with the arguments, the arguments
/// alone, and how often they occur.
fn by_key<'s, C: Clone + 'static>(
    read: Read<'s>,
    grouping: &Grouping,
    at: At,
    change: impl Fn(&[u8], &[u8], Diff) -> C + 'static,
) -> (Changes<'s, C>, Option<Errors<'s>>) {
    let (plan, width) = (grouping.key.clone(), grouping.columns.len());
    let (changes, errors) = read.each(move |bytes, time, diff| {
        let (at, columns) = at.read(bytes);
        let (group, arguments) = columns.split_at(prefix(columns, width));
        Some(((Row::read(&plan, group), at), time, change(columns, arguments, diff)))
    });
    (changes.as_collection(), errors)
}

fn sums<'s, S: Slots>(
    read: Read<'s>,
    grouping: Grouping,
    at: At,
    run: impl Run,
) -> (Collection<'s, Outcome>, Option<Errors<'s>>) {
    let base = grouping.base.clone();
    let (changes, errors) = by_key(read, &grouping, at, move |_, arguments, diff| base.contribution(arguments, diff));
    let groups: SumsOf<S> = SumsOf {
        base: grouping.base,
        fault: Fault::new(&grouping.columns),
        builder: RowBuilder::default(),
        slots: std::marker::PhantomData,
    };
    (run.run(changes, groups), errors)
}

/// Groups of which only sums are kept.
pub struct SumsOf<S> {
    base: Accumulation,
    fault: Fault,
    builder: RowBuilder,
    slots: std::marker::PhantomData<S>,
}

impl<S: Slots> Groups for SumsOf<S> {
    type Change = Sums<S>;
    type Group = Option<Sums<S>>;

    fn empty(&self) -> Option<Sums<S>> {
        None
    }

    fn add(&mut self, group: &mut Option<Sums<S>>, change: Sums<S>) {
        add(group, change);
    }

    fn merge(&mut self, group: &mut Option<Sums<S>>, other: Option<Sums<S>>) {
        other.into_iter().for_each(|other| add(group, other));
    }

    fn show(&mut self, key: &Row, window: &[u8], group: &Option<Sums<S>>, out: &mut Vec<(Outcome, Diff)>) {
        let Some(sums) = group.as_ref().filter(|sums| sums.rows() > 0) else { return };
        key.with_bytes(|key| self.builder.push_encoded(key));
        self.builder.push_encoded(window);
        let finished = self.base.finish(sums, sums.rows(), &mut self.builder);
        let row = self.builder.finish();
        out.push((finished.map(|()| row).map_err(|error| self.fault.report(error, key)), 1));
    }
}

fn add<S: Slots>(group: &mut Option<Sums<S>>, change: Sums<S>) {
    match group {
        Some(sums) => sums.plus_equals(&change),
        None => *group = Some(change),
    }
}

/// Groups that keep more than sums.
pub struct Parts {
    /// The group's columns stand before the arguments, if they have forms; so many of them.
    columns: usize,
    forms: bool,
    base: Accumulation,
    parts: Vec<Part>,
    places: Vec<Place>,
    append_only: bool,
    fault: Fault,
    distinct: Vec<Accumulation>,
    builder: RowBuilder,
    results: RowBuilder,
}

/// What is kept of a group.
pub struct Kept {
    sums: Option<Sums<Vec<Accumulator>>>,
    /// The group's columns in the forms in which they occur, where these differ.
    forms: BTreeMap<Row, Diff>,
    parts: Vec<PartOf>,
}

/// What an aggregate keeps.
enum PartOf {
    /// The extreme alone, of values that are never retracted.
    Best(Option<Row>),
    /// Values in order.
    Values(BTreeMap<Row, Diff>),
    /// Distinct values, and their sum.
    Distinct(HashMap<Row, Diff>, Option<Sums<Vec<Accumulator>>>),
}

impl Parts {
    pub(super) fn new(grouping: Grouping) -> Parts {
        let distinct = |part: &Part| {
            let sum = Accumulation::new(&[(part.function.clone(), vec![false])]);
            sum.unwrap_or_else(Accumulation::rows_only)
        };
        Parts {
            fault: Fault::new(&grouping.columns),
            columns: if grouping.needs_forms() { grouping.columns.len() } else { 0 },
            forms: grouping.needs_forms(),
            distinct: grouping.parts.iter().map(distinct).collect(),
            append_only: grouping.append_only,
            base: grouping.base,
            parts: grouping.parts,
            places: grouping.places,
            builder: RowBuilder::default(),
            results: RowBuilder::default(),
        }
    }

    /// The value of the part of that number.
    fn value(&self, number: usize, kept: &PartOf) -> Result<Row, EvalError> {
        let part = &self.parts[number];
        let absent = || part.function.fold(&mut std::iter::empty()).map(|value| Row::pack([&value]));
        let shown = |row: &Row| match &part.way {
            Way::Extreme(_, code) => row.with_bytes(|bytes| Row::from_bytes(code.split(bytes).1)),
            Way::DistinctSum | Way::Fold(_) => row.clone(),
        };
        match (kept, &part.way) {
            (PartOf::Best(best), _) => best.as_ref().map(shown).map_or_else(absent, Ok),
            (PartOf::Values(values), Way::Fold(fold)) => {
                let bytes = super::as_bytes(values);
                let rows: Vec<(Bytes<'_>, Diff)> = bytes.iter().map(|(row, count)| (Bytes(row), *count)).collect();
                if rows.is_empty() {
                    return absent();
                }
                part.function.fold(&mut fold.rows(&rows)).map(|value| Row::pack([&value]))
            }
            (PartOf::Values(values), Way::Extreme(extreme, code)) => {
                extreme_of(values, *extreme, *code).map(shown).map_or_else(absent, Ok)
            }
            (PartOf::Distinct(_, Some(sum)), _) if sum.rows() > 0 => {
                let mut builder = RowBuilder::default();
                self.distinct[number].finish(sum, sum.rows(), &mut builder)?;
                Ok(builder.finish())
            }
            (PartOf::Distinct(..) | PartOf::Values(_), _) => absent(),
        }
    }

    fn result(&mut self, group: &Kept, sums: &Sums<Vec<Accumulator>>) -> Result<(), EvalError> {
        self.base.finish(sums, sums.rows(), &mut self.results)?;
        let base = self.results.finish();
        for place in self.places.clone() {
            match place {
                Place::Base(position) => base.with_bytes(|values| {
                    self.builder.push_encoded(encoding::column(values, position));
                }),
                Place::Part(position) => {
                    let value = self.value(position, &group.parts[position])?;
                    value.with_bytes(|value| self.builder.push_encoded(value));
                }
            }
        }
        Ok(())
    }
}

/// The extreme value; of equal ones the least form.
fn extreme_of(values: &BTreeMap<Row, Diff>, extreme: Extreme, code: ValueCode) -> Option<&Row> {
    match extreme {
        Extreme::Least => values.keys().next(),
        Extreme::Greatest => {
            let greatest = values.keys().next_back()?;
            let is_equal = |row: &&Row| {
                greatest.with_bytes(|greatest| row.with_bytes(|row| code.split(row).0 == code.split(greatest).0))
            };
            values.keys().rev().take_while(is_equal).last()
        }
    }
}

fn keep_best(best: &mut Option<Row>, value: Row, keep: KeepExtreme) {
    if best.as_ref().is_none_or(|best| keep.replaces(best, &value)) {
        *best = Some(value);
    }
}

impl Groups for Parts {
    type Change = (Row, Diff);
    type Group = Kept;

    fn empty(&self) -> Kept {
        let part = |part: &Part| match part.way {
            Way::Extreme(..) if self.append_only => PartOf::Best(None),
            Way::Extreme(..) | Way::Fold(_) => PartOf::Values(BTreeMap::new()),
            Way::DistinctSum => PartOf::Distinct(HashMap::new(), None),
        };
        Kept { sums: None, forms: BTreeMap::new(), parts: self.parts.iter().map(part).collect() }
    }

    fn add(&mut self, group: &mut Kept, (row, diff): (Row, Diff)) {
        row.with_bytes(|bytes| {
            let (columns, arguments) = bytes.split_at(prefix(bytes, self.columns));
            add(&mut group.sums, self.base.contribution(arguments, diff));
            if self.forms {
                count(&mut group.forms, Row::from_bytes(columns), diff);
            }
            for ((part, kept), distinct) in self.parts.iter().zip(&mut group.parts).zip(&self.distinct) {
                let columns = &arguments[prefix(arguments, part.first)..];
                match (&part.way, kept) {
                    (Way::Extreme(extreme, code), PartOf::Best(best)) => {
                        let Some(value) = present(columns).map(|value| code.encode(value)) else { continue };
                        keep_best(best, value, KeepExtreme { extreme: *extreme, code: *code });
                    }
                    (Way::Extreme(_, code), PartOf::Values(values)) => {
                        let value = present(columns).map(|value| code.encode(value));
                        value.into_iter().for_each(|value| count(values, value, diff));
                    }
                    (Way::Fold(fold), PartOf::Values(values)) => {
                        fold.encode(columns).into_iter().for_each(|row| count(values, row, diff));
                    }
                    (Way::DistinctSum, PartOf::Distinct(values, sum)) => {
                        let Some(value) = present(columns) else { continue };
                        distinct_value(values, sum, distinct, value, diff);
                    }
                    (Way::Extreme(..) | Way::Fold(_) | Way::DistinctSum, _) => {}
                }
            }
        });
    }

    fn merge(&mut self, group: &mut Kept, other: Kept) {
        other.sums.into_iter().for_each(|sums| add(&mut group.sums, sums));
        other.forms.into_iter().for_each(|(form, diff)| count(&mut group.forms, form, diff));
        let parts = self.parts.iter().zip(&self.distinct).zip(group.parts.iter_mut().zip(other.parts));
        for ((part, distinct), (kept, other)) in parts {
            match (&part.way, kept, other) {
                (Way::Extreme(extreme, code), PartOf::Best(best), PartOf::Best(Some(value))) => {
                    keep_best(best, value, KeepExtreme { extreme: *extreme, code: *code });
                }
                (_, PartOf::Values(values), PartOf::Values(other)) => {
                    other.into_iter().for_each(|(row, diff)| count(values, row, diff));
                }
                (_, PartOf::Distinct(values, sum), PartOf::Distinct(other, _)) => {
                    for (value, diff) in other {
                        value.with_bytes(|value| distinct_value(values, sum, distinct, value, diff));
                    }
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, key: &Row, window: &[u8], group: &Kept, out: &mut Vec<(Outcome, Diff)>) {
        let Some(sums) = group.sums.as_ref().filter(|sums| sums.rows() > 0) else { return };
        let columns = group.forms.keys().next().unwrap_or(key);
        columns.with_bytes(|columns| self.builder.push_encoded(columns));
        self.builder.push_encoded(window);
        let result = self.result(group, sums);
        let row = self.builder.finish();
        out.push((result.map(|()| row).map_err(|error| self.fault.report(error, columns)), 1));
    }
}

/// Counts a value, and adds it to the sum when it comes, or takes it off when it goes.
fn distinct_value(
    values: &mut HashMap<Row, Diff>,
    sum: &mut Option<Sums<Vec<Accumulator>>>,
    plan: &Accumulation,
    value: &[u8],
    diff: Diff,
) {
    let row = Row::from_bytes(value);
    let before = values.get(&row).copied().unwrap_or(0);
    let after = before + diff;
    let change = Diff::from(after > 0) - Diff::from(before > 0);
    if change != 0 {
        add(sum, plan.contribution(value, change));
    }
    match after {
        0 => _ = values.remove(&row),
        after => _ = values.insert(row, after),
    }
}
