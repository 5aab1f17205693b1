//! Sessions: per key, runs of events of which none is further than the gap from the one before.
//!
//! An event joins every session that it is near enough to, and so may make one of two. A session whose end has been settled is given
//! up. Events are never taken back.

use super::reduce::{At, Run, aggregated};
use super::{Groups, Terms};
use crate::dataflow::operators::advance::{Advance, Changes, Entries, advancing, due_first};
use crate::dataflow::operators::linear::Read;
use crate::dataflow::operators::reduce::Grouping;
use crate::dataflow::operators::waiting::Waiting;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::Aggregate;
use crate::value::calendar::EPOCH_MICROS;
use crate::value::{Column, Datum, Diff, Row, Time, Type};
use differential_dataflow::consolidation::consolidate;
use std::collections::BTreeMap;

/// One row per group and session: the group's values, its first time, its last time and the gap, the aggregates' values.
pub fn sessions<'s>(
    mut read: Read<'s>,
    input: &[Column],
    (group, aggregates): (&[Scalar], &[Aggregate]),
    (at, gap): (&Scalar, i64),
    terms: Terms,
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let grouping = Grouping::new(input, group, aggregates).of_append_only(true);
    read.program.map(&[std::slice::from_ref(at), &grouping.expressions].concat());
    let gap = Time::try_from(gap).unwrap_or(0);
    let run = Runs { gap, terms, zoned: at.ty() == Type::Timestamptz };
    aggregated(read, grouping, At::First, run)
}

#[derive(Clone, Copy)]
struct Runs {
    gap: Time,
    terms: Terms,
    /// Whether times are `timestamptz`.
    zoned: bool,
}

impl Runs {
    /// When a session with this last time is shown for the first time.
    fn shows(&self, last: Time) -> Time {
        self.terms.shows(self.terms.last_of(last.saturating_add(self.gap)))
    }

    /// When no event can join it any more.
    fn settles(&self, last: Time) -> Time {
        self.terms.settles(self.terms.last_of(last.saturating_add(self.gap)))
    }
}

impl Run for Runs {
    fn run<'s, G: Groups>(self, changes: Changes<'s, G::Change>, groups: G) -> Collection<'s, Outcome> {
        let state = Sessions {
            groups,
            runs: self,
            waiting: Waiting::new("Sessions", |(key, ..)| key.memory() + size_of::<(Time, G::Change)>()),
            keys: Entries::new("Sessions"),
            due: Waiting::new("Sessions", Row::memory),
            settling: Waiting::new("Sessions", Row::memory),
        };
        advancing(changes, "Sessions", state)
    }
}

struct Session<G> {
    last: Time,
    group: G,
}

/// The sessions of a key by their beginnings.
struct OfKey<G> {
    sessions: BTreeMap<Time, Session<G>>,
    /// When the next of them is shown for the first time, if one waits for that.
    shows: Option<Time>,
    /// When one of them may settle.
    settles: Time,
    /// Whether they were changed at the time being.
    touched: bool,
}

struct Sessions<G: Groups> {
    groups: G,
    runs: Runs,
    waiting: Waiting<(Row, Time, G::Change)>,
    keys: Entries<OfKey<G::Group>>,
    /// The keys by when a session is shown for the first time.
    due: Waiting<Row>,
    /// The keys by when one may settle.
    settling: Waiting<Row>,
}

impl<G: Groups> Advance for Sessions<G> {
    type Change = G::Change;

    fn wait(&mut self, time: Time, key: Row, at: Time, change: G::Change) {
        self.waiting.push(time, (key, at, change));
    }

    fn advance(&mut self, frontier: Option<Time>, give: &mut impl FnMut(Outcome, Time, Diff)) {
        while let Some(time) = due_first([self.waiting.first(), self.due.first()], frontier) {
            let mut touched = Vec::new();
            for (key, at, change) in self.waiting.take_at(time) {
                self.touch(time, &key, &mut touched);
                self.add(time, &key, at, change);
            }
            for key in self.due.take_at(time) {
                self.touch(time, &key, &mut touched);
                self.wait_to_show(time, &key);
            }
            for (key, mut rows) in touched {
                rows.iter_mut().for_each(|(_, diff)| *diff = -*diff);
                let Some(of_key) = self.keys.get_mut(&key) else { continue };
                of_key.touched = false;
                show(&mut self.groups, self.runs, &key, of_key, |shows| shows <= time, &mut rows);
                consolidate(&mut rows);
                rows.into_iter().for_each(|(row, diff)| give(row, time, diff));
            }
        }
        self.settle(frontier);
    }

    fn is_pending(&self) -> bool {
        self.waiting.first().is_some() || self.due.first().is_some()
    }
}

impl<G: Groups> Sessions<G> {
    /// Remembers what was shown of a key before this time.
    fn touch(&mut self, time: Time, key: &Row, touched: &mut Vec<(Row, Vec<(Outcome, Diff)>)>) {
        let fresh = || OfKey { sessions: BTreeMap::new(), shows: None, settles: Time::MAX, touched: false };
        let of_key = self.keys.get_or_insert(key, fresh);
        if !std::mem::replace(&mut of_key.touched, true) {
            let mut before = Vec::new();
            show(&mut self.groups, self.runs, key, of_key, |shows| shows < time, &mut before);
            touched.push((key.clone(), before));
        }
    }

    /// Adds an event, which joins the sessions near it.
    fn add(&mut self, time: Time, key: &Row, at: Time, change: G::Change) {
        let Runs { gap, .. } = self.runs;
        let Some(OfKey { sessions, shows, settles, .. }) = self.keys.get_mut(key) else { return };
        let mut joined = self.groups.empty();
        self.groups.add(&mut joined, change);
        let (mut first, mut last) = (at, at);
        let near = sessions.range(..=at.saturating_add(gap)).rev();
        let near = near.take_while(|(_, session)| session.last.saturating_add(gap) >= at);
        let near: Vec<Time> = near.map(|(first, _)| *first).collect();
        for start in near {
            let Some(session) = sessions.remove(&start) else { continue };
            (first, last) = (first.min(start), last.max(session.last));
            let event = std::mem::replace(&mut joined, session.group);
            self.groups.merge(&mut joined, event);
        }
        sessions.insert(first, Session { last, group: joined });
        let (first_shown, first_settles) = (self.runs.shows(last), self.runs.settles(last));
        if first_shown >= time && shows.is_none_or(|shows| first_shown < shows) {
            *shows = Some(first_shown);
            self.due.push(first_shown, key.clone());
        }
        if first_settles < *settles {
            *settles = first_settles;
            self.settling.push(first_settles, key.clone());
        }
    }

    /// Lets a key wait until the next of its sessions is shown.
    fn wait_to_show(&mut self, time: Time, key: &Row) {
        let Some(OfKey { sessions, shows, .. }) = self.keys.get_mut(key) else { return };
        if *shows != Some(time) {
            return;
        }
        let later = sessions.values().map(|session| self.runs.shows(session.last));
        *shows = later.filter(|shows| *shows > time).min();
        shows.iter().for_each(|shows| self.due.push(*shows, key.clone()));
    }

    /// Gives up what no event can join any more.
    fn settle(&mut self, frontier: Option<Time>) {
        let runs = self.runs;
        let due = self.settling.take_below(frontier.map(|frontier| frontier.saturating_add(1)));
        for key in due.flat_map(|(_, keys)| keys) {
            self.keys.retain(&key, |OfKey { sessions, settles, .. }| {
                let end = |session: &Session<G::Group>| runs.settles(session.last);
                sessions.retain(|_, session| frontier.is_some_and(|frontier| end(session) > frontier));
                let first = sessions.values().map(end).min();
                if let Some(next) = first.filter(|next| next != settles) {
                    *settles = next;
                    self.settling.push(next, key.clone());
                }
                first.is_some()
            });
        }
        self.keys.shrink();
    }
}

/// The rows of a key's sessions, of those that are shown.
fn show<G: Groups>(
    groups: &mut G,
    runs: Runs,
    key: &Row,
    of_key: &OfKey<G::Group>,
    is_shown: impl Fn(Time) -> bool,
    out: &mut Vec<(Outcome, Diff)>,
) {
    let moment = |time: Time| {
        let at = (time as i64).saturating_sub(EPOCH_MICROS);
        if runs.zoned { Datum::Timestamptz(at) } else { Datum::Timestamp(at) }
    };
    for (first, session) in &of_key.sessions {
        if is_shown(runs.shows(session.last)) {
            let window = Row::pack(&[moment(*first), moment(session.last.saturating_add(runs.gap))]);
            window.with_bytes(|window| groups.show(key, window, &session.group, out));
        }
    }
}
