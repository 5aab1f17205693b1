//! A source of a stream under way: the ticks it sends, checked and collected.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::source::{Closed, Progress, Source, SourceError, Start, Stop, TickSender, Wanted};
use tidegate::timeline::{Arrivals, Batch, RelationId, SourceId, Tick};
use tidegate::value::{Datum, Time};

const STREAM: RelationId = RelationId(0);
const LATE: RelationId = RelationId(1);
const ERRORS: RelationId = RelationId(2);

/// 2000-01-01, where Postgres's timestamps begin, in times.
const EPOCH: Time = 946_684_800_000_000;

/// So many seconds after it.
pub(super) fn at(second: u64) -> Time {
    EPOCH + second * 1_000_000
}

/// Collects ticks as the dataflow takes them in.
struct Collect {
    ticks: SyncSender<Tick>,
    arrivals: Arrivals,
}

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        self.ticks.send(self.arrivals.pass(tick)).map_err(|_| Closed)
    }
}

/// More ticks than any test lets lie.
const MANY: usize = 100_000;

/// A source under way on a thread of its own.
pub(super) struct Running {
    ticks: Receiver<Tick>,
    pub(super) stop: Stop,
    pub(super) progress: Arc<Progress>,
    ended: Arc<Mutex<Option<Result<(), SourceError>>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    /// Starts it.
    pub(super) fn start(source: Box<dyn Source>, once: bool) -> Running {
        Running::start_with_room(source, once, MANY)
    }

    /// Starts it, and lets it wait with every tick until that is taken.
    pub(super) fn start_blocked(source: Box<dyn Source>) -> Running {
        Running::start_with_room(source, false, 0)
    }

    fn start_with_room(mut source: Box<dyn Source>, once: bool, ticks: usize) -> Running {
        let relation = source.describe().expect("a stream").remove(0);
        let (sender, ticks) = sync_channel(ticks);
        let (stop, progress) = (Stop::default(), Arc::new(Progress::default()));
        let start = Start {
            source: SourceId(0),
            wanted: vec![Wanted { id: STREAM, relation, columns: None }],
            late: vec![(STREAM, LATE)],
            errors: vec![(STREAM, ERRORS)],
            once,
            awaited: false,
            stored: None,
            ticks: Box::new(Collect { ticks: sender, arrivals: Arrivals::default() }),
            stop: stop.clone(),
            progress: progress.clone(),
        };
        let ended = Arc::new(Mutex::new(None));
        let result = ended.clone();
        let thread = std::thread::spawn(move || *result.lock().unwrap() = Some(source.run(start)));
        Running { ticks, stop, progress, ended, thread }
    }

    /// What it sent until its end.
    pub(super) fn finish(self) -> (Seen, Result<(), SourceError>) {
        let mut seen = Seen::default();
        self.ticks.iter().for_each(|tick| seen.take(tick));
        self.thread.join().expect("no panic");
        let result = self.ended.lock().unwrap().take().expect("it has ended");
        (seen, result)
    }

    /// Waits for a tick.
    pub(super) fn next(&self, seen: &mut Seen) {
        seen.take(self.ticks.recv_timeout(Duration::from_secs(20)).expect("a tick"));
    }
}

/// All ticks, checked: what lies in them is between their frontiers.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) rows: Vec<(i64, Time)>,
    pub(super) late: Vec<(i64, Time)>,
    pub(super) errors: Vec<String>,
    pub(super) frontier: Option<Time>,
    pub(super) ended: bool,
}

impl Seen {
    fn take(&mut self, tick: Tick) {
        assert!(!self.ended, "a tick after the end");
        let floor = self.frontier.unwrap_or(0);
        let check =
            |time: Time| assert!(floor <= time && tick.frontier.is_none_or(|f| time < f), "{time} outside the tick");
        for (relation, batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
            for (row, time, diff) in rows {
                check(time);
                assert_eq!(diff, 1);
                let Datum::Int8(id) = row.unpack()[0] else { panic!("an id") };
                if relation == STREAM { self.rows.push((id, time)) } else { self.late.push((id, time)) }
            }
        }
        for (relation, error, time) in tick.errors {
            check(time);
            assert_eq!(relation, ERRORS);
            self.errors.push(format!("{} {} {}", error.code, error.message, error.input));
        }
        assert!(tick.frontier.is_none_or(|f| Some(f) >= self.frontier), "the frontier goes back");
        self.ended = tick.frontier.is_none();
        self.frontier = tick.frontier.or(self.frontier);
    }
}
