//! Rows once each.

use crate::dataflow::arrange::arrange;
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::operators::tally::tally;
use crate::dataflow::types::{Collection, Rows};
use crate::value::{Row, RowBuilder};
use differential_dataflow::trace::implementations::BatchContainer;

/// Each row that occurs, once. The columns must have one form per value: see `KeyPlan::shows_columns`.
pub fn distinct<'s>(rows: Rows<'s>, plan: KeyPlan) -> Rows<'s> {
    let kind = plan.kind();
    with_key!(kind, K => {
        let read = plan.clone();
        let keyed = rows.map(move |row| (row.with_bytes(|bytes| K::read(&read, bytes)), Row::default()));
        let mut builder = RowBuilder::default();
        tally::<K, _, _>(arrange(keyed, "Distinct"), "Distinct", move |key, _, count| {
            (*count > 0).then(|| {
                <K as Key>::write(&plan, key, &mut builder);
                builder.finish()
            })
        })
    })
}

/// Each key that occurs, once, without its row.
pub fn distinct_keys<'s, K: Key>(keys: Collection<'s, (K, Row)>) -> Collection<'s, (K, Row)> {
    tally::<K, _, _>(arrange(keys, "DistinctKeys"), "DistinctKeys", |key, _, count| {
        (*count > 0).then(|| (K::Container::into_owned(key), Row::default()))
    })
}

/// Each key and row that occurs, once.
pub fn distinct_pairs<'s, K: Key>(pairs: Collection<'s, (K, Row)>) -> Collection<'s, (K, Row)> {
    tally::<K, _, _>(arrange(pairs, "DistinctPairs"), "DistinctPairs", |key, row, count| {
        (*count > 0).then(|| (K::Container::into_owned(key), Row::from_bytes(row.0)))
    })
}
