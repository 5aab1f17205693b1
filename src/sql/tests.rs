//! SQL in, plan or error out.

use super::*;
use crate::plan::{explain, rewrite};
use crate::value::{EnumType, RelationKind, Type};

fn columns(written: &[(&str, Type, bool)]) -> Vec<Column> {
    written.iter().map(|(name, ty, nullable)| Column::new(*name, ty.clone(), *nullable)).collect()
}

fn catalog() -> Catalog {
    let mood = Type::Enum(Arc::new(EnumType { name: "mood".into(), labels: vec!["sad".into(), "ok".into()] }));
    let mut catalog = Catalog::new();
    let mut table = |name: &str, written: &[(&str, Type, bool)], key: Option<Vec<usize>>| {
        catalog.insert(RelationName::public(name), Schema::table(columns(written), key));
    };
    table(
        "customers",
        &[
            ("id", Type::Int8, false),
            ("name", Type::Text, false),
            ("region", Type::Varchar, true),
            ("mood", mood, true),
        ],
        Some(vec![0]),
    );
    table(
        "orders",
        &[
            ("id", Type::Int8, false),
            ("customer_id", Type::Int8, false),
            ("status", Type::Text, true),
            ("at", Type::Timestamptz, false),
        ],
        Some(vec![0]),
    );
    table(
        "lines",
        &[
            ("order_id", Type::Int8, false),
            ("line", Type::Int4, false),
            ("quantity", Type::Int4, false),
            ("price", Type::Numeric, false),
            ("note", Type::Text, true),
        ],
        Some(vec![0, 1]),
    );
    let events = Schema {
        columns: columns(&[("id", Type::Int4, true), ("payload", Type::Jsonb, true)]),
        key: None,
        kind: RelationKind::Stream { event_time: None, accept_for: 0 },
    };
    catalog.insert(RelationName::public("events"), events);
    catalog.insert(
        RelationName { schema: "sales".into(), name: "orders_old".into() },
        Schema::table(columns(&[("ID", Type::Int4, false)]), Some(vec![0])),
    );
    catalog
}

fn compiled(text: &str) -> Result<Vec<View>, Vec<Error>> {
    compile(&[SqlFile { path: "v.sql".into(), text: text.into() }], &catalog())
}

fn explained(text: &str, optimized: bool) -> String {
    let mut views = match compiled(text) {
        Ok(views) => views,
        Err(errors) => return errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n"),
    };
    if optimized {
        rewrite::optimize(&mut views);
    }
    let catalog = catalog();
    let schemas = |name: &RelId| {
        let view = views.iter().find(|view| view.name == *name).map(|view| view.schema.clone());
        view.or_else(|| catalog.get(name).cloned())
    };
    views.iter().map(|view| explain(view, &[], &schemas)).collect()
}

#[test]
fn everything_wrong_is_reported_once() {
    let text = "CREATE VIEW a AS SELECT nme FROM customers;\nCREATE VIEW b AS SELECT * FROM a;\nCREATE VIEW c AS SELECT now();";
    let shown = explained(text, true);
    assert!(shown.contains("v.sql:1:25: column \"nme\" does not exist (42703)"), "{shown}");
    assert!(shown.contains("v.sql:3:25: now is not supported yet (0A000)"), "{shown}");
    assert!(!shown.contains("v.sql:2"), "{shown}");
}
