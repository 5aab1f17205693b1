//! One SELECT: FROM, WHERE, grouping, the select list, DISTINCT.

use super::order::{Order, Sorting};
use super::{Lowered, Lowerer, OutputColumn, temporal};
use crate::expr::Scalar;
use crate::plan::{Rel, unnest};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::Binder;
use crate::sql::bind::label::label;
use crate::sql::bind::name::alias;
use crate::sql::bind::operand::{Operand, groupable};
use crate::sql::bind::scope::{Scope, ScopeColumn};
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{
    Expr, GroupByExpr, ObjectNamePart, Select, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

/// What a SELECT reads from.
pub(super) struct Input {
    pub(super) rel: Rel,
    pub(super) scope: Scope,
    /// Whether the relation begins with the columns of outer queries.
    pub(super) outer: bool,
}

/// An item of the select list, stars replaced by the columns they stand for.
pub(super) struct Item<'a> {
    pub(super) name: String,
    pub(super) value: ItemValue<'a>,
    /// Whether it is there for ORDER BY only.
    pub(super) hidden: bool,
}

/// What an item gives.
#[derive(PartialEq)]
pub(super) enum ItemValue<'a> {
    Expr(&'a Expr),
    Column(ScopeColumn),
}

impl ItemValue<'_> {
    /// The item's value over the binder's scope.
    pub(super) fn bind(&self, binder: &mut Binder<'_>) -> Bound<Operand> {
        match self {
            ItemValue::Expr(expr) => binder.bind(expr),
            ItemValue::Column(column) => {
                Ok(Operand::Typed(Scalar::Column(column.position, column.ty.clone()), column.modifier))
            }
        }
    }
}

impl Lowerer<'_> {
    pub(super) fn select(&mut self, select: &Select, order: &Order<'_>) -> Bound<Lowered> {
        refuse_clauses(select)?;
        let mut input = match self.from(&select.from)? {
            Some(input) => self.with_outer(input),
            None => Input { rel: self.unit(), scope: Scope::default(), outer: true },
        };
        input.scope.outer = self.outer();
        if let Some(selection) = &select.selection {
            input.rel = self.selected(input.rel, &input.scope, selection)?;
        }
        let mut items = self.items(select, &input.scope)?;
        let mut sorting = Sorting::new(&mut items, select, order)?;
        let GroupByExpr::Expressions(group_by, modifiers) = &select.group_by else {
            return Err(Fault::unsupported("GROUP BY ALL is").within(&select.group_by));
        };
        if !modifiers.is_empty() {
            return Err(Fault::syntax("Postgres has no WITH behind GROUP BY").within(&select.group_by));
        }
        let (rel, mut values) = self.projected(input, &items, group_by, select)?;
        sorting.settle(&mut items, &mut values, select, order)?;
        let lowered = output(rel, self.outer_width(), &items, values)?;
        sorting.apply(lowered, select, order)
    }

    /// The rows for which WHERE is true.
    fn selected(&mut self, rel: Rel, scope: &Scope, selection: &Expr) -> Bound<Rel> {
        let mut binder = Binder::new(self.catalog, scope, Clause::Where, rel.width()).with_queries(self);
        let predicate = binder.condition(selection, "WHERE")?;
        let applied = binder.applied;
        let (tests, predicate) = temporal::split(predicate).map_err(|fault| fault.within(selection))?;
        let rel = if tests.is_empty() { rel } else { Rel::Temporal { input: Box::new(rel), tests } };
        self.restricted(rel, predicate, applied)
    }

    /// The select list with stars replaced.
    fn items<'s>(&self, select: &'s Select, scope: &Scope) -> Bound<Vec<Item<'s>>> {
        let mut items = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = label(expr, self.catalog);
                    items.push(Item { name, value: ItemValue::Expr(expr), hidden: false });
                }
                SelectItem::ExprWithAlias { expr, alias: name } => {
                    let name = alias(name).map_err(|fault| fault.within(expr))?;
                    items.push(Item { name, value: ItemValue::Expr(expr), hidden: false });
                }
                SelectItem::Wildcard(options) => {
                    refuse_options(options)?;
                    if scope.columns.is_empty() {
                        return Err(Fault::syntax("SELECT * with no tables specified is not valid").within(item));
                    }
                    items.extend(stars(scope, None).map_err(|fault| fault.within(item))?);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    refuse_options(options)?;
                    let idents: Vec<_> = name.0.iter().filter_map(ObjectNamePart::as_ident).cloned().collect();
                    let table = scope.table(&idents).map_err(|fault| fault.within(name))?;
                    items.extend(stars(scope, Some(table)).map_err(|fault| fault.within(item))?);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _)
                | SelectItem::ExprWithAliases { .. } => {
                    return Err(Fault::unsupported("this form of a select item is").within(item));
                }
            }
        }
        Ok(items)
    }
}

/// The columns that a star stands for.
fn stars<'a>(scope: &Scope, table: Option<usize>) -> Bound<Vec<Item<'a>>> {
    let star = |column: &ScopeColumn| {
        column.readable().map_err(|fault| fault.hint("Name the other columns instead of *."))?;
        Ok(Item { name: column.name.clone(), value: ItemValue::Column(column.clone()), hidden: false })
    };
    scope.star(table).map(star).collect()
}

/// The select list as the query's columns. Open literals stay open for a set operation around it, and are text meanwhile.
fn output(rel: Rel, outer: usize, items: &[Item<'_>], values: Vec<Operand>) -> Bound<Lowered> {
    let (mut columns, mut expressions) = (Vec::new(), unnest::columns(&rel.columns()[..outer], 0));
    for (item, value) in items.iter().zip(values) {
        let open = matches!(value, Operand::Unknown(_)).then(|| value.clone());
        let (scalar, modifier) = value.settled()?;
        columns.push(OutputColumn { name: item.name.clone(), ty: scalar.ty(), modifier, open });
        expressions.push(scalar);
    }
    Ok(Lowered { rel: rel.map(expressions), columns })
}

/// Equal rows once; every type is settled by then.
pub(super) fn distinct(mut lowered: Lowered) -> Bound<Lowered> {
    lowered.columns.iter_mut().for_each(|column| column.open = None);
    lowered.columns.iter().try_for_each(|column| groupable(&column.ty))?;
    Ok(Lowered { rel: Rel::Distinct { input: Box::new(lowered.rel) }, ..lowered })
}

fn refuse_options(options: &WildcardAdditionalOptions) -> Bound<()> {
    let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, opt_alias, .. } =
        options;
    let any = opt_ilike.is_some() || opt_exclude.is_some() || opt_except.is_some() || opt_replace.is_some();
    match any || opt_rename.is_some() || opt_alias.is_some() {
        true => Err(Fault::syntax("Postgres has no options after *").at(options.wildcard_token.0.span)),
        false => Ok(()),
    }
}

fn refuse_clauses(select: &Select) -> Bound<()> {
    let refused = [
        (select.into.is_some(), "INTO is"),
        (select.top.is_some(), "TOP is"),
        (select.exclude.is_some(), "EXCLUDE is"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW is"),
        (select.prewhere.is_some(), "PREWHERE is"),
        (!select.connect_by.is_empty(), "CONNECT BY is"),
        (!select.cluster_by.is_empty() || !select.distribute_by.is_empty(), "CLUSTER BY is"),
        (!select.sort_by.is_empty(), "SORT BY is"),
        (select.qualify.is_some(), "QUALIFY is"),
        (select.value_table_mode.is_some() || select.select_modifiers.is_some(), "a modifier of SELECT is"),
    ];
    match refused.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Fault::unsupported(what).at(select.select_token.0.span)),
        None => Ok(()),
    }
}
