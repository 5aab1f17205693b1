//! What the store keeps of a table's rows: the columns that views read, and the key. So it does not matter to it what becomes of the
//! others, nor where in the table a column stands.

use crate::dataflow::InputRelation;
use crate::store::Relation;
use crate::timeline::{Batch, Partial, RelationId, Tick, Upsert, UpsertKind};
use crate::value::{Datum, Row, RowBuilder, encoding};
use std::collections::{BTreeMap, BTreeSet};

/// The relations of which the store keeps less than there is.
pub(super) struct Layouts(BTreeMap<RelationId, Layout>);

/// Which columns of a relation the store keeps.
struct Layout {
    /// For each column whether it is kept; the others are null in the running view set.
    kept: Vec<bool>,
}

/// A relation as the store keeps it, and where its columns are. `reads` are the columns that views read; nothing if they read all.
fn layout(input: &InputRelation, reads: Option<&BTreeSet<usize>>) -> Layout {
    let schema = &input.schema;
    let in_key = |position: &usize| schema.key.as_ref().is_some_and(|key| key.contains(position));
    let is_kept =
        |position| schema.is_append_only() || in_key(&position) || reads.is_none_or(|reads| reads.contains(&position));
    Layout { kept: (0..schema.columns.len()).map(is_kept).collect() }
}

/// The columns of a definition that another one does not have as they are.
pub(super) fn lacking(definition: &str, other: &str) -> Vec<String> {
    let columns = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let others = columns(other);
    let lacking = columns(definition).into_iter().filter(|column| !column.is_empty() && !others.contains(column));
    lacking.map(|column| column.split(' ').next().unwrap_or_default().to_owned()).collect()
}

impl Layouts {
    /// How these relations are kept, and as what the store knows them. Rows are made of the columns in their order, so what is read
    /// is part of the definition.
    pub(super) fn new<'a>(
        inputs: impl Iterator<Item = (&'a InputRelation, Option<&'a BTreeSet<usize>>)>,
    ) -> (Layouts, Vec<Relation>) {
        let (mut layouts, mut relations) = (BTreeMap::new(), Vec::new());
        for (input, reads) in inputs {
            let layout = layout(input, reads);
            relations.push(layout.relation(input));
            if layout.kept.contains(&false) {
                layouts.insert(input.id, layout);
            }
        }
        (Layouts(layouts), relations)
    }

    /// Has a tick told as it is kept, and leaves it as it is.
    pub(super) fn as_kept<T>(&self, tick: &mut Tick, tell: impl FnOnce(&Tick) -> T) -> T {
        let mut whole = Vec::new();
        for (at, (relation, batch)) in tick.batches.iter_mut().enumerate() {
            if let Some(layout) = self.0.get(relation) {
                let kept = layout.rows(batch, &Layout::without, &Layout::place_without);
                whole.push((at, std::mem::replace(batch, kept)));
            }
        }
        let told = tell(tick);
        whole.into_iter().for_each(|(at, batch)| tick.batches[at].1 = batch);
        told
    }

    /// A tick as it was before it was kept.
    pub(super) fn running(&self, mut tick: Tick) -> Tick {
        for (relation, batch) in &mut tick.batches {
            if let Some(layout) = self.0.get(relation) {
                *batch = layout.rows(batch, &Layout::with, &Layout::place_with);
            }
        }
        tick
    }
}

impl Layout {
    fn relation(&self, input: &InputRelation) -> Relation {
        let columns = input.schema.columns.iter().zip(&self.kept).filter(|(_, kept)| **kept);
        let shown = columns.map(|(c, _)| format!("{} {} {} {}", c.name, c.ty, c.modifier, c.nullable));
        let key = input.schema.key.as_ref().filter(|_| input.upserts);
        Relation {
            id: input.id,
            name: input.name.clone(),
            key: key.map(|key| key.iter().map(|position| self.place_without(*position)).collect()),
            definition: shown.collect::<Vec<_>>().join(", "),
            made_of: Vec::new(),
            history: 0,
            expiry: None,
        }
    }

    /// A batch with every row and every column's place made anew.
    fn rows(
        &self,
        batch: &Batch,
        row: &dyn Fn(&Layout, &Row) -> Row,
        place: &dyn Fn(&Layout, usize) -> usize,
    ) -> Batch {
        let kind = |kind: &UpsertKind| match kind {
            UpsertKind::Put(put) => UpsertKind::Put(row(self, put)),
            UpsertKind::PutPartial(partial) => {
                let absent = partial.absent.iter().filter_map(|at| u16::try_from(place(self, usize::from(*at))).ok());
                let (row, old_key) = (row(self, &partial.row), partial.old_key.clone());
                UpsertKind::PutPartial(Box::new(Partial { row, absent: absent.collect(), old_key }))
            }
            UpsertKind::Delete => UpsertKind::Delete,
            UpsertKind::Truncate => UpsertKind::Truncate,
        };
        match batch {
            Batch::Rows(rows) => Batch::Rows(rows.iter().map(|(r, time, diff)| (row(self, r), *time, *diff)).collect()),
            Batch::Upserts(upserts) => {
                let upserts = upserts.iter().map(|upsert| Upsert {
                    key: upsert.key.clone(),
                    time: upsert.time,
                    sequence: upsert.sequence,
                    kind: kind(&upsert.kind),
                });
                Batch::Upserts(upserts.collect())
            }
        }
    }

    /// The row without what is not kept.
    fn without(&self, row: &Row) -> Row {
        let mut builder = RowBuilder::default();
        row.with_bytes(|mut bytes| {
            for kept in &self.kept {
                let (column, rest) = bytes.split_at(encoding::skip(bytes));
                if *kept {
                    builder.push_encoded(column);
                }
                bytes = rest;
            }
        });
        builder.finish()
    }

    /// The row with nulls for what is not kept.
    fn with(&self, row: &Row) -> Row {
        let mut builder = RowBuilder::default();
        row.with_bytes(|mut bytes| {
            for kept in &self.kept {
                if *kept {
                    let (column, rest) = bytes.split_at(encoding::skip(bytes));
                    builder.push_encoded(column);
                    bytes = rest;
                } else {
                    builder.push(&Datum::Null);
                }
            }
        });
        builder.finish()
    }

    /// Where a kept column is in the store.
    fn place_without(&self, position: usize) -> usize {
        self.kept.iter().take(position).filter(|kept| **kept).count()
    }

    /// Where a column of the store is.
    fn place_with(&self, place: usize) -> usize {
        let mut kept = self.kept.iter().enumerate().filter(|(_, kept)| **kept);
        kept.nth(place).map_or(self.kept.len(), |(position, _)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_with_nulls_for_what_nobody_reads() {
        let layout = Layout { kept: vec![true, false, true, false] };
        let row = |values: &[Datum]| Row::pack(values);
        let whole = row(&[Datum::Int8(1), Datum::Null, Datum::Text("x".into()), Datum::Null]);
        let kept = layout.without(&whole);
        assert_eq!(kept, row(&[Datum::Int8(1), Datum::Text("x".into())]));
        assert_eq!(layout.with(&kept), whole);
        assert_eq!((layout.place_without(2), layout.place_with(1)), (1, 2));
    }
}
