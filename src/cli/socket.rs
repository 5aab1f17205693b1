//! The socket of a running view set: which questions it answers, and how they are asked.

use crate::engine::{Exit, Failure, Running, relation_name};
use crate::serve::{self, AskError, Server};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A question to a running view set, with what its answer is.
pub(super) enum Question<'a> {
    /// What a relation waits for: a `Why`.
    Why(&'a str),
    /// How everything stands: a `Status`.
    Status,
}

const WHY: &str = "why ";
const STATUS: &str = "status";

impl Question<'_> {
    fn text(&self) -> String {
        match self {
            Question::Why(relation) => format!("{WHY}{relation}"),
            Question::Status => STATUS.to_owned(),
        }
    }

    fn parse(text: &str) -> Option<Question<'_>> {
        match text.strip_prefix(WHY) {
            Some(relation) => Some(Question::Why(relation)),
            None => (text == STATUS).then_some(Question::Status),
        }
    }

    fn answer(&self, running: &Running) -> Result<String, String> {
        match self {
            Question::Why(relation) => running.why(&relation_name(relation)).and_then(|why| json(&why)),
            Question::Status => json(&running.status()),
        }
    }
}

fn json(answer: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| error.to_string())
}

/// Asks whoever runs the view set in this directory.
pub(super) fn ask<A: DeserializeOwned>(directory: &Path, question: &Question<'_>) -> Result<A, Failure> {
    let answer = serve::ask(directory, &question.text()).map_err(|error| match error {
        AskError::Refused(message) => Failure::config(message),
        error => Failure::new(Exit::Unavailable, error.to_string()),
    })?;
    let makes_no_sense = |error| Failure::new(Exit::Internal, format!("the answer makes no sense: {error}"));
    serde_json::from_str(&answer).map_err(makes_no_sense)
}

/// Listens for questions. A view set runs without it, too.
pub(super) fn listen(directory: &Path) -> Option<Server> {
    let server = Server::start(directory);
    server.inspect_err(|error| tracing::warn!("`tidegate status` and `why` will get no answer: {error}")).ok()
}

/// Answers the questions that wait.
pub(super) fn answer(server: &Server, running: &Running) {
    for asked in server.questions() {
        let answer = match Question::parse(&asked.text) {
            Some(question) => question.answer(running),
            None => Err(format!("\"{}\" is no question; there are \"{WHY}VIEW\" and \"{STATUS}\"", asked.text)),
        };
        asked.answer(answer);
    }
}
