//! The contract that every sink passes on a real target (`src/sink/mod.rs`), through one door: steps go in, and at every
//! frontier the target must show what the steps fold to.

use super::model::{Content, Model, Random};
use super::target::{Target, all};
use crossbeam_channel::{Sender, unbounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tidegate::sink::runner::{self, ContentReader, Settings};
use tidegate::sink::{Beginning, Mark, Owner, Sink, SinkError, SinkProgress, Step};
use tidegate::value::Time;

/// A sink that runs.
pub(super) struct Running {
    steps: Option<Sender<Step>>,
    pub(super) progress: Arc<SinkProgress>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), SinkError>>,
}

impl Running {
    pub(super) fn start(sink: Box<dyn Sink>, settings: Settings) -> Running {
        let (steps, received) = unbounded();
        let (progress, stop) = (Arc::new(SinkProgress::default()), Arc::new(AtomicBool::new(false)));
        let (told, asked) = (progress.clone(), stop.clone());
        let thread = std::thread::spawn(move || runner::run(sink, received, &told, &asked, settings));
        Running { steps: Some(steps), progress, stop, thread }
    }

    pub(super) fn send(&self, step: Step) {
        // A sink that has given up tells so when it is joined.
        let _ = self.steps.as_ref().expect("not ended").send(step);
    }

    /// Steps that the sink has not taken.
    pub(super) fn waiting(&self) -> usize {
        self.steps.as_ref().expect("not ended").len()
    }

    /// Waits until a frontier is acknowledged.
    pub(super) fn wait(&self, frontier: Time) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !matches!(self.progress.frontier(), Some(at) if at.is_none_or(|at| at >= frontier)) {
            let (error, at) = (self.progress.error(), self.progress.frontier());
            assert!(Instant::now() < deadline, "frontier {frontier} was not acknowledged: at {at:?}, {error:?}");
            assert!(!self.thread.is_finished(), "the sink has ended: {error:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the steps and waits for the sink.
    pub(super) fn end(mut self) -> Result<(), SinkError> {
        self.steps = None;
        self.thread.join().expect("the sink does not panic")
    }

    pub(super) fn stop(mut self) -> Result<(), SinkError> {
        self.stop.store(true, Ordering::Relaxed);
        self.steps = None;
        self.thread.join().expect("the sink does not panic")
    }
}

/// Opens a sink whose target is there. A process that another test has just forked may hold a lock's file for an instant; a running
/// sink would try again, too.
pub(super) fn open(sink: &mut dyn Sink) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = sink.open() {
        assert!(matches!(error, SinkError::Transient(_)) && Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn shows(kind: &str, target: &dyn Target, what: &str, expected: &Content) {
    let (_, content) = target.read().unwrap_or_else(|| panic!("{kind}, {what}: the target shows nothing"));
    assert_eq!(&content, expected, "{kind}, {what}");
}

/// What to write in one step: keys with their new names, or `None` to delete.
type Writes = &'static [(i64, Option<&'static str>)];

/// Steps and what they are about.
const SCRIPTS: &[(&str, &[Writes])] = &[
    ("nothing at all", &[&[]]),
    ("a first load", &[&[(1, Some("a")), (2, Some("b")), (3, Some(""))]]),
    ("inserts after an empty first load", &[&[], &[(1, Some("a"))], &[(2, Some("b"))]]),
    ("updates", &[&[(1, Some("a")), (2, Some("b"))], &[(1, Some("c"))], &[(1, Some("d")), (2, Some(""))]]),
    ("deletes", &[&[(1, Some("a")), (2, Some("b"))], &[(1, None)], &[(2, None)]]),
    ("a key comes back", &[&[(1, Some("a"))], &[(1, None)], &[(1, Some("b"))], &[(1, None), (1, Some("c"))]]),
    ("a key comes and goes within a step", &[&[(1, Some("a"))], &[(2, Some("b")), (2, None)]]),
    ("a row is deleted and inserted as it was", &[&[(1, Some("a"))], &[(1, None), (1, Some("a"))]]),
    (
        "a row gets another key",
        &[&[(1, Some("a")), (2, Some("b"))], &[(1, None), (3, Some("a"))], &[(3, None), (2, Some("a"))]],
    ),
    ("frontiers without changes", &[&[(1, Some("a"))], &[], &[], &[(1, Some("b"))], &[]]),
    ("awkward text", &[&[(-1, Some("a \"b\" \\ {c}\n\t\u{1F30A}")), (i64::MAX, Some("null"))], &[(-1, Some("%"))]]),
];

#[test]
fn shows_every_frontier() {
    for (kind, target) in all() {
        for (what, script) in SCRIPTS {
            let mut model = Model::new();
            let running = Running::start(target.sink(), Settings::default());
            for writes in *script {
                running.send(model.step(writes));
                running.wait(model.frontier());
                if !writes.is_empty() || model.at(model.frontier()).is_some_and(|content| !content.is_empty()) {
                    shows(kind, target.as_ref(), what, &model.content());
                }
            }
            running.end().unwrap_or_else(|error| panic!("{kind}, {what}: {error}"));
            shows(kind, target.as_ref(), what, &model.content());
        }
    }
}

#[test]
fn tells_the_end_of_all_inputs() {
    for (kind, target) in all() {
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a"))]));
        running.send(Step { frontier: None, ..model.step(&[(2, Some("b"))]) });
        running.wait(Time::MAX);
        running.end().expect("nothing fails");
        assert_eq!(target.read(), Some((None, model.content())), "{kind}");
    }
}

#[test]
fn one_put_per_key_and_step() {
    for (kind, target) in all().into_iter().filter(|(kind, _)| kind.starts_with("redis") || *kind == "postgres") {
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a"))]));
        running.wait(model.frontier());
        let before = target.written();
        running.send(model.step(&[(1, Some("b")), (1, None), (1, Some("c")), (2, Some("d")), (2, None)]));
        running.wait(model.frontier());
        running.end().expect("nothing fails");
        let marks = u64::from(kind == "redis json");
        assert_eq!(target.written() - before, 1 + marks, "{kind}");
    }
}

#[test]
fn a_delivery_told_again_changes_nothing() {
    use tidegate::sink::{Delivery, KeyedChange};
    for (kind, target) in all().into_iter().filter(|(_, target)| target.is_kept()) {
        let mut sink = target.sink();
        let (key, row) = (|id: i64| super::model::row(id, ""), |id| super::model::row(id, "x"));
        let key = |id| tidegate::value::Row::pack(&key(id).unpack()[..1]);
        let delivery = |first| Delivery {
            keyed: if first {
                vec![(key(1), KeyedChange::Put(row(1))), (key(2), KeyedChange::Put(row(2)))]
            } else {
                vec![(key(3), KeyedChange::Put(row(3))), (key(2), KeyedChange::Delete)]
            },
            changes: Vec::new(),
            frontier: Some(if first { 10 } else { 20 }),
            first,
            mark: Mark { frontier: Some(if first { 10 } else { 20 }), owner: Owner::Run("r".into()), view: "v".into() },
        };
        for first in [true, true, false, false] {
            open(sink.as_mut());
            sink.apply(&delivery(first)).expect("the target is there");
            let (_, content) = target.read().expect("content");
            let expected: Vec<i64> = if first { vec![1, 2] } else { vec![1, 3] };
            assert_eq!(content.into_keys().collect::<Vec<_>>(), expected, "{kind}");
        }
    }
}

/// A second run finds keys that are right, changed, stale and missing, and writes only what differs.
#[test]
fn reconciles_at_start() {
    for (kind, target) in all().into_iter().filter(|(_, target)| target.is_kept()) {
        let mut model = Model::new();
        let names: Vec<String> = (0..3000).map(|id| format!("name {id}")).collect();
        let writes: Vec<(i64, Option<&str>)> = (0..3000).map(|id| (id as i64, Some(names[id].as_str()))).collect();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&writes));
        running.end().expect("nothing fails");
        shows(kind, target.as_ref(), "first run", &model.content());

        // What happens while no sink runs: one key goes, two change, three come.
        model.step(&[
            (7, None),
            (8, Some("new")),
            (9, Some("")),
            (3000, Some("a")),
            (3001, Some("b")),
            (3002, Some("c")),
        ]);
        let mut model = model.restarted();
        let before = target.written();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[]));
        running.end().expect("nothing fails");
        shows(kind, target.as_ref(), "second run", &model.content());
        let marks = u64::from(kind == "redis json");
        assert_eq!(target.written() - before, 5 + marks, "{kind}: 5 rows differ");

        // Nothing happened since: nothing is written.
        let mut model = model.restarted();
        let before = target.written();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[]));
        running.end().expect("nothing fails");
        shows(kind, target.as_ref(), "third run", &model.content());
        assert_eq!(target.written() - before, marks, "{kind}: nothing differs");
    }
}

/// A run of the same store tells again what the target has, from an earlier frontier on; only what it has not is written. Of
/// another store, or of a view that was changed, it is reconciled.
#[test]
fn goes_on_behind_its_mark() {
    for (kind, target) in all() {
        let settings = |store: &str, view: &str, told_again: Time| Settings {
            owner: Owner::Store(store.into()),
            view: view.into(),
            beginning: Arc::new(Beginning::between(0, told_again)),
            ..Settings::default()
        };
        let mut model = Model::new();
        let running = Running::start(target.sink(), settings("s", "v", 0));
        let since = model.frontier() + 10_000;
        for name in ["a", "b", "c"] {
            running.send(model.step(&[(1, Some(name)), (2, Some(name))]));
            running.wait(model.frontier());
        }
        running.end().expect("nothing fails");
        let marks = u64::from(kind == "redis json");

        let before = target.written();
        let running = Running::start(target.sink(), settings("s", "v", model.frontier()));
        model.replayed(since).into_iter().for_each(|step| running.send(step));
        running.send(model.step(&[(2, Some("d"))]));
        running.wait(model.frontier());
        running.end().expect("nothing fails");
        shows(kind, target.as_ref(), "the same store", &model.content());
        let changes = if kind == "jsonl" { 2 } else { 1 + marks };
        assert_eq!(target.written() - before, changes, "{kind}: only one row is new");

        // The store is an older copy of itself, or the store or the view is another.
        for (what, settings) in [
            ("ahead", settings("s", "v", 0)),
            ("s", settings("s", "w", 0)),
            ("t", settings("t", "w", 0)),
            ("run", Settings::default()),
        ] {
            let mut later = model.restarted();
            let running = Running::start(target.sink(), settings);
            running.send(later.step(&[(3, Some(what))]));
            running.wait(later.frontier());
            running.end().expect("nothing fails");
            shows(kind, target.as_ref(), "another store or view", &later.content());
            model = later;
        }
    }
}

/// Where nothing changes the target still learns how far it is up to date.
#[test]
fn empty_steps_move_the_mark() {
    for (kind, target) in all() {
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a"))]));
        running.wait(model.frontier());
        let before = target.written();
        running.send(model.step(&[]));
        let deadline = Instant::now() + Duration::from_secs(20);
        while target.read() != Some((Some(model.frontier()), model.content())) {
            assert!(Instant::now() < deadline, "{kind}: the target shows {:?}", target.read());
            std::thread::sleep(Duration::from_millis(10));
        }
        let marks = u64::from(kind == "redis json");
        assert_eq!(target.written() - before, marks, "{kind}");
        running.end().expect("nothing fails");
    }
}

/// While the target is away steps are taken and merged; when it is back it shows the latest frontier.
#[test]
fn survives_its_target() {
    for (kind, mut target) in all() {
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        running.send(model.step(&[(1, Some("a")), (2, Some("b"))]));
        running.wait(model.frontier());
        if !target.stop() {
            continue;
        }
        let names: Vec<String> = (0..200).map(|n| format!("name {n} {}", "x".repeat(100))).collect();
        for n in 0..20_000_i64 {
            // Few keys change for ever, and always another one comes and goes.
            let name = Some(names[n as usize % 200].as_str());
            running.send(model.step(&[(n % 50, name), (1000 + n, name), (1000 + n - 5, None)]));
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        while running.waiting() > 0 || running.progress.error().is_none() {
            let (waiting, error) = (running.waiting(), running.progress.error());
            assert!(Instant::now() < deadline, "{kind}: {waiting} steps wait for a dead target; {error:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let bytes = running.progress.pending_bytes.load(Ordering::Relaxed);
        assert!(bytes > 0 && bytes < 200_000, "{kind}: {bytes} bytes are held");
        target.restart();
        running.send(model.step(&[(2, Some("after"))]));
        running.wait(model.frontier());
        shows(kind, target.as_ref(), "after the target came back", &model.content());
        assert!(running.progress.retries.load(Ordering::Relaxed) > 0, "{kind}");
        running.end().expect("nothing fails");
    }
}

#[test]
fn a_dead_target_ends_a_stopped_sink() {
    for (kind, mut target) in all() {
        let mut model = Model::new();
        let settings = Settings { stop_patience: Duration::from_millis(300), ..Settings::default() };
        let running = Running::start(target.sink(), settings);
        running.send(model.step(&[(1, Some("a"))]));
        running.wait(model.frontier());
        if !target.stop() {
            continue;
        }
        running.send(model.step(&[(2, Some("b"))]));
        let begin = Instant::now();
        let result = running.stop();
        assert!(matches!(result, Err(SinkError::Transient(_))), "{kind}: {result:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{kind}");
        target.restart();
    }
}

/// A target with keys is away for as long as it likes: beyond the bound what waits is forgotten, and the difference written in the end.
#[test]
fn a_target_that_was_away_for_long_is_compared() {
    for (kind, mut target) in all() {
        if target.sink().key().is_none() {
            continue;
        }
        let model = Arc::new(Mutex::new(Model::new()));
        let step = |writes: &[(i64, Option<&str>)]| model.lock().expect("no panic").step(writes);
        // The content is read from the model while somebody waits for the sink.
        let now = || model.lock().map(|model| (model.frontier(), model.content())).expect("no panic");
        let read = model.clone();
        let content: ContentReader = Box::new(move |at_least| {
            let whole = read.lock().expect("no panic").whole();
            (at_least <= whole.frontier).then_some(whole)
        });
        let settings = Settings { pending_bytes: 100_000, content: Some(content), ..Settings::default() };
        let running = Running::start(target.sink(), settings);
        running.send(step(&[(1, Some("a")), (2, Some("b"))]));
        running.wait(now().0);
        if !target.stop() {
            continue;
        }
        let name = "x".repeat(500);
        for id in 0..1000 {
            running.send(step(&[(2, None), (id + 10, Some(&name))]));
            let most = running.progress.pending_bytes.load(Ordering::Relaxed);
            assert!(most < 200_000, "{kind}: {most} bytes wait");
            std::thread::sleep(Duration::from_micros(200));
        }
        target.restart();
        running.wait(now().0);
        shows(kind, target.as_ref(), "when it is back", &now().1);
        running.send(step(&[(3, Some("c"))]));
        running.wait(now().0);
        shows(kind, target.as_ref(), "after that", &now().1);
        running.end().expect("nothing fails");
    }
}

#[test]
fn gives_up_beyond_the_bound() {
    for (kind, mut target) in all() {
        let mut model = Model::new();
        let settings = Settings { pending_bytes: 100_000, ..Settings::default() };
        let running = Running::start(target.sink(), settings);
        running.send(model.step(&[(1, Some("a"))]));
        running.wait(model.frontier());
        if !target.stop() {
            continue;
        }
        let name = "x".repeat(500);
        for id in 0..1000 {
            running.send(model.step(&[(id, Some(&name))]));
            std::thread::sleep(Duration::from_micros(200));
        }
        let result = running.end();
        assert!(matches!(result, Err(SinkError::Operator(_))), "{kind}: {result:?}");
        target.restart();
    }
}

/// Random steps at random moments; whenever the target is read it shows one frontier's content, and at the end the last's.
#[test]
fn always_one_frontier() {
    let mut random = Random::seeded(20);
    for (kind, target) in all() {
        let mut model = Model::new();
        let running = Running::start(target.sink(), Settings::default());
        let (mut seen, mut steps) = (0, 0);
        while steps < 400 || seen <= 20 {
            steps += 1;
            assert!(steps < 20_000, "{kind}: the target was seen only {seen} times");
            let names: Vec<(i64, Option<String>)> = (0..random.below(12))
                .map(|_| (random.below(40) as i64, (random.below(3) > 0).then(|| format!("n{}", random.below(9)))))
                .collect();
            let writes: Vec<(i64, Option<&str>)> = names.iter().map(|(id, name)| (*id, name.as_deref())).collect();
            running.send(model.step(&writes));
            if random.below(8) == 0 {
                std::thread::sleep(Duration::from_millis(random.below(12)));
            }
            if random.below(4) == 0
                && let Some((Some(frontier), content)) = target.read()
            {
                seen += 1;
                let expected = model.at(frontier).unwrap_or_else(|| panic!("{kind}: {frontier} was never told"));
                assert_eq!(content, expected, "{kind} at {frontier}");
            }
        }
        running.wait(model.frontier());
        shows(kind, target.as_ref(), "at the end", &model.content());
        running.end().expect("nothing fails");
    }
}
