//! The names Postgres gives to unnamed output columns.

use super::name::{fold, parts};
use super::types;
use crate::sql::catalog::Catalog;
use sqlparser::ast::{CastKind, Expr, Ident, TrimWhereField, Value};

/// A name, and whether it is good enough to keep when a cast or a CASE around it offers its own.
struct Label {
    name: String,
    strong: bool,
}

fn strong(name: impl Into<String>) -> Option<Label> {
    Some(Label { name: name.into(), strong: true })
}

fn weak(name: impl Into<String>) -> Option<Label> {
    Some(Label { name: name.into(), strong: false })
}

/// The output column's name.
pub(in crate::sql) fn label(expr: &Expr, catalog: &Catalog) -> String {
    figure(expr, catalog).map_or_else(|| "?column?".to_string(), |label| label.name)
}

fn figure(expr: &Expr, catalog: &Catalog) -> Option<Label> {
    match expr {
        Expr::Identifier(ident) => strong(fold(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().and_then(|ident: &Ident| strong(fold(ident))),
        Expr::Nested(inner) => figure(inner, catalog),
        Expr::Collate { expr, .. } => figure(expr, catalog),
        Expr::CompoundFieldAccess { root, .. } => figure(root, catalog),
        Expr::Function(function) => parts(&function.name).ok()?.last().and_then(|ident| strong(fold(ident))),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            match figure(expr, catalog) {
                Some(label) if label.strong => Some(label),
                inner => types::resolve(data_type, catalog).map_or(inner, |target| weak(target.label)),
            }
        }
        Expr::TypedString(typed) => {
            types::resolve(&typed.data_type, catalog).ok().and_then(|target| weak(target.label))
        }
        Expr::Interval(_) => weak("interval"),
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => weak("bool"),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(|expr| figure(expr, catalog)) {
            Some(label) if label.strong => Some(label),
            _ => weak("case"),
        },
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Array(_) => strong("array"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        }),
        _ => None,
    }
}
