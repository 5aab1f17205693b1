//! Grouping and aggregates.
//!
//! The aggregates that accumulate, without DISTINCT, form the base: one `tally` of sums per group, which also tells which groups
//! exist. Each of the others is a part of its own, one row per group: the extreme of a staged `min_max`, a tally over distinct
//! values, or a `fold` over all of the group's rows. Where group values may differ in form while equal, the least row of them
//! is one more part. If there are parts, a last reduction puts a group's row together; a part that is absent saw no values.
//!
//! A group's errors (an overflowing sum) take the place of its row.

use super::accumulate::{Accumulation, Slots, Sums, Wide, Width};
use super::distinct::distinct_pairs;
use super::fold::Fold;
use super::linear::Read;
use super::min_max::{Bucketed, Extreme, ValueCode, extreme, reduce};
use super::tally::tally;
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::{self, Fault, row_error};
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::shape::{is_nullable, mapped};
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows, Scope};
use crate::expr::{Accumulator, AggregateFunction, Scalar};
use crate::plan::Aggregate;
use crate::timeline::DataError;
use crate::value::{Column, Datum, Diff, Row, RowBuilder, Time, Type, encoding};
use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::ConsolidatingContainerBuilder;
use differential_dataflow::trace::implementations::BatchContainer;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{ToStream, vec::Map};

/// One row per group: the group's values, then the aggregates'. Without group expressions, exactly one row.
pub fn group<'s>(
    scope: Scope<'s>,
    mut read: Read<'s>,
    append_only: bool,
    input: &[Column],
    group: &[Scalar],
    aggregates: &[Aggregate],
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let grouping = Grouping::new(input, group, aggregates).of_append_only(append_only);
    read.program.map(&grouping.expressions);
    if let Some((which, code)) = grouping.lone_extreme() {
        return lone_extreme(read, &grouping, which, code);
    }
    let (rows, evaluation_errors) = read.rows();
    let outcomes = with_key!(grouping.key.kind(), K => match grouping.base.width() {
        Width::One => groups::<K, [Wide; 1]>(scope, rows, &grouping),
        Width::Four => groups::<K, [Wide; 4]>(scope, rows, &grouping),
        Width::Any => groups::<K, Vec<Accumulator>>(scope, rows, &grouping),
    });
    let (rows, errors) = fault::split(outcomes);
    (rows, evaluation_errors.into_iter().chain([errors]).collect())
}

/// One row per group of which only the extreme value is asked for and held, of rows that are never retracted.
fn lone_extreme<'s>(
    read: Read<'s>,
    grouping: &Grouping,
    which: Extreme,
    code: ValueCode,
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let (plan, columns) = (grouping.key.clone(), grouping.columns.len());
    let (values, errors) = read.each(move |bytes, time, diff| {
        let (group, value) = bytes.split_at(prefix(bytes, columns));
        let value = present(value).map(|value| code.encode(value));
        Some(((Row::read(&plan, group), value.unwrap_or_default()), time, diff))
    });
    let mut builder = RowBuilder::default();
    let rows = extreme(values.as_collection(), true, which, code).map(move |(group, value)| {
        group.with_bytes(|group| builder.push_encoded(group));
        match value.is_empty() {
            true => builder.push(&Datum::Null),
            false => value.with_bytes(|value| builder.push_encoded(code.split(value).1)),
        }
        builder.finish()
    });
    (rows, errors.into_iter().collect())
}

/// What is known of a grouping before it runs.
pub(super) struct Grouping {
    /// The group's columns followed by the arguments.
    pub(super) expressions: Vec<Scalar>,
    pub(super) key: KeyPlan,
    pub(super) columns: Vec<Column>,
    /// Whether no row of the input is ever retracted.
    pub(super) append_only: bool,
    /// The accumulated aggregates; their arguments come first.
    pub(super) base: Accumulation,
    pub(super) parts: Vec<Part>,
    /// Where the value of each aggregate is found, in the order of the aggregates.
    pub(super) places: Vec<Place>,
}

/// An aggregate on its own.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) function: AggregateFunction,
    /// The position of its first column among the arguments.
    pub(super) first: usize,
    pub(super) way: Way,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// The one value of a `min_max`.
    Extreme(Extreme, ValueCode),
    /// A tally of the distinct values, which have one form each.
    DistinctSum,
    /// All rows in order.
    Fold(Fold),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Base(usize),
    Part(usize),
}

impl Grouping {
    pub(super) fn new(input: &[Column], group: &[Scalar], aggregates: &[Aggregate]) -> Grouping {
        let columns = mapped(group, input);
        let mut base = Vec::new();
        let mut places = Vec::new();
        let (mut base_arguments, mut part_arguments, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for aggregate in aggregates {
            let arguments = guarded(aggregate, &aggregate.arguments);
            if is_part(aggregate, &arguments) {
                places.push(Place::Part(parts.len()));
                let part = Part::new(aggregate, part_arguments.len());
                part_arguments.extend(part.columns(aggregate));
                parts.push(part);
            } else {
                places.push(Place::Base(base.len()));
                let nullable = arguments.iter().map(|argument| is_nullable(argument, input)).collect();
                base.push((aggregate.function.clone(), nullable));
                base_arguments.extend(arguments);
            }
        }
        parts.iter_mut().for_each(|part| part.first += base_arguments.len());
        let expressions: Vec<Scalar> = group.iter().cloned().chain(base_arguments).chain(part_arguments).collect();
        let base = Accumulation::new(&base).unwrap_or_else(Accumulation::rows_only);
        Grouping { expressions, key: KeyPlan::new(&columns), columns, append_only: false, base, parts, places }
    }

    /// The same, of rows that are never retracted.
    pub(super) fn of_append_only(self, append_only: bool) -> Grouping {
        Grouping { append_only, ..self }
    }

    fn is_global(&self) -> bool {
        self.columns.is_empty()
    }

    /// The extreme, if nothing else is asked of groups, the rows of which are never retracted.
    fn lone_extreme(&self) -> Option<(Extreme, ValueCode)> {
        match (self.parts.as_slice(), self.places.as_slice()) {
            ([Part { way: Way::Extreme(which, code), .. }], [Place::Part(_)])
                if self.append_only && !self.is_global() && !self.needs_forms() =>
            {
                Some((*which, *code))
            }
            _ => None,
        }
    }

    /// Whether the group's values cannot be read from the key.
    pub(super) fn needs_forms(&self) -> bool {
        !self.key.shows_columns()
    }

    /// The value of an aggregate over no rows.
    fn absent(&self, part: usize) -> Datum {
        self.parts[part].function.fold(&mut std::iter::empty()).unwrap_or(Datum::Null)
    }
}

/// Whether an aggregate is held beside the sums of its group.
fn is_part(aggregate: &Aggregate, arguments: &[Scalar]) -> bool {
    !arguments.is_empty() && (aggregate.distinct || aggregate.function.accumulable().is_none())
}

/// In which forms groups of these aggregates are held, of rows with columns of these types.
pub fn held_forms(input: &[Type], group: &[Scalar], aggregates: &[Aggregate], append_only: bool) -> Vec<&'static str> {
    let input: Vec<Column> = input.iter().map(|ty| Column::new("", ty.clone(), true)).collect();
    let lone = Grouping::new(&input, group, aggregates).of_append_only(append_only).lone_extreme().is_some();
    let mut forms = if lone { Vec::new() } else { vec!["sums"] };
    for aggregate in aggregates {
        if !is_part(aggregate, &guarded(aggregate, &aggregate.arguments)) {
            continue;
        }
        let form = match Part::new(aggregate, 0).way {
            Way::Extreme(..) if append_only => "least or greatest value",
            Way::Extreme(..) => "values in stages",
            Way::DistinctSum => "distinct values",
            Way::Fold(_) => "rows in order",
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// The expressions, null and not evaluated where the call's filter is not true. An aggregate over rows has no argument; where
/// these are filtered, it has one.
pub(super) fn guarded(aggregate: &Aggregate, expressions: &[Scalar]) -> Vec<Scalar> {
    let Some(filter) = &aggregate.filter else { return expressions.to_vec() };
    let row = [Scalar::Literal(Datum::Bool(true), Type::Bool)];
    let expressions = if expressions.is_empty() && aggregate.arguments.is_empty() { &row } else { expressions };
    let guard = |expression: &Scalar| {
        let ty = expression.ty();
        let otherwise = Box::new(Scalar::Literal(Datum::Null, ty.clone()));
        Scalar::Case { branches: vec![(filter.clone(), expression.clone())], otherwise, ty }
    };
    expressions.iter().map(guard).collect()
}

impl Part {
    fn new(aggregate: &Aggregate, first: usize) -> Part {
        let single = |argument: &Scalar| ValueCode { canonical: argument.ty().is_canonical() };
        let code = aggregate.arguments.first().map_or(ValueCode { canonical: false }, single);
        let accumulates = aggregate.function.accumulable().is_some();
        let way = match &aggregate.function {
            AggregateFunction::Min(_) | AggregateFunction::AnyValue(_) => Way::Extreme(Extreme::Least, code),
            AggregateFunction::Max(_) => Way::Extreme(Extreme::Greatest, code),
            _ if accumulates && aggregate.arguments.len() == 1 && code.canonical => Way::DistinctSum,
            _ => Way::Fold(Fold::new(aggregate)),
        };
        Part { function: aggregate.function.clone(), first, way }
    }

    /// What it reads of a row.
    fn columns(&self, aggregate: &Aggregate) -> Vec<Scalar> {
        let mut columns = guarded(aggregate, &aggregate.arguments);
        if let Way::Fold(_) = self.way {
            let keys: Vec<Scalar> = aggregate.order.iter().map(|key| key.expression.clone()).collect();
            columns.extend(guarded(aggregate, &keys));
            columns.extend(aggregate.filter.clone());
        }
        columns
    }
}

/// What a part's row begins with: which part, and whether an error follows rather than columns.
const BASE: u8 = 0;
const FORMS: u8 = 1;
const FIRST_PART: u8 = 2;
const VALUE: u8 = 0;
const ERROR: u8 = 1;

fn part_row(part: u8, result: Result<Row, Box<DataError>>) -> Row {
    let (kind, row) = match result {
        Ok(row) => (VALUE, row),
        Err(error) => (ERROR, error.row()),
    };
    row.with_bytes(|bytes| Row::from_bytes(&[&[part, kind], bytes].concat()))
}

fn groups<'s, K: Bucketed, S: Slots>(scope: Scope<'s>, rows: Rows<'s>, grouping: &Grouping) -> Collection<'s, Outcome> {
    let sums = base_sums::<K, S>(scope, rows.clone(), grouping);
    let arranged = arrange(sums, "Accumulate");
    let fault = Fault::new(&grouping.columns);
    let (plan, base, global) = (grouping.key.clone(), grouping.base.clone(), grouping.is_global());
    let show_columns = plan.shows_columns();
    let mut builder = RowBuilder::default();
    if grouping.parts.is_empty() && show_columns {
        return tally::<K, _, _>(arranged, "Accumulate", move |key, _, sums| {
            let rows = group_rows(sums, global)?;
            K::write(&plan, key, &mut builder);
            Some(match base.finish(sums, rows, &mut builder) {
                Ok(()) => Ok(builder.finish()),
                Err(error) => {
                    builder.finish();
                    K::write(&plan, key, &mut builder);
                    Err(fault.report(error, &builder.finish()))
                }
            })
        });
    }
    let columns = grouping.columns.clone();
    let base_rows = tally::<K, _, _>(arranged, "Accumulate", move |key, _, sums| {
        let rows = group_rows(sums, global)?;
        let result = base.finish(sums, rows, &mut builder);
        let row = builder.finish();
        let result = result.map(|()| row).map_err(|error| fault.report(error, &shown_key::<K>(&plan, key, &columns)));
        Some((K::Container::into_owned(key), part_row(BASE, result)))
    });
    let mut parts = Vec::new();
    if grouping.needs_forms() {
        parts.push(forms::<K>(rows.clone(), grouping));
    }
    for (position, part) in grouping.parts.iter().enumerate() {
        parts.push(part_rows(rows.clone(), part, FIRST_PART + position as u8, grouping));
    }
    assemble(base_rows, parts, grouping)
}

/// The number of rows if the group exists. The one group of a global aggregate has an extra row, so that it always exists.
fn group_rows<S: Slots>(sums: &Sums<S>, global: bool) -> Option<i64> {
    let rows = sums.rows() - i64::from(global);
    (global || rows > 0).then_some(rows)
}

/// The group's columns for an error report, if the key shows them; else nulls.
fn shown_key<K: Key>(plan: &KeyPlan, key: <K::Container as BatchContainer>::ReadItem<'_>, columns: &[Column]) -> Row {
    let mut builder = RowBuilder::default();
    if plan.shows_columns() {
        K::write(plan, key, &mut builder);
    } else {
        columns.iter().for_each(|_| builder.push(&Datum::Null));
    }
    builder.finish()
}

/// The length of the first columns.
pub(super) fn prefix(row: &[u8], columns: usize) -> usize {
    (0..columns).fold(0, |length, _| length + encoding::skip(&row[length..]))
}

/// Each row as its group's key and its sums as difference.
fn base_sums<'s, K: Key, S: Slots>(
    scope: Scope<'s>,
    rows: Rows<'s>,
    grouping: &Grouping,
) -> Collection<'s, (K, Row), Sums<S>> {
    let (plan, base, columns) = (grouping.key.clone(), grouping.base.clone(), grouping.columns.len());
    type Builder<K, S> = ConsolidatingContainerBuilder<Vec<((K, Row), Time, Sums<S>)>>;
    let sums = rows.inner.unary::<Builder<K, S>, _, _, _>(Pipeline, "Sums", move |_, _| {
        move |input, output| {
            input.for_each(|capability, updates| {
                let mut session = output.session_with_builder(&capability);
                session.give_iterator(updates.drain(..).map(|(row, time, diff)| {
                    row.with_bytes(|bytes| {
                        let (group, arguments) = bytes.split_at(prefix(bytes, columns));
                        ((K::read(&plan, group), Row::default()), time, base.contribution(arguments, diff))
                    })
                }));
            });
        }
    });
    if !grouping.is_global() {
        return sums.as_collection();
    }
    let key = K::read(&grouping.key, &[]);
    let extra = (scope.index() == 0).then(|| ((key, Row::default()), Time::MIN, grouping.base.empty_row()));
    sums.as_collection().concat(extra.to_stream(scope).as_collection())
}

/// The least row of the group's columns, per group.
fn forms<'s, K: Key>(rows: Rows<'s>, grouping: &Grouping) -> Collection<'s, (K, Row)> {
    let (plan, columns) = (grouping.key.clone(), grouping.columns.len());
    let keyed = rows.map(move |row| {
        row.with_bytes(|bytes| {
            let group = &bytes[..prefix(bytes, columns)];
            (K::read(&plan, group), Row::from_bytes(group))
        })
    });
    let least = reduce::<K>(arrange(keyed, "Forms"), "Forms", |_, forms| {
        let least = forms.iter().find(|(_, count)| *count > 0);
        least.map(|(form, _)| part_row(FORMS, Ok(Row::from_bytes(form.0))))
    });
    least.as_collection(|key, row| (K::Container::into_owned(key), Row::from_bytes(row.0)))
}

/// What a part keeps of each row, of those it keeps: `code` is given its columns.
fn part_values<'s, K: Key>(
    rows: Rows<'s>,
    grouping: &Grouping,
    part: &Part,
    code: impl Fn(&[u8]) -> Option<Row> + 'static,
) -> Collection<'s, (K, Row)> {
    let (plan, columns, first) = (grouping.key.clone(), grouping.columns.len(), part.first);
    let values = rows.inner.flat_map(move |(row, time, diff)| {
        row.with_bytes(|bytes| {
            let (group, arguments) = bytes.split_at(prefix(bytes, columns));
            let value = code(&arguments[prefix(arguments, first)..])?;
            Some(((K::read(&plan, group), value), time, diff))
        })
    });
    values.as_collection()
}

/// The first column, unless it is null.
pub(super) fn present(columns: &[u8]) -> Option<&[u8]> {
    (columns[0] != encoding::NULL).then(|| &columns[..encoding::skip(columns)])
}

fn part_rows<'s, K: Bucketed>(
    rows: Rows<'s>,
    part: &Part,
    number: u8,
    grouping: &Grouping,
) -> Collection<'s, (K, Row)> {
    match &part.way {
        Way::Extreme(which, code) => {
            let code = *code;
            let values = part_values::<K>(rows, grouping, part, move |columns| Some(code.encode(present(columns)?)));
            extreme(values, grouping.append_only, *which, code).map(move |(key, value)| {
                let column = value.with_bytes(|bytes| Row::from_bytes(code.split(bytes).1));
                (key, part_row(number, Ok(column)))
            })
        }
        Way::DistinctSum => {
            let values = part_values::<K>(rows, grouping, part, |columns| present(columns).map(Row::from_bytes));
            distinct_sum(values, part, number, grouping)
        }
        Way::Fold(fold) => {
            let code = fold.clone();
            let values = part_values::<K>(rows, grouping, part, move |columns| code.encode(columns));
            folded(values, fold, part, number, grouping)
        }
    }
}

/// An aggregate over a group's distinct values, which have one form each.
fn distinct_sum<'s, K: Key>(
    values: Collection<'s, (K, Row)>,
    part: &Part,
    number: u8,
    grouping: &Grouping,
) -> Collection<'s, (K, Row)> {
    let sum = Accumulation::new(&[(part.function.clone(), vec![false])]).unwrap_or_else(Accumulation::rows_only);
    let plan = sum.clone();
    type Builder<K> = ConsolidatingContainerBuilder<Vec<((K, Row), Time, Sums<Vec<Accumulator>>)>>;
    let sums = distinct_pairs(values).inner.unary::<Builder<K>, _, _, _>(Pipeline, "DistinctSums", move |_, _| {
        move |input, output| {
            input.for_each(|capability, updates| {
                let mut session = output.session_with_builder(&capability);
                session.give_iterator(updates.drain(..).map(|((key, value), time, diff)| {
                    let sums = value.with_bytes(|column| plan.contribution(column, diff));
                    ((key, Row::default()), time, sums)
                }));
            });
        }
    });
    let (key_plan, columns) = (grouping.key.clone(), grouping.columns.clone());
    let fault = Fault::new(&columns);
    let mut builder = RowBuilder::default();
    tally::<K, _, _>(arrange(sums.as_collection(), "DistinctSums"), "DistinctSums", move |key, _, sums| {
        let result = sum.finish(sums, sums.rows(), &mut builder);
        let row = builder.finish();
        let result =
            result.map(|()| row).map_err(|error| fault.report(error, &shown_key::<K>(&key_plan, key, &columns)));
        Some((K::Container::into_owned(key), part_row(number, result)))
    })
}

/// An aggregate over all of a group's rows, in order, computed anew whenever one changes.
fn folded<'s, K: Key>(
    values: Collection<'s, (K, Row)>,
    fold: &Fold,
    part: &Part,
    number: u8,
    grouping: &Grouping,
) -> Collection<'s, (K, Row)> {
    let (fold, function) = (fold.clone(), part.function.clone());
    let (key_plan, columns) = (grouping.key.clone(), grouping.columns.clone());
    let fault = Fault::new(&columns);
    let folded = reduce::<K>(arrange(values, "Fold"), "Fold", move |key, values: &[(Bytes<'_>, Diff)]| {
        let result = function.fold(&mut fold.rows(values)).map(|value| Row::pack([&value]));
        let result = result.map_err(|error| fault.report(error, &shown_key::<K>(&key_plan, key, &columns)));
        Some(part_row(number, result))
    });
    folded.as_collection(|key, row| (K::Container::into_owned(key), Row::from_bytes(row.0)))
}

/// Puts the parts of each group together.
fn assemble<'s, K: Key>(
    base: Collection<'s, (K, Row)>,
    parts: Vec<Collection<'s, (K, Row)>>,
    grouping: &Grouping,
) -> Collection<'s, Outcome> {
    let parts = base.concatenate(parts);
    let plan = grouping.key.clone();
    let places = grouping.places.clone();
    let show_columns = plan.shows_columns();
    let absent: Vec<Row> = (0..grouping.parts.len()).map(|part| Row::pack([&grouping.absent(part)])).collect();
    let mut builder = RowBuilder::default();
    let whole = reduce::<K>(arrange(parts, "Group"), "Group", move |key, rows: &[(Bytes<'_>, Diff)]| {
        let find = |part: u8| rows.iter().map(|(row, _)| row.0).find(|row| row[0] == part);
        let base = find(BASE)?;
        if let Some(error) = rows.iter().find(|(row, _)| row.0[1] == ERROR) {
            return Some(Row::from_bytes(&error.0.0[1..]));
        }
        builder.push_encoded(&[VALUE]);
        match show_columns {
            true => K::write(&plan, key, &mut builder),
            false => builder.push_encoded(&find(FORMS)?[2..]),
        }
        for place in &places {
            match place {
                Place::Base(position) => {
                    let values = &base[2..];
                    let value = &values[prefix(values, *position)..];
                    builder.push_encoded(&value[..encoding::skip(value)]);
                }
                Place::Part(position) => match find(FIRST_PART + *position as u8) {
                    Some(part) => builder.push_encoded(&part[2..]),
                    None => absent[*position].with_bytes(|column| builder.push_encoded(column)),
                },
            }
        }
        Some(builder.finish())
    });
    whole.as_collection(|_, row| match row.0[0] {
        VALUE => Ok(Row::from_bytes(&row.0[1..])),
        _ => Err(Box::new(row_error(&Row::from_bytes(&row.0[1..])))),
    })
}
