//! Source `nexmark`: the auction house of the Nexmark benchmark, made up as it goes.
//!
//! Three streams, `person`, `auction` and `bid`, share one clock and one watermark. An event depends on its number and the seed
//! alone, and so does its time; ticks end where a millisecond does. So the streams are the same whatever the speed, and however
//! they are cut into ticks. Events come in order: what a view shows at a frontier depends on events and their times only, so the
//! specification's disorder would change nothing.

mod config;
mod draw;
mod house;
mod rows;

pub use config::Config;

use super::{Progress, Source, SourceError, SourceRelation, Start, Stop, TickSender};
use crate::timeline::{Batch, RelationId, Rereads, Resume, SourceId, Tick, now};
use crate::value::{Diff, RelationKind, RelationName, Row, Schema, Time};
use house::{Clock, Kind};
use rows::Rows;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A tick has about so many events, or those of one millisecond.
const TICK_EVENTS: u64 = 8192;
/// A paced source sends a tick this often.
const TICK: Duration = Duration::from_millis(10);

/// The source.
pub struct Nexmark {
    config: Config,
}

impl Nexmark {
    /// A source of this configuration.
    pub fn new(config: Config) -> Nexmark {
        Nexmark { config }
    }
}

impl Source for Nexmark {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        let ends = self.config.events.is_some();
        Ok(Kind::ALL.map(|kind| relation(kind, ends)).into())
    }

    fn rereads(&self) -> Rereads {
        Rereads::Whole
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let Config { events, rate, paced, seed, base_time } = self.config;
        if events.is_none() && start.once {
            return Err(SourceError::Config("its events have no end; `run --once` needs `events`".into()));
        }
        let resume = start.stored.as_ref().and_then(|stored| stored.resume.as_ref());
        let resumed = resume.map(resumed).transpose()?.flatten();
        let (base, from) = resumed.unwrap_or_else(|| (base_time.unwrap_or_else(this_millisecond), 0));
        let clock = Clock { base, rate };
        let wanted = |kind: Kind| start.wanted.iter().find(|wanted| wanted.relation.name.name == kind.name());
        let ids = Kind::ALL.map(|kind| wanted(kind).map(|wanted| wanted.id));
        // A key is always read, and a store keeps what somebody may read later.
        let stores = start.stored.is_some();
        let is_read = |kind: Kind, column: usize| {
            let of_key = kind.key().is_some_and(|key| key.contains(&column));
            stores || of_key || wanted(kind).is_some_and(|wanted| wanted.reads(column))
        };
        let rows = Rows::new(clock, seed, is_read);
        let end = events.unwrap_or(u64::MAX);
        let (source, ticks, progress) = (start.source, start.ticks, start.progress);
        Making { clock, rows, ids, end, source, ticks, progress }.run(from, paced, &start.stop);
        Ok(())
    }
}

fn relation(kind: Kind, ends: bool) -> SourceRelation {
    let columns = kind.columns();
    let event_time = columns.iter().position(|column| column.name == "date_time");
    let stream = RelationKind::Stream { event_time, accept_for: 0, ends };
    let schema = Schema { columns, key: kind.key(), kind: stream };
    SourceRelation { name: RelationName::public(kind.name()), schema: Arc::new(schema), upserts: false }
}

/// The position that ticks carry: the time of the first event, and the millisecond from which on none was made.
const MADE: &str = "made";

fn resumed(resume: &Resume) -> Result<Option<(Time, u64)>, SourceError> {
    let Some(made) = resume.positions.get(MADE) else { return Ok(None) };
    let parse = || {
        let (base, from) = made.split_once(' ')?;
        Some((base.parse().ok()?, from.parse().ok()?))
    };
    parse().map(Some).ok_or_else(|| SourceError::strange_position(MADE, made))
}

fn this_millisecond() -> Time {
    now() / 1000 * 1000
}

/// A run of the source.
struct Making {
    clock: Clock,
    rows: Rows,
    /// By the kind's position; none: nobody reads the stream.
    ids: [Option<RelationId>; 3],
    /// How many events there are.
    end: u64,
    source: SourceId,
    ticks: Box<dyn TickSender>,
    progress: Arc<Progress>,
}

impl Making {
    /// Ticks from millisecond to millisecond until the end, a stop, or the engine's end.
    fn run(mut self, mut from: u64, paced: bool, stop: &Stop) {
        let (began, begin) = (Instant::now(), from);
        // The clock stands still at the last event's time.
        let last = self.clock.millisecond(self.end.saturating_sub(1));
        let most = (TICK_EVENTS * 1000 / self.clock.rate).max(1);
        while from < last && !stop.requested() {
            let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let due = if paced { begin.saturating_add(passed) } else { u64::MAX };
            let to = from.saturating_add(most).min(due).min(last);
            if to <= from {
                std::thread::sleep(TICK);
            } else if !self.send(from, Some(to)) {
                return;
            } else {
                from = to;
            }
        }
        if from >= last {
            self.send(from, None);
        }
    }

    /// One tick, up to a millisecond or to the end. False: the engine is shutting down.
    fn send(&mut self, from: u64, to: Option<u64>) -> bool {
        let end = to.map_or(self.end, |to| self.clock.first_of(to).min(self.end));
        let mut batches: [Vec<(Row, Time, Diff)>; 3] = Default::default();
        let mut made = 0;
        let (mut time, mut next) = (self.clock.time(from), self.clock.first_of(from + 1));
        for number in self.clock.first_of(from)..end {
            if number >= next {
                let millisecond = self.clock.millisecond(number);
                (time, next) = (self.clock.time(millisecond), self.clock.first_of(millisecond + 1));
            }
            let kind = Kind::of(number);
            if self.ids[kind as usize].is_some() {
                batches[kind as usize].push((self.rows.row(number, time), time, 1));
                made += 1;
            }
        }
        self.progress.changes.fetch_add(made, Relaxed);
        let of_streams = self.ids.iter().zip(batches).filter(|(_, rows)| !rows.is_empty());
        let batches = of_streams.filter_map(|(id, rows)| Some(((*id)?, Batch::Rows(rows)))).collect();
        let frontier = to.map(|to| self.clock.time(to));
        let made = format!("{} {}", self.clock.base, to.unwrap_or(from + 1));
        let positions = vec![(MADE.to_owned(), made)];
        self.ticks.send(Tick { positions, ..Tick::new(self.source, batches, frontier) }).is_ok()
    }
}
