//! What an examination of a view set finds, for `tidegate doctor`: a line per check.

use serde::Serialize;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is in order.
    Ok,
    /// It works, and may go wrong.
    Warning,
    /// It does not work.
    Error,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: the views, a source, a sink, the store.
    pub about: String,
    /// How it stands.
    pub level: Level,
    /// What was found, and what to do about it.
    pub sentence: String,
}

/// Findings about one thing.
#[derive(Clone, Debug)]
pub struct Report {
    about: String,
    findings: Vec<Finding>,
}

impl Report {
    /// Nothing yet.
    pub fn about(about: impl Into<String>) -> Report {
        Report { about: about.into(), findings: Vec::new() }
    }

    /// Adds what a check found.
    pub fn add(&mut self, level: Level, sentence: impl Into<String>) {
        self.findings.push(Finding { about: self.about.clone(), level, sentence: sentence.into() });
    }

    /// Adds these errors; without one, that all is in order.
    pub fn add_errors(&mut self, errors: impl IntoIterator<Item = String>, otherwise: impl FnOnce() -> String) {
        let before = self.findings.len();
        errors.into_iter().for_each(|error| self.add(Level::Error, error));
        if self.findings.len() == before {
            self.add(Level::Ok, otherwise());
        }
    }

    /// Whether anything does not work.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }

    /// The findings, in the order in which they came.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
