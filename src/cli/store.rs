//! `tidegate store`: what a view set's store holds, whether it is whole, and making it smaller.

use super::Directory;
use super::status::size;
use crate::config;
use crate::engine::{Failure, compact_store};
use crate::store::{self, Compacted, Forgotten, Summary};
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
    /// Merge all that lies ten minutes behind its end, while no process has it open. A run does so by itself.
    #[command(after_help = "Example:\n  tidegate store compact views/shop")]
    Compact(Directory),
    /// Let go of what a view has made of events that are gone, or of what a source has told, while no process has the store open: it
    /// begins anew.
    #[command(after_help = "Example:\n  tidegate store forget views/dashboard sessions")]
    Forget {
        #[command(flatten)]
        directory: Directory,
        /// The view, or else the source.
        name: String,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (Verb::Inspect(directory)
    | Verb::Verify(directory)
    | Verb::Compact(directory)
    | Verb::Forget { directory, .. }) = &arguments.verb;
    let Some(path) = config::load(&directory.directory)?.settings.store else {
        return Err(Failure::config("the view set has no store: `store = \"DIRECTORY\"` in [settings] gives it one"));
    };
    if let Verb::Compact(_) = &arguments.verb {
        let compacted = compact_store(&path)?;
        println!("{}", compacted.map_or("there is no store yet: nothing to do".to_owned(), show_compacted));
        return Ok(());
    }
    if let Verb::Forget { name, .. } = &arguments.verb {
        let forgotten = store::forget(&path, name).map_err(|error| Failure::of_store(&error))?;
        println!("{}", show_forgotten(name, forgotten));
        return Ok(());
    }
    let is_whole = matches!(arguments.verb, Verb::Verify(_));
    let summary = store::inspect(&path, is_whole).map_err(|error| Failure::of_store(&error))?;
    print!("{}", show(&summary));
    if is_whole {
        println!("whole: every frame and every row was read");
    }
    Ok(())
}

fn show_forgotten(name: &str, forgotten: Forgotten) -> String {
    match forgotten {
        Forgotten::NoStore => "there is no store yet: nothing to do".to_owned(),
        Forgotten::Nothing => format!("the store keeps nothing of a view or source `{name}`: nothing to do"),
        Forgotten::View(rows) => {
            format!("{rows} rows of view `{name}` are forgotten; the next start compares its targets")
        }
        Forgotten::Source => {
            format!("what was stored of source `{name}` is forgotten; it begins anew at the next start")
        }
    }
}

fn show_compacted(Compacted { before, after }: Compacted) -> String {
    let [was, is] = [before, after]
        .map(|(log, merged)| format!("{} ({} in its log, {} merged)", size(log + merged), size(log), size(merged)));
    format!("before: {was}\nafter:  {is}")
}

/// So many positions of a source are shown.
const POSITIONS: usize = 20;

fn show(summary: &Summary) -> String {
    let Summary { incarnation, log: (segments, bytes), frames, sources, merged } = summary;
    let mut out = format!("store {incarnation}\nlog: {frames} frames in {segments} segments, {bytes} bytes\n");
    for (name, resume) in sources {
        let _ = match resume {
            Some(resume) => {
                let positions = resume.positions.iter().map(|(name, position)| format!("{name} {position}"));
                let shown = positions.take(POSITIONS).collect::<Vec<_>>().join(", ");
                let more = resume.positions.len().saturating_sub(POSITIONS);
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                writeln!(out, "source {name}: frontier {}, {shown}{more}", resume.frontier)
            }
            None => writeln!(out, "source {name}: has not read its tables yet"),
        };
    }
    for (source, relation, rows, bytes) in merged {
        let _ = writeln!(out, "merged {source} {relation}: {rows} rows, {bytes} bytes");
    }
    out
}
