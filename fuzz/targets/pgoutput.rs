//! Messages of pgoutput, each behind its length in two bytes, within a transaction on two defined tables: refused, or they mean rows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use tidegate::source::SourceRelation;
use tidegate::source::postgres::{FeedTable, Rehearsal};
use tidegate::timeline::{Batch, RelationId, Tick, UpsertKind};
use tidegate::value::{Column, RelationName, Row, Schema, Type};

/// `orders` has a key, `log` has none. The oids are those of `bigint` and `text`.
static TABLES: LazyLock<[FeedTable; 2]> = LazyLock::new(|| {
    let table = |name: &str, oid, key: Option<Vec<usize>>| {
        let columns = vec![Column::new("id", Type::Int8, false), Column::new("note", Type::Text, true)];
        let (upserts, schema) = (key.is_some(), Arc::new(Schema::table(columns, key)));
        let relation = SourceRelation { name: RelationName::public(name), schema, upserts };
        FeedTable { relation, oid, type_oids: vec![20, 25] }
    };
    [table("orders", 7, Some(vec![0])), table("log", 8, None)]
});

/// What a server says first: both relations, and that a transaction begins.
const OPENING: &[&[u8]] = &[
    b"R\0\0\0\x07public\0orders\0d\0\x02\x01id\0\0\0\0\x14\xff\xff\xff\xff\0note\0\0\0\0\x19\xff\xff\xff\xff",
    b"R\0\0\0\x08public\0log\0f\0\x02\x01id\0\0\0\0\x14\xff\xff\xff\xff\x01note\0\0\0\0\x19\xff\xff\xff\xff",
    b"B\0\0\0\0\0\0\0\x01\0\0\0\0\0\x0f\x42\x40\0\0\0\x09",
];

fuzz_target!(|input: &[u8]| {
    let mut rehearsal = Rehearsal::new(&*TABLES);
    for message in OPENING {
        rehearsal.take(message).expect("an honest message");
    }
    let mut rest = input;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (message, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)).min(behind.len()));
        rest = behind;
        match rehearsal.take(message) {
            Ok(Some(tick)) => check(&tick),
            Ok(None) => {}
            Err(_) => return,
        }
    }
});

fn check(tick: &Tick) {
    for (relation, batch) in &tick.batches {
        match batch {
            Batch::Rows(rows) => rows.iter().for_each(|(row, ..)| check_row(*relation, row)),
            Batch::Upserts(upserts) => upserts.iter().for_each(|upsert| match &upsert.kind {
                UpsertKind::Put(row) => check_row(*relation, row),
                UpsertKind::PutPartial(partial) => check_row(*relation, &partial.row),
                UpsertKind::Delete => assert!(upsert.key.check(1)),
                UpsertKind::Truncate => {}
            }),
        }
    }
}

fn check_row(relation: RelationId, row: &Row) {
    assert!(row.check(TABLES[relation.0].type_oids.len()), "{row:?}");
}
