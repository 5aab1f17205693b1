//! Window functions over partitions that settle.

use super::{Groups, Terms};
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::key::{Key, KeyPlan};
use crate::dataflow::operators::frame::Call;
use crate::dataflow::operators::linear::Read;
use crate::dataflow::operators::window::{Computed, Layout, keyed};
use crate::dataflow::shape::mapped;
use crate::dataflow::types::{Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::{SortKey, WindowCall};
use crate::value::{Column, Diff, Row, encoding};
use differential_dataflow::AsCollection;
use std::collections::BTreeMap;

/// The columns of each row followed by the results of the calls. The horizon is the row's column at that place.
pub fn window<'s>(
    mut read: Read<'s>,
    columns: &[Column],
    (partition, order): (&[Scalar], &[SortKey]),
    calls: &[WindowCall],
    (horizon, terms): (usize, Terms),
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let fault = Fault::new(columns);
    keyed(&mut read.program, columns, partition, order, calls);
    let plan = KeyPlan::new(&mapped(partition, columns));
    let layout = Layout::new(partition, order, columns.len());
    let before = partition.len() + order.len();
    let mut bytes = Vec::new();
    let (changes, evaluation_errors) = read.each(move |columns, time, diff| {
        let last = terms.last(encoding::column(columns, before + horizon));
        let partition = layout.encode(columns, &mut bytes);
        Some(((Row::read(&plan, partition), last), time, (Row::from_bytes(&bytes), diff)))
    });
    let computed = Computed { calls: Call::all(calls, order), fault };
    let (rows, errors) = fault::split(super::groups(changes.as_collection(), Partitions(computed), terms));
    (rows, evaluation_errors.into_iter().chain([errors]).collect())
}

struct Partitions(Computed);

impl Groups for Partitions {
    type Change = (Row, Diff);
    type Group = BTreeMap<Row, Diff>;

    fn empty(&self) -> BTreeMap<Row, Diff> {
        BTreeMap::new()
    }

    fn add(&mut self, group: &mut BTreeMap<Row, Diff>, (row, diff): (Row, Diff)) {
        super::count(group, row, diff);
    }

    fn merge(&mut self, group: &mut BTreeMap<Row, Diff>, other: BTreeMap<Row, Diff>) {
        other.into_iter().for_each(|(row, diff)| super::count(group, row, diff));
    }

    fn show(&mut self, _: &Row, _: &[u8], group: &BTreeMap<Row, Diff>, out: &mut Vec<(Outcome, Diff)>) {
        let rows = super::as_bytes(group);
        self.0.rows(rows.iter().map(|(row, count)| (row.as_slice(), *count)), |outcome| out.push((outcome, 1)));
    }
}
