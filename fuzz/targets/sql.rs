//! A file of views over two tables: compiled, or refused with its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::value::{Column, RelationName, Schema, Type};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut catalog = Catalog::new();
    let t = [
        ("id", Type::Int4),
        ("n", Type::Numeric),
        ("name", Type::Text),
        ("at", Type::Timestamptz),
        ("doc", Type::Jsonb),
    ];
    let u = [("id", Type::Int4), ("t_id", Type::Int4), ("tags", Type::Text.array_of())];
    for (table, columns) in [("t", &t[..]), ("u", &u[..])] {
        let columns = columns.iter().map(|(name, ty)| Column::new(*name, ty.clone(), *name != "id")).collect();
        catalog.insert(RelationName::public(table), Schema::table(columns, Some(vec![0])));
    }
    catalog
});

fuzz_target!(|text: &str| {
    // As it stands, and as what a view selects: few inputs begin with CREATE VIEW.
    for text in [text.to_owned(), format!("CREATE VIEW v AS SELECT {text} FROM t")] {
        if let Err(errors) = compile(&[SqlFile { path: "v.sql".into(), text }], &CATALOG) {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| assert!(error.line >= 1 && error.column >= 1, "{error}"));
        }
    }
});
