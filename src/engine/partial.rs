//! Views that begin with what is left of a stream: of its events those were let go that nobody needed any more. What they make of windows
//! that begin before that is not all there was. So it is with rows that a part of a view made of events that are gone.

use super::assemble::Reach;
use super::keeping::{Keeping, Part};
use super::why::moment;
use crate::dataflow::Program;
use crate::plan::View;
use crate::store::Kept;
use crate::timeline::{RelationId, SourceId};
use crate::value::{RelationName, Time};
use std::collections::BTreeMap;
use std::fmt;

/// A view, and what it does not have all of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The view.
    pub view: RelationName,
    /// Of what some is gone.
    pub of: Gone,
    /// What is from before this time is gone.
    pub before: Time,
}

/// What is not all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Events of a stream.
    Events(RelationName),
    /// Rows of a view.
    Rows(RelationName),
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partial { view, of, before } = self;
        let (what, then) = match of {
            Gone::Events(stream) => {
                (format!("events of {stream}"), "windows that begin before that are made of what is left")
            }
            Gone::Rows(view) => (format!("rows of view `{view}`"), "it begins with those that are left"),
        };
        let before = moment(*before);
        write!(
            f,
            "view `{view}` is new or has changed, and {what} from before {before} are not in the store any more: {then}"
        )
    }
}

/// From before which times events are gone of what the store has.
pub(super) fn gone(relations: &BTreeMap<RelationId, Kept>) -> BTreeMap<RelationId, Time> {
    relations.iter().filter_map(|(id, kept)| Some((*id, kept.gone?))).collect()
}

/// What a store knows of it.
pub(super) struct Known<'s> {
    /// What the views meant in the last run, as far as they were shown; nothing if that was not noted.
    pub(super) views: Option<&'s BTreeMap<String, String>>,
    /// From before which times events are gone.
    pub(super) gone: &'s BTreeMap<RelationId, Time>,
    /// The sources that go on, and the parts.
    pub(super) goes_on: &'s dyn Fn(SourceId) -> bool,
}

/// The views among those that are shown, here with their meanings, that begin with what is left of a stream. Parts of views that go on have
/// what they have made, but for rows that nobody needed until somebody needs all.
pub(super) fn partial(
    program: &Program,
    keeping: &Keeping,
    shown: &BTreeMap<RelationName, String>,
    Known { views, gone, goes_on }: &Known<'_>,
) -> Vec<Partial> {
    let Some(views) = views.filter(|_| !gone.is_empty()) else { return Vec::new() };
    let going_on: Vec<&Part> = keeping.parts.iter().filter(|part| goes_on(part.rows.source)).collect();
    let is_going_on = |view: &View| going_on.iter().any(|part| part.view == view.name);
    let begins: Vec<View> = program.views.iter().filter(|view| !is_going_on(view)).cloned().collect();
    let reach = Reach::new(&program.inputs, &begins, &program.native);
    let mut found = Vec::new();
    for view in
        shown.iter().filter(|(view, meaning)| views.get(&view.to_string()) != Some(meaning)).map(|(view, _)| view)
    {
        let below = reach.closure(vec![view.clone()]);
        let streams = program.inputs.iter().filter(|input| below.contains(&input.name));
        let events = streams.filter_map(|stream| Some((Gone::Events(stream.name.clone()), *gone.get(&stream.id)?)));
        let parts = going_on.iter().filter(|part| below.contains(&part.view) && keeping.needs_all(part));
        let rows = parts.filter_map(|part| Some((Gone::Rows(part.of.clone()), *gone.get(&part.rows.id)?)));
        found.extend(events.chain(rows).map(|(of, before)| Partial { view: view.clone(), of, before }));
    }
    found
}
