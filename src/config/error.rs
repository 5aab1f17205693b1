//! What is written wrong, and where: file, line, caret and a suggestion.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An error in a view set's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// Where in the file, if a place can be named.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A place in a file. Line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column at which the mistake starts.
    pub column: usize,
    /// The characters to underline, at least 1.
    pub length: usize,
    /// The line's text.
    pub text: String,
}

impl ConfigError {
    /// An error about a whole file.
    pub fn unlocated(path: &Path, message: impl Into<String>) -> ConfigError {
        ConfigError { path: path.to_path_buf(), place: None, message: message.into(), hint: None }
    }

    /// The same error with a piece of advice.
    pub fn with_hint(self, hint: impl Into<String>) -> ConfigError {
        ConfigError { hint: Some(hint.into()), ..self }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}: {}", self.path.display(), self.message)?,
            Some(place) => {
                let Place { line, column, length, text } = place;
                let gutter = " ".repeat(line.to_string().len());
                let indent: String =
                    text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                writeln!(f, "{}:{line}:{column}: {}", self.path.display(), self.message)?;
                writeln!(f, "{gutter} |")?;
                writeln!(f, "{line} | {text}")?;
                write!(f, "{gutter} | {indent}{}", "^".repeat(*length))?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  help: {hint}"),
            None => Ok(()),
        }
    }
}

/// Turns byte spans of one file into places.
#[derive(Clone, Copy)]
pub(super) struct Locator<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Locator<'_> {
    /// An error at these bytes.
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { place: Some(self.place(span)), ..ConfigError::unlocated(self.path, message) }
    }

    /// A key that means nothing here.
    pub(super) fn unknown_key(&self, key: &str, span: Range<usize>, known: &[&str]) -> ConfigError {
        self.at(span, format!("unknown key `{key}`")).with_hint(suggestion(key, known))
    }

    /// What the TOML reader or a field's type objects to. `also` are keys that were read before.
    pub(super) fn from_toml(&self, error: &toml::de::Error, also: &[&str]) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        match unknown_field(error.message()) {
            Some((key, mut known)) => {
                known.extend_from_slice(also);
                self.unknown_key(key, span, &known)
            }
            None => self.at(span, error.message()),
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let start = floor_boundary(self.text, span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let end = floor_boundary(self.text, span.end).clamp(start, line_end);
        Place {
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            length: self.text[start..end].chars().count().max(1),
            text: self.text[line_start..line_end].trim_end_matches('\r').to_string(),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Takes apart serde's message about an unknown field or variant: its name and those that are known.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// "did you mean" if one of the known words is near, else all of them.
pub(super) fn suggestion(written: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (distance(written, k), k)).min();
    match nearest {
        Some((distance, known)) if distance <= 1 + written.chars().count() / 3 => format!("did you mean `{known}`?"),
        _ => format!("known here: {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
