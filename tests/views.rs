//! The view sets of `views/`: each case of their `tests/` folders is run as a user would run it.
//!
//! A case is a directory: `given.sql` fills the tables of the set's `database/schema.sql` if it has any, its `*.jsonl` files are the streams
//! under the names that `tidegate.toml` has for them, and `expect/VIEW.jsonl` holds the rows that the sink of that path must
//! show when all inputs have ended. `tests/sources.toml` stands for the sources of a set that makes its events up.

use crate::support::feed::{Feed, Rows, add, difference};
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use std::path::{Path, PathBuf};

#[test]
fn cases_of_every_view_set() {
    let mut cases = 0;
    for set in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("views")) {
        for case in entries(&set.join("tests")).iter().filter(|case| case.is_dir()) {
            run(&set, case);
            cases += 1;
        }
    }
    assert!(cases > 0, "no case was found");
}

fn run(set: &Path, case: &Path) {
    let database = Postgres::shared().create_database();
    let files = [set.join("database/schema.sql"), case.join("given.sql")];
    files.iter().filter(|file| file.exists()).for_each(|file| database.execute(&text(file)));
    let copy = ViewSet::copy(set);
    for stream in entries(case).iter().filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        copy.write(&stream.file_name().expect("a file has a name").to_string_lossy(), &text(stream));
    }
    let sources = set.join("tests/sources.toml");
    if sources.exists() {
        let written = text(&set.join("tidegate.toml"));
        let rest = ["\n[views.", "\n[sinks."].iter().filter_map(|section| written.find(section)).min();
        let rest = &written[rest.expect("sinks behind the sources")..];
        copy.write("tidegate.toml", &format!("{}{rest}", text(&sources)));
    }
    let (code, _, errors) = copy.run(&["run", "--once"], &database.url);
    assert_eq!(code, 0, "{}:\n{errors}", case.display());
    for expected in entries(&case.join("expect")) {
        let mut rows = Rows::new();
        text(&expected).lines().for_each(|row| add(&mut rows, row, 1));
        let feed = Feed::read(&copy.path().join(expected.file_name().expect("a file has a name")));
        assert_eq!(feed.frontier(), None, "{}: the end was not told", expected.display());
        if let Some(shown) = difference(&rows, &feed.at(None)) {
            panic!("{}:\n{shown}", expected.display());
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    entries
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
