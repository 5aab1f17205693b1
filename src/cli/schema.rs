//! `tidegate schema`: what databases offer, in files beside the views.

use super::Directory;
use crate::config;
use crate::engine::{Failure, pull_schemas};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Write what every database offers to schema/SOURCE.sql.
    #[command(after_help = "Example:\n  tidegate schema pull views/shop\n  tidegate check --offline views/shop")]
    Pull(Directory),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Verb::Pull(directory) = &arguments.verb;
    for sentence in pull_schemas(config::load(&directory.directory)?)? {
        println!("{sentence}");
    }
    Ok(())
}
