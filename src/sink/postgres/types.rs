//! Which column holds a view's values digit for digit, and what a new one is to be.

use crate::pg::{quote_identifier, quote_literal};
use crate::value::{Column, EnumType, Type};

/// The query for the types that new columns get, in the server's own words. A type that only the source has is text.
pub(super) fn declared(columns: &[Column]) -> String {
    let row = |(position, column): (usize, &Column)| {
        let [first, second, last] =
            names(&column.ty).map(|name| name.map_or("NULL".into(), |name| quote_literal(&name)));
        format!("({position}, {first}, {second}, {last}, {})", column.modifier)
    };
    let rows: Vec<String> = columns.iter().enumerate().map(row).collect();
    format!(
        "SELECT pg_catalog.format_type(COALESCE(pg_catalog.to_regtype(v.first), pg_catalog.to_regtype(v.second), \
         pg_catalog.to_regtype(v.last)), v.modifier) \
         FROM (VALUES {}) AS v (position, first, second, last, modifier) ORDER BY v.position",
        rows.join(", ")
    )
}

/// The names a type may have in the target.
fn names(ty: &Type) -> [Option<String>; 3] {
    match ty {
        Type::Array(element) => names(element).map(|name| name.map(|name| format!("{name}[]"))),
        Type::Enum(ty) => [Some(enum_name(ty)), None, Some("text".into())],
        Type::Opaque(ty) => {
            let in_public = (!ty.name.contains('.')).then(|| format!("public.{}", ty.name));
            [Some(ty.name.clone()), in_public, Some("text".into())]
        }
        ty => [Some(ty.to_string()), None, None],
    }
}

fn enum_name(ty: &EnumType) -> String {
    let (schema, name) = ty.name.split_once('.').unwrap_or(("public", &ty.name));
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// Whether a column of this type and modifier holds every value of the view's column as it is, or refuses it loudly.
pub(super) fn holds(column: &Column, ty: &Type, modifier: i32) -> bool {
    fits((&column.ty, column.modifier), (ty, modifier))
}

fn fits((from, from_modifier): (&Type, i32), (to, modifier): (&Type, i32)) -> bool {
    use Type::*;
    let is_free = modifier < 0 || modifier == from_modifier;
    match (from, to) {
        (Array(from), Array(to)) => fits((from, from_modifier), (to, modifier)),
        (Enum(from), Enum(to)) => from.labels.iter().all(|label| to.labels.contains(label)),
        (Opaque(from), Opaque(to)) => plain(&from.name) == plain(&to.name),
        (Enum(_) | Opaque(_) | Text | Varchar, Text | Varchar) => true,
        (Int2 | Int4 | Int8, Int2 | Int4 | Int8) => true,
        (Int2 | Int4 | Int8, Numeric) => modifier < 0 || scale(modifier) == 0,
        (Numeric, Numeric) => is_free || (from_modifier >= 0 && scale(from_modifier) == scale(modifier)),
        (Float4 | Float8, Float8) | (Float4, Float4) => true,
        (Time, Time) | (Timestamp, Timestamp) | (Timestamptz, Timestamptz) => {
            is_free || modifier == 6 || (0..=modifier).contains(&from_modifier)
        }
        (Char, Char) | (Interval, Interval) => is_free,
        (Jsonb, Json) => true,
        (from, to) => from == to,
    }
}

/// The scale in a `numeric`'s modifier.
fn scale(modifier: i32) -> i32 {
    (((modifier - 4) & 0x7ff) ^ 1024) - 1024
}

/// A type's name however the path was when it was asked for.
fn plain(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::OpaqueType;
    use std::sync::Arc;

    fn numeric(precision: i32, scale: i32) -> i32 {
        ((precision << 16) | (scale & 0x7ff)) + 4
    }

    fn mood(labels: &[&str]) -> Type {
        Type::Enum(Arc::new(EnumType {
            name: "mood".into(),
            labels: labels.iter().map(|label| label.to_string()).collect(),
        }))
    }

    fn opaque(name: &str) -> Type {
        Type::Opaque(Arc::new(OpaqueType { name: name.into(), readable: true, as_text: true }))
    }

    #[test]
    fn what_would_change_values_silently_does_not_fit() {
        use Type::*;
        let cases = [
            ((Int8, -1), (Int4, -1), true),
            ((Int4, -1), (Numeric, -1), true),
            ((Int4, -1), (Numeric, numeric(5, -2)), false),
            ((Int4, -1), (Text, -1), false),
            ((Numeric, -1), (Numeric, numeric(10, 2)), false),
            ((Numeric, numeric(10, 2)), (Numeric, numeric(12, 2)), true),
            ((Numeric, numeric(10, 2)), (Numeric, numeric(12, 3)), false),
            ((Numeric, numeric(10, 2)), (Numeric, -1), true),
            ((Numeric, -1), (Float8, -1), false),
            ((Float4, -1), (Float8, -1), true),
            ((Float8, -1), (Float4, -1), false),
            ((Text, -1), (Varchar, 14), true),
            ((Text, -1), (Char, 14), false),
            ((Char, 9), (Char, 14), false),
            ((Timestamptz, -1), (Timestamptz, 3), false),
            ((Timestamptz, 0), (Timestamptz, 3), true),
            ((Timestamptz, -1), (Timestamp, -1), false),
            ((Jsonb, -1), (Json, -1), true),
            ((Json, -1), (Jsonb, -1), false),
            ((Int4.array_of(), -1), (Int8.array_of(), -1), true),
            ((Int4.array_of(), -1), (Int4, -1), false),
            ((mood(&["a"]), -1), (mood(&["b", "a"]), -1), true),
            ((mood(&["a", "c"]), -1), (mood(&["b", "a"]), -1), false),
            ((mood(&["a"]).array_of(), -1), (Text.array_of(), -1), true),
            ((opaque("citext"), -1), (opaque("public.citext"), -1), true),
            ((opaque("inet"), -1), (opaque("cidr"), -1), false),
            ((opaque("inet"), -1), (Text, -1), true),
        ];
        for ((from, from_modifier), (to, modifier), expected) in cases {
            let column = Column { modifier: from_modifier, ..Column::new("c", from, true) };
            assert_eq!(holds(&column, &to, modifier), expected, "{} {from_modifier} in {to} {modifier}", column.ty);
        }
    }
}
