//! Views in SQL, with Postgres as the judge: contents after every change, result types, and refusals with their places.
//!
//! The cases are data. `scripts/*.sql` have tables, views and changes, which Postgres runs too; `refusals.txt` has statements
//! and what is said about them.

mod clock;
mod nexmark;
mod random_queries;
mod recursion;
mod refusals;
mod robust;
mod row_errors;
mod script;
mod semantics;
mod tpch;

use script::Script;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql")
}

/// All scripts, or those whose name contains `TIDEGATE_TEST_SCRIPT`.
fn scripts() -> Vec<PathBuf> {
    let chosen = std::env::var("TIDEGATE_TEST_SCRIPT").unwrap_or_default();
    let files = std::fs::read_dir(directory().join("scripts")).expect("the scripts").flatten();
    let files = files.map(|file| file.path()).filter(|path| path.to_string_lossy().contains(&chosen));
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files
}

#[test]
fn scripts_are_what_postgres_says() {
    let differences: Vec<String> = scripts().iter().flat_map(|path| Script::read(path).differences()).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
