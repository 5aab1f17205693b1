//! `jsonb_populate_record(NULL::table, document)` in FROM: its columns are the table's.

use crate::plan::TableCall;
use crate::sql::bind::expression::{Binder, plain_argument};
use crate::sql::bind::missing::makes_rows_of_a_table;
use crate::sql::bind::name;
use crate::sql::bind::table::table_call;
use crate::sql::error::{Bound, Fault};
use crate::value::{Column, Schema, Type};
use sqlparser::ast::{DataType, Expr, Function, FunctionArguments, Value};
use std::sync::Arc;

/// The call, if the function is such a one.
pub(super) fn populated(binder: &mut Binder<'_>, name: &str, function: &Function) -> Bound<Option<TableCall>> {
    if !makes_rows_of_a_table(name) {
        return Ok(None);
    }
    let FunctionArguments::List(list) = &function.args else { return Err(refused(name)) };
    let [row, document] = list.args.as_slice() else { return Err(refused(name)) };
    let row = plain_argument(row)?;
    let schema = table_of(binder, row)?.ok_or_else(|| refused(name).within(row))?;
    if let Some(column) = schema.columns.iter().find(|column| matches!(column.ty, Type::Opaque(_))) {
        let what = format!("type {} of column \"{}\" in a row made of a document is", column.ty, column.name);
        return Err(Fault::unsupported(what).within(row));
    }
    let document = binder.bind(plain_argument(document)?)?;
    let mut call = table_call(name, vec![document])?;
    call.columns = schema.columns.iter().map(|column| Column { nullable: true, ..column.clone() }).collect();
    Ok(Some(call))
}

/// The table of `NULL::table`.
fn table_of(binder: &Binder<'_>, row: &Expr) -> Bound<Option<Arc<Schema>>> {
    match row {
        Expr::Nested(inner) => table_of(binder, inner),
        Expr::Cast { expr, data_type: DataType::Custom(table, _), format: None, .. } => match &**expr {
            Expr::Value(value) if value.value == Value::Null => {
                let relation = name::relation(table)?;
                let unknown = || Fault::new("42704", format!("type \"{relation}\" does not exist")).within(row);
                binder.catalog.get(&relation).cloned().map(Some).ok_or_else(unknown)
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn refused(name: &str) -> Fault {
    let to_record = name.replace("populate", "to");
    Fault::unsupported(format!("{name} of another row than NULL::table is"))
        .hint(format!("Call {to_record}(…) AS x(a integer, b text), which names the columns."))
}
