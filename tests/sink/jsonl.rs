//! What only the file of lines has: its directory, its lines as they stand, what was there before.

use super::contract::Running;
use super::model::{Model, view};
use super::target::{JsonlTarget, Target};
use std::path::Path;
use tidegate::sink::jsonl::{Config, Jsonl};
use tidegate::sink::runner::Settings;
use tidegate::sink::{Sink, SinkError};

fn sink(path: &Path) -> Jsonl {
    Jsonl::new("out", Config { view: "product".into(), path: path.to_path_buf() }, view(true)).expect("a sink")
}

#[test]
fn makes_its_directory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a/b/out.jsonl");
    let mut model = Model::new();
    let running = Running::start(Box::new(sink(&path)), Settings::default());
    running.send(model.step(&[(1, Some("a"))]));
    running.end().expect("nothing fails");
    let row = r#"{"id": 1, "name": "a", "stock": 1}"#;
    let expected = format!("{{\"time\":1000000,\"diff\":1,\"row\":{row}}}\n{{\"frontier\":1010000}}\n");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), expected);
}

/// What another run wrote, torn as a kill leaves it, stands until the new content is whole, and is gone then.
#[test]
fn takes_the_place_of_what_was_there() {
    let target = JsonlTarget::new();
    let torn = "{\"time\":1,\"diff\":1,\"row\":{\"id\": 9, \"name\": \"old\", \"stock\": 1}}\n{\"frontier\":2}\n{\"time\":3,\"di";
    std::fs::write(target.path(), torn).expect("a file");
    let mut sink = target.sink();
    sink.open().expect("the directory is there");
    assert_eq!(std::fs::read_to_string(target.path()).expect("a file"), torn);
    drop(sink);
    let mut model = Model::new();
    let running = Running::start(target.sink(), Settings::default());
    running.send(model.step(&[(1, Some("a"))]));
    running.end().expect("nothing fails");
    assert_eq!(target.read(), Some((Some(model.frontier()), model.content())));
    let files = std::fs::read_dir(target.path().parent().expect("a directory")).expect("readable");
    assert_eq!(files.count(), 1);
}

#[test]
fn writes_to_a_device_as_it_is() {
    let mut model = Model::new();
    let running = Running::start(Box::new(sink(Path::new("/dev/null"))), Settings::default());
    running.send(model.step(&[(1, Some("a"))]));
    running.end().expect("nothing fails");
    assert!(!std::fs::metadata("/dev/null").expect("a device").is_file());
}

#[test]
fn says_what_is_in_the_way() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("file"), "").expect("a file");
    for path in ["", "file/out.jsonl"] {
        let path = directory.path().join(path);
        let error = sink(&path).open().expect_err("it cannot be written");
        assert!(matches!(&error, SinkError::Config(text) if text.contains("cannot write")), "{path:?}: {error}");
    }
}
