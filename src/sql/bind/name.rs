//! Identifiers as Postgres reads them: folded to lower case unless quoted, and cut at 63 bytes.

use crate::sql::error::{Bound, Fault};
use crate::value::RelationName;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// Longest identifier, in bytes (Postgres's `NAMEDATALEN` - 1).
const LONGEST: usize = 63;

/// The identifier's value.
pub(in crate::sql) fn fold(ident: &Ident) -> String {
    let mut name = match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    };
    if name.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        name.truncate(end);
    }
    name
}

/// An alias: the parser would take a quoted literal for one.
pub(in crate::sql) fn alias(ident: &Ident) -> Bound<String> {
    match ident.quote_style {
        Some('\'') => Err(Fault::syntax(format!("syntax error at or near \"{ident}\""))),
        _ => Ok(fold(ident)),
    }
}

/// The identifiers of a dotted name.
pub(in crate::sql) fn parts(name: &ObjectName) -> Bound<Vec<&Ident>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => Err(Fault::syntax("a name is expected here").within(name)),
        })
        .collect()
}

/// A relation's name: `public` if no schema is given.
pub(in crate::sql) fn relation(name: &ObjectName) -> Bound<RelationName> {
    match parts(name)?.as_slice() {
        [name] => Ok(RelationName::public(fold(name))),
        [schema, name] => Ok(RelationName { schema: fold(schema), name: fold(name) }),
        _ => Err(Fault::new("0A000", "cross-database references are not implemented").within(name)),
    }
}

/// A function's or type's name without `pg_catalog`.
pub(in crate::sql) fn catalog(name: &ObjectName) -> Bound<String> {
    match parts(name)?.as_slice() {
        [name] => Ok(fold(name)),
        [schema, name] if fold(schema) == "pg_catalog" => Ok(fold(name)),
        _ => Err(Fault::unsupported("a name in a schema other than pg_catalog is").within(name)),
    }
}

/// A type's name: without `pg_catalog` or `public`, with any other schema.
pub(in crate::sql) fn type_name(name: &ObjectName) -> Bound<String> {
    match parts(name)?.as_slice() {
        [schema, name] if !matches!(fold(schema).as_str(), "pg_catalog" | "public") => {
            Ok(format!("{}.{}", fold(schema), fold(name)))
        }
        [.., name] => Ok(fold(name)),
        [] => Err(Fault::syntax("a type is expected here")),
    }
}
