//! What is refused, with its place and its name.
//!
//! A block of `refusals.txt` is a file of views and, behind `--`, what is said: line, column, the words above the caret, the
//! message, the SQLSTATE. `TIDEGATE_TEST_UPDATE=1` writes what is said now, to be read before it is kept.

use super::directory;
use std::sync::Arc;
use tidegate::sql::{Catalog, Error, SqlFile, compile};
use tidegate::value::{Column, OpaqueType, RelationName, Schema, Type};

/// The relations that the statements may read.
pub fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    let columns = |columns: &[(&str, Type)]| -> Vec<Column> {
        columns.iter().map(|(name, ty)| Column::new(*name, ty.clone(), *name != "id")).collect()
    };
    let t = [
        ("id", Type::Int4),
        ("n", Type::Numeric),
        ("name", Type::Text),
        ("at", Type::Timestamptz),
        ("tags", Type::Text.array_of()),
        ("doc", Type::Jsonb),
        ("raw", Type::Json),
    ];
    let u = [("id", Type::Int4), ("t_id", Type::Int4), ("price", Type::Numeric)];
    let opaque =
        |name: &str, readable, as_text| Type::Opaque(Arc::new(OpaqueType { name: name.into(), readable, as_text }));
    let w = [
        ("id", Type::Int4),
        ("ip", opaque("inet", true, false)),
        ("span", opaque("int4range", true, true)),
        ("size", opaque("numrange", true, true)),
        ("attributes", opaque("hstore", false, false)),
    ];
    catalog.insert(RelationName::public("w"), Schema::table(columns(&w), Some(vec![0])));
    catalog.insert(RelationName::public("t"), Schema::table(columns(&t), Some(vec![0])));
    catalog.insert(RelationName::public("u"), Schema::table(columns(&u), Some(vec![0])));
    catalog
}

/// The statements of a block, and what is to be said about them.
fn parts(block: &str) -> (String, String) {
    let (said, written): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("-- "));
    (written.join("\n"), said.join("\n"))
}

fn blocks(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).map(parts)
}

/// The statements of `refusals.txt`.
pub fn statements() -> Vec<String> {
    blocks(&text()).map(|(written, _)| written).collect()
}

fn text() -> String {
    std::fs::read_to_string(directory().join("refusals.txt")).expect("the refusals")
}

fn said(error: &Error) -> String {
    let above: String = error.text.chars().skip(error.column - 1).take(error.length).collect();
    format!("-- {}:{} {above}: {} ({})", error.line, error.column, error.message, error.code)
}

#[test]
fn what_is_missing_is_named_where_it_stands() {
    let catalog = catalog();
    let text = text();
    let (mut now, mut wrong) = (String::new(), Vec::new());
    let mut blocks_seen = 0;
    for (written, expected) in blocks(&text) {
        blocks_seen += 1;
        let file = SqlFile { path: "v.sql".into(), text: written.clone() };
        let errors = compile(&[file], &catalog).err().unwrap_or_default();
        let got = errors.iter().map(said).collect::<Vec<_>>().join("\n");
        if got != expected {
            wrong.push(format!("{written}\nexpected:\n{expected}\nsaid:\n{got}"));
        }
        now.push_str(&format!("{written}\n{got}\n\n"));
    }
    if std::env::var_os("TIDEGATE_TEST_UPDATE").is_some() {
        std::fs::write(directory().join("refusals.txt"), now).expect("our own file");
    }
    assert!(blocks_seen >= 50, "only {blocks_seen} refusals");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
