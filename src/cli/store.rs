//! `tidegate store`: what a view set's store holds, and whether it is whole.

use super::Directory;
use crate::config;
use crate::engine::{Exit, Failure};
use crate::store::{self, StoreError, Summary};
use std::fmt::Write as _;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Show what the store holds and how far its sources have come.
    #[command(after_help = "Example:\n  tidegate store inspect views/shop")]
    Inspect(Directory),
    /// Read all of it, and tell whether it is whole.
    #[command(after_help = "Example:\n  tidegate store verify views/shop")]
    Verify(Directory),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (directory, is_whole) = match &arguments.verb {
        Verb::Inspect(directory) => (directory, false),
        Verb::Verify(directory) => (directory, true),
    };
    let Some(path) = config::load(&directory.directory)?.settings.store else {
        return Err(Failure::config("the view set has no store: `store = \"DIRECTORY\"` in [settings] gives it one"));
    };
    let summary = store::inspect(&path, is_whole).map_err(|error| failure(&error))?;
    print!("{}", show(&summary));
    if is_whole {
        println!("whole: every frame and every row was read");
    }
    Ok(())
}

fn failure(error: &StoreError) -> Failure {
    let exit = if let StoreError::Io { .. } = error { Exit::Unavailable } else { Exit::Operator };
    Failure::new(exit, error.to_string())
}

fn show(summary: &Summary) -> String {
    let Summary { incarnation, log: (segments, bytes), frames, sources, merged } = summary;
    let mut out = format!("store {incarnation}\nlog: {frames} frames in {segments} segments, {bytes} bytes\n");
    for (name, resume) in sources {
        let _ = match resume {
            Some(resume) => {
                let positions = resume.positions.iter().map(|(name, position)| format!("{name} {position}"));
                let positions = positions.collect::<Vec<_>>().join(", ");
                writeln!(out, "source {name}: frontier {}, {positions}", resume.frontier)
            }
            None => writeln!(out, "source {name}: has not read its tables yet"),
        };
    }
    for (source, relation, rows, bytes) in merged {
        let _ = writeln!(out, "merged {source} {relation}: {rows} rows, {bytes} bytes");
    }
    out
}
