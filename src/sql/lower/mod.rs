//! Queries to [`Rel`].

mod aggregate;
pub(in crate::sql) mod as_of;
mod from;
mod grouping;
mod join;
mod on;
mod order;
mod outcome;
mod query;
mod record;
mod recursive;
mod select;
mod session;
mod set_op;
mod subquery;
mod table;
mod temporal;
mod using;
mod values;
mod window;
mod with;

use super::catalog::Catalog;
use super::error::{Bound, Fault};
use crate::expr::{CastContext, Scalar};
use crate::plan::{Rel, derive, unnest};
use crate::value::{Column, RelationName, Schema, Type};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::bind::operand::Operand;
use super::parse::Definition;
use recursive::Recursion;
use sqlparser::ast::Ident;
use subquery::Around;
use with::Common;

/// How many relations and subqueries one view may name, common table expressions counted wherever they are used.
const MAX_RELATIONS: usize = 500;

/// A query's column.
#[derive(Clone, Debug)]
struct OutputColumn {
    name: String,
    ty: Type,
    modifier: i32,
    /// What the literal was, if the column is one whose type nothing has asked for.
    open: Option<Operand>,
}

/// A query, lowered. Its relation begins with the columns it reads of the queries around it; its own follow.
#[derive(Clone, Debug)]
struct Lowered {
    rel: Rel,
    columns: Vec<OutputColumn>,
}

impl Lowered {
    /// The rows with these column types.
    fn converted(self, types: &[Type]) -> Bound<Lowered> {
        let outer = self.rel.width() - self.columns.len();
        let mut expressions = unnest::columns(&self.rel.columns()[..outer], 0);
        let mut columns = self.columns;
        for (position, (column, ty)) in columns.iter_mut().zip(types).enumerate() {
            let operand = match column.open.take() {
                Some(open) => open,
                None => Operand::Typed(Scalar::Column(outer + position, column.ty.clone()), column.modifier),
            };
            expressions.push(operand.cast(ty, -1, CastContext::Implicit)?.settled()?.0);
            if column.ty != *ty {
                (column.ty, column.modifier) = (ty.clone(), -1);
            }
        }
        Ok(Lowered { rel: self.rel.map(expressions), columns })
    }

    /// Names the columns of a common table expression.
    fn named_columns(self, name: &str, columns: &[Ident]) -> Bound<Lowered> {
        self.renamed(columns, |available, written| {
            let available = format!("WITH query \"{name}\" has {available} columns available");
            Fault::new("42P10", format!("{available} but {written} columns specified"))
        })
    }

    /// Names the first columns; there must be enough of them.
    fn renamed(mut self, names: &[Ident], too_many: impl Fn(usize, usize) -> Fault) -> Bound<Lowered> {
        if let Some(extra) = names.get(self.columns.len()) {
            return Err(too_many(self.columns.len(), names.len()).at(extra.span));
        }
        for (column, ident) in self.columns.iter_mut().zip(names) {
            column.name = super::bind::name::fold(ident);
        }
        Ok(self)
    }
}

/// Lowers the queries of one view.
pub(super) struct Lowerer<'a> {
    pub(super) catalog: &'a Catalog,
    /// The views lowered before.
    pub(super) views: &'a BTreeMap<RelationName, Arc<Schema>>,
    /// Common table expressions in scope, innermost last.
    ctes: Vec<HashMap<String, Common>>,
    /// The innermost query that may refer to itself, being lowered.
    recursion: Option<Recursion>,
    /// What the query being lowered is inside of.
    around: Option<Around>,
    /// How many queries that is.
    nesting: usize,
    /// The relations that stand for values of outer queries' columns.
    leaves: HashMap<RelationName, Arc<Schema>>,
    relations: usize,
}

impl<'a> Lowerer<'a> {
    pub(super) fn new(catalog: &'a Catalog, views: &'a BTreeMap<RelationName, Arc<Schema>>) -> Lowerer<'a> {
        let (ctes, leaves) = (Vec::new(), HashMap::new());
        Lowerer { catalog, views, ctes, recursion: None, around: None, nesting: 0, leaves, relations: 0 }
    }

    /// The definition's plan and schema.
    pub(super) fn view(&mut self, definition: &Definition) -> Bound<(Rel, Schema)> {
        let lowered = self.query(&definition.query)?.renamed(&definition.columns, |_, _| {
            Fault::new("42601", "CREATE VIEW specifies more column names than columns")
        })?;
        let types: Vec<Type> = lowered.columns.iter().map(|column| column.ty.clone()).collect();
        let Lowered { rel, columns } = lowered.converted(&types)?;
        refuse_duplicates(&columns)?;
        let mut rel = session::grouped(rel)?;
        unnest::tighten(&mut rel, &|rel| derive(rel, &|name| self.schema(name)).nullable);
        let properties = derive(&rel, &|name| self.schema(name));
        let key = properties.key();
        let columns = columns.into_iter().zip(properties.nullable).map(|(column, nullable)| Column {
            name: column.name,
            ty: column.ty,
            modifier: column.modifier,
            nullable,
        });
        Ok((rel, Schema::table(columns.collect(), key)))
    }

    /// The schema of an input or a view lowered before.
    fn schema(&self, name: &RelationName) -> Option<Arc<Schema>> {
        self.views.get(name).or_else(|| self.catalog.get(name)).or_else(|| self.leaves.get(name)).cloned()
    }

    /// Counts a relation of the plan.
    fn count(&mut self, relations: usize) -> Bound<()> {
        self.relations += relations;
        match self.relations > MAX_RELATIONS {
            true => Err(Fault::new("54001", format!("the view names more than {MAX_RELATIONS} relations"))),
            false => Ok(()),
        }
    }
}

fn refuse_duplicates(columns: &[OutputColumn]) -> Bound<()> {
    for (position, column) in columns.iter().enumerate() {
        if columns[..position].iter().any(|earlier| earlier.name == column.name) {
            return Err(Fault::new("42701", format!("column \"{}\" specified more than once", column.name))
                .hint("Give one of them another name with AS."));
        }
    }
    Ok(())
}
