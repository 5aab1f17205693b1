//! What only the Postgres table has: who may write it, what it may look like, values of every type, what becomes of it meanwhile.

mod lost;
mod refused;
mod rows;
mod values;

use super::contract::{Running, open};
use super::model::{self, Model, Random};
use super::target::{PostgresTarget, Target, postgres_sink, read_product};
use crate::support::postgres::{Database, Postgres};
use crate::support::server::Ending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate::sink::runner::Settings;
use tidegate::sink::{Delivery, KeyedChange, Mark, Owner, Sink, SinkError, SinkView};
use tidegate::value::{Row, Time};

/// A delivery of puts and deletes.
fn delivery(keyed: Vec<(Row, KeyedChange)>, frontier: Time, first: bool) -> Delivery {
    let mark = Mark { frontier: Some(frontier), owner: Owner::Run("r".into()), view: "v".into() };
    Delivery { keyed, changes: Vec::new(), frontier: Some(frontier), first, mark }
}

/// A delivery to `product`: each id with its name, or `None` to delete it.
fn product(writes: &[(i64, Option<&str>)], frontier: Time, first: bool) -> Delivery {
    let change = |(id, name): &(i64, Option<&str>)| {
        let key = Row::pack(&model::row(*id, "").unpack()[..1]);
        (key, name.map_or(KeyedChange::Delete, |name| KeyedChange::Put(model::row(*id, name))))
    };
    delivery(writes.iter().map(change).collect(), frontier, first)
}

/// A sink of this configuration for this view.
fn sink(database: &Database, view: SinkView, config: &str) -> tidegate::sink::postgres::Postgres {
    let config = format!("view = 'v'\nurl = '{}'\n{config}", database.url);
    tidegate::sink::postgres::Postgres::new("table", toml::from_str(&config).expect("well-formed"), view)
        .expect("a valid configuration")
}

/// Of two writers that know the same mark the slower one is refused, and writes nothing.
#[test]
fn a_slow_writer_is_fenced() {
    let target = PostgresTarget::new();
    let (mut slow, mut fast) = (target.sink(), target.sink());
    let refused = |sink: &mut dyn Sink, delivery: &Delivery| {
        let error = sink.apply(delivery).expect_err("somebody else was faster");
        assert!(matches!(&error, SinkError::Transient(text) if text.contains("meanwhile")), "{error}");
    };
    let shown = || {
        let (frontier, content) = target.read().expect("a mark");
        (frontier, content.into_keys().collect::<Vec<_>>())
    };
    // Without any mark, with one, and with nothing but a mark to write.
    for (turn, rows) in [(1, true), (2, true), (3, false)] {
        open(slow.as_mut());
        open(fast.as_mut());
        let writes: &[(i64, Option<&str>)] = if rows { &[(turn, Some("fast"))] } else { &[] };
        fast.apply(&product(writes, 10 * turn as Time, false)).expect("nobody was faster");
        refused(slow.as_mut(), &product(&[(100 + turn, Some("slow"))], 10 * turn as Time + 1, turn == 1));
        assert_eq!(shown(), (Some(10 * turn as Time), (1..=turn.min(2)).collect::<Vec<_>>()));
    }
    // Having seen what the other wrote it may go on, and then it is the other that is slow.
    open(slow.as_mut());
    slow.apply(&product(&[(4, Some("slow"))], 40, false)).expect("nobody was faster");
    refused(fast.as_mut(), &product(&[(5, Some("fast"))], 50, false));
    assert_eq!(shown(), (Some(40), vec![1, 2, 4]));
}

/// A transaction that has begun is waited for, and then found to be a stranger's.
#[test]
fn a_writer_waits_for_the_one_before() {
    let target = PostgresTarget::new();
    let mut sink = target.sink();
    open(sink.as_mut());
    sink.apply(&product(&[(1, Some("a"))], 10, true)).expect("nobody else is there");
    let other = target.database.another();
    other.execute("BEGIN; UPDATE tidegate_marks SET mark = '{}'; INSERT INTO product VALUES (2)");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let result = sink.apply(&product(&[(3, Some("c"))], 20, false));
            done.store(true, Ordering::Release);
            result
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!done.load(Ordering::Acquire), "it does not wait");
        other.execute("COMMIT");
        assert!(matches!(waiting.join().expect("no panic"), Err(SinkError::Transient(_))));
    });
    assert_eq!(target.database.value("SELECT string_agg(id::text, ',') FROM product"), "1,2");
}

/// A load is there as a whole or not at all; what differs afterwards is written alone.
#[test]
fn a_hundred_thousand_rows() {
    const ROWS: i64 = 100_000;
    let target = PostgresTarget::new();
    let mut model = Model::new();
    let names: Vec<String> = (0..ROWS).map(|id| format!("name {id}\t\\N")).collect();
    let writes: Vec<(i64, Option<&str>)> = (0..ROWS).zip(&names).map(|(id, name)| (id, Some(name.as_str()))).collect();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&writes));
    while running.progress.frontier() != Some(Some(model.frontier())) {
        let seen = target.read();
        assert!(seen.as_ref().is_none_or(|(_, rows)| rows.len() as i64 == ROWS), "a part of the load is seen");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    assert_eq!(target.written(), ROWS as u64);
    // Somebody was here, and the view is another by now.
    target.database.execute(
        "ALTER TABLE product DISABLE TRIGGER written; UPDATE product SET stock = -1 WHERE id % 1000 = 0;
         DELETE FROM product WHERE id % 1000 = 1; INSERT INTO product SELECT -i FROM generate_series(1, 50) i;
         ALTER TABLE product ENABLE TRIGGER written",
    );
    let changed: Vec<(i64, Option<&str>)> = (0..ROWS).step_by(500).map(|id| (id + 2, Some(""))).collect();
    model.step(&changed);
    let mut model = model.restarted();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[]));
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    assert_eq!(target.written(), ROWS as u64 + 100 + 100 + 200);
    // Most of it goes in one step.
    let deletes: Vec<(i64, Option<&str>)> = (100..ROWS).map(|id| (id, None)).collect();
    let mut model = model.restarted();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[]));
    running.send(model.step(&deletes));
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    assert_eq!(target.database.value("SELECT count(*) FROM product"), "100");
}

/// Sessions are ended and the server is killed at random moments, within small deliveries and within large ones: what can be
/// seen is one frontier's content at any time, and nothing that was acknowledged is lost.
#[test]
fn cut_at_any_moment() {
    let mut random = Random::seeded(23);
    for programs in Postgres::installed_and_newest_programs() {
        let options = crate::support::postgres::Options {
            programs: Some(programs),
            settings: vec!["synchronous_commit = on".into()],
            ..Default::default()
        };
        let server = Postgres::start_with(options);
        let mut database = server.create_database();
        let mut model = Model::new();
        let running = Running::start(Box::new(postgres_sink(&database.url, "")), Settings::default());
        running.send(model.step(&[(0, Some("first"))]));
        running.wait(model.frontier());
        for round in 0..24 {
            let rows = if round % 3 == 0 { 6_000 } else { 40 };
            let name = format!("round {round}");
            let writes: Vec<(i64, Option<&str>)> =
                (0..rows).map(|id| (id, (random.below(4) > 0).then_some(name.as_str()))).collect();
            let acknowledged = model.frontier();
            running.send(model.step(&writes));
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
            if round % 8 == 7 {
                server.stop(if round % 16 == 7 { Ending::Kill } else { Ending::Orderly });
                server.restart();
                database = server.database(&database.name);
            } else {
                database.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidegate'",
                );
            }
            let (frontier, content) = read_product(&database).expect("a mark");
            let frontier = frontier.expect("no end was told");
            assert!(frontier >= acknowledged, "{round}: {frontier} is before {acknowledged}");
            assert_eq!(Some(content), model.at(frontier), "{round}");
            running.wait(model.frontier());
        }
        running.end().expect("nothing fails");
        assert_eq!(read_product(&database), Some((Some(model.frontier()), model.content())));
    }
}
