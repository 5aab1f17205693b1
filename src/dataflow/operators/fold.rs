//! How the rows of a fold are held: encoded so that the order of their bytes is the order in which they are taken.
//!
//! First the call's sort keys, then the arguments' keys, so that ORDER BY decides, then the arguments' values, and equal
//! arguments lie together. The arguments themselves and their length follow, for the fold to read.

use crate::dataflow::slab::Bytes;
use crate::dataflow::sort::Direction;
use crate::plan::Aggregate;
use crate::value::{Datum, Diff, Row, encoding, key};

/// How the rows of one aggregate are encoded.
#[derive(Clone, Debug)]
pub struct Fold {
    arguments: usize,
    order: Vec<Direction>,
    /// Whether the last column tells which rows count.
    filtered: bool,
    distinct: bool,
    keeps_nulls: bool,
    /// Whether equal arguments have equal bytes, so that these are their own keys.
    canonical: bool,
}

impl Fold {
    /// For the columns of a call: its arguments, its sort keys, its filter.
    pub fn new(call: &Aggregate) -> Fold {
        Fold {
            arguments: call.arguments.len(),
            order: call.order.iter().map(Direction::of).collect(),
            filtered: call.filter.is_some(),
            distinct: call.distinct,
            keeps_nulls: call.function.keeps_nulls(),
            canonical: call.arguments.iter().all(|argument| argument.ty().is_canonical()),
        }
    }

    /// A row's columns, if it counts.
    pub fn encode(&self, columns: &[u8]) -> Option<Row> {
        if columns[0] == encoding::NULL && !self.keeps_nulls {
            return None;
        }
        let filter = self.arguments + self.order.len();
        if self.filtered && encoding::decode(encoding::column(columns, filter)).0 != Datum::Bool(true) {
            return None;
        }
        let length = (0..self.arguments).fold(0, |length, _| length + encoding::skip(&columns[length..]));
        let (arguments, mut keys) = columns.split_at(length);
        let mut bytes = Vec::with_capacity(2 * columns.len());
        for direction in &self.order {
            let (key, rest) = keys.split_at(encoding::skip(keys));
            direction.encode(key, &mut bytes);
            keys = rest;
        }
        if !self.canonical {
            values(arguments).for_each(|value| key::encode(&value, &mut bytes));
        }
        bytes.extend_from_slice(arguments);
        bytes.extend_from_slice(&(arguments.len() as u32).to_be_bytes());
        Some(Row::from_bytes(&bytes))
    }

    /// What is equal for equal arguments under equal sort keys, and the arguments.
    fn split<'b>(&self, bytes: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let (rest, length) = bytes.split_at(bytes.len() - 4);
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (keys, arguments) = rest.split_at(rest.len() - length);
        (if self.canonical { rest } else { keys }, arguments)
    }

    /// The rows' arguments in order, with how often they occur. Of DISTINCT rows, whose sort keys are among the arguments, the
    /// first of those equal, once.
    pub fn rows<'b>(&'b self, rows: &'b [(Bytes<'b>, Diff)]) -> impl Iterator<Item = (Vec<Datum>, i64)> + 'b {
        let mut previous: Option<&[u8]> = None;
        let present = rows.iter().filter(|(_, count)| *count > 0);
        present.filter_map(move |(row, count)| {
            let (keys, arguments) = self.split(row.0);
            let repeated = previous.replace(keys) == Some(keys);
            let count = if self.distinct { 1 } else { *count };
            (!(self.distinct && repeated)).then(|| (values(arguments).collect(), count))
        })
    }
}

/// The values of encoded columns.
fn values(mut columns: &[u8]) -> impl Iterator<Item = Datum> + '_ {
    std::iter::from_fn(move || {
        (!columns.is_empty()).then(|| {
            let (value, length) = encoding::decode(columns);
            columns = &columns[length..];
            value
        })
    })
}
