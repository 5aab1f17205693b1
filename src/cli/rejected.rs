//! `tidegate rejected`: the rows that targets refuse.

use super::Directory;
use crate::config;
use crate::engine::{Failure, read_refused};
use std::io::Write as _;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// The sink; all if left out.
    #[arg(value_name = "SINK", env = "TIDEGATE_SINK")]
    sink: Option<String>,
}

pub(super) fn run(Arguments { directory, sink }: &Arguments) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    // Whoever reads may have had enough.
    read_refused(&config::load(&directory.directory)?, sink.as_deref(), &mut |line| drop(writeln!(out, "{line}")))
}
