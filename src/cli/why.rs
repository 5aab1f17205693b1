//! `tidegate why`: what holds back a view of a view set that runs.

use super::{Directory, Format, live};
use crate::engine::{Exit, Failure, Running, Why, relation_name};
use crate::serve::{self, AskError, Server};
use std::path::Path;

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

/// The question, before the relation's name.
const WHY: &str = "why ";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let answer = serve::ask(&arguments.directory.directory, &format!("{WHY}{}", arguments.view));
    let answer = answer.map_err(|error| match error {
        AskError::Refused(message) => Failure::config(message),
        error => Failure::new(Exit::Unavailable, error.to_string()),
    })?;
    match arguments.format {
        Format::Json => println!("{answer}"),
        Format::Text => {
            let why: Why = serde_json::from_str(&answer)
                .map_err(|error| Failure::new(Exit::Internal, format!("the answer makes no sense: {error}")))?;
            print!("{}", why.show(live::now()));
        }
    }
    Ok(())
}

/// Listens for the question. A view set runs without it, too.
pub(super) fn listen(directory: &Path) -> Option<Server> {
    let server = Server::start(directory);
    server.inspect_err(|error| tracing::warn!("`tidegate why` will get no answer: {error}")).ok()
}

/// Answers the questions that wait.
pub(super) fn answer(server: &Server, running: &Running) {
    for question in server.questions() {
        let answer = match question.text.strip_prefix(WHY) {
            Some(relation) => running
                .why(&relation_name(relation))
                .and_then(|why| serde_json::to_string(&why).map_err(|error| error.to_string())),
            None => Err(format!("\"{}\" is no question; there is \"{WHY}VIEW\"", question.text)),
        };
        question.answer(answer);
    }
}
