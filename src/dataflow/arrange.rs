//! Arrangements: rows indexed by a key, of whichever kind.

use super::footprint::footprint;
use super::holding::weigh;
use super::key::{Key, KeyPlan, with_key};
use super::linear::Linear;
use super::sides::KeyPart;
use super::types::{Arranged, Collection, KeyBatcher, KeySpine, Rows, Update};
use crate::expr::Scalar;
use crate::value::{Column, Row, encoding};
use differential_dataflow::AsCollection;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::vec::Map;

/// Rows indexed by a key.
#[derive(Clone)]
pub enum Arrangement<'s> {
    /// By a `u64`.
    Word(Arranged<'s, u64>),
    /// By two.
    Pair(Arranged<'s, [u64; 2]>),
    /// By bytes.
    Bytes(Arranged<'s, Row>),
}

/// A key that can be an arrangement's.
pub trait ArrangementKey: Key {
    /// As a member of the closed set.
    fn wrap(arranged: Arranged<'_, Self>) -> Arrangement<'_>;
}

impl ArrangementKey for u64 {
    fn wrap(arranged: Arranged<'_, u64>) -> Arrangement<'_> {
        Arrangement::Word(arranged)
    }
}

impl ArrangementKey for [u64; 2] {
    fn wrap(arranged: Arranged<'_, [u64; 2]>) -> Arrangement<'_> {
        Arrangement::Pair(arranged)
    }
}

impl ArrangementKey for Row {
    fn wrap(arranged: Arranged<'_, Row>) -> Arrangement<'_> {
        Arrangement::Bytes(arranged)
    }
}

/// Indexes keyed rows.
pub fn arrange<'s, K, R>(keyed: Collection<'s, (K, Row), R>, name: &str) -> Arranged<'s, K, R>
where
    K: Key,
    R: Semigroup + Ord + differential_dataflow::ExchangeData,
{
    let exchange = Exchange::new(|update: &Update<K, R>| update.0.0.spread());
    let batcher = KeyBatcher::<K, R>::new;
    let arranged = arrange_core::<_, _, KeyBatcher<K, R>, KeySpine<K, R>>(keyed.inner, exchange, name, batcher);
    weigh(footprint::<K, R>(&arranged));
    arranged
}

/// The columns a join's key has: without nulls where null agrees with nothing.
pub fn join_key(keys: &[KeyPart]) -> KeyPlan {
    let column = |key: &KeyPart| Column::new("", key.expression.ty(), key.null_safe);
    KeyPlan::new(&keys.iter().map(column).collect::<Vec<_>>())
}

/// Rows with so many columns, indexed by expressions that cannot fail, of which only the columns `kept` are held; rows are left out
/// for which a key is null that agrees with nothing then.
pub fn arrange_by<'s>(rows: Rows<'s>, columns: usize, keys: &[KeyPart], kept: &[usize]) -> Arrangement<'s> {
    let plan = join_key(keys);
    let kind = plan.kind();
    let whole = kept.iter().copied().eq(0..columns);
    with_key!(kind, K => {
        let keyed = match whole {
            true => keyed::<K>(rows, columns, keys, plan),
            false => keyed_part::<K>(rows, columns, keys, kept, plan),
        };
        K::wrap(arrange(keyed, "Arrange"))
    })
}

/// Each row with its key, without those that have none.
fn keyed<'s, K: Key>(rows: Rows<'s>, columns: usize, keys: &[KeyPart], plan: KeyPlan) -> Collection<'s, (K, Row)> {
    let mut evaluator = key_program(columns, keys).compile();
    let refuses = refuses_null(keys);
    let keyed = rows.inner.flat_map(move |(row, time, diff)| {
        let key = row.with_bytes(|bytes| {
            let columns = evaluator.columns(bytes, &[]).ok().flatten()?;
            (!is_refused(columns, &refuses)).then(|| K::read(&plan, columns))
        });
        key.map(|key| ((key, row), time, diff))
    });
    keyed.as_collection()
}

/// As `keyed`, each row cut down to some of its columns in the same pass.
fn keyed_part<'s, K: Key>(
    rows: Rows<'s>,
    columns: usize,
    keys: &[KeyPart],
    kept: &[usize],
    plan: KeyPlan,
) -> Collection<'s, (K, Row)> {
    let mut program = key_program(columns, keys);
    program.append(kept);
    let (mut evaluator, refuses) = (program.compile(), refuses_null(keys));
    let keys = keys.len();
    let keyed = rows.inner.flat_map(move |(row, time, diff)| {
        let keyed = row.with_bytes(|bytes| {
            let columns = evaluator.columns(bytes, &[]).ok().flatten()?;
            let (key, kept) = columns.split_at((0..keys).fold(0, |end, _| end + encoding::skip(&columns[end..])));
            (!is_refused(key, &refuses)).then(|| (K::read(&plan, key), Row::from_bytes(kept)))
        });
        keyed.map(|keyed| (keyed, time, diff))
    });
    keyed.as_collection()
}

/// The program that makes key columns of a row.
fn key_program(columns: usize, keys: &[KeyPart]) -> Linear {
    let expressions: Vec<Scalar> = keys.iter().map(|key| key.expression.clone()).collect();
    let mut program = Linear::identity(columns);
    program.map(&expressions);
    program
}

fn refuses_null(keys: &[KeyPart]) -> Vec<bool> {
    keys.iter().map(|key| !key.null_safe).collect()
}

/// Whether a key column is null that may not be.
#[inline]
fn is_refused(mut columns: &[u8], refuses: &[bool]) -> bool {
    for refuses in refuses {
        if *refuses && columns.first() == Some(&encoding::NULL) {
            return true;
        }
        columns = &columns[encoding::skip(columns)..];
    }
    false
}
