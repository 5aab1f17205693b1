//! From Postgres's catalog to our types: domains are replaced by their base, enums carry their labels, arrays their element.
//!
//! Base types and ranges that we do not know are opaque, as JSON shows their text; not so if a cast decides what it shows
//! (Postgres's `json_categorize_type`), nor what is made of several values.

use crate::value::{EnumType, OpaqueType, Type};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Client;

/// The types of some columns, as the catalog has them.
#[derive(Clone, Debug, Default)]
pub struct CatalogTypes {
    types: HashMap<u32, CatalogType>,
}

#[derive(Clone, Debug)]
struct CatalogType {
    /// As `format_type` prints it.
    shown: String,
    /// Schema-qualified unless in `public`.
    name: String,
    form: Form,
    /// Whether a cast decides what JSON shows.
    casts_to_json: bool,
    /// Likewise for text.
    casts_to_text: bool,
}

#[derive(Clone, Debug)]
enum Form {
    Base,
    Domain { base: u32, modifier: i32 },
    Array { element: u32 },
    Enum { labels: Vec<String> },
    Range,
    Other,
}

/// A type that no column here may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("type {0} is not supported")]
pub struct UnsupportedType(pub String);

/// How deep domains and arrays may nest; the catalog has no cycles, hostile answers might.
const MAX_DEPTH: usize = 32;

const TYPES_QUERY: &str = "
WITH RECURSIVE needed(oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT part.oid
    FROM needed
    JOIN pg_catalog.pg_type t ON t.oid = needed.oid
    CROSS JOIN LATERAL (VALUES (t.typbasetype), (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0::oid END)) part(oid)
    WHERE part.oid <> 0
)
SELECT t.oid, t.typname::text, n.nspname::text, t.typtype::text, t.typcategory = 'A', t.typelem, t.typbasetype, t.typtypmod,
    pg_catalog.format_type(t.oid, NULL),
    ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
    EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = t.oid AND c.castmethod = 'f'
        AND c.casttarget = 'pg_catalog.json'::pg_catalog.regtype),
    EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = t.oid AND c.castmethod = 'f'
        AND c.casttarget = 'pg_catalog.text'::pg_catalog.regtype)
FROM needed
JOIN pg_catalog.pg_type t ON t.oid = needed.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace";

impl CatalogTypes {
    /// Reads these types and what they are made of.
    pub async fn load(client: &Client, oids: &[u32]) -> Result<CatalogTypes, tokio_postgres::Error> {
        let mut types = HashMap::new();
        for row in client.query(TYPES_QUERY, &[&oids]).await? {
            let (name, schema): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let kind: String = row.try_get(3)?;
            let form = match kind.as_str() {
                "d" => Form::Domain { base: row.try_get(6)?, modifier: row.try_get(7)? },
                "e" => Form::Enum { labels: row.try_get(9)? },
                "b" if row.try_get(4)? => Form::Array { element: row.try_get(5)? },
                "b" => Form::Base,
                "r" | "m" => Form::Range,
                _ => Form::Other,
            };
            let name = if schema == "public" { name } else { format!("{schema}.{name}") };
            let (shown, casts_to_json, casts_to_text) = (row.try_get(8)?, row.try_get(10)?, row.try_get(11)?);
            types.insert(row.try_get(0)?, CatalogType { shown, name, form, casts_to_json, casts_to_text });
        }
        Ok(CatalogTypes { types })
    }

    /// The type and modifier of a column whose catalog type and modifier are these.
    pub fn resolve(&self, oid: u32, modifier: i32) -> Result<(Type, i32), UnsupportedType> {
        self.resolve_within(oid, modifier, MAX_DEPTH)
    }

    fn resolve_within(&self, oid: u32, modifier: i32, depth: usize) -> Result<(Type, i32), UnsupportedType> {
        let Some(found) = self.types.get(&oid) else { return Err(UnsupportedType(format!("with oid {oid}"))) };
        let unsupported = || UnsupportedType(found.shown.clone());
        let opaque = || match found.casts_to_json {
            false => {
                let (name, as_text) = (found.shown.clone(), !found.casts_to_text);
                Ok((Type::Opaque(Arc::new(OpaqueType { name, readable: true, as_text })), -1))
            }
            true => Err(unsupported()),
        };
        let Some(depth) = depth.checked_sub(1) else { return Err(unsupported()) };
        match &found.form {
            Form::Base => builtin(oid).map_or_else(opaque, |ty| Ok((ty, modifier))),
            Form::Range => opaque(),
            Form::Domain { base, modifier } => self.resolve_within(*base, *modifier, depth).map_err(|_| unsupported()),
            Form::Array { element } => match self.resolve_within(*element, modifier, depth) {
                Ok((Type::Opaque(_), _)) | Err(_) => Err(unsupported()),
                Ok((element, modifier)) => Ok((element.array_of(), modifier)),
            },
            Form::Enum { labels } => {
                Ok((Type::Enum(Arc::new(EnumType { name: found.name.clone(), labels: labels.clone() })), -1))
            }
            Form::Other => Err(unsupported()),
        }
    }
}

/// The built-in type with this oid.
fn builtin(oid: u32) -> Option<Type> {
    Some(match oid {
        16 => Type::Bool,
        17 => Type::Bytea,
        20 => Type::Int8,
        21 => Type::Int2,
        23 => Type::Int4,
        25 => Type::Text,
        114 => Type::Json,
        700 => Type::Float4,
        701 => Type::Float8,
        1042 => Type::Char,
        1043 => Type::Varchar,
        1082 => Type::Date,
        1083 => Type::Time,
        1114 => Type::Timestamp,
        1184 => Type::Timestamptz,
        1186 => Type::Interval,
        1700 => Type::Numeric,
        2950 => Type::Uuid,
        3802 => Type::Jsonb,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(types: Vec<(u32, &str, Form)>) -> CatalogTypes {
        let types = types.into_iter();
        CatalogTypes {
            types: types
                .map(|(oid, n, form)| {
                    let (casts_to_json, casts_to_text) = (n == "hstore", n == "inet");
                    (oid, CatalogType { shown: n.into(), name: n.into(), form, casts_to_json, casts_to_text })
                })
                .collect(),
        }
    }

    #[test]
    fn domains_arrays_and_enums_resolve_to_what_they_are_made_of() {
        let types = catalog(vec![
            (1700, "numeric", Form::Base),
            (9001, "money_amount", Form::Domain { base: 1700, modifier: 655366 }),
            (9002, "money_amount[]", Form::Array { element: 9001 }),
            (9003, "mood", Form::Enum { labels: vec!["sad".into(), "ok".into()] }),
            (9004, "hstore", Form::Base),
            (9005, "attributes", Form::Domain { base: 9004, modifier: -1 }),
            (9006, "loop", Form::Domain { base: 9006, modifier: -1 }),
            (9007, "inet", Form::Base),
            (9008, "int4range", Form::Range),
            (9009, "inet[]", Form::Array { element: 9007 }),
        ]);
        assert_eq!(types.resolve(9001, -1), Ok((Type::Numeric, 655366)));
        assert_eq!(types.resolve(9002, -1), Ok((Type::Numeric.array_of(), 655366)));
        assert!(matches!(types.resolve(9003, -1), Ok((Type::Enum(e), -1)) if e.labels == ["sad", "ok"]));
        assert_eq!(types.resolve(9004, -1), Err(UnsupportedType("hstore".into())));
        assert_eq!(types.resolve(9005, -1), Err(UnsupportedType("attributes".into())));
        assert_eq!(types.resolve(9006, -1), Err(UnsupportedType("loop".into())));
        for (oid, name, as_text) in [(9007, "inet", false), (9008, "int4range", true)] {
            let opaque = OpaqueType { name: name.into(), readable: true, as_text };
            assert_eq!(types.resolve(oid, -1), Ok((Type::Opaque(Arc::new(opaque)), -1)));
        }
        assert_eq!(types.resolve(9009, -1), Err(UnsupportedType("inet[]".into())));
        assert!(types.resolve(1, -1).is_err());
    }
}
