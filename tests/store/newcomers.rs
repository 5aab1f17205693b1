//! Relations that come to a source later, and columns that are not read any more.

use super::disk::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::store::{Before, Lack, Opened, Relation, Source, Store, StoreError};
use tidegate::timeline::{Batch, RelationId, Rereads, SourceId, Tick};
use tidegate::value::{Datum, RelationName, Row, Time};

const SHOP: SourceId = SourceId(0);
const OLD: (RelationId, &str) = (RelationId(3), "old");
const NEW: (RelationId, &str) = (RelationId(1), "new");

fn open(disk: &Memory, relations: &[((RelationId, &str), &[&str])]) -> Opened {
    let relation = |((id, name), columns): &((RelationId, &str), &[&str])| {
        let columns = columns.iter().map(|column| column.to_string()).collect();
        Relation {
            id: *id,
            name: RelationName::public(*name),
            key: None,
            columns,
            made_of: Vec::new(),
            history: 0,
            expiry: None,
        }
    };
    let relations = relations.iter().map(relation).collect();
    let source = Source { id: SHOP, name: "shop".into(), keeps_times: false, rereads: Rereads::Relations, relations };
    Store::open_on(Arc::new(disk.clone()), &[source]).expect("a store")
}

fn tick((relation, _): (RelationId, &str), values: &[i64], time: Time, frontier: Time) -> Tick {
    let rows = values.iter().map(|value| (Row::pack(&[Datum::Int8(*value)]), time, 1)).collect();
    Tick::new(SHOP, vec![(relation, Batch::Rows(rows))], Some(frontier))
}

/// What the store holds, by relation.
fn told(store: &Store, below: Time) -> BTreeMap<RelationId, Vec<i64>> {
    let mut told: BTreeMap<RelationId, Vec<i64>> = BTreeMap::new();
    let replayed = store.replay(&BTreeMap::from([(SHOP, below)]), &mut |tick| {
        for (relation, batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("there are no keys") };
            let values = rows.iter().map(|(row, ..)| match row.unpack().as_slice() {
                [Datum::Int8(value)] => *value,
                other => panic!("{other:?}"),
            });
            told.entry(relation).or_default().extend(values);
        }
        Ok(())
    });
    replayed.expect("readable");
    told.values_mut().for_each(|values| values.sort_unstable());
    told
}

#[test]
fn a_newcomer_is_there_once_it_is_complete() {
    let disk = Memory::default();
    let Opened { store, .. } = open(&disk, &[(OLD, &["a", "b"])]);
    store.append(&Tick { snapshot: true, ..tick(OLD, &[1], 0, 1) }).expect("taken");
    store.append(&tick(OLD, &[2], 10, 11)).expect("taken");
    drop(store);
    let both: &[((RelationId, &str), &[&str])] = &[(OLD, &["a", "b"]), (NEW, &["c"])];
    let lacks_new = |lacks: &BTreeMap<SourceId, Lack>| lacks[&SHOP] == Lack::Relations(vec![(NEW.0, None)]);

    // Half of it came, twice; the rest goes on.
    for half in 0..2 {
        let Opened { store, resumes, lacks, relations, .. } = open(&disk, both);
        assert!(lacks_new(&lacks) && resumes[&SHOP].frontier == 11 + half && relations[&NEW.0].since.is_none());
        assert_eq!(told(&store, 20), BTreeMap::from([(OLD.0, (1..3 + half as i64).collect())]));
        store.append(&tick(NEW, &[99], 30, 11 + half)).expect("taken");
        store.append(&tick(OLD, &[3 + half as i64], 11 + half, 12 + half)).expect("taken");
    }
    let Opened { store, lacks, .. } = open(&disk, both);
    assert!(lacks_new(&lacks));
    store.append(&tick(NEW, &[7], 30, 13)).expect("taken");
    store.append(&Tick { completes: true, ..tick(NEW, &[8], 30, 31) }).expect("taken");
    store.append(&tick(NEW, &[9], 40, 41)).expect("taken");
    drop(store);
    let expected = BTreeMap::from([(OLD.0, vec![1, 2, 3, 4]), (NEW.0, vec![7, 8, 9])]);
    for below in [0, 13, 35, 41] {
        let Opened { store, lacks, relations, .. } = open(&disk, both);
        assert!(lacks.is_empty());
        assert_eq!((relations[&NEW.0].since, relations[&OLD.0].since), (Some(31), Some(0)));
        assert_eq!(told(&store, below), expected, "{below}");
        if below == 35 {
            while store.compact(Time::MAX, 1).expect("merged") {}
        }
    }
    let files = disk.files();
    assert!(files.keys().filter(|name| name.starts_with("run-")).count() == 2, "{:?}", files.keys());

    // Fewer columns: the same rows, of which one column means nothing any more; it is not taken for known again.
    let Opened { store, lacks, relations, .. } = open(&disk, &[(OLD, &["b"])]);
    assert!(lacks.is_empty());
    assert_eq!(relations[&OLD.0].columns, [None, Some("b".to_owned())]);
    assert_eq!(told(&store, 41), BTreeMap::from([(OLD.0, vec![1, 2, 3, 4])]));
    drop(store);
    let Opened { lacks, .. } = open(&disk, both);
    let lacking = vec![(OLD.0, Some(vec!["b".to_owned()])), (NEW.0, None)];
    assert_eq!(lacks[&SHOP], Lack::Relations(lacking));
}

const SUMS: SourceId = SourceId(1);
const SUM: RelationId = RelationId(8);

/// The table with these columns, and what a view of that meaning makes of it.
fn open_made(disk: &Memory, columns: &[&str], meaning: &str) -> Result<Opened, StoreError> {
    let relation = |id, name: RelationName, columns: &[&str], made_of| Relation {
        id,
        name,
        key: None,
        columns: columns.iter().map(|column| column.to_string()).collect(),
        made_of,
        history: 0,
        expiry: None,
    };
    let source = |id, name: &str, relation| Source {
        id,
        name: name.into(),
        keeps_times: id == SHOP,
        rereads: Rereads::Relations,
        relations: vec![relation],
    };
    let table = relation(OLD.0, RelationName::public(OLD.1), columns, Vec::new());
    let name = RelationName { schema: "view sums".into(), name: "kept 1".into() };
    let sources = [source(SHOP, "shop", table), source(SUMS, "sums", relation(SUM, name, &[meaning], vec![OLD.0]))];
    Store::open_on(Arc::new(disk.clone()), &sources)
}

/// What a view made of a table stays when other columns of that come to be read: it is told what the table was until the rows of now
/// have come, and until these are merged.
#[test]
fn what_was_made_of_a_table_outlives_its_being_read_again() {
    let disk = Memory::default();
    let open = |columns: &[&str]| open_made(&disk, columns, "sum of a").expect("a store");
    let made = |value: i64, time| Tick { source: SUMS, ..tick((SUM, "sum"), &[value], time - 1, time) };
    let Opened { store, .. } = open(&["a"]);
    store.append(&Tick { snapshot: true, ..tick(OLD, &[1], 0, 1) }).expect("taken");
    store.append(&tick(OLD, &[2], 10, 11)).expect("taken");
    store.append(&made(3, 11)).expect("taken");
    drop(store);
    // Nothing is merged: it can be made again, but not with a table that is read again.
    let other = open_made(&disk, &["a", "b"], "sum of b").err();
    assert!(matches!(other, Some(StoreError::Loses { .. })), "{other:?}");
    let files = disk.files();
    assert!(open_made(&Memory::of(&files), &["a"], "sum of other").is_ok());
    let Opened { store, .. } = open(&["a"]);
    while store.compact(Time::MAX, 1).expect("merged") {}
    store.append(&tick(OLD, &[3], 20, 21)).expect("taken");
    drop(store);
    let table = |store: &Store| {
        let mut told = told(store, 0);
        told.remove(&SUM);
        told
    };

    // It is begun to be read twice, and comes once.
    let was = Before { id: RelationId(9), of: OLD.0 };
    for attempt in 0..2 {
        let Opened { store, lacks, before, resumes, .. } = open(&["a", "b"]);
        assert!(matches!(lacks[&SHOP], Lack::Relations(_)) && !lacks.contains_key(&SUMS), "{lacks:?}");
        assert_eq!((before[&SUM].as_slice(), resumes[&SUMS].frontier), (&[was][..], 11));
        assert_eq!(table(&store), BTreeMap::from([(was.id, vec![1, 2, 3])]));
        store.append(&tick(OLD, &[7], 30, 21 + attempt)).expect("taken");
    }
    let Opened { store, .. } = open(&["a", "b"]);
    let gone = [1, 2, 3].map(|value| (Row::pack(&[Datum::Int8(value)]), 30, -1)).to_vec();
    let mut complete = Tick { completes: true, ..tick(OLD, &[8, 9], 30, 31) };
    complete.batches.push((was.id, Batch::Rows(gone)));
    store.append(&complete).expect("taken");
    drop(store);
    // It may be read again before that was merged: then there is more that it was.
    let Opened { store, lacks, before, .. } = open(&["a", "b"]);
    assert!(lacks.is_empty() && before[&SUM] == [was], "{before:?}");
    assert_eq!(table(&store), BTreeMap::from([(was.id, vec![1, 1, 2, 2, 3, 3]), (OLD.0, vec![8, 9])]));
    drop(store);
    let Opened { store, before, .. } = open(&["c", "a"]);
    let more = Before { id: RelationId(10), ..was };
    assert_eq!(before[&SUM], [was, more]);
    assert_eq!(table(&store)[&more.id], [8, 9]);
    let gone = [8, 9].map(|value| (Row::pack(&[Datum::Int8(value)]), 40, -1)).to_vec();
    let mut complete = Tick { completes: true, ..tick(OLD, &[10], 40, 41) };
    complete.batches.push((more.id, Batch::Rows(gone)));
    store.append(&complete).expect("taken");
    store.append(&made(17, 31)).expect("taken");
    while store.compact(Time::MAX, 1).expect("merged") {}
    drop(store);
    // Up to where it is merged, what was before that is of no use.
    let Opened { store, before, .. } = open(&["c", "a"]);
    assert_eq!((before[&SUM].len(), before[&SUM][0].of), (2, OLD.0));
    store.append(&made(10, 41)).expect("taken");
    store.append(&tick(OLD, &[], 0, 51)).expect("taken");
    while store.compact(Time::MAX, 1).expect("merged") {}
    drop(store);
    let Opened { store, before, lacks, .. } = open(&["c", "a"]);
    assert!(lacks.is_empty() && before.is_empty(), "{before:?}");
    assert_eq!(table(&store), BTreeMap::from([(OLD.0, vec![10])]));
    drop(store);

    // Of another meaning it would be lost.
    let other = open_made(&disk, &["c", "a"], "sum of c").err();
    assert!(matches!(other, Some(StoreError::Loses { .. })), "{other:?}");
}
