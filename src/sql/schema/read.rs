//! From the text of a file to tables.

use super::Table;
use crate::sql::bind::name::{fold, parts, relation, type_name};
use crate::sql::bind::types;
use crate::sql::catalog::Catalog;
use crate::sql::error::{Bound, Error, Fault};
use crate::sql::parse::parse_statements;
use crate::sql::{SqlFile, stack};
use crate::value::{Column, EnumType, OpaqueType, Schema, Type};
use sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, DataType, Expr, Ident, IndexColumn, ObjectName, Spanned, Statement,
    TableConstraint, UserDefinedTypeRepresentation, UserDefinedTypeSqlDefinitionOption,
};
use std::collections::HashMap;
use std::sync::Arc;

/// The tables of a file, or everything that is wrong with it.
pub fn read(file: &SqlFile) -> Result<Vec<Table>, Vec<Error>> {
    let work = || {
        let (statements, mut faults) = parse_statements(&file.text);
        let mut reader = Reader::default();
        for (place, statement) in statements {
            faults.extend(reader.statement(&statement).err().map(|fault| fault.at(place)));
        }
        (reader.tables, faults)
    };
    let (tables, faults) = stack::deep(file.text.len(), work).unwrap_or_else(|fault| (Vec::new(), vec![fault]));
    match faults.is_empty() {
        true => Ok(tables),
        false => Err(faults.into_iter().map(|fault| fault.locate(&file.path, &file.text)).collect()),
    }
}

#[derive(Default)]
struct Reader {
    /// The enums.
    catalog: Catalog,
    opaques: HashMap<String, Arc<OpaqueType>>,
    tables: Vec<Table>,
}

impl Reader {
    fn statement(&mut self, statement: &Statement) -> Bound<()> {
        match statement {
            Statement::CreateTable(table) => self.table(table).map_err(|fault| fault.within(&table.name)),
            Statement::CreateType { name, representation } => {
                self.create_type(name, representation.as_ref()).map_err(|fault| fault.within(name))
            }
            _ => Err(Fault::syntax("only CREATE TABLE and CREATE TYPE are read here")
                .hint("`tidegate schema pull` writes the file anew.")),
        }
    }

    fn create_type(&mut self, name: &ObjectName, is: Option<&UserDefinedTypeRepresentation>) -> Bound<()> {
        let like = match is {
            Some(UserDefinedTypeRepresentation::Enum { labels }) => {
                let labels = labels.iter().map(|label| label.value.clone()).collect();
                self.catalog.add_enum(EnumType { name: type_name(name)?, labels });
                return Ok(());
            }
            None => None,
            Some(UserDefinedTypeRepresentation::SqlDefinition { options }) => match options.as_slice() {
                [UserDefinedTypeSqlDefinitionOption::Like(like)] => Some(type_name(like)?),
                _ => return Err(Fault::syntax("LIKE = text or LIKE = json is expected")),
            },
            Some(_) => return Err(Fault::syntax("only enums and types that pass through are read here")),
        };
        let [ident] = parts(name)?[..] else { return Err(Fault::syntax("a name without a schema is expected")) };
        let (readable, as_text) = match like.as_deref() {
            Some("text") => (true, true),
            Some("json") => (true, false),
            None => (false, false),
            Some(_) => return Err(Fault::syntax("LIKE = text or LIKE = json is expected")),
        };
        let name = ident.value.clone();
        self.opaques.insert(name.clone(), Arc::new(OpaqueType { name, readable, as_text }));
        Ok(())
    }

    fn table(&mut self, table: &CreateTable) -> Bound<()> {
        let name = relation(&table.name)?;
        if self.tables.iter().any(|known| known.name == name) {
            return Err(Fault::new("42P07", format!("relation \"{name}\" already exists")));
        }
        let mut columns: Vec<Column> = Vec::new();
        let mut key = None;
        for written in &table.columns {
            let column = self.column(written).map_err(|fault| fault.at(written.name.span))?;
            if columns.iter().any(|known| known.name == column.name) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(Fault::new("42701", message).at(written.name.span));
            }
            let is_key = |option: &ColumnOption| matches!(option, ColumnOption::PrimaryKey(_));
            if written.options.iter().any(|option| is_key(&option.option)) {
                key = Some(vec![columns.len()]);
            }
            columns.push(column);
        }
        for constraint in &table.constraints {
            if let TableConstraint::PrimaryKey(primary) = constraint {
                key = Some(primary.columns.iter().map(|column| position(column, &columns)).collect::<Bound<_>>()?);
            }
        }
        key.iter().flatten().for_each(|position| columns[*position].nullable = false);
        let places = table.columns.iter().map(|column| column.name.span).collect();
        let schema = Arc::new(Schema::table(columns, key));
        self.tables.push(Table { name, schema, place: table.name.span(), columns: places });
        Ok(())
    }

    fn column(&self, ColumnDef { name, data_type, options }: &ColumnDef) -> Bound<Column> {
        let (ty, modifier) = match self.opaque(data_type) {
            Some(opaque) => (Type::Opaque(opaque), -1),
            None => {
                let resolved = types::resolve(data_type, &self.catalog)?;
                (resolved.ty, resolved.modifier)
            }
        };
        let nullable = !options.iter().any(|option| option.option == ColumnOption::NotNull);
        Ok(Column { name: fold(name), ty, modifier, nullable })
    }

    /// The type that passes through, if it is one.
    fn opaque(&self, written: &DataType) -> Option<Arc<OpaqueType>> {
        match written {
            DataType::Custom(name, modifiers) if modifiers.is_empty() => match parts(name).as_deref() {
                Ok([ident]) => self.opaques.get(&ident.value).cloned(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The column that a key names.
fn position(column: &IndexColumn, columns: &[Column]) -> Bound<usize> {
    let Expr::Identifier(ident) = &column.column.expr else {
        return Err(Fault::syntax("a primary key is made of columns").within(&column.column.expr));
    };
    let missing = |ident: &Ident| {
        let name = fold(ident);
        let fault = Fault::new("42703", format!("column \"{name}\" named in key does not exist")).at(ident.span);
        fault.suggest(&name, columns.iter().map(|column| column.name.as_str()))
    };
    columns.iter().position(|column| column.name == fold(ident)).ok_or_else(|| missing(ident))
}
