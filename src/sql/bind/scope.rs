//! Scopes: which columns an expression may name, by which names.

use super::name::fold;
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::Ident;

/// A column that can be named.
#[derive(Clone, Debug)]
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
}

/// What a FROM list offers.
#[derive(Clone, Debug, Default)]
pub(in crate::sql) struct Scope {
    pub(in crate::sql) tables: Vec<ScopeTable>,
    pub(in crate::sql) columns: Vec<ScopeColumn>,
}

impl Scope {
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

    /// The column of that unqualified name.
    pub(in crate::sql) fn column(&self, ident: &Ident) -> Bound<&ScopeColumn> {
        let name = fold(ident);
        let mut found = self.columns.iter().filter(|column| !column.merged && column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => Err(self.ambiguous(&name).at(ident.span)),
            (None, _) => {
                let fault = Fault::new("42703", format!("column \"{name}\" does not exist")).at(ident.span);
                let known = self.columns.iter().map(|column| column.name.as_str());
                Err(fault.suggest(&name, known))
            }
        }
    }

    fn ambiguous(&self, name: &str) -> Fault {
        let owners = self.columns.iter().filter(|column| !column.merged && column.name == name);
        let written: Vec<String> =
            owners.filter_map(|c| c.table).map(|table| format!("{}.{name}", self.tables[table].name)).collect();
        let fault = Fault::new("42702", format!("column reference \"{name}\" is ambiguous"));
        if written.is_empty() { fault } else { fault.hint(format!("Write {}.", written.join(" or "))) }
    }

    /// The column of a table.
    pub(in crate::sql) fn qualified(&self, qualifier: &[Ident], ident: &Ident) -> Bound<&ScopeColumn> {
        let table = self.table(qualifier)?;
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

    /// What `*` stands for, or `t.*`.
    pub(in crate::sql) fn star(&self, table: Option<usize>) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(move |column| match table {
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
        match self.columns.iter().find(|column| column.position == position) {
            Some(ScopeColumn { table: Some(table), name, .. }) => format!("{}.{name}", self.tables[*table].name),
            Some(column) => column.name.clone(),
            None => format!("#{position}"),
        }
    }
}
