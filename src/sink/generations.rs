//! `deploy = "swap"`: a target of another meaning is left to its readers while the new one is built beside it.
//!
//! Each is a generation, named after the fingerprint of what it means. Readers see one; they are switched to the next when that
//! shows the whole view at one frontier, and the one they saw before is kept, so that they can be sent back. This is only the
//! rules; each kind of target keeps the names where it can change them all at once.

use super::SinkError;
use crate::value::Time;
use serde::{Deserialize, Serialize};

/// What is done with a target of another meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deploy {
    /// It is changed in place.
    #[default]
    Reconcile,
    /// A new one is built beside it.
    Swap,
}

/// The generations of one target, by name. No name has two roles; a generation without a role is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Generations {
    /// What readers see.
    pub(super) current: Option<String>,
    /// What they saw before.
    pub(super) previous: Option<String>,
    /// What is being built.
    pub(super) next: Option<String>,
    /// What they were sent back from.
    pub(super) withdrawn: Option<String>,
}

impl Generations {
    /// This one is to be kept in step with the view. The very first is what readers see while it is filled.
    pub(super) fn opened(&self, name: &str) -> Result<Generations, SinkError> {
        let is = |role: &Option<String>| role.as_deref() == Some(name);
        if is(&self.withdrawn) {
            return Err(SinkError::Operator(format!(
                "readers were sent back from {name}, which is what this definition means: put the definition before it back, \
                 give another, or send readers forth again with `tidegate rollback --undo`"
            )));
        }
        let mut opened = Generations { next: None, ..self.clone() };
        match self.current {
            None if !is(&self.previous) => opened.current = Some(name.to_string()),
            _ if is(&self.current) || is(&self.previous) => {}
            _ => opened.next = Some(name.to_string()),
        }
        Ok(opened)
    }

    /// Readers see this one from now on.
    pub(super) fn switched(&self, name: &str) -> Generations {
        let previous = self.current.clone().filter(|current| current != name);
        Generations { current: Some(name.to_string()), previous, ..Generations::default() }
    }

    /// Readers see the one before again.
    pub(super) fn rolled_back(&self) -> Result<Generations, SinkError> {
        let (Some(current), Some(previous)) = (&self.current, &self.previous) else {
            return Err(SinkError::Operator("no generation before the one that readers see is kept".to_string()));
        };
        Ok(Generations {
            current: Some(previous.clone()),
            withdrawn: Some(current.clone()),
            next: self.next.clone(),
            previous: None,
        })
    }

    /// Readers see the one again that they were sent back from.
    pub(super) fn undone(&self) -> Result<Generations, SinkError> {
        let Some(withdrawn) = &self.withdrawn else {
            return Err(SinkError::Operator("readers were not sent back: there is nothing to undo".to_string()));
        };
        Ok(Generations {
            current: Some(withdrawn.clone()),
            previous: self.current.clone(),
            next: self.next.clone(),
            withdrawn: None,
        })
    }

    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        [&self.current, &self.previous, &self.next, &self.withdrawn].into_iter().flatten().map(String::as_str)
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// What somebody who looks at the target should know.
    pub(super) fn note(&self) -> Option<String> {
        let withdrawn = self.withdrawn.as_ref()?;
        let current = self.current.as_deref().unwrap_or("nothing");
        Some(format!(
            "readers were sent back from {withdrawn} and see {current}, which moves on only under the definition it was built by"
        ))
    }
}

/// What readers see after they were sent back or forth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The generation.
    pub name: String,
    /// The frontier whose content it has; `None` when all inputs had ended.
    pub frontier: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(text: &str) -> Generations {
        let mut words = text.split(' ').map(|word| Some(word.to_string()).filter(|word| word != "-"));
        let mut next = || words.next().flatten();
        Generations { current: next(), previous: next(), next: next(), withdrawn: next() }
    }

    #[test]
    fn what_becomes_of_generations() {
        for (before, after) in [
            ("- - - -", "c - - -"),
            ("a - - -", "a - c -"),
            ("a b - -", "a b c -"),
            ("a b d w", "a b c w"),
            ("c b d w", "c b - w"),
            ("a c d -", "a c - -"),
        ] {
            assert_eq!(roles(before).opened("c").ok(), Some(roles(after)), "{before}");
        }
        assert!(roles("a - - c").opened("c").is_err());
        for (before, after) in [("a b c w", "c a - -"), ("a c - -", "c a - -"), ("c - - -", "c - - -")] {
            assert_eq!(roles(before).switched("c"), roles(after), "{before}");
        }
    }

    #[test]
    fn back_and_forth() {
        let back = roles("a b c -").rolled_back().expect("one is kept");
        assert_eq!(back, roles("b - c a"));
        assert!(back.rolled_back().is_err());
        assert_eq!(back.undone().ok(), Some(roles("a b c -")));
        assert!(roles("a b - -").undone().is_err());
    }
}
