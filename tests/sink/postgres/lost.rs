//! Tables that are no longer what they were: the whole content is given again, or an operator is called.

use super::super::contract::Running;
use super::super::model::Model;
use super::super::target::{PostgresTarget, Target};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate::sink::SinkError;
use tidegate::sink::runner::{ContentReader, Settings};

/// How a table loses what it had, and whether it is noticed though nothing changes in the view but the frontier.
const LOSSES: &[(&str, &str)] = &[
    (
        "an older state is restored",
        "BEGIN; TRUNCATE product; INSERT INTO product SELECT * FROM saved_product; TRUNCATE tidegate_marks;
         INSERT INTO tidegate_marks SELECT * FROM saved_marks; COMMIT",
    ),
    ("it is emptied", "TRUNCATE product"),
    ("it is dropped", "DROP TABLE product"),
    (
        "it is dropped and made again",
        "DROP TABLE product; CREATE TABLE product (id int8 PRIMARY KEY, name text, stock int)",
    ),
    ("all is dropped", "DROP TABLE product, tidegate_marks"),
    (
        "another program writes as this sink",
        "UPDATE tidegate_marks SET mark = '{\"frontier\":1,\"run\":\"another\",\"view\":\"another\"}'; DELETE FROM product WHERE id = 1",
    ),
    ("its mark is no mark", "UPDATE tidegate_marks SET mark = '{}'; UPDATE product SET name = 'theirs'"),
];

#[test]
fn is_noticed_and_mended() {
    for (what, loss) in LOSSES {
        for (readable, quiet) in [(true, false), (true, true), (false, false)] {
            check(what, loss, readable, quiet);
        }
    }
}

fn check(what: &str, loss: &str, readable: bool, quiet: bool) {
    let target = PostgresTarget::new();
    let model = Arc::new(Mutex::new(Model::new()));
    let step = |writes: &[(i64, Option<&str>)]| model.lock().expect("no panic").step(writes);
    let read = model.clone();
    let content: ContentReader = Box::new(move |at_least| {
        let whole = read.lock().expect("no panic").whole();
        (at_least <= whole.frontier).then_some(whole)
    });
    let settings = Settings { content: readable.then_some(content), ..Settings::default() };
    let running = Running::start(target.sink(), settings);
    let tell = |writes: &[(i64, Option<&str>)]| {
        let step = step(writes);
        let frontier = step.frontier.unwrap_or_default();
        running.send(step);
        frontier
    };
    running.wait(tell(&[(1, Some("a")), (2, Some("b"))]));
    target
        .database
        .execute("CREATE TABLE saved_product AS TABLE product; CREATE TABLE saved_marks AS TABLE tidegate_marks");
    running.wait(tell(&[(2, None), (3, Some("c"))]));
    target.database.execute(loss);
    let frontier = tell(if quiet { &[] } else { &[(4, Some("d"))] });
    if !readable {
        let result = running.end();
        assert!(matches!(result, Err(SinkError::Operator(_))), "{what}: {result:?}");
        let shown = target.read().map(|(_, content)| content).unwrap_or_default();
        assert!(!shown.contains_key(&4), "{what}: what was not known to fit was written");
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while target.read().is_none_or(|(at, _)| at < Some(frontier)) {
        assert!(Instant::now() < deadline, "{what}: {:?}", running.progress.error());
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = || model.lock().expect("no panic").content();
    assert_eq!(target.read().map(|(_, content)| content), Some(expected()), "{what}");
    tell(&[(1, None), (5, Some("e"))]);
    running.end().expect("nothing fails");
    assert_eq!(target.read().map(|(_, content)| content), Some(expected()), "{what}");
}

/// A table that was only rewritten is the same one.
#[test]
fn a_rewritten_table_is_gone_on_with() {
    let target = PostgresTarget::new();
    let mut model = Model::new();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[(1, Some("a"))]));
    running.wait(model.frontier());
    target.database.execute("VACUUM FULL product");
    let written = target.written();
    running.send(model.step(&[(2, Some("b"))]));
    running.wait(model.frontier());
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    assert_eq!(target.written() - written, 1);
}

/// A run of the same store goes on behind the mark, but not if somebody has emptied the table meanwhile.
#[test]
fn an_emptied_table_is_filled_at_start() {
    use tidegate::sink::Owner;
    let target = PostgresTarget::new();
    let settings = || Settings { owner: Owner::Store("s".into()), view: "v".into(), ..Settings::default() };
    let mut model = Model::new();
    let running = Running::start(target.sink(), settings());
    let since = model.frontier() + 10_000;
    running.send(model.step(&[(1, Some("a"))]));
    running.send(model.step(&[(2, Some("b"))]));
    running.end().expect("nothing fails");
    target.database.execute("TRUNCATE product");
    let running = Running::start(target.sink(), settings());
    model.replayed(since).into_iter().for_each(|step| running.send(step));
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
}
