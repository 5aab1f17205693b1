//! `deploy = "swap"`: a new index beside the old, readers switched when it is whole, sent back and forth, and what crashes and
//! indexes from before leave.

use super::contract::{Running, open};
use super::model::{Content, Model, row};
use super::target::{SearchTarget, TantivyTarget, Target};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::sink::runner::Settings;
use tidegate::sink::{
    Beginning, Delivery, KeyedChange, Mark, Owner, Shown, Sink, SinkError, Step, opensearch, tantivy,
};
use tidegate::value::{RelationName, Row, Time};

/// A target with generations.
trait Swapped: Target {
    fn roll_back(&self, undo: bool) -> Result<Shown, SinkError>;

    /// The generations there are.
    fn generations(&self) -> Vec<String>;
}

impl Swapped for TantivyTarget {
    fn roll_back(&self, undo: bool) -> Result<Shown, SinkError> {
        tantivy::roll_back(&self.config(), undo)
    }

    fn generations(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("a directory").flatten();
        let directories = entries.filter(|entry| entry.path().is_dir());
        let plain = self.path().join("meta.json").exists().then(|| ".".to_string());
        directories.map(|entry| entry.file_name().to_string_lossy().into_owned()).chain(plain).collect()
    }
}

impl Swapped for SearchTarget {
    fn roll_back(&self, undo: bool) -> Result<Shown, SinkError> {
        opensearch::roll_back(&self.config_with(""), &RelationName::public("product"), undo)
    }

    fn generations(&self) -> Vec<String> {
        let names: Vec<String> = self.server.state().cluster.indices.keys().cloned().collect();
        names.into_iter().filter(|name| name != "tidegate-marks").collect()
    }
}

fn all() -> Vec<(&'static str, Box<dyn Swapped>)> {
    vec![
        ("tantivy", Box::new(TantivyTarget::new().with_generations())),
        ("opensearch", Box::new(SearchTarget::new().with_generations())),
    ]
}

/// A run under a definition, with a store that tells again what was up to a frontier.
fn settings(definition: &str, told_again: Time) -> Settings {
    Settings {
        owner: Owner::Store("s".into()),
        view: definition.into(),
        beginning: Arc::new(Beginning::between(0, told_again)),
        ..Settings::default()
    }
}

/// Runs a sink until it has delivered these steps.
fn run(sink: Box<dyn Sink>, definition: &str, told_again: Time, steps: Vec<Step>) -> Result<(), SinkError> {
    let running = Running::start(sink, settings(definition, told_again));
    steps.into_iter().for_each(|step| running.send(step));
    running.end()
}

/// The first run under a definition, which shows one row of this name.
fn begin(target: &dyn Swapped, definition: &str, name: &str, after: Time) -> Model {
    let mut model = Model::new();
    while model.frontier() <= after {
        model.step(&[]);
    }
    let mut model = model.restarted();
    run(target.sink(), definition, 0, vec![model.step(&[(1, Some(name)), (2, Some(name))])]).expect("nothing fails");
    model
}

fn shows(model: &Model) -> Option<(Option<Time>, Content)> {
    Some((Some(model.frontier()), model.content()))
}

fn operator<T: std::fmt::Debug>(result: Result<T, SinkError>, words: &str) {
    assert!(matches!(&result, Err(SinkError::Operator(text)) if text.contains(words)), "{words}: {result:?}");
}

#[test]
fn readers_are_switched_sent_back_and_sent_forth() {
    for (kind, target) in all() {
        let target = target.as_ref();
        operator(target.roll_back(false), "generation");
        let mut one = begin(target, "one", "a", 0);
        operator(target.roll_back(false), "no generation before");
        operator(target.roll_back(true), "nothing to undo");
        assert_eq!((target.read(), target.generations().len()), (shows(&one), 1), "{kind}");

        // While the second is built, the first is what is read.
        let mut two = one.restarted();
        let running = Running::start(target.sink(), settings("two", 0));
        let first = two.step(&[(1, Some("b")), (3, Some("b"))]);
        while target.generations().len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(target.read(), shows(&one), "{kind}");
        running.send(first);
        running.wait(two.frontier());
        assert_eq!(target.read(), shows(&two), "{kind}");
        running.send(two.step(&[(4, Some("b"))]));
        running.end().expect("nothing fails");
        assert_eq!(target.read(), shows(&two), "{kind}");

        // Only the one before is kept.
        let mut three = begin(target, "three", "c", two.frontier());
        assert_eq!((target.read(), target.generations().len()), (shows(&three), 2), "{kind}");

        let shown = target.roll_back(false).expect("one is kept");
        assert_eq!(shown.frontier, Some(two.frontier()), "{kind}");
        assert_eq!(target.read(), shows(&two), "{kind}");
        operator(target.roll_back(false), "no generation before");
        operator(run(target.sink(), "three", 0, vec![three.step(&[])]), "tidegate rollback --undo");
        let note = target.sink().look().expect("it is there").and_then(|looked| looked.note);
        assert!(note.is_some_and(|note| note.contains("sent back from")), "{kind}");
        assert_eq!(target.read(), shows(&two), "{kind}");

        // Forth again, it goes on where it was.
        target.roll_back(true).expect("it is kept");
        let before = target.written();
        let mut told = three.replayed(three.frontier() - 10_000);
        told.push(three.step(&[(9, Some("d"))]));
        run(target.sink(), "three", three.frontier() - 10_000, told).expect("nothing fails");
        assert_eq!((target.read(), target.written() - before), (shows(&three), 1), "{kind}");

        // Back, and the definition is put back: what was kept goes on from its mark, too.
        target.roll_back(false).expect("it is kept");
        let since = two.frontier();
        two.step(&[(5, Some("e"))]);
        let before = target.written();
        run(target.sink(), "two", two.frontier(), two.replayed(since)).expect("nothing fails");
        assert_eq!((target.read(), target.written() - before), (shows(&two), 1), "{kind}");

        // Another definition takes the place of both, and what was rolled back is gone.
        one = begin(target, "four", "f", three.frontier());
        assert_eq!((target.read(), target.generations().len()), (shows(&one), 2), "{kind}");
        operator(target.roll_back(true), "nothing to undo");
    }
}

/// Without a rollback, too, the one before goes on from its mark, and only then it is what readers see.
#[test]
fn a_definition_that_is_put_back_goes_on() {
    for (kind, target) in all() {
        let target = target.as_ref();
        let mut one = begin(target, "one", "a", 0);
        let two = begin(target, "two", "b", one.frontier());
        let since = one.frontier();
        while one.frontier() < two.frontier() {
            one.step(&[(7, Some("g"))]);
        }
        let before = target.written();
        run(target.sink(), "one", one.frontier(), one.replayed(since)).expect("nothing fails");
        assert_eq!((target.read(), target.written() - before), (shows(&one), 1), "{kind}");
        assert_eq!(target.roll_back(false).expect("one is kept").frontier, Some(two.frontier()), "{kind}");
    }
}

/// A sink that runs while its readers are sent back ends and says why.
#[test]
fn a_sink_notices_that_its_readers_were_sent_back() {
    for (kind, target) in all() {
        let target = target.as_ref();
        let one = begin(target, "one", "a", 0);
        let mut two = one.restarted();
        let running = Running::start(target.sink(), settings("two", 0));
        running.send(two.step(&[(1, Some("b"))]));
        running.wait(two.frontier());
        target.roll_back(false).expect("one is kept");
        running.send(two.step(&[(1, Some("c"))]));
        operator(running.end(), "tidegate rollback --undo");
        assert_eq!(target.read(), shows(&one), "{kind}");
    }
}

/// What was begun under a definition that was given up before it was whole is removed.
#[test]
fn what_was_never_whole_is_not_kept() {
    for (kind, target) in all() {
        let target = target.as_ref();
        let one = begin(target, "one", "a", 0);
        for meaning in ["00000000000000aa", "00000000000000bb"] {
            let mut sink = target.sink();
            sink.set_meaning(meaning);
            open(sink.as_mut());
            assert_eq!((target.read(), target.generations().len()), (shows(&one), 2), "{kind}");
        }
        operator(target.roll_back(false), "no generation before");
        let mut one = one.restarted();
        run(target.sink(), "one", 0, vec![one.step(&[])]).expect("nothing fails");
        assert_eq!((target.read(), target.generations().len()), (shows(&one), 1), "{kind}");
    }
}

/// A sink of this meaning, and a delivery of its whole content.
fn sink_of(target: &dyn Swapped, meaning: &str) -> Box<dyn Sink> {
    let mut sink = target.sink();
    sink.set_meaning(meaning);
    sink
}

fn whole(name: &str, frontier: Time) -> Delivery {
    let put = |id: i64| (Row::pack(&row(id, "").unpack()[..1]), KeyedChange::Put(row(id, name)));
    Delivery {
        keyed: (0..20).map(put).collect(),
        changes: Vec::new(),
        frontier: Some(frontier),
        first: true,
        mark: Mark { frontier: Some(frontier), owner: Owner::Run("r".into()), view: "v".into() },
    }
}

fn content_of(name: &str) -> Content {
    (0..20).map(|id| (id, super::model::shown(&row(id, name)))).collect()
}

const OLD: &str = "00000000000000aa";
const NEW: &str = "00000000000000bb";

/// Whatever request a process dies at, executed or not: readers see one of the two, whole, and the next process ends the swap.
#[test]
fn a_swap_that_is_cut_at_any_request_is_ended() {
    const MOST: usize = 40;
    let dies_at = |at: usize, executed: bool| {
        let target = SearchTarget::new().with_generations();
        let sink = |meaning| {
            let mut sink = target.sink_with("settings = { gc_deletes = '1s' }");
            sink.set_meaning(meaning);
            sink
        };
        let deliver =
            |sink: &mut dyn Sink, name, frontier| sink.open().and_then(|_| sink.apply(&whole(name, frontier)));
        for (meaning, name, frontier) in [("00000000000000cc", "oldest", 5), (OLD, "old", 10)] {
            deliver(sink(meaning).as_mut(), name, frontier).expect("nothing fails");
        }
        target.server.state().cut = Some((at, executed));
        let _ = deliver(sink(NEW).as_mut(), "new", 20);
        let is_over = target.server.state().cut.take().is_some();
        let (old, new) = (content_of("old"), content_of("new"));
        let seen = target.found();
        assert!(seen == old || seen == new, "cut at {at}: {seen:?}");
        let mut again = sink(NEW);
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = deliver(again.as_mut(), "new", 30) {
            assert!(matches!(error, SinkError::Transient(_)), "cut at {at}: {error}");
            assert!(Instant::now() < deadline, "cut at {at}, executed: {executed}: {error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!((target.found(), target.generations().len()), (new, 2), "cut at {at}");
        target.roll_back(false).expect("the old one is kept");
        assert_eq!(target.found(), old, "cut at {at}");
        is_over
    };
    let over: Vec<bool> = std::thread::scope(|scope| {
        let attempts = (0..MOST).flat_map(|at| [(at, false), (at, true)]);
        let threads: Vec<_> = attempts.map(|(at, executed)| scope.spawn(move || dies_at(at, executed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no assertion fails")).collect()
    });
    println!("{} of {} requests were cut", over.iter().filter(|over| !**over).count(), over.len());
    assert!(!over[0] && over[over.len() - 1], "the last request of a swap is among those cut");
}

/// The same for directories: the process ends when the index is made, when it is whole but not shown, and before what lost its
/// place is removed.
#[test]
fn a_swap_of_directories_that_is_interrupted_is_ended() {
    let target = TantivyTarget::new().with_generations();
    let shown = |name: &str| assert_eq!(target.read().map(|(_, content)| content), Some(content_of(name)));
    for (meaning, name, frontier) in [("00000000000000cc", "oldest", 5), (OLD, "old", 10)] {
        let mut sink = sink_of(&target, meaning);
        open(sink.as_mut());
        sink.apply(&whole(name, frontier)).expect("nothing fails");
    }
    let oldest = target.path().join("00000000000000cc");
    let copy = target.path().with_file_name("copy");
    fs::create_dir(&copy).expect("a directory");
    for entry in fs::read_dir(&oldest).expect("a directory").flatten() {
        fs::copy(entry.path(), copy.join(entry.file_name())).expect("a file");
    }
    // What is staged for the file that names generations cannot be written.
    let obstacle = target.path().join("generations.json.new");
    let obstruct = || fs::create_dir(&obstacle).expect("a directory");
    let clear = || fs::remove_dir(&obstacle).expect("a directory");

    obstruct();
    assert!(matches!(sink_of(&target, NEW).open(), Err(SinkError::Transient(_))));
    shown("old");
    clear();
    open(sink_of(&target, NEW).as_mut());
    shown("old");

    let mut sink = sink_of(&target, NEW);
    open(sink.as_mut());
    let search = target.search().expect("an index");
    obstruct();
    assert!(matches!(sink.apply(&whole("new", 20)), Err(SinkError::Transient(_))));
    drop(sink);
    shown("old");
    clear();

    // It is whole: readers are sent to it though there is nothing more to deliver.
    assert!(search.is_current());
    open(sink_of(&target, NEW).as_mut());
    shown("new");
    assert!(!search.is_current() && search.rows() == Ok(20));
    assert!(!oldest.exists());
    fs::rename(&copy, &oldest).expect("it can be moved");
    open(sink_of(&target, NEW).as_mut());
    assert!(!oldest.exists(), "what has no place is removed");
    target.roll_back(false).expect("the old one is kept");
    shown("old");
}

/// Nobody is sent to an index that was left amid a delivery.
#[test]
fn readers_are_not_sent_to_what_is_not_whole() {
    let target = SearchTarget::new().with_generations();
    for (meaning, name, frontier) in [(OLD, "old", 10), (NEW, "new", 20)] {
        let mut sink = sink_of(&target, meaning);
        sink.open().and_then(|_| sink.apply(&whole(name, frontier))).expect("nothing fails");
    }
    target.server.fail_items(|_, id| (id == "7").then_some((503, "unavailable_shards_exception", "away")));
    let mut sink = sink_of(&target, OLD);
    assert!(sink.open().and_then(|_| sink.apply(&whole("older", 30))).is_err());
    operator(target.roll_back(false), "is not whole");
    assert_eq!(target.found(), content_of("new"));
}

/// An index by the alias's own name gives way to the alias, but only if a sink has filled it.
#[test]
fn an_index_from_before_becomes_an_alias() {
    let target = SearchTarget::new();
    let mut sink = target.sink();
    sink.open().and_then(|_| sink.apply(&whole("old", 10))).expect("nothing fails");
    let target = target.with_generations();
    let mut sink = sink_of(&target, NEW);
    sink.open().expect("the stub answers");
    assert_eq!(target.found(), content_of("old"));
    sink.apply(&whole("new", 20)).expect("nothing fails");
    assert_eq!((target.found(), target.generations()), (content_of("new"), vec![format!("product-{NEW}")]));
    operator(target.roll_back(false), "no generation before");

    let target = SearchTarget::new().with_generations();
    target.server.state().cluster.create("product", &serde_json::json!({}), serde_json::json!({})).expect("an index");
    operator(sink_of(&target, NEW).open(), "no sink has filled");
}

/// An alias that somebody else has pointed to an index is taken over; the index stays.
#[test]
fn an_alias_from_before_is_taken_over() {
    let target = SearchTarget::new().with_generations();
    {
        let mut state = target.server.state();
        state.cluster.create("product-v1", &serde_json::json!({}), serde_json::json!({})).expect("an index");
        state.cluster.add_alias("product", "product-v1");
    }
    for (meaning, name, frontier) in [(OLD, "old", 10), (NEW, "new", 20)] {
        let mut sink = sink_of(&target, meaning);
        sink.open().and_then(|_| sink.apply(&whole(name, frontier))).expect("nothing fails");
    }
    assert_eq!((target.found(), target.generations().len()), (content_of("new"), 3));
}

/// A directory with an index from before is one of the generations; without `deploy = "swap"` it is not opened any more.
#[test]
fn a_directory_from_before_is_a_generation() {
    let target = TantivyTarget::new();
    let mut model = Model::new();
    run(target.sink(), "one", 0, vec![model.step(&[(1, Some("a"))])]).expect("nothing fails");
    let target = target.with_generations();
    let mut model = model.restarted();
    let before = target.written();
    run(target.sink(), "one", 0, vec![model.step(&[(2, Some("b"))])]).expect("nothing fails");
    assert_eq!((target.read(), target.written() - before), (shows(&model), 1), "it is gone on with");
    let two = begin(&target, "two", "b", model.frontier());
    assert_eq!((target.read(), target.generations().len()), (shows(&two), 2));
    target.roll_back(false).expect("it is kept");
    assert_eq!(target.read(), shows(&model));
    target.roll_back(true).expect("it is kept");
    let three = begin(&target, "three", "c", two.frontier());
    let generations = target.generations();
    assert_eq!((target.read(), generations.len()), (shows(&three), 2));
    assert!(!generations.contains(&".".to_string()), "{generations:?}");
    let mut config = target.config();
    config.deploy = tidegate::sink::Deploy::Reconcile;
    let mut sink = tantivy::Tantivy::new("search", config, super::model::view(true)).expect("a valid configuration");
    operator(sink.open(), "has generations");
}
