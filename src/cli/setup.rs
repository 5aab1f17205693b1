//! `tidegate setup`: creates what the sources need in their databases.

use super::Directory;
use crate::config;
use crate::engine::{Failure, set_up};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = config::load(&arguments.directory.directory)?;
    for sentence in set_up(config)? {
        println!("{sentence}");
    }
    Ok(())
}
