//! Values of every type, in both tables digit for digit: the judge's were written by Postgres itself.

use super::super::model;
use super::{delivery, sink};
use crate::support::postgres::{Database, Postgres};
use std::sync::Arc;
use tidegate::sink::{KeyedChange, Sink, SinkView};
use tidegate::value::{Column, Datum, EnumType, OpaqueType, RelationName, Row, Schema, Type, text};

const SEPARATOR: char = '|';

/// A column: its name, its type in SQL, and values that differ in form if not in meaning.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("b", "boolean", "t|f|NULL"),
    ("i2", "smallint", "-32768|0|32767|NULL"),
    ("i4", "integer", "-2147483648|0|2147483647"),
    ("i8", "bigint", "-9223372036854775808|NULL|9223372036854775807"),
    ("f4", "real", "0.1|-0|0|NaN|Infinity|1e-45|3.4028235e+38"),
    ("f8", "double precision", "0.1|-0|0|NaN|-Infinity|5e-324|1.7976931348623157e+308|1e15"),
    ("n", "numeric", "1|1.0|1.00|NaN|Infinity|-Infinity|0.000|-123456789012345678901234567890.123456789|1e-40|NULL"),
    ("n2", "numeric(10,2)", "1.00|NaN|-99999999.99|0.10"),
    ("t", "text", "|a|NULL|\\N|\\.|tab\there|new\nline\r\\|'quoted' \"twice\"|{a,b}|\u{1F30A} é|null"),
    ("v", "character varying(5)", "|abc|  x  |NULL"),
    ("c", "character(5)", "|abc|abcde|NULL"),
    ("Odd \"name\"", "bytea", "\\x|\\x00ff5c27|NULL"),
    ("d", "date", "2024-02-29|infinity|-infinity|0044-03-15 BC|5874897-12-31|4713-01-01 BC"),
    ("ti", "time", "00:00:00|24:00:00|23:59:59.999999|12:30:00.5"),
    ("ti0", "time(0)", "00:00:00|24:00:00|NULL"),
    (
        "ts",
        "timestamp",
        "2024-02-29 12:00:00|infinity|-infinity|0001-01-01 00:00:00.000001 BC|294276-12-31 23:59:59.999999",
    ),
    (
        "tz",
        "timestamptz",
        "2024-02-29 12:00:00+00|infinity|-infinity|0044-03-15 12:00:00+00 BC|1900-01-01 00:00:00.25+00",
    ),
    ("tz3", "timestamp(3) with time zone", "2024-02-29 12:00:00.125+00|NULL"),
    ("iv", "interval", "00:00:00|1 mon|30 days|-1 years -2 mons +3 days -04:05:06.789|24:00:00|1 day|-178000000 years"),
    ("u", "uuid", "00000000-0000-0000-0000-000000000000|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("j", "json", "{\"a\":1, \"a\" : 2}|  null|[1.0,1.00]|\"\\u0000\"|NULL"),
    ("jb", "jsonb", "{\"a\": 1.0}|{\"a\": 1.00}|null|\"\\t\\\\\"|[]|NULL"),
    ("e", "\"My Mood\"", "sad|Very \"happy\"|NULL"),
    ("ia", "integer[]", "{}|{1,NULL,3}|[0:1]={7,8}|{{1,2},{3,4}}|NULL"),
    ("na", "numeric(6,2)[]", "{1.00,NaN}|{}"),
    ("ta", "text[]", "{\"\",NULL,\"NULL\",\"a,b\",\"{\\\"}\",\"back\\\\slash\"}|{\" \"}|NULL"),
    ("ea", "\"My Mood\"[]", "{sad,\"Very \\\"happy\\\"\"}|NULL"),
    ("net", "inet", "10.0.0.1|10.0.0.0/8|::1|NULL"),
    ("r", "int4range", "empty|[1,3)|(,)|NULL"),
    ("bits", "bit varying", "|101|NULL"),
    ("p", "point", "(1,2)|(0.1,-0)|NULL"),
];

/// Types by their names in SQL, with their modifiers.
fn column(name: &str, ty: &str) -> Column {
    let mood = || {
        let labels = vec!["sad".into(), "Very \"happy\"".into()];
        Type::Enum(Arc::new(EnumType { name: "My Mood".into(), labels }))
    };
    let opaque = || Type::Opaque(Arc::new(OpaqueType { name: ty.into(), readable: true, as_text: true }));
    let (ty, modifier) = match ty {
        "boolean" => (Type::Bool, -1),
        "smallint" => (Type::Int2, -1),
        "integer" => (Type::Int4, -1),
        "bigint" => (Type::Int8, -1),
        "real" => (Type::Float4, -1),
        "double precision" => (Type::Float8, -1),
        "numeric" => (Type::Numeric, -1),
        "numeric(10,2)" => (Type::Numeric, (10 << 16 | 2) + 4),
        "text" => (Type::Text, -1),
        "character varying(5)" => (Type::Varchar, 9),
        "character(5)" => (Type::Char, 9),
        "bytea" => (Type::Bytea, -1),
        "date" => (Type::Date, -1),
        "time" => (Type::Time, -1),
        "time(0)" => (Type::Time, 0),
        "timestamp" => (Type::Timestamp, -1),
        "timestamptz" => (Type::Timestamptz, -1),
        "timestamp(3) with time zone" => (Type::Timestamptz, 3),
        "interval" => (Type::Interval, -1),
        "uuid" => (Type::Uuid, -1),
        "json" => (Type::Json, -1),
        "jsonb" => (Type::Jsonb, -1),
        "\"My Mood\"" => (mood(), -1),
        "integer[]" => (Type::Int4.array_of(), -1),
        "numeric(6,2)[]" => (Type::Numeric.array_of(), (6 << 16 | 2) + 4),
        "text[]" => (Type::Text.array_of(), -1),
        "\"My Mood\"[]" => (mood().array_of(), -1),
        _ => (opaque(), -1),
    };
    Column { modifier, ..Column::new(name, ty, true) }
}

fn columns() -> Vec<Column> {
    let key = [Column::new("id", Type::Int8, false)];
    key.into_iter().chain(COLUMNS.iter().map(|(name, ty, _)| column(name, ty))).collect()
}

fn quoted(name: &str) -> String {
    tidegate::pg::quote_identifier(name)
}

fn view() -> SinkView {
    SinkView { name: RelationName::public("v"), schema: Arc::new(Schema::table(columns(), Some(vec![0]))) }
}

/// The text of a column's value in a row, some turns later.
fn value(values: &'static str, row: usize, turn: usize) -> Option<&'static str> {
    let values: Vec<&str> = values.split(SEPARATOR).collect();
    Some(values[(row + turn) % values.len()]).filter(|value| *value != "NULL")
}

/// Writes the judge's rows of this turn, and reads them as the source would.
fn judge(database: &Database, rows: usize, turn: usize) -> Vec<(Row, KeyedChange)> {
    let literal = |text: Option<&str>| text.map_or("NULL".into(), tidegate::pg::quote_literal);
    let row = |row: usize| {
        let values = COLUMNS.iter().map(|(_, _, values)| literal(value(values, row, turn)));
        format!("({row}, {})", values.collect::<Vec<_>>().join(", "))
    };
    let all: Vec<String> = (0..rows).map(row).collect();
    database.execute(&format!("TRUNCATE judge; INSERT INTO judge VALUES {}", all.join(", ")));
    let read = |row: Vec<Option<String>>| {
        let values = columns().into_iter().zip(row).map(|(column, shown)| match shown {
            Some(shown) => text::parse(&column.ty, column.modifier, &shown)
                .unwrap_or_else(|error| panic!("{} {shown}: {error:?}", column.name)),
            None => Datum::Null,
        });
        let row = Row::pack(&values.collect::<Vec<_>>());
        (Row::pack(&row.unpack()[..1]), KeyedChange::Put(row))
    };
    database.query_text("SELECT * FROM judge").into_iter().map(read).collect()
}

/// Ids of rows that are not the same to the last bit.
fn different(database: &Database) -> String {
    database.value(
        "SELECT string_agg(COALESCE(judge.id, target.id)::text, ',') FROM judge FULL JOIN target ON target.id = judge.id \
         WHERE judge IS NULL OR target IS NULL OR judge OPERATOR(pg_catalog.*<>) target OR judge::text <> target::text",
    )
}

#[test]
fn are_the_same_to_the_last_bit() {
    for server in Postgres::installed_and_newest() {
        let database = server.create_database();
        let declared = COLUMNS.iter().map(|(name, ty, _)| format!("{} {ty}", quoted(name)));
        let declared = declared.collect::<Vec<_>>().join(", ");
        database.execute("CREATE TYPE \"My Mood\" AS ENUM ('sad', 'Very \"happy\"')");
        database.execute(&format!("CREATE TABLE judge (id bigint PRIMARY KEY, {declared})"));
        let mut sink = sink(&database, view(), "table = 'target'");
        sink.open().expect("the table can be made");
        const TYPES: &str = "SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) \
            FROM pg_attribute WHERE attnum > 0 AND attrelid = ";
        let types = |table: &str| database.value(&format!("{TYPES} '{table}'::regclass"));
        assert_eq!(types("target"), types("judge"));
        // Copied into an empty table, laid beside one, one by one, and many at once.
        for (turn, (rows, first)) in
            [(40, true), (40, true), (50, false), (2_500, false), (2_500, true)].into_iter().enumerate()
        {
            let keyed = judge(&database, rows, turn);
            sink.apply(&delivery(keyed, turn as u64, first)).unwrap_or_else(|error| panic!("turn {turn}: {error}"));
            assert_eq!(different(&database), "", "turn {turn} on Postgres {}", server.version());
        }
    }
}

/// A type that only the source has is text in the target; a table that has it otherwise does as well.
#[test]
fn of_types_that_are_not_there_are_text() {
    let database = Postgres::shared().create_database();
    let columns =
        vec![column("id", "bigint"), column("e", "\"My Mood\""), column("ea", "\"My Mood\"[]"), column("w", "weight")];
    let view = SinkView { name: RelationName::public("v"), schema: Arc::new(Schema::table(columns, Some(vec![0]))) };
    let mut sink = sink(&database, view.clone(), "");
    sink.open().expect("the table can be made");
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute \
        WHERE attnum > 0 AND attrelid = 'v'::regclass";
    assert_eq!(database.value(types), "bigint, text, text[], text");
    let read =
        |(position, shown): (usize, &str)| text::parse(&view.schema.columns[position].ty, -1, shown).expect("a value");
    let values: Vec<Datum> = ["1", "sad", "{sad,sad}", "3 kg"].into_iter().enumerate().map(read).collect();
    let change = (Row::pack(&values[..1]), KeyedChange::Put(Row::pack(&values)));
    sink.apply(&delivery(vec![change], 1, true)).expect("an empty table");
    assert_eq!(database.value("SELECT v::text FROM v"), "(1,sad,\"{sad,sad}\",\"3 kg\")");
}

/// Keys of several columns under awkward names, some of them equal in another form; all other values null.
#[test]
fn in_keys_of_any_form() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE SCHEMA \"My Schema\"");
    let columns = vec![column("Note", "text"), column("select", "numeric"), column("a \"b\"", "character(5)")];
    let view = SinkView { name: RelationName::public("v"), schema: Arc::new(Schema::table(columns, None)) };
    let mut sink = sink(&database, view, "table = 'My Schema.The \"Table\"'\nkey = ['a \"b\"', 'select']");
    sink.open().expect("the table can be made");
    let row = |note: Option<&str>, number: &str, letters: &str| {
        let values =
            [note.map_or(Datum::Null, Datum::text), read_numeric(number), Datum::Char(format!("{letters:<5}").into())];
        (Row::pack([&values[2], &values[1]]), Row::pack(&values))
    };
    let put = |(key, row)| (key, KeyedChange::Put(row));
    let gone = |(key, _)| (key, KeyedChange::Delete);
    let shown = || {
        database.value("SELECT string_agg(concat_ws('/', t.\"select\", t.\"a \"\"b\"\"\", t.\"Note\"), ' ' ORDER BY \"select\") FROM \"My Schema\".\"The \"\"Table\"\"\" t")
    };
    sink.apply(&delivery(vec![put(row(None, "1.0", "x")), put(row(Some("n"), "2", "x"))], 1, true)).expect("rows");
    assert_eq!(shown(), "1.0/x     2/x    /n");
    // The same key in another form, alone, and as one that goes and one that comes.
    sink.apply(&delivery(vec![put(row(None, "1.00", "x"))], 2, false)).expect("rows");
    assert_eq!(shown(), "1.00/x     2/x    /n");
    let changes = vec![put(row(Some("m"), "1.000", "x")), gone(row(None, "1.00", "x")), gone(row(None, "2", "y"))];
    sink.apply(&delivery(changes, 3, false)).expect("rows");
    assert_eq!(shown(), "1.000/x    /m 2/x    /n");
    sink.apply(&delivery(vec![put(row(Some("m"), "1.0", "x"))], 4, true)).expect("rows");
    assert_eq!(shown(), "1.0/x    /m");
    assert_eq!(database.value("SELECT mark::json ->> 'frontier' FROM \"My Schema\".tidegate_marks"), "4");
}

fn read_numeric(number: &str) -> Datum {
    text::parse(&Type::Numeric, -1, number).expect("a number")
}

/// What the view has besides its key is nothing at all.
#[test]
fn of_nothing_but_a_key() {
    let database = Postgres::shared().create_database();
    let schema = Schema::table(vec![column("id", "bigint")], Some(vec![0]));
    let mut sink = sink(&database, SinkView { name: RelationName::public("v"), schema: Arc::new(schema) }, "");
    sink.open().expect("the table can be made");
    let id = |id: i64| Row::pack(&model::row(id, "").unpack()[..1]);
    for (turn, ids) in [0..3, 1..4, 2..3000].into_iter().enumerate() {
        let keyed = ids.clone().map(|n| (id(n), KeyedChange::Put(id(n)))).collect();
        sink.apply(&delivery(keyed, turn as u64, turn == 1)).expect("rows");
    }
    assert_eq!(database.value("SELECT concat(min(id), ' ', count(*)) FROM v"), "1 2999");
}
