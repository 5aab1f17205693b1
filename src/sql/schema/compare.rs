//! Where a file differs from what the database offers now.

use super::Table;
use super::write::shown;
use crate::sql::SqlFile;
use crate::sql::error::{Error, Fault};
use crate::value::{Column, RelationName, Schema};
use std::sync::Arc;

/// What of these tables the file has otherwise, each where it stands there.
pub fn differences(file: &SqlFile, recorded: &[Table], live: &[(RelationName, Arc<Schema>)]) -> Vec<Error> {
    let faults = live.iter().flat_map(|(name, schema)| match recorded.iter().find(|table| table.name == *name) {
        Some(table) => of_table(table, schema),
        None => vec![Fault::new("42P01", format!("table {name} is missing here"))],
    });
    faults.map(|fault| fault.locate(&file.path, &file.text)).collect()
}

fn of_table(table: &Table, live: &Schema) -> Vec<Fault> {
    let mut faults = Vec::new();
    for column in &live.columns {
        match table.schema.column(&column.name) {
            None => {
                let message = format!("column \"{}\" ({}) of {} is missing here", column.name, is(column), table.name);
                faults.push(Fault::new("42703", message).at(table.place));
            }
            Some(position) => {
                let here = &table.schema.columns[position];
                if is(here) != is(column) || here.ty != column.ty {
                    let name = &column.name;
                    let message = format!("column \"{name}\" is {} in the database, not {}", is(column), is(here));
                    faults.push(Fault::new("42804", message).at(table.columns[position]));
                }
            }
        }
    }
    for (column, place) in table.schema.columns.iter().zip(&table.columns) {
        if live.column(&column.name).is_none() {
            let message = format!("the database has no column \"{}\" in {}", column.name, table.name);
            faults.push(Fault::new("42703", message).at(*place));
        }
    }
    let (here, there) = (key(&table.schema), key(live));
    if here != there {
        let shown = |key: Option<Vec<&str>>| key.map_or("none".to_owned(), |key| format!("({})", key.join(", ")));
        let message = format!("the key of {} is {} in the database, not {}", table.name, shown(there), shown(here));
        faults.push(Fault::new("42P16", message).at(table.place));
    }
    faults
}

fn is(column: &Column) -> String {
    format!("{}{}", shown(&column.ty, column.modifier), if column.nullable { "" } else { " not null" })
}

fn key(schema: &Schema) -> Option<Vec<&str>> {
    let key = schema.key.as_ref()?;
    Some(key.iter().map(|position| schema.columns[*position].name.as_str()).collect())
}
