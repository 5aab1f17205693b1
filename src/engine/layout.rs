//! What the store keeps of a table's rows: the columns that views read, and the key. So it does not matter to it what becomes of the
//! others, nor where in the table a column stands. Of columns that are not read any more it keeps the place: they are null from then on.

use crate::dataflow::InputRelation;
use crate::store::{ColumnText, Kept, Relation, column_text};
use crate::timeline::{Batch, Partial, RelationId, Tick, Upsert, UpsertKind};
use crate::value::{Column, Datum, Row, RowBuilder, encoding};
use std::collections::{BTreeMap, BTreeSet};

/// The relations whose rows the store keeps in another form.
pub(super) struct Layouts(BTreeMap<RelationId, Layout>);

/// How the store keeps a relation's rows.
struct Layout {
    /// For each column of a row there where it is in the running view set; nothing if nobody reads it any more: then it is null.
    kept: Vec<Option<usize>>,
    /// The other way round: the columns that are not kept are null in the running view set.
    running: Vec<Option<usize>>,
}

/// A relation as the store is to keep it: its key, and the columns that views read, or all if `reads` is nothing.
pub(super) fn relation(input: &InputRelation, reads: Option<&BTreeSet<usize>>) -> Relation {
    let schema = &input.schema;
    let key = schema.key.as_deref().unwrap_or_default();
    let is_kept = |position: &usize| {
        schema.is_append_only() || key.contains(position) || reads.is_none_or(|reads| reads.contains(position))
    };
    let kept: Vec<usize> = (0..schema.columns.len()).filter(is_kept).collect();
    let place = |position: &usize| kept.iter().position(|kept| kept == position);
    Relation {
        id: input.id,
        name: input.name.clone(),
        key: Some(key).filter(|_| input.upserts).map(|key| key.iter().filter_map(place).collect()),
        columns: kept.iter().map(|position| column_text(&schema.columns[*position])).collect(),
        made_of: Vec::new(),
        history: 0,
        expiry: None,
    }
}

/// Why the store does not have a relation as it is now, in words; `stored` are the columns that it has.
pub(super) fn differs(relation: &Relation, stored: Option<&[String]>) -> String {
    let name = &relation.name;
    let Some(stored) = stored else { return format!("the store does not have {name}") };
    let lacking = relation.columns.iter().filter(|column| !stored.contains(column));
    let lacking: Vec<&str> = lacking.map(|column| ColumnText::of(column).name).collect();
    match lacking.as_slice() {
        [] => format!("{name} has another key, or fewer columns, or in another order"),
        lacking => format!("{name} is not stored with these columns as they are now: {}", lacking.join(", ")),
    }
}

/// What is said of columns that came to a relation.
pub(super) fn widened(relation: &Relation, columns: &[String]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| ColumnText::of(column).name).collect();
    format!("{} has new columns, which are null in what was stored before: {}", relation.name, names.join(", "))
}

impl Layouts {
    /// How the store keeps these relations.
    pub(super) fn new<'a>(
        inputs: impl Iterator<Item = &'a InputRelation>,
        kept: &BTreeMap<RelationId, Kept>,
    ) -> Layouts {
        let layout = |input: &InputRelation| {
            let kept = kept.get(&input.id)?;
            let layout = Layout::new(&kept.columns, &input.schema.columns);
            Some((input.id, layout)).filter(|(_, layout)| kept.widened || !layout.is_as_it_is())
        };
        Layouts(inputs.filter_map(layout).collect())
    }

    /// Has a tick told as it is kept, and leaves it as it is.
    pub(super) fn as_kept<T>(&self, tick: &mut Tick, tell: impl FnOnce(&Tick) -> T) -> T {
        let mut whole = Vec::new();
        for (at, (relation, batch)) in tick.batches.iter_mut().enumerate() {
            if let Some(Layout { kept, running }) = self.0.get(relation).filter(|layout| !layout.is_as_it_is()) {
                let kept = Layout::rows(batch, kept, running);
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
            if let Some(Layout { kept, running }) = self.0.get(relation) {
                *batch = Layout::rows(batch, running, kept);
            }
        }
        tick
    }
}

impl Layout {
    fn new(stored: &[Option<String>], columns: &[Column]) -> Layout {
        let columns: Vec<String> = columns.iter().map(column_text).collect();
        // What a table was before may have been null where it may not be now.
        let is_it = |stored: &Option<String>, column: &String| {
            let column = ColumnText::of(column);
            let is_it = |stored: ColumnText<'_>| stored.name == column.name && stored.is_of_type(&column);
            stored.as_deref().map(ColumnText::of).is_some_and(is_it)
        };
        let running = |stored: &Option<String>| columns.iter().position(|column| is_it(stored, column));
        let kept = |column: &String| stored.iter().position(|stored| is_it(stored, column));
        Layout { kept: stored.iter().map(running).collect(), running: columns.iter().map(kept).collect() }
    }

    fn is_as_it_is(&self) -> bool {
        let is_it = |places: &[Option<usize>]| places.iter().copied().eq((0..places.len()).map(Some));
        is_it(&self.kept) && is_it(&self.running)
    }

    /// A batch with rows of these columns.
    fn rows(batch: &Batch, columns: &[Option<usize>], place: &[Option<usize>]) -> Batch {
        let row = |row: &Row| arranged(row, columns);
        let kind = |kind: &UpsertKind| match kind {
            UpsertKind::Put(put) => UpsertKind::Put(row(put)),
            UpsertKind::PutPartial(partial) => {
                let place = |at: &u16| u16::try_from((*place.get(usize::from(*at))?)?).ok();
                let mut absent: Vec<u16> = partial.absent.iter().filter_map(place).collect();
                absent.sort_unstable();
                let (row, old_key) = (row(&partial.row), partial.old_key.clone());
                UpsertKind::PutPartial(Box::new(Partial { row, absent: absent.into(), old_key }))
            }
            UpsertKind::Delete => UpsertKind::Delete,
            UpsertKind::Truncate => UpsertKind::Truncate,
        };
        match batch {
            Batch::Rows(rows) => Batch::Rows(rows.iter().map(|(r, time, diff)| (row(r), *time, *diff)).collect()),
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
}

/// The row of these columns of another, null where there is none, or the other ends before it.
fn arranged(row: &Row, columns: &[Option<usize>]) -> Row {
    let mut builder = RowBuilder::default();
    row.with_bytes(|bytes| {
        let (mut next, mut rest) = (0, bytes);
        for column in columns {
            let Some(position) = *column else {
                builder.push(&Datum::Null);
                continue;
            };
            // Nearly always they are in order.
            if position < next {
                (next, rest) = (0, bytes);
            }
            while next < position && !rest.is_empty() {
                (next, rest) = (next + 1, &rest[encoding::skip(rest)..]);
            }
            match rest.is_empty() {
                true => builder.push(&Datum::Null),
                false => builder.push_encoded(&rest[..encoding::skip(rest)]),
            }
        }
    });
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    #[test]
    fn rows_come_back_with_nulls_for_what_nobody_reads() {
        let column = |name: &str| Column::new(name, Type::Text, true);
        let columns = ["a", "b", "c", "d"].map(column);
        let stored = ["d", "gone", "a"].map(|name| Some(column_text(&column(name))));
        let layout = Layout::new(&stored, &columns);
        assert_eq!(
            (&*layout.kept, &*layout.running),
            (&[Some(3), None, Some(0)][..], &[Some(2), None, None, Some(0)][..])
        );
        let row = |values: &[Datum]| Row::pack(values);
        let running = row(&[Datum::text("a"), Datum::Null, Datum::Null, Datum::text("d")]);
        let kept = arranged(&running, &layout.kept);
        assert_eq!(kept, row(&[Datum::text("d"), Datum::Null, Datum::text("a")]));
        assert_eq!(arranged(&kept, &layout.running), running);
        let partial = Partial { row: running, absent: [0, 3].into(), old_key: None };
        let upsert =
            Upsert { key: Row::default(), time: 1, sequence: 1, kind: UpsertKind::PutPartial(Box::new(partial)) };
        let Batch::Upserts(kept) = Layout::rows(&Batch::Upserts(vec![upsert]), &layout.kept, &layout.running) else {
            panic!("writes stay writes");
        };
        assert!(matches!(&kept[0].kind, UpsertKind::PutPartial(partial) if *partial.absent == [0, 2]));
        assert!(Layout::new(&columns.clone().map(|column| Some(column_text(&column))), &columns).is_as_it_is());
    }
}
