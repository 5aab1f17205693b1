//! A source of a stream under way: the ticks it sends, checked and collected.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidegate::source::{Closed, Progress, Source, SourceError, Start, Stop, Stored, TickSender, Wanted};
use tidegate::timeline::{Arrivals, Batch, RelationId, Resume, SourceId, Tick};
use tidegate::value::{Datum, Row, Time};

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
    /// The events as they arrive.
    read: Arc<Mutex<Vec<i64>>>,
}

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        for (relation, batch) in &tick.batches {
            if let (true, Batch::Rows(rows)) = ([STREAM, LATE].contains(relation), batch) {
                self.read.lock().unwrap().extend(rows.iter().map(|(row, ..)| id(row)));
            }
        }
        self.ticks.send(self.arrivals.pass(tick)).map_err(|_| Closed)
    }
}

fn id(row: &Row) -> i64 {
    match row.unpack()[0] {
        Datum::Int8(id) => id,
        ref other => panic!("an id, not {other:?}"),
    }
}

/// More ticks than any test lets lie.
const MANY: usize = 100_000;

/// A source under way on a thread of its own.
pub(super) struct Running {
    ticks: Receiver<Tick>,
    read: Arc<Mutex<Vec<i64>>>,
    pub(super) stop: Stop,
    pub(super) progress: Arc<Progress>,
    ended: Arc<Mutex<Option<Result<(), SourceError>>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    /// Starts it.
    pub(super) fn start(source: Box<dyn Source>, once: bool) -> Running {
        Running::start_with(source, once, MANY, None)
    }

    /// Starts it, and lets it wait with every tick until that is taken.
    pub(super) fn start_blocked(source: Box<dyn Source>) -> Running {
        Running::start_with(source, false, 0, None)
    }

    /// Starts it with a store in which it has left this.
    pub(super) fn start_stored(source: Box<dyn Source>, resume: Option<Resume>) -> Running {
        let stored = Stored { incarnation: "s".into(), resume, held: BTreeMap::new(), newcomers: Default::default() };
        Running::start_with(source, false, MANY, Some(stored))
    }

    fn start_with(mut source: Box<dyn Source>, once: bool, ticks: usize, stored: Option<Stored>) -> Running {
        let relation = source.describe().expect("a stream").remove(0);
        let (sender, ticks) = sync_channel(ticks);
        let read = Arc::<Mutex<Vec<i64>>>::default();
        let (stop, progress) = (Stop::default(), Arc::new(Progress::default()));
        let start = Start {
            source: SourceId(0),
            wanted: vec![Wanted { id: STREAM, relation, columns: None }],
            late: vec![(STREAM, LATE)],
            errors: vec![(STREAM, ERRORS)],
            once,
            awaited: false,
            stored,
            ticks: Box::new(Collect { ticks: sender, arrivals: Arrivals::default(), read: read.clone() }),
            stop: stop.clone(),
            progress: progress.clone(),
        };
        let ended = Arc::new(Mutex::new(None));
        let result = ended.clone();
        let thread = std::thread::spawn(move || *result.lock().unwrap() = Some(source.run(start)));
        Running { ticks, read, stop, progress, ended, thread }
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

/// A source is stopped and started again with what a store keeps of it: each event that is written meanwhile is read once.
pub(super) fn reads_on(source: impl Fn() -> Box<dyn Source>, mut write: impl FnMut(i64)) {
    let mut resume: Option<Resume> = None;
    for round in 0..3 {
        let ids = 5 * round..5 * round + 5;
        ids.clone().for_each(&mut write);
        let running = Running::start_stored(source(), resume.clone());
        let deadline = Instant::now() + Duration::from_secs(20);
        while running.read.lock().unwrap().len() < ids.clone().count() {
            assert!(Instant::now() < deadline, "only {:?} of {ids:?} are read", running.read);
            std::thread::sleep(Duration::from_millis(5));
        }
        let read = running.read.clone();
        running.stop.request();
        let (seen, result) = running.finish();
        result.unwrap();
        let mut read = read.lock().unwrap().clone();
        read.sort_unstable();
        assert_eq!(read, ids.collect::<Vec<i64>>());
        assert_eq!(seen.errors, [""; 0]);
        let before = resume.map(|resume| resume.positions).unwrap_or_default();
        let frontier = seen.frontier.expect("a frontier");
        resume = Some(Resume { frontier, positions: before.into_iter().chain(seen.positions).collect() });
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
    positions: BTreeMap<String, String>,
}

impl Seen {
    fn take(&mut self, mut tick: Tick) {
        self.positions.extend(std::mem::take(&mut tick.positions));
        assert!(!self.ended, "a tick after the end");
        let floor = self.frontier.unwrap_or(0);
        let check =
            |time: Time| assert!(floor <= time && tick.frontier.is_none_or(|f| time < f), "{time} outside the tick");
        for (relation, batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
            for (row, time, diff) in rows {
                check(time);
                assert_eq!(diff, 1);
                let id = id(&row);
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
