//! Source `jsonl`: a stream of events, one JSON object per line, from a file, a growing file or standard input.
//!
//! An event is judged when its line is read (`timeline::Judge`), waits in the reorder buffer, and leaves in the tick whose
//! frontier passes its time. The watermark is the frontier. Late events and lines that cannot be understood take the same way
//! to `<stream>_late` and `<stream>_errors`, so nothing is lost and every tick lies between two frontiers.

mod config;
mod decode;
mod lines;
mod types;

pub use config::Config;

use super::{Progress, Source, SourceError, SourceRelation, Start, Stop, TickSender};
use crate::timeline::{Batch, DataError, Judge, RelationId, Reorder, SourceId, Tick, Verdict};
use crate::value::{Row, Time, ValueError};
use config::Late;
use decode::Decoder;
use lines::{LINE_MAX, Lines, Next};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A tick is sent after this long at the latest while lines arrive; also the pause while none do.
const TICK: Duration = Duration::from_millis(10);
/// A tick is sent when this many bytes were read.
const TICK_BYTES: usize = 1 << 20;
/// How often the clock is looked at, in lines.
const CLOCK_EVERY: u64 = 64;
/// How much of a line an error shows.
const SHOWN: usize = 4096;

/// The source.
pub struct Jsonl {
    stream: SourceRelation,
    config: Config,
}

impl Jsonl {
    /// A source of this name.
    pub fn new(name: &str, config: Config) -> Jsonl {
        let stream = SourceRelation { name: config.stream(name), schema: Arc::new(config.schema()), upserts: false };
        Jsonl { stream, config }
    }
}

impl Source for Jsonl {
    fn describe(&mut self) -> Result<Vec<SourceRelation>, SourceError> {
        if self.config.path.as_os_str() != "-" {
            std::fs::metadata(&self.config.path)
                .map_err(|error| SourceError::Config(format!("cannot read {}: {error}", self.config.path.display())))?;
        }
        Ok(vec![self.stream.clone()])
    }

    fn run(&mut self, start: Start) -> Result<(), SourceError> {
        let Some(wanted) = start.wanted.iter().find(|w| w.relation.name == self.stream.name).map(|w| w.id) else {
            return Ok(());
        };
        let lines = Lines::open(&self.config.path, self.config.follow, start.once)?;
        let beside = |pairs: &[(RelationId, RelationId)]| pairs.iter().find(|(of, _)| *of == wanted).map(|(_, id)| *id);
        let reading = Reading {
            decoder: Decoder::new(self.config.columns.clone(), self.config.event_time),
            judge: Judge::new(self.config.disorder),
            config: &self.config,
            late: beside(&start.late).filter(|_| self.config.late != Late::Drop),
            errors: beside(&start.errors),
            source: start.source,
            stream: wanted,
            waiting: Waiting::default(),
            frontier: 0,
            ticks: start.ticks,
            progress: start.progress,
        };
        reading.run(lines, &start.stop)
    }
}

/// What has been read and must wait for the watermark.
#[derive(Default)]
struct Waiting {
    rows: Reorder<Row>,
    late: Reorder<Row>,
    errors: Reorder<DataError>,
}

/// A run of the source.
struct Reading<'c> {
    config: &'c Config,
    decoder: Decoder,
    judge: Judge,
    source: SourceId,
    stream: RelationId,
    late: Option<RelationId>,
    errors: Option<RelationId>,
    waiting: Waiting,
    /// The frontier told last.
    frontier: Time,
    ticks: Box<dyn TickSender>,
    progress: Arc<Progress>,
}

impl Reading<'_> {
    fn run(mut self, mut lines: Lines, stop: &Stop) -> Result<(), SourceError> {
        let mut line = Vec::new();
        let (mut bytes, mut since) = (0, Instant::now());
        let (mut seen, mut arrived) = (0, Instant::now());
        while !stop.requested() {
            let next = lines.next(&mut line)?;
            match next {
                Next::Line => self.take(&line, lines.number()),
                Next::TooLong => self.refuse_length(&line, lines.number()),
                Next::Pause => {
                    if lines.number() > seen {
                        (seen, arrived) = (lines.number(), Instant::now());
                    }
                    self.idle(arrived.elapsed());
                }
                Next::End => {
                    // The watermark is where the clock stands still.
                    if self.seal() {
                        self.send(None);
                    }
                    return Ok(());
                }
            }
            bytes += line.len();
            let is_pause = next == Next::Pause;
            let look = lines.number().is_multiple_of(CLOCK_EVERY);
            if is_pause || bytes > TICK_BYTES || (look && since.elapsed() > TICK) {
                if !self.seal() {
                    return Ok(());
                }
                (bytes, since) = (0, Instant::now());
            }
            if is_pause {
                std::thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// One line: an event, or an error. Blank lines are nothing.
    fn take(&mut self, line: &[u8], number: u64) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match self.decoder.decode(line) {
            Ok((row, event_time)) => self.place(row, event_time),
            Err(error) => self.refuse(&error, line, number),
        }
    }

    fn place(&mut self, row: Row, event_time: Option<Time>) {
        let now = now();
        // The time of arrival never runs backwards, even if the clock does.
        let event_time = event_time.unwrap_or_else(|| now.max(self.judge.watermark()));
        match self.judge.judge(event_time, now) {
            Verdict::Accepted(time) => {
                self.progress.changes.fetch_add(1, Relaxed);
                self.waiting.rows.push(time, row);
            }
            Verdict::Late(time) | Verdict::Ahead(time) => {
                self.progress.late.fetch_add(1, Relaxed);
                if self.late.is_some() {
                    self.waiting.late.push(time, row);
                }
            }
        }
    }

    fn refuse(&mut self, error: &ValueError, line: &[u8], number: u64) {
        self.progress.rejected.fetch_add(1, Relaxed);
        let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
        let input = format!("{}:{number}: {text}", self.config.path.display());
        if self.errors.is_none() {
            tracing::warn!(code = error.code, "{}: {input}", error.message);
            return;
        }
        let error = DataError { code: error.code.into(), message: error.message.clone(), input };
        self.waiting.errors.push(self.judge.watermark(), error);
    }

    fn refuse_length(&mut self, line: &[u8], number: u64) {
        let error = ValueError::new("54000", format!("the line is longer than {LINE_MAX} bytes"));
        self.refuse(&error, line, number);
    }

    /// Nothing has arrived for a while.
    fn idle(&mut self, quiet: Duration) {
        if self.config.event_time.is_none() {
            self.judge.idle_until(now());
        } else if self.config.idle_after.is_some_and(|after| quiet >= after) {
            self.judge.idle_until(now().saturating_sub(self.config.disorder.lateness));
        }
    }

    /// Sends what the watermark has passed. False: the engine is shutting down.
    fn seal(&mut self) -> bool {
        let watermark = self.judge.watermark();
        watermark == self.frontier || self.send(Some(watermark))
    }

    fn send(&mut self, frontier: Option<Time>) -> bool {
        let mut batches = Vec::new();
        let late = self.late.map(|id| (id, &mut self.waiting.late));
        for (relation, waiting) in [(self.stream, &mut self.waiting.rows)].into_iter().chain(late) {
            let mut rows = Vec::new();
            waiting.release(frontier, |time, row| rows.push((row, time, 1)));
            if !rows.is_empty() {
                batches.push((relation, Batch::Rows(rows)));
            }
        }
        let mut errors = Vec::new();
        if let Some(relation) = self.errors {
            self.waiting.errors.release(frontier, |time, error| errors.push((relation, error, time)));
        }
        if let Some(frontier) = frontier {
            self.frontier = frontier;
        }
        self.ticks.send(Tick { source: self.source, batches, errors, frontier, snapshot: false }).is_ok()
    }
}

/// The wall clock.
fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Time)
}

/// For fuzzing: reads a line against columns declared as in a configuration, `Ok` with the row's values or the error's text.
pub fn decode_line(columns: &[(&str, &str)], line: &[u8]) -> Result<Row, String> {
    let columns = columns.iter().map(|(name, ty)| types::column(name, ty)).collect::<Result<Vec<_>, _>>()?;
    Decoder::new(columns, None).decode(line).map(|(row, _)| row).map_err(|e| e.to_string())
}
