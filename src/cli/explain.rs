//! `tidegate explain`: shows what views run as.

use super::{Compiled, Extend, Format};
use crate::engine::{Failure, relation_name};
use crate::plan;
use crate::value::RelationName;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    compiled: Compiled,
    /// Only this view; all of them if left out.
    #[arg(value_name = "VIEW", env = "TIDEGATE_VIEW")]
    view: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>) -> Result<(), Failure> {
    let planned = arguments.compiled.plan(extend)?;
    let wanted = arguments.view.as_deref().map(relation_name);
    let views = planned.assembly().views.iter();
    let shown: Vec<_> = views.filter(|view| wanted.as_ref().is_none_or(|wanted| *wanted == view.name)).collect();
    if let (Some(wanted), true) = (&wanted, shown.is_empty()) {
        let known: Vec<String> = planned.assembly().views.iter().map(|view| view.name.to_string()).collect();
        return Err(Failure::config(format!("there is no SQL view `{wanted}`; there are {}", known.join(", "))));
    }
    let schemas = |name: &RelationName| planned.assembly().schemas.get(name).cloned();
    let held = planned.held();
    for view in shown {
        let held = held.get(&view.name).map_or(&[][..], Vec::as_slice);
        match arguments.format {
            Format::Text => println!("{}", plan::explain(view, held, &schemas)),
            Format::Json => println!("{}", plan::explain_json(view, held, &schemas)),
        }
    }
    Ok(())
}
