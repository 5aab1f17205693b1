//! `tidegate why`: what holds back a view of a view set that runs.

use super::socket::{self, Question};
use super::{Directory, Format};
use crate::engine::{Failure, Why, now};
use serde_json::json;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// The view, or any other relation that is maintained.
    #[arg(value_name = "VIEW", env = "TIDEGATE_VIEW")]
    view: String,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let why: Why = socket::ask(&arguments.directory.directory, &Question::Why(&arguments.view))?;
    match arguments.format {
        Format::Json => println!("{}", json!(why)),
        Format::Text => print!("{}", why.show(now())),
    }
    Ok(())
}
