//! Scopes: which columns an expression may name, by which names.
//!
//! A subquery's scope has the scope of the query around it behind its own. The relation a correlated query is computed over begins
//! with the columns of the outer query, so that every position, of whichever level, is one of that relation.

use super::name::fold;
use super::outer_aggregate::OuterAggregate;
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::Ident;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A column that can be named.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sql) struct ScopeColumn {
    /// Index of its table in the scope; `None` for a column merged by USING.
    pub(in crate::sql) table: Option<usize>,
    pub(in crate::sql) name: String,
    pub(in crate::sql) ty: Type,
    pub(in crate::sql) modifier: i32,
    /// Its position in the relation below.
    pub(in crate::sql) position: usize,
    /// Merged away by USING: found by qualified names only, and not part of `*`.
    pub(in crate::sql) merged: bool,
}

impl ScopeColumn {
    /// A fault unless values of the column's type can be read.
    pub(in crate::sql) fn readable(&self) -> Bound<()> {
        match self.ty.is_readable() {
            true => Ok(()),
            false => Err(Fault::unsupported(format!("type {} of column \"{}\" is", self.ty, self.name))),
        }
    }
}

/// A table of the FROM list.
#[derive(Clone, Debug)]
pub(in crate::sql) struct ScopeTable {
    /// The alias, or the table's own name.
    pub(in crate::sql) name: String,
    /// The schema, if the table goes by its own name.
    pub(in crate::sql) schema: Option<String>,
    /// Its primary key as positions in the relation below, if it is a table with one.
    pub(in crate::sql) key: Option<Vec<usize>>,
    /// Whether an outer join may leave it without a row.
    pub(in crate::sql) absent: bool,
    /// Whether a row of it is its first column: the value of a function that returns values.
    pub(in crate::sql) scalar: bool,
}

/// What the column is called that numbers a function's rows where nobody asked for it: no name that anybody could write.
pub(in crate::sql) const NUMBER: &str = "\0number";

/// What a FROM list offers.
#[derive(Clone, Debug, Default)]
pub(in crate::sql) struct Scope {
    pub(in crate::sql) tables: Vec<ScopeTable>,
    pub(in crate::sql) columns: Vec<ScopeColumn>,
    /// What the queries around this one offer.
    pub(in crate::sql) outer: Option<Rc<Outer>>,
    /// How many of the first tables stand beside the join that is read, for LATERAL alone.
    pub(in crate::sql) beside: usize,
}

/// The scope of the query around a subquery, and which of its columns the subquery read.
#[derive(Debug)]
pub(in crate::sql) struct Outer {
    scope: Scope,
    /// The types of the columns with which the subquery's relation begins.
    pub(in crate::sql) types: Vec<Type>,
    read: RefCell<BTreeMap<usize, bool>>,
    /// Aggregates of queries around the subquery that it contains.
    pub(super) found: RefCell<Vec<OuterAggregate>>,
}

impl Outer {
    /// How many columns of outer queries the subquery's relation begins with.
    pub(in crate::sql) fn width(&self) -> usize {
        self.types.len()
    }

    /// What the queries around the subquery offer.
    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many queries there are around the subquery.
    pub(in crate::sql) fn depth(&self) -> usize {
        1 + self.scope.outer.as_ref().map_or(0, |outer| outer.depth())
    }

    /// Where a column is for a subquery of this one, or this one at another time, which has `inner` around it.
    pub(in crate::sql) fn seen_from(&self, inner: &Outer, position: usize) -> Option<usize> {
        match inner.depth() > self.depth() {
            true => self.seen_from(inner.scope.outer.as_ref()?, position),
            false => self.in_place_of(inner, position),
        }
    }

    /// Where the column is that is here at a position, if these are the same levels differently placed.
    fn in_place_of(&self, other: &Outer, position: usize) -> Option<usize> {
        let mut columns = self.scope.columns.iter().zip(&other.scope.columns);
        let own = columns.find(|(column, _)| column.position == position).map(|(_, column)| column.position);
        own.or_else(|| self.scope.outer.as_ref()?.in_place_of(other.scope.outer.as_ref()?, position))
    }

    /// Notes that a column was read: by its name, or only because rows of a recursive query are told apart by it.
    pub(in crate::sql) fn touch(&self, position: usize, by_name: bool) {
        *self.read.borrow_mut().entry(position).or_default() |= by_name;
    }

    /// The positions of the columns that were read, and whether by name.
    pub(in crate::sql) fn read(&self) -> BTreeMap<usize, bool> {
        self.read.borrow().clone()
    }
}

impl Scope {
    /// A scope without tables inside another.
    pub(in crate::sql) fn within(outer: Option<Rc<Outer>>) -> Scope {
        Scope { outer, ..Scope::default() }
    }

    /// How many columns of outer queries come first.
    pub(in crate::sql) fn outer_width(&self) -> usize {
        self.outer.as_ref().map_or(0, |outer| outer.width())
    }

    /// Every column that can be named, of all levels, by position.
    pub(in crate::sql) fn visible(&self) -> BTreeMap<usize, Type> {
        let mut visible = self.outer.as_ref().map_or_else(BTreeMap::new, |outer| outer.scope.visible());
        visible.extend(self.columns.iter().map(|column| (column.position, column.ty.clone())));
        visible
    }

    /// This scope as the one around a subquery whose relation begins with these of its columns, in their order. `types` are theirs, and
    /// those of what follows them there.
    pub(in crate::sql) fn around(&self, columns: &BTreeMap<usize, Type>, types: Vec<Type>) -> Outer {
        // Nothing may read a column that is not among them: one pass over the subquery found what it reads.
        let place = |position: usize| match columns.contains_key(&position) {
            true => columns.range(..position).count(),
            false => usize::MAX,
        };
        Outer { scope: self.placed(&place), types, read: RefCell::default(), found: RefCell::default() }
    }

    fn placed(&self, place: &dyn Fn(usize) -> usize) -> Scope {
        let mut scope = self.clone();
        scope.columns.iter_mut().for_each(|column| column.position = place(column.position));
        scope.tables.iter_mut().for_each(|table| table.key = None);
        scope.outer = self.outer.as_ref().map(|outer| {
            let (types, read, found) = (outer.types.clone(), RefCell::default(), RefCell::default());
            Rc::new(Outer { scope: outer.scope.placed(place), types, read, found })
        });
        scope
    }

    /// Moves the positions of this level's columns to the right.
    pub(in crate::sql) fn shift(&mut self, by: usize) {
        self.columns.iter_mut().for_each(|column| column.position += by);
        let keys = self.tables.iter_mut().filter_map(|table| table.key.as_mut());
        keys.for_each(|key| key.iter_mut().for_each(|position| *position += by));
    }

    /// The scope of a join's side whose rows may be missing, if they may.
    pub(in crate::sql) fn or_absent(mut self, may_be: bool) -> Scope {
        self.tables.iter_mut().for_each(|table| table.absent |= may_be);
        self
    }

    /// The scope of a join's two sides: the right side's positions follow the left's.
    pub(in crate::sql) fn join(mut self, right: Scope, left_width: usize) -> Bound<Scope> {
        for table in &right.tables {
            if let Some(same) = self.tables.iter().find(|t| t.name == table.name)
                && (same.schema == table.schema || same.schema.is_none() || table.schema.is_none())
            {
                return Err(Fault::new("42712", format!("table name \"{}\" specified more than once", table.name))
                    .hint("Give one of them an alias."));
            }
        }
        let tables = self.tables.len();
        self.tables.extend(right.tables.into_iter().map(|mut table| {
            table.key = table.key.map(|key| key.into_iter().map(|c| c + left_width).collect());
            table
        }));
        self.columns.extend(right.columns.into_iter().map(|column| ScopeColumn {
            table: column.table.map(|table| table + tables),
            position: column.position + left_width,
            ..column
        }));
        Ok(self)
    }

    /// The column of that unqualified name, of the innermost level that has one.
    pub(in crate::sql) fn column(&self, ident: &Ident) -> Bound<&ScopeColumn> {
        self.or_outer(self.own_column(ident), |scope| scope.column(ident))
    }

    /// What was found at this level, or else at an outer one.
    fn or_outer<'s>(
        &'s self,
        own: Bound<&'s ScopeColumn>,
        find: impl Fn(&'s Scope) -> Bound<&'s ScopeColumn>,
    ) -> Bound<&'s ScopeColumn> {
        match (own, &self.outer) {
            (Err(fault), Some(outer)) if matches!(fault.code, "42703" | "42P01") => match find(&outer.scope) {
                Ok(column) => {
                    outer.touch(column.position, true);
                    Ok(column)
                }
                // A table that is known outside tells more of what is wrong than one that is not known here.
                Err(outside) if (fault.code, outside.code) == ("42P01", "42703") => Err(outside),
                Err(outside) if matches!(outside.code, "42703" | "42P01") => Err(fault),
                Err(outside) => Err(outside),
            },
            (own, _) => own,
        }
    }

    /// The column of that unqualified name at this level.
    pub(in crate::sql) fn own_column(&self, ident: &Ident) -> Bound<&ScopeColumn> {
        let name = fold(ident);
        let mut found = self.columns.iter().filter(|column| !column.merged && column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => Err(self.ambiguous(&name).at(ident.span)),
            (None, _) => {
                if let Some(column) = self.scalar(&name) {
                    return Ok(column);
                }
                let fault = Fault::new("42703", format!("column \"{name}\" does not exist")).at(ident.span);
                let known = self.columns.iter().map(|column| column.name.as_str());
                Err(fault.suggest(&name, known))
            }
        }
    }

    /// The value of the function that goes by that name.
    fn scalar(&self, name: &str) -> Option<&ScopeColumn> {
        let table = self.tables.iter().position(|table| table.scalar && table.name == name)?;
        self.columns.iter().find(|column| column.table == Some(table))
    }

    /// What puts the rows in the order in which functions in FROM return them: the keys of tables, and the numbers of functions' rows.
    /// Nothing if there are no functions, or a table without a key.
    pub(in crate::sql) fn in_turn(&self) -> Vec<&ScopeColumn> {
        let is_number = |column: &&ScopeColumn| column.name == NUMBER;
        let of = |(place, table): (usize, &ScopeTable)| {
            let mut own = self.columns.iter().filter(|column| column.table == Some(place));
            let number = own.clone().find(is_number).map(|column| vec![column]);
            let key = |key: &Vec<usize>| key.iter().map(|at| own.find(|column| column.position == *at)).collect();
            number.or_else(|| table.key.as_ref().and_then(key))
        };
        let all: Option<Vec<Vec<&ScopeColumn>>> = self.tables.iter().enumerate().map(of).collect();
        all.filter(|_| self.columns.iter().any(|column| is_number(&column))).unwrap_or_default().concat()
    }

    /// The scope without the unqualified names of tables that stand beside.
    pub(in crate::sql) fn without_beside(mut self) -> Scope {
        let beside = self.beside;
        let aside = |column: &&mut ScopeColumn| column.table.is_some_and(|table| table < beside);
        self.columns.iter_mut().filter(aside).for_each(|column| column.merged = true);
        self
    }

    fn ambiguous(&self, name: &str) -> Fault {
        let owners = self.columns.iter().filter(|column| !column.merged && column.name == name);
        let written: Vec<String> =
            owners.filter_map(|c| c.table).map(|table| format!("{}.{name}", self.tables[table].name)).collect();
        let fault = Fault::new("42702", format!("column reference \"{name}\" is ambiguous"));
        if written.is_empty() { fault } else { fault.hint(format!("Write {}.", written.join(" or "))) }
    }

    /// The column of a table, of the innermost level that has the table.
    pub(in crate::sql) fn qualified(&self, qualifier: &[Ident], ident: &Ident) -> Bound<&ScopeColumn> {
        match self.table(qualifier) {
            Ok(table) => self.qualified_here(table, ident),
            Err(fault) => self.or_outer(Err(fault), |scope| scope.qualified(qualifier, ident)),
        }
    }

    fn qualified_here(&self, table: usize, ident: &Ident) -> Bound<&ScopeColumn> {
        let name = fold(ident);
        let mut found = self.columns.iter().filter(|column| column.table == Some(table) && column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => {
                Err(Fault::new("42702", format!("column reference \"{name}\" is ambiguous")).at(ident.span))
            }
            (None, _) => {
                let owner = &self.tables[table].name;
                let fault = Fault::new("42703", format!("column {owner}.{name} does not exist"));
                let columns = self.columns.iter().filter(|column| column.table == Some(table));
                Err(fault.suggest(&name, columns.map(|column| column.name.as_str())).at(ident.span))
            }
        }
    }

    /// The table that a qualifier names.
    pub(in crate::sql) fn table(&self, qualifier: &[Ident]) -> Bound<usize> {
        let (schema, ident) = match qualifier {
            [table] => (None, table),
            [schema, table] => (Some(fold(schema)), table),
            _ => return Err(Fault::new("0A000", "cross-database references are not implemented")),
        };
        let name = fold(ident);
        let matches = |table: &ScopeTable| {
            table.name == name && schema.as_ref().is_none_or(|schema| table.schema.as_ref() == Some(schema))
        };
        let mut found = self.tables.iter().enumerate().filter(|(_, table)| matches(table));
        match (found.next(), found.next()) {
            (Some((table, _)), None) => Ok(table),
            (Some(_), Some(_)) => {
                Err(Fault::new("42P09", format!("table reference \"{name}\" is ambiguous")).at(ident.span))
            }
            (None, _) => {
                let fault = Fault::new("42P01", format!("missing FROM-clause entry for table \"{name}\""));
                Err(fault.suggest(&name, self.tables.iter().map(|table| table.name.as_str())).at(ident.span))
            }
        }
    }

    /// Whether a table of this level or an outer one goes by that name.
    pub(in crate::sql) fn knows_table(&self, ident: &Ident) -> bool {
        let outside = || self.outer.as_ref().is_some_and(|outer| outer.scope.knows_table(ident));
        self.table(std::slice::from_ref(ident)).is_ok() || outside()
    }

    /// What `*` stands for, or `t.*`.
    pub(in crate::sql) fn star(&self, table: Option<usize>) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(|column| column.name != NUMBER).filter(move |column| match table {
            Some(table) => column.table == Some(table),
            None => !column.merged,
        })
    }

    /// Whether `column` belongs to a table whose whole primary key is among `grouped`.
    pub(in crate::sql) fn depends_on(&self, column: usize, grouped: &[usize]) -> bool {
        let Some(table) = self.columns.iter().find(|c| c.position == column && c.table.is_some()).and_then(|c| c.table)
        else {
            return false;
        };
        let key = self.tables[table].key.as_ref();
        key.is_some_and(|key| !key.is_empty() && key.iter().all(|position| grouped.contains(position)))
    }

    /// The column's name as an error shows it.
    pub(in crate::sql) fn shown(&self, position: usize) -> String {
        if position < self.outer_width() {
            return self.outer.as_ref().map_or_else(String::new, |outer| outer.scope.shown(position));
        }
        match self.columns.iter().find(|column| column.position == position) {
            Some(ScopeColumn { table: Some(table), name, .. }) => format!("{}.{name}", self.tables[*table].name),
            Some(column) => column.name.clone(),
            None => format!("#{position}"),
        }
    }
}
