//! The mark a target keeps beside its data: whose content it shows, and at which frontier.
//!
//! It is written together with the data, all or none, and read back on every connection. The runner compares it with what it had
//! acknowledged: after a restart the same store goes on from it, and anything unexpected means that the target has gone back in
//! time or belongs to somebody else by now.

use crate::value::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Whose content a target shows. Frontiers of different owners are not comparable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The store of this incarnation, which outlives a run.
    Store(String),
    /// A run without a store.
    Run(String),
}

impl Owner {
    /// A run that starts now.
    pub fn run() -> Owner {
        Owner::Run(format!("{:016x}", RandomState::new().build_hasher().finish()))
    }
}

/// What is written, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The frontier shown; null when all inputs have ended.
    pub frontier: Option<Time>,
    /// Whose content it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// The fingerprint of the view and of the form its rows have in the target.
    pub view: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Mark {
    /// Reads a mark; nothing if the text is none.
    pub fn parse(text: &str) -> Option<Mark> {
        serde_json::from_str(text).ok()
    }

    /// Whether it is of a view that means this, in this form.
    pub fn is_of(&self, view: &str, form: &str) -> bool {
        self.view == content(view, form)
    }
}

/// What a mark found in a target means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The target shows what it had acknowledged.
    Expected,
    /// It shows an earlier run's content at this frontier, from which the store can go on.
    Earlier(Option<Time>),
    /// It shows something else, and is to be reconciled.
    Other,
    /// It no longer shows what it had acknowledged; in words.
    Lost(String),
}

/// The marks of one target.
#[derive(Debug)]
pub(super) struct Marks {
    owner: Owner,
    view: String,
    attempted: Option<String>,
    acknowledged: Option<String>,
}

impl Marks {
    /// Nothing acknowledged yet. `view` says what the view means, `form` what else decides how rows are shown.
    pub(super) fn new(owner: Owner, view: &str, form: &str) -> Marks {
        Marks { owner, view: content(view, form), attempted: None, acknowledged: None }
    }

    /// What every mark has as its view.
    pub(super) fn view(&self) -> &str {
        &self.view
    }

    /// The mark to write with a delivery.
    pub(super) fn attempt(&mut self, frontier: Option<Time>) -> Mark {
        let mark = Mark { owner: self.owner.clone(), view: self.view.clone(), frontier };
        self.attempted = Some(mark.to_string());
        mark
    }

    /// The mark attempted last is in the target.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = self.attempted.take();
    }

    /// What the mark found on connecting means.
    pub(super) fn compare(&mut self, found: Option<&str>) -> Found {
        let Some(acknowledged) = &self.acknowledged else { return self.compare_first(found) };
        if found == Some(acknowledged) || (found.is_some() && found == self.attempted.as_deref()) {
            return Found::Expected;
        }
        let lost = match found {
            None => format!("the target has lost what it had acknowledged ({acknowledged})"),
            Some(found) => format!("the target shows {found} instead of what it had acknowledged ({acknowledged})"),
        };
        (self.acknowledged, self.attempted) = (None, None);
        Found::Lost(lost)
    }

    fn compare_first(&self, found: Option<&str>) -> Found {
        match found.and_then(Mark::parse) {
            Some(Mark { frontier, owner: owner @ Owner::Store(_), view })
                if owner == self.owner && view == self.view && self.attempted.is_none() =>
            {
                Found::Earlier(frontier)
            }
            _ => Found::Other,
        }
    }
}

/// What marks have as the view that means this, in this form.
pub fn content(view: &str, form: &str) -> String {
    fingerprint(&[view, form])
}

/// FNV-1a over the texts: the same in every run and on every machine.
pub fn fingerprint(texts: &[&str]) -> String {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([b'\n']));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_store(view: &str) -> Marks {
        Marks::new(Owner::Store("s".into()), view, "json")
    }

    #[test]
    fn a_mark_is_json_with_the_frontier_first() {
        let mark = of_store("v").attempt(Some(7));
        assert!(mark.to_string().starts_with("{\"frontier\":7,\"store\":\"s\",\"view\":\""), "{mark}");
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        assert_eq!(Mark::parse("{\"frontier\":7}"), None);
    }

    #[test]
    fn only_the_same_store_and_view_go_on() {
        let mark = of_store("v").attempt(Some(7)).to_string();
        assert_eq!(of_store("v").compare(Some(&mark)), Found::Earlier(Some(7)));
        assert_eq!(of_store("w").compare(Some(&mark)), Found::Other);
        assert_eq!(of_store("v").compare(None), Found::Other);
        let run = Owner::run();
        let mark = Marks::new(run.clone(), "v", "json").attempt(Some(7)).to_string();
        assert_eq!(Marks::new(run, "v", "json").compare(Some(&mark)), Found::Other);
    }

    #[test]
    fn what_was_acknowledged_is_expected_again() {
        let mut marks = of_store("v");
        let first = marks.attempt(Some(7)).to_string();
        marks.acknowledge();
        let second = marks.attempt(Some(8)).to_string();
        assert_eq!(marks.compare(Some(&first)), Found::Expected);
        assert_eq!(marks.compare(Some(&second)), Found::Expected);
        assert!(matches!(marks.compare(None), Found::Lost(_)));
        assert_eq!(marks.compare(None), Found::Other);
    }
}
