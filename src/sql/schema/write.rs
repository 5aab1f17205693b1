//! From tables to the text of a file.

use crate::value::text::{IntervalField, interval_modifier, quote_identifier};
use crate::value::{Column, EnumType, OpaqueType, RelationName, Schema, Type};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Postgres's header size, which length modifiers include.
const HEADER: i32 = 4;

const TITLE: &str = "-- What the database offers. `tidegate schema pull` writes this file; `--offline` reads it instead of the database.\n";

/// Words that mean something else where a name is expected.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exclude",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "fulltext",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "key",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "projection",
    "references",
    "returning",
    "right",
    "select",
    "similar",
    "some",
    "spatial",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// The text of a file that holds these tables.
pub fn write(tables: &[(RelationName, Arc<Schema>)]) -> String {
    let (mut enums, mut opaques) = (BTreeMap::new(), BTreeMap::new());
    for column in tables.iter().flat_map(|(_, schema)| &schema.columns) {
        let mut ty = &column.ty;
        while let Type::Array(element) = ty {
            ty = element;
        }
        match ty {
            Type::Enum(labels) => drop(enums.insert(&labels.name, labels)),
            Type::Opaque(opaque) => drop(opaques.insert(&opaque.name, opaque)),
            _ => {}
        }
    }
    let mut out = TITLE.to_owned();
    enums.into_values().for_each(|labels| write_enum(labels, &mut out));
    opaques.into_values().for_each(|opaque| write_opaque(opaque, &mut out));
    tables.iter().for_each(|(name, schema)| write_table(name, schema, &mut out));
    out
}

fn write_enum(EnumType { name, labels }: &EnumType, out: &mut String) {
    let labels: Vec<String> = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\nCREATE TYPE {} AS ENUM ({});", type_name(name), labels.join(", "));
}

/// A type that passes through: like text, if a cast to text gives what JSON shows; like json, if only JSON shows it.
fn write_opaque(OpaqueType { name, readable, as_text }: &OpaqueType, out: &mut String) {
    let like = match (readable, as_text) {
        (true, true) => " (LIKE = text)",
        (true, false) => " (LIKE = json)",
        (false, _) => "",
    };
    let _ = writeln!(out, "\nCREATE TYPE {}{like};", always_quoted(name));
}

fn write_table(name: &RelationName, schema: &Schema, out: &mut String) {
    let qualifier = if name.schema == "public" { String::new() } else { format!("{}.", quoted(&name.schema)) };
    let _ = writeln!(out, "\nCREATE TABLE {qualifier}{} (", quoted(&name.name));
    let mut lines: Vec<String> = schema.columns.iter().map(line).collect();
    if let Some(key) = &schema.key {
        let names: Vec<String> = key.iter().map(|position| quoted(&schema.columns[*position].name)).collect();
        lines.push(format!("    PRIMARY KEY ({})", names.join(", ")));
    }
    let _ = writeln!(out, "{}\n);", lines.join(",\n"));
}

fn line(column: &Column) -> String {
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    format!("    {} {}{not_null}", quoted(&column.name), shown(&column.ty, column.modifier))
}

/// The type with its modifier, as a column has it.
pub(super) fn shown(ty: &Type, modifier: i32) -> String {
    match ty {
        Type::Array(element) => format!("{}[]", shown(element, modifier)),
        Type::Enum(labels) => type_name(&labels.name),
        Type::Opaque(opaque) => always_quoted(&opaque.name),
        Type::Varchar if modifier >= 0 => format!("varchar({})", modifier - HEADER),
        Type::Varchar => "varchar".into(),
        Type::Char if modifier >= 0 => format!("char({})", modifier - HEADER),
        Type::Char => "bpchar".into(),
        Type::Numeric if modifier >= 0 => {
            let (precision, scale) = ((modifier - HEADER) >> 16, (modifier - HEADER) & 0x7ff);
            // The scale has eleven bits, the first of them a sign.
            format!("numeric({precision},{})", (scale ^ 1024) - 1024)
        }
        Type::Time if modifier >= 0 => format!("time({modifier})"),
        Type::Timestamp if modifier >= 0 => format!("timestamp({modifier})"),
        Type::Timestamptz if modifier >= 0 => format!("timestamp({modifier}) with time zone"),
        Type::Timestamptz => "timestamptz".into(),
        Type::Time => "time".into(),
        Type::Timestamp => "timestamp".into(),
        Type::Interval if modifier >= 0 => interval(modifier),
        ty => ty.to_string(),
    }
}

/// `interval` with the fields and digits that make the modifier.
fn interval(modifier: i32) -> String {
    use IntervalField::{Day, Hour, Minute, Month, Second, Year};
    let fields =
        [(Year, "year"), (Month, "month"), (Day, "day"), (Hour, "hour"), (Minute, "minute"), (Second, "second")];
    let digits = (0..=6).map(Some).chain([None]);
    for digits in digits {
        let in_seconds = digits.map_or(String::new(), |digits| format!("({digits})"));
        if interval_modifier(None, digits) == modifier {
            return format!("interval{in_seconds}");
        }
        for (from, (first, first_name)) in fields.iter().enumerate() {
            for (last, last_name) in &fields[from..] {
                if interval_modifier(Some((*first, *last)), digits) == modifier {
                    let to = if first == last { String::new() } else { format!(" to {last_name}") };
                    return format!("interval {first_name}{to}{in_seconds}");
                }
            }
        }
    }
    "interval".into()
}

/// A type's name, with its schema unless that is `public`.
fn type_name(name: &str) -> String {
    match name.split_once('.') {
        Some((schema, name)) => format!("{}.{}", quoted(schema), quoted(name)),
        None => quoted(name),
    }
}

fn quoted(name: &str) -> String {
    quote_identifier(name, |name| RESERVED.contains(&name))
}

fn always_quoted(name: &str) -> String {
    quote_identifier(name, |_| true)
}
