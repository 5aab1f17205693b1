//! Casts of a value of every type to every type: they exist where Postgres has them, and give what it gives.

use super::judge::Judge;

/// A value of each type, and one more of those whose text is no value of another type.
const VALUES: [&str; 29] = [
    "true",
    "7::smallint",
    "70",
    "70::bigint",
    "1.5::real",
    "2.5::float8",
    "3.75",
    "'1'::text",
    "'abc'::text",
    "'1'::varchar",
    "'12'::varchar(2)",
    "'1'::char(3)",
    "'\\x31'::bytea",
    "date '2024-02-29'",
    "time '12:34:56.789'",
    "timestamp '2024-02-29 12:34:56.789'",
    "timestamptz '2024-02-29 12:34:56.789+00'",
    "interval '1 day 02:03:04.5'",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
    "'1'::json",
    "'1'::jsonb",
    "'{\"a\": 1}'::jsonb",
    "'ok'::mood",
    "'08:00:2b:01:02:03'::macaddr",
    "ARRAY[1, 2]",
    "ARRAY['1', '2']",
    "ARRAY[1.25, NULL]",
    "ARRAY['ok']::mood[]",
    "ARRAY[date '2024-02-29']",
];

const TYPES: [&str; 31] = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "numeric(6,1)",
    "text",
    "varchar",
    "varchar(2)",
    "char(3)",
    "bytea",
    "date",
    "time",
    "time(0)",
    "timestamp",
    "timestamp(0)",
    "timestamptz",
    "interval",
    "interval day",
    "uuid",
    "json",
    "jsonb",
    "mood",
    "inet",
    "cidr",
    "macaddr",
    "integer[]",
    "text[]",
    "timestamp[]",
];

#[test]
fn every_type_is_cast_to_every_type_as_in_postgres() {
    // Between integers and bytes only later versions cast.
    let is_later = |value: &str, ty: &str| match ty {
        "bytea" => matches!(value, "7::smallint" | "70" | "70::bigint"),
        "smallint" | "integer" | "bigint" => value.ends_with("bytea"),
        _ => false,
    };
    let pairs = VALUES.iter().flat_map(|value| TYPES.iter().map(move |ty| (value, ty)));
    let pairs = pairs.filter(|(value, ty)| !is_later(value, ty));
    let cases: Vec<String> = pairs.map(|(value, ty)| format!("CAST(«{value}» AS {ty})")).collect();
    let shown: Vec<String> = Judge::new().differences(&cases).into_iter().map(|(_, difference)| difference).collect();
    assert!(shown.is_empty(), "{} of {} differ\n{}", shown.len(), cases.len(), shown.join("\n"));
}
