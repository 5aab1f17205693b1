//! What is written is read again as it was.

use super::{differences, read, write};
use crate::sql::SqlFile;
use crate::value::{Column, EnumType, OpaqueType, RelationName, Schema, Type};
use std::sync::Arc;

fn opaque(name: &str, readable: bool, as_text: bool) -> Type {
    Type::Opaque(Arc::new(OpaqueType { name: name.into(), readable, as_text }))
}

fn labels(name: &str, labels: &[&str]) -> Type {
    Type::Enum(Arc::new(EnumType { name: name.into(), labels: labels.iter().map(ToString::to_string).collect() }))
}

/// A column of every type and modifier, under awkward names.
fn tables() -> Vec<(RelationName, Arc<Schema>)> {
    use Type::*;
    let numeric = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
    let simple = [Bool, Int2, Int4, Int8, Float4, Float8, Numeric, Text, Varchar, Char, Bytea, Date, Time, Timestamp];
    let others =
        [Timestamptz, Interval, Uuid, Json, Jsonb, labels("mood", &["sad", "o'k"]), labels("app.Kind", &["A"])];
    let opaques = [opaque("inet", true, false), opaque("int4range", true, true), opaque("bit(3)", false, false)];
    let arrays = [Int4.array_of(), Text.array_of(), labels("mood", &["sad", "o'k"]).array_of()];
    let modified = [
        (Varchar, 24),
        (Char, 5),
        (Numeric, numeric(8, 2)),
        (Numeric, numeric(3, -2)),
        (Time, 3),
        (Timestamp, 0),
        (Timestamptz, 6),
        (Varchar.array_of(), 9),
        (Interval, crate::value::text::interval_modifier(None, Some(3))),
        (
            Interval,
            crate::value::text::interval_modifier(
                Some((crate::value::text::IntervalField::Day, crate::value::text::IntervalField::Second)),
                Some(2),
            ),
        ),
    ];
    let plain = simple.into_iter().chain(others).chain(opaques).chain(arrays).map(|ty| (ty, -1));
    let columns = plain.chain(modified).enumerate().map(|(number, (ty, modifier))| {
        let names = ["order", "Mixed", "with \"quotes\"", "key", "größe", "name", "interval"];
        let name = names.get(number).map_or_else(|| format!("c{number}"), ToString::to_string);
        Column { name, ty, modifier, nullable: number > 1 }
    });
    let wide = Schema::table(columns.collect(), Some(vec![1, 0]));
    let narrow = Schema::table(vec![Column::new("n", Int4, true)], None);
    let elsewhere = RelationName { schema: "Sales".into(), name: "user".into() };
    vec![(RelationName::public("wide"), Arc::new(wide)), (elsewhere, Arc::new(narrow))]
}

fn file(text: String) -> SqlFile {
    SqlFile { path: "schema/shop.sql".into(), text }
}

#[test]
fn what_is_written_is_read() {
    let tables = tables();
    let file = file(write(&tables));
    let read = read(&file).unwrap_or_else(|errors| panic!("{}\n{}", errors[0], file.text));
    for (table, (name, schema)) in read.iter().zip(&tables) {
        assert_eq!(table.name, *name);
        assert_eq!(table.schema, *schema, "{}", file.text);
    }
    assert_eq!(read.len(), tables.len());
    assert_eq!(differences(&file, &read, &tables), []);
}

fn check_wrong(text: &str, said: &[&str]) {
    let errors = read(&file(text.to_owned())).expect_err(text);
    let got: Vec<String> =
        errors.iter().map(|e| format!("{}:{} {} ({})", e.line, e.column, e.message, e.code)).collect();
    assert_eq!(got, said);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    check_wrong(
        "CREATE TABLE t (id int,\n  x nonsense);\nDROP TABLE u;",
        &[
            "2:3 type \"nonsense\" does not exist (42704)",
            "3:1 only CREATE TABLE and CREATE TYPE are read here (42601)",
        ],
    );
    check_wrong(
        "CREATE TABLE t (id int, PRIMARY KEY (ide));",
        &["1:38 column \"ide\" named in key does not exist (42703)"],
    );
    check_wrong("CREATE TABLE t (id int);\nCREATE TABLE t (a int);", &["2:14 relation \"t\" already exists (42P07)"]);
    check_wrong("CREATE TABLE t (id int, id text);", &["1:25 column \"id\" specified more than once (42701)"]);
    check_wrong("CREATE TYPE x (LIKE = point);", &["1:13 LIKE = text or LIKE = json is expected (42601)"]);
}

#[test]
fn what_a_dump_has_besides_is_no_mistake() {
    let text = "CREATE TABLE t (id bigint PRIMARY KEY, n numeric(4,1) DEFAULT 0 CHECK (n >= 0), u text UNIQUE, UNIQUE (u, n));";
    let read = read(&file(text.into())).expect("a table");
    assert_eq!(read[0].schema.key, Some(vec![0]));
    assert!(!read[0].schema.columns[0].nullable && read[0].schema.columns[1].nullable);
}

#[test]
fn differences_are_told_where_the_file_has_them() {
    let text = "CREATE TABLE t (\n  id int NOT NULL,\n  n numeric(4,1),\n  old text,\n  PRIMARY KEY (id)\n);";
    let columns = vec![
        Column::new("id", Type::Int8, false),
        Column { modifier: ((6 << 16) | 2) + 4, ..Column::new("n", Type::Numeric, true) },
        Column::new("new", Type::Date, true),
    ];
    let live = [
        (RelationName::public("t"), Arc::new(Schema::table(columns, None))),
        (RelationName::public("u"), Arc::new(Schema::table(Vec::new(), None))),
    ];
    let file = file(text.into());
    let read = read(&file).expect("a table");
    let said: Vec<String> =
        differences(&file, &read, &live).iter().map(|e| format!("{}:{} {}", e.line, e.column, e.message)).collect();
    assert_eq!(
        said,
        [
            "2:3 column \"id\" is bigint not null in the database, not integer not null",
            "3:3 column \"n\" is numeric(6,2) in the database, not numeric(4,1)",
            "1:14 column \"new\" (date) of t is missing here",
            "4:3 the database has no column \"old\" in t",
            "1:14 the key of t is none in the database, not (id)",
            "1:1 table u is missing here",
        ]
    );
}
