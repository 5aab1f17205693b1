//! ORDER BY: what rows are sorted by.

use super::expression::Binder;
use crate::plan::SortKey;
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{OrderByExpr, OrderBySort};

/// The keys of an ORDER BY whose items are expressions.
pub(super) fn sort_keys(binder: &mut Binder<'_>, items: &[OrderByExpr]) -> Bound<Vec<SortKey>> {
    items.iter().map(|item| sort_key(binder, item)).collect()
}

fn sort_key(binder: &mut Binder<'_>, item: &OrderByExpr) -> Bound<SortKey> {
    let (expression, _) = binder.bind(&item.expr)?.settled()?;
    sortable(&expression.ty()).map_err(|fault| fault.within(&item.expr))?;
    let (descending, nulls_first) = direction(item)?;
    Ok(SortKey { expression, descending, nulls_first })
}

/// Whether the item sorts from the greatest down, and whether nulls come first.
pub(in crate::sql) fn direction(item: &OrderByExpr) -> Bound<(bool, bool)> {
    let descending = match &item.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => return Err(Fault::unsupported("ORDER BY … USING is").within(&item.expr)),
    };
    if item.with_fill.is_some() {
        return Err(Fault::syntax("Postgres has no WITH FILL").within(&item.expr));
    }
    Ok((descending, item.options.nulls_first.unwrap_or(descending)))
}

/// A fault unless values of the type have an order.
pub(in crate::sql) fn sortable(ty: &Type) -> Bound<()> {
    match ty {
        ty if ty.has_order() => Ok(()),
        ty if ty.has_equality() || matches!(ty, Type::Opaque(_)) => {
            Err(Fault::unsupported(format!("sorting by values of type {ty} is")))
        }
        ty => Err(Fault::new("42883", format!("could not identify an ordering operator for type {ty}"))
            .hint("Use an explicit ordering operator or modify the query.")),
    }
}
