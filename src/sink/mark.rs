//! The mark a sink keeps where its data is: whose content the target shows, and at which frontier.
//!
//! It is written together with the data. A sink that reconnects reads it back: anything but the mark acknowledged last (or the
//! one whose acknowledgement was lost) means that the target has gone back in time or belongs to somebody else by now.

use super::{SinkError, SinkView};
use crate::value::Time;
use serde::Serialize;
use std::hash::{BuildHasher, Hasher, RandomState};

/// What is written.
#[derive(Serialize)]
struct Mark<'a> {
    /// Which run wrote it: content is not comparable across runs as long as nothing is stored.
    incarnation: &'a str,
    /// The view's fingerprint.
    view: &'a str,
    /// The frontier shown; null when all inputs have ended.
    frontier: Option<Time>,
}

/// The marks of one sink.
#[derive(Debug)]
pub(super) struct Marks {
    incarnation: String,
    view: String,
    attempted: Option<String>,
    acknowledged: Option<String>,
}

impl Marks {
    /// The marks of a run that starts now. `target` is what else decides how rows are shown, such as a key template.
    pub(super) fn new(view: &SinkView, target: &str) -> Marks {
        let incarnation = format!("{:016x}", RandomState::new().build_hasher().finish());
        Marks { incarnation, view: fingerprint(view, target), attempted: None, acknowledged: None }
    }

    /// The mark to write with a delivery.
    pub(super) fn attempt(&mut self, frontier: Option<Time>) -> String {
        let mark = Mark { incarnation: &self.incarnation, view: &self.view, frontier };
        let text = serde_json::to_string(&mark).unwrap_or_default();
        self.attempted = Some(text.clone());
        text
    }

    /// The mark attempted last is in the target.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = self.attempted.take();
    }

    /// Checks the mark found in the target on connecting.
    pub(super) fn check(&mut self, target: &str, found: Option<&str>) -> Result<(), SinkError> {
        let Some(acknowledged) = &self.acknowledged else { return Ok(()) };
        if found == Some(acknowledged) || (found.is_some() && found == self.attempted.as_deref()) {
            return Ok(());
        }
        let error = match found {
            None => format!("{target} has lost what it had acknowledged ({acknowledged})"),
            Some(found) => format!("{target} shows {found} instead of what it had acknowledged ({acknowledged})"),
        };
        (self.acknowledged, self.attempted) = (None, None);
        Err(SinkError::Rewound(error))
    }
}

/// FNV-1a over the view's name, its columns and the target's form: the same in every run and on every machine.
fn fingerprint(view: &SinkView, target: &str) -> String {
    let columns = view.schema.columns.iter().map(|c| format!("{} {} {}", c.name, c.ty, c.modifier));
    let text = format!("{}\n{}\n{target}", view.name, columns.collect::<Vec<_>>().join("\n"));
    let hash =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}
