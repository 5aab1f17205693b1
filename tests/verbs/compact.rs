//! `tidegate store compact`: what is long past is merged, and nothing of it is another afterwards.

use super::{CONFIG, VIEWS, ask};
use crate::support::program::ViewSet;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;
use tidegate::failpoint;
use tidegate::store::{Opened, Relation, Source, Store};
use tidegate::timeline::{Batch, RelationId, Rereads, SourceId, Tick, Upsert, UpsertKind};
use tidegate::value::{Datum, RelationName, Row, Time};

const MINUTE: Time = 60_000_000;
const BEGIN: Time = 1_700_000_000_000_000;

fn sources() -> Vec<Source> {
    let relation = Relation {
        id: RelationId(0),
        name: RelationName::public("t"),
        key: Some(vec![0]),
        columns: vec!["id".to_owned(), "minute".to_owned()],
        made_of: Vec::new(),
        history: 0,
        expiry: None,
    };
    let (id, relations) = (SourceId(0), vec![relation]);
    vec![Source { id, name: "shop".into(), keeps_times: false, rereads: Rereads::Relations, relations }]
}

fn tick(time: Time, ids: std::ops::Range<i64>, minute: i64) -> Tick {
    let put = |id: i64| Upsert {
        key: Row::pack(&[Datum::Int8(id)]),
        time,
        sequence: id as u64,
        kind: UpsertKind::Put(Row::pack(&[Datum::Int8(id), Datum::Int8(minute)])),
    };
    Tick::new(SourceId(0), vec![(RelationId(0), Batch::Upserts(ids.map(put).collect()))], Some(time + 1))
}

/// What the store's rows add up to, how many changes tell that, and how far it goes.
fn read(directory: &Path) -> (BTreeMap<Row, Row>, usize, Time) {
    let Opened { store, resumes, .. } = Store::open(directory, &sources()).expect("a store");
    let (mut rows, mut changes) = (BTreeMap::new(), 0);
    let all = BTreeMap::from([(SourceId(0), 0)]);
    let replayed = store.replay(&all, &mut |tick| {
        for (_, batch) in tick.batches {
            let Batch::Upserts(writes) = batch else { panic!("rows of a table with a key") };
            changes += writes.len();
            for write in writes {
                let UpsertKind::Put(row) = write.kind else { panic!("nothing was deleted") };
                rows.insert(write.key, row);
            }
        }
        Ok(())
    });
    replayed.expect("a store that can be read");
    store.close().expect("a store that can be closed");
    (rows, changes, resumes[&SourceId(0)].frontier)
}

#[test]
fn what_is_long_past_is_merged() {
    let set = ViewSet::new(CONFIG, VIEWS);
    let compact = || ask(&set, "", &["store", "compact"], &[]);
    assert_eq!(compact(), (0, "there is no store yet: nothing to do\n".to_owned()));
    let directory = set.path().join("state");
    assert!(!directory.exists());

    // An hour in which the same rows change every minute, and a run in between that ended with its inputs.
    for minutes in [0..30, 30..60] {
        let Opened { store, .. } = Store::open(&directory, &sources()).expect("a store");
        for minute in minutes.clone() {
            store.append(&tick(BEGIN + minute as Time * MINUTE, 0..1000, minute)).expect("durable");
        }
        if minutes.start == 0 {
            store.append(&Tick::new(SourceId(0), Vec::new(), None)).expect("durable");
        }
        let (code, said) = compact();
        assert!(code == 80 && said.contains("in use by another process"), "{code}: {said}");
        store.close().expect("a store that can be closed");
    }
    let (rows, changes, frontier) = read(&directory);
    assert_eq!((rows.len(), changes), (1000, 60_000));
    let assert_is = |changes: usize| {
        let (now, told, reached) = read(&directory);
        assert!(now == rows && reached == frontier, "{} rows, {reached}", now.len());
        assert_eq!(told, changes);
    };

    let (code, said) = compact();
    assert!(code == 0 && said.contains("before: ") && said.contains("after: "), "{code}: {said}");
    // Ten minutes are kept as they were, and the last of those before is in between.
    assert_is(1000 + 10_000);
    let (code, _) = ask(&set, "", &["store", "verify"], &[]);
    assert_eq!(code, 0);
    assert_eq!(compact().0, 0);
    assert_is(1000 + 10_000);
}

/// At every moment of a merge it is killed once; what is merged grows between.
#[test]
fn killed_while_it_merges_it_changes_nothing() {
    let set = ViewSet::new(CONFIG, VIEWS);
    let directory = set.path().join("state");
    let moments = failpoint::ALL.iter().filter(|name| name.starts_with("merge.") || name.starts_with("manifest."));
    for (moment, name) in moments.enumerate() {
        let Opened { store, .. } = Store::open(&directory, &sources()).expect("a store");
        for minute in 30 * moment as i64..30 * (moment as i64 + 1) {
            store.append(&tick(BEGIN + minute as Time * MINUTE, minute % 7..100, minute)).expect("durable");
        }
        store.close().expect("a store that can be closed");
        let (rows, _, frontier) = read(&directory);
        // The manifest is written when the store is opened, and when it is merged.
        let count = if name.starts_with("manifest.") { ":2" } else { "" };
        let status =
            set.start_until(&["store", "compact"], "", &format!("{name}{count}")).wait(Duration::from_secs(30));
        assert_eq!(status.signal(), Some(9), "{name}");
        for _ in 0..2 {
            let (now, _, reached) = read(&directory);
            assert!(now == rows && reached == frontier, "{name}: {} rows, {reached}", now.len());
            assert_eq!(ask(&set, "", &["store", "verify"], &[]).0, 0, "{name}");
        }
    }
    assert_eq!(ask(&set, "", &["store", "compact"], &[]).0, 0);
}
