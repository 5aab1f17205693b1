//! `tidegate check`: compiles a view set against what its sources offer, and runs nothing.

use super::{Compiled, Directory, Extend, Format};
use crate::engine::{Assembly, Failure, Planned, schema_differences};
use crate::plan;
use crate::value::{RelationName, Schema};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    compiled: Compiled,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>) -> Result<(), Failure> {
    let Arguments { compiled, format } = arguments;
    let warnings = |planned: &Planned| warnings(&compiled.directory, compiled.offline, planned);
    match (format, compiled.plan(extend)) {
        (Format::Text, planned) => {
            let planned = planned?;
            let views = planned.assembly().view_schemas();
            views.iter().for_each(|(name, schema)| println!("{}", describe(name, schema)));
            warnings(&planned).iter().for_each(|warning| println!("warning: {warning}"));
            println!("ok: {} views", views.len());
            Ok(())
        }
        (Format::Json, Ok(planned)) => {
            let (views, warnings) = (views(planned.assembly()), warnings(&planned));
            println!("{}", json!({ "ok": true, "views": views, "warnings": warnings }));
            Ok(())
        }
        (Format::Json, Err(failure)) => {
            println!("{}", json!({ "ok": false, "errors": failure.messages }));
            Err(failure)
        }
    }
}

/// What works, but may not be meant.
pub(super) fn warnings(directory: &Directory, offline: bool, planned: &Planned) -> Vec<String> {
    let differences = if offline { Vec::new() } else { schema_differences(&directory.directory, planned) };
    [joins_without_equality(planned.assembly()), differences].concat()
}

fn joins_without_equality(assembly: &Assembly) -> Vec<String> {
    let schemas = |name: &RelationName| assembly.schemas.get(name).cloned();
    let products = assembly.views.iter().map(|view| (&view.name, plan::products(&view.rel, &schemas)));
    let warning = |(name, joins): (&RelationName, usize)| {
        (joins > 0).then(|| {
            let many = if joins == 1 { "a join".into() } else { format!("{joins} joins") };
            format!(
                "view {name} has {many} without an equality between the sides: every row meets every row (`tidegate explain` shows it as on [])"
            )
        })
    };
    products.filter_map(warning).collect()
}

/// `name(a bigint not null, b text) key (a)`
fn describe(name: &RelationName, schema: &Schema) -> String {
    let column = |column: &crate::value::Column| {
        format!("{} {}{}", column.name, column.ty, if column.nullable { "" } else { " not null" })
    };
    let columns: Vec<String> = schema.columns.iter().map(column).collect();
    let key = key_names(schema).map_or("no key".to_string(), |key| format!("key ({})", key.join(", ")));
    format!("{name}({}) {key}", columns.join(", "))
}

fn views(assembly: &Assembly) -> Vec<Value> {
    let view = |(name, schema): &(RelationName, std::sync::Arc<Schema>)| {
        let columns: Vec<Value> = schema
            .columns
            .iter()
            .map(|c| json!({ "name": c.name, "type": c.ty.to_string(), "nullable": c.nullable }))
            .collect();
        json!({ "name": name.to_string(), "columns": columns, "key": key_names(schema) })
    };
    assembly.view_schemas().iter().map(view).collect()
}

fn key_names(schema: &Schema) -> Option<Vec<&str>> {
    let key = schema.key.as_ref()?;
    Some(key.iter().map(|&position| schema.columns[position].name.as_str()).collect())
}
