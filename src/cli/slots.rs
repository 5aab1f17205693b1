//! `tidegate slots`: the replication slots of a view set's sources.

use super::status::size;
use super::{Directory, Format};
use crate::config;
use crate::engine::{Failure, SlotOwner, SourceSlot, Unwanted, drop_slots, list_slots};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Show the slots, how much WAL each holds back, and whose it is.
    #[command(after_help = "Example:\n  tidegate slots list --format json views/shop")]
    List(List),
    /// Drop a slot that nobody reads: what it has not told yet is lost to whoever needs it.
    #[command(
        after_help = "Examples:\n  tidegate slots drop views/shop tidegate_shop_0123456789ab\n  tidegate slots drop --orphans views/shop"
    )]
    Drop(Drop),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    directory: Directory,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

#[derive(clap::Args)]
struct Drop {
    #[command(flatten)]
    directory: Directory,
    /// The slot.
    #[arg(value_name = "NAME", env = "TIDEGATE_SLOT", required_unless_present = "orphans")]
    name: Option<String>,
    /// Drop all that belong to no store of this view set. Those of another view set with a source of this name are among them!
    #[arg(long, env = "TIDEGATE_ORPHANS", conflicts_with = "name")]
    orphans: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List(List { directory, format }) => {
            let slots = list_slots(config::load(&directory.directory)?)?;
            match format {
                Format::Json => println!("{}", json!({ "slots": slots.iter().map(for_machines).collect::<Vec<_>>() })),
                Format::Text => print!("{}", show(&slots)),
            }
        }
        Verb::Drop(Drop { directory, name, orphans: _ }) => {
            let unwanted = name.as_deref().map_or(Unwanted::Orphans, Unwanted::Named);
            let done = drop_slots(config::load(&directory.directory)?, &unwanted)?;
            done.iter().for_each(|sentence| println!("{sentence}"));
            if done.is_empty() {
                println!("nothing to do: every slot there is belongs to this view set");
            }
        }
    }
    Ok(())
}

fn for_machines(SourceSlot { source, slot }: &SourceSlot) -> Value {
    json!({
        "source": source,
        "name": slot.name,
        "owner": slot.owner,
        "active": slot.active_pid.is_some(),
        "active_pid": slot.active_pid,
        "wal_status": slot.wal_status,
        "held_back_bytes": slot.held_back_bytes,
    })
}

fn show(slots: &[SourceSlot]) -> String {
    if slots.is_empty() {
        return "no slots\n".to_owned();
    }
    let mut text = format!("{:<40}{:<16}{:<10}{:<12}{:>12}  of\n", "slot", "source", "state", "WAL", "held back");
    for SourceSlot { source, slot } in slots {
        let state = if slot.active_pid.is_some() { "active" } else { "idle" };
        let status = slot.wal_status.as_deref().unwrap_or("-");
        let held_back = slot.held_back_bytes.map_or("-".to_owned(), size);
        let owner = match slot.owner {
            SlotOwner::Store => "this view set's store",
            SlotOwner::Run => "a run without a store",
            SlotOwner::Orphan => "no store of this view set",
        };
        text.push_str(&format!("{:<40}{source:<16}{state:<10}{status:<12}{held_back:>12}  {owner}\n", slot.name));
    }
    text
}
