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
        kind: RelationKind::Stream { event_time: None, accept_for: 0, ends: false },
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
    assert!(shown.contains("v.sql:3:25: now() outside of WHERE is not supported yet (0A000)"), "{shown}");
    assert!(!shown.contains("v.sql:2"), "{shown}");
}

#[test]
fn a_view_may_be_defined_after_those_that_read_it_anywhere() {
    let last = "CREATE VIEW last AS SELECT id FROM orders t WHERE id > 1;";
    for reads in [
        "SELECT id FROM last",
        "SELECT id FROM orders t WHERE EXISTS (SELECT 1 FROM last WHERE last.id = t.id)",
        "SELECT (SELECT max(id) FROM last) AS most FROM orders t",
        "SELECT a.id FROM orders a JOIN orders b ON a.id IN (SELECT id FROM last)",
        "SELECT x FROM unnest(ARRAY(SELECT id FROM last)) x",
        "WITH last AS (SELECT id FROM last) SELECT id FROM orders t WHERE id IN (SELECT id FROM last)",
        "SELECT id FROM orders t GROUP BY id HAVING count(*) > (SELECT count(*) FROM last)",
    ] {
        let views = compiled(&format!("CREATE VIEW first AS {reads}; {last}")).unwrap_or_else(|e| panic!("{}", e[0]));
        assert_eq!(views.iter().map(|view| view.name.name.as_str()).collect::<Vec<_>>(), ["last", "first"], "{reads}");
    }
    let own = "CREATE VIEW v AS WITH w AS (SELECT 1 AS id) SELECT id FROM w; CREATE VIEW w AS SELECT id FROM v;";
    assert_eq!(compiled(own).map(|views| views.len()).map_err(|errors| errors[0].to_string()), Ok(2));
}

#[test]
fn what_a_function_returns_is_a_key_wherever_it_is_written() {
    let text = "CREATE VIEW v AS SELECT c.id, o.id AS order_id FROM customers c, orders o, string_to_table(c.name, ' ') w WHERE w = o.status;";
    let shown = explained(text, true);
    assert!(shown.contains("Join on [w = status]"), "{shown}");
    assert!(shown.contains("Expand string_to_table(name, ' ')"), "{shown}");
}

#[test]
fn what_is_over_is_held_by_no_join() {
    let text = "CREATE VIEW v AS SELECT c.name, o.id FROM customers c JOIN orders o ON o.customer_id = c.id
        WHERE o.at > now() - interval '1 hour' AND c.name <> o.status;";
    let shown = explained(text, true);
    let places =
        ["Join on", "Temporal while [now() < at + interval '01:00:00']", "orders"].map(|part| shown.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{shown}");
}
