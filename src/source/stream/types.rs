//! Column types as a configuration writes them: Postgres's names, with modifiers and `not null`.

use crate::value::{Column, Type};
use std::sync::Arc;

/// Postgres stores the lengths of `varchar` and `char` and the digits of `numeric` with this added.
const MODIFIER_HEADER: i32 = 4;

/// Reads a column's declaration such as `numeric(10,2) not null`.
pub(super) fn column(name: &str, declaration: &str) -> Result<Column, String> {
    let text = declaration.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let (text, nullable) = match text.strip_suffix(" not null") {
        Some(text) => (text, false),
        None => (text.strip_suffix(" null").unwrap_or(&text), true),
    };
    let (text, array) = match text.find('[') {
        Some(at) if is_dimensions(&text[at..]) => (text[..at].trim_end(), true),
        _ => (text, false),
    };
    let unknown = || {
        let known = "such as \"bigint not null\", \"text\", \"numeric(10,2)\", \"timestamptz\" or \"text[]\"";
        format!("column \"{name}\": \"{declaration}\" is not a type known here; write one of Postgres's, {known}")
    };
    let (base, modifiers, zone) = parts(text).ok_or_else(unknown)?;
    let (ty, modifier) = scalar(&base, &modifiers, &zone).ok_or_else(unknown)?;
    let ty = if array { Type::Array(Arc::new(ty)) } else { ty };
    Ok(Column { name: name.into(), ty, modifier, nullable })
}

/// `[]`, `[3]`, `[][]`: Postgres takes no notice of the number either.
fn is_dimensions(text: &str) -> bool {
    text.ends_with(']') && text.chars().all(|c| c == '[' || c == ']' || c.is_ascii_digit() || c == ' ')
}

/// `timestamp (3) with time zone` as name, modifiers, and what follows them.
fn parts(text: &str) -> Option<(String, Vec<i32>, String)> {
    let Some((before, rest)) = text.split_once('(') else { return Some((text.to_owned(), vec![], String::new())) };
    let (inside, after) = rest.split_once(')')?;
    let modifiers = inside.split(',').map(|m| m.trim().parse().ok()).collect::<Option<Vec<i32>>>()?;
    Some((before.trim_end().to_owned(), modifiers, after.trim_start().to_owned()))
}

fn scalar(base: &str, modifiers: &[i32], zone: &str) -> Option<(Type, i32)> {
    let name = if zone.is_empty() { base.to_owned() } else { format!("{base} {zone}") };
    let ty = match name.as_str() {
        "boolean" | "bool" => Type::Bool,
        "smallint" | "int2" => Type::Int2,
        "integer" | "int" | "int4" => Type::Int4,
        "bigint" | "int8" => Type::Int8,
        "real" | "float4" => Type::Float4,
        "double precision" | "float8" | "float" => Type::Float8,
        "numeric" | "decimal" => Type::Numeric,
        "text" => Type::Text,
        "character varying" | "varchar" => Type::Varchar,
        "character" | "char" | "bpchar" => Type::Char,
        "bytea" => Type::Bytea,
        "date" => Type::Date,
        "time" | "time without time zone" => Type::Time,
        "timestamp" | "timestamp without time zone" => Type::Timestamp,
        "timestamptz" | "timestamp with time zone" => Type::Timestamptz,
        "interval" => Type::Interval,
        "uuid" => Type::Uuid,
        "json" => Type::Json,
        "jsonb" => Type::Jsonb,
        _ => return None,
    };
    let modifier = match (&ty, modifiers) {
        (Type::Char, []) if base != "bpchar" => 1 + MODIFIER_HEADER,
        (_, []) => -1,
        (Type::Varchar | Type::Char, [length @ 1..=10_485_760]) => length + MODIFIER_HEADER,
        (Type::Numeric, [precision @ 1..=1000]) => (precision << 16) + MODIFIER_HEADER,
        (Type::Numeric, [precision @ 1..=1000, scale @ -1000..=1000]) => {
            ((precision << 16) | (scale & 0x7ff)) + MODIFIER_HEADER
        }
        (Type::Time | Type::Timestamp | Type::Timestamptz, [digits @ 0..=6]) => *digits,
        _ => return None,
    };
    Some((ty, modifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        let cases = [
            ("bigint not null", "bigint", -1, false),
            ("INTEGER NOT  NULL", "integer", -1, false),
            ("text", "text", -1, true),
            ("varchar(20)", "character varying", 24, true),
            ("char", "character", 5, true),
            ("bpchar", "character", -1, true),
            ("numeric(10, 2) not null", "numeric", (10 << 16) + 2 + 4, false),
            ("numeric(3,-2)", "numeric", ((3 << 16) | 0x7fe) + 4, true),
            ("timestamp (3) with time zone", "timestamp with time zone", 3, true),
            ("double precision null", "double precision", -1, true),
            ("int[]", "integer[]", -1, true),
            ("varchar(3)[3][] not null", "character varying[]", 7, false),
        ];
        for (declaration, ty, modifier, nullable) in cases {
            let column = column("c", declaration).unwrap();
            assert_eq!((column.ty.to_string().as_str(), column.modifier, column.nullable), (ty, modifier, nullable));
        }
        for declaration in ["", "not null", "bigint(3)", "money", "numeric(0)", "numeric(a)", "varchar(", "int]["] {
            let error = column("c", declaration).unwrap_err();
            assert!(error.contains(&format!("\"{declaration}\"")), "{error}");
        }
    }
}
