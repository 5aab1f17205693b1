//! Relations that come to a source later, and columns that are not read any more.

use super::disk::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::store::{Lack, Opened, Relation, Source, Store};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
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
    let source = Source { id: SHOP, name: "shop".into(), keeps_times: false, takes_newcomers: true, relations };
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
        let Opened { store, resumes, lacks, relations } = open(&disk, both);
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
