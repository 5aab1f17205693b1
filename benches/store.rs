//! What a store costs, and how fast it is read back: the log against writing and syncing the same bytes to a file, and the river with a
//! store against the one without.

use crate::Scale;
use crate::measure::{Stopwatch, percentile};
use crate::report::{Aim, Report};
use crate::river::{self, Told};
use crate::shop;
use crate::support::postgres::Database;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tidegate::store::{Opened, Relation, Source, Store};
use tidegate::timeline::{Batch, RelationId, Rereads, SourceId, Tick, Upsert, UpsertKind};
use tidegate::value::{Datum, RelationName, Row};

/// Rows in a tick of a snapshot.
const ROWS_PER_TICK: u64 = 50_000;
const BEGIN: u64 = 1_000_000_000;

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    log(scale, report);
    load(scale, report);
    in_the_river(scale, report);
}

fn source() -> Vec<Source> {
    let name = RelationName::public("orders");
    let relation = Relation {
        id: RelationId(0),
        name,
        key: Some(vec![0]),
        columns: vec!["id".into()],
        made_of: Vec::new(),
        history: 0,
        expiry: None,
    };
    vec![Source {
        id: SourceId(0),
        name: "shop".into(),
        keeps_times: false,
        rereads: Rereads::Relations,
        relations: vec![relation],
    }]
}

fn open(directory: &Path) -> Opened {
    Store::open(directory, &source()).unwrap_or_else(|error| panic!("{error}"))
}

/// About 125 bytes that compress by half.
fn write(id: u64, time: u64, sequence: u64) -> Upsert {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ sequence;
    let row = [
        Datum::Int8(id as i64),
        Datum::Int8((mixed >> 20) as i64),
        Datum::text(["pending", "shipped", "cancelled"][(mixed % 3) as usize]),
        Datum::text(format!("user{id:08}@example.com")),
        Datum::text(format!("{mixed:016x}")),
        Datum::Timestamptz(1_700_000_000_000_000 + (mixed % 1_000_000_007) as i64),
        Datum::text(format!("order note {}", mixed % 1000)),
    ];
    Upsert { key: Row::pack(&row[..1]), time, sequence, kind: UpsertKind::Put(Row::pack(&row)) }
}

fn tick(writes: Vec<Upsert>, frontier: u64) -> Tick {
    let mut tick = Tick::new(SourceId(0), vec![(RelationId(0), Batch::Upserts(writes))], Some(frontier));
    tick.positions.push(("wal".into(), format!("0/{frontier:X}")));
    tick
}

/// Ticks appended and synced, one after the other.
fn log(scale: Scale, report: &mut Report) {
    report.section("Ticks made durable, changes per second (baseline: their bytes written to a file and synced)");
    for changes in [1, 100, 2000] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let Opened { store, .. } = open(&directory.path().join("store"));
        let limit = Duration::from_secs(scale.pick(1, 3));
        let (begun, mut ticks) = (Instant::now(), 0);
        while begun.elapsed() < limit {
            let time = BEGIN + ticks;
            let writes = (0..changes).map(|n| write((ticks * changes + n) * 7919 % 1_000_000, time, n)).collect();
            store.append(&tick(writes, time + 1)).unwrap_or_else(|error| panic!("{error}"));
            ticks += 1;
        }
        let ours = (ticks * changes) as f64 / begun.elapsed().as_secs_f64();
        drop(store);
        let bytes = size(&directory.path().join("store")) / ticks;
        let mut file = File::create(directory.path().join("raw")).expect("our own directory");
        let (piece, begun, mut pieces) = (vec![7; bytes as usize], Instant::now(), 0);
        while begun.elapsed() < limit {
            file.write_all(&piece).and_then(|()| file.sync_data()).expect("our own file");
            pieces += 1;
        }
        let raw = (pieces * changes) as f64 / begun.elapsed().as_secs_f64();
        report.ratio(&format!("ticks of {changes}"), ours, raw, Aim::None);
    }
}

fn size(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).expect("our own directory").flatten();
    files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
}

/// A first load, merging it, and reading either back.
fn load(scale: Scale, report: &mut Report) {
    report.section("A table in a store");
    let rows: u64 = scale.pick(100_000, 2_000_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    let Opened { store, .. } = open(&path);
    let clock = Stopwatch::start();
    for (number, from) in (0..).zip((0..rows).step_by(ROWS_PER_TICK as usize)) {
        let writes = (from..(from + ROWS_PER_TICK).min(rows)).map(|id| write(id, number, id)).collect();
        let tick = Tick { snapshot: true, ..tick(writes, number + 1) };
        store.append(&tick).unwrap_or_else(|error| panic!("{error}"));
    }
    store.append(&tick(Vec::new(), BEGIN)).unwrap_or_else(|error| panic!("{error}"));
    report.figure("rows appended per CPU second, made up included", rows as f64 / clock.cost().cpu, None, Aim::None);
    store.close().unwrap_or_else(|error| panic!("{error}"));
    report.figure("bytes per row in the log", size(&path) as f64 / rows as f64, None, Aim::None);
    replayed(&path, rows, "rows read back from the log per CPU second", report);

    let Opened { store, .. } = open(&path);
    let clock = Stopwatch::start();
    while store.compact(BEGIN, 256 << 20).unwrap_or_else(|error| panic!("{error}")) {}
    report.figure("rows merged per CPU second", rows as f64 / clock.cost().cpu, None, Aim::None);
    store.close().unwrap_or_else(|error| panic!("{error}"));
    report.figure("bytes per row merged", size(&path) as f64 / rows as f64, None, Aim::None);
    replayed(&path, rows, "rows read back from the run per CPU second", report);
}

fn replayed(path: &Path, rows: u64, label: &str, report: &mut Report) {
    let clock = Stopwatch::start();
    let Opened { store, resumes, .. } = open(path);
    let mut read = 0;
    let below = resumes.into_iter().map(|(source, resume)| (source, resume.frontier)).collect();
    let replayed = store.replay(&below, &mut |tick| {
        for (_, batch) in &tick.batches {
            if let Batch::Upserts(writes) = batch {
                read += writes.len() as u64;
            }
        }
        Ok(())
    });
    replayed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read, rows);
    report.figure(label, rows as f64 / clock.cost().cpu, None, Aim::Least(500_000.0));
}

/// A join of three tables over a database that changes.
fn in_the_river(scale: Scale, report: &mut Report) {
    report.section("The river with a store (baseline: without)");
    let (orders, transactions) = scale.pick((20_000, 100), (200_000, 500));
    let server = shop::server();
    let database = shop::database(&server, orders);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("store");
    let [without, with] = [None, Some(store.as_path())].map(|store| measure(&database, orders, transactions, store));
    report.ratio("first load, rows per second", with.load, without.load, Aim::None);
    report.ratio("transactions of 100 changes, changes per second", with.drain, without.drain, Aim::Least(0.75));
    report.figure("commit to sink, p50 ms", with.p50, Some(without.p50), Aim::None);
    report.figure("commit to sink, p99 ms", with.p99, Some(without.p99), Aim::Most(without.p99 + 10.0));
    let begun = Instant::now();
    let (tell, told) = channel();
    let running = river::launch(&database.url, &shop::TABLES, shop::JOIN, Some(&store), nowhere(tell));
    told.recv().expect("the first content");
    report.figure(
        "restart: rows of the view per second",
        orders as f64 / begun.elapsed().as_secs_f64(),
        None,
        Aim::None,
    );
    running.shutdown().unwrap_or_else(|failure| panic!("{failure}"));
}

/// What one river did.
struct Measured {
    load: f64,
    drain: f64,
    p50: f64,
    p99: f64,
}

fn nowhere(tell: std::sync::mpsc::Sender<Told>) -> tidegate::engine::MakeSink {
    // Whoever measured may have gone.
    river::nowhere(move |told| _ = tell.send(told))
}

fn measure(database: &Database, orders: u64, transactions: u64, store: Option<&Path>) -> Measured {
    const CHANGES: u64 = 100;
    let (tell, told) = channel();
    let begun = Instant::now();
    let running = river::launch(&database.url, &shop::TABLES, shop::JOIN, store, nowhere(tell));
    told.recv().expect("the first content");
    let load = orders as f64 / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    for number in 0..transactions {
        let from = number * CHANGES % (orders - CHANGES);
        let to = from + CHANGES;
        database.execute(&format!("UPDATE orders SET quantity = quantity + 1 WHERE id >= {from} AND id < {to}"));
    }
    let mut changes = 0;
    while changes < transactions * CHANGES {
        changes += told.recv().expect("changes").changes as u64 / 2;
    }
    let drain = (transactions * CHANGES) as f64 / begun.elapsed().as_secs_f64();
    let mut took = Vec::new();
    for number in 0..300 {
        let begun = Instant::now();
        database.execute(&format!("UPDATE orders SET quantity = quantity + 1 WHERE id = {number}"));
        while told.recv().expect("a change").changes == 0 {}
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    running.shutdown().unwrap_or_else(|failure| panic!("{failure}"));
    Measured { load, drain, p50: percentile(took.clone(), 0.5), p99: percentile(took, 0.99) }
}
