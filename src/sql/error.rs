//! What is wrong with a view's text, and where.
//!
//! Inside this room an error is a [`Fault`]: it knows at most a span, and whoever knows better fills it in on the way out. At the
//! door it becomes an [`Error`] with its file and line, which shows itself with a caret.

use sqlparser::ast::Spanned;
use sqlparser::tokenizer::Span;
use std::fmt;

/// A located error in a `.sql` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The file, as the caller named it.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant, at least 1.
    pub length: usize,
    /// The line itself.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The SQLSTATE.
    pub code: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the caret stands below what it points at.
        let indent: String =
            self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{}:{}:{}: {} ({})", self.path, self.line, self.column, self.message, self.code)?;
        writeln!(f, " {number} | {}", self.text)?;
        write!(f, " {margin} | {indent}{}", "^".repeat(self.length))?;
        match &self.hint {
            Some(hint) => write!(f, "\n {margin} = {hint}"),
            None => Ok(()),
        }
    }
}

/// An error on its way to its place.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// The result of binding something.
pub(super) type Bound<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { span: Span::empty(), code, message: message.into(), hint: None }
    }

    /// Something Postgres has and this program has not (yet).
    pub(super) fn unsupported(what: impl fmt::Display) -> Fault {
        Fault::new("0A000", format!("{what} not supported yet"))
    }

    pub(super) fn syntax(message: impl Into<String>) -> Fault {
        Fault::new("42601", message)
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean" if something known is close.
    pub(super) fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
        match nearest(written, known) {
            Some(name) if self.hint.is_none() => self.hint(format!("Did you mean \"{name}\"?")),
            _ => self,
        }
    }

    /// Places the fault, unless it already has a place.
    pub(super) fn at(mut self, span: Span) -> Fault {
        if self.span == Span::empty() {
            self.span = span;
        }
        self
    }

    /// Places the fault at a piece of syntax, unless it already has a place.
    pub(super) fn within(self, syntax: &impl Spanned) -> Fault {
        if self.span == Span::empty() { self.at(syntax.span()) } else { self }
    }

    /// The error to show.
    pub(super) fn locate(self, path: &str, source: &str) -> Error {
        let line = (self.span.start.line as usize).max(1);
        let text = source.lines().nth(line - 1).unwrap_or_default().to_string();
        let width = text.chars().count();
        let column = (self.span.start.column as usize).clamp(1, width + 1);
        let end = if self.span.end.line == self.span.start.line { self.span.end.column as usize } else { width + 1 };
        let length = end.min(width + 1).saturating_sub(column).max(1);
        let Fault { message, hint, code, .. } = self;
        Error { path: path.to_string(), line, column, length, text, message, hint, code }
    }
}

/// The known name closest to what was written, if it is close enough to have been meant.
fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).clamp(1, 3);
    let close = known.into_iter().map(|name| (distance(written, name), name)).filter(|(d, _)| (1..=limit).contains(d));
    close.min().map(|(_, name)| name)
}

/// Edit distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_swaps_once() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("price", "pirce", 1),
            ("kitten", "sitting", 3),
            ("A", "a", 0),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_close_names_are_suggested() {
        let known = ["customer_id", "customers", "name"];
        assert_eq!(nearest("custmer_id", known), Some("customer_id"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("total", known), None);
    }
}
