//! What a source of a stream gives its records to.
//!
//! A record is decoded and judged when it is taken, and leaves in the next tick, with the positions behind what was taken: so a store
//! has it before it waits for the watermark, which is the frontier. Late events and records that cannot be understood take the same way to `<stream>_late`
//! and `<stream>_errors`, so nothing is lost. What must hold: verdicts depend on the
//! records and their order in each partition, never on when ticks are sealed; what waits is bounded.

use super::config::{Late, Rejected, Stream};
use super::decode::{Decoder, Write};
use super::held::Held;
use super::position::Position;
use crate::source::{Progress, SourceError, Start, TickSender};
use crate::timeline::{
    Batch, DataError, Pace, PartitionId, Partitions, RelationId, SourceId, Tick, Upsert, UpsertKind, Verdict, now, wall,
};
use crate::value::{Diff, RelationName, Row, Time, ValueError};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A tick is sent after this long at the latest while records arrive; also the pause while none do.
pub(in crate::source) const TICK: Duration = Duration::from_millis(10);
/// A tick is sent when this many bytes were read.
const TICK_BYTES: usize = 1 << 20;
/// With a store every advance of the frontier is written: while nothing arrives it follows the clock so often only,
const ADVANCE: Duration = Duration::from_millis(100);
/// or so often when nothing has arrived for a while and nobody waits.
const ADVANCE_WHEN_QUIET: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(5);
/// How often the clock is looked at, in records.
const CLOCK_EVERY: u64 = 64;
/// How much of a record an error shows.
const SHOWN: usize = 4096;
/// What the reorder buffer holds of an entry besides what is in it.
const ENTRY: usize = 16;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Outcome {
    /// It is an event of the stream.
    Accepted,
    /// It is an event that came too late, or claims to come from the future.
    Late,
    /// It could not be understood.
    Rejected,
}

/// Why a source reads no further.
#[derive(Debug)]
pub(in crate::source) enum Halt {
    /// The engine takes no more.
    Closed,
    /// It cannot go on.
    Failed(SourceError),
}

impl From<SourceError> for Halt {
    fn from(error: SourceError) -> Halt {
        Halt::Failed(error)
    }
}

impl Halt {
    /// As a source returns it.
    pub(in crate::source) fn result(self) -> Result<(), SourceError> {
        match self {
            Halt::Closed => Ok(()),
            Halt::Failed(error) => Err(error),
        }
    }
}

/// What a record says.
enum Entry {
    Event(Row, Option<Time>),
    Change(Option<Write>),
}

impl From<(Row, Option<Time>)> for Entry {
    fn from((row, event_time): (Row, Option<Time>)) -> Entry {
        Entry::Event(row, event_time)
    }
}

/// What has been taken since the last tick.
#[derive(Default)]
struct Taken {
    rows: Vec<(Row, Time, Diff)>,
    writes: Vec<Upsert>,
    late: Vec<(Row, Time, Diff)>,
    errors: Vec<(RelationId, DataError, Time)>,
    /// What the source keeps besides, by names of its own.
    notes: Vec<(String, String)>,
    /// Whether a position was told.
    moved: bool,
}

impl Taken {
    fn is_empty(&self) -> bool {
        let Taken { rows, writes, late, errors, notes, moved } = self;
        rows.is_empty() && writes.is_empty() && late.is_empty() && errors.is_empty() && notes.is_empty() && !moved
    }
}

/// What is known of a partition besides its watermark.
struct Place {
    partition: PartitionId,
    name: String,
    /// Where an earlier run has left it.
    resumed: Option<Position>,
    /// Where it is now, and whether a tick has told that.
    position: Position,
    told: bool,
}

/// A stream under way.
pub(in crate::source) struct Intake {
    decoder: Decoder,
    partitions: Partitions,
    has_event_time: bool,
    lateness: u64,
    idle_after: Option<Duration>,
    rejected: Rejected,
    buffer: usize,
    source: SourceId,
    stream: RelationId,
    late: Option<RelationId>,
    errors: Option<RelationId>,
    taken: Taken,
    /// What waits for the watermark.
    held: Held,
    /// By partition.
    places: Vec<Place>,
    /// Where an earlier run has left partitions, by name.
    resumed: BTreeMap<String, Position>,
    /// Whether what was sent is durable.
    stored: bool,
    /// The frontier told last.
    told: Time,
    /// For which frontier it was told what holds it, and whether all partitions were at their ends then.
    explained: Option<(Time, bool)>,
    ticks: Box<dyn TickSender>,
    progress: Arc<Progress>,
    clock: fn() -> Time,
    /// What an event's own time is held against: an event is not ahead because a leap of the clock is not believed.
    limit: fn() -> Time,
    pace: Pace,
    /// No entry that waits has a greater time.
    greatest: Time,
    /// Writes so far: their order.
    writes: u64,
    /// Records taken, at how many the clock is looked at again, and bytes of them since the last tick.
    records: u64,
    looks: u64,
    bytes: usize,
    sealed: Instant,
    arrived: Instant,
    /// When the frontier followed the clock last.
    advanced: Instant,
    /// Whether somebody waits for the frontier.
    awaited: bool,
}

impl Intake {
    /// The stream of that name, if anybody wants it.
    pub(in crate::source) fn open(
        name: &RelationName,
        config: &Stream,
        start: Start,
    ) -> Result<Option<Intake>, SourceError> {
        let Some(wanted) = start.wanted.iter().find(|wanted| wanted.relation.name == *name) else { return Ok(None) };
        let stream = wanted.id;
        let beside = |pairs: &[(RelationId, RelationId)]| pairs.iter().find(|(of, _)| *of == stream).map(|(_, id)| *id);
        let (stored, resume) = (start.stored.is_some(), start.stored.and_then(|stored| stored.resume));
        let (told, positions) = resume.map(|resume| (resume.frontier, resume.positions)).unwrap_or_default();
        let parse = |(name, position): (String, String)| match position.parse() {
            Ok(parsed) => Ok((name, parsed)),
            Err(()) => Err(SourceError::strange_position(&name, &position)),
        };
        let resumed = positions.into_iter().map(parse).collect::<Result<BTreeMap<String, Position>, _>>()?;
        let greatest = resumed.values().map(|position| position.greatest + 1).max().unwrap_or(0);
        let mut partitions = Partitions::new(config.disorder);
        partitions.raise(told);
        Ok(Some(Intake {
            decoder: Decoder::new(config),
            partitions,
            has_event_time: config.event_time.is_some(),
            lateness: config.disorder.lateness,
            idle_after: config.idle_after,
            rejected: config.rejected,
            buffer: config.buffer,
            source: start.source,
            stream,
            late: beside(&start.late).filter(|_| config.late != Late::Drop),
            errors: beside(&start.errors),
            taken: Taken::default(),
            held: Held::default(),
            places: Vec::new(),
            resumed,
            stored,
            told,
            explained: None,
            ticks: start.ticks,
            progress: start.progress,
            clock: now,
            limit: wall,
            pace: Pace::new(),
            greatest,
            writes: 0,
            records: 0,
            looks: CLOCK_EVERY,
            bytes: 0,
            sealed: Instant::now(),
            arrived: Instant::now(),
            advanced: Instant::now(),
            awaited: start.awaited,
        }))
    }

    #[cfg(test)]
    pub(super) fn with_clock(self, clock: fn() -> Time) -> Intake {
        Intake { clock, limit: clock, ..self }
    }

    /// One more partition of the stream, by a name for people. All that are known at the start are added before the first record.
    pub(in crate::source) fn partition(&mut self, name: &str) -> PartitionId {
        let resumed = self.resumed.remove(name);
        let partition = match &resumed {
            Some(position) => self.partitions.resume(name, position.watermark),
            None => self.partitions.add(name),
        };
        let position = resumed.clone().unwrap_or_default();
        self.places.push(Place { partition, name: name.into(), resumed, position, told: true });
        partition
    }

    /// Where an earlier run has left a partition: it is read from there on.
    pub(in crate::source) fn resumes(&self, partition: PartitionId) -> Option<Position> {
        self.places[partition.index()].resumed.clone()
    }

    /// The record taken next, or what lies before it, ends here.
    pub(in crate::source) fn reaches(&mut self, partition: PartitionId, at: [u64; 2]) {
        if self.stored {
            let place = &mut self.places[partition.index()];
            place.position.at = at;
            place.told = false;
            self.taken.moved = true;
        }
    }

    /// What the source is to be given back at the next start, beside the positions and by a name that no partition has. It is durable
    /// with what was taken before it since the last tick.
    pub(in crate::source) fn note(&mut self, name: String, text: String) {
        if self.stored {
            self.taken.notes.push((name, text));
        }
    }

    /// What positions in a partition count in from here on.
    pub(in crate::source) fn within(&mut self, partition: PartitionId, name: &str) {
        if self.stored {
            self.places[partition.index()].position.within = name.into();
        }
    }

    /// The names of the columns in the records that follow.
    pub(in crate::source) fn header(&mut self, record: &[u8]) -> Result<(), ValueError> {
        self.decoder.header(record)
    }

    /// Takes a record in the stream's format. `place` says where it was read.
    pub(in crate::source) fn take(
        &mut self,
        partition: PartitionId,
        record: &[u8],
        place: &dyn Display,
    ) -> Result<Outcome, Halt> {
        let outcome = self.take_one_of(partition, record, place)?;
        self.seal_if_due()?;
        Ok(outcome)
    }

    /// Takes one of several records that leave in one tick: `seal_if_due` follows the last.
    pub(in crate::source) fn take_one_of(
        &mut self,
        partition: PartitionId,
        record: &[u8],
        place: &dyn Display,
    ) -> Result<Outcome, Halt> {
        let decoded = match self.decoder.reads_changes() {
            true => self.decoder.decode_change(record).map(Entry::Change),
            false => self.decoder.decode(record).map(Entry::from),
        };
        self.enter(partition, decoded, record.len(), place, || String::from_utf8_lossy(cut(record)).into_owned())
    }

    /// Takes a record that is names and texts.
    pub(in crate::source) fn take_fields(
        &mut self,
        partition: PartitionId,
        fields: &[(&[u8], &[u8])],
        place: &dyn Display,
    ) -> Result<Outcome, Halt> {
        let decoded = self.decoder.decode_fields(fields).map(Entry::from);
        let length = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let outcome = self.enter(partition, decoded, length, place, || shown_fields(fields))?;
        self.seal_if_due()?;
        Ok(outcome)
    }

    /// A record that is none: `error` says why, `record` is as much of it as there is.
    pub(in crate::source) fn reject(
        &mut self,
        partition: PartitionId,
        error: ValueError,
        record: &[u8],
        place: &dyn Display,
    ) -> Result<Outcome, Halt> {
        let shown = || String::from_utf8_lossy(cut(record)).into_owned();
        let outcome = self.enter(partition, Err(error), record.len(), place, shown)?;
        self.seal_if_due()?;
        Ok(outcome)
    }

    fn enter(
        &mut self,
        partition: PartitionId,
        decoded: Result<Entry, ValueError>,
        length: usize,
        place: &dyn Display,
        shown: impl FnOnce() -> String,
    ) -> Result<Outcome, Halt> {
        let outcome = match decoded {
            Ok(Entry::Event(row, event_time)) => self.place(partition, row, event_time),
            Ok(Entry::Change(write)) => self.write(partition, write),
            Err(error) => self.refuse(partition, error, format!("{place}: {}", shown()))?,
        };
        self.records += 1;
        self.bytes += length;
        Ok(outcome)
    }

    /// Sends what was taken if it is much, or has waited for long.
    pub(in crate::source) fn seal_if_due(&mut self) -> Result<(), Halt> {
        let looks = self.records >= self.looks;
        if looks {
            self.looks = self.records + CLOCK_EVERY;
        }
        let is_due = looks && self.sealed.elapsed() > TICK;
        if self.bytes > TICK_BYTES || is_due || self.held.bytes() > self.buffer {
            self.arrived = Instant::now();
            self.seal()?;
        }
        Ok(())
    }

    fn place(&mut self, partition: PartitionId, row: Row, event_time: Option<Time>) -> Outcome {
        let clock = if event_time.is_some() { self.limit } else { self.clock };
        match self.partitions.judge(partition, event_time, clock()) {
            Verdict::Accepted(time) => {
                self.progress.changes.fetch_add(1, Relaxed);
                self.greatest = self.greatest.max(time);
                self.held.add(time, row.memory() + ENTRY);
                self.taken.rows.push((row, time, 1));
                Outcome::Accepted
            }
            Verdict::Late(time) | Verdict::Ahead(time) => {
                self.progress.late.fetch_add(1, Relaxed);
                if self.late.is_some() {
                    self.greatest = self.greatest.max(time);
                    self.held.add(time, row.memory() + ENTRY);
                    self.taken.late.push((row, time, 1));
                }
                Outcome::Late
            }
        }
    }

    /// A change of a table happens when it arrives.
    fn write(&mut self, partition: PartitionId, write: Option<Write>) -> Outcome {
        // The time of arrival never runs backwards, even if the clock does.
        let time = (self.clock)().max(self.partitions.time_in(partition)).max(self.greatest);
        if let Some(Write { key, kind }) = write {
            self.progress.changes.fetch_add(1, Relaxed);
            self.greatest = time;
            self.writes += 1;
            let upsert = Upsert { key, time, sequence: self.writes, kind };
            self.held.add(time, memory(&upsert));
            self.taken.writes.push(upsert);
        }
        Outcome::Accepted
    }

    fn refuse(&mut self, partition: PartitionId, error: ValueError, input: String) -> Result<Outcome, Halt> {
        self.progress.rejected.fetch_add(1, Relaxed);
        match (self.rejected, self.errors) {
            (Rejected::Drop, _) => {}
            (Rejected::Stop, _) => {
                let text = format!("{}: {error}; mend the record, or say `rejected = \"collect\"`", input);
                return Err(Halt::Failed(SourceError::Data(text)));
            }
            (Rejected::Collect, None) => tracing::warn!(code = error.code, "{}: {input}", error.message),
            (Rejected::Collect, Some(relation)) => {
                let error = DataError { code: error.code.into(), message: error.message, input };
                let time = self.partitions.time_in(partition);
                self.greatest = self.greatest.max(time);
                self.held.add(time, held(&error));
                self.taken.errors.push((relation, error, time));
            }
        }
        Ok(Outcome::Rejected)
    }

    /// Nothing is left to read in this partition for now: it holds back no other.
    pub(in crate::source) fn at_end(&mut self, partition: PartitionId) {
        self.partitions.at_end(partition);
    }

    /// Nothing has arrived: sends what is due, and lets time pass where the stream is idle.
    pub(in crate::source) fn pause(&mut self) -> Result<(), Halt> {
        if self.bytes > 0 {
            self.arrived = Instant::now();
        }
        let is_idle = self.idle_after.is_some_and(|after| self.arrived.elapsed() >= after);
        if is_idle && self.has_event_time && self.partitions.all_at_end() && self.may_advance() {
            self.partitions.raise((self.clock)().saturating_sub(self.lateness));
        }
        self.seal()
    }

    /// Whether the frontier may follow the clock.
    fn may_advance(&mut self) -> bool {
        let pause = match self.stored && self.taken.is_empty() {
            false => Duration::ZERO,
            true if !self.awaited && self.arrived.elapsed() > QUIET => ADVANCE_WHEN_QUIET,
            true => ADVANCE,
        };
        let may = self.advanced.elapsed() >= pause;
        if may {
            self.advanced = Instant::now();
        }
        may
    }

    /// The source is out of reach: what it may hold makes nothing idle.
    pub(in crate::source) fn interrupted(&mut self) -> Result<(), Halt> {
        self.arrived = Instant::now();
        self.partitions.none_at_end();
        self.seal()
    }

    /// A connection was lost and is sought again.
    pub(in crate::source) fn reconnects(&mut self) {
        self.progress.reconnects.fetch_add(1, Relaxed);
    }

    /// Nothing that was taken so far has a greater time.
    pub(in crate::source) fn greatest(&self) -> Time {
        self.greatest
    }

    /// What was taken with lesser times need not be given again: it is durable, or without a store has left. After the end that is
    /// everything.
    pub(in crate::source) fn kept(&self) -> Time {
        if self.stored && self.taken.is_empty() { Time::MAX } else { self.told }
    }

    /// With a store: makes everything durable that was taken.
    pub(in crate::source) fn keep(&mut self) -> Result<(), Halt> {
        if self.stored { self.seal() } else { Ok(()) }
    }

    /// Whether more may be taken: not too much waits already.
    pub(in crate::source) fn has_room(&self) -> bool {
        self.held.bytes() <= self.buffer / 2
    }

    /// Whether a partition is to be left alone until the others have caught up: much waits for them already.
    pub(in crate::source) fn is_ahead(&self, partition: PartitionId) -> bool {
        !self.has_room() && self.partitions.is_ahead(partition)
    }

    /// The input has ended. The watermark is where the clock stands still.
    pub(in crate::source) fn finish(&mut self) -> Result<(), Halt> {
        self.seal_to(self.partitions.watermark())?;
        self.send(None)
    }

    /// Sends what was taken, and the watermark.
    pub(in crate::source) fn seal(&mut self) -> Result<(), Halt> {
        if !self.has_event_time && self.may_advance() {
            let (told, clock) = (self.partitions.watermark(), (self.clock)());
            self.partitions.raise(self.pace.follow(told, clock, "this machine's clock"));
        }
        self.seal_to(self.partitions.watermark())
    }

    fn seal_to(&mut self, watermark: Time) -> Result<(), Halt> {
        (self.bytes, self.sealed) = (0, Instant::now());
        if watermark != self.told || !self.taken.is_empty() {
            self.send(Some(watermark))?;
        }
        let explained = Some((self.told, self.partitions.all_at_end()));
        if self.explained != explained {
            self.explained = explained;
            self.progress.holds(self.partitions.holder());
        }
        if self.held.bytes() <= self.buffer {
            return Ok(());
        }
        Err(Halt::Failed(SourceError::Operator(format!(
            "{} bytes wait for the watermark, which is more than `buffer` allows; raise it, or lower `lateness`",
            self.held.bytes()
        ))))
    }

    fn send(&mut self, frontier: Option<Time>) -> Result<(), Halt> {
        let Taken { rows, writes, late, errors, notes, moved: _ } = std::mem::take(&mut self.taken);
        let mut batches = Vec::new();
        batches.extend((!rows.is_empty()).then_some((self.stream, Batch::Rows(rows))));
        batches.extend(self.late.filter(|_| !late.is_empty()).map(|id| (id, Batch::Rows(late))));
        batches.extend((!writes.is_empty()).then_some((self.stream, Batch::Upserts(writes))));
        let mut positions = notes;
        for place in self.places.iter_mut().filter(|place| !place.told) {
            place.position.watermark = self.partitions.watermark_in(place.partition);
            place.position.greatest = self.greatest;
            place.told = true;
            positions.push((place.name.clone(), place.position.to_string()));
        }
        self.told = frontier.unwrap_or(Time::MAX);
        self.held.release(frontier);
        let tick = Tick { errors, positions, ..Tick::new(self.source, batches, frontier) };
        self.ticks.send(tick).map_err(|_| Halt::Closed)
    }
}

/// What a write takes while it waits.
fn memory(write: &Upsert) -> usize {
    let row = match &write.kind {
        UpsertKind::Put(row) => row.memory(),
        UpsertKind::PutPartial(partial) => partial.row.memory(),
        UpsertKind::Delete | UpsertKind::Truncate => 0,
    };
    size_of::<Upsert>() + write.key.memory() + row + ENTRY
}

/// What an error takes while it waits.
fn held(error: &DataError) -> usize {
    size_of::<DataError>() + error.code.len() + error.message.len() + error.input.len() + ENTRY
}

fn cut(record: &[u8]) -> &[u8] {
    &record[..record.len().min(SHOWN)]
}

fn shown_fields(fields: &[(&[u8], &[u8])]) -> String {
    let mut shown = Vec::new();
    for (name, value) in fields {
        if shown.len() > SHOWN {
            break;
        }
        let space: &[u8] = if shown.is_empty() { b"" } else { b" " };
        shown.extend([space, cut(name), b"=", cut(value)].concat());
    }
    String::from_utf8_lossy(cut(&shown)).into_owned()
}
