//! Views that begin with what is left of a stream: of its events those were let go that nobody needed any more. What they make of windows
//! that begin before that is not all there was.

use super::assemble::Reach;
use super::keeping::Part;
use super::why::moment;
use crate::dataflow::Program;
use crate::plan::View;
use crate::store::Kept;
use crate::timeline::{RelationId, SourceId};
use crate::value::{RelationName, Time};
use std::collections::BTreeMap;
use std::fmt;

/// A view, and a stream of which it does not have all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The view.
    pub view: RelationName,
    /// The stream.
    pub stream: RelationName,
    /// Events from before this time are gone.
    pub before: Time,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partial { view, stream, before } = self;
        let before = moment(*before);
        write!(
            f,
            "view `{view}` is new or has changed, and events of {stream} from before {before} are not in the store any more: windows that \
             begin before that are made of what is left"
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
/// what they have made.
pub(super) fn partial(
    program: &Program,
    parts: &[Part],
    shown: &BTreeMap<RelationName, String>,
    Known { views, gone, goes_on }: &Known<'_>,
) -> Vec<Partial> {
    let Some(views) = views.filter(|_| !gone.is_empty()) else { return Vec::new() };
    let is_going_on = |view: &View| parts.iter().any(|part| part.view == view.name && goes_on(part.rows.source));
    let begins: Vec<View> = program.views.iter().filter(|view| !is_going_on(view)).cloned().collect();
    let reach = Reach::new(&program.inputs, &begins, &program.native);
    let mut found = Vec::new();
    for view in
        shown.iter().filter(|(view, meaning)| views.get(&view.to_string()) != Some(meaning)).map(|(view, _)| view)
    {
        let inputs = reach.inputs(view);
        let streams = program.inputs.iter().filter(|input| inputs.contains(&input.id));
        let gone = streams.filter_map(|stream| Some((stream.name.clone(), *gone.get(&stream.id)?)));
        found.extend(gone.map(|(stream, before)| Partial { view: view.clone(), stream, before }));
    }
    found
}
