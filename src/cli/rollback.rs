//! `tidegate rollback`: sends the readers of an index back to what they saw before it was swapped.

use super::Directory;
use crate::config;
use crate::engine::{Failure, Shown, roll_back};
use crate::value::{Datum, Time, calendar, text};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// The sink, one with `deploy = "swap"`.
    #[arg(value_name = "SINK", env = "TIDEGATE_SINK")]
    sink: String,
    /// Send readers forth again to what they were sent back from.
    #[arg(long, env = "TIDEGATE_UNDO")]
    undo: bool,
}

pub(super) fn run(Arguments { directory, sink, undo }: &Arguments) -> Result<(), Failure> {
    let Shown { name, frontier } = roll_back(config::load(&directory.directory)?, sink, *undo)?;
    println!(
        "sink `{sink}`: readers see {name}, which shows the view at {}",
        frontier.map_or("the end of its inputs".into(), show)
    );
    match undo {
        true => println!("it moves on with the next start under the definition it was built by"),
        false => println!(
            "it does not move on until the definition it was built by is put back; a start under the definition that was rolled back \
             stops the sink until `tidegate rollback --undo`"
        ),
    }
    Ok(())
}

/// A frontier as a time and as sinks are told it.
fn show(frontier: Time) -> String {
    let mut shown = String::new();
    let since = i64::try_from(frontier).unwrap_or(i64::MAX).saturating_sub(calendar::EPOCH_MICROS);
    text::write(&Datum::Timestamptz(since), &mut shown);
    format!("{shown} (frontier {frontier})")
}
