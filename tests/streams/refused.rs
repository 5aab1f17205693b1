//! What would hold a stream for ever is refused, with what to add; what holds its groups only is not.

use std::path::Path;
use std::sync::Arc;
use tidegate::plan::settle::{Given, settle};
use tidegate::plan::{Timing, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::value::{Column, RelationKind, RelationName, Schema, Type};

#[test]
fn what_would_hold_a_stream_for_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams/refused.txt");
    let text = std::fs::read_to_string(&path).expect("the views");
    let said = |line: &&str| line.starts_with("  ");
    let paragraphs = text.trim_end().split("\n\n").map(|paragraph| {
        let sql: Vec<&str> = paragraph.lines().filter(|line| !said(line)).collect();
        match sql[0].starts_with("--") {
            true => paragraph.to_owned(),
            false => format!("{}\n{}", sql.join("\n"), answer(&sql.join("\n"))),
        }
    });
    let got = paragraphs.collect::<Vec<_>>().join("\n\n") + "\n";
    if std::env::var_os("TIDEGATE_TEST_UPDATE").is_some() {
        std::fs::write(&path, got).expect("the views");
    } else {
        assert_eq!(got, text);
    }
}

/// What is said of views, indented.
fn answer(sql: &str) -> String {
    let mut catalog = Catalog::new();
    let columns = [("id", Type::Int8), ("key", Type::Int8), ("at", Type::Timestamptz), ("value", Type::Int8)];
    let columns: Vec<Column> = columns.into_iter().map(|(name, ty)| Column::new(name, ty, false)).collect();
    for (name, event_time, ends) in
        [("a", Some(2), false), ("b", Some(2), false), ("file", Some(2), true), ("untimed", None, false)]
    {
        let kind = RelationKind::Stream { event_time, accept_for: 0, ends };
        catalog.insert(RelationName::public(name), Schema { columns: columns.clone(), key: None, kind });
    }
    let columns = [("key", Type::Int8), ("name", Type::Int8), ("now_is", Type::Timestamptz)];
    let columns = columns.into_iter().map(|(name, ty)| Column::new(name, ty, false)).collect();
    catalog.insert(RelationName::public("t"), Schema::table(columns, Some(vec![0])));

    let indented = |text: String| text.lines().map(|line| format!("  {}", line.trim())).collect::<Vec<_>>().join("\n");
    let mut views = match compile(&[SqlFile { path: "v.sql".into(), text: sql.into() }], &catalog) {
        Ok(views) => views,
        Err(errors) => return indented(errors[0].to_string()),
    };
    rewrite::optimize(&mut views);
    let schema = |name: &RelationName| -> Option<Arc<Schema>> { catalog.get(name).cloned() };
    match settle(&mut views, &Given { schema: &schema, timing: &|_| Timing::default(), grid: 0 }) {
        Ok(()) => "  fine".into(),
        Err(refused) => indented(refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}
