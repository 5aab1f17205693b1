//! Window functions: a partition in which a row changed is computed anew, the others are not read.
//!
//! A row lies behind its sort code, as in `top_k`, and before the values its calls read.

use super::frame::{Call, Entry, Partition};
use super::linear::linear;
use super::min_max::reduce_to_many;
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::{self, Fault, row_error};
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::linear::Linear;
use crate::dataflow::shape::mapped;
use crate::dataflow::slab::Bytes;
use crate::dataflow::sort::Direction;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::{SortKey, WindowCall};
use crate::timeline::DataError;
use crate::value::{Column, Datum, Diff, Row, RowBuilder, encoding};

/// The columns of each row followed by the results of the calls, and the errors. Of a partition in which a call fails there is an
/// error and no row.
pub fn window<'s>(
    rows: Rows<'s>,
    columns: &[Column],
    partition: &[Scalar],
    order: &[SortKey],
    calls: &[WindowCall],
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let fault = Fault::new(columns);
    let mut program = Linear::identity(columns.len());
    keyed(&mut program, columns, partition, order, calls);
    let (rows, evaluation_errors) = linear(rows, &program, fault.clone());
    let plan = KeyPlan::new(&mapped(partition, columns));
    let layout = Layout::new(partition, order, columns.len());
    let results = Computed { calls: Call::all(calls, order), fault };
    let outcomes = with_key!(plan.kind(), K => partitions::<K>(rows, plan, layout, results));
    let (rows, errors) = fault::split(outcomes);
    (rows, evaluation_errors.into_iter().chain([errors]).collect())
}

/// Puts what rows are parted and sorted by in front of them, and what the calls read behind them.
pub fn keyed(program: &mut Linear, columns: &[Column], partition: &[Scalar], order: &[SortKey], calls: &[WindowCall]) {
    let all = columns.iter().enumerate().map(|(position, column)| Scalar::Column(position, column.ty.clone()));
    let keys = partition.iter().cloned().chain(order.iter().map(|key| key.expression.clone()));
    let read = calls.iter().flat_map(WindowCall::scalars).cloned();
    program.map(&keys.chain(all).chain(read).collect::<Vec<_>>());
}

/// What a row's columns are.
pub struct Layout {
    /// Columns of the partition, which come first.
    partition: usize,
    order: Vec<Direction>,
    /// Columns of the row itself; what calls read follows.
    columns: usize,
}

impl Layout {
    /// That of rows of so many columns, as `keyed` makes them.
    pub fn new(partition: &[Scalar], order: &[SortKey], columns: usize) -> Layout {
        Layout { partition: partition.len(), order: order.iter().map(Direction::of).collect(), columns }
    }

    /// The partition's columns, and the row's code, the row itself, what the calls read, and the first two's lengths.
    pub fn encode<'b>(&self, columns: &'b [u8], bytes: &mut Vec<u8>) -> &'b [u8] {
        let length =
            |columns: &[u8], count| (0..count).fold(0, |length, _| length + encoding::skip(&columns[length..]));
        let (partition, mut rest) = columns.split_at(length(columns, self.partition));
        bytes.clear();
        for direction in &self.order {
            let (column, others) = rest.split_at(encoding::skip(rest));
            direction.encode(column, bytes);
            rest = others;
        }
        let lengths = [bytes.len() as u32, length(rest, self.columns) as u32];
        bytes.extend_from_slice(rest);
        lengths.iter().for_each(|length| bytes.extend_from_slice(&length.to_be_bytes()));
        partition
    }
}

/// A row taken apart.
fn entry(bytes: &[u8]) -> Entry<'_> {
    let (bytes, row) = bytes.split_at(bytes.len() - 4);
    let (bytes, code) = bytes.split_at(bytes.len() - 4);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (code, rest) = bytes.split_at(number(code));
    let (row, mut read) = rest.split_at(number(row));
    let mut values = Vec::new();
    while !read.is_empty() {
        let (value, length) = encoding::decode(read);
        values.push(value);
        read = &read[length..];
    }
    Entry { code, row, values }
}

/// What a result row begins with.
const VALUE: u8 = 0;
const ERROR: u8 = 1;

fn partitions<'s, K: Key>(
    rows: Rows<'s>,
    plan: KeyPlan,
    layout: Layout,
    mut computed: Computed,
) -> Collection<'s, Outcome> {
    let mut bytes = Vec::new();
    let keyed = rows.map(move |row| {
        row.with_bytes(|columns| {
            let partition = layout.encode(columns, &mut bytes);
            (K::read(&plan, partition), Row::from_bytes(&bytes))
        })
    });
    let mut builder = RowBuilder::default();
    let computed =
        reduce_to_many::<K>(arrange(keyed, "Window"), "Window", move |_, rows: &[(Bytes<'_>, Diff)], out| {
            computed.rows(rows.iter().map(|(row, count)| (row.0, *count)), |outcome| {
                let (kind, row) = match outcome {
                    Ok(row) => (VALUE, row),
                    Err(error) => (ERROR, error.row()),
                };
                builder.push_encoded(&[kind]);
                row.with_bytes(|row| builder.push_encoded(row));
                out.push((builder.finish(), 1));
            });
        });
    computed.as_collection(|_, row| match row.0[0] {
        VALUE => Ok(Row::from_bytes(&row.0[1..])),
        _ => Err(Box::new(row_error(&Row::from_bytes(&row.0[1..])))),
    })
}

/// Computes the rows of partitions.
pub struct Computed {
    /// The calls.
    pub calls: Vec<Call>,
    /// Words their errors.
    pub fault: Fault,
}

impl Computed {
    /// The rows of a partition, given encoded by the layout, in order, with how often they occur; or one error.
    pub fn rows<'b>(&mut self, rows: impl Iterator<Item = (&'b [u8], Diff)>, mut give: impl FnMut(Outcome)) {
        let present = rows.filter(|(_, count)| *count > 0);
        let entries: Vec<(Entry<'_>, Diff)> = present.map(|(row, count)| (entry(row), count)).collect();
        let partition = Partition::new(&entries);
        match self.results(&partition) {
            Ok(results) => {
                let mut builder = RowBuilder::default();
                for (at, entry) in partition.rows.iter().enumerate() {
                    builder.push_encoded(entry.row);
                    results.iter().for_each(|results| builder.push(&results[at]));
                    give(Ok(builder.finish()));
                }
            }
            Err(error) => give(Err(error)),
        }
    }

    /// The results of each call, for every row.
    fn results(&self, partition: &Partition<'_>) -> Result<Vec<Vec<Datum>>, Box<DataError>> {
        let results = self.calls.iter().map(|call| {
            call.results(partition)
                .map_err(|(at, error)| self.fault.report(error, &Row::from_bytes(partition.rows[at].row)))
        });
        results.collect()
    }
}
